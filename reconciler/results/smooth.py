"""A curve without its noise: cut into stretches, each with its median, and how large the noise was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from reconciler.results.curve import Point

STRETCHES = 10
"""Into how many stretches a long curve is cut: a tenth of the training is long enough to even out the noise of single
steps, and short enough to see when a curve turns."""
FEWEST = 3
"""Into how many a short one is: a beginning, a middle and an end."""
ENOUGH_FOR_NOISE = 8
"""From how many points on noise is estimated. Fewer are a validation at the end of each epoch over the whole file,
which hardly varies; each of them is then a stretch of its own."""
_AROUND = 8
"""Points on either side of a stretch from which its own noise is estimated: where it is larger than that of the whole
curve, it counts; where it is smaller, that may be chance."""
_MEDIAN_TO_SIGMA = 0.6745
"""The median of absolute normal deviates, in standard deviations."""
_SECOND_DIFFERENCE = 1.5**0.5
"""Standard deviation of a point against the mean of its two neighbours, in those of a point."""
_OF_MEDIAN = 1.2533
"""Standard error of a median against that of a mean."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a curve: from which step to which, its median, and how unsure that is (one standard error)."""

    begin: int
    end: int
    value: float
    error: float


def stretches(points: Sequence[Point]) -> tuple[Stretch, ...]:
    """Cut a curve into stretches of about equally many points.

    Fewer than eight points are a stretch each; from there on three points make one, up to ten stretches. Medians let a
    single wild step (the first one of a training often is) have no say.
    """
    if len(points) < ENOUGH_FOR_NOISE:
        return tuple(Stretch(point.step, point.step, point.value, 0.0) for point in points)
    count = min(STRETCHES, max(FEWEST, len(points) // 3))
    cuts = [round(len(points) * index / count) for index in range(count + 1)]
    made = []
    overall = noise([point.value for point in points])
    for begin, end in pairwise(cuts):
        part = points[begin:end]
        near = points[max(0, begin - _AROUND) : end + _AROUND]
        sigma = max(overall, noise([point.value for point in near]))
        error = _OF_MEDIAN * sigma / len(part) ** 0.5
        made.append(Stretch(part[0].step, part[-1].step, median(point.value for point in part), error))
    return tuple(made)


def noise(values: Sequence[float]) -> float:
    """Return how far single values lie off the curve, as a standard deviation.

    Each value is compared with the middle of its neighbours, so a slope is no noise; the median of that is taken, so a
    few wild steps are none either.
    """
    if len(values) < ENOUGH_FOR_NOISE:
        return 0.0
    # Halved before they are added: values near the largest float must not overflow.
    off = [
        abs(value - (before / 2 + after / 2))
        for before, value, after in zip(values, values[1:], values[2:], strict=False)
    ]
    return median(off) / _MEDIAN_TO_SIGMA / _SECOND_DIFFERENCE


def running_mean(points: Sequence[Point], parts: int = 25) -> tuple[Point, ...]:
    """Return a curve evened out for the eye: each point the mean of those around it, a share of the whole."""
    half = len(points) // parts // 2
    if half < 1:
        return tuple(points)
    values = [point.value for point in points]
    return tuple(
        Point(point.step, sum(part := values[max(0, index - half) : index + half + 1]) / len(part))
        for index, point in enumerate(points)
    )
