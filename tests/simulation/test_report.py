"""What docs/reliability.md says in numbers of the simulation is what the simulation has."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from simulation.bugs import noticed
from simulation.test_simulation import SEEDS, WIDE_SEEDS
from simulation.unknowns import MORE_SWITCHES, NOT_PLAYED, SWITCHES, YET_MORE_SWITCHES
from simulation.wide import WIDE

from reconciler.emulator import Config

REPORT = (Path(__file__).parents[2] / "docs/reliability.md").read_text()


def test_the_planted_bugs_stand_in_the_report_with_the_seeds_that_notice_them() -> None:
    _, _, part = REPORT.partition("## It can fail")
    rows = re.findall(r"^\| (.+?) \| ([\d,]+) \|$", part.partition("\n## ")[0], re.MULTILINE)
    seeds = noticed()
    assert {name: int(seed.replace(",", "")) for name, seed in rows} == seeds
    assert f" {len(seeds)} bugs that are planted" in part
    said = re.search(r"the first (\d+) seeds of its family", part)
    assert said
    assert max((seed or 0) % WIDE for seed in seeds.values()) < int(said[1])


def test_the_numbers_of_switches_and_seeds_are_those_of_the_code() -> None:
    every = len(fields(Config))
    first = len(SWITCHES.keys() | MORE_SWITCHES.keys() | YET_MORE_SWITCHES.keys())
    assert (
        f"{every - len(NOT_PLAYED)} of the {every} switches of the emulator, {first} of them in the seeds below"
        in REPORT
    )
    assert f"the first {SEEDS} seeds, and the first {len(WIDE_SEEDS)} of a second family" in REPORT
