"""Reading a JSON file that somebody else may have written: a saved plan, what an earlier step of a workflow printed."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of such a file; a plan of two thousand resources has about a tenth."""


def json_document(file: Path) -> Any:
    """Return what a JSON file holds; raises OSError if it cannot be read, ValueError if it is too large or no JSON.

    A pipe or a device is refused unread: nobody may be writing to it, and it may have no end.
    """
    import orjson

    mode = file.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ValueError("it is no ordinary file (a pipe or a device); give a file")
    with file.open("rb") as opened:
        raw = opened.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ValueError(f"it has more than {MOST_BYTES // (1024 * 1024)} MiB")
    return orjson.loads(raw)
