"""The JSON Schema that editors use."""

from __future__ import annotations

import json

from reconciler.kinds import REGISTRY
from reconciler.manifests import json_schema

from .manifests_toys import KINDS


def test_there_is_one_alternative_for_each_kind() -> None:
    schema = json_schema(KINDS)
    kinds = [one["properties"]["kind"]["const"] for one in schema["oneOf"]]
    assert kinds == ["Account", "Grain", "Brew", "Tap"]
    for one in schema["oneOf"]:
        assert one["properties"]["apiVersion"]["const"] == "reconciler/v1"
        assert one["additionalProperties"] is False
        assert one["required"] == ["apiVersion", "kind", "metadata", "spec"]
        assert one["description"]


def test_specs_refuse_unknown_keys_and_carry_descriptions() -> None:
    schema = json_schema(KINDS)
    brew = schema["$defs"]["BrewSpec"]
    assert brew["additionalProperties"] is False
    assert brew["required"] == ["base"]
    assert brew["properties"]["base"]["description"] == "What it is made of."
    metadata = schema["$defs"]["Metadata"]
    assert metadata["required"] == ["name"]
    assert metadata["properties"]["name"]["pattern"].startswith("^[a-z0-9]")


def test_every_reference_leads_somewhere() -> None:
    schema = json_schema(REGISTRY)
    text = json.dumps(schema)
    for name in {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}:
        assert name in schema["$defs"]


def test_every_field_of_the_real_kinds_is_described() -> None:
    definitions = json_schema(REGISTRY)["$defs"]
    for name, definition in definitions.items():
        for key, field in definition.get("properties", {}).items():
            referred = definitions.get(field.get("$ref", "").removeprefix("#/$defs/"), {})
            assert field.get("description") or referred.get("description"), f"{name}.{key}"
