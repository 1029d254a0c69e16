"""The result file of a training: any bytes in, rows out.

Columns, sparseness and spellings differ (docs/azure.md, section 18), so the file is read by what its header says, and
nothing in it is an error that stops: what cannot be read is counted. Memory is bounded by the number of columns, not
by the length of the file.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.results.curve import Curve, Gathering
from reconciler.results.metrics import METRICS, column_name

MOST_COLUMNS = 64
"""Columns that are read; the widest files known have about ten."""
LONGEST_LINE = 64 * 1024
"""Bytes of a line; a longer one is no row of numbers."""
LARGEST_STEP = 10**9
LARGEST_VALUE = 1e100
"""Numbers beyond these are taken for damage, and arithmetic on them would overflow."""

_BOM = "\ufeff"
_STEPS = {"step", "steps", "global_step", "step_number"}
_MISSING = {"", "n/a", "na", "null", "none", "-"}
_STEP_MESSAGE = re.compile(r"^\s*Step (\d{1,9})(?:/\d+)?\s*:\s*(.*)$", re.IGNORECASE | re.DOTALL)
_SAID = re.compile(
    r"(full validation|validation|training) (loss|reward|accuracy)\s*=\s*(-?[0-9.]+(?:e[-+]?\d+)?|nan|-?inf)",
    re.IGNORECASE,
)
_SAID_SPLIT = {"training": "train", "validation": "valid", "full validation": "full_valid"}


@dataclass(frozen=True, slots=True)
class Table:
    """A result file, read.

    `curves` are by the one name of each metric, in the order of the file; `spelled` says how the file writes it.
    `broken_columns` hold no number at all, only NaN or infinite ones.
    """

    curves: Mapping[str, Curve] = field(default_factory=dict)
    spelled: Mapping[str, str] = field(default_factory=dict)
    rows: int = 0
    first_step: int = 0
    last_step: int = 0
    broken_columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know of the file, as sentences."""

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.curves or self.broken_columns)


def read(chunks: Iterable[bytes], *, cut_off: Callable[[], bool] = lambda: False) -> Table:
    """Read a result file as it comes in; no bytes at all make it fail.

    `cut_off` is asked at the end whether the bytes ended before the file did.
    """
    reader = _Reader()
    for line, ended in _lines(chunks):
        reader.take(line, ended=ended)
    if cut_off():
        reader.note("The file is larger than what was read of it; the rows after that are missing here.")
    return reader.table()


def from_events(events: Iterable[Mapping[str, Any]]) -> Table:
    """Read what the events of a job say of its steps: all there is while no result file can be read."""
    rows = _Rows()
    for event in events:
        data = event.get("data")
        message = event.get("message")
        said = _STEP_MESSAGE.match(message[:1000]) if isinstance(message, str) else None
        cells: dict[str, float] = {}
        step = _step(str(said[1])) if said else None
        if isinstance(data, Mapping):
            for key, raw in list(data.items())[:MOST_COLUMNS]:
                value = None if isinstance(raw, bool | Mapping | list) else _number(str(raw))
                if str(key).lower() in _STEPS:
                    step = _step(str(raw))
                elif value is not None and str(key).lower() != "total_steps":
                    cells[str(key)] = value
        if said and not cells:
            for split, what, value_text in _SAID.findall(said[2]):
                name = f"{_SAID_SPLIT[split.lower()]}_{what.lower()}"
                if (value := _number(value_text)) is not None:
                    cells[name] = value
        if step is not None and cells:
            rows.add(step, cells.items())
    return rows.table(
        ["These values are from the job's events, which show only some of the steps."] if rows.rows else []
    )


