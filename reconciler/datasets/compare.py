"""What changed between two versions of a dataset, in counts: nothing of a row is kept but hashes and its length.

Rows are told apart as the digest tells them: by the bytes of their canonical lines. Of the rows that only one version has,
those with the same JSON value differ in formatting only; those that ask the same, or answer the same at the same place
between unchanged rows, are one row that was changed; the others were added or removed.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from xxhash import xxh3_64, xxh3_64_intdigest

from reconciler.datasets.canonical import canonical_part
from reconciler.datasets.findings import CODES, Collector
from reconciler.datasets.record import read_object
from reconciler.datasets.sniff import describe
from reconciler.datasets.stream import LongPart, Readable, blocks
from reconciler.datasets.texts import Texts

PAIRED = 50_000
"""Differing rows of one version that are looked at one by one; with more of them the versions have little in common."""
COUNTED_TOGETHER = 4000
"""Texts whose tokens are counted in one call."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What changed: numbers of examples, and of tokens where they were counted.

    `before` and `after` are all examples of the two versions. `reformatted` rows have the same value and other bytes;
    `reordered` says that the rows are the same and stand in another order.
    `tokens_added` and `tokens_removed` are those of rows that are added, removed or changed.
    """

    before: int
    after: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    reformatted: int = 0
    tokens_added: int | None = None
    tokens_removed: int | None = None
    reordered: bool = False

    @property
    def is_nothing(self) -> bool:
        """Whether the two versions are the same data."""
        return not (self.added or self.removed or self.changed or self.reformatted or self.reordered)


class NotComparable(Exception):  # noqa: N818  (reads as what it is in an except clause)
    """One version holds no rows at all: it is compressed, a pointer to the data, or something else."""


Opener = Callable[[], AbstractContextManager[Readable]]
"""Opens one version for reading; called twice, and must give the same bytes both times."""


class _Row(NamedTuple):
    value: int
    question: Hashable
    answer: Hashable
    tokens: int


def compare(before: Opener, after: Opener, *, tokens: bool = True) -> Comparison:
    """Compare two versions, each read at most twice.

    Raises NotComparable, which says what a version holds in place of rows; OSErrors of the streams pass through.
    """
    (old, first), (new, second) = _hashes(before), _hashes(after)
    total_before, total_after = old.total(), new.total()
    gone, fresh = old - new, new - old
    if not gone and not fresh:
        return Comparison(total_before, total_after, tokens_added=0, tokens_removed=0, reordered=first != second)
    del old, new
    if max(gone.total(), fresh.total()) > PAIRED:
        return Comparison(total_before, total_after, fresh.total(), gone.total())
    removed_rows, added_rows = _rows(before, gone, tokens=tokens), _rows(after, fresh, tokens=tokens)
    reformatted = _pair(removed_rows, added_rows, lambda row: row.value)
    sums = [sum(row.tokens for row in rows) if tokens else None for rows in (added_rows, removed_rows)]
    changed = _pair(removed_rows, added_rows, lambda row: row.question)
    # Many examples may give one short answer: only one that no other gives there tells that the question was mended.
    often = {key for rows in (removed_rows, added_rows) for key, times in _answers(rows).items() if times > 1}
    changed += _pair(removed_rows, added_rows, lambda row: None if row.answer in often else row.answer)
    return Comparison(
        total_before, total_after, len(added_rows), len(removed_rows), changed, reformatted, sums[0], sums[1]
    )


def _hashes(version: Opener) -> tuple[Counter[int], int]:
    """Return how often each row stands in a version, and a hash of all of them in order."""
    found: Counter[int] = Counter()
    order = xxh3_64()
    with version() as stream:
        for lines in _lines(stream):
            rows = array("Q", map(xxh3_64_intdigest, lines))
            found.update(rows)
            order.update(rows)
    return found, order.intdigest()


def _lines(stream: Readable) -> Iterator[list[bytes]]:
    """Yield the canonical lines; one that is too long to be held stands for itself by its parts."""
    started = False
    for part in blocks(stream):
        if not started and (told := describe(part.data)):
            raise NotComparable(told.message or CODES[told.code].meaning)
        started = True
        if isinstance(part, LongPart):
            if part.data:
                yield [part.data]
        elif data := canonical_part(part):
            lines = data.split(b"\n")
            lines.pop()
            yield lines


def _rows(version: Opener, wanted: Counter[int], *, tokens: bool) -> list[_Row]:
    with version() as stream:
        return list(_read_rows(stream, wanted, tokens=tokens))


def _read_rows(stream: Readable, wanted: Counter[int], *, tokens: bool) -> Iterator[_Row]:
    """Yield what there is to know of the wanted rows, in order."""
    left = Counter(wanted)
    pending: list[tuple[int, Hashable, Hashable]] = []
    texts = Texts()
    place = 0

    def done() -> Iterator[_Row]:
        lengths = texts.lengths().whole if tokens else [0] * len(pending)
        for known, length in zip(pending, lengths, strict=True):
            yield _Row(*known, length)
        pending.clear()
        texts.truncate(0)

    for lines in _lines(stream):
        for line in lines:
            row = xxh3_64_intdigest(line)
            if not left[row]:
                place = row
                continue
            left[row] -= 1
            record = read_object(line, 0, Collector(""))
            answer = _answer(record)
            pending.append((_value(record, row), _question(record), (place, answer) if answer else None))
            texts.add_record(record or {})
            if len(texts.shown) + len(texts.learnt) > COUNTED_TOGETHER:
                yield from done()
    yield from done()


def _value(record: Mapping[str, Any] | None, row: int) -> int:
    """Return a hash of what a row says, however it is written; a row that cannot be read says its bytes."""
    if record is None:
        return row
    try:
        return xxh3_64_intdigest(msgspec.json.encode(record, order="sorted"))
    except (ValueError, TypeError, OverflowError, UnicodeError, RecursionError):
        return row


def _question(record: Mapping[str, Any] | None) -> Hashable:
    """Return a hash of what an example asks: all of its messages but the answers; None where nothing is asked."""
    if record is None:
        return None
    if "input" in record:
        return _value({"asked": record["input"]}, 0)
    asked = [message for message in _messages(record) if message.get("role") != "assistant"]
    return _value({"asked": asked}, 0) if any(message.get("role") == "user" for message in asked) else None


def _answer(record: Mapping[str, Any] | None) -> int:
    """Return a hash of what an example answers; 0 where nothing is answered."""
    if record is None:
        return 0
    outputs = [record[key] for key in ("preferred_output", "non_preferred_output") if key in record]
    answers = outputs or [message for message in _messages(record) if message.get("role") == "assistant"]
    return _value({"answered": answers}, 0) if answers else 0


def _messages(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    messages = record.get("messages")
    return [message for message in messages if isinstance(message, Mapping)] if isinstance(messages, list) else []


def _answers(rows: list[_Row]) -> Counter[Hashable]:
    return Counter(row.answer for row in rows)


def _pair(removed: list[_Row], added: list[_Row], key: Callable[[_Row], Hashable]) -> int:
    """Take out of both lists what has the same key (None has none), in order; return how many pairs there were."""
    waiting: dict[Hashable, deque[int]] = defaultdict(deque)
    for index, row in enumerate(removed):
        if (known := key(row)) is not None:
            waiting[known].append(index)
    taken_old, taken_new = set[int](), set[int]()
    for index, row in enumerate(added):
        queue = waiting.get(key(row))
        if queue:
            taken_old.add(queue.popleft())
            taken_new.add(index)
    removed[:] = [row for index, row in enumerate(removed) if index not in taken_old]
    added[:] = [row for index, row in enumerate(added) if index not in taken_new]
    return len(taken_old)
