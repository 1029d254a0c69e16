"""Manifests as YAML that a person would have written: keys in the order of a spec, short mappings on one line.

Written by hand because this package knows no YAML library; a text that any reader of YAML could take for something else
(`no`, `2024-10-21`, `1e-4`) stands in quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.digest import number

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_WIDTH = 100
"""Columns up to which a mapping stays on one line."""
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def manifest_text(manifest: Mapping[str, Any], notes: Iterable[str] = ()) -> str:
    """Return one document; `notes` become comments before it."""
    return "".join(f"{line}\n" for line in (*map(comment, notes), *_mapping(manifest, 0)))


def comment(text: str) -> str:
    """Return a text as one line of comment: nothing in it can end the comment."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    return f"# {shown}" if shown else "#"


def _mapping(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for key, item in value.items():
        head = f"{'  ' * depth}{_scalar(key)}:"
        flow = _flow(item)
        # What stands at the top level is read by its first word; below it short values share a line.
        if not _nested(item) or (len(head) + len(flow) < _WIDTH and not (key == "spec" and depth == 0)):
            yield f"{head} {flow}"
        elif isinstance(item, Mapping):
            yield head
            yield from _mapping(item, depth + 1)
        else:
            yield head
            for one in item:
                yield from _item(one, depth + 1)


def _item(value: Any, depth: int) -> Iterator[str]:
    """Write one element of a list: a mapping below its dash."""
    pad = "  " * depth
    if not isinstance(value, Mapping) or not value:
        yield f"{pad}- {_flow(value)}"
        return
    first, *rest = _mapping(value, depth + 1)
    yield f"{pad}- {first.lstrip(' ')}"
    yield from rest


def _nested(value: Any) -> bool:
    return bool(value) and (isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str)))


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
