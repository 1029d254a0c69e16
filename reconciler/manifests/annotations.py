"""Reading the types of spec fields: which branch of a union, which model below a key, which fields are marked."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

_LISTS = (list, tuple, set, frozenset)


def bare(annotation: Any) -> Any:
    """Return a type without Annotated and without `| None`, if one type remains."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
            continue
        if hasattr(annotation, "__value__"):  # a named alias
            annotation = annotation.__value__
            continue
        if is_union(annotation):
            rest = [one for one in get_args(annotation) if one is not type(None)]
            if len(rest) == 1:
                annotation = rest[0]
                continue
        return annotation


def is_union(annotation: Any) -> bool:
    """Return whether a type is `A | B`."""
    return get_origin(annotation) in {Union, types.UnionType}


def branches(annotation: Any) -> list[Any]:
    """Return the members of a union other than None; for any other type only itself."""
    plain = bare(annotation)
    return [one for one in get_args(plain) if one is not type(None)] if is_union(plain) else [plain]


def as_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a type is, if it is one."""
    plain = bare(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


@cache
def fields(model: type[BaseModel]) -> Mapping[str, Any]:
    """Return the types of a model's fields, by the key that a manifest uses."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        annotation = Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation
        found[info.alias or name] = annotation
    return found


def below(annotation: Any, part: str | int) -> Any:
    """Return the type of what stands under a key or index; None if the type does not say."""
    for branch in branches(annotation):
        model = as_model(branch)
        plain = bare(branch)
        if model and part in fields(model):
            return fields(model)[str(part)]
        arguments = get_args(plain)
        if get_origin(plain) in _LISTS and isinstance(part, int) and arguments:
            return arguments[min(part, len(arguments) - 1)] if arguments[-1] is not Ellipsis else arguments[0]
        if get_origin(plain) is dict and isinstance(part, str):
            return arguments[1]
    return None


def text_keys(annotation: Any) -> list[str]:
    """Return of each mapping that a type takes the key that a bare text may be meant for: the first needed one, or `type`."""
    found: list[str] = []
    for branch in branches(annotation):
        model = as_model(branch)
        needed = [name for name, info in model.model_fields.items() if info.is_required()] if model else []
        known = fields(model).get((needed or ["type"])[0]) if model else None
        if known is not None and (bare(known) is str or get_origin(bare(known)) is Literal):
            found.append((needed or ["type"])[0])
    return found


def labelled(annotation: Any, label: str) -> Any:
    """Return the branch of a union that pydantic calls `label`; None if it cannot be told."""
    every = branches(annotation)
    for branch in every:
        model = as_model(branch)
        if model and (model.__name__ == label or _has_tag(model, label)):
            return branch
        if _label(bare(branch)) == label.partition("[")[0]:
            return branch
    wrapped = [branch for branch in every if (model := as_model(branch)) and model.__name__ in label]
    return wrapped[0] if len(wrapped) == 1 else None


def _label(plain: Any) -> str:
    """Return how pydantic's label for a type begins."""
    if is_union(plain):
        return "tagged-union"
    return str(getattr(get_origin(plain) or plain, "__name__", "?"))


def _has_tag(model: type[BaseModel], label: str) -> bool:
    return any(get_origin(bare(one)) is Literal and label in get_args(bare(one)) for one in fields(model).values())


@cache
def paths(model: type[BaseModel]) -> tuple[tuple[str, ...], ...]:
    """Return the paths of all fields below a model, nearest first."""
    found: list[tuple[str, ...]] = []
    todo: list[tuple[tuple[str, ...], type[BaseModel], frozenset[type]]] = [((), model, frozenset())]
    while todo:
        path, here, above = todo.pop(0)
        for name, annotation in fields(here).items():
            found.append((*path, name))
            models = [as_model(branch) for branch in branches(annotation)]
            todo.extend(((*path, name), one, above | {here}) for one in models if one and one not in above | {here})
    return tuple(found)


class Marks:
    """Finds the values of marked fields (`Annotated[str, Ref("Kind")]`) in a model; what to look at is found once."""

    def __init__(self, *markers: type) -> None:
        self._markers = markers
        self._plans: dict[type[BaseModel], tuple[tuple[str, str, Any], ...]] = {}

    def of(self, model: BaseModel) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
        """Yield path, marker and value of each marked field that is set."""
        for key, name, annotation in self._plan(type(model)):
            value = getattr(model, name)
            if value is not None:
                yield from self._in(value, annotation, (key,))

    def _in(
        self, value: Any, annotation: Any, path: tuple[str | int, ...]
    ) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
        if isinstance(value, str):
            marker = self._marker(annotation)
            if marker is not None:
                yield path, marker, value
        elif isinstance(value, BaseModel):
            for below_path, marker, text in self.of(value):
                yield (*path, *below_path), marker, text
        elif isinstance(value, Mapping):
            for key, item in value.items():
                yield from self._in(item, below(annotation, str(key)), (*path, str(key)))
        elif isinstance(value, _LISTS):
            for index, item in enumerate(value):
                yield from self._in(item, below(annotation, index), (*path, index))

    def _plan(self, model: type[BaseModel]) -> tuple[tuple[str, str, Any], ...]:
        if model not in self._plans:
            self._plans[model] = tuple(
                (info.alias or name, name, fields(model)[info.alias or name])
                for name, info in model.model_fields.items()
                if self._leads(fields(model)[info.alias or name], set())
            )
        return self._plans[model]

    def _leads(self, annotation: Any, seen: set[Any]) -> bool:
        """Whether a marked field stands at or below a type."""
        if self._marker(annotation) is not None:
            return True
        for branch in branches(annotation):
            model = as_model(branch)
            if model and model not in seen:
                seen.add(model)
                if any(self._leads(one, seen) for one in fields(model).values()):
                    return True
            if any(self._leads(one, seen) for one in get_args(bare(branch)) if one is not Ellipsis):
                return True
        return False

    def _marker(self, annotation: Any) -> Any:
        return marker(annotation, *self._markers)


def marker(annotation: Any, *markers: type) -> Any:
    """Return the marker of a type, or of the text among the branches of a union."""
    if get_origin(annotation) is Annotated:
        inner, *metadata = get_args(annotation)
        return next((one for one in metadata if isinstance(one, markers)), None) or marker(inner, *markers)
    if is_union(annotation):
        return next((found for one in get_args(annotation) if (found := marker(one, *markers)) is not None), None)
    return None


def is_marked(model: type[BaseModel], path: Sequence[str], kind: type) -> bool:
    """Return whether the field at a path of a model bears a marker of this kind."""
    annotation: Any = model
    for part in path:
        annotation = below(annotation, part) if annotation is not None else None
    return annotation is not None and marker(annotation, kind) is not None


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """Return a copy of a frozen value in which one part below it is another."""
    if not path:
        return new
    part, *rest = path
    if isinstance(value, BaseModel):
        name = next(name for name, info in type(value).model_fields.items() if (info.alias or name) == part)
        return value.model_copy(update={name: replaced(getattr(value, name), tuple(rest), new)})
    if isinstance(value, Mapping):
        return {key: replaced(item, tuple(rest), new) if key == part else item for key, item in value.items()}
    return type(value)(replaced(item, tuple(rest), new) if index == part else item for index, item in enumerate(value))
