"""The state on disk: one append-only log of JSON lines, and one file for each content.

A line holds everything that one request changed, so that a request is on disk as a whole or not at all. A line that a crash
cut short is dropped when the log is opened again. Nothing is fsynced: the state survives the death of the process, not
that of the machine.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

Change = tuple[str, Any]

_COMPACT_AT = 20_000  # records; below it a start is fast enough as it is


class StateLockedError(RuntimeError):
    """Another process has this state directory open."""


class Store:
    """Keeps changes and contents; in memory only when `directory` is None."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory
        self.records = 0
        self._memory: dict[str, bytes] = {}
        self._log = -1
        self._lock = -1
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o700)
            self._contents = directory / "content"
            self._contents.mkdir(exist_ok=True)
            self._path = directory / "log.jsonl"
            self._take_lock(directory)

    def _take_lock(self, directory: Path) -> None:
        self._lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            self._lock = -1
            raise StateLockedError(f"{directory} is in use by another emulator") from None

    def replay(self) -> Iterator[Change]:
        """All changes so far, oldest first; then the log is open for appending."""
        if self.directory is None:
            return
        kept = 0
        if self._path.exists():
            with self._path.open("rb") as lines:
                for line in lines:
                    if not line.endswith(b"\n"):
                        break
                    kept += len(line)
                    for table, value in orjson.loads(line):
                        self.records += 1
                        yield table, value
            os.truncate(self._path, kept)
        self._log = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def commit(self, changes: list[Change]) -> None:
        """Append the changes of one request."""
        self.records += len(changes)
        if self._log < 0:
            return
        line = memoryview(orjson.dumps(changes, option=orjson.OPT_APPEND_NEWLINE))
        while line:
            line = line[os.write(self._log, line) :]

    def compact(self, live: Iterable[Change]) -> None:
        """Rewrite a log that has grown long, as one record for each live object."""
        if self.directory is None or self.records < _COMPACT_AT:
            return
        changes = list(live)
        if self.records < 4 * len(changes):
            return
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as out:
            out.writelines(orjson.dumps([change], option=orjson.OPT_APPEND_NEWLINE) for change in changes)
        fresh.replace(self._path)
        os.close(self._log)
        self._log = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self.records = len(changes)

    def keep(self, name: str, content: bytes) -> None:
        """Keep a content; comes before the record that names it."""
        if self.directory is None:
            self._memory[name] = content
            return
        (self._contents / name).write_bytes(content)

    def content(self, name: str) -> bytes:
        """A content by name; empty when there is none."""
        if self.directory is None:
            return self._memory.get(name, b"")
        path = self._contents / name
        return path.read_bytes() if path.exists() else b""

    def forget(self, name: str) -> None:
        """Drop a content."""
        if self.directory is None:
            self._memory.pop(name, None)
        else:
            (self._contents / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything."""
        self.records = 0
        self._memory.clear()
        if self.directory is None:
            return
        os.ftruncate(self._log, 0)
        for path in self._contents.iterdir():
            path.unlink()

    def close(self) -> None:
        """Let go of the files and of the lock."""
        for handle in (self._log, self._lock):
            if handle >= 0:
                os.close(handle)
        self._log = self._lock = -1
