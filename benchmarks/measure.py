"""Taking times: whole processes, one after the other in turn, so that whatever disturbs the machine hits all alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Ran:
    """One process that ended well."""

    seconds: float
    stdout: str
    stderr: str


def run(command: Sequence[str | Path], folder: Path, environ: Mapping[str, str]) -> Ran:
    """Run a command and take its time from before it starts until it has ended; raises if it fails."""
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return Ran(seconds, done.stdout, done.stderr)


def in_turn(times: int, *measured: Callable[[], float]) -> list[list[float]]:
    """Call A, B, …, A, B, … and return the seconds that each reports."""
    found: list[list[float]] = [[] for _ in measured]
    for _ in range(times):
        for seconds, measure in zip(found, measured, strict=True):
            seconds.append(measure())
    return found


def median(values: Sequence[float]) -> float:
    """Return the middle one."""
    return statistics.median(values)


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of every measured process: no colours, and caches in a folder of their own.

    Python may keep what it compiled, as it does for an installed command.
    """
    left_out = ("RECONCILER_", "TF_", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    return {**kept, "NO_COLOR": "1", "RECONCILER_CACHE_DIR": str(folder / "cache"), "CHECKPOINT_DISABLE": "1"}


def reconciler() -> list[str]:
    """Return the command as a person runs it: the script that was installed next to this Python."""
    script = Path(sys.executable).with_name("reconciler")
    return [str(script)] if script.exists() else [sys.executable, "-m", "reconciler.cli.main"]


class Emulated:
    """The emulator in a process of its own, over HTTP."""

    def __init__(self, latency: float = 0.0) -> None:
        self._latency = latency

    def __enter__(self) -> Self:
        command = [sys.executable, str(Path(__file__).with_name("serve.py")), "--latency", str(self._latency)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def requests(self) -> list[dict[str, object]]:
        """Return the log of requests and empty it."""
        import json

        found = json.loads(self._control("GET", "log"))["requests"]
        self._control("DELETE", "log")
        return list(found)

    def reset(self) -> None:
        """Forget every object."""
        self._control("POST", "reset")

    def _control(self, method: str, route: str) -> bytes:
        import urllib.request

        request = urllib.request.Request(f"{self.url}/_emulator/{route}", method=method)
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())
