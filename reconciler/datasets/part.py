"""The check of one part of a file: some whole lines in, everything about them out, as one value that can be sent.

It holds no state that a result depends on, so the parts of a file can be checked in any order and in other processes.
"""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from xxhash import xxh3_64_intdigest

from reconciler.datasets.canonical import clean
from reconciler.datasets.findings import Collector
from reconciler.datasets.formats import named
from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.record import read_object
from reconciler.datasets.secrets import kinds_in, might_hold
from reconciler.datasets.statistics import Tally
from reconciler.datasets.stream import BLANKS
from reconciler.datasets.texts import Lengths, Texts

LONG = 8192
"""Tokens from which on an example is remembered by its line: no model trains on less than this at once."""
LONGEST = 20
"""Such examples that are remembered."""
TEXT_LIMIT = 16 << 20
"""Longest line, in bytes, that is read without images in it: no model trains on a tenth of so much text."""
_IMAGE = b'"image_url"'
DENSE_LINE, MOST_VALUES = 1 << 20, 250_000
"""Bytes from which on the values of a line are counted before it is read, and how many it may have.

Small values take a hundred times their bytes in memory; an example that a model can be trained on has a few hundred.
"""


@dataclass(slots=True)
class Result:
    """Everything about some lines.

    `rows` are 64-bit hashes of the lines that are examples and `numbers` their line numbers. `longest` are the longest
    examples over LONG tokens as (tokens, line).
    """

    out: Collector
    notes: Notes
    tally: Tally
    rows: array[int] = field(default_factory=lambda: array("Q"))
    numbers: Sequence[int] = ()
    longest: list[tuple[int, int]] = field(default_factory=list)


class Checker:
    """Checks parts of a file of one format."""

    def __init__(self, data_format: str, *, tokens: bool) -> None:
        self._format = named(data_format)
        self._tokens = tokens

    def check(self, data: bytes, first: int, offset: int = 0) -> Result:
        """Check whole lines, as they stand in the file from line `first` on. Never raises, whatever the bytes.

        `offset` is how many bytes stand before them in the file.
        """
        if len(data) > TEXT_LIMIT and data.find(b"\n") > TEXT_LIMIT:
            return self._check_long(data, first, offset)
        lines = data.split(b"\n")
        lines.pop()
        numbers: Sequence[int] = range(first, first + len(lines))
        result = Result(Collector(""), Notes(), Tally())
        texts = Texts(counted=self._tokens)
        quick = self._format.quick(result.notes) if self._format.quick else None
        at_once = quick and not (len(data) > DENSE_LINE and _is_dense(data))
        if not (at_once and quick and quick.passes(data, lines, first, texts, result.tally)):
            starts: Sequence[int] = [*accumulate((len(line) + 1 for line in lines), initial=offset)][:-1]
            if clean(data) is not data:
                numbers, starts, lines = _examples(lines, starts, first)
            for number, start, line in zip(numbers, starts, lines, strict=True):
                if len(line) > DENSE_LINE and _is_dense(line):
                    result.out.add("line-too-long", number, message=_DENSE)
                    texts.end(0)
                elif not (quick and quick.passes(line, [line], number, texts, result.tally)):
                    self._check_line(line, number, start, result, texts)
        result.rows, result.numbers = array("Q", map(xxh3_64_intdigest, lines)), numbers
        if might_hold(data):
            for number, line in zip(numbers, lines, strict=True):
                for kind, at in kinds_in(line):
                    column = len(line[:at].decode(errors="replace")) + 1
                    result.out.add("secret-likely", number, column, message=f"the line holds what looks like {kind}")
        if self._tokens:
            _add_lengths(texts.lengths(), numbers, result)
        return result

    def _check_long(self, data: bytes, first: int, offset: int) -> Result:
        """Check lines of which the first is too long to be held more often than it must be; no other one can be."""
        end = data.index(b"\n")
        line = memoryview(data)[:end]
        result = self.check(data[end + 1 :], first + 1, offset + end + 1)
        numbers = [first, *result.numbers]
        result.rows.insert(0, xxh3_64_intdigest(line))
        result.numbers = numbers
        texts = Texts()
        if data.find(_IMAGE, 0, end) >= 0 and not _is_dense(data):
            self._check_line(line, first, offset, result, texts)
        else:
            result.out.add("line-too-long", first)
            texts.end(0)
        if self._tokens:
            _add_lengths(texts.lengths(), [first], result)
        return result

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


def _is_dense(data: bytes) -> bool:
    """Return whether there are so many values that reading them could fill the memory."""
    return data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES


def _examples(lines: list[bytes], starts: Sequence[int], first: int) -> tuple[list[int], list[int], list[bytes]]:
    """Return of the lines that are examples their numbers, where they start, and themselves in canonical form."""
    kept = [at for at, line in enumerate(lines) if line.strip(BLANKS)]
    return [first + at for at in kept], [starts[at] for at in kept], [lines[at].rstrip(b"\r") for at in kept]


def _add_lengths(lengths: Lengths, numbers: Sequence[int], result: Result) -> None:
    result.tally.tokens.update(lengths.whole)
    result.tally.assistant_tokens.update(lengths.learnt)
    if max(lengths.whole, default=0) > LONG:
        long = [(tokens, number) for tokens, number in zip(lengths.whole, numbers, strict=True) if tokens > LONG]
        result.longest = heapq.nlargest(LONGEST, [*result.longest, *long])
