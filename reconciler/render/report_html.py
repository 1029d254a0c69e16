"""Reports of trainings as one page that stands alone: charts inside, nothing fetched, nothing executed.

The content security policy allows the one style sheet, by its hash, and nothing else: a text of Azure or of a result
file that got through the escaping would still not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from html import escape

from reconciler import __version__
from reconciler.render.report_charts import Chart, charts_of, label_of, sampled
from reconciler.render.report_style import STYLE
from reconciler.render.report_svg import chart_svg, key_svg
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
    verdict_line,
)
from reconciler.render.text import EMULATOR_LINE
from reconciler.render.words import duration, printable
from reconciler.results.checkpoints import title
from reconciler.results.run import Run, next_step

_TONES = {"converged": "good", "overfits": "warn", "no-gain": "warn", "diverged": "bad"}
_SIGNS = {"good": "✓", "warn": "!", "bad": "✕", "": "·"}
_STATUS = {"succeeded": "good", "failed": "bad", "cancelled": "warn"}


def report_html(runs: Sequence[Run], *, now: float, emulator: bool = False) -> str:
    """Return the page."""
    heading = f"How {runs[0].address} went" if len(runs) == 1 else f"{len(runs)} trainings compared"
    style = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    body = [
        f'<div class="emulator">{escape(EMULATOR_LINE)}</div>' if emulator else "",
        f'<header class="top"><h1>{_e(heading)}</h1>',
        f'<p class="quiet">As of {moment(now)}</p></header>',
        "<main>",
        *(_comparison(runs) if len(runs) > 1 else ()),
        *(line for index, run in enumerate(runs) for line in _run(run, f"j{index}", alone=len(runs) == 1)),
        "</main>",
        f"<footer>Written by reconciler {_e(__version__)}. How the verdicts are found: docs/results.md.</footer>",
    ]
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{_e(heading)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            *filter(None, body),
            "</body>",
            "</html>",
            "",
        )
    )


def _e(text: object) -> str:
    """Return any text as it can stand in HTML; half a surrogate pair and control characters are written out."""
    return escape(printable(text))


def _comparison(runs: Sequence[Run]) -> Iterable[str]:
    yield '<section class="card compare"><h2>Side by side</h2>'
    names = compared_names(runs)
    settings = [name for name in dict.fromkeys(key for run in runs for key in run.settings) if _differs(runs, name)]
    heads = ["Job", "Verdict", *(f"best {title(name)}" for name in names), "Duration", "Tokens billed", *settings]
    rows = []
    for run in runs:
        found = {row.name: row for row in metric_rows(run)}
        rows.append(
            [
                label_of(run),
                verdict_line(run),
                *(at_step(found[name].best) if name in found else "-" for name in names),
                duration(run.duration) if run.duration is not None else "-",
                f"{run.tokens:,}" if run.tokens is not None else "-",
                *(setting(run.settings.get(name, "-")) for name in settings),
            ]
        )
    yield "<h3>In figures</h3>"
    yield _table("Trainings compared", heads, rows, words={0, 1})
    yield from _charts(charts_of(runs), "c")
    yield "</section>"


def _differs(runs: Sequence[Run], name: str) -> bool:
    return len({setting(run.settings.get(name, "-")) for run in runs}) > 1


def _run(run: Run, ident: str, *, alone: bool) -> Iterable[str]:
    tone = _STATUS.get(run.status, "")
    yield f'<article class="card" aria-labelledby="{ident}">'
    yield f'<div class="head"><h2 id="{ident}">{_e(run.address)}</h2>'
    yield f'<span class="badge {tone}">{_SIGNS[tone]} {_e(run.status)}</span></div>'
    base = run.base or "base model unknown"
    yield f'<p class="quiet">{_e(base)}, {_e(METHODS.get(run.method, run.method))}</p>'
    if run.model:
        yield f'<p class="quiet model"><code>{_e(run.model)}</code></p>'
    yield from _verdict(run)
    yield from _next(run)
    yield from _tiles(run)
    yield from _charts(charts_of([run]), ident) if alone else _charts_folded(run, ident)
    yield from _checkpoints(run)
    yield from _details(run)
    yield "</article>"


def _verdict(run: Run) -> Iterable[str]:
    found = run.diagnosis
    tone = _TONES.get(found.verdict, "")
    yield f'<section class="verdict {tone}"><h3>{_SIGNS[tone]} {_e(verdict_line(run))}</h3>'
    yield from (f"<p>{_e(text)}</p>" for text in (found.text, *(note.text for note in found.notes)))
    if found.advice:
        yield '<p class="try">What to try</p><ul>'
        yield from (f"<li>{_code(text)}</li>" for text in found.advice)
        yield "</ul>"
    yield "</section>"


def _next(run: Run) -> Iterable[str]:
    step = next_step(run)
    yield f"<h3>What next</h3><p>{_e(step.text)}</p>"
    if step.lines:
        text = "\n".join(_e(line) for line in step.lines.splitlines())
        yield f'<pre tabindex="0" aria-label="Lines to use"><code>{text}</code></pre>'


def _tiles(run: Run) -> Iterable[str]:
    tiles: list[tuple[str, str, str]] = []
    for row in metric_rows(run)[:1]:
        if row.best is not None:
            tiles.append((f"Best {row.title}", figure(row.best.value), f"step {row.best.step:,}"))
            tiles.append((f"Final {row.title}", figure(row.last.value), f"step {row.last.step:,}"))
    if run.duration is not None:
        queued = f"after {duration(run.queued)} in the queue" if run.queued and run.queued >= 1 else ""
        tiles.append(("Duration" if run.ended else "Running for", duration(run.duration), queued))
    if run.tokens is not None:
        tiles.append(("Tokens billed", f"{run.tokens:,}", ""))
    if run.table.last_step:
        epochs = f"{run.epochs:g} epochs" if run.epochs and run.ended else ""
        tiles.append(("Steps", f"{run.table.last_step:,}", epochs))
    if tiles:
        yield '<dl class="tiles">'
        for name, value, more in tiles:
            small = f"<small>{_e(more)}</small>" if more else ""
            yield f"<div><dt>{_e(name)}</dt><dd>{_e(value)}{small}</dd></div>"
        yield "</dl>"


def _charts(charts: Sequence[Chart], ident: str) -> Iterable[str]:
    if not charts:
        return
    yield "<h3>Curves</h3>"
    yield '<div class="charts">'
    for chart in charts:
        yield f"<figure><figcaption>{_e(chart.title)} <span>({_e(chart.hint)})</span></figcaption>"
        yield '<ul class="legend">'
        yield from (f"<li>{key_svg(one)}{_e(one.label)}</li>" for one in chart.series)
        yield "</ul>"
        yield chart_svg(chart, f"{ident}-{chart.key}")
        steps, columns = sampled(chart)
        rows = [[f"{step:,}", *(figure(column[index]) for column in columns)] for index, step in enumerate(steps)]
        yield "<details><summary>Values as a table</summary>"
        yield _table(f"{chart.title} at some steps", ["step", *(one.label for one in chart.series)], rows)
        yield "</details></figure>"
    yield "</div>"


def _charts_folded(run: Run, ident: str) -> Iterable[str]:
    charts = charts_of([run])
    if charts:
        yield "<details><summary>Its curves alone</summary>"
        yield from _charts(charts, ident)
        yield "</details>"


def _checkpoints(run: Run) -> Iterable[str]:
    if not run.checkpoints:
        return
    names = checkpoint_metrics([run])
    heads = ["step", *(title(name) for name in names), ""]
    rows = checkpoint_rows(run, names)
    chosen = next((index for index, row in enumerate(rows) if row[-1].startswith("chosen")), None)
    yield "<h3>Checkpoints</h3>"
    yield f"<p>{_e(choice_line(run))}</p>"
    yield _table("Checkpoints", heads, rows, words={len(heads) - 1}, chosen=chosen)


def _details(run: Run) -> Iterable[str]:
    rows = [
        [row.title, figure(row.first.value), at_step(row.best), figure(row.last.value), f"{row.curve.count:,}"]
        for row in (*metric_rows(run), *other_rows(run))
    ]
    if rows:
        yield "<details><summary>All metrics</summary>"
        yield _table("All metrics", ["metric", "first", "best", "last", "values"], rows, words={0})
        yield "</details>"
    facts = {
        "Job": run.job_id,
        "Account": run.account,
        "Model": run.model,
        "Served by": ", ".join(served_by(run)),
        "Hyperparameters": ", ".join(f"{name} {setting(value)}" for name, value in run.settings.items()),
        "Created": moment(run.created_at),
        "Started": moment(run.started_at or 0),
        "Ended": moment(run.finished_at or 0) if run.ended else "-",
        "Result file": run.result_file or {"events": "none: read from the events", "none": "none"}.get(run.source, ""),
    }
    yield '<details><summary>Details</summary><dl class="facts">'
    for name, value in facts.items():
        if value and value != "-":
            yield f"<dt>{name}</dt><dd>{_e(value)}</dd>"
    yield "</dl></details>"
    yield from (f'<p class="quiet">{_e(note)}</p>' for note in run.notes)


def _table(
    name: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    words: Iterable[int] = (),
    chosen: int | None = None,
) -> str:
    """Return a table that scrolls in itself where it is too wide; `words` are columns of text."""
    left = set(words)

    def cell(index: int, text: str, tag: str, scope: str = "") -> str:
        return f"<{tag}{scope}{_class(index in left)}>{_e(text)}</{tag}>"

    def row(cells: Sequence[str]) -> str:
        first = (cell(0, text, "th", ' scope="row"') for text in cells[:1])
        return "".join((*first, *(cell(index, text, "td") for index, text in enumerate(cells[1:], 1))))

    head = "".join(cell(index, text, "th", ' scope="col"') for index, text in enumerate(heads))
    lines = [
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(name)}"><table>',
        f"<thead><tr>{head}</tr></thead><tbody>",
        *(f"<tr{_class(index == chosen, 'chosen')}>{row(cells)}</tr>" for index, cells in enumerate(rows)),
        "</tbody></table></div>",
    ]
    return "\n".join(lines)


def _class(wanted: bool, name: str = "words") -> str:
    return f' class="{name}"' if wanted else ""


def _code(text: str) -> str:
    """Return a text in which what stands between backticks is code."""
    parts = _e(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
