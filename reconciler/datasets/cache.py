"""Scans remembered between commands, so that an unchanged file is never read twice; safe to delete at any time.

One file in a private folder, read once, written once at the end and only if something was added. It holds digests,
counts and findings, never rows. A cache that is missing, broken, foreign or read-only is an empty one, never an error.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from reconciler.datasets.findings import CODES
from reconciler.datasets.scan import RULES_VERSION, Scan

FILE_NAME = "scans.json"
ENTRIES = 2000
"""Entries that are kept; the ones put first go first."""
ROWS_BYTES = 32 << 20
"""Bytes of samples of rows that are kept, by far the most of a file; the cache is read by every command."""
SETTLED_NS = 2_000_000_000
"""Age of a file's last change from which its time stamp is trusted, as in git's index: with a younger one, a second change
of the same length may bear the same time stamp (2 s is the coarsest file system)."""


class FileState(NamedTuple):
    """What tells that a file is unchanged; times in nanoseconds.

    The change time is among it because tools that restore the modification time cannot restore that one.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, path: Path) -> FileState | None:
        """Return the state of a file, or None where it cannot be read."""
        try:
            found = path.stat()
        except (OSError, ValueError):
            return None
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev)


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    state: FileState
    scan: Scan


class _File(msgspec.Struct, frozen=True):
    rules: int
    entries: dict[str, _Entry]


class ScanCache:
    """The remembered scans of one folder.

    `get` and `put` belong together: `get` notes what the file is like before it is scanned, and `put` remembers the scan
    only if the file still is like that. `now` returns nanoseconds since the epoch.
    """

    def __init__(self, directory: Path, *, now: Callable[[], int] = time.time_ns) -> None:
        self._path = directory / FILE_NAME
        self._now = now
        self._entries: dict[str, _Entry] | None = None
        self._added: dict[str, _Entry] = {}
        self._noted: dict[str, FileState] = {}

    def get(self, path: Path, data_format: str | None = None) -> Scan | None:
        """Return the scan of this very content, or None. `data_format` is what the scan was or will be asked for."""
        key = _key(path, data_format)
        state = FileState.of(path)
        if state is None:
            return None
        self._noted[key] = state
        if self._entries is None:
            self._entries = _load(self._path)
        entry = self._added.get(key) or self._entries.get(key)
        return entry.scan if entry and entry.state == state else None

    def put(self, path: Path, value: Scan, data_format: str | None = None) -> None:
        """Remember a scan, unless the file changed since `get` or so lately that its time stamp proves nothing."""
        key = _key(path, data_format)
        state = FileState.of(path)
        if state is None or state != self._noted.get(key):
            return
        if self._now() - max(state.mtime_ns, state.ctime_ns) >= SETTLED_NS:
            self._added[key] = _Entry(state, value)

    def save(self) -> None:
        """Write what was added, if anything was; entries that another process wrote meanwhile are kept."""
        if not self._added:
            return
        entries = {key: entry for key, entry in _load(self._path).items() if key not in self._added} | self._added
        newest = _newest(entries)
        with contextlib.suppress(OSError):
            _replace(self._path, msgspec.json.encode(_File(RULES_VERSION, newest)))
            self._entries, self._added = newest, {}


def _newest(entries: dict[str, _Entry]) -> dict[str, _Entry]:
    kept: list[tuple[str, _Entry]] = []
    left = ROWS_BYTES
    for key, entry in reversed(list(entries.items())[-ENTRIES:]):
        left -= len(entry.scan.rows)
        if left < 0:
            break
        kept.append((key, entry))
    return dict(reversed(kept))


def _key(path: Path, data_format: str | None) -> str:
    return f"{data_format or ''}:{path.absolute()}"


def _load(path: Path) -> dict[str, _Entry]:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with open(descriptor, "rb") as file:  # noqa: PTH123  (a descriptor, so that what was checked is what is read)
            found = os.fstat(descriptor)
            # A digest decides what is trained on: one that others may have written is not believed.
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
                return {}
            content = msgspec.json.decode(file.read(), type=_File)
    except (OSError, ValueError, RecursionError):
        return {}
    if content.rules != RULES_VERSION:
        return {}
    return {key: entry for key, entry in content.entries.items() if CODES.keys() >= entry.scan.counts.keys()}


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{FILE_NAME}.", dir=path.parent)  # mode 0600
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  (same)
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
