"""The table at the end of a benchmark: ratios, and the limits that they are held to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the result; `limit` is the most that the ratio may be, `goal` what it should be."""

    what: str
    ours: str
    theirs: str
    ratio: float
    limit: float
    goal: float | None = None

    @property
    def kept(self) -> bool:
        """Whether the limit is kept."""
        return self.ratio <= self.limit


def report(rows: list[Row]) -> None:
    """Print the table."""
    print(f"\n{'':<48}{'ours':>10}{'other':>10}{'ratio':>8}{'limit':>8}{'goal':>7}")
    for row in rows:
        goal = f"{row.goal:.2f}" if row.goal else ""
        verdict = "" if row.kept else "  MISSED"
        print(f"{row.what:<48}{row.ours:>10}{row.theirs:>10}{row.ratio:>8.2f}{row.limit:>8.2f}{goal:>7}{verdict}")
