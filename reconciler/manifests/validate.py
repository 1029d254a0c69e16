"""Validation of one part of a document by its pydantic model, and pydantic's errors in our words.

The data goes in as JSON, in strict mode: a list fits a tuple, but `5` is never text and `"5"` never a number.
An error keeps the place of the key or value that is wrong. Of a union only the branch that was meant is spoken of.

It is long because each sort of error has words of its own, and they are read side by side.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from reconciler.core.fault import Fault
from reconciler.core.resource import Block
from reconciler.manifests.annotations import as_model, below, branches, fields, labelled, paths, text_keys
from reconciler.manifests.faults import LONGEST, listed, meant, nearest, printable, quoted, snake
from reconciler.manifests.nodes import Node
from reconciler.manifests.places import Part

SHORTEST_SECRET = 6
M = TypeVar("M", bound=BaseModel)
Path = tuple[str | int, ...]

ALIASES: Mapping[str, str] = {
    "epochs": "n_epochs",
    "num_epochs": "n_epochs",
    "epoch_count": "n_epochs",
    "learning_rate": "learning_rate_multiplier",
    "lr": "learning_rate_multiplier",
    "lr_multiplier": "learning_rate_multiplier",
    "base_model": "model",
    "base": "model",
    "model_name": "model",
    "training_data": "training_file",
    "train_file": "training_file",
    "training": "training_file",
    "dataset": "training_file",
    "validation_data": "validation_file",
    "valid_file": "validation_file",
    "validation": "validation_file",
    "rai_policy": "rai_policy_name",
    "content_filter": "rai_policy_name",
    "region": "location",
    "file": "path",
    "random_seed": "seed",
    "tags": "labels",
    "annotations": "labels",
    "method_type": "method",
}
"""What a key is called elsewhere, in snake_case, and here."""

_EXPECTED: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "decimal_type": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dataclass_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "list_type": "a list",
    "tuple_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "none_required": "nothing",
}
"""pydantic's errors about the type of a value, and the type that was expected."""
_ABOUT_A_KEY = frozenset({"missing", "extra_forbidden"})
"""pydantic's errors whose location ends in a key, whether a document has it or not."""
_CHOICES = frozenset({"literal_error", "enum"})
_YES_AND_NO = frozenset({"yes", "no", "on", "off", "y", "n"})
_NOT_OF_SPEC = frozenset({"name", "labels", "adopt", "ignore"})


@dataclass(frozen=True, slots=True)
class _Located:
    """One of pydantic's errors: what it is about, and the branches of unions on the way there."""

    kind: str
    path: Path
    turns: tuple[tuple[Path, str], ...]
    """At which path pydantic tried which branch."""
    model: type[BaseModel] | None
    """The model that holds the last key of the path."""
    message: str
    context: Mapping[str, Any]


def validated(
    model: type[M], data: Any, part: Part, secrets: Mapping[str, str] | None = None
) -> tuple[M | None, list[Fault]]:
    """Return the model's value, or what is wrong with it. `secrets` are values that no message may repeat."""
    try:
        return model.model_validate_json(json.dumps(data), strict=True), []
    except ValidationError as error:
        located = [_locate(model, part, one) for one in error.errors(include_url=False, include_input=False)]
        faults = [_fault(one, model, part) for one in _without_guesses(_meant(located, part))]
        return None, [_clean(fault, secrets or {}) for fault in faults]


def _locate(model: type[BaseModel], part: Part, error: Any) -> _Located:
    """Tell the keys in pydantic's location from its names for the branches of unions."""
    annotation: Any = model
    holder: type[BaseModel] | None = model
    path: list[str | int] = []
    turns: list[tuple[Path, str]] = []
    location = error["loc"]
    for index, step in enumerate(location):
        if step == "[key]" and index == len(location) - 1:
            break
        several = len(branches(annotation)) > 1 if annotation is not None else False
        is_last = index == len(location) - 1
        if several or not (_is_key(step, annotation, part.find(path)) or (is_last and error["type"] in _ABOUT_A_KEY)):
            turns.append((tuple(path), str(step)))
            annotation = labelled(annotation, str(step)) if annotation is not None else None
            continue
        holder = as_model(annotation) if annotation is not None else None
        path.append(step)
        annotation = below(annotation, step) if annotation is not None else None
    return _Located(
        error["type"], tuple(path), tuple(turns), holder or as_model(annotation), error["msg"], error.get("ctx", {})
    )


