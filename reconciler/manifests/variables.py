"""`${env:RECONCILER_VAR_NAME}`: the one thing in a manifest that comes from outside git.

It stands for text in Account fields that are not hosts, and for the secret in fields that are made for one
(`core.resource.FromEnvironment`), and nowhere else. A manifest cannot choose which host is sent a token, nor read any
other variable. A secret is not put in here: its field keeps the variable's name, so a tree loads without the value, and
the value is in no spec, plan or digest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from reconciler.core.fault import Fault
from reconciler.core.resource import FromEnvironment
from reconciler.manifests.annotations import is_marked
from reconciler.manifests.faults import quoted
from reconciler.manifests.nodes import Node, walk
from reconciler.manifests.places import Part

PREFIX = "RECONCILER_VAR_"
HOSTS = frozenset({("endpoint",), ("management_endpoint",)})
"""Fields of an Account that say where requests go."""
_USE = re.compile(r"\$\{[^}]*\}?")
_GOOD = re.compile(r"\$\{env:(" + PREFIX + r"[A-Z0-9_]+)\}")
_WHERE = "It may stand in fields of an Account that are not hosts, and in `source.sas` of a Dataset."


@dataclass
class Substituted:
    """A part's data with its variables replaced; `written` tells for each value what stood there."""

    data: Any
    written: dict[str, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def substitute(part: Part, environ: Mapping[str, str]) -> Substituted:
    """Replace the variables in the spec of an Account."""
    assert part.node is not None
    result = Substituted(None)
    faulty = {path for path, node in walk(part.node) if _misplaced(path, node, part, result, allowed=_allowed(path))}

    def copy(node: Node, path: tuple[str, ...]) -> Any:
        if isinstance(node.children, dict):
            return {key: copy(child, (*path, key)) for key, child in node.children.items()}
        if isinstance(node.children, list):
            return [copy(child, (*path, str(index))) for index, child in enumerate(node.children)]
        if isinstance(node.data, str) and "${" in node.data and path not in faulty and _allowed(path):
            return _GOOD.sub(lambda use: _value(use, path, part, environ, result), node.data)
        return node.data

    result.data = copy(part.node, ())
    return result


def refuse(part: Part, model: type[BaseModel] | None = None) -> list[Fault]:
    """Return the faults of a part that may hold no variable but in fields of the model that are made for one."""
    result = Substituted(None)
    for path, node in walk(part.node) if part.node else ():
        allowed = model is not None and is_marked(model, path, FromEnvironment)
        _misplaced(path, node, part, result, allowed=allowed)
    return result.faults


def _allowed(path: tuple[str, ...]) -> bool:
    return path[:1] not in HOSTS


def _misplaced(path: tuple[str, ...], node: Node, part: Part, result: Substituted, *, allowed: bool) -> bool:
    """Report what looks like a variable and may not stand there, or is none."""
    if not isinstance(node.data, str) or node.children is not None or "${" not in node.data:
        return False
    name = quoted(part.called(path))
    if not allowed and "${env:" in node.data:
        detail = f"{name} holds {quoted(_first(node.data))}."
        fault = Fault(
            "variable-misplaced", "A variable may not stand here", detail, _WHERE, part.place(path), part.subject
        )
    elif allowed and any(not _GOOD.fullmatch(use) for use in _USE.findall(node.data)):
        detail = f"{name} holds {quoted(next(use for use in _USE.findall(node.data) if not _GOOD.fullmatch(use)))}."
        remedy = f"Variables are written ${{env:{PREFIX}NAME}}, in capitals."
        fault = Fault("not-a-variable", "Not a variable", detail, remedy, part.place(path), part.subject)
    else:
        return False
    result.faults.append(fault)
    return True


def _first(text: str) -> str:
    found = _USE.search(text)
    return found[0] if found else text


def _value(
    use: re.Match[str], path: tuple[str, ...], part: Part, environ: Mapping[str, str], result: Substituted
) -> str:
    value = environ.get(use[1], "")
    if value:
        result.written[value] = use[0]
        return value
    detail = f"{quoted(part.called(path))} needs {quoted(use[1])}, which is not set or empty."
    remedy = f"Set it, for example:\n  export {use[1]}=…"
    result.faults.append(
        Fault("variable-unset", "A variable is not set", detail, remedy, part.place(path), part.subject)
    )
    return use[0]
