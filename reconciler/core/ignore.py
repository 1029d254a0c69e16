"""`metadata.ignore`: fields that others may change at Azure. What is ignored is wanted as it is.

The wanted spec takes over the live value of an ignored field. So nothing that compares the two sees a difference, and
nothing that writes one of them sends another value: plan, drift and apply cannot disagree.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from reconciler.core.resource import Spec


def ignoring(want: Spec, have: Spec, paths: Sequence[str]) -> Spec:
    """Return the wanted spec with the live values of some fields, given as dotted paths."""
    for path in paths:
        want = _taken_over(want, have, path.split("."))
    return want


def _taken_over(want: Any, have: Any, path: Sequence[str]) -> Any:
    """Return a value with what the other one has at a path. Where only one side has what is around it, it stays."""
    name, rest = path[0], path[1:]
    wanted, found = _get(want, name), _get(have, name)
    if rest:
        if not (_is_open(wanted) and _is_open(found)):
            return want
        found = _taken_over(wanted, found, rest)
    if isinstance(want, BaseModel):
        return want.model_copy(update={name: found})
    if isinstance(want, Mapping):
        kept = {key: value for key, value in want.items() if key != name}
        return kept if found is None else {**kept, name: found}
    return want


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _is_open(value: Any) -> bool:
    return isinstance(value, BaseModel | Mapping)


def unknown_field(spec: type[Spec], path: str) -> tuple[str, list[str]] | None:
    """Return a dotted path up to the part that no spec of this type can have, and the paths that may stand there.

    None if all of it may.
    """
    inside: Iterable[Any] = [spec]
    begin = ""
    for name in path.split("."):
        models = [one for one in inside if isinstance(one, type) and issubclass(one, BaseModel)]
        fields = {known: field for model in models for known, field in model.model_fields.items()}
        if name not in fields:
            is_free = any(get_origin(one) in {dict, Mapping} or one in {dict, Any} for one in inside)
            return None if is_free else (begin + name, sorted(begin + known for known in set(fields) - {"account"}))
        begin += f"{name}."
        found = [model.model_fields[name].annotation for model in models if name in model.model_fields]
        inside = [one for annotation in found for one in _members(annotation)]
    return None


def _members(annotation: Any) -> list[Any]:
    """Return the types of a union, and of what is annotated."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        return [one for member in get_args(annotation) for one in _members(member)]
    return [annotation]
