"""What work that takes and frees much memory can spare itself."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

_KEPT = 8 << 20
"""Bytes up to which freed memory is kept for what comes next; they are never touched, so they cost nothing."""


@cache
def keep_freed() -> None:
    """Have the C library keep what is freed from now on; done once in a process.

    glibc gives large pieces back to the system, to be filled with zeros anew for the next one, until something larger was
    freed. Where there is another C library this does nothing.
    """
    bytes(_KEPT)


@contextmanager
def without_collector() -> Iterator[None]:
    """Spare the garbage collector from going through a growing tree of values again and again.

    Half the time of reading 10,000 manifests, and a tenth of checking data. What refers to itself is freed afterwards.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
