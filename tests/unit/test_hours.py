"""For how long a job has trained, by events as Azure words them; and what a training by the hour has cost by that."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.core.spent import actual_by_hour, is_by_hour
from reconciler.kinds.fine_tune_job.graders import grading_models
from reconciler.kinds.fine_tune_job.hours import trained_seconds
from reconciler.render.cost import cost_text

from .cost_toys import account
from .test_job_answers import live

ENQUEUED = (0, "Job enqueued. Waiting for jobs ahead to complete.")
STARTED, TRAINS = (900, "Job started."), (1000, "Training started.")
STEPS = [(1600, "Step 10: training reward=0.2"), (2800, "Step 20: training reward=0.4")]
PASSED, DONE = (4000, "Model Evaluation Passed."), (4600, "Job succeeded.")
PAUSED, RESUMED = (2000, "Job paused: it has reached the limit of 5000 US dollars."), (2500, "Job resumed.")


def events(*told: tuple[int, str]) -> list[dict[str, Any]]:
    return [{"created_at": at, "message": message, "type": "message"} for at, message in reversed(told)]


@pytest.mark.parametrize(
    ("reason", "told", "least", "most"),
    [
        ("checks after the last step are not billed, and nobody says when they began",
         [ENQUEUED, STARTED, TRAINS, *STEPS, PASSED, DONE], 1800, 3000),
        ("a pause is not billed", [STARTED, TRAINS, STEPS[0], PAUSED, RESUMED, STEPS[1], DONE], 900, 3100),
        ("paused, and nothing since", [STARTED, TRAINS, STEPS[0], PAUSED], 600, 1000),
        ("it goes on: until now", [STARTED, TRAINS, STEPS[0]], 600, 4000),
        ("resumed, it goes on", [STARTED, TRAINS, STEPS[0], PAUSED, RESUMED], 600, 3500),
        ("pausing is said before paused", [TRAINS, (1990, "Job pausing."), PAUSED], 0, 990),
        ("where the start of the training is not told, the end of the queue is it", [STARTED, DONE], 0, 3700),
        ("cancelled in the queue", [ENQUEUED, (300, "Job cancelled.")], 0, 0),
        ("cancelled while it trained: what was done is billed", [TRAINS, STEPS[0], (1700, "Job cancelled.")], 600, 700),
    ],
)  # fmt: skip
def test_the_time_that_is_billed(reason: str, told: list[tuple[int, str]], least: float, most: float) -> None:
    assert trained_seconds(events(*told), now=5000) == (least, most), reason


@pytest.mark.parametrize("told", [[], [ENQUEUED], [DONE], [*STEPS, (5000, "Job cancelled.")]])
def test_events_that_do_not_say_when_it_began_say_nothing(told: list[tuple[int, str]]) -> None:
    assert trained_seconds(events(*told), now=5000) is None


GRADER = {
    "type": "multi",
    "graders": {
        "same": {"type": "string_check"},
        "judge": {"type": "score_model", "model": "o3-mini"},
        "again": {"type": "score_model", "model": "o3-mini"},
    },
}


def test_hours_times_the_price_of_an_hour_and_what_graded_is_unknown() -> None:
    echoed = {"type": "reinforcement", "reinforcement": {"grader": GRADER}}
    job = live(model="o4-mini-2025-04-16", method=echoed, trained_tokens=5)
    assert is_by_hour(job, account())
    assert job.facts["graders"] == ("o3-mini",)
    found = actual_by_hour((7200, 9000), job, account(), job.facts["graders"])
    assert (found.low, found.high, found.about) == (Decimal(200), Decimal(250), True)
    assert cost_text(found) == "about $200 to $250 + unknown"
    assert "o3-mini graded with" in found.unknown[0].reason
    own = account(prices={"training_hour": {"o4-mini": {"global": 50}}})
    assert cost_text(actual_by_hour((7200, 7200), job, own)) == "about $100"
    assert cost_text(actual_by_hour(None, job, account())) == "unknown"
    assert cost_text(actual_by_hour((0, 0), job, account())) == "$0"
    (missing,) = actual_by_hour((1, 1), live(model="gpt-5-2025-08-07", method=echoed), account()).unknown
    assert "prices: {training_hour: {gpt-5-2025-08-07: {global: DOLLARS}}}" in missing.remedy


def test_the_price_says_it_where_no_method_is_echoed() -> None:
    assert is_by_hour(live(model="o4-mini", method=None), account())
    assert not is_by_hour(live(method=None), account())


@pytest.mark.parametrize("grader", [None, "x", {}, {"graders": "x"}, {"graders": {"a": 1}, "model": 3}])
def test_a_grader_of_any_form_is_read(grader: object) -> None:
    assert grading_models(grader) == ()
