"""Running a program of the repository for a gate: no shell, nothing inherited, an end in any case.

It gets an environment made from nothing, no input, a process group of its own and a time limit. Of what it prints the end is
kept, without what looks like a secret. When it has ended, or its time is over, everything in its group is killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.azure.errors import scrub
from reconciler.datasets.secrets import kinds_in

KEPT_BYTES = 16 * 1024
"""Bytes of output that are kept: the last ones, where programs say why they end."""
KEPT_LINES, LONGEST_LINE = 20, 300
"""Lines of it that are shown, and characters of each."""
TOO_LONG = b"[its last line is longer than 16 kB and is not shown]"
GRACE = 2.0
"""Seconds between being asked to end and being killed."""
_LOOK = 0.02
"""Seconds between two looks at whether it has ended."""


@dataclass(frozen=True)
class Ran:
    """What became of a program. `code` is its exit code, negative for a signal; None if it had to be stopped."""

    code: int | None
    seconds: float
    output: tuple[str, ...] = ()
    printed: int = 0
    """Bytes that it printed in all."""


class Program:
    """One program that runs once. `stop` ends it from another thread."""

    def __init__(self, command: Sequence[str], *, folder: str, environ: Mapping[str, str], limit: float) -> None:
        self._command = list(command)
        self._folder = folder
        self._environ = dict(environ)
        self._limit = limit
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        self._tail = bytearray()
        self._printed = 0

    def run(self) -> Ran:
        """Run it to its end, or to the end of its time. Raises OSError if it cannot be started."""
        began = time.monotonic()
        with self._lock:
            if self._stopped:
                return Ran(None, 0.0)
            self._process = process = subprocess.Popen(  # noqa: S603  (an argument list of a reviewed manifest, no shell)
                self._command,
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        ended = self._wait(began + self._limit)
        if not ended:
            self._signal(signal.SIGTERM)
            self._wait(time.monotonic() + GRACE)
        # While its process is not waited for, its group cannot be another's: what it left behind is killed with it.
        self._signal(signal.SIGKILL)
        with self._lock:
            code = process.wait()
            self._process = None
        # What has left the group may hold the pipe open: nobody waits for that.
        reader.join(GRACE)
        stopped = not ended or self._stopped
        return Ran(None if stopped else code, time.monotonic() - began, self._shown(), self._printed)

    def stop(self) -> None:
        """Kill it, or keep it from being started."""
        with self._lock:
            self._stopped = True
        self._signal(signal.SIGKILL)

    def _wait(self, deadline: float) -> bool:
        """Wait until its process has ended, without taking note of that: its number stays its own."""
        assert self._process is not None
        while not _has_ended(self._process):
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK)
        return True

    def _signal(self, number: int) -> None:
        with self._lock:
            if self._process is None:
                return
            try:
                os.killpg(self._process.pid, number)
            except (ProcessLookupError, PermissionError):
                # All of it has ended, or what is left of it is not ours to end.
                return

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as pipe:
            while data := os.read(pipe.fileno(), 1 << 16):
                self._printed += len(data)
                self._tail = (self._tail + data)[-KEPT_BYTES:]

    def _shown(self) -> tuple[str, ...]:
        lines = bytes(self._tail).splitlines()
        if self._printed > len(self._tail):
            # The first one is cut, and half a secret looks like none.
            lines = lines[1:] or [TOO_LONG]
        return tuple(_masked(line) for line in lines[-KEPT_LINES:] if line.strip())


def _masked(line: bytes) -> str:
    found = kinds_in(line)
    if found:
        return f"[hidden: this line looks like it holds {found[0][0]}]"
    text = scrub(line.decode(errors="replace"))
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    if not hasattr(os, "waitid"):  # macOS before Python 3.13: its number is free from here on
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
