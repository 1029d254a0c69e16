"""Where the digests of unchanged data files are remembered between commands; safe to delete at any time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.datasets.cache import ScanCache
from reconciler.kind import DigestCache


def cache_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder for caches: RECONCILER_CACHE_DIR, else XDG_CACHE_HOME/reconciler, else ~/.cache/reconciler."""
    if environ.get("RECONCILER_CACHE_DIR"):
        return Path(environ["RECONCILER_CACHE_DIR"]).expanduser()
    base = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".cache")
    return Path(base) / "reconciler"


@contextmanager
def open_cache(environ: Mapping[str, str]) -> Iterator[DigestCache | None]:
    """Open the cache for one load and save what was added; RECONCILER_NO_CACHE turns it off."""
    if environ.get("RECONCILER_NO_CACHE"):
        yield None
        return
    cache = ScanCache(cache_dir(environ))
    yield cache
    cache.save()
