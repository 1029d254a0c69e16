"""Reading what Azure answers: missing, null, re-cased and wrongly typed values are tolerated, never trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def text(body: Json, *keys: str) -> str:
    """Return the first of these fields that is a non-empty string, else ""."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, str) and value:
            return value
    return ""


def number(body: Json, key: str) -> float | None:
    """Return a finite number (also one written as text), else None."""
    value = body.get(key)
    if isinstance(value, bool) or value is None:
        return None
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return result if result == result and abs(result) != float("inf") else None  # noqa: PLR0124  (NaN)


def mapping(body: Json, key: str) -> Json:
    """Return a field that is an object, else an empty one."""
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def items(body: Any, key: str = "data") -> list[Json]:
    """Return the objects of a list field; what is not an object is left out."""
    value = body.get(key) if isinstance(body, Mapping) else body
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
