"""Parts of a large file checked by several processes, in the order of the file.

Processes, because decoding holds Python's lock. They read the file themselves and are no more than a help: what the caller
read is what counts, and a part that a worker cannot check, or found to be something else, is checked here.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
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
"""Parts that are sent together: to wake each other up costs more than to send."""
AHEAD = 2
"""Lots of parts that are on their way for each worker: one is checked, and one is ready."""

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
    """Some worker processes for one file; a context manager that ends them."""

    def __init__(self, job: Job, *, workers: int | None = None) -> None:
        self._job = job
        self._here = Checker(job.data_format, tokens=job.tokens)
        self._lock = threading.Lock()
        self._tasks: SimpleQueue[tuple[Lot, Future[list[Result]]] | None] = SimpleQueue()
        self._under_way: deque[Future[list[Result]]] = deque()
        self._lot: Lot = []
        self._members = [_Member(job) for _ in range(workers or min(processors(), MOST_WORKERS))]
        self._threads = [threading.Thread(target=self._serve, args=(each,), daemon=True) for each in self._members]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._tasks.get_nowait()
        for _thread in self._threads:
            self._tasks.put(None)
        for member in self._members:
            member.close()
        for thread in self._threads:
            thread.join()

    def check(self, block: Block) -> Iterator[Result]:
        """Have a block checked; yields the results of earlier ones that are due, in order."""
        if len(block.data) > LARGEST_SENT:
            yield from self.rest()
            yield self._here.check(block.data, block.line)
            return
        self._lot.append(block)
        if len(self._lot) >= TOGETHER:
            self._send()
        while self._under_way and (self._under_way[0].done() or len(self._under_way) > AHEAD * len(self._members)):
            yield from self._under_way.popleft().result()

    def rest(self) -> Iterator[Result]:
        """Yield the results of what is still under way, in order."""
        self._send()
        while self._under_way:
            yield from self._under_way.popleft().result()

    def _send(self) -> None:
        if self._lot:
            future: Future[list[Result]] = Future()
            self._under_way.append(future)
            self._tasks.put((self._lot, future))
            self._lot = []

    def _serve(self, member: _Member) -> None:
        while task := self._tasks.get():
            lot, future = task
            try:
                results = member.check(lot)
                if results is None:
                    with self._lock:
                        results = [self._here.check(block.data, block.line) for block in lot]
                future.set_result(results)
            except BaseException as error:  # noqa: BLE001  (it is raised where the result is asked for)
                future.set_exception(error)


class _Member:
    """One worker process, started when it is first needed; it is gone for good once anything is wrong with it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: subprocess.Popen[bytes] | None = None
        self._usable = True

    def check(self, lot: Lot) -> list[Result] | None:
        """Have some blocks checked; None where that did not work out."""
        if not self._usable:
            return None
        try:
            requests, answers = self._pipes()
            send(requests, [Piece(each.offset, len(each.data), each.line, xxh3_128_digest(each.data)) for each in lot])
            results: list[Result] | None = receive(answers)
        except (OSError, EOFError, ValueError):
            self._usable = False
            return None
        return results

    def _pipes(self) -> tuple[IO[bytes], IO[bytes]]:
        if self._process is None:
            # -P: a module of ours is named, and nothing in the working folder may stand in for what it imports.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "reconciler.datasets.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self._process.stdin is not None
            send(self._process.stdin, self._job)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        return process.stdin, process.stdout

    def close(self) -> None:
        """End the process."""
        self._usable = False
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
