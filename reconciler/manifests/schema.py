"""The JSON Schema of manifests, generated from the models that validate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from reconciler.core.account import AccountSpec
from reconciler.kind import Kind
from reconciler.manifests.head import API_VERSION, Metadata

_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
"""What pydantic leaves as it is where a value is read before it is checked, and its name in JSON Schema."""


class _AsWritten(GenerateJsonSchema):
    """Keeps the order in which things are declared, in examples too."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Sort nothing."""
        del parent_key
        return value


def json_schema(kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the schema of one YAML document: one alternative for each kind, Account first."""
    specs: dict[str, type[BaseModel]] = {"Account": AccountSpec, **{name: kind.spec for name, kind in kinds.items()}}
    models: list[type[BaseModel]] = [Metadata, *specs.values()]
    names, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}", schema_generator=_AsWritten
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Manifest of reconciler",
        "description": "One YAML document; a file may hold several, separated by `---`.",
        "type": "object",
        "oneOf": [_document(kind, spec, names) for kind, spec in specs.items()],
        "$defs": _bounded(definitions.get("$defs", {})),
    }


def _bounded(value: Any) -> Any:
    """Return a part of a schema with each bound under the name by which editors know it."""
    if isinstance(value, list):
        return [_bounded(one) for one in value]
    if not isinstance(value, dict):
        return value
    scalar = str(value.get("type")) in {"integer", "number"}
    return {_BOUNDS.get(key, key) if scalar else key: _bounded(one) for key, one in value.items()}


def _document(kind: str, spec: type[BaseModel], names: Mapping[Any, Any]) -> dict[str, Any]:
    about = (spec.__doc__ or "").strip().partition("\n")[0]
    return {
        "title": kind,
        "description": about,
        "type": "object",
        "properties": {
            "apiVersion": {"const": API_VERSION, "description": "Version of the format of manifests."},
            "kind": {"const": kind, "description": about},
            "metadata": names[Metadata, "validation"],
            "spec": names[spec, "validation"],
        },
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
    }
