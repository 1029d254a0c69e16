"""Files that hold a piece of a manifest: a grader, a schema. They are validated as manifests are, with places of their own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from reconciler.core.fault import Fault, Place
from reconciler.kind import Piece
from reconciler.manifests.faults import quoted
from reconciler.manifests.files import Site
from reconciler.manifests.nodes import Node
from reconciler.manifests.places import Part, Places
from reconciler.manifests.validate import validated
from reconciler.manifests.variables import refuse
from reconciler.manifests.yaml import documents


@dataclass(frozen=True)
class Pieces:
    """Reads the pieces of one repository (see `reconciler.kind.Documents`)."""

    site: Site

    def value(self, model: type[BaseModel], field: str, path: str, subject: str) -> Piece:
        """Return a YAML or JSON file as the value of one field of a model."""
        text = self.site.read(self.site.root / path)
        if isinstance(text, Fault):
            return Piece(faults=(text,))
        file = self.site.shown(self.site.root / path)
        if path.lower().endswith(".json"):
            data, faults = _json(text, file)
            root = None if faults else _same(text, file, data)
        else:
            root, faults = _yaml(text, file, subject)
            data = root.data if root else None
        if faults:
            return Piece(faults=tuple(faults))
        top = _holder(field, root) if root else None
        at = Place(file, root.line, root.column) if root else Place(file)
        made, wrong = validated(model, {field: data}, Part(file, top, at, "" if top else field, subject))
        return Piece(getattr(made, field, None), Places(file, top, top) if top else {field: at}, tuple(wrong))

    def text(self, path: str) -> str | Fault:
        """Return a file that is a text."""
        return self.site.read(self.site.root / path)

    def path(self, beside: str, value: str) -> str | Fault:
        """Return the path of a file that another one names relative to itself, or why it cannot be used."""
        return self.site.data_file((self.site.root / beside).parent, value, "file")


def _holder(field: str, root: Node) -> Node:
    """Return the mapping that a file is the one field of: so its fields have names in messages."""
    holder = Node.mapping(root.line, root.column)
    holder.data = {field: root.data}
    holder.children, holder.keys = {field: root}, {field: (root.line, root.column)}
    return holder


def _yaml(text: str, file: str, subject: str) -> tuple[Node | None, list[Fault]]:
    found = documents(text, file)
    faults = [fault for document in found for fault in document.faults]
    if faults:
        return None, faults
    if len(found) != 1 or found[0].root is None:
        detail = f"{quoted(file)} holds {len(found)}."
        return None, [
            Fault("piece-documents", "The file must hold one YAML document", detail, "", Place(file), subject)
        ]
    root = found[0].root
    part = Part(file, root, Place(file, root.line, root.column), "", subject)
    return root, refuse(part) if found[0].variables else []


def _json(text: str, file: str) -> tuple[Any, list[Fault]]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"The key {quoted(twice)} stands twice in one object.")
        return found

    try:
        return json.loads(text, object_pairs_hook=unique), []
    except json.JSONDecodeError as error:
        place, detail = Place(file, error.lineno, error.colno), f"{error.msg}."
    except RecursionError:
        place, detail = Place(file), "It is nested too deeply."
    except ValueError as error:
        place, detail = Place(file), str(error)
    return None, [Fault("json-syntax", "The JSON cannot be read", detail, "", place)]


def _same(text: str, file: str, data: Any) -> Node | None:
    """Return the nodes of a JSON text, if it reads the same as YAML, which most do: they say where things stand."""
    found = documents(text, file)
    one = found[0] if len(found) == 1 and not found[0].faults else None
    return one.root if one and one.root and one.root.data == data else None