def _is_key(step: str | int, annotation: Any, node: Node | None) -> bool:
    """Whether a step of a location is a key or index. Where the type does not say, the document does."""
    if isinstance(step, int) or as_model(annotation) or below(annotation, step) is not None:
        return True
    return node is not None and node.child(step) is not None


def _meant(errors: Sequence[_Located], part: Part) -> list[_Located]:
    """Keep of each union the errors of the branch that was meant; if no branch fits, one error that names them all."""
    kept: list[_Located] = []
    unions: dict[Path, dict[str, list[_Located]]] = {}
    for error in errors:
        if error.turns:
            at, label = error.turns[0]
            unions.setdefault(at, {}).setdefault(label, []).append(error)
        else:
            kept.append(error)
    for at, tried in unions.items():
        fitting = {label: found for label, found in tried.items() if not any(_misfits(one, at) for one in found)}
        if fitting:
            best = min(fitting.values(), key=lambda found: _distance(found, at, part))
            kept.extend(_meant([_turned(one) for one in best], part))
        else:
            kept.append(_none_fits([one for found in tried.values() for one in found], at))
    return kept


def _turned(error: _Located) -> _Located:
    return _Located(error.kind, error.path, error.turns[1:], error.model, error.message, error.context)


def _misfits(error: _Located, at: Path) -> bool:
    """Whether an error says that a value is of another shape than this branch of a union."""
    return error.path == at and (error.kind in _EXPECTED or error.kind in _CHOICES)


def _distance(errors: Sequence[_Located], at: Path, part: Part) -> tuple[int, int, int]:
    """How far a value is from a branch: wrong discriminators, unknown keys less known ones, all errors."""
    node = part.find(at)
    model = next((one.model for one in errors if one.model and one.path[:-1] == at), None)
    known = sum(_near_key(key, fields(model)) is not None for key in node.keys) if model and node else 0
    known += any(one.kind == "union_tag_invalid" and one.path == at for one in errors)
    wrong_kind = sum(
        one.kind == "union_tag_not_found"
        or (one.kind in _CHOICES and len(one.path) == len(at) + 1 and all(place == at for place, _ in one.turns))
        for one in errors
    )
    return wrong_kind, sum(one.kind == "extra_forbidden" for one in errors) - known, len(errors)


def _none_fits(errors: Sequence[_Located], at: Path) -> _Located:
    expected = [word for one in errors if one.path == at for word in _expectation(one)]
    kind = "literal_error" if all(one.kind in _CHOICES for one in errors) else "string_type"
    return _Located(kind, at, (), errors[0].model, "", {"words": list(dict.fromkeys(expected))})


def _expectation(error: _Located) -> list[str]:
    if "words" in error.context:
        return list(error.context["words"])
    if error.kind in _CHOICES:
        return [quoted(choice) for choice in _choices(error)]
    word = _EXPECTED.get(error.kind)
    return [word] if word and word != "nothing" else []


def _choices(error: _Located) -> list[str]:
    text = str(error.context.get("expected", error.context.get("expected_tags", "")))
    return re.findall(r"'((?:[^'\\]|\\.)*)'", text) or re.findall(r"[\w.-]+", text)


def _without_guesses(errors: Sequence[_Located]) -> list[_Located]:
    """Leave out a missing key where an unknown key beside it was probably meant to be it: it is one mistake."""
    excused = {
        (*one.path[:-1], near)
        for one in errors
        if one.kind == "extra_forbidden" and one.model and (near := _meant_key(one, fields(one.model)))
    }
    return [one for one in errors if not (one.kind == "missing" and one.path in excused)]


def _meant_key(error: _Located, known: Mapping[str, Any]) -> str | None:
    """Return the key that an unknown one stands for; also the only one there is, where it is told what to write instead."""
    word = str(error.path[-1])
    return next(iter(known)) if len(known) == 1 and _advice(error, snake(word)) else _near_key(word, known)


