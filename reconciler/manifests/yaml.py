"""YAML in, nodes out: values by the YAML 1.2 core schema, each with its place, every fault of a file at once.

PyYAML's own constructors keep the last of two equal keys in silence and read `2024-10-21` as a date, `no` as False and
`1e-4` as text. So only its parser is used: its events are composed here, without recursion, into `Node`s.

- Plain scalars are resolved as YAML 1.2 says (`true`, `12`, `0x1f`, `1e-4`, `null`, nothing); everything else is text.
  What JSON cannot carry to Azure is a fault: `.inf`, `.nan`, whole numbers over 64 bits.
- Aliases are allowed where they save writing; an alias within its own anchor, or aliases that blow a file up, are not.
- Merge keys (`<<`) belong to YAML 1.1 and are a fault: what a mapping holds stands in it.
- After a fault that ends the reading of one document, reading goes on at the next line that begins with `---`.
"""

from __future__ import annotations

import itertools
import re
from typing import Any

import yaml

from reconciler.core.fault import Fault, Place
from reconciler.manifests.faults import LONGEST, printable, quoted
from reconciler.manifests.nodes import Document, Node
from reconciler.manifests.scalars import CORE, BadNumber, BadTag, resolved, tagged
from reconciler.manifests.syntax import control_fault, syntax_fault

MAX_BYTES = 5_000_000
"""A larger file is data, not a manifest."""
MAX_DEPTH = 64
"""Mappings and lists within each other; far more than any spec has, far less than any stack."""
FREE_ALIASED, ALIASED_PER_NODE = 10_000, 4
"""What aliases may add to a file: so many nodes, and so many more for each node that is written in it."""
MAX_BROKEN = 10
"""Documents of one file that may end in a syntax error before the rest of it is left unread."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What the parser counts as the end of a line."""
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)


class _Stop(Exception):  # noqa: N818  (not an error: it ends the reading of one document)
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.summary)
        self.fault = fault
        self.line = fault.place.line if fault.place else 0


class _Discard:
    """Stands for a key whose value is read and dropped."""


_DISCARD = _Discard()


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "key", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.key: str | _Discard | None = None


