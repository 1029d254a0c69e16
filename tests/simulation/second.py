"""A second process that runs a few requests at a time, at chosen requests of the first; never both at once."""

from __future__ import annotations

import threading
from collections.abc import Callable

from simulation.wires import Crash


class Second:
    """A process in a thread of its own that stands still whenever it is not told to go on."""

    def __init__(self, process: Callable[[Callable[[], None]], None]) -> None:
        self._process = process
        self._mine = threading.Semaphore(0)
        self._theirs = threading.Semaphore(0)
        self._left = 0
        self._killed = False
        self._failed: BaseException | None = None
        self._thread: threading.Thread | None = None
        self.is_over = False

    def step(self, requests: int) -> None:
        """Let it send so many requests, or end; raises what it raised, a crash of its own excepted."""
        if self.is_over:
            return
        self._left = requests
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        else:
            self._mine.release()
        self._theirs.acquire()
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed

    def kill(self) -> None:
        """End it where it stands."""
        self._killed = True
        if self._thread is not None:
            self.step(0)

    def _run(self) -> None:
        try:
            self._process(self._before_request)
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001  (a broken promise is the first process's to report)
            self._failed = error
        self.is_over = True
        self._theirs.release()

    def _before_request(self) -> None:
        if self._left <= 0 and not self._killed:
            self._theirs.release()
            self._mine.acquire()
        if self._killed:
            raise Crash
        self._left -= 1
