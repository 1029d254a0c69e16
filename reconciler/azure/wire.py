"""Reading what Azure answers: missing, null, re-cased and wrongly typed values are tolerated, never trusted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

Json = Mapping[str, Any]


BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def parsed(raw: bytes) -> Any:
    """Return the JSON of an answer, None if it is none. A byte-order mark before it is skipped (RFC 8259, section 8.1)."""
    import orjson

    try:
        return orjson.loads(raw.removeprefix(BYTE_ORDER_MARK))
    except orjson.JSONDecodeError:
        return None


def text(body: Json, *keys: str) -> str:
    """Return the first of these fields that is a non-empty string, else ""."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


LARGEST = 2**53
"""Nothing that Azure counts is more, and beyond it a float skips whole numbers."""


def number(body: Json, key: str) -> float | None:
    """Return a number (also one written as text) that something can be counted to, else None."""
    value = body.get(key)
    if isinstance(value, bool) or value is None:
        return None
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return result if abs(result) <= LARGEST else None


LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()
"""Up to here a moment can be shown as a date; what is later is none (milliseconds, say)."""


def moment(body: Json, key: str) -> float | None:
    """Return a moment in Unix seconds: of a number, a number written as text, or ISO 8601 (UTC if it names no zone).

    None if it is absent, unreadable, or not between 1970 and the year 9999: what needs to know when must then do without.
    """
    found = number(body, key)
    if found is None:
        try:
            read = datetime.fromisoformat(text(body, key))
            found = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return found if 0 < found < LATEST else None


def mapping(body: Json, key: str) -> Json:
    """Return a field that is an object, else an empty one."""
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def items(body: Any, key: str = "data") -> list[Json]:
    """Return the objects of a list field; what is not an object is left out."""
    value = body.get(key) if isinstance(body, Mapping) else body
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
