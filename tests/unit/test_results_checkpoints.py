"""A checkpoint of a training, and the best of several."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.results.checkpoints import (
    BY_METHOD,
    Checkpoint,
    at_step,
    best,
    choose,
    deployable,
    read,
    steps,
    with_metrics,
)
from reconciler.results.metrics import METRICS


def point(step: int, **metrics: float) -> Checkpoint:
    return Checkpoint(step, f"m:ckpt-step-{step}", f"ftchkpt-{step}", float(step), metrics)


@pytest.mark.parametrize(
    ("points", "metric", "step", "why"),
    [
        (
            [point(1, valid_loss=0.5), point(2, valid_loss=0.3), point(3, valid_loss=0.4)],
            "valid_loss",
            2,
            "losses are low",
        ),
        (
            [point(1, valid_mean_reward=0.5), point(2, valid_mean_reward=0.3)],
            "valid_mean_reward",
            1,
            "rewards are high",
        ),
        ([point(3, valid_loss=0.3), point(1, valid_loss=0.3)], "valid_loss", 1, "of equals the lowest step"),
        ([point(1, validation_loss=0.3)], "valid_loss", 1, "in another spelling"),
        ([point(1, valid_loss=0.3)], "validation_loss", 1, "asked for in another spelling"),
        ([point(1, valid_loss=math.nan), point(2, valid_loss=9.0)], "valid_loss", 2, "NaN is no value"),
        ([point(1, valid_loss=-math.inf), point(2, valid_loss=9.0)], "valid_loss", 2, "nor is an infinite one"),
        (
            [point(1, train_loss=0.1), point(2, valid_loss=9.0)],
            "valid_loss",
            2,
            "one without the metric is passed over",
        ),
        ([point(1, train_loss=0.1)], "valid_loss", None, "none has it"),
        ([], "valid_loss", None, "there are none"),
        ([point(1, foo=0.1)], "foo", None, "nobody knows which end is good"),
    ],
)
def test_the_best(points: list[Checkpoint], metric: str, step: int | None, why: str) -> None:
    found = best(points, metric)
    assert (found.step if found else None) == step, why


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(allow_nan=True)), max_size=8), st.randoms())
def test_the_best_is_the_same_in_any_order_and_none_is_better(rows: list[tuple[int, float]], chance: object) -> None:
    points = [point(step, valid_loss=value) for step, value in rows]
    found = best(points, "valid_loss")
    shuffled = list(points)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    other = best(shuffled, "valid_loss")
    assert (found and (found.step, found.metrics)) == (other and (other.step, other.metrics))
    values = [value for _, value in rows if math.isfinite(value)]
    assert (found.value("valid_loss") if found else None) == min(values, default=None)


def test_without_a_metric_the_first_that_is_there_decides() -> None:
    points = [point(1, full_valid_loss=0.5, valid_loss=0.1), point(2, full_valid_loss=0.4, valid_loss=0.9)]
    choice = choose(points, "supervised")
    assert choice is not None
    assert (choice.checkpoint.step, choice.metric, choice.value) == (2, "full_valid_loss", 0.4)
    rewards = [point(1, valid_mean_reward=0.9, valid_loss=5.0), point(2, valid_mean_reward=0.1, valid_loss=0.1)]
    choice = choose(rewards, "reinforcement")
    assert choice is not None
    assert choice.checkpoint.step == 1


def test_what_was_measured_on_training_data_chooses_nothing() -> None:
    choice = choose([point(2, train_loss=0.5), point(1, train_loss=0.1)], "supervised")
    assert choice is not None
    assert (choice.checkpoint.step, choice.why) == (2, "last")
    assert choose([], "supervised") is None
    assert all(METRICS[name].split != "train" for names in BY_METHOD.values() for name in names)


def test_steps_and_what_is_deployable() -> None:
    points = [point(30), point(10), point(20), point(40), point(40)]
    assert steps(points) == (10, 20, 30, 40)
    assert [item.step for item in deployable(points[:4])] == [20, 30, 40]
    assert at_step(points, 20) == point(20)
    assert at_step(points, 25) is None


@pytest.mark.parametrize(
    ("body", "wanted", "why"),
    [
        (
            {
                "id": "ftchkpt-1",
                "step_number": 7,
                "created_at": 5,
                "fine_tuned_model_checkpoint": "m:ckpt-step-7",
                "metrics": {"step": 7, "valid_loss": 0.5},
            },
            Checkpoint(7, "m:ckpt-step-7", "ftchkpt-1", 5.0, {"valid_loss": 0.5}),
            "as specified",
        ),
        (
            {"step_number": "7", "metrics": {"a": "0.5", "b": None, "c": True}},
            Checkpoint(7, "", "", 0.0, {"a": 0.5}),
            "text",
        ),
        ({"step_number": 7.0, "metrics": None, "id": None}, Checkpoint(7, "", "", 0.0, {}), "nulls"),
        ({"metrics": {"valid_loss": 0.5}}, None, "no step"),
        ({"step_number": -1}, None, "no step"),
        ({"step_number": "x"}, None, "no step"),
    ],
)
def test_azures_answer_is_read_leniently(body: dict[str, object], wanted: Checkpoint | None, why: str) -> None:
    assert read(body) == wanted, why


def test_the_result_file_adds_what_a_checkpoint_does_not_say() -> None:
    full = with_metrics(point(1, validation_loss=0.5), {"valid_loss": 9.0, "train_loss": 0.1})
    assert full.metrics == {"validation_loss": 0.5, "train_loss": 0.1}
