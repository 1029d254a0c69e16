"""Real processes that die: see play.py for what is promised. `make kill SEEDS=50` plays more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from processes.play import Service, play

SEEDS = {11: "one of two at once", 8: "the service", 9: "at a change of a file"}
"""A seed, and what is killed in it."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service"))
    yield running
    running.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS, ids=SEEDS.values())
def test_who_is_killed_is_finished_by_the_next(seed: int, tmp_path: Path, service: Service) -> None:
    report = play(seed, tmp_path, service)
    assert not report.broken, f"{report.broken}\n{report.said}"
    assert report.counts["killed"] + report.counts["service killed"], "nobody died: take another seed"
