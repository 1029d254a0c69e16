"""What every form of a report says in the same words: figures, settings, rows of tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from reconciler.render.words import duration, plural, printable
from reconciler.results.checkpoints import title
from reconciler.results.curve import Curve, Point
from reconciler.results.metrics import METRICS
from reconciler.results.run import Run, best_values

MOST_COMPARED = 4
"""Metrics in the table of a comparison."""
METHODS = {"supervised": "supervised", "dpo": "preference optimisation (dpo)", "reinforcement": "reinforcement"}


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of a training, in figures."""

    name: str
    title: str
    first: Point
    best: Point | None
    last: Point
    curve: Curve


def figure(value: float | None) -> str:
    """Return a number with four significant digits, as a table shows it."""
    if value is None:
        return "-"
    if value and (abs(value) >= 100_000 or abs(value) < 0.0001):
        return f"{value:.2e}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def moment(seconds: float) -> str:
    """Return a time as `2026-11-22 23:08Z`."""
    return time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(seconds)) if seconds else "-"


def metric_rows(run: Run) -> list[MetricRow]:
    """Return the metrics that have a good end, those of unseen examples first."""
    return [
        MetricRow(curve.name, title(curve.name), curve.first, curve.best(better), curve.last, curve)
        for curve, better in best_values(run)
    ]


def other_rows(run: Run) -> list[MetricRow]:
    """Return the columns that have none: counts, sums, and what is not known."""
    return [
        MetricRow(curve.name, curve.name, curve.first, None, curve.last, curve)
        for curve in run.curves()
        if curve.name not in METRICS
    ]


def at_step(point: Point | None) -> str:
    """Return `0.36 (step 120)`."""
    return f"{figure(point.value)} (step {point.step})" if point else "-"


def settings_line(run: Run) -> str:
    """Return the base model, the method and the hyperparameters."""
    parts = [run.base or "base model unknown", METHODS.get(run.method, run.method)]
    parts += [f"{name} {setting(value)}" for name, value in run.settings.items()]
    return printable(", ".join(parts))


def setting(value: object) -> str:
    """Return the value of a hyperparameter; 1.0 is 1."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def time_line(run: Run) -> str:
    """Return when it ran, how long, and what is billed."""
    parts = [moment(run.created_at)] if run.created_at else []
    if run.duration is not None:
        queued = f" ({duration(run.queued)} queued before)" if run.queued and run.queued >= 1 else ""
        parts.append(f"{'took' if run.ended else 'runs for'} {duration(run.duration)}{queued}")
    parts.append(tokens(run))
    return ", ".join(parts)


def tokens(run: Run) -> str:
    """Return how many tokens are billed; of a training that ended without a number of them there is none to come."""
    if run.tokens is not None:
        return f"{run.tokens:,} tokens billed"
    return "Azure names no tokens that are billed" if run.ended else "tokens not billed yet"


def checkpoint_metrics(runs: Iterable[Run]) -> list[str]:
    """Return the metrics that checkpoints carry, in the order of the report."""
    seen: dict[str, None] = {}
    for run in runs:
        for curve in run.curves():
            if curve.name in METRICS and any(item.value(curve.name) is not None for item in run.checkpoints):
                seen.setdefault(curve.name)
        for item in run.checkpoints:
            for name in METRICS:
                if item.value(name) is not None:
                    seen.setdefault(name)
    return list(seen)


def checkpoint_rows(run: Run, metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """Return a row for each checkpoint: step, metrics, what is to be said of it."""
    rows = []
    last = run.checkpoints[-1].step if run.checkpoints else -1
    kept = {item.step for item in run.kept}
    for item in run.checkpoints:
        marks = []
        if run.pick and item.step == run.pick.checkpoint.step:
            marks.append("chosen")
        if item.step == last and run.ended:
            marks.append("final model")
        if item.step not in kept:
            marks.append("not deployable")
        rows.append((str(item.step), *(figure(item.value(name)) for name in metrics), ", ".join(marks)))
    return rows


def choice_line(run: Run) -> str:
    """Return which checkpoint is chosen, and why; "" where there is none."""
    pick = run.pick
    if pick is None:
        return ""
    step = pick.checkpoint.step
    if pick.why == "last":
        return f"Step {step} is chosen: there are no validation values to choose by, so it is the last one."
    end = "lowest" if METRICS[pick.metric].better == "low" else "highest"
    said = f"Step {step} is chosen: its {title(pick.metric)} is the {end} ({figure(pick.value)})"
    choice = run.choice
    if choice and choice.checkpoint.step != step and choice.why == "metric":
        past = f"step {choice.checkpoint.step} was better ({figure(choice.value)})"
        return (
            f"{said} of the last {plural(len(run.kept), 'checkpoint')}; {past}, but Azure deploys only the last three."
        )
    same = [item for item in run.kept if item.step != step and item.value(pick.metric) == pick.value]
    return f"{said}{', and of equal ones it is the first' if same else ''}."


def verdict_line(run: Run) -> str:
    """Return the verdict in a few words; a training that goes on is judged as far as it is."""
    head = run.diagnosis.headline
    return head if run.ended else f"{head} (so far)"


def served_by(run: Run) -> tuple[str, ...]:
    """Return what serves the model or a checkpoint of it now."""
    return (*run.serving, *(f"{where} (checkpoint of step {step})" for where, step in run.serving_steps.items()))


def compared_names(runs: Sequence[Run]) -> list[str]:
    """Return the few metrics that a comparison shows: the first of each training, then the second, so that none has nothing."""
    by_rank = zip_longest(*(metric_rows(run) for run in runs))
    return list(dict.fromkeys(row.name for rank in by_rank for row in rank if row is not None))[:MOST_COMPARED]