def _near_key(word: str, known: Mapping[str, Any]) -> str | None:
    name = ALIASES.get(snake(word), snake(word))
    return name if name in known else nearest(snake(word), known)


def _fault(error: _Located, model: type[BaseModel], part: Part) -> Fault:
    name = quoted(part.called(error.path))
    node = part.find(error.path)
    place = part.place(error.path)
    if error.kind == "extra_forbidden":
        remedy = _unknown_key(error, model, part)
        return Fault(
            "unknown-key", "Unknown key", f"{name} is not known.", remedy, part.key_place(error.path), part.subject
        )
    if error.kind == "missing":
        return _missing(error, name, part)
    if error.kind in _EXPECTED:
        expected = listed(_expectation(error)) or "nothing"
        detail = f"{name} is {in_words(node)}, expected {expected}."
        return Fault("wrong-type", "Wrong type", detail, _retype(node, error, model), place, part.subject)
    if error.kind in _CHOICES or error.kind == "union_tag_invalid":
        return _not_a_choice(error, name, node, part)
    if error.kind == "union_tag_not_found":
        key = str(error.context.get("discriminator", "")).strip("'")
        detail = f"{quoted(part.called((*error.path, key)))} is needed."
        return Fault("missing-key", "Missing key", detail, "", place, part.subject)
    detail = f"{name} {_because(error, node)}"
    remedy = _description(error) if error.kind == "string_pattern_mismatch" else ""
    return Fault("not-allowed", "Not allowed", detail, remedy, place, part.subject)


def _missing(error: _Located, name: str, part: Part) -> Fault:
    remedy = f"Add `{error.path[-1]}: …`. {_description(error)}".strip()
    place = part.place(error.path[:-1])
    return Fault("missing-key", "Missing key", f"{name} is needed.", remedy, place, part.subject)


def _description(error: _Located) -> str:
    """Return what the model says of a field."""
    info = error.model.model_fields.get(str(error.path[-1])) if error.model and error.path else None
    return info.description or "" if info else ""


def _advice(error: _Located, word: str) -> str:
    """Return what the model says of a key, or `key: value`, that people write and that may not stand there."""
    return error.model.advice.get(word, "") if error.model and issubclass(error.model, Block) else ""


def _not_a_choice(error: _Located, name: str, node: Node | None, part: Part) -> Fault:
    path, choices = error.path, _choices(error)
    words = error.context.get("words")
    if error.kind == "union_tag_invalid":
        key = str(error.context.get("discriminator", "")).strip("'")
        path = (*path, key)
        name, node = quoted(part.called(path)), part.find(path)
    expected = listed(words or [quoted(choice) for choice in choices])
    detail = f"{name} is {in_words(node)}, expected {expected}."
    near = nearest(node.text, choices) if node is not None and isinstance(node.data, str) and choices else None
    remedy = f"Did you mean {quoted(near)}?" if near else ""
    if node is not None and path:
        remedy = _advice(error, f"{path[-1]}: {node.data}") or remedy
    return Fault("not-allowed", "Not allowed", detail, remedy, part.place(path), part.subject)


def _because(error: _Located, node: Node | None) -> str:
    """Return why a value is not allowed, as the rest of a sentence that begins with the field's name."""
    context = error.context
    bounds = {
        "greater_than": ("gt", "more than {}"),
        "greater_than_equal": ("ge", "at least {}"),
        "less_than": ("lt", "less than {}"),
        "less_than_equal": ("le", "at most {}"),
        "multiple_of": ("multiple_of", "a multiple of {}"),
    }
    lengths = {
        "string_too_short": ("min_length", "at least {} characters"),
        "string_too_long": ("max_length", "at most {} characters"),
        "too_short": ("min_length", "at least {} entries"),
        "too_long": ("max_length", "at most {} entries"),
    }
    if error.kind in bounds:
        key, words = bounds[error.kind]
        return f"is {in_words(node)}, must be {words.format(_number(context[key]))}."
    if error.kind in lengths:
        key, words = lengths[error.kind]
        return f"must have {words.format(context[key])}."
    if error.kind == "string_pattern_mismatch":
        return f"is {in_words(node)}, must match {quoted(str(context['pattern']))}."
    if error.kind in {"value_error", "assertion_error"}:
        message = str(context.get("error", "")) or error.message.partition(", ")[2]
    else:
        message = re.sub(r"^(Input|Value|String|URL|UUID|[A-Z]\w+) should", "should", error.message)
    message = printable(message if len(message) <= 10 * LONGEST else message[: 10 * LONGEST] + "…")
    return message if message.endswith((".", "?")) else f"{message}."


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def in_words(node: Node | None) -> str:
    """Return what stands at a place, in words."""
    if node is None:
        return "something else"
    if isinstance(node.children, dict):
        return "a mapping"
    if isinstance(node.children, list):
        return "a list"
    if node.data is None:
        return "empty" if not node.text else "null"
    if isinstance(node.data, bool):
        return quoted(node.text)
    if isinstance(node.data, (int, float)):
        return f"the number {printable(node.text[:LONGEST])}"
    return quoted(node.data if node.plain else f'"{node.data}"')


