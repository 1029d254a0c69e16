"""Calls that may be repeated: how often, how long, and that they always end."""

from __future__ import annotations

import pytest
from harness import FakeClock

from reconciler.azure.caller import ATTEMPTS, ATTEMPTS_UNANSWERED, CONFLICT_PATIENCE, Caller
from reconciler.azure.errors import AzureError, from_answer, unreadable
from reconciler.core.runtime import Runtime


def failing(statuses: list[int]) -> tuple[list[int], object]:
    made: list[int] = []

    def call() -> str:
        status = statuses[min(len(made), len(statuses) - 1)]
        made.append(status)
        if status == 200:
            return "done"
        raise unreadable("calling") if status == 0 else from_answer(status, {"error": {"message": "x"}}, {}, "calling")

    return made, call


@pytest.mark.parametrize(
    ("reason", "statuses", "calls"),
    [
        ("it passes", [200], 1),
        ("it passes in the end", [500, 0, 429, 200], 4),
        ("a failure of the service is tried often", [500], ATTEMPTS),
        ("no answer at all is tried less often", [0], ATTEMPTS_UNANSWERED),
        ("no answer after failures ends too", [500, 500, 500, 0], ATTEMPTS_UNANSWERED + 1),
        ("what is refused is not tried again", [403], 1),
        ("nor what does not exist", [404], 1),
    ],
)
def test_how_often_a_call_is_made(reason: str, statuses: list[int], calls: int) -> None:
    made, call = failing(statuses)
    caller = Caller("host", Runtime(FakeClock()))
    if statuses[-1] == 200:
        assert caller.safely("calling", call) == "done"
    else:
        with pytest.raises(AzureError):
            caller.safely("calling", call)
    assert len(made) == calls, reason


@pytest.mark.parametrize(("held", "done"), [(90.0, True), (3600.0, False)])
def test_another_operation_is_waited_for_for_two_minutes(held: float, done: bool) -> None:
    clock = FakeClock()
    free = clock.now() + held
    made: list[float] = []

    def call() -> str:
        made.append(clock.now())
        if clock.now() < free:
            raise from_answer(409, {"error": {"code": "RequestConflict", "message": "x"}}, {}, "calling")
        return "done"

    caller = Caller("host", Runtime(clock))
    if done:
        assert caller.safely("calling", call) == "done"
    else:
        with pytest.raises(AzureError):
            caller.safely("calling", call)
    assert made[-1] - made[0] <= CONFLICT_PATIENCE
    assert len(made) < 16, "it is not asked all the time"


def test_azures_own_waiting_time_is_kept() -> None:
    clock = FakeClock()
    began = clock.now()
    answers = iter([from_answer(429, {}, {"retry-after": "30"}, "calling")])

    def call() -> str:
        error = next(answers, None)
        if error:
            raise error
        return "done"

    assert Caller("host", Runtime(clock)).safely("calling", call) == "done"
    assert clock.now() - began >= 30
