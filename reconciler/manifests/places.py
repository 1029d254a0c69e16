"""Where the fields of a document stand, found when somebody asks: a tree without faults never pays for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.fault import Place
from reconciler.manifests.nodes import Node, walk


class Places(Mapping[str, Place]):
    """Dotted field paths to places. `sku.name` is looked for in the spec, `metadata.adopt` in the whole document."""

    __slots__ = ("_file", "_root", "_spec")

    def __init__(self, file: str, root: Node, spec: Node | None) -> None:
        self._file = file
        self._root = root
        self._spec = spec

    def __getitem__(self, path: str) -> Place:
        parts = path.split(".")
        for top in (self._spec, self._root):
            spot = _spot(top, parts) if top else None
            if spot:
                return Place(self._file, *spot)
        raise KeyError(path)

    def __iter__(self) -> Iterator[str]:
        for path, _ in walk(self._spec) if self._spec else ():
            yield ".".join(path)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _spot(node: Node, parts: Sequence[str | int]) -> tuple[int, int] | None:
    for part in parts[:-1]:
        below = node.child(part)
        if below is None:
            return None
        node = below
    return node.spot(parts[-1]) if node.child(parts[-1]) else None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a document that a message is about: `spec` or `metadata`, or a field that declares a resource inline."""

    file: str
    node: Node | None
    """None for what is declared inline: everything then stands at `at`."""
    at: Place
    name: str
    """How the part itself is called: `spec`, or the field that declares it."""
    subject: str

    def called(self, path: Sequence[str | int]) -> str:
        """Return a field's name in a message."""
        return ".".join(filter(None, [self.name, *map(str, path)])) if self.node else self.name

    def find(self, path: Sequence[str | int]) -> Node | None:
        """Return the value at a path; a model may accept a key one level further down (OpenAI's nested shape)."""
        here = self.node
        for part in path:
            if here is None:
                return None
            here = here.child(part) or _one_below(here, part)
        return here

    def place(self, path: Sequence[str | int]) -> Place:
        """Return where a value stands, or the nearest thing around it."""
        if self.node is None:
            return self.at
        for length in range(len(path), 0, -1):
            around = self.find(path[: length - 1])
            if around is not None:
                holder = around if around.child(path[length - 1]) else _holder(around, path[length - 1])
                if holder:
                    return Place(self.file, *holder.spot(path[length - 1]))
        return self.at

    def key_place(self, path: Sequence[str | int]) -> Place:
        """Return where a key stands."""
        around = self.find(path[:-1])
        if around is not None:
            holder = around if around.child(path[-1]) else _holder(around, path[-1])
            if holder and str(path[-1]) in holder.keys:
                return Place(self.file, *holder.keys[str(path[-1])])
        return self.place(path)


def _one_below(node: Node, part: str | int) -> Node | None:
    holder = _holder(node, part)
    return holder.child(part) if holder else None


def _holder(node: Node, part: str | int) -> Node | None:
    if not isinstance(node.children, dict):
        return None
    return next((child for child in node.children.values() if child.child(part)), None)
