"""One pass over a file of training data that tells everything: its digest, its size, its examples, what is wrong."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconciler.datasets.canonical import canonical_part
from reconciler.datasets.crew import Crew, is_worth_it
from reconciler.datasets.findings import CODES, Collector, Finding
from reconciler.datasets.formats import detect, named
from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.part import LONGEST, Result
from reconciler.datasets.record import read_object
from reconciler.datasets.rows import Rows, Sample
from reconciler.datasets.sniff import describe
from reconciler.datasets.statistics import Statistics, Tally
from reconciler.datasets.stream import Block, LongPart, Readable, blocks
from reconciler.datasets.wire import wire_size
from reconciler.datasets.worker import Job
from reconciler.memory import keep_freed, without_collector

RULES_VERSION = 8
"""Raised with every change of what a scan finds, so that no cache answers with the findings of older rules."""
WHOLE_LIMIT = 512 * 1024 * 1024
"""Bytes on the wire, byte order mark included, that one request or an import carries less than (docs/azure.md, section 3).

Azure says "512 MB" and not which; the larger reading refuses nobody. The same for the next one.
"""
PARTS_LIMIT = 9 * 1024**3
"""The most that an upload in parts carries, and so the most that a file can have at all."""
EXAMPLES_REQUIRED = 10
EXAMPLES_ADVISED = 50
LINES_FOR_FORMAT = 20
"""Lines from which the format is told."""


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass found.

    `digest` is the content digest (64 hex characters), `bytes` the size of the canonical form, `examples` the number of
    its lines (0 for what is no JSONL at all), `format` the name of the format it was checked as. `findings` are the
    first few of each code by line, `counts` how many there are of each code. `longest` are the longest examples of
    thousands of tokens as (tokens, line). `rows` tells which rows this data shares with other data (see `rows.shared`).
    """

    digest: str
    bytes: int
    examples: int
    format: str
    findings: tuple[Finding, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    statistics: Statistics = field(default_factory=Statistics)
    longest: tuple[tuple[int, int], ...] = ()
    rows: Sample = field(default=b"", repr=False)

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


def scan(stream: Readable, *, file: str, data_format: str | None = None, tokens: bool = True) -> Scan:
    """Read a binary stream once to its end and return everything about it; never raises for any bytes.

    `file` is the name in the findings. `data_format` asserts a format (a name in `formats.FORMATS`); None detects it.
    Raises ValueError for a format that is not known; OSErrors of the stream pass through. Memory is bounded whatever
    the data. Without `tokens` none are counted, which halves the time.
    """
    return _scan(stream, None, file, data_format, tokens=tokens)


def scan_file(path: Path, *, file: str, data_format: str | None = None, tokens: bool = True) -> Scan:
    """Do the same with a file, on all processors if it is large."""
    with path.open("rb", buffering=0) as stream:
        return _scan(stream, path if is_worth_it(path) else None, file, data_format, tokens=tokens)


def _scan(stream: Readable, path: Path | None, file: str, data_format: str | None, *, tokens: bool) -> Scan:
    with ExitStack() as stack:
        stack.enter_context(without_collector())
        keep_freed()
        examples = _Examples(file, data_format, path, stack, tokens=tokens)
        sha = hashlib.sha256()
        size = 0
        for part in blocks(stream):
            canonical = canonical_part(part)
            sha.update(canonical)
            size += len(canonical)
            examples.take(part, blank=not canonical)
            del part, canonical  # or a long line is held while the next one is read
        return examples.finish(sha.hexdigest(), size)


class _Examples:
    """The examples of one file on their way through the checks."""

    def __init__(
        self, file: str, data_format: str | None, path: Path | None, stack: ExitStack, *, tokens: bool
    ) -> None:
        self._out = Collector(file)
        self._format = named(data_format) if data_format else None
        self._path = path
        self._stack = stack
        self._tokens = tokens
        self._crew: Crew | None = None
        self._started = False
        self._readable = True
        self._count = 0
        self._notes = Notes()
        self._tally = Tally()
        self._rows = Rows()
        self._longest: list[tuple[int, int]] = []

    def take(self, part: Block | LongPart, *, blank: bool) -> None:
        """Check what one part of the stream holds."""
        if not self._started:
            self._started = True
            if told := describe(part.data):
                code, message, remedy = told
                self._out.add(code, message=message, remedy=remedy)
                self._readable = False
        if not self._readable or blank:
            return
        if isinstance(part, LongPart):
            if part.last:
                self._count += 1
                self._out.add("line-too-long", part.line)
            return
        if self._crew is None:
            self._crew = self._start(part.data)
        for result in self._crew.check(part):
            self._add(result)

    def _start(self, data: bytes) -> Crew:
        if self._format is None:
            self._format = detect(_first_records(data))
        job = Job(str(self._path), self._format.name, self._tokens)
        return self._stack.enter_context(Crew(job, alone=self._path is None))

    def _add(self, result: Result) -> None:
        self._count += result.examples
        self._out.merge(result.out)
        self._notes.merge(result.notes)
        self._tally.add(result.tally)
        if result.longest:
            self._longest = heapq.nlargest(LONGEST, [*self._longest, *result.longest])
        for rows, numbers in result.rows:
            self._rows.add(rows, numbers, self._out)

    def finish(self, digest: str, size: int) -> Scan:
        """Add what only the whole file tells, and return all of it."""
        if self._crew is not None:
            for result in self._crew.rest():
                self._add(result)
        out = self._out
        self._notes.finish(out)
        if self._readable:
            if not self._count:
                out.add("file-empty")
            elif self._count < EXAMPLES_REQUIRED:
                out.add("examples-too-few", message=f"{_count(self._count)}; a job needs at least {EXAMPLES_REQUIRED}")
            elif self._count < EXAMPLES_ADVISED:
                out.add("examples-few", message=f"{_count(self._count)}, fewer than the advised {EXAMPLES_ADVISED}")
        sent = wire_size(size)
        if sent > PARTS_LIMIT:
            out.add("file-too-large", message=f"{sent:,} bytes; an upload carries at most {PARTS_LIMIT:,}")
        elif sent >= WHOLE_LIMIT:
            out.add("file-large", message=f"{sent:,} bytes; a file is documented to be smaller than {WHOLE_LIMIT:,}")
        return Scan(
            digest,
            size,
            self._count,
            (self._format or detect(())).name,
            out.kept(),
            dict(out.counts),
            self._tally.result(counted=self._tokens),
            tuple(self._longest),
            self._rows.sample(),
        )


def _first_records(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the first records that can be read, for telling the format; what cannot be read is found again later."""
    scratch = Collector("")
    for line in data.split(b"\n", LINES_FOR_FORMAT)[:LINES_FOR_FORMAT]:
        record = read_object(line.rstrip(b"\r"), 0, scratch) if line.strip() else None
        if record is not None:
            yield record


def _count(examples: int) -> str:
    return "1 example" if examples == 1 else f"{examples} examples"
