"""Parts of a large file checked by several processes, in the order of the file.

Processes, because decoding holds Python's lock. They read the file themselves and are no more than a help: what the caller
read is what counts, and a part that a worker cannot check, or found to be something else, is checked here. So is a part for
which no worker is free: one process of the crew is the caller's own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Self

from xxhash import xxh3_128_digest

from reconciler.datasets.part import Checker, Result
from reconciler.datasets.stream import Block
from reconciler.datasets.worker import Job, Piece, receive, send

LARGE = 32 << 20
"""Size in bytes from which on other processes are worth their start (a third of a second)."""
MOST_WORKERS = 8
LARGEST_SENT = 8 << 20
"""Largest part, in bytes, that a worker is given; several larger ones on their way would fill the memory."""
TOGETHER = 8
"""Parts that are checked together: to wake each other up costs more than to send, and to count few texts more than many."""
AHEAD = 4 << 20
"""Bytes that lie ready for a worker, beside the lot that it checks; with much less it often waits for this process."""
MOST_WAITING = 64
"""Lots of parts whose results may wait for an earlier one's."""

Lot = list[Block]


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_worth_it(path: Path) -> bool:
    """Return whether a file is so large, and the machine such, that several processes are faster."""
    return processors() > 1 and path.stat().st_size >= LARGE


class Crew:
    """What checks one file: this process, and where it is asked for some workers; a context manager that ends them."""

    def __init__(self, job: Job, *, alone: bool = False) -> None:
        self._here = Checker(job.data_format, tokens=job.tokens)
        self._lock = threading.Lock()
        self._under_way: deque[tuple[Lot, Future[Result]]] = deque()
        self._lot: Lot = []
        workers = 0 if alone else min(processors() - 1, MOST_WORKERS)
        self._members = [_Member(job, self._check_here) for _ in range(workers)]

    def __enter__(self) -> Self:
        for member in self._members:
            member.start()
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.close()

    def check(self, block: Block) -> Iterator[Result]:
        """Have a block checked; yields the results of earlier ones that are due, in order."""
        if len(block.data) > LARGEST_SENT:
            yield from self.rest()
            yield self._here.check([block])
            return
        self._lot.append(block)
        if len(self._lot) >= TOGETHER or sum(len(each.data) for each in self._lot) > LARGEST_SENT:
            self._take_up()
        while self._under_way and (self._under_way[0][1].done() or len(self._under_way) > MOST_WAITING):
            yield self._under_way.popleft()[1].result()

    def rest(self) -> Iterator[Result]:
        """Yield the results of what is still under way, in order."""
        if self._lot:
            self._take_up()
        while self._under_way:
            waiting = [(lot, future) for lot, future in self._under_way if not future.done()]
            if len(waiting) > len(self._members):  # so there are some that nobody has begun
                lot, future = waiting[-1]
                _settle(future, partial(self._check_here, lot))
            else:
                yield self._under_way.popleft()[1].result()

    def _take_up(self) -> None:
        lot, self._lot = self._lot, []
        future: Future[Result] = Future()
        self._under_way.append((lot, future))
        if not any(member.take(lot, future) for member in self._members):
            future.set_result(self._check_here(lot))

    def _check_here(self, lot: Lot) -> Result:
        with self._lock:
            return self._here.check(lot)


class _Member:
    """One worker process; it is gone for good once anything is wrong with it.

    Requests are sent by the caller's thread, so that the next one lies ready when the worker has answered; a thread of its
    own waits for the answers, since that thread may have to wait for Python's lock.
    """

    def __init__(self, job: Job, check_here: Callable[[Lot], Result]) -> None:
        self._job = job
        self._check_here = check_here
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._taken: deque[tuple[Lot, Future[Result]]] = deque()
        self._usable = False
        self._thread = threading.Thread(target=self._receive, daemon=True)

    def start(self) -> None:
        """Start the process; where that fails, nothing is ever taken."""
        try:
            # -P: a module of ours is named, and nothing in the working folder may stand in for what it imports.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reconciler.datasets.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            send(_open(self._process.stdin), self._job)
        except OSError:
            return
        self._usable = True
        self._thread.start()

    def take(self, lot: Lot, future: Future[Result]) -> bool:
        """Have some blocks checked, unless there is enough to do already or the process is of no use."""
        with self._lock:
            if not self._usable or self._process is None or (len(self._taken) > 1 and self._ready() >= AHEAD):
                return False
            pieces = [
                Piece(each.offset, len(each.data), each.line, each.lines, xxh3_128_digest(each.data)) for each in lot
            ]
            try:
                send(_open(self._process.stdin), pieces)
            except (OSError, ValueError):
                self._usable = False
                return False
            self._taken.append((lot, future))
            return True

    def _receive(self) -> None:
        assert self._process is not None
        answers = _open(self._process.stdout)
        while True:
            try:
                result: Result | None = receive(answers)
            except (OSError, EOFError, ValueError):
                break
            if (answered := self._next()) is None:
                break
            lot, future = answered
            _settle(future, partial(self._check_here, lot) if result is None else result)
        with self._lock:
            self._usable = False
        while left := self._next():
            lot, future = left
            _settle(future, partial(self._check_here, lot))

    def _next(self) -> tuple[Lot, Future[Result]] | None:
        """Return what was taken first; None if nothing is wanted any more."""
        with self._lock:
            return self._taken.popleft() if self._taken else None

    def _ready(self) -> int:
        return sum(len(block.data) for lot, _ in islice(self._taken, 1, None) for block in lot)

    def close(self) -> None:
        """End the process. What it was doing is of no more interest."""
        with self._lock:
            self._usable = False
            self._taken.clear()
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait()
        if self._thread.is_alive():
            self._thread.join()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                _open(pipe).close()


def _settle(future: Future[Result], result: Result | Callable[[], Result]) -> None:
    """Set a result, or what a check finds, unless somebody was faster."""
    if future.done():
        return
    try:
        found = result if isinstance(result, Result) else result()
    except BaseException as error:  # noqa: BLE001  (it is raised where the result is asked for)
        with contextlib.suppress(InvalidStateError):
            future.set_exception(error)
    else:
        with contextlib.suppress(InvalidStateError):
            future.set_result(found)


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # each was asked for
    return pipe
