"""One number of a training, for a gate: a metric of the model at a step, or the best that it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reconciler.results.checkpoints import Checkpoint, with_metrics
from reconciler.results.curve import Curve
from reconciler.results.metrics import METRICS, canonical
from reconciler.results.table import Table

OVERFIT_RATIO = "overfit_ratio"
"""Loss on the validation file divided by the loss on the training file: about 1 where what was learned carries over."""
_VALID = ("full_valid_loss", "valid_loss")
Of = Literal["final", "best"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and the step that it is of; None if there is no value."""

    value: float | None = None
    step: int = 0


def better(metric: str) -> str:
    """Return which end of a metric is good, "low" or "high"."""
    return "low" if metric == OVERFIT_RATIO else METRICS[canonical(metric)].better


def gauge(
    checkpoints: Sequence[Checkpoint], table: Table, metric: str, *, of: Of = "final", step: int | None = None
) -> Reading:
    """Return a metric of a training.

    `final`: at `step` (a checkpoint), else at its end: of its last checkpoint, or the last value in the result file.
    `best`: the best of all checkpoints and rows. The overfit ratio is of checkpoints only.
    """
    curves = table.curves
    points = sorted((_filled(item, curves) for item in checkpoints), key=lambda item: item.step)
    name = canonical(metric)
    if metric == OVERFIT_RATIO:
        ratios = [Reading(value, item.step) for item in points if (value := _ratio(item, points, curves)) is not None]
        if of == "best":
            return min(ratios, key=lambda one: (one.value or 0.0, one.step), default=Reading())
        return next((one for one in reversed(ratios) if one.step == (step or points[-1].step)), Reading())
    found = [Reading(value, item.step) for item in points if (value := item.value(name)) is not None]
    curve = curves.get(name)
    if of == "best":
        low = better(metric) == "low"
        if curve is not None and (point := curve.best("low" if low else "high")) is not None:
            found.append(Reading(point.value, point.step))
        return min(found, key=lambda one: ((one.value or 0.0) * (1 if low else -1), one.step), default=Reading())
    wanted = step or (points[-1].step if points else table.last_step)
    here = next((one for one in found if one.step == wanted), None)
    if here is None and step is None and curve is not None:
        here = Reading(curve.last.value, curve.last.step)
    return here or Reading()


def _filled(item: Checkpoint, curves: Mapping[str, Curve]) -> Checkpoint:
    more = {name: value for name, curve in curves.items() if (value := curve.at(item.step)) is not None}
    return with_metrics(item, more)


def _ratio(item: Checkpoint, points: Sequence[Checkpoint], curves: Mapping[str, Curve]) -> float | None:
    """Return validation over training at a checkpoint; the training loss is the mean since the one before: steps are noisy."""
    valid = next((value for name in _VALID if (value := item.value(name)) is not None), None)
    before = max((other.step for other in points if other.step < item.step), default=0)
    curve = curves.get("train_loss")
    steps = [point.value for point in curve.points if before < point.step <= item.step] if curve else []
    train = sum(steps) / len(steps) if steps else item.value("train_loss")
    return valid / train if valid is not None and train else None
