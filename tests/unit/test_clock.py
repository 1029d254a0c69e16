"""The clock of the command line: what is set on the machine while a command runs is not felt."""

from __future__ import annotations

import time

import pytest

from reconciler.cli.compose import SystemClock


@pytest.mark.parametrize("jump", [-86_400.0, 3_600.0])
def test_a_clock_that_is_set_while_a_command_runs_moves_no_deadline(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    clock, wall = SystemClock(), time.time
    assert abs(clock.now() - wall()) < 1
    began = clock.now()
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    clock.sleep(0.01)
    assert 0.01 <= clock.now() - began < 5
    assert abs(SystemClock().now() - wall() - jump) < 1, "the next command goes by it"
