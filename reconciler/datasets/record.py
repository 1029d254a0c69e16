"""One line read with care: every way in which it is not a JSON object becomes a finding with its column.

This is slow and is used only for lines that a format's quick check did not pass.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from reconciler.datasets.findings import Collector
from reconciler.datasets.stream import BOM

KNOWN_KEYS_SHOWN = frozenset({"messages", "role", "content", "weight", "tools", "tool_calls", "tool_call_id", "name"})
"""Keys that a message may name; any other might be data."""

_BYTE = re.compile(r"\(byte (\d+)\)")
_DIGITS = 19
"""Integers up to this length are read as such; longer ones as floats, since Python refuses to read over 4300 digits."""


def read_object(raw: bytes, line: int, out: Collector) -> dict[str, Any] | None:
    """Return the JSON object on a line, or None after adding what is wrong with it. Never raises for any bytes."""
    if raw.startswith(BOM):
        out.add("bom-inside", line, 1)
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode()) + 1
        out.add("utf8-invalid", line, column, message=f"byte {error.start + 1} of the line is not valid UTF-8")
        return None
    if (nul := text.find("\0")) >= 0:
        out.add("nul-byte", line, nul + 1)
        return None
    repeated: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            keys = [key for key, _ in items]
            repeated.append(next(key for key in found if keys.count(key) > 1))
        return found

    try:
        record = json.loads(text, object_pairs_hook=pairs, parse_int=_integer, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        # The words before a colon are the parser's own; what follows may be taken from the line.
        reason = error.msg.partition(":")[0]
        out.add("json-invalid", line, error.pos + 1, message=f"the line is not valid JSON: {reason.lower()}")
        return None
    except RecursionError:
        out.add("json-too-deep", line)
        return None
    except _ConstantRefused:
        out.add("json-invalid", line, message="the line is not valid JSON: NaN and Infinity are not in JSON")
        return None
    for key in repeated:
        known = f": {key}" if key in KNOWN_KEYS_SHOWN else ""
        out.add("key-duplicate", line, message=f"a key stands twice in one object; the last one counts{known}")
    _check_portable(raw, line, out)
    if not isinstance(record, dict):
        out.add("record-not-object", line, 1)
        return None
    return record


def _check_portable(raw: bytes, line: int, out: Collector) -> None:
    """Python's reader takes more than JSON is: unpaired surrogates, numbers that no double holds."""
    try:
        msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        found = _BYTE.search(str(error))
        column = len(raw[: int(found[1])].decode(errors="ignore")) + 1 if found else None
        out.add("json-not-portable", line, column)
    except RecursionError:
        out.add("json-too-deep", line)


class _ConstantRefused(Exception):  # noqa: N818  (a signal between two functions of this module)
    pass


def _refuse(_constant: str) -> NoReturn:
    raise _ConstantRefused


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits)
