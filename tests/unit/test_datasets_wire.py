"""What goes over the wire: its length, its bytes, and that it is what was checked."""

from __future__ import annotations

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.datasets.canonical import canonical_chunks, digest, measure
from reconciler.datasets.stream import BOM
from reconciler.datasets.wire import ENCODINGS, DataChanged, Encoded, Encoding, wire_size

FILES = st.lists(st.sampled_from([b"\n", b"\r\n", b" ", BOM, b"a", b'{"b": 1}']), max_size=20).map(b"".join)


@given(FILES, st.sampled_from(ENCODINGS), st.integers(1, 9))
def test_encoded_data_read_back_has_the_same_digest(data: bytes, encoding: Encoding, size: int) -> None:
    file = io.BytesIO(data)
    wire = Encoded(file, encoding=encoding)
    sent = b"".join(iter(lambda: wire.read(size), b""))
    mark = BOM if encoding == "utf-8-bom" else b""
    assert sent == mark + b"".join(canonical_chunks(io.BytesIO(data)))
    assert len(sent) == wire.length == len(wire) == wire_size(measure(io.BytesIO(data)).size, encoding)
    assert digest(io.BytesIO(sent)) == digest(io.BytesIO(data))


def test_clients_may_ask_for_the_length_and_rewind() -> None:
    wire = Encoded(io.BytesIO(b"abc\n"))
    assert wire.readable()
    assert wire.seekable()
    assert wire.seek(0, os.SEEK_END) == wire.length == 7
    assert wire.read(10) == b""
    assert wire.seek(0) == 0
    assert wire.read(3) == BOM
    assert wire.tell() == wire.seek(0, os.SEEK_CUR) == 3
    assert wire.read() == b"abc\n"
    wire.seek(0)
    assert wire.read(None) == BOM + b"abc\n"
    with pytest.raises(io.UnsupportedOperation):
        wire.seek(1)
    with pytest.raises(OSError, match="fileno"):
        wire.fileno()
    wire.seek(0)
    assert io.BufferedReader(wire).read() == BOM + b"abc\n"


def test_an_empty_file_is_still_a_file() -> None:
    wire = Encoded(io.BytesIO(b""), encoding="utf-8")
    assert wire
    assert wire.length == 0
    assert wire.read() == b""


def test_closing_leaves_the_file_open() -> None:
    file = io.BytesIO(b"a\n")
    Encoded(file).close()
    assert not file.closed


def sent_before_failing(wire: Encoded, size: int) -> int:
    sent = 0
    try:
        while data := wire.read(size):
            sent += len(data)
    except DataChanged:
        return sent
    pytest.fail("the change was not noticed")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (b"abd\n", "other content of the same length"),
        (b"abc\nd\n", "more content"),
        (b"ab\n", "less content"),
        (b"", "no content"),
    ],
)
def test_changed_data_never_completes_an_upload(changed: bytes, reason: str) -> None:
    measured = measure(io.BytesIO(b"abc\n"))
    wire = Encoded(io.BytesIO(changed), measured)
    assert sent_before_failing(wire, 2) < wire.length, reason


def test_changed_data_of_several_chunks_never_completes_an_upload() -> None:
    before = b"".join(b"%07d\n" % number for number in range(400_000))
    wire = Encoded(io.BytesIO(before[:-2] + b"x\n"), measure(io.BytesIO(before)), encoding="utf-8")
    assert 0 < sent_before_failing(wire, 1 << 16) < wire.length


def test_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(ValueError, match="one of utf-8-bom, utf-8"):
        Encoded(io.BytesIO(), encoding="utf-16")  # type: ignore[arg-type]
