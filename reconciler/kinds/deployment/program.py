"""Running a program of the repository for a gate: no shell, nothing inherited, an end in any case.

It gets an environment made from nothing, no input, a process group of its own and a time limit. Of what it prints the end is
kept, without what looks like a secret. When it has ended, or its time is over, or this process dies, everything that it started
is killed: supervisor.py, a process between this one and the program, sees to that.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.azure.errors import scrub
from reconciler.datasets.secrets import kinds_in

KEPT_BYTES = 16 * 1024
"""Bytes of output that are kept: the last ones, where programs say why they end."""
KEPT_LINES, LONGEST_LINE = 20, 300
"""Lines of it that are shown, and characters of each."""
TOO_LONG = b"[its last line is longer than 16 kB and is not shown]"
A_KEY = b"[hidden: these lines look like a private key]"
GRACE = 2.0
"""Seconds between being asked to end and being killed."""
_PATIENCE = 10.0
"""Seconds that the supervisor may be late, before it is killed too: a program can stop it."""
_SUPERVISOR = str(Path(__file__).with_name("supervisor.py"))


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
        self._ending: int | None = None
        self._stopped = False
        self._tail = bytearray()
        self._printed = 0

    def run(self) -> Ran:
        """Run it to its end, or to the end of its time. Raises OSError if it cannot be started."""
        began = time.monotonic()
        with self._lock:
            if self._stopped:
                return Ran(None, 0.0)
            process, report = self._started()
        reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        reader.start()
        said = _reported(report, self._limit + 2 * GRACE + _PATIENCE)
        self._end()
        # The supervisor has killed its group by now, unless the program has stopped or killed the supervisor.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # What could not be ended may hold the pipe open: nobody waits for that.
        reader.join(GRACE)
        return Ran(self._code(said, process.returncode), time.monotonic() - began, self._shown(), self._printed)

    def stop(self) -> None:
        """Kill it, or keep it from being started."""
        with self._lock:
            self._stopped = True
        self._end()

    def _started(self) -> tuple[subprocess.Popen[bytes], int]:
        """Start the supervisor; returns it, and where it reports."""
        (ending, self._ending), (report, reporting) = os.pipe(), os.pipe()
        numbers = (str(ending), str(reporting), str(self._limit), str(GRACE))
        try:
            process = subprocess.Popen(  # noqa: S603  (an argument list of a reviewed manifest, no shell)
                [sys.executable, "-I", "-S", _SUPERVISOR, *numbers, *self._command],
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(ending, reporting),
                start_new_session=True,
            )
        except OSError:
            os.close(report)
            os.close(self._ending)
            self._ending = None
            raise
        finally:
            os.close(ending)
            os.close(reporting)
        return process, report

    def _code(self, said: str, of_supervisor: int) -> int | None:
        word, _, number = said.partition(" ")
        if word == "error":
            raise OSError(int(number), os.strerror(int(number)))
        if self._stopped or (word and not number):
            return None
        return int(number) if number else of_supervisor

    def _end(self) -> None:
        """Have the supervisor end everything."""
        with self._lock:
            if self._ending is not None:
                os.close(self._ending)
            self._ending = None

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
        told = [_masked(line) for line in _without_keys(lines) if line.strip()]
        return tuple(told[-KEPT_LINES:])


def _without_keys(lines: Sequence[bytes]) -> Sequence[bytes]:
    """Leave out private keys, which stand on several lines; of one whose beginning was cut, all that stands before its end."""
    kept: list[bytes] = []
    inside = False
    for line in lines:
        begins, ends = (word in line and b"PRIVATE KEY" in line for word in (b"-----BEGIN", b"-----END"))
        if begins:
            kept.append(A_KEY)
        elif ends and not inside:
            kept = [A_KEY]
        elif not inside and not ends:
            kept.append(line)
        inside = (begins or inside) and not ends
    return kept


def _masked(line: bytes) -> str:
    found = kinds_in(line)
    if found:
        return f"[hidden: this line looks like it holds {found[0][0]}]"
    text = scrub(line.decode(errors="replace"))
    return text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}…"


def _reported(report: int, patience: float) -> str:
    """Return what the supervisor reports at its end; "" if it was killed, or said nothing for so many seconds."""
    with os.fdopen(report, "rb", buffering=0) as pipe:
        ready, _, _ = select.select([pipe], [], [], patience)
        return (pipe.read(100) or b"").decode() if ready else ""
