"""The canonical form: a table of bytes, and the laws that make a digest an identity."""

from __future__ import annotations

import hashlib
import io
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.datasets.canonical import canonical_chunks, clean, digest, measure
from reconciler.datasets.stream import BOM, Block, Chunks, LongPart, blocks

LIMIT = 8
"""A tiny longest line: with it every law meets the code for lines that do not fit in memory."""


def canonical(data: bytes, *, chunk: int = 1 << 20, limit: int = 1 << 24) -> bytes:
    return b"".join(canonical_chunks(io.BytesIO(data), chunk=chunk, limit=limit))


PIECES = st.sampled_from([b"\n", b"\r\n", b"\r", b" ", b"\t", BOM, b"\xef", b"\xbb", b"a", b"bb", b"{}", b"0123456789"])
FILES = st.lists(PIECES, max_size=30).map(b"".join)


@pytest.mark.parametrize(
    ("data", "expected", "reason"),
    [
        (b"", b"", "nothing stays nothing"),
        (b"a\nb\n", b"a\nb\n", "an ordinary file is its own canonical form"),
        (b"a\nb", b"a\nb\n", "the last line ends like the others"),
        (b"a\r\nb\r\n", b"a\nb\n", "a checkout with CRLF is the same data"),
        (b"a\r\r\nb", b"a\nb\n", "a file converted twice is the same data"),
        (BOM + b"a\n", b"a\n", "the byte order mark is encoding, not content"),
        (BOM + BOM + b"a\n", b"a\n", "so is one that was added twice"),
        (b"\n \n" + BOM + b"a\n", b"a\n", "blank lines before it do not turn a mark into content"),
        (b"a\n" + BOM + b"b\n", b"a\n" + BOM + b"b\n", "inside the file a mark is content, and an error elsewhere"),
        (b"\n\na\n\n \t\n\r\nb\n\n", b"a\nb\n", "blank lines hold no example"),
        (b" a \n", b" a \n", "white space around a record is left alone"),
        (b"a\rb\n", b"a\rb\n", "a carriage return inside a line is no line end"),
        (b"a\r", b"a\n", "at the end of the data it is part of the line end"),
        (b" \t\r", b"", "white space alone is nothing"),
        (b"a\x0c\n\x0c\n", b"a\x0c\n\x0c\n", "a form feed is not white space in JSON"),
    ],
)
def test_canonical_form(data: bytes, expected: bytes, reason: str) -> None:
    assert canonical(data) == expected, reason


def test_digest_of_an_ordinary_file_is_what_sha256sum_prints() -> None:
    data = b'{"a": 1}\n{"b": "\xc3\xa9"}\n'
    assert digest(io.BytesIO(data)) == hashlib.sha256(data).hexdigest()
    assert measure(io.BytesIO(BOM + data)) == (hashlib.sha256(data).hexdigest(), len(data))


def test_digest_of_nothing_is_that_of_empty_data() -> None:
    assert digest(io.BytesIO(BOM + b"\r\n")) == hashlib.sha256(b"").hexdigest()


@given(FILES, st.integers(1, 12), st.integers(1, 12))
@example(b"        \r\r\r\r\r\r\r\r\r\n", 8, 1)
@example(BOM * 9 + b"a", 8, 3)
@example(b"\r" * 20 + b"\n" + BOM + b"a", 8, 8)
@example(b" " * 9 + b"\n" + BOM, 8, 1)
def test_canonical_form_is_idempotent_and_independent_of_chunks(data: bytes, chunk: int, other: int) -> None:
    once = canonical(data, chunk=chunk, limit=LIMIT)
    assert canonical(data, chunk=other, limit=LIMIT) == once
    assert canonical(once, chunk=other, limit=LIMIT) == once


@given(
    st.lists(st.sampled_from([b"a", b" b", b'{"c": "\xc3\xa9"}', b"0123456789abc", b" x" * 9]), min_size=1), st.data()
)
def test_encoding_and_blank_lines_never_change_the_form(lines: list[bytes], data: st.DataObject) -> None:
    expected = b"".join(line + b"\n" for line in lines)
    written = data.draw(st.sampled_from([b"", BOM]))
    for line in lines:
        written += (
            data.draw(st.sampled_from([b"", b"\n", b"  \r\n"])) + line + data.draw(st.sampled_from([b"\n", b"\r\n"]))
        )
    if data.draw(st.booleans()):
        written = written.rstrip(b"\r\n")
    chunk = data.draw(st.integers(1, 9))
    assert canonical(written, chunk=chunk, limit=LIMIT) == expected
    assert canonical(written) == expected


@given(FILES)
def test_short_and_long_lines_follow_the_same_rules(data: bytes) -> None:
    """Only a line of white space longer than the limit differs: it is not taken for a blank one."""
    if all(len(line) <= LIMIT or line.strip(b" \t\r" + BOM) for line in data.split(b"\n")):
        assert canonical(data, limit=LIMIT) == canonical(data)


@given(FILES)
def test_clean_returns_the_same_object_where_nothing_is_to_do(data: bytes) -> None:
    once = clean(data + b"\n")
    assert clean(once) is once


@given(FILES, st.integers(1, 12))
def test_blocks_number_the_lines_as_the_file_does(data: bytes, chunk: int) -> None:
    written = data.removesuffix(b"\n").split(b"\n")
    for part in blocks(io.BytesIO(data), chunk=chunk, limit=LIMIT):
        if isinstance(part, Block):
            for number, line in enumerate(part.data.removesuffix(b"\n").split(b"\n"), part.line):
                assert written[number - 1].strip(b"\r").endswith(line.strip(b"\r"))
        else:
            assert part.data.strip(b"\r") in written[part.line - 1]


@given(FILES, st.integers(1, 12))
def test_blocks_stand_where_they_say(data: bytes, chunk: int) -> None:
    for part in blocks(io.BytesIO(data), chunk=chunk, limit=LIMIT):
        if not isinstance(part, Block):
            continue
        there = data[part.offset :]
        if part.data.count(b"\n") == 1:  # some of the carriage returns at its end may be left out
            line, _, _ = there.partition(b"\n")
            assert line.rstrip(b"\r") == part.data.rstrip(b"\r\n")
        else:
            assert there.removesuffix(b"\n").startswith(part.data.removesuffix(b"\n"))


def test_a_line_longer_than_the_limit_comes_in_parts() -> None:
    parts = list(blocks(io.BytesIO(b"ab\n" + b"x" * 20 + b"\r\ncd\n"), chunk=4, limit=LIMIT))
    long = [part for part in parts if isinstance(part, LongPart)]
    assert b"".join(part.data for part in long) == b"x" * 20
    assert [part.last for part in long] == [False] * (len(long) - 1) + [True]
    assert {part.line for part in long} == {2}
    assert parts[-1] == Block(3, b"cd\n", 25, 1)


def test_memory_does_not_grow_with_a_line() -> None:
    class Endless:
        left = 64

        def read(self, size: int, /) -> bytes:
            self.left -= 1
            return b"x" * size if self.left >= 0 else b""

    tracemalloc.start()
    size = sum(len(data) for data in canonical_chunks(Endless(), chunk=1 << 18, limit=1 << 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size == (64 << 18) + 1
    assert peak < 6 << 20


@given(st.lists(st.binary(max_size=5)), st.integers(1, 7))
def test_chunks_read_like_a_file(chunks: list[bytes], size: int) -> None:
    source = Chunks(chunks)
    read = list(iter(lambda: source.read(size), b""))
    assert b"".join(read) == b"".join(chunks)
    assert all(len(data) <= size for data in read)
    assert Chunks(chunks).read() == b"".join(chunks)
