"""Bodies of comments and issues: found by their first line, never longer than GitHub takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

LIMIT = 65_535
"""Units of UTF-16 of a body: one less than what GitHub refuses."""
SUMMARY_LIMIT = 1_000_000
"""Bytes of a job's summary; GitHub takes 1 MiB for each step."""
OUTDATED = "<!-- reconciler:outdated -->"
_MARKER = re.compile(r"<!-- (reconciler:[a-z]+(?::[A-Za-z0-9._,-]*){0,2})(?: (\{[^\n]*\}))? -->")
_FENCE = re.compile(r"^(`{3,}|~{3,})")


def marker_of(body: str) -> str:
    """Return what the invisible first line says: `reconciler:plan:acme`; "" if there is none."""
    found = _MARKER.match(body)
    return found[1] if found else ""


def accounts_of(marker: str) -> tuple[str, ...]:
    """Return the accounts that a marker names."""
    return tuple(marker.split(":")[2].split(",")) if marker.count(":") > 1 else ()


def tree_of(marker: str) -> str:
    """Return which folder of manifests a marker is of: "" for the usual one."""
    return marker.split(":", 3)[3] if marker.count(":") == 3 else ""


def in_tree(marker: str, tree: str) -> str:
    """Return a marker that is of a folder of manifests; several in one repository are told apart by it."""
    return f"{marker}:{tree}" if tree else marker


def state_of(body: str) -> dict[str, Any]:
    """Return the values in the invisible first line; {} if there are none that can be read."""
    found = _MARKER.match(body)
    try:
        state = json.loads(found[2]) if found and found[2] else {}
    except (ValueError, RecursionError):
        return {}
    return state if isinstance(state, dict) else {}


def first_line(marker: str, state: Mapping[str, Any] | None = None) -> str:
    """Return an invisible first line. What could end it is written as escapes of JSON."""
    said = json.dumps(state, sort_keys=True).replace("-", "\\u002d").replace(">", "\\u003e") if state else ""
    return f"<!-- {marker}{' ' if said else ''}{said} -->"


def cut(body: str, where: str, limit: int = LIMIT) -> str:
    """Return a body that fits, cut at the end of a line; what the cut leaves open is closed, and the cut is said."""
    if _length(body) <= limit:
        return body
    note = f"*The rest is left out for length: {where}*"
    room = limit - _length(note) - 200
    kept: list[str] = []
    for line in body.splitlines():
        room -= _length(line) + 1
        if room < 0:
            break
        kept.append(line)
    fence, folds = "", 0
    for line in kept:
        found = _FENCE.match(line)
        if found and not fence:
            fence = found[1]
        elif fence and line.startswith(fence) and not line.strip(fence[0] + " "):
            fence = ""
        elif not fence:
            folds += line.count("<details") - line.count("</details>")
    closing = [*([fence] if fence else []), *["</details>"] * max(folds, 0)]
    return "\n".join([*kept, *closing, "", note])


def outdated(body: str, note: str) -> str:
    """Return a comment that says of itself that it is not the newest; one that says so already gets the new note."""
    head, _, rest = body.replace("\r\n", "\n").partition("\n")
    if OUTDATED in rest:
        rest = rest.partition(OUTDATED)[2].partition("\n\n")[2]
    return f"{head}\n\n> [!WARNING]\n> {note}\n{OUTDATED}\n\n{rest.lstrip()}"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le", "replace")) // 2
