"""A test of the tests: the seed that notices each planted bug still does. `make simulate-bugs` looks for other seeds."""

from __future__ import annotations

import pytest
from simulation.bugs import ALL, WITHIN, broken_by, noticed
from simulation.planted import BUGS
from simulation.play import play
from simulation.script import Event
from simulation.shrink import shrunk
from simulation.test_simulation import SEEDS as PLAYED
from simulation.test_simulation import WIDE_SEEDS
from simulation.wide import WIDE

SEEDS = noticed()


def test_every_bug_that_is_planted_is_noticed_within_the_seeds_that_are_promised() -> None:
    assert SEEDS.keys() == ALL.keys()
    assert [name for name, seed in SEEDS.items() if seed is None or seed % WIDE >= WITHIN] == []


@pytest.mark.slow
@pytest.mark.parametrize("bug", ALL)
def test_a_planted_bug_is_noticed_by_the_check_that_is_there_for_it(bug: str) -> None:
    seed = SEEDS[bug]
    assert seed is not None
    assert broken_by(ALL[bug], seed), "what seeds decide has changed: make simulate-bugs"
    # Without the bug, the first seeds of each family are played by the tests of all promises.
    assert seed < PLAYED or seed in WIDE_SEEDS or not play(seed).broken


def test_what_fails_shrinks_to_what_the_failure_needs() -> None:
    wait, remove, target = (
        Event("run", {"mode": "wait"}),
        Event("commit", {"change": "remove", "pick": 0}),
        Event("run", {"mode": "target"}),
    )
    with BUGS["prunes under --target"].planted():
        events = [Event("sleep", {"seconds": 30}), wait, remove, Event("run", {**target.how, "jump": (3, 60)})]
        assert shrunk(0, events) == [wait, remove, target]
