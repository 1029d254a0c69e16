"""The formats of training data, one module each behind one small protocol.

A new format is a module with a Checker and one line in FORMATS. Formats are tried in order when the data does not say
what it is; the last one is what everything else is checked as.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats import chat


class Checker(Protocol):
    """Checks the records of one file, in order."""

    def check(self, raw: bytes, line: int, *, plain: bool) -> None:
        """Check one line (no line end, not blank) and add what is found.

        `plain` says that the line is known to be valid UTF-8 without NUL bytes. Never raises, whatever the bytes.
        """
        ...

    def finish(self) -> None:
        """Add what only the whole file tells."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name in manifests, how a record of it is recognised, and how a file of it is checked."""

    name: str
    recognises: Callable[[Mapping[str, Any]], bool]
    checker: Callable[[Collector], Checker]


FORMATS: Mapping[str, Format] = {each.name: each for each in (Format("chat", chat.recognises, chat.ChatChecker),)}
"""All formats by name, in the order in which they are tried."""
FALLBACK = "chat"
"""What data is checked as that looks like no format: the one that the documentation begins with."""


def named(name: str) -> Format:
    """Return a format by its name. Raises ValueError with the names there are."""
    if name not in FORMATS:
        raise ValueError(f"unknown data format; one of {', '.join(FORMATS)}")
    return FORMATS[name]


def detect(record: Mapping[str, Any] | None) -> Format:
    """Return the format of a file from its first readable record (None where there is none)."""
    if record is not None:
        for each in FORMATS.values():
            if each.recognises(record):
                return each
    return FORMATS[FALLBACK]
