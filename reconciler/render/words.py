"""How single things are written: text that is not ours, values, sizes, durations, colours.

Names, messages of Azure and values of manifests are not trusted: what a terminal or a CI runner would obey is escaped.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from reconciler.core.resource import Spec, Unknown

ABSENT = "absent"
AUTO = "auto"
_OURS = {"", ABSENT, AUTO, "null", "true", "false", "(known after apply)"}
_SECRET_NAME = re.compile(r"(^|\.)(sas|api_key|key|token|secret|password)$", re.IGNORECASE)
_SECRET_QUERY = re.compile(r"(?i)([?&;](?:sig|sv|code|key|token)=)[^&\s\"']+")
_PREFIXES = ("method.hyperparameters.", "hyperparameters.", "method.")


class Tone(Enum):
    """What a colour says; the value is its ANSI code."""

    ADD = "32"
    CHANGE = "33"
    REMOVE = "31"
    QUIET = "2"
    ALARM = "1;31"
    STRONG = "1"


class Paint:
    """Colours, or none: whoever calls decides by NO_COLOR and the terminal."""

    def __init__(self, *, color: bool) -> None:
        self.color = color

    def __call__(self, tone: Tone, text: str) -> str:
        """Return the text in a colour, or as it is."""
        return f"\x1b[{tone.value}m{text}\x1b[0m" if self.color and text else text


def printable(text: object) -> str:
    """Return text on one line in which nothing is an order: not to a terminal, not to a CI runner.

    GitHub's runner obeys `::command::` at the start of a line and `##[command]` anywhere.
    """
    line = str(text)
    if not line.isprintable():
        line = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
    if line.lstrip().startswith("::"):
        line = line.replace("::", "\\x3a:", 1)
    return line.replace("##[", "#\\x23[")


def lines(text: str) -> list[str]:
    """Return the lines of a longer text, each of them safe; indentation stays, blank lines at the ends go."""
    return [printable(line.rstrip()) for line in text.strip("\r\n").splitlines()] if text.strip() else []


def shorten(text: str, longest: int) -> str:
    """Cut a long text in its middle: both ends of an id or a model's name tell something."""
    if len(text) <= longest:
        return text
    kept = max(longest - 1, 2)
    return f"{text[: kept - kept // 2]}…{text[-(kept // 2) :]}"


def hidden(path: str, value: Any) -> Any:
    """Return a value without what is secret in it: fields named like secrets, signatures in addresses."""
    if value is not None and not isinstance(value, Unknown) and _SECRET_NAME.search(path):
        return "(secret)"
    if isinstance(value, str):
        return _SECRET_QUERY.sub(r"\1…", value)
    if isinstance(value, Mapping):
        return {key: hidden(f"{path}.{key}", item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(path, item) for item in value]
    return value


def shown(value: Any, *, path: str = "", longest: int = 60) -> str:
    """Return a value as a person writes it."""
    value = hidden(path, value)
    match value:
        case None:
            return ABSENT
        case Unknown():
            return printable(value)
        case bool():
            return "true" if value else "false"
        case int() | float() if value == -1 and "hyperparameters" in path:
            return AUTO
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            plain = value if value == value.strip() and value not in _OURS else json.dumps(value, ensure_ascii=False)
            return shorten(printable(plain), longest)
        case Mapping() if isinstance(value.get("name"), str):
            return shown(value["name"], longest=longest)
        case Mapping() | list() | tuple():
            return shorten(printable(json.dumps(plain_value(value), ensure_ascii=False)), longest)
        case _:
            return shorten(printable(value), longest)


def _number(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value or value != value else repr(value)  # noqa: PLR0124  (NaN)


def plain_value(value: Any) -> Any:
    """Return a value as strict JSON can say it; half a surrogate pair, which UTF-8 cannot hold, is escaped."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {plain_value(str(key)): plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item) for item in value]
    return plain_value(str(value))


def field_name(path: str) -> str:
    """Return the name of a field without the blocks that only group."""
    for prefix in _PREFIXES:
        if path.startswith(prefix):
            return printable(path.removeprefix(prefix))
    return printable(path)


def settings(spec: Spec) -> dict[str, Any]:
    """Return the managed fields of a spec by dotted path; a list is a value."""
    return flat(spec.comparable())


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted path."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{path}."))
        else:
            found[path] = value
    return found


def size(count: float) -> str:
    """Return a number of bytes in decimal units: 41.2 kB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.95 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("unreachable")


def duration(seconds: float) -> str:
    """Return a duration in its two largest units: 12 min, 3 h 5 min, 2 d 4 h."""
    whole = max(0, int(seconds))
    for length, unit, smaller_length, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= length:
            rest = whole % length // smaller_length
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


def plural(count: int, one: str, many: str = "") -> str:
    """Return `1 error`, `2 errors`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def joined(items: Iterable[object]) -> str:
    """Return safe texts with commas between them."""
    return ", ".join(printable(item) for item in items)


def indented(texts: Sequence[str], by: int) -> list[str]:
    """Return lines moved to the right; empty ones stay empty."""
    return [f"{' ' * by}{text}" if text else "" for text in texts]
