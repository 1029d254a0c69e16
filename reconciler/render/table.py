"""Aligned columns for `status` and `history`."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from reconciler.render.words import printable

GAP = "  "


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a heading and rows with columns as wide as their longest cell; nothing is padded at a line's end."""
    cells = [[printable(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(map(columns, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_row(row, widths) for row in cells)


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes: wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
        for char in text
    )


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - columns(cell)) for cell, width in zip(cells, widths, strict=True))
    return GAP.join(padded).rstrip()
