"""Rows by their hashes: which of them stand twice in a file, and which stand in two files."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain

from reconciler.datasets.findings import KEPT_PER_CODE, Collector

REMEMBERED = 1_000_000
"""Rows in which repeats are looked for; later ones are only compared with these, which bounds the memory (100 MB)."""
SAMPLED = 20_000
"""Rows by which data is compared with other data: all rows of most files, and of larger ones the same choice in each."""

Sample = bytes
"""Some hashes of rows, packed: the smallest ones, and after them the lines on which they stand first."""


class Rows:
    """The rows of one file, in order."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._repeats = False
        self._parts: list[tuple[array[int], Sequence[int]]] = []

    def add(self, rows: array[int], numbers: Sequence[int], out: Collector) -> None:
        """Add the next rows and a finding for each that was there before. `numbers` are their lines."""
        remembered = len(self._seen)
        if remembered < REMEMBERED and not self._repeats:
            self._seen.update(rows)
            if len(self._seen) == remembered + len(rows):
                self._parts.append((rows, numbers))
                return
            self._repeats = True  # and the following rows are most probably not all different either
            self._seen = {*chain.from_iterable(earlier for earlier, _ in self._parts)}
        fresh = set(rows)
        if len(fresh) != len(rows) or not self._seen.isdisjoint(fresh):
            self._find(rows, numbers, out)
        if remembered < REMEMBERED:
            self._seen |= fresh
            self._parts.append((rows, numbers))

    def _find(self, rows: array[int], numbers: Sequence[int], out: Collector) -> None:
        here: dict[int, int] = {}
        for row, number in zip(rows, numbers, strict=True):
            if row not in self._seen and row not in here:
                here[row] = number
                continue
            message = ""
            if out.counts["row-duplicate"] < KEPT_PER_CODE:  # the others are only counted
                line = here[row] if row in here else self._line_of(row)
                message = f"the same row stands in the file before, on line {line}"
            out.add("row-duplicate", number, message=message)

    def _line_of(self, row: int) -> int:
        return next(numbers[rows.index(row)] for rows, numbers in self._parts if row in rows)

    def sample(self) -> Sample:
        """Return what `shared` compares."""
        # Hashes are spread evenly, so the smallest ones lie below a bound, and only these need to be remembered.
        bound = int(2**64 * 1.1 * SAMPLED / max(len(self._seen), 1))
        first: dict[int, int] = {}
        for rows, numbers in self._parts:
            for at, row in enumerate(rows):
                if row < bound:
                    first.setdefault(row, numbers[at])
        chosen = sorted(first)[:SAMPLED]
        return array("Q", chosen).tobytes() + array("I", map(first.__getitem__, chosen)).tobytes()


def shared(first: Sample, second: Sample) -> list[tuple[int, int]]:
    """Return which different rows two samples have in common, by their first lines in both, in the order of the first.

    A sample holds the smallest hashes, so of files that are larger than a sample the same part of all possible rows
    is compared, and there may be more than are returned.
    """
    ours, theirs = _read(first), _read(second)
    return sorted((ours[row], theirs[row]) for row in ours.keys() & theirs.keys())


def _read(sample: Sample) -> dict[int, int]:
    count = len(sample) // (8 + 4)
    rows, lines = array("Q"), array("I")
    rows.frombytes(sample[: 8 * count])
    lines.frombytes(sample[8 * count :])
    return dict(zip(rows, lines, strict=True))
