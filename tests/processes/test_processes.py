"""Real processes that die: see play.py for what is promised. `make kill SEEDS=50` plays more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from processes.play import Service, play

SEEDS = (0, 1, 2)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service"))
    yield running
    running.close()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_who_is_killed_is_finished_by_the_next(seed: int, tmp_path: Path, service: Service) -> None:
    report = play(seed, tmp_path, service)
    assert not report.broken, f"{report.broken}\n{report.said}"
