"""How the faults of manifests are worded: what a person wrote is quoted, capped and escaped, never trusted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

LONGEST = 60
"""Characters of a person's own text that a message repeats."""


def printable(text: str) -> str:
    """Return text without anything that a terminal would obey: control and format characters become escapes."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def quoted(text: str) -> str:
    """Return what a person wrote, in backticks, capped and escaped."""
    short = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    return f"`{printable(short)}`"


def listed(words: Iterable[str], *, joint: str = "or", most: int = 8) -> str:
    """Return "a, b or c"; of a long list its first words and how many there are."""
    every = list(words)
    if len(every) > most + 1:
        return f"{', '.join(every[:most])} and {len(every) - most} more"
    return every[0] if len(every) == 1 else f"{', '.join(every[:-1])} {joint} {every[-1]}" if every else ""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant; None if none is near."""
    by_key = {_key(other): other for other in known}
    found = difflib.get_close_matches(_key(word[: 4 * LONGEST]), by_key, n=1, cutoff=0.6)
    return by_key[found[0]] if found else None


def meant(word: str, known: Iterable[str], *, what: str) -> str:
    """Return the remedy for a word that is not known: the one that was meant, else all that are known."""
    known = sorted(known)
    near = nearest(word, known)
    if near:
        return f"Did you mean {quoted(near)}?"
    return f"{what}: {listed([quoted(other) for other in known], joint='and', most=20)}." if known else ""


def snake(word: str) -> str:
    """Return `trainingType` and `training-type` as `training_type`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", word).replace("-", "_").lower()


def _key(word: str) -> str:
    return word.lower().replace("-", "_")
