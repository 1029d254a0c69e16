"""Spoils JSON as a broken or hostile server might: one value at a time, anywhere, by a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

DEEP = "[" * 400 + "]" * 400
STRANGE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    -(10**30),
    1.5,
    1e308,
    "",
    "x",
    "\x00\x1b[31m",
    "ü" * 5000,
    [],
    [None],
    [[]],
    {},
    {"a": None},
    "2026-13-45T99:00:00Z",
    "succeeded",
    "Succeeded",
    "ftjob-" + "0" * 32,
    2**63,
    253402300800,
    "9" * 5000,
    "²",
    "nan",
    "../../x",
    "a\n::error::x",
    [{}, "a", 1],
    {"message": ["a"]},
)
RAW = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b"true",
    b'"text"',
    b"{",
    b"<html><body>Bad gateway</body></html>",
    b"\xff\xfe\x00",
    b'{"data": null}',
    b'{"data": {}}',
    b'{"data": [null, 1, "x", [], {}]}',
    b'{"value": [null, 1, "x", [], {}]}',
    b'{"data": [], "has_more": true, "last_id": null}',
    b'{"error": null}',
    b'{"error": {"code": {}, "message": []}}',
    DEEP.encode(),
    b'{"data": ' + DEEP.encode() + b"}",
    b"1" * 5000,
    b'{"a": 1e999}',
    b'{"a": NaN}',
)
"""Whole answers."""


def spoiled(body: bytes, chance: random.Random) -> tuple[bytes, str]:
    """Return an answer with one thing wrong, and what it is."""
    if chance.random() < 0.15:
        number = chance.randrange(len(RAW))
        return RAW[number], f"the whole answer: {RAW[number][:30]!r}"
    try:
        value = json.loads(body)
    except ValueError:
        return body[: chance.randrange(len(body) + 1)], "cut"
    places = list(_places(value, ()))
    if not places:
        return body, "nothing"
    path = chance.choice(places)
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    if chance.random() < 0.2 and isinstance(parent, dict):
        del parent[path[-1]]
        return json.dumps(value).encode(), f"{path} is missing"
    strange = chance.choice(STRANGE)
    parent[path[-1]] = strange
    return json.dumps(value).encode(), f"{path} is {str(strange)[:20]!r}"


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*path, key)
        yield from _places(inner, (*path, key))
