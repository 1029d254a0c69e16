"""Charts as SVG: no script, no style of their own, every text escaped. Colours and sizes are in the page's style sheet."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from reconciler.render.report_charts import Chart, Mark, Series, ticks
from reconciler.render.report_words import figure
from reconciler.render.words import printable
from reconciler.results.curve import Point

WIDTH, HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 26, 30, 50
_MOST_DOTS = 60
"""Points of a curve up to which each is a dot that tells its value."""
_MOST_DRAWN = 800
"""Points of a line; a screen shows no more."""


def chart_svg(chart: Chart, ident: str) -> str:
    """Return a chart as an SVG element; `ident` is unique on the page."""
    frame = _Frame(chart)
    parts = [
        f'<svg class="chart" role="img" viewBox="0 0 {WIDTH} {HEIGHT}" aria-labelledby="{ident}-t {ident}-d">',
        f'<title id="{ident}-t">{_e(chart.title)} over training steps</title>',
        f'<desc id="{ident}-d">{_e(chart.description)}</desc>',
        f'<clipPath id="{ident}-c"><rect x="{_LEFT}" y="{_TOP}" width="{frame.width}" height="{frame.height}"/></clipPath>',
        *_worse(frame),
        *_grid(frame),
        f'<g clip-path="url(#{ident}-c)">',
        *(line for one in chart.series for line in _curve(frame, one)),
        "</g>",
        *(line for mark in chart.marks for line in _mark(frame, mark)),
        *(line for one in chart.series for line in _dots(frame, one)),
        "</svg>",
    ]
    return "\n".join(parts)


def _e(text: object) -> str:
    return escape(printable(text))


def key_svg(one: Series) -> str:
    """Return the little line beside a label in a legend."""
    dot = '<circle cx="12" cy="6" r="3.5"/>' if one.form == "full_valid" else ""
    return (
        f'<svg class="key h{one.hue} {one.form}" viewBox="0 0 24 12" aria-hidden="true">'
        f'<path class="line" d="M1 6H23"/>{dot}</svg>'
    )


class _Frame:
    """Where steps and values lie in the picture."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.width = WIDTH - _LEFT - _RIGHT
        self.height = HEIGHT - _TOP - _BOTTOM

    def x(self, step: float) -> float:
        begin, end = self.chart.steps
        return _LEFT + (step - begin) / ((end - begin) or 1) * self.width

    def y(self, value: float) -> float:
        low, high = self.chart.bounds
        # Far outside is as good as just outside: a renderer has limits too.
        share = min(3.0, max(-2.0, (value - low) / ((high - low) or 1)))
        return _TOP + (1 - share) * self.height


def _grid(frame: _Frame) -> list[str]:
    chart, right, bottom = frame.chart, WIDTH - _RIGHT, HEIGHT - _BOTTOM
    out = ['<g class="grid" aria-hidden="true">']
    for value in ticks(*chart.bounds, most=7):
        y = frame.y(value)
        out.append(f'<path d="M{_LEFT} {y:.1f}H{right}"/>')
        out.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_e(figure(round(value, 10)))}</text>')
    for step in ticks(*chart.steps, most=6):
        if step != round(step):
            continue
        x = frame.x(step)
        out.append(f'<text x="{x:.1f}" y="{bottom + 20}" text-anchor="middle">{round(step):,}</text>')
    out += [f'<path class="epoch" d="M{frame.x(step):.1f} {_TOP}V{bottom}"/>' for step in chart.epochs]
    note = "step (dotted: ends of epochs)" if chart.epochs else "step"
    out.append(f'<text x="{right}" y="{HEIGHT - 6}" text-anchor="end">{note}</text>')
    return [*out, "</g>"]


def _worse(frame: _Frame) -> list[str]:
    begin = frame.chart.worse_from
    if begin is None:
        return []
    x, right = frame.x(begin), WIDTH - _RIGHT
    # Where low is good the curves end at the bottom, and there is room at the top.
    y = _TOP + 20 if frame.chart.low_is_good else HEIGHT - _BOTTOM - 10
    return [
        f'<rect class="worse" x="{x:.1f}" y="{_TOP}" width="{max(0.0, right - x):.1f}" height="{frame.height}"/>',
        f'<text class="worse" x="{right - 6}" y="{y}" text-anchor="end">validation gets worse</text>',
    ]


def _curve(frame: _Frame, one: Series) -> list[str]:
    out = [f'<g class="h{one.hue} {one.form}">']
    if one.line is not one.raw and one.line != one.raw:
        out.append(f'<path class="raw" d="{_path(frame, one.raw)}"/>')
    out.append(f'<path class="line" d="{_path(frame, one.line)}"/>')
    return [*out, "</g>"]


def _path(frame: _Frame, points: Sequence[Point]) -> str:
    stride = max(1, -(-len(points) // _MOST_DRAWN))
    kept = [point for index, point in enumerate(points) if index % stride == 0 or index == len(points) - 1]
    steps = (f"{frame.x(point.step):.1f} {frame.y(point.value):.1f}" for point in kept)
    # A single point is drawn too: a line of no length with round ends.
    return "M" + "L".join(steps) + ("h0.01" if len(kept) == 1 else "")


def _dots(frame: _Frame, one: Series) -> list[str]:
    if len(one.raw) > _MOST_DOTS or one.form == "train":
        return []
    radius = 4 if one.form == "full_valid" else 2.5
    out = [f'<g class="h{one.hue} {one.form} dots">']
    low, high = frame.chart.bounds
    for point in one.raw:
        if low <= point.value <= high:
            place = f'cx="{frame.x(point.step):.1f}" cy="{frame.y(point.value):.1f}"'
            told = f"{one.label}, step {point.step}: {figure(point.value)}"
            out.append(
                f'<g><circle class="hit" {place} r="9"/><circle {place} r="{radius}"/><title>{_e(told)}</title></g>'
            )
    return [*out, "</g>"]


def _mark(frame: _Frame, mark: Mark) -> list[str]:
    begin, end = frame.chart.steps
    if not begin <= mark.step <= end:
        return []
    x = frame.x(mark.step)
    # The label keeps within the picture, also in the large letters of a narrow screen.
    share = (x - _LEFT) / frame.width
    anchor, side = ("start", 2) if share < 0.3 else ("end", -2) if share > 0.7 else ("middle", 0)
    text = f"{_e(mark.label)}: step {mark.step:,}"
    return [
        f'<g class="mark"><path d="M{x:.1f} {_TOP - 6}V{HEIGHT - _BOTTOM}"/>',
        f'<text x="{x + side:.1f}" y="{_TOP - 11}" text-anchor="{anchor}">{text}</text></g>',
    ]
