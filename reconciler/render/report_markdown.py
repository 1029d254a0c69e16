"""Reports of trainings as Markdown that GitHub renders: tables, and charts as Mermaid.

A Mermaid chart has one scale for all of its lines and names none of them, so the lines are few, start where all of
them have values, and are told by their colours in the sentence below.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from reconciler import __version__
from reconciler.render.escape import cell, code, fenced, mermaid, prose, value
from reconciler.render.report_charts import Chart, Series, charts_of, label_of
from reconciler.render.report_words import (
    METHODS,
    at_step,
    checkpoint_metrics,
    checkpoint_rows,
    choice_line,
    compared_names,
    figure,
    metric_rows,
    moment,
    other_rows,
    served_by,
    setting,
    time_line,
    verdict_line,
)
from reconciler.render.text import EMULATOR_LINE
from reconciler.results.checkpoints import title
from reconciler.results.curve import Point
from reconciler.results.run import Run, next_step

MOST_CHARACTERS = 60_000
"""GitHub takes 65,536 characters for a comment; this leaves room for what others put around it."""
_MOST_POINTS = 24
_MOST_LINES = 6
_MOST_ROWS = 30
_FEW = 3
"""Checkpoints that stand side by side; Azure keeps three of a job, one for each of the last epochs."""
_COLOURS = (("#2f6fbf", "blue"), ("#c26a00", "orange"), ("#1f7a4d", "green"), ("#7a4fb5", "purple"), ("#b3261e", "red"),
            ("#0f7f8c", "teal"))  # fmt: skip
_SIGNS = {"converged": "✅", "overfits": "⚠️", "no-gain": "⚠️", "diverged": "❌"}


def report_markdown(runs: Sequence[Run], *, now: float, emulator: bool = False, headed: bool = True) -> str:
    """Return the report, shortened from its end where it would be too long for GitHub.

    Without a heading where it stands below another one.
    """
    stamp = [f"**{EMULATOR_LINE}**"] if emulator else []
    heading = f"# How {code(runs[0].address)} went" if len(runs) == 1 else f"# {len(runs)} trainings compared"
    blocks = [*stamp, *([heading] if headed else [])]
    if len(runs) > 1:
        blocks += [_comparison(runs), *_charts(charts_of(runs))]
    for run in runs:
        blocks += _run(run, alone=len(runs) == 1)
    last = [f"<sub>As of {moment(now)}, by reconciler {__version__}.</sub>", *stamp]
    return "\n\n".join(_fitted(blocks, MOST_CHARACTERS - sum(map(len, last)) - 200, last)) + "\n"


def _fitted(blocks: Sequence[str], most: int, last: Sequence[str]) -> Iterator[str]:
    used = 0
    for index, block in enumerate(blocks):
        used += len(block) + 2
        if used > most:
            yield f"{len(blocks) - index} more parts are left out here; `--out FILE.html` has everything."
            break
        yield block
    yield from last


def _comparison(runs: Sequence[Run]) -> str:
    names = compared_names(runs)
    rows = []
    for run in runs:
        found = {row.name: row for row in metric_rows(run)}
        best = (at_step(found[name].best) if name in found else "-" for name in names)
        tokens = f"{run.tokens:,}" if run.tokens is not None else "-"
        rows.append(
            (code(label_of(run)), f"{_SIGNS.get(run.diagnosis.verdict, '')} {verdict_line(run)}".strip(), *best, tokens)
        )
    return _table(("Job", "Verdict", *(f"Best {title(name)}" for name in names), "Tokens billed"), rows)


def _run(run: Run, *, alone: bool) -> Iterator[str]:
    if not alone:
        yield f"## {code(run.address)}"
    found = run.diagnosis
    sign = f"{_SIGNS[found.verdict]} " if found.verdict in _SIGNS else ""
    said = [f"**{sign}{verdict_line(run)}.** {_prose(found.text)}"]
    said += [_prose(note.text) for note in found.notes]
    yield "> " + "\n> \n> ".join(said)
    if found.advice:
        yield "What to try:\n\n" + "\n".join(f"- {_prose(text)}" for text in found.advice)
    step = next_step(run)
    yield f"**What next.** {_prose(step.text)}" + (
        "\n\n" + fenced(step.lines.splitlines(), step.language) if step.lines else ""
    )
    values = "".join(f", {code(name)} {value(setting(chosen))}" for name, chosen in run.settings.items())
    yield (
        f"{prose(run.status)}: {code(run.job_id)}, {code(run.base or 'base model unknown')}, "
        f"{METHODS.get(run.method, code(run.method))}{values}  \n{time_line(run)}"
        + (f"  \nModel: {code(run.model)}" if run.model else "")
        + (f"  \nServed by {', '.join(code(name) for name in served_by(run))}" if served_by(run) else "")
    )
    if alone:
        yield from _charts(charts_of([run]))
    rows = [
        (row.title if row.best else code(row.title), figure(row.first.value), at_step(row.best), figure(row.last.value))
        for row in (*metric_rows(run), *other_rows(run))
    ]
    if rows:
        yield _table(("Metric", "First", "Best", "Last"), rows)
    yield from _checkpoints(run)
    if run.notes:
        yield "\n".join(f"- {_prose(note)}" for note in run.notes)


def _checkpoints(run: Run) -> Iterator[str]:
    if not run.checkpoints:
        return
    names = checkpoint_metrics([run])
    rows = checkpoint_rows(run, names)
    left_out = len(rows) - _MOST_ROWS
    shown = rows[-_MOST_ROWS:]
    more = f"\n\nThe {left_out} earlier checkpoints are left out." if left_out > 0 else ""
    heads: tuple[str, ...]
    if len(rows) <= _FEW:
        # Side by side: a phone shows as many columns, and not one for each metric.
        heads = ("Checkpoint", *("<br>".join(filter(None, (f"step {row[0]}", row[-1]))) for row in shown))
        table = _table(heads, [(title(name), *(row[at] for row in shown)) for at, name in enumerate(names, 1)])
    else:
        heads = ("Checkpoint", *(title(name) for name in names), "")
        table = _table(heads, [(f"step {row[0]}", *row[1:]) for row in shown])
    yield f"{_prose(choice_line(run))}\n\n{table}{more}"


def _charts(charts: Iterable[Chart]) -> Iterator[str]:
    for chart in charts:
        made = _chart(chart)
        if made:
            yield made


def _chart(chart: Chart) -> str:
    """Return one chart; "" where the lines have no steps in common."""
    lines = _lines(chart)
    begin = max(one.line[0].step for one in lines)
    end = min(one.line[-1].step for one in lines)
    if end <= begin:
        return ""
    count = min(_MOST_POINTS, end - begin + 1)
    steps = [begin + (end - begin) * index / (count - 1) for index in range(count)]
    low, high = chart.bounds
    drawn = [
        "  line [" + ", ".join(_plain(min(high, max(low, _between(one.line, step)))) for step in steps) + "]"
        for one in lines
    ]
    palette = ", ".join(colour for colour, _ in _COLOURS[: len(lines)])
    body = [
        "---",
        "config:",
        "  themeVariables:",
        "    xyChart:",
        f'      plotColorPalette: "{palette}"',
        "---",
        "xychart-beta",
        f'  title "{mermaid(chart.title)}"',
        f'  x-axis "step" {begin} --> {end}',
        f'  y-axis "{mermaid(chart.title.lower())}" {_plain(low)} --> {_plain(high)}',
        *drawn,
    ]
    legend = ", ".join(f"{word}: {_label(one)}" for (_, word), one in zip(_COLOURS, lines, strict=False))
    return "```mermaid\n" + "\n".join(body) + f"\n```\n\n{chart.title} ({chart.hint}), {legend}."


def _lines(chart: Chart) -> list[Series]:
    """Return the lines that are drawn: of validation batches and whole validations the one that says more."""
    split: dict[tuple[str, bool], Series] = {}
    for one in chart.series:
        owner = one.label.rpartition(", ")[0]
        key = (owner, one.form == "train")
        other = split.get(key)
        if len(one.line) > 1 and (other is None or len(one.line) > len(other.line)):
            split[key] = one
    lines = list(split.values()) or list(chart.series)
    if len(lines) > _MOST_LINES:
        lines = [one for one in lines if one.form != "train"] or lines
    return lines[:_MOST_LINES]


def _label(one: Series) -> str:
    owner, comma, words = one.label.rpartition(", ")
    return f"{code(owner)}{comma}{words}" if comma else words


def _between(points: Sequence[Point], step: float) -> float:
    """Return the value of a curve at a step, on the straight line between the points around it."""
    after = bisect_left(points, step, key=lambda point: point.step)
    if after == 0:
        return points[0].value
    if after == len(points):
        return points[-1].value
    one, two = points[after - 1], points[after]
    share = (step - one.step) / (two.step - one.step)
    return one.value + (two.value - one.value) * share


def _plain(number: float) -> str:
    """Return a number without an exponent, which Mermaid does not read."""
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _prose(text: str) -> str:
    return prose(text, 1500)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---", *("---:" for _ in heads[1:])], *rows]
    return "\n".join("| " + " | ".join(cell(text) for text in line) + " |" for line in lines)
