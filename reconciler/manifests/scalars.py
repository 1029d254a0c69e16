"""Values of scalars by the YAML 1.2 core schema (chapter 10.3.2 of the specification)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

CORE = "tag:yaml.org,2002:"
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_MAYBE_NOT_TEXT = frozenset("+-.0123456789~nNtTfF")
_BASES = {"0o": 8, "0x": 16}
_LONGEST_WHOLE = 40
"""Characters of a whole number that are looked at; 64 bits need 20."""


class BadNumber(ValueError):  # noqa: N818  (it reads as what it is)
    """A number that JSON cannot carry to Azure."""


class BadTag(ValueError):  # noqa: N818  (same)
    """An explicit tag that is not known, or does not fit its value."""


def resolved(text: str) -> Any:
    """Return the value of a plain scalar; raises BadNumber.

    What JSON cannot carry is refused: `.inf`, `.nan`, and whole numbers over 64 bits, which readers of JSON round.
    """
    if text in _NULLS:
        return None
    if text[0] not in _MAYBE_NOT_TEXT:
        return text
    if text in _BOOLS:
        return _BOOLS[text]
    if _INT.fullmatch(text):
        base = _BASES.get(text[:2], 10)
        value = int(text if base == 10 else text[2:], base) if len(text) <= _LONGEST_WHOLE else 1 << 64
        if -(1 << 63) <= value < 1 << 63:
            return value
        raise BadNumber("It does not fit 64 bits.")
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
        raise BadNumber("It is too large.")
    if _NOT_FINITE.fullmatch(text):
        raise BadNumber("It is not finite.")
    return text


_FITS: Mapping[str, Callable[[Any], bool]] = {
    "int": lambda value: type(value) is int,
    "float": lambda value: type(value) in {int, float},
    "bool": lambda value: type(value) is bool,
    "null": lambda value: value is None,
}


def tagged(tag: str, text: str) -> Any:
    """Return the value of a scalar with an explicit tag; raises BadNumber and BadTag."""
    name = tag.removeprefix(CORE)
    if tag == "!" or name == "str":
        return text
    fits = _FITS.get(name) if tag.startswith(CORE) else None
    if not fits:
        raise BadTag
    value = resolved(text)
    if not fits(value):
        raise BadTag
    return float(value) if name == "float" else value
