"""What spares a seed time and changes nothing of what it does: ten thousand of them are to be played in one go."""

from __future__ import annotations

import functools
import gc
import typing
from pathlib import Path
from typing import Any

import httpx2

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where files are no work for a disk."""


class Scans:
    """Remembers what was found in data by its content, as the command does by the file: all seeds have the same data."""

    def __init__(self) -> None:
        self._found: dict[tuple[bytes, str | None], Any] = {}

    def get(self, path: Path, data_format: str | None = None) -> Any:
        return self._found.get((path.read_bytes(), data_format))

    def put(self, path: Path, value: Any, data_format: str | None = None) -> None:
        self._found[path.read_bytes(), data_format] = value


SCANS = Scans()


@functools.cache
def prepare() -> None:
    """Have ready what a process needs for all of its seeds; does nothing the second time."""
    # A URL is taken apart four times for each request, and there are few of them.
    remembered = functools.lru_cache(10_000)(httpx2._urlparse.urlparse)
    httpx2._urlparse.urlparse = httpx2._urls.urlparse = remembered  # type: ignore[assignment]
    # `requests` asks of much whether it is of a protocol, and Python before 3.12 looks anew each time for what the protocol wants.
    typing._get_protocol_attrs = functools.cache(typing._get_protocol_attrs)  # type: ignore[attr-defined]
    # What was imported need not be looked through after each seed.
    gc.collect()
    gc.freeze()
