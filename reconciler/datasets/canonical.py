"""The canonical form of a file of lines, and its digest: the identity of training data.

Canonical form: no byte order mark, every line ended by one LF, blank lines dropped, nothing else touched. The SHA-256 of
it is the content digest, so for an ordinary file it is what `sha256sum` prints, and an editor, a checkout with CRLF or a
service that adds a byte order mark never changes what the data is. Empty data has the empty form.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from reconciler.datasets.stream import BLANKS, CHUNK, LINE_LIMIT, Block, LongPart, Readable, blocks

_UNUSUAL = BytesAhoCorasick([b"\r", b"\n\n", b"\n ", b"\n\t"], matchkind=MatchKind.LeftmostFirst)
"""Finds what a canonical form does not have, and a line that begins with a blank, which it may have."""
_BLANK_LINE = re.compile(rb"\n[ \t\r]*+\n")
_BLANK_START = re.compile(rb"[ \t\r]*+\n")


def clean(data: bytes) -> bytes:
    """Return whole lines in canonical form; the same object where they are in it already, which costs a few scans."""
    if not data.startswith((b"\n", b" ", b"\t", b"\r")) and not _UNUSUAL.find_matches_as_indexes(data):
        return data
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
        if b"\r\n" in data:  # CR CR LF
            data = b"\n".join([line.rstrip(b"\r") for line in data.split(b"\n")])
    if _BLANK_START.match(data) or _BLANK_LINE.search(data):
        return b"".join([line + b"\n" for line in data.split(b"\n") if line.strip(BLANKS)])
    return data


def canonical_part(part: Block | LongPart) -> bytes:
    """Return the canonical bytes that one part of a stream stands for."""
    if isinstance(part, Block):
        return clean(part.data)
    return part.data + b"\n" if part.last else part.data


def canonical_chunks(source: Readable, *, chunk: int = CHUNK, limit: int = LINE_LIMIT) -> Iterator[bytes]:
    """Yield the canonical form of the source as non-empty chunks of bytes, in constant memory."""
    for part in blocks(source, chunk=chunk, limit=limit):
        if data := canonical_part(part):
            yield data


class Measured(NamedTuple):
    """What one pass over data tells: its digest (64 hex characters) and the size of its canonical form in bytes."""

    digest: str
    size: int


def measure(source: Readable) -> Measured:
    """Return digest and canonical size of the source; reads it once to its end."""
    sha = hashlib.sha256()
    size = 0
    for data in canonical_chunks(source):
        sha.update(data)
        size += len(data)
    return Measured(sha.hexdigest(), size)


def digest(source: Readable) -> str:
    """Return the content digest of the source: SHA-256 of its canonical form, 64 lower-case hex characters."""
    return measure(source).digest
