"""The check of some blocks of a file: whole lines in, everything about them out, as one value that can be sent.

It holds no state that a result depends on, so the parts of a file can be checked in any order and in other processes.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain

from ahocorasick_rs import BytesAhoCorasick
from xxhash import xxh3_64_intdigest

from reconciler.datasets.canonical import clean
from reconciler.datasets.findings import Collector
from reconciler.datasets.formats import Quick, named
from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.record import read_object
from reconciler.datasets.secrets import kinds_in, might_hold
from reconciler.datasets.statistics import Tally
from reconciler.datasets.stream import BLANKS, Block
from reconciler.datasets.texts import Lengths, Texts

LONG = 8192
"""Tokens from which on an example is remembered by its line: no model trains on less than this at once."""
LONGEST = 20
"""Such examples that are remembered."""
TEXT_LIMIT = 16 << 20
"""Longest line, in bytes, that is read without images in it: no model trains on a tenth of so much text."""
_IMAGE = b'"image_url"'
_SEAM = BytesAhoCorasick([b"}\n{"])
"""Between two records on lines of their own. Inside of a record no JSON has this."""
DENSE_LINE, MOST_VALUES = 1 << 20, 250_000
"""Bytes from which on the values of a line are counted before it is read, and how many it may have.

Small values take a hundred times their bytes in memory; an example that a model can be trained on has a few hundred.
"""


@dataclass(slots=True)
class Result:
    """Everything about some blocks.

    `rows` are, for each run of lines, 64-bit hashes of those that are examples and their line numbers. `longest` are the
    longest examples over LONG tokens as (tokens, line).
    """

    out: Collector = field(default_factory=lambda: Collector(""))
    notes: Notes = field(default_factory=Notes)
    tally: Tally = field(default_factory=Tally)
    rows: list[tuple[array[int], Sequence[int]]] = field(default_factory=list)
    longest: list[tuple[int, int]] = field(default_factory=list)

    @property
    def examples(self) -> int:
        """How many examples there are."""
        return sum(len(rows) for rows, _ in self.rows)


class Checker:
    """Checks blocks of a file of one format."""

    def __init__(self, data_format: str, *, tokens: bool) -> None:
        self._format = named(data_format)
        self._tokens = tokens

    def check(self, blocks: Iterable[Block]) -> Result:
        """Check blocks that follow each other in the file. Never raises, whatever the bytes.

        Several blocks at once, because tokens are counted faster the more texts there are.
        """
        result = Result()
        texts = Texts(counted=self._tokens)
        quick = self._format.quick(result.notes) if self._format.quick else None
        for block in blocks:
            data = block.data
            if len(data) > TEXT_LIMIT and data.find(b"\n") > TEXT_LIMIT:
                block = self._check_long(block, result, texts)  # noqa: PLW2901  (what is left of it)
            self._check_block(block, quick, result, texts)
            if not self._tokens:
                texts.truncate(0)  # or they fill the processor's cache
        if self._tokens:
            _add_lengths(texts.lengths(), result)
        return result

    def _check_block(self, block: Block, quick: Quick | None, result: Result, texts: Texts) -> None:
        data, first = block.data, block.line
        at_once = quick and not (len(data) > DENSE_LINE and _is_dense(data))
        ends = ends_of_records(block) if at_once else None
        if quick and ends and quick.passes(data, len(ends), first, texts, result.tally):
            numbers: Sequence[int] = range(first, first + len(ends))
            view = memoryview(data)  # the lines themselves would fill the processor's cache
            starts = [0, *[end + 1 for end in ends]]
            hashes = [xxh3_64_intdigest(view[start:end]) for start, end in zip(starts, ends, strict=False)]
            result.rows.append((array("Q", hashes), numbers))
            if might_hold(data):
                _find_secrets(numbers, data.split(b"\n")[:-1], result)
            return
        numbers, lines = self._check_lines(block, quick, result, texts)
        result.rows.append((array("Q", map(xxh3_64_intdigest, lines)), numbers))
        if might_hold(data):
            _find_secrets(numbers, lines, result)

    def _check_lines(
        self, block: Block, quick: Quick | None, result: Result, texts: Texts
    ) -> tuple[Sequence[int], list[bytes]]:
        """Check each line by itself; returns those that are examples, with their numbers."""
        data, first = block.data, block.line
        lines = data.split(b"\n")
        lines.pop()
        numbers: Sequence[int] = range(first, first + len(lines))
        starts: Sequence[int] = [*accumulate((len(line) + 1 for line in lines), initial=block.offset)][:-1]
        if clean(data) is not data:
            numbers, starts, lines = _examples(lines, starts, first)
        for number, start, line in zip(numbers, starts, lines, strict=True):
            if len(line) > DENSE_LINE and _is_dense(line):
                result.out.add("line-too-long", number, message=_DENSE)
                texts.end(0)
            elif not (quick and quick.passes(line, 1, number, texts, result.tally)):
                self._check_line(line, number, start, result, texts)
        return numbers, lines

    def _check_long(self, block: Block, result: Result, texts: Texts) -> Block:
        """Check a first line that is too long to be held more often than it must be; returns the other lines."""
        data, first, offset = block.data, block.line, block.offset
        end = data.index(b"\n")
        line = memoryview(data)[:end]
        result.rows.append((array("Q", [xxh3_64_intdigest(line)]), (first,)))
        if data.find(_IMAGE, 0, end) >= 0 and not _is_dense(data):
            self._check_line(line, first, offset, result, texts)
        else:
            result.out.add("line-too-long", first)
            texts.end(0)
        return Block(first + 1, data[end + 1 :], offset + end + 1, block.lines - 1)

    def _check_line(self, line: bytes | memoryview, number: int, start: int, result: Result, texts: Texts) -> None:
        record = read_object(line, number, result.out, offset=start)
        if record is None:
            texts.end(0)
            return
        self._format.check(record, number, result.out, result.notes)
        if self._tokens:
            texts.add_record(record)
        result.tally.add_record(record, items=self._format.items)


_DENSE = f"the line has more than {MOST_VALUES:,} values, too many to be checked; it counts as one example"


def ends_of_records(block: Block) -> list[int] | None:
    """Return where the lines end, if each starts and ends as a record does and so no record goes on in the next line."""
    data = block.data
    if not (data.startswith(b"{") and data.endswith(b"}\n")):
        return None
    ends = [start + 1 for _, start, _ in _SEAM.find_matches_as_indexes(data)]
    return [*ends, len(data) - 1] if len(ends) + 1 == block.lines else None


def _find_secrets(numbers: Sequence[int], lines: list[bytes], result: Result) -> None:
    for number, line in zip(numbers, lines, strict=True):
        for kind, at in kinds_in(line):
            column = len(line[:at].decode(errors="replace")) + 1
            result.out.add("secret-likely", number, column, message=f"the line holds what looks like {kind}")


def _is_dense(data: bytes) -> bool:
    """Return whether there are so many values that reading them could fill the memory."""
    return data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES


def _examples(lines: list[bytes], starts: Sequence[int], first: int) -> tuple[list[int], list[int], list[bytes]]:
    """Return of the lines that are examples their numbers, where they start, and themselves in canonical form."""
    kept = [at for at, line in enumerate(lines) if line.strip(BLANKS)]
    return [first + at for at in kept], [starts[at] for at in kept], [lines[at].rstrip(b"\r") for at in kept]


def _add_lengths(lengths: Lengths, result: Result) -> None:
    result.tally.tokens.update(lengths.whole)
    result.tally.assistant_tokens.update(lengths.learnt)
    if max(lengths.whole, default=0) > LONG:
        numbers = chain.from_iterable(numbers for _, numbers in result.rows)
        long = [(tokens, number) for tokens, number in zip(lengths.whole, numbers, strict=True) if tokens > LONG]
        result.longest = heapq.nlargest(LONGEST, long)
