"""Aligned columns for `status`, `history` and `report`; where they do not fit side by side, one below the other."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from reconciler.render.words import printable

GAP = "  "
INDENT = "    "
NOTHING = frozenset({"", "-"})
"""Cells that say nothing."""
LEAST = 24
"""Columns that a text needs to be read where it is folded."""


def table(headers: Sequence[str], rows: Iterable[Sequence[object]], width: int = 0) -> str:
    """Return a heading and rows with columns as wide as their longest cell; nothing is padded at a line's end.

    With a `width` no line is longer, if its words allow: the last column is folded if that is enough, or goes below its row;
    else each row becomes a block of lines. What has no blanks, such as an id, is never broken: it is there to be copied.
    """
    cells = [[printable(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    if not width or sum(widths) + len(GAP) * (len(widths) - 1) <= width:
        return "\n".join(_row(row, widths) for row in cells)
    room = width - sum(widths[:-1]) - len(GAP) * (len(widths) - 1)
    words = (word for row in cells for word in row[-1].split())
    if room >= max(LEAST, *map(columns, words)):
        return "\n".join(_folded(row, [*widths[:-1], room]) for row in cells)
    if room >= 0:
        return "\n".join([_row(cells[0][:-1], widths[:-1]), *(_below(row, widths, width) for row in cells[1:])])
    return "\n".join(_block(cells[0], row, width) for row in cells[1:])


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
        for char in text
    )


def _folded(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *more = _lines(cells[-1], widths[-1])
    blank = [""] * (len(cells) - 1)
    return "\n".join([_row([*cells[:-1], first], widths), *(_row([*blank, line], widths) for line in more)])


def _below(cells: Sequence[str], widths: Sequence[int], width: int) -> str:
    more = [] if cells[-1] in NOTHING else _lines(cells[-1], width - len(INDENT))
    return "\n".join([_row(cells[:-1], widths[:-1]), *(f"{INDENT}{line}" for line in more)])


def _block(headers: Sequence[str], cells: Sequence[str], width: int) -> str:
    """Return a row as a block: its first cell, and below it what the others are called and say; empty ones are left out."""
    label = max(map(columns, headers[1:]), default=0)
    said = []
    for header, cell in zip(headers[1:], cells[1:], strict=True):
        if not header and cell not in NOTHING:
            said.append(f"{GAP}{cell}")
        elif cell not in NOTHING:
            said.append(_folded([f"{GAP}{header}", cell], [label + len(GAP), max(LEAST, width - label - 2 * len(GAP))]))
    return "\n".join([cells[0], *said])


def _lines(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if lines[-1] and columns(longer) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True))
    return GAP.join(padded).rstrip()