def _lines(chunks: Iterable[bytes]) -> Iterator[tuple[str | None, bool]]:
    """Yield lines as text, and whether each had its end; None stands for one that is too long."""
    rest, too_long = b"", False
    for chunk in chunks:
        parts = (rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        rest = parts.pop()
        for part in parts:
            yield (None if too_long or len(part) > LONGEST_LINE else part.decode(errors="replace")), True
            too_long = False
        if len(rest) > LONGEST_LINE:
            rest, too_long = b"", True
    if rest or too_long:
        yield (None if too_long else rest.decode(errors="replace")), False


def _cells(line: str) -> Sequence[str]:
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def _number(text: str) -> float | None:
    """Read a cell; None if it is missing or no number. NaN and infinite ones are numbers here."""
    text = text.strip()
    if text.lower() in _MISSING or "_" in text:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return float("inf") if abs(value) > LARGEST_VALUE else value


def _step(text: str) -> int | None:
    value = _number(text)
    if value is None or not 0 <= value <= LARGEST_STEP:
        return None
    return int(value)


class _Rows:
    """Gathers columns by their one name."""

    def __init__(self) -> None:
        self.rows = 0
        self.first = LARGEST_STEP
        self.last = 0
        self._columns: dict[str, Gathering] = {}
        self.spelled: dict[str, str] = {}

    def name(self, spelling: str) -> str:
        """Return the name under which a column is kept: the one name of its metric unless another column has it."""
        spelling = spelling[:200]
        wanted = column_name(spelling)
        for name in (wanted, spelling):
            if self.spelled.setdefault(name, spelling) == spelling:
                return name
        return spelling

    def add(self, step: int, cells: Iterable[tuple[str, float]]) -> None:
        """Take one row in, by spelling."""
        self.add_named(step, [(self.name(spelling), value) for spelling, value in cells])

    def add_named(self, step: int, cells: Iterable[tuple[str, float]]) -> None:
        """Take one row in, by name."""
        self.rows += 1
        self.first = min(self.first, step)
        self.last = max(self.last, step)
        for name, value in cells:
            column = self._columns.get(name)
            if column is None:
                if len(self._columns) >= MOST_COLUMNS:
                    continue
                column = self._columns[name] = Gathering()
            column.add(step, value)

    def table(self, notes: Sequence[str]) -> Table:
        """Return what was gathered."""
        made = {name: curve for name, column in self._columns.items() if (curve := column.curve(name)) is not None}
        ordered = {name: made[name] for name in self.spelled if name in made}
        broken = tuple(name for name in self.spelled if name in self._columns and self._columns[name].only_broken)
        spelled = {name: self.spelled[name] for name in (*ordered, *broken)}
        first = self.first if self.rows else 0
        return Table(ordered, spelled, self.rows, first, self.last, broken, tuple(notes))


class _Reader:
    """Reads lines: the header first, then rows."""

    def __init__(self) -> None:
        self._rows = _Rows()
        self._names: list[str] | None = None
        self._step_at: int | None = None
        self._unreadable = 0
        self._incomplete = False
        self._sorted = True
        self._notes: list[str] = []

    def note(self, text: str) -> None:
        """Note something about the file."""
        self._notes.append(text)

    def take(self, line: str | None, *, ended: bool) -> None:
        """Take one line in."""
        if line is None:
            self._unreadable += 1
        elif self._names is None:
            line = line.removeprefix(_BOM)
            if line.strip():
                self._header(_cells(line))
        elif line.strip():
            self._row(_cells(line), ended=ended)

    def table(self) -> Table:
        """Return what was read."""
        if self._names is None:
            self.note("The result file is empty.")
        elif not self._names:
            self.note("The result file does not begin with a header that names steps and metrics.")
        elif not self._rows.rows:
            self.note("The result file has a header and no rows yet.")
        if self._unreadable:
            self.note(f"{self._unreadable} of its lines could not be read and {_are(self._unreadable)} left out.")
        if self._incomplete:
            self.note("Its last line is not complete and is left out: the file may still be written to.")
        if not self._sorted:
            self.note("Its rows are not in the order of the steps; they were put in order.")
        return self._rows.table(self._notes)

    def _header(self, cells: Sequence[str]) -> None:
        spelled = [cell.strip().strip("\ufeff").strip() for cell in cells]
        lowered = [cell.lower() for cell in spelled]
        self._step_at = next((index for index, cell in enumerate(lowered) if cell in _STEPS), None)
        known = any(column_name(cell) in METRICS for cell in spelled)
        if self._step_at is None and not known:
            self._names = []
            return
        if self._step_at is None:
            self.note("The result file has no column `step`; its rows are counted from 1.")
        if len(spelled) > MOST_COLUMNS:
            self.note(f"It has {len(spelled)} columns; the first {MOST_COLUMNS} are read.")
        self._names = [
            self._rows.name(cell or f"column {index + 1}") if index != self._step_at else ""
            for index, cell in enumerate(spelled[: MOST_COLUMNS + 1])
        ]

    def _row(self, cells: Sequence[str], *, ended: bool) -> None:
        names = self._names
        if not names:
            return
        if not ended and len(cells) < len(names):
            self._incomplete = True
            return
        if self._step_at is None:
            step: int | None = self._rows.rows + 1
        else:
            step = _step(cells[self._step_at]) if self._step_at < len(cells) else None
        if step is None:
            self._unreadable += 1
            return
        if self._rows.rows and step < self._rows.last:
            self._sorted = False
        values = [
            (name, value)
            for name, cell in zip(names, cells, strict=False)
            if name and cell and (value := _number(cell)) is not None
        ]
        self._rows.add_named(step, values)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
