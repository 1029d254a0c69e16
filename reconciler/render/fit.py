"""Parts of a text that must not be longer than its place allows: what is cut, in which order, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_NOTE = 40
"""Room for the parts of a note about what is left out, beside its two texts."""


@dataclass(frozen=True)
class Part:
    """A piece of a text. Its items are dropped from the end where there is no room; the greater `rank`, the sooner.

    A part of rank 0 stays. `noun` (one, several) is what is counted in the note about what was dropped.
    """

    items: Sequence[str]
    head: str = ""
    tail: str = ""
    between: str = "\n"
    noun: tuple[str, str] = ("change", "changes")
    rank: int = 0


def length(text: str) -> int:
    """Return the length of a text as the strictest of those counts it that limit it: in units of UTF-16."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "replace")) // 2


def fitted(parts: Sequence[Part], limit: int, where: str) -> str:
    """Return the parts with a blank line between them, cut so that they fit; `where` says where the rest can be seen."""
    kept = [len(part.items) for part in parts]
    total = sum(length(_shown(part, len(part.items), where)) + 2 for part in parts if part.items)
    for index in sorted(range(len(parts)), key=lambda index: (-parts[index].rank, index)):
        part = parts[index]
        if not part.rank or total <= limit or not part.items:
            continue
        total += length(where) + len(part.noun[1]) + _NOTE
        while total > limit and kept[index]:
            kept[index] -= 1
            total -= length(part.items[kept[index]]) + len(part.between)
    return "\n\n".join(_shown(part, count, where) for part, count in zip(parts, kept, strict=True) if part.items)


def _shown(part: Part, count: int, where: str) -> str:
    missing = len(part.items) - count
    body = part.head + part.between.join(part.items[:count]) + part.tail if count else ""
    if not missing:
        return body
    more = " more" if count else ""
    note = f"*{missing:,}{more} {part.noun[missing != 1]} left out for length: {where}*"
    return f"{body}\n\n{note}" if body else note
