"""Durations as manifests say them: `90m`, `24h`, `7d`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import StringConstraints

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds of each unit."""
_DURATION = re.compile(r"^(\d{1,6})([smhd])$")

Duration = Annotated[str, StringConstraints(pattern=_DURATION.pattern)]
"""A duration in a manifest: a whole number and one unit, seconds to days."""


def seconds_of(duration: str) -> float:
    """Return a duration of a manifest in seconds; raises ValueError for anything else."""
    found = _DURATION.match(duration)
    if found is None:
        raise ValueError(f"not a duration such as 90m, 24h or 7d: {duration!r}")
    return int(found[1]) * UNITS[found[2]]
