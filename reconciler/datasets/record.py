"""One line read with care: every way in which it is not a JSON object becomes a finding with its column.

This is slow and is used only for lines that a format's quick check did not pass. Time and memory grow with the length of
the line and with nothing else.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from reconciler.datasets.findings import CODES, KEPT_PER_CODE, Collector
from reconciler.datasets.long_record import read_long, utf8_message
from reconciler.datasets.slips import slip_in
from reconciler.datasets.stream import BOM

KNOWN_KEYS_SHOWN = frozenset({"messages", "role", "content", "weight", "tools", "tool_calls", "tool_call_id", "name"})
"""Keys that a message may name; any other might be data."""
KEYS_IN_PATHS = KNOWN_KEYS_SHOWN | {
    "function",
    "function_call",
    "functions",
    "image_url",
    "input",
    "non_preferred_output",
    "parameters",
    "preferred_output",
}
"""Keys that a path may go through; what lies below any other is told by the last known place above it."""

_BYTE = re.compile(r"\(byte (\d+)\)")
_TWICE = "the record is text that holds JSON: it was encoded twice"
_DECODE = "Decode it once:\n  jq -r . IN > OUT"
LONG_LINE = 4 << 20
"""Bytes of a line from which on it is read in the way that needs least memory, if that reads it."""
LONGEST_LINE = 16 << 20
"""Bytes of a line from which on it is read in no other way."""
_DIGITS = 19
"""Integers up to this length are read as such; longer ones as floats, since Python refuses to read over 4300 digits."""
_DIGITS_READ = 1000
"""Digits of a number that are looked at: every longer one is beyond what a float holds."""


def read_object(
    raw: bytes | memoryview, line: int, out: Collector, *, offset: int | None = None
) -> dict[str, Any] | None:
    """Return the JSON object on a line, or None after adding what is wrong with it. Never raises for any bytes.

    `offset` is how many bytes stand in the file before the line, if that is known. A line so long that it must hold
    images is read without a look at repeated keys, which would hold it in memory four times.
    """
    if len(raw) > LONGEST_LINE:
        return read_long(raw, line, out, offset)
    if len(raw) > LONG_LINE:
        try:
            found = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            if isinstance(found, dict):
                return found
    raw = bytes(raw)
    if raw.startswith(BOM):
        out.add("bom-inside", line, 1)
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode()) + 1
        out.add("utf8-invalid", line, column, message=utf8_message(error.start, offset))
        return None
    if (nul := text.find("\0")) >= 0:
        out.add("nul-byte", line, nul + 1)
        return None
    repeated: list[tuple[dict[str, Any], str]] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(items)
        if len(found) != len(items):
            repeated.append((found, _first_repeated(items)))
        return found

    try:
        record = json.loads(text, object_pairs_hook=pairs, parse_int=_integer, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        # The words before a colon are the parser's own; what follows may be taken from the line.
        reason = error.msg.partition(":")[0]
        if reason == "Extra data" and text[: error.pos].endswith("\r"):
            message = "a carriage return alone stands between two records, and nothing reads it as a line end"
            remedy = CODES["file-cr-lines"].remedy
        else:
            said, remedy = slip_in(text, reason, error.pos)
            message = f"the line is not valid JSON: {said}"
        out.add("json-invalid", line, error.pos + 1, message=message, remedy=remedy)
        return None
    except RecursionError:
        out.add("json-too-deep", line)
        return None
    except _ConstantRefused:
        message = "the line is not valid JSON: NaN and Infinity are not in JSON"
        out.add("json-invalid", line, _constant_at(raw), message=message)
        return None
    paths = _paths(record, [found for found, _ in repeated[:KEPT_PER_CODE]])
    for found, key in repeated:
        known = f": {key}" if key in KNOWN_KEYS_SHOWN else ""
        message = f"a key stands twice in one object; the last one counts{known}"
        out.add("key-duplicate", line, path=paths.get(id(found), ""), message=message)
    _check_portable(raw, line, out)
    if not isinstance(record, dict):
        twice = isinstance(record, str) and record[:1] == "{"
        out.add("record-not-object", line, 1, message=_TWICE if twice else "", remedy=_DECODE if twice else "")
        return None
    return record


def _first_repeated(items: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for key, _ in items:
        if key in seen:
            return key
        seen.add(key)
    raise AssertionError


def _paths(record: Any, wanted: list[dict[str, Any]]) -> dict[int, str]:
    """Return the paths of some objects in a record, by their ids; those that a repeated key hides are left out."""
    missing = {id(each) for each in wanted}
    paths: dict[int, str] = {}
    # With a stack of its own: how deep a record may be nested is the parser's limit, not this function's.
    stack: list[tuple[Any, str, bool]] = [(record, "", True)]
    while stack and missing:
        value, path, exact = stack.pop()
        if id(value) in missing:
            missing.discard(id(value))
            paths[id(value)] = path
        if isinstance(value, dict):
            for key, item in value.items():
                known = exact and key in KEYS_IN_PATHS
                if isinstance(item, (dict, list)):
                    stack.append((item, _under(path, key) if known else path, known))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, (dict, list)):
                    stack.append((item, f"{path}[{index}]" if exact and path else path, exact and bool(path)))
    return paths


def _under(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _check_portable(raw: bytes, line: int, out: Collector) -> None:
    """Python's reader takes more than JSON is: unpaired surrogates, numbers that no double holds."""
    try:
        msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        out.add("json-not-portable", line, _column(raw, error))
    except RecursionError:
        out.add("json-too-deep", line)


def _constant_at(raw: bytes) -> int | None:
    """Return the column of the first word for a number that JSON does not have, if a strict reader stops there."""
    try:
        msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        return _column(raw, error)
    except RecursionError:
        pass
    return None


def _column(raw: bytes, error: msgspec.DecodeError) -> int | None:
    found = _BYTE.search(str(error))
    return len(raw[: int(found[1])].decode(errors="ignore")) + 1 if found else None


class _ConstantRefused(Exception):  # noqa: N818  (a signal between two functions of this module)
    pass


def _refuse(_constant: str) -> NoReturn:
    raise _ConstantRefused


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _DIGITS else float(digits[:_DIGITS_READ])
