"""What is drawn in a report: which curves share a chart, in what form, between which bounds. Values only, no markup."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reconciler.render.report_words import figure
from reconciler.results.curve import Curve, Point
from reconciler.results.metrics import METRICS, Split
from reconciler.results.run import Run
from reconciler.results.smooth import running_mean

Form = Literal["train", "valid", "full_valid"]

GROUPS = (
    ("loss", "Loss", "lower is better"),
    ("mean_reward", "Reward", "higher is better"),
    ("mean_token_accuracy", "Token accuracy", "higher is better"),
    ("reward_accuracy", "Reward accuracy", "higher is better"),
    ("reward_margin", "Reward margin", "higher is better"),
    ("accuracy", "Accuracy", "higher is better"),
)
"""Metrics without their split, and the charts in which they are: in the order of the page."""
_SPLITS: tuple[tuple[Form, str], ...] = (
    ("train", "training"),
    ("valid", "validation"),
    ("full_valid", "full validation"),
)
HUES = 8
_OUTLIER = 3.0
"""A single value that is so much farther from the bulk than the bulk is wide does not stretch a chart."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve in a chart: `hue` numbers its colour, `line` is what is drawn, `raw` what it was evened out from."""

    label: str
    form: Form
    hue: int
    line: tuple[Point, ...]
    raw: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A step that is pointed at."""

    step: int
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `worse_from` is where the validation begins to get worse; `epochs` are the ends of epochs."""

    key: str
    title: str
    hint: str
    series: tuple[Series, ...]
    steps: tuple[int, int]
    bounds: tuple[float, float]
    marks: tuple[Mark, ...] = ()
    worse_from: int | None = None
    epochs: tuple[int, ...] = ()

    @property
    def low_is_good(self) -> bool:
        """Which end of the chart is the good one."""
        return self.key == "loss"

    @property
    def description(self) -> str:
        """What a person who does not see the chart is told."""
        said = (
            f"{one.label}: from {figure(one.raw[0].value)} at step {one.raw[0].step} "
            f"to {figure(one.raw[-1].value)} at step {one.raw[-1].step}"
            for one in self.series
        )
        marks = "".join(f" {mark.label}: step {mark.step}." for mark in self.marks)
        return "; ".join(said) + "." + marks


def charts_of(runs: Sequence[Run]) -> tuple[Chart, ...]:
    """Return the charts of one training, or those in which several are compared."""
    made = []
    for base, title, hint in GROUPS:
        series = tuple(
            _series(run, curve, form, words, index, several=len(runs) > 1)
            for index, run in enumerate(runs)
            for form, words in _SPLITS
            if (curve := run.table.curves.get(f"{form}_{base}")) is not None
        )
        if series:
            made.append(_chart(base, title, hint, series, runs))
    return tuple(made)


def label_of(run: Run) -> str:
    """Return what a training is called in a legend."""
    return run.manifest or f"{run.job_id[:14]}…"


def ticks(low: float, high: float, most: int = 5) -> tuple[float, ...]:
    """Return round numbers between two bounds."""
    span = high - low
    if not span > 0:
        return (low,)
    raw = span / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    count = math.floor(high / step + 1e-9) - first + 1
    return tuple((first + index) * step for index in range(max(0, min(count, 2 * most))))


def sampled(chart: Chart, most: int = 24) -> tuple[tuple[int, ...], list[list[float | None]]]:
    """Return steps and the values of each series at them: what stands in the place of a chart as a table."""
    sparse = [one for one in chart.series if one.form != "train"]
    steps = sorted({point.step for one in (sparse or chart.series) for point in one.raw})
    if len(steps) > most:
        steps = sorted({steps[round(index * (len(steps) - 1) / (most - 1))] for index in range(most)})
    columns = []
    for one in chart.series:
        found = {point.step: point.value for point in one.raw}
        columns.append([found.get(step) for step in steps])
    return tuple(steps), columns


def _series(run: Run, curve: Curve, form: Form, words: str, index: int, *, several: bool) -> Series:
    hue = index % HUES if several else ("train", "valid", "full_valid").index(form)
    label = f"{label_of(run)}, {words}" if several else words
    line = running_mean(curve.points) if form == "train" else curve.points
    return Series(label, form, hue, line, curve.points)


def _chart(base: str, title: str, hint: str, series: tuple[Series, ...], runs: Sequence[Run]) -> Chart:
    steps = [point.step for one in series for point in (one.raw[0], one.raw[-1])]
    marks: list[Mark] = []
    worse_from: int | None = None
    epochs: tuple[int, ...] = ()
    if len(runs) == 1:
        (run,) = runs
        if run.pick is not None and run.pick.why == "metric":
            marks.append(Mark(run.pick.checkpoint.step, "chosen checkpoint"))
        found = run.diagnosis
        if found.verdict == "overfits" and found.valid.endswith(f"_{base}") and _base(found.valid) == base:
            worse_from = int(found.numbers["best_step"])
        epochs = _epochs(run)
    return Chart(base, title, hint, series, (min(steps), max(steps)), _bounds(series), tuple(marks), worse_from, epochs)


def _base(name: str) -> str:
    split: Split = METRICS[name].split
    return name.removeprefix(f"{split}_")


def _epochs(run: Run) -> tuple[int, ...]:
    """Return the ends of epochs; only a training that has ended says where they are."""
    if not run.ended or run.status != "succeeded" or not run.epochs or not 2 <= run.epochs <= 20:
        return ()
    return tuple(round(run.table.last_step * index / run.epochs) for index in range(1, int(run.epochs)))


def _bounds(series: Sequence[Series]) -> tuple[float, float]:
    values = sorted(point.value for one in series for point in one.line)
    low, high = values[0], values[-1]
    inner_low, inner_high = values[len(values) // 50], values[-1 - len(values) // 50]
    inner = inner_high - inner_low
    if inner > 0:
        if high - inner_high > _OUTLIER * inner:
            high = inner_high
        if inner_low - low > _OUTLIER * inner:
            low = inner_low
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    # A loss, a share or a reward that stays above zero is not shown with room below it.
    return (max(0.0, low - room) if low >= 0 else low - room), high + room
