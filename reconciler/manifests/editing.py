"""One value of one manifest set in its text, and every other byte left as it is.

The text is not written anew from values: comments, order, quotes and line ends would be lost. The place is found by the
marks of YAML's nodes, and the result is read again: it must say the same as before, but for that one value.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Address
from reconciler.manifests.scalars import BadNumber, resolved
from reconciler.manifests.yaml import documents

_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


@dataclass(frozen=True)
class Setting:
    """What is to be set: `key` in the mapping at `path` of a resource's document; if absent, it goes behind `beside`."""

    address: Address
    path: tuple[str, ...]
    beside: str
    key: str
    value: str


class Unsafe(Exception):  # noqa: N818  (it reads as what it is)
    """Why a text cannot be edited; its text is the rest of a sentence."""


def edited(text: str, file: str, setting: Setting) -> str | Fault:
    """Return the text with the value set, or why that cannot be done safely, with what to write by hand."""
    try:
        root = _document(text, setting.address)
        mapping = _at(root, setting.path)
        _check_shared(root, mapping)
        changed = _set(text, mapping, setting)
        _check(text, changed, file, setting)
    except Unsafe as why:
        return _by_hand(text, file, setting, str(why))
    return changed


def _set(text: str, mapping: Any, setting: Setting) -> str:
    pairs = {key.value: (key, value) for key, value in mapping.value if isinstance(key, yaml.ScalarNode)}
    if setting.key in pairs:
        return _replaced(text, *pairs[setting.key], setting)
    if setting.beside not in pairs:
        raise Unsafe(f"it has no `{setting.beside}`")
    return _added(text, mapping, *pairs[setting.beside], setting)


def _document(text: str, address: Address) -> Any:
    """Return the node of the resource's document."""
    try:
        found = [root for root in yaml.compose_all(text, yaml.SafeLoader) if _is(root, address)]
    except yaml.YAMLError as error:
        raise Unsafe("its file cannot be read with the marks that editing needs") from error
    if len(found) != 1:
        raise Unsafe(f"its document stands {len(found)} times in the file")
    return found[0]


def _is(root: Any, address: Address) -> bool:
    kind, metadata = _child(root, "kind"), _child(root, "metadata")
    name = _child(metadata, "name")
    return (getattr(kind, "value", None), getattr(name, "value", None)) == (address.kind, address.name)


def _child(node: Any, key: str) -> Any:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if getattr(name, "value", None) == key), None)


def _at(root: Any, path: Sequence[str]) -> Any:
    node = root
    for key in path:
        node = _child(node, key)
    if not isinstance(node, yaml.MappingNode):
        raise Unsafe(f"`{'.'.join(path)}` is no mapping that stands there")
    return node


def _check_shared(root: Any, mapping: Any) -> None:
    """Refuse what an alias uses a second time: both would change."""
    inside = {id(node) for node in _nodes(mapping)}
    seen: set[int] = set()
    for node in _nodes(root):
        if id(node) in seen and id(node) in inside:
            raise Unsafe("it is shared by an anchor and an alias")
        seen.add(id(node))


def _nodes(root: Any) -> Iterator[Any]:
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, yaml.MappingNode):
            todo += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            todo += node.value


def _replaced(text: str, key: Any, value: Any, setting: Setting) -> str:
    if not isinstance(value, yaml.ScalarNode) or value.style in {"|", ">"}:
        raise Unsafe(f"`{setting.key}` is written in several lines")
    start, end = value.start_mark.index, value.end_mark.index
    written = text[start:end]
    if not written:
        start = end = _colon(text, key)
        return f"{text[:start]} {_scalar(setting.value)}{text[end:]}"
    if written[0] in "&!*" or (value.style and written[0] != value.style):
        raise Unsafe(f"`{setting.key}` has a tag, an anchor or an alias")
    quote = value.style or ""
    new = f"{quote}{setting.value}{quote}" if quote else _scalar(setting.value)
    return text[:start] + new + text[end:]


def _colon(text: str, key: Any) -> int:
    """Return the position behind the colon of a key without a value."""
    found = re.compile(r"\s*:").match(text, key.end_mark.index)
    if found is None:
        raise Unsafe(f"`{key.value}` is written in an unusual way")
    return found.end()


def _added(text: str, mapping: Any, key: Any, value: Any, setting: Setting) -> str:
    if not isinstance(value, yaml.ScalarNode) or value.style in {"|", ">"}:
        raise Unsafe(f"`{key.value}` is written in several lines")
    quote = key.style or ""
    new_value = f"{quote}{setting.value}{quote}" if quote else _scalar(setting.value)
    pair = f"{quote}{setting.key}{quote}: {new_value}"
    end = value.end_mark.index
    if mapping.flow_style:
        return f"{text[:end]}, {pair}{text[end:]}"
    line_end = _BREAK.search(text, end)
    first = _BREAK.search(text)
    indent = " " * key.start_mark.column
    if line_end is None:
        return f"{text}{first[0] if first else chr(10)}{indent}{pair}"
    return f"{text[: line_end.end()]}{indent}{pair}{line_end[0]}{text[line_end.end() :]}"


def _scalar(value: str) -> str:
    """Return a value plain, or in quotes where it would not be read as a text."""
    try:
        return value if resolved(value) == value else f'"{value}"'
    except BadNumber:
        return f'"{value}"'


def _check(before: str, after: str, file: str, setting: Setting) -> None:
    """Read both again: they must say the same, but for the one value."""
    old, new = (documents(text.removeprefix("\ufeff"), file) for text in (before, after))
    wanted: list[Any] = [copy.deepcopy(one.root.data) if one.root else None for one in old]
    for document in wanted:
        data = document
        meta = data.get("metadata") if isinstance(data, dict) else None
        if isinstance(meta, dict) and (data["kind"], meta.get("name")) == (setting.address.kind, setting.address.name):
            for key in setting.path:
                data = data[key]
            data[setting.key] = setting.value
    if [one.root.data if one.root else None for one in new] != wanted or any(one.faults for one in new):
        raise Unsafe("the edited text would not say the same otherwise")


def _by_hand(text: str, file: str, setting: Setting, why: str) -> Fault:
    where, line = ".".join(setting.path), _line(text, setting)
    return Fault(
        "edit-unsafe",
        "The manifest cannot be edited safely",
        f"`{where}` of {setting.address}: {why}. Nothing was written.",
        f"Write it by hand, in `{where}`:\n  {setting.key}: {_scalar(setting.value)}",
        Place(file, line) if line else Place(file),
        str(setting.address),
    )


def _line(text: str, setting: Setting) -> int:
    try:
        return int(_at(_document(text, setting.address), setting.path[:1]).start_mark.line) + 1
    except Unsafe:
        return 0
