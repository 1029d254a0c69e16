"""One metric over the steps of a training: extremes of every row, and few enough points to draw, in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

MOST_POINTS = 2048
"""Points kept for a curve. More than that are joined, neighbour with neighbour: no chart of ours is as wide."""


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step."""

    step: int
    value: float


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one training.

    `points` are in the order of the steps, one a step; of steps that were repeated the last row counts. Where there are
    more than `MOST_POINTS`, a point stands for several steps: `width` of them, with their mean at the last of them.
    `low`, `high`, `first` and `last` are of every single row. `broken_from` is the first step of those without a number
    (NaN, infinite) that end the curve, and `broken` counts them; `infinite` counts infinite values anywhere.
    """

    name: str
    points: tuple[Point, ...]
    count: int
    low: Point
    high: Point
    first: Point
    last: Point
    width: int = 1
    broken: int = 0
    broken_from: int | None = None
    infinite: int = 0

    @property
    def values(self) -> tuple[float, ...]:
        """The values of the points."""
        return tuple(point.value for point in self.points)

    def at(self, step: int) -> float | None:
        """Return the value at exactly this step; None if there is none, or the points are not single steps."""
        if self.width > 1:
            return self.last.value if self.last.step == step else None
        return next((point.value for point in self.points if point.step == step), None)

    def best(self, better: str) -> Point | None:
        """Return the best value of all rows, at its lowest step; None where neither end is good."""
        return {"low": self.low, "high": self.high}.get(better)


@dataclass(slots=True)
class _Bucket:
    total: float
    count: int
    step: int


@dataclass(slots=True)
class Gathering:
    """Takes the cells of one column in, row by row, in any order of steps."""

    width: int = 1
    count: int = 0
    infinite: int = 0
    _buckets: dict[int, _Bucket] = field(default_factory=dict)
    _low: Point | None = None
    _high: Point | None = None
    _first: Point | None = None
    _last: Point | None = None
    _broken: list[int] = field(default_factory=list)
    _broken_more: int = 0

    def add(self, step: int, value: float) -> None:
        """Take one cell in; NaN and infinite values are no numbers, and noted."""
        if not math.isfinite(value):
            self._add_broken(step, infinite=math.isinf(value))
            return
        self.count += 1
        point = Point(step, value)
        if self._low is None or (value, step) < (self._low.value, self._low.step):
            self._low = point
        if self._high is None or (-value, step) < (-self._high.value, self._high.step):
            self._high = point
        if self._first is None or step < self._first.step:
            self._first = point
        if self._last is None or step >= self._last.step:
            self._last = point
        place = step // self.width
        bucket = self._buckets.get(place)
        if bucket is None or self.width == 1:
            self._buckets[place] = _Bucket(value, 1, step)
        else:
            bucket.total += value
            bucket.count += 1
            bucket.step = max(bucket.step, step)
        while len(self._buckets) > MOST_POINTS:
            self._widen()

    def curve(self, name: str) -> Curve | None:
        """Return what was taken in; None if there was not one number."""
        if self._low is None or self._high is None or self._first is None or self._last is None:
            return None
        last = self._last.step
        ending = [step for step in self._broken if step > last]
        return Curve(
            name,
            tuple(self._points()),
            self.count,
            self._low,
            self._high,
            self._first,
            self._last,
            self.width,
            len(ending) + (self._broken_more if ending else 0),
            min(ending) if ending else None,
            self.infinite,
        )

    @property
    def only_broken(self) -> int:
        """How many cells were NaN or infinite, if none was a number."""
        return len(self._broken) + self._broken_more if not self.count else 0

    def _add_broken(self, step: int, *, infinite: bool) -> None:
        self.infinite += infinite
        # Those that count are the ones after the last number, so those before it are forgotten when there are many.
        if len(self._broken) >= MOST_POINTS:
            last = self._last.step if self._last else -1
            self._broken = [other for other in self._broken if other > last]
        if len(self._broken) < MOST_POINTS:
            self._broken.append(step)
        else:
            self._broken_more += 1

    def _points(self) -> Iterator[Point]:
        for _, bucket in sorted(self._buckets.items()):
            mean = bucket.total / bucket.count
            yield Point(bucket.step, mean)

    def _widen(self) -> None:
        self.width *= 2
        joined: dict[int, _Bucket] = {}
        for place, bucket in self._buckets.items():
            other = joined.get(place // 2)
            if other is None:
                joined[place // 2] = bucket
            else:
                other.total += bucket.total
                other.count += bucket.count
                other.step = max(other.step, bucket.step)
        self._buckets = joined
