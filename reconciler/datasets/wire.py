"""Data as it goes over the wire: a readable stream with a known length, encoded as asked, never held in memory.

Azure documents UTF-8 with a byte order mark; its own samples train without one. Both are accepted here and neither is
part of what the data is: the digest of data that was encoded either way and read back is the same.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from typing import BinaryIO, Literal, get_args

from reconciler.datasets.canonical import Measured, canonical_chunks, measure
from reconciler.datasets.stream import BOM

Encoding = Literal["utf-8-bom", "utf-8"]
ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
DEFAULT_ENCODING: Encoding = "utf-8-bom"
"""What Azure's documentation asks for; its samples without a mark train as well."""


class DataChanged(OSError):  # noqa: N818  (reads as what it is in an except clause)
    """The data is no longer what was measured: it was written to between the scan and the upload."""


def wire_size(size: int, encoding: Encoding = DEFAULT_ENCODING) -> int:
    """Return how many bytes are sent for a canonical form of `size` bytes."""
    return size + (len(BOM) if encoding == "utf-8-bom" else 0)


class Encoded(io.RawIOBase):
    """The wire form of a seekable binary file, to be read like a file of `length` bytes.

    `measured` is what an earlier pass found (`measure`, or a Scan's digest and bytes); without it the file is read once
    now. The last byte is given out only after the digest of everything read is found to be the measured one: a
    request with a Content-Length cannot complete with other data than was checked. Raises DataChanged then, and
    ValueError for an unknown encoding.

    It can be rewound, and asked for its end as HTTP clients do to learn a length; it cannot seek elsewhere. Closing it
    does not close the file, which belongs to the caller.
    """

    def __init__(
        self, file: BinaryIO, measured: Measured | None = None, *, encoding: Encoding = DEFAULT_ENCODING
    ) -> None:
        if encoding not in ENCODINGS:
            raise ValueError(f"unknown encoding; one of {', '.join(ENCODINGS)}")
        super().__init__()
        self._file = file
        self._encoding = encoding
        if measured is None:
            file.seek(0)
            measured = measure(file)
        self._measured = Measured(*measured)
        self.length = wire_size(self._measured.size, encoding)
        self._rewind()

    def __len__(self) -> int:
        return self.length

    def __bool__(self) -> bool:
        return True  # an empty file is still a file

    def _rewind(self) -> None:
        self._chunks: Iterator[bytes] | None = None
        self._rest = memoryview(b"")
        self._position = 0

    def _verified(self) -> Iterator[bytes]:
        self._file.seek(0)
        if self._encoding == "utf-8-bom":
            yield BOM
        sha = hashlib.sha256()
        size = 0
        held = b""  # one chunk is held back, so that the last one is given out only when all is known
        for data in canonical_chunks(self._file):
            sha.update(data)
            size += len(data)
            if size > self._measured.size:
                break
            if held:
                yield held
            held = data
        if (sha.hexdigest(), size) != self._measured:
            raise DataChanged("the data changed after it was read for the first time")
        if held:
            yield held

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most `size` bytes (all that is left for a negative size or None); b"" only at the end."""
        if size is None or size < 0:
            return self.readall()
        if not self._rest:
            if self._chunks is None:
                self._chunks = self._verified()
            self._rest = memoryview(next(self._chunks, b""))
        data = bytes(self._rest[:size])
        self._rest = self._rest[size:]
        self._position += len(data)
        return data

    def readall(self) -> bytes:
        """Return all that is left."""
        return b"".join(iter(lambda: self.read(1 << 20), b""))

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]  # typeshed has a wider private type
        """Read into a buffer; return how many bytes were written to it, 0 at the end."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True: rewinding is enough for every client that asks."""
        return True

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to the start, to the end, or stay; anything else raises io.UnsupportedOperation."""
        target = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.length}[whence]
        if target == self._position:
            return target
        if target not in {0, self.length}:
            raise io.UnsupportedOperation("only the start and the end can be sought")
        self._rewind()
        if target:
            self._position = target
            self._chunks = iter(())
        return target
