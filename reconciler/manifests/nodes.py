"""What a YAML document is read into: values that know where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.fault import Fault

_NO_KEYS: dict[str, tuple[int, int]] = {}
"""Shared by all that is not a mapping; never written to."""


class Node:
    """One value, where it stands, and what it holds.

    `data` is the plain Python value. `children` are the nodes in it: by key for a mapping, by index for a list, None
    for a scalar. `keys` are the places of a mapping's keys. `text` is a scalar's content, `plain` whether it stands
    without quotes. `at_key`: a person looks for it at its key, as it is empty or a block below its key. `size` and
    `height` count what it stands for, aliases expanded.
    """

    __slots__ = ("at_key", "children", "column", "data", "height", "keys", "line", "plain", "size", "text")

    def __init__(self, line: int, column: int, data: Any, text: str = "", *, at_key: bool = False) -> None:
        self.line = line
        self.column = column
        self.data = data
        self.text = text
        self.at_key = at_key
        self.plain = False
        self.children: dict[str, Node] | list[Node] | None = None
        self.keys = _NO_KEYS
        self.size = 1
        self.height = 0

    @classmethod
    def mapping(cls, line: int, column: int, *, at_key: bool = False) -> Node:
        """Return an empty mapping."""
        node = cls(line, column, {}, at_key=at_key)
        node.children, node.keys = {}, {}
        return node

    @classmethod
    def sequence(cls, line: int, column: int, *, at_key: bool = False) -> Node:
        """Return an empty list."""
        node = cls(line, column, [], at_key=at_key)
        node.children = []
        return node

    def child(self, part: str | int) -> Node | None:
        """Return what a mapping holds under a key, or a list at an index."""
        if isinstance(self.children, dict):
            return self.children.get(str(part))
        if isinstance(self.children, list) and str(part).isdecimal() and int(part) < len(self.children):
            return self.children[int(part)]
        return None

    def spot(self, part: str | int) -> tuple[int, int]:
        """Return line and column at which a person looks for a child; this node's own if there is no such child."""
        found = self.child(part)
        if found is None:
            return self.line, self.column
        return self.keys[str(part)] if found.at_key and self.keys else (found.line, found.column)

    def alias(self, line: int, column: int) -> Node:
        """Return the same value as it stands at an alias."""
        copy = Node(line, column, self.data, self.text)
        copy.plain = self.plain
        copy.children, copy.keys, copy.size, copy.height = self.children, self.keys, self.size, self.height
        return copy


@dataclass
class Document:
    """One YAML document: its value (None if it could not be read to its end) and its faults."""

    file: str
    root: Node | None
    line: int
    faults: list[Fault] = field(default_factory=list)
    variables: bool = False
    """Whether some value of it contains `${`."""
    unread: str = ""
    """The text of a document that could not be read: what it declares is not known, but may be guessed."""


def walk(node: Node) -> Iterator[tuple[tuple[str, ...], Node]]:
    """Go through every value below a node with its path."""
    todo: list[tuple[tuple[str, ...], Node]] = [((), node)]
    while todo:
        path, here = todo.pop()
        if path:
            yield path, here
        if isinstance(here.children, dict):
            todo.extend(((*path, key), child) for key, child in here.children.items())
        elif isinstance(here.children, list):
            todo.extend(((*path, str(index)), child) for index, child in enumerate(here.children))
