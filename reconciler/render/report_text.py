"""Reports of trainings for a terminal: compact, with small curves made of block characters."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from reconciler.render.report_words import (
    at_step,
    checkpoint_metrics,
    checkpoint_rows,
    choice_line,
    figure,
    metric_rows,
    other_rows,
    served_by,
    settings_line,
    time_line,
    verdict_line,
)
from reconciler.render.table import table
from reconciler.render.words import Paint, Tone, indented, lines, printable
from reconciler.results.curve import Curve
from reconciler.results.run import Run, next_step

BLOCKS = "▁▂▃▄▅▆▇█"
_TONES = {"diverged": Tone.REMOVE, "overfits": Tone.CHANGE, "no-gain": Tone.CHANGE, "converged": Tone.ADD}


def report_text(runs: Sequence[Run], *, color: bool = False, width: int = 0) -> str:
    """Return what a person reads of one training, or of several: these are compared first.

    `width` is that of the screen, 0 if there is none: then tables are as wide as they are.
    """
    paint = Paint(color=color)
    blocks = [_comparison(runs, width)] if len(runs) > 1 else []
    blocks += ["\n".join(_run(run, paint, max(60, min(width or 100, 110)), max(0, width - 2))) for run in runs]
    return "\n\n".join(blocks)


def sparkline(curve: Curve, width: int = 16) -> str:
    """Return a curve in a few characters; each stands for the mean of a part of the steps, "·" for one without values."""
    points = curve.points
    begin, end = points[0].step, points[-1].step
    if begin == end:
        return BLOCKS[0]
    parts: list[list[float]] = [[] for _ in range(width)]
    for point in points:
        parts[min(width - 1, (point.step - begin) * width // (end - begin))].append(point.value)
    means = [sum(part) / len(part) if part else None for part in parts]
    known = [mean for mean in means if mean is not None]
    low, high = min(known), max(known)
    top = len(BLOCKS) - 1
    return "".join(
        "·" if mean is None else BLOCKS[round((mean - low) / (high - low) * top) if high > low else 0] for mean in means
    )


def _comparison(runs: Sequence[Run], width: int) -> str:
    rows = []
    for run in runs:
        best = next(iter(metric_rows(run)), None)
        rows.append(
            (
                run.address if run.manifest else run.job_id,
                run.status,
                verdict_line(run),
                best.title if best else "-",
                at_step(best.best) if best else "-",
                figure(best.last.value) if best else "-",
                f"{run.tokens:,}" if run.tokens is not None else "-",
            )
        )
    return table(("JOB", "STATUS", "VERDICT", "METRIC", "BEST", "LAST", "TOKENS"), rows, width)


def _run(run: Run, paint: Paint, width: int, screen: int) -> list[str]:
    head = [
        f"{paint(Tone.STRONG, printable(run.address))}  {printable(run.status)}  {printable(run.job_id)}",
        *indented([settings_line(run), time_line(run)], 2),
    ]
    if run.model:
        head.append(f"  model {printable(run.model)}")
    if served_by(run):
        head.append(f"  served by {printable(', '.join(served_by(run)))}")
    out = [*head, "", *indented(_verdict(run, paint, width - 2), 2)]
    metrics = _metrics(run, screen)
    if metrics:
        out += ["", *indented(metrics, 2)]
    points = _checkpoints(run, width - 2, screen)
    if points:
        out += ["", *indented(points, 2)]
    notes = [line for note in run.notes for line in _wrapped(note, width - 2)]
    if notes:
        out += ["", *indented(notes, 2)]
    return [*out, "", *indented(_next(run, width - 2), 2)]


def _verdict(run: Run, paint: Paint, width: int) -> list[str]:
    found = run.diagnosis
    out = [paint(_TONES.get(found.verdict, Tone.STRONG), verdict_line(run))]
    for text in (found.text, *(note.text for note in found.notes)):
        out += indented(_wrapped(text, width - 2), 2)
    if found.advice:
        out.append("What to try:")
        for advice in found.advice:
            first, *rest = _wrapped(advice, width - 4)
            out += [f"  - {first}", *indented(rest, 4)]
    return out


def _metrics(run: Run, screen: int) -> list[str]:
    rows = [
        (row.title, sparkline(row.curve), figure(row.first.value), at_step(row.best), figure(row.last.value))
        for row in metric_rows(run)
    ]
    rows += [
        (row.title, sparkline(row.curve), figure(row.first.value), "-", figure(row.last.value))
        for row in other_rows(run)
    ]
    return table(("METRIC", "", "FIRST", "BEST", "LAST"), rows, screen).splitlines() if rows else []


def _checkpoints(run: Run, width: int, screen: int) -> list[str]:
    if not run.checkpoints:
        return []
    names = checkpoint_metrics([run])
    # A terminal has room for three metrics beside the step; the others are in the file forms of the report.
    shown = names[:3]
    heads = ("CHECKPOINT", *(name.upper() for name in shown), "")
    rows = [(f"step {row[0]}", *row[1:]) for row in checkpoint_rows(run, shown)]
    return [*table(heads, rows, screen).splitlines(), *_wrapped(choice_line(run), width)]


def _next(run: Run, width: int) -> list[str]:
    step = next_step(run)
    return [*_wrapped(f"Next: {step.text}", width), *indented(lines(step.lines), 2)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(printable(text), width, break_long_words=False, break_on_hyphens=False) or [""]
