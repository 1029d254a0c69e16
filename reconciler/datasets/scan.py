"""One pass over a file of training data that tells everything: its digest, its size, its examples, what is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from reconciler.datasets.canonical import canonical_part
from reconciler.datasets.findings import CODES, Collector, Finding
from reconciler.datasets.formats import Checker, Format, detect, named
from reconciler.datasets.record import read_object
from reconciler.datasets.sniff import sniff
from reconciler.datasets.stream import BLANKS, Block, LongPart, Readable, blocks
from reconciler.datasets.wire import wire_size

RULES_VERSION = 1
"""Raised with every change of what a scan finds, so that no cache answers with the findings of older rules."""
SIZE_LIMIT = 512 * 1024 * 1024
"""Bytes on the wire, byte order mark included. Azure says "512 MB" and not which; the larger reading refuses nobody."""
EXAMPLES_REQUIRED = 10
EXAMPLES_ADVISED = 50
ROWS_REMEMBERED = 250_000
"""Rows in which repeats are looked for; later ones are only compared with these, which bounds the memory (30 MB)."""
LINES_FOR_FORMAT = 20
"""Lines from which the format is told, where the first ones are broken."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass found.

    `digest` is the content digest (64 hex characters), `bytes` the size of the canonical form, `examples` the number of
    its lines (0 for what is no JSONL at all), `format` the name of the format it was checked as. `findings` are the
    first few of each code by line, `counts` how many there are of each code.
    """

    digest: str
    bytes: int
    examples: int
    format: str
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """How many errors there are, those not kept among them."""
        return sum(count for code, count in self.counts.items() if CODES[code].severity == "error")

    @property
    def warnings(self) -> int:
        """How many warnings there are, those not kept among them."""
        return sum(self.counts.values()) - self.errors

    def under(self, file: str) -> Scan:
        """Return the same scan with findings that name the file so: a cached one may come from another folder."""
        return replace(self, findings=tuple(replace(finding, file=file) for finding in self.findings))


def scan(stream: Readable, *, file: str, data_format: str | None = None) -> Scan:
    """Read a binary stream once to its end and return everything about it; never raises for any bytes.

    `file` is the name in the findings. `data_format` asserts a format (a name in `formats.FORMATS`); None detects it.
    Raises ValueError for a format that is not known; OSErrors of the stream pass through. Memory is bounded whatever
    the data.
    """
    rows = _Rows(Collector(file), named(data_format) if data_format else None)
    sha = hashlib.sha256()
    size = 0
    for part in blocks(stream):
        canonical = canonical_part(part)
        sha.update(canonical)
        size += len(canonical)
        rows.take(part, canonical)
    return rows.finish(sha.hexdigest(), size)


class _Rows:
    """The rows of one file on their way through the checker."""

    def __init__(self, out: Collector, asserted: Format | None) -> None:
        self._out = out
        self._format = asserted
        self._checker: Checker | None = None
        self._started = False
        self._readable = True
        self._examples = 0
        self._seen: dict[int, int] = {}

    def take(self, part: Block | LongPart, canonical: bytes) -> None:
        """Check what one part of the stream holds; `canonical` is its canonical form."""
        if not self._started:
            self._started = True
            if code := sniff(part.data):
                self._out.add(code)
                self._readable = False
        if not self._readable or not canonical:
            return
        if isinstance(part, LongPart):
            if part.last:
                self._examples += 1
                self._out.add("line-too-long", part.line)
            return
        checker = self._checker or self._start(canonical)
        plain = b"\0" not in canonical and _is_utf8(canonical)
        if canonical is part.data:
            lines = canonical.split(b"\n")
        else:  # lines were dropped or shortened, and are numbered as they stand in the file
            lines = [line.rstrip(b"\r") if line.strip(BLANKS) else b"" for line in part.data.split(b"\n")]
        check = checker.check
        seen = self._seen
        for number, line in enumerate(lines, part.line):
            if not line:
                continue
            self._examples += 1
            row = hash(line)
            if row in seen:
                message = f"the same row stands in the file before, on line {seen[row]}"
                self._out.add("row-duplicate", number, message=message)
            elif len(seen) < ROWS_REMEMBERED:
                seen[row] = number
            check(line, number, plain=plain)

    def _start(self, canonical: bytes) -> Checker:
        if self._format is None:
            self._format = detect(_first_record(canonical))
        self._checker = self._format.checker(self._out)
        return self._checker

    def finish(self, digest: str, size: int) -> Scan:
        """Add what only the whole file tells, and return all of it."""
        out = self._out
        if self._checker:
            self._checker.finish()
        if self._readable:
            if not self._examples:
                out.add("file-empty")
            elif self._examples < EXAMPLES_REQUIRED:
                out.add(
                    "examples-too-few", message=f"{_count(self._examples)}; a job needs at least {EXAMPLES_REQUIRED}"
                )
            elif self._examples < EXAMPLES_ADVISED:
                out.add("examples-few", message=f"{_count(self._examples)}, fewer than the advised {EXAMPLES_ADVISED}")
        if wire_size(size) >= SIZE_LIMIT:
            out.add("file-too-large", message=f"{wire_size(size):,} bytes; a file must be smaller than {SIZE_LIMIT:,}")
        name = (self._format or detect(None)).name
        return Scan(digest, size, self._examples, name, out.kept(), dict(out.counts))


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _first_record(canonical: bytes) -> dict[str, Any] | None:
    """Return the first record that can be read, for telling the format; what cannot be read is found again later."""
    scratch = Collector("")
    for line in canonical.split(b"\n", LINES_FOR_FORMAT)[:LINES_FOR_FORMAT]:
        record = read_object(line, 0, scratch) if line else None
        if record is not None:
            return record
    return None


def _count(examples: int) -> str:
    return "1 example" if examples == 1 else f"{examples} examples"
