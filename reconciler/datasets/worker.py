"""A process that checks parts of a file for another one: `python -m reconciler.datasets.worker`, never called by hand.

It reads requests from its standard input and answers on its standard output, each a pickled value behind its length; both
ends are ours, and nothing of the data passes between them but what it reads from the file by itself.
"""

from __future__ import annotations

import gc
import pickle
import signal
import struct
import sys
from typing import IO, Any, NamedTuple

from xxhash import xxh3_128_digest

from reconciler.datasets.part import Checker, Result
from reconciler.datasets.stream import Block
from reconciler.memory import keep_freed

_LENGTH = struct.Struct("<I")


class Job(NamedTuple):
    """What a worker does: the checks of one file."""

    path: str
    data_format: str
    tokens: bool


class Piece(NamedTuple):
    """Some whole lines: where they stand in the file, the number of the first, how many they are, and a hash of what they must be."""

    offset: int
    length: int
    first: int
    lines: int
    hash: bytes


def send(stream: IO[bytes], value: Any) -> None:
    """Write one value."""
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)) + data)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one value. Raises EOFError where the other end is gone."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return pickle.loads(data)  # noqa: S301  (written by our own process, at the other end of a private pipe)


def work(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer each list of pieces with what there is to say of them, or None where the file holds something else there."""
    job: Job = receive(requests)
    checker = Checker(job.data_format, tokens=job.tokens)
    with open(job.path, "rb", buffering=0) as file:  # noqa: PTH123  (unbuffered)
        while True:
            pieces: list[Piece] = receive(requests)
            send(answers, _checked(pieces, file, checker))


def _checked(pieces: list[Piece], file: IO[bytes], checker: Checker) -> Result | None:
    blocks = []
    for piece in pieces:
        file.seek(piece.offset)
        data = file.read(piece.length)
        if len(data) != piece.length or xxh3_128_digest(data) != piece.hash:
            return None
        blocks.append(Block(piece.first, data, piece.offset, piece.lines))
    return checker.check(blocks)


def main() -> None:
    """Serve until the other end closes."""
    # Ctrl-C reaches the whole group; the other end decides what becomes of it, and closes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    keep_freed()
    gc.disable()  # nothing here refers to itself, and looking for it takes a tenth of the time
    try:
        work(sys.stdin.buffer, sys.stdout.buffer)
    except (EOFError, OSError):
        return


if __name__ == "__main__":
    main()