def decode(raw: bytes, file: str) -> str | Fault:
    """Return the text of a manifest, or why its bytes are not one."""
    if len(raw) > MAX_BYTES:
        return too_large(file, len(raw))
    if b"\0" in raw or raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Fault(
            "not-text", "The file is not a text in UTF-8", "It contains NUL bytes.", "Save it as UTF-8.", Place(file)
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        detail = f"The byte 0x{raw[error.start]:02x} is not UTF-8."
        return Fault(
            "not-text", "The file is not a text in UTF-8", detail, "Save it as UTF-8.", Place(file, line, column)
        )


def too_large(file: str, size: int) -> Fault:
    """Say that a file is too large for a manifest."""
    return Fault(
        "too-large",
        "The file is too large for a manifest",
        f"It has {size:,} bytes; at most {MAX_BYTES:,} are read.",
        "Keep data in files of its own (.jsonl) and name them in `training_file` or `source.path`.",
        Place(file),
    )


def documents(text: str, file: str) -> list[Document]:
    """Read every document of a file; documents without any content are left out."""
    found: list[Document] = []
    start, line = 0, 0
    for _ in range(MAX_BROKEN):
        reader = _Reader(file, line)
        stop = reader.read(text[start:] if start else text)
        found.extend(reader.finished)
        if stop is None:
            return found
        broken = Document(file, None, reader.document_line, [*reader.faults, stop.fault])
        found.append(broken)
        beginning = start + _offset(text[start:], reader.document_line - line - 1)
        start, line = _next_document(text, start, line, after=max(stop.line, reader.document_line + 1))
        broken.unread = text[beginning : start or None]
        if not start:
            return found
    found[-1].unread += text[start:]
    return found


def _offset(text: str, lines: int) -> int:
    """Return where a line begins, counted as the parser counts."""
    if lines < 1:
        return 0
    end = next(itertools.islice(_BREAK.finditer(text), lines - 1, None), None)
    return end.end() if end else len(text)


def _next_document(text: str, start: int, line: int, *, after: int) -> tuple[int, int]:
    """Return offset and number of lines before the first `---` at or below a line; (0, 0) if there is none."""
    position = start + _offset(text[start:], after - line - 1)
    found = _SEPARATOR.search(text, position)
    if not found:
        return 0, 0
    return found.start(), line + sum(1 for _ in _BREAK.finditer(text, start, found.start()))


class _Reader:
    """Composes the events of one stream into nodes; lines are counted from `offset`."""

    def __init__(self, file: str, offset: int) -> None:
        self.file = file
        self.offset = offset
        self.finished: list[Document] = []
        self.faults: list[Fault] = []
        self.variables = False
        self.document_line = offset + 1
        self.stack: list[_Frame] = []
        self.root: Node | None = None
        self.anchors: dict[str, Node | None] = {}
        self.written = 0
        self.aliased = 0

    def read(self, text: str) -> _Stop | None:
        """Read the stream; returns what ended it before its end."""
        try:
            for event in yaml.parse(text, Loader=_LOADER):
                self._event(event)
        except _Stop as stop:
            return stop
        except yaml.MarkedYAMLError as error:
            fault = syntax_fault(error, text, self.file, self.offset)
        except yaml.reader.ReaderError:
            fault = control_fault(text, self.file, self.offset)
        else:
            return None
        return _Stop(fault)

    def _event(self, event: Any) -> None:
        match event:
            case yaml.ScalarEvent():
                self._attach(self._scalar(event))
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                self._open(event)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                frame = self.stack.pop()
                if frame.anchor:
                    self.anchors[frame.anchor] = frame.node
                self._attach(frame.node)
            case yaml.AliasEvent():
                self._attach(self._alias(event))
            case yaml.DocumentStartEvent(start_mark=mark):
                self.faults, self.variables, self.root, self.anchors = [], False, None, {}
                self.document_line = self._at(mark)[0]
            case yaml.DocumentEndEvent():
                if self.root is not None and (self.root.data is not None or self.faults):
                    self.finished.append(
                        Document(self.file, self.root, self.document_line, self.faults, self.variables)
                    )
                self.faults = []

    def _at(self, mark: Any) -> tuple[int, int]:
        return mark.line + 1 + self.offset, mark.column + 1

    def _place(self, event: Any) -> Place:
        return Place(self.file, *self._at(event.start_mark))

    def _open(self, event: Any) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise self._too_deep(event)
        line, column = self._at(event.start_mark)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        make = Node.mapping if is_mapping else Node.sequence
        node = make(line, column, at_key=not event.flow_style)
        if not event.implicit and event.tag not in {"!", CORE + ("map" if is_mapping else "seq")}:
            self._unknown_tag(event)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.stack.append(_Frame(node, event.anchor))
        self.written += 1

    def _attach(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        parent = frame.node
        if isinstance(parent.children, dict):
            if frame.key is None:
                frame.key = self._key(parent, node)
                return
            key, frame.key = frame.key, None
            if isinstance(key, _Discard):
                return
            parent.children[key] = node
            parent.data[key] = node.data
        else:
            assert parent.children is not None
            parent.children.append(node)
            parent.data.append(node.data)
        parent.size += node.size
        if node.height >= parent.height:
            parent.height = node.height + 1

    def _key(self, mapping: Node, node: Node) -> str | _Discard:
        place = Place(self.file, node.line, node.column)
        key = node.data
        if not isinstance(key, str):
            written = node.children is None and node.text
            detail = f"{quoted(node.text)} is not text." if written else "A key is empty, a mapping or a list."
            remedy = f'Quote it:\n  "{printable(node.text[:LONGEST])}": …' if written else ""
            self.faults.append(Fault("not-a-key", "A key is not text", detail, remedy, place))
            return _DISCARD
        if key in mapping.keys:
            detail = f"{quoted(key)} stands in this mapping already, in line {mapping.keys[key][0]}."
            self.faults.append(Fault("duplicate-key", "Duplicate key", detail, "Keep one of the two.", place))
            return _DISCARD
        if key == "<<" and node.plain:
            detail = "`<<` belongs to YAML 1.1; what a mapping holds must stand in it."
            remedy = "Write the keys out, or use an alias for one whole value: `hyperparameters: *shared`."
            self.faults.append(Fault("merge-key", "Merge keys are not supported", detail, remedy, place))
            return _DISCARD
        mapping.keys[key] = (node.line, node.column)
        return key

    def _alias(self, event: Any) -> Node:
        place = self._place(event)
        name = quoted(f"*{event.anchor}")
        if event.anchor not in self.anchors:
            detail = f"No anchor in this document is called {quoted(event.anchor)}."
            raise _Stop(Fault("unknown-alias", "Unknown alias", detail, "", place))
        target = self.anchors[event.anchor]
        if target is None:
            raise _Stop(
                Fault("alias-cycle", "An alias stands in what it refers to", f"{name} is in itself.", "", place)
            )
        self.aliased += target.size
        if self.aliased > FREE_ALIASED + ALIASED_PER_NODE * self.written:
            detail = f"With {name} the aliases of this file stand for {self.aliased:,} values."
            raise _Stop(Fault("alias-bomb", "Aliases expand too far", detail, "Write the values out.", place))
        if len(self.stack) + target.height > MAX_DEPTH:
            raise self._too_deep(event)
        return target.alias(place.line, place.column)

    def _too_deep(self, event: Any) -> _Stop:
        detail = f"Mappings and lists may stand in each other {MAX_DEPTH} deep."
        return _Stop(Fault("too-deep", "Nested too deeply", detail, "", self._place(event)))

    def _unknown_tag(self, event: Any) -> None:
        detail = f"{quoted(event.tag.replace(CORE, '!!'))} is not known, or does not fit its value."
        remedy = "Remove the tag; only !!str, !!int, !!float, !!bool, !!null, !!map and !!seq are known."
        self.faults.append(Fault("unknown-tag", "Tags are not supported", detail, remedy, self._place(event)))

    def _scalar(self, event: Any) -> Node:
        self.written += 1
        mark = event.start_mark
        text: str = event.value
        node = Node(mark.line + 1 + self.offset, mark.column + 1, text, text)
        if event.implicit[0] and not event.tag:
            node.plain = True
            node.at_key = not text
        try:
            if node.plain:
                node.data = resolved(text)
            elif event.tag:
                node.data = tagged(event.tag, text)
        except BadNumber as error:
            detail = f"{quoted(text)} cannot be sent to Azure. {error}"
            remedy = "If it is text, quote it."
            self.faults.append(Fault("bad-number", "Not a usable number", detail, remedy, self._place(event)))
        except BadTag:
            self._unknown_tag(event)
        if "${" in text:
            self.variables = True
        if not text.isascii():
            self._check_text(text, event)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _check_text(self, text: str, event: Any) -> None:
        try:
            text.encode()
        except UnicodeEncodeError:
            detail = "A `\\u` escape names half of a character."
            self.faults.append(Fault("not-text", "A value is not text", detail, "", self._place(event)))