def _retype(node: Node | None, error: _Located, model: type[BaseModel]) -> str:
    """Return how to write a value in the type that was expected."""
    words = _expectation(error)
    if node is None or node.children is not None:
        return ""
    if "text" in words and node.data is not None and not isinstance(node.data, str):
        key = f"{printable(str(error.path[-1]))}: " if error.path and isinstance(error.path[-1], str) else ""
        return f'Quote it, if it is text:\n  {key}"{printable(node.text[:LONGEST])}"'
    if "true or false" in words and isinstance(node.data, str) and node.data.lower() in _YES_AND_NO:
        return "Write true or false: in YAML 1.2 yes, no, on and off are text."
    if isinstance(node.data, str) and not node.plain and {"a number", "a whole number", "true or false"} & set(words):
        return "Remove the quotes."
    if words == ["a mapping"] and isinstance(node.data, str) and error.path:
        text = printable(node.text[:LONGEST])
        lines = [f"\n  {error.path[-1]}: {{{key}: {text}}}" for key in text_keys(_annotation(model, error.path))]
        return f"Say what it is:{''.join(lines)}" if lines else ""
    return ""


def _unknown_key(error: _Located, model: type[BaseModel], part: Part) -> str:
    """Return what was probably meant by a key that is not known."""
    word = str(error.path[-1])
    holder = error.model or model
    name = ALIASES.get(snake(word), snake(word))
    known = fields(holder)
    advice = _advice(error, snake(word))
    if advice:
        return advice
    if word in _known_at(model, error.path[:-1]):
        return (
            f"It cannot stand beside {listed([quoted(key) for key in known if key in _keys(part, error.path[:-1])])}."
        )
    if name in known:
        return f"Did you mean {quoted(name)}?"
    elsewhere = [path for path in paths(model) if path[-1] == name]
    inside = [path for path in elsewhere if path[: len(error.path) - 1] == error.path[:-1]]
    if inside or elsewhere:
        path = (inside or elsewhere)[0]
        return f"It belongs at {quoted('.'.join((part.name, *path)))}."
    if part.name == "spec" and name in _NOT_OF_SPEC:
        return f"It belongs at {quoted(f'metadata.{name}')}."
    return meant(snake(word), _known_at(model, error.path[:-1]) | known.keys(), what="Known keys")


def _keys(part: Part, path: Path) -> Collection[str]:
    node = part.find(path)
    return node.keys if node else ()


def _known_at(model: type[BaseModel], path: Path) -> set[str]:
    """Return the keys of every model that may stand at a path."""
    annotation = _annotation(model, path)
    models = [as_model(branch) for branch in branches(annotation)] if annotation is not None else []
    return {key for one in models if one for key in fields(one)}


def _annotation(model: type[BaseModel], path: Path) -> Any:
    """Return the type of what stands at a path; None if no type says it."""
    annotation: Any = model
    for step in path:
        annotation = below(annotation, step) if annotation is not None else None
    return annotation


def _clean(fault: Fault, secrets: Mapping[str, str]) -> Fault:
    """Put what was written for each secret that a model's own message repeats; a short value is a word, not a secret."""
    detail = fault.detail
    for value, written in secrets.items():
        if len(value) >= SHORTEST_SECRET:
            detail = detail.replace(value, written)
    return replace(fault, detail=detail)
