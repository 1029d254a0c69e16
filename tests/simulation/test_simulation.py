"""What the product promises, over seeds: see play.py for the promises, script.py for what is done to it."""

from __future__ import annotations

from dataclasses import fields

import pytest
from simulation.play import play
from simulation.shrink import shrunk
from simulation.unknowns import (
    MORE_SWITCHES,
    NOT_PLAYED,
    OF_ACCOUNTS,
    OF_GRADED,
    OF_IMPORTS,
    OF_NAMES,
    OF_PARTS,
    SHAPES,
    SWITCHES,
    YET_MORE_SWITCHES,
)
from simulation.wide import WIDE

from reconciler.emulator import Config

SEEDS, PART = 200, 20
WIDE_SEEDS = range(WIDE, WIDE + 8)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_no_seed_breaks_a_promise(first: int) -> None:
    for seed in range(first, first + PART):
        report = play(seed)
        if report.broken:
            events = "\n".join(f"  {event}" for event in shrunk(seed))
            pytest.fail(f"seed {seed}: {report.broken}\n{events}")


@pytest.mark.slow
@pytest.mark.parametrize("seed", WIDE_SEEDS)
def test_no_seed_of_the_second_family_breaks_a_promise(seed: int) -> None:
    report = play(seed)
    assert not report.broken, "\n".join(map(str, shrunk(seed)))


def test_a_seed_does_the_same_in_every_run() -> None:
    first, second = play(4), play(4)
    assert first.trace == second.trace
    assert any("POST" in line for line in first.trace)


def test_every_switch_of_the_emulator_is_played_or_has_a_reason_not_to_be() -> None:
    first = SWITCHES.keys() | MORE_SWITCHES.keys() | YET_MORE_SWITCHES.keys()
    played = first | OF_GRADED.keys() | OF_PARTS.keys() | OF_IMPORTS.keys() | OF_NAMES.keys() | OF_ACCOUNTS.keys()
    assert played | NOT_PLAYED.keys() == {one.name for one in fields(Config)}
    assert not played & NOT_PLAYED.keys()
    assert SHAPES.keys() <= YET_MORE_SWITCHES.keys()
