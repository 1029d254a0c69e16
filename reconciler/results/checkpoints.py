"""A checkpoint of a training, and the best of several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from reconciler.results.metrics import METRICS, canonical
from reconciler.results.table import LARGEST_STEP

KEPT = 3
"""Model versions of one job that Azure deploys and trains on: the last ones (docs/azure.md, section 18)."""

BY_METHOD: Mapping[str, tuple[str, ...]] = {
    "supervised": ("full_valid_loss", "valid_loss", "full_valid_mean_token_accuracy", "valid_mean_token_accuracy"),
    "dpo": (
        "full_valid_loss",
        "valid_loss",
        "full_valid_reward_accuracy",
        "valid_reward_accuracy",
        "full_valid_accuracy",
        "valid_accuracy",
        "full_valid_mean_token_accuracy",
        "valid_mean_token_accuracy",
    ),
    "reinforcement": ("full_valid_mean_reward", "valid_mean_reward"),
}
"""What a checkpoint is chosen by where nobody said, first choice first. Nothing that was measured on training data is
among them: it goes on getting better while a model learns its examples by heart."""


@dataclass(frozen=True)
class Checkpoint:
    """A model that a training left behind at one step; `metrics` go by whatever names Azure gave them."""

    step: int
    model: str
    id: str
    created_at: float
    metrics: Mapping[str, float] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """Return a metric in any of its spellings; None if it is absent, or is no finite number."""
        wanted = canonical(name)
        for key, value in self.metrics.items():
            if canonical(key) == wanted and math.isfinite(value):
                return value
        return None


@dataclass(frozen=True, slots=True)
class Choice:
    """The checkpoint that would be taken. `why`: by a metric, or because only the last one is left to take."""

    checkpoint: Checkpoint
    metric: str
    value: float | None
    why: Literal["metric", "last"]


def best(checkpoints: Sequence[Checkpoint], metric: str) -> Checkpoint | None:
    """Return the best checkpoint by a metric; of equals the one with the lowest step, which has seen the data least.

    None if the metric has no good end (`METRICS` names those that have), or no checkpoint carries it. A checkpoint
    without it, or with NaN, is passed over.
    """
    known = METRICS.get(canonical(metric))
    if known is None:
        return None
    sign = 1.0 if known.better == "low" else -1.0
    ranked = [(sign * value, item.step, item) for item in checkpoints if (value := item.value(metric)) is not None]
    return min(ranked, key=lambda row: row[:2])[2] if ranked else None


def steps(checkpoints: Iterable[Checkpoint]) -> tuple[int, ...]:
    """Return the steps at which there are checkpoints, each once, in order."""
    return tuple(sorted({item.step for item in checkpoints}))


def at_step(checkpoints: Iterable[Checkpoint], step: int) -> Checkpoint | None:
    """Return the checkpoint of a step; of several the newest."""
    found = [item for item in checkpoints if item.step == step]
    return max(found, key=lambda item: item.created_at) if found else None


def deployable(checkpoints: Sequence[Checkpoint]) -> tuple[Checkpoint, ...]:
    """Return those that Azure deploys, by step: the last three."""
    return tuple(sorted(checkpoints, key=lambda item: item.step)[-KEPT:])


def choose(checkpoints: Sequence[Checkpoint], method: str) -> Choice | None:
    """Return which checkpoint to take where nobody named a metric: by the first of the method's that one of them carries.

    Without any validation values there is nothing to choose by, and the last one is taken.
    """
    for name in BY_METHOD.get(method, BY_METHOD["supervised"]):
        found = best(checkpoints, name)
        if found is not None:
            return Choice(found, name, found.value(name), "metric")
    last = max(checkpoints, key=lambda item: item.step, default=None)
    return Choice(last, "", None, "last") if last else None


def read(body: Mapping[str, Any]) -> Checkpoint | None:
    """Read a checkpoint as Azure answers it, leniently; None if it has no step."""
    step = _finite(body.get("step_number"))
    if step is None or not 0 <= step <= LARGEST_STEP:
        return None
    said = body.get("metrics")
    metrics = said if isinstance(said, Mapping) else {}
    values = {str(key): value for key, raw in metrics.items() if (value := _finite(raw)) is not None}
    values.pop("step", None)
    return Checkpoint(
        int(step),
        str(body.get("fine_tuned_model_checkpoint") or ""),
        str(body.get("id") or ""),
        _finite(body.get("created_at")) or 0.0,
        values,
    )


def with_metrics(item: Checkpoint, more: Mapping[str, float]) -> Checkpoint:
    """Return a checkpoint with what the result file says of its step; its own values stand."""
    own = {canonical(name) for name in item.metrics}
    missing = {name: value for name, value in more.items() if canonical(name) not in own}
    return replace(item, metrics={**item.metrics, **missing}) if missing else item


def title(name: str) -> str:
    """Return a metric in words."""
    known = METRICS.get(canonical(name))
    return known.title if known else name


def _finite(raw: Any) -> float | None:
    if isinstance(raw, bool) or raw is None:
        return None
    try:
        value = float(raw)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None
