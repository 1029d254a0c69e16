"""Reading a file of lines in constant memory: whole lines in large blocks, over-long lines in parts.

This is the only place that knows where a line ends. A line ends at LF or at the end of the data; carriage returns
directly before it belong to the line end (CRLF, and the CR CR LF that broken conversions leave). A carriage return
anywhere else is part of the line. A byte order mark counts as one only where nothing but marks and blank lines stood
before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from ahocorasick_rs import BytesAhoCorasick

BOM = b"\xef\xbb\xbf"
"""The UTF-8 byte order mark."""
BLANKS = b" \t\r"
"""What a line may hold and still be blank: JSON's own white space without the line feed."""
CHUNK = 1 << 19
"""Bytes asked of the source at once. Larger ones fall out of the processor's cache between hashing and checking, and smaller ones
have more done for each of them; twice and half of it were measured to be slower."""
LINE_LIMIT = 64 << 20
"""Longest line, in bytes, that is held in memory; a longer one passes through in parts and is never blank.

A record may hold 64 images; few people put more than some megabytes of them into the record itself.
"""

LONG_LINES = 256
"""Length of lines, in bytes, from which on searching for their ends is faster than counting these."""

_LEADING = re.compile(rb"(?:(?:\xef\xbb\xbf)*+[ \t\r]*+\n)*+(?:\xef\xbb\xbf)*+")
_MARKS = re.compile(rb"(?:\xef\xbb\xbf)*+")
_LF = ord("\n")
_ENDS = BytesAhoCorasick([b"\n"])


class Readable(Protocol):
    """Anything with `read(n)` that returns at most n bytes and b"" at the end: a file, a response, a socket file."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; b"" only at the end."""
        ...


class Block(NamedTuple):
    """So many whole lines as they stand in the data, each ended by LF; `line` is the number of the first, from 1.

    `offset` is where they begin in the source, in bytes. Of a first line that ends with carriage returns some may be missing,
    and then it is the only one, so all that stands here stands in the source at its offset.
    """

    line: int
    data: bytes
    offset: int
    lines: int


class LongPart(NamedTuple):
    """A part of one line that is longer than the limit, without its line end; the last part says so (and may be empty)."""

    line: int
    data: bytes
    last: bool


def blocks(source: Readable, *, chunk: int = CHUNK, limit: int = LINE_LIMIT) -> Iterator[Block | LongPart]:
    """Yield all lines of the source in order, without leading byte order marks and leading blank lines.

    Memory stays below a few times `limit` + `chunk`, whatever the data. Cuts between blocks carry no meaning, and every
    law about the lines holds for every `chunk`: whether a line is long depends on its length without carriage returns
    at its end, never on how it arrived. OSErrors of the source pass through.
    """
    chunk = min(chunk, limit)  # so only the first line of a block can be longer than the limit
    line = 1
    position = 0
    tail = bytearray()  # the unfinished line, at most `limit` bytes, without the carriage returns at its end …
    returns = 0  # … which are only counted: nothing says how many there are
    in_long = False
    leading = True
    while data := source.read(chunk):
        position += len(data)
        dropped = 0  # carriage returns that the first line here ended with
        if returns:
            rest = data.lstrip(b"\r")
            returns += len(data) - len(rest)
            if not rest:
                continue
            if rest[0] != _LF:
                if not in_long and len(tail) + returns > limit:
                    in_long, leading = True, False
                    yield LongPart(line, bytes(tail), last=False)
                    tail.clear()
                if in_long:
                    yield from (LongPart(line, part, last=False) for part in _returns(returns, chunk))
                else:
                    tail += b"\r" * returns
            elif not in_long:
                dropped = returns
            returns = 0
            data = rest
        if in_long:
            end = data.find(b"\n")
            body = data if end < 0 else data[:end]
            kept = body.rstrip(b"\r")
            yield LongPart(line, kept, last=end >= 0)
            if end < 0:
                returns = len(body) - len(kept)
                continue
            in_long = False
            line += 1
            data = data[end + 1 :]
        end = data.rfind(b"\n") + 1
        if end:
            head = b"".join((tail, memoryview(data)[:end]))
            tail = bytearray(data[end:])
            number = line
            if leading and (marks := _MARKS.match(head)):
                head = head[marks.end() :]
            if (first := head.find(b"\n")) > limit and len(kept := head[:first].rstrip(b"\r")) > limit:
                leading = False
                yield LongPart(line, kept, last=True)
                head = head[first + 1 :]
                line += 1
            if leading:
                head, line = _without_leading(head, line)
                leading = not head
            if dropped and line == number:
                first = head.find(b"\n") + 1
                yield Block(line, head[:first], position - len(tail) - len(head) - dropped, 1)
                head = head[first:]
                line += 1
            if head:
                lines = _count_lines(head)
                yield Block(line, head, position - len(tail) - len(head), lines)
                line += lines
            head = b""  # it may be long, and is not held while the next one is read
        else:
            tail += data
        if leading and (marks := _MARKS.match(tail)):
            del tail[: marks.end()]
        if tail.endswith(b"\r"):
            length = len(tail.rstrip(b"\r"))
            returns = len(tail) - length
            del tail[length:]
        if len(tail) > limit:
            in_long, leading = True, False
            yield LongPart(line, bytes(tail), last=False)
            tail.clear()
    if in_long:
        yield LongPart(line, b"", last=True)
    elif tail:
        head = bytes(tail) + b"\n"
        if leading:
            head, line = _without_leading(head, line)
        if head:
            yield Block(line, head, position - returns + 1 - len(head), 1)


def _count_lines(data: bytes) -> int:
    is_long = data.find(b"\n") >= LONG_LINES  # others are most probably alike
    return len(_ENDS.find_matches_as_indexes(data)) if is_long else data.count(b"\n")


def _without_leading(head: bytes, line: int) -> tuple[bytes, int]:
    found = _LEADING.match(head)
    end = found.end() if found else 0
    return (head[end:], line + head.count(b"\n", 0, end)) if end else (head, line)


def _returns(count: int, chunk: int) -> Iterator[bytes]:
    while count:
        part = min(count, chunk)
        yield b"\r" * part
        count -= part


class Chunks:
    """An iterable of bytes as a Readable, for answers that stream: `digest(Chunks(response_chunks))`."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes (all for a negative size); b"" only at the end."""
        if size < 0:
            data = self._rest + b"".join(self._chunks)
            self._rest = b""
            return data
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = chunk
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
