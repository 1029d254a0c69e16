"""The emulator and its tables against Microsoft's specifications, where they are at hand beside the repository."""

from __future__ import annotations

import json
from typing import Any

import pytest
from emulator.conformance import CODES, NOT_HERE, ROUTES
from emulator.conformance_rows import ARM, GA, PREVIEW, V1
from emulator.conformance_wire import NEVER_SAID, WORDS
from emulator.test_conformance import ACCOUNT, ROOT, There, url

SPECIFICATIONS = ROOT.parent / "shared/specs"
TYPES = SPECIFICATIONS / "arm-types.cognitiveservices.2025-09-01.json"
DATA_PLANE = SPECIFICATIONS / "dataplane-contract.extract.json"

ARM_BODIES = {
    "accounts/deployments": f"{ACCOUNT}/deployments/there",
    "accounts": ACCOUNT,
    "accounts/projects": f"{ACCOUNT}/projects/p1",
}


@pytest.mark.skipif(not TYPES.is_file(), reason="Microsoft's types of ARM are not at hand")
@pytest.mark.parametrize("name", ARM_BODIES)
def test_arm_bodies_are_of_microsofts_types(direct, name):
    types = json.loads(TYPES.read_text())
    body = next(item for item in types if item.get("name") == f"Microsoft.CognitiveServices/{name}")
    There(direct).value("deployment")
    answer = direct("GET", url(ARM, ARM_BODIES[name]))
    assert answer.status == 200
    assert list(_misfits(types, body, answer.json(), "")) == []


SCALARS = {"StringType": str, "IntegerType": int, "BooleanType": bool, "StringLiteralType": str}


def _misfits(types: list[Any], kind: Any, value: Any, path: str) -> Any:
    """Yield where a value is not of a type; what is newer than the types may be there, so only what they name is held to them."""
    match kind["$type"]:
        case "ObjectType":
            if not isinstance(value, dict):
                yield f"{path} is no object"
                return
            names = {name.lower(): item for name, item in kind["properties"].items()}
            for name, inner in value.items():
                if name.lower() not in names and "additionalProperties" not in kind:
                    yield f"{path}.{name} is no field"
                elif name.lower() in names and inner is not None:
                    yield from _misfits(types, _referred(types, names[name.lower()]["type"]), inner, f"{path}.{name}")
        case "ArrayType":
            for number, inner in enumerate(value):
                yield from _misfits(types, _referred(types, kind["itemType"]), inner, f"{path}[{number}]")
        case "UnionType":
            options = [_referred(types, option) for option in kind["elements"]]
            if all(list(_misfits(types, option, value, path)) for option in options):
                yield f"{path}: {value!r} is none of the options"
        case scalar if scalar in SCALARS:
            if not isinstance(value, SCALARS[scalar]) or kind.get("value", value) != value:
                yield f"{path}: {value!r} is no {scalar} {kind.get('value', '')}"


def _referred(types: list[Any], reference: Any) -> Any:
    return types[int(reference["$ref"].rpartition("/")[2])]


@pytest.mark.skipif(not DATA_PLANE.is_file(), reason="the extract of the specifications is not at hand")
def test_the_table_has_each_route_of_the_specifications_and_its_codes():
    told = {(row.method, "/".join("*" if "{" in part else part for part in row.path.split("/"))): row for row in ROUTES}
    missing = []
    for method, path, about in json.loads(DATA_PLANE.read_text())["routes"]:
        row = told.get((method, "/".join("*" if "{" in part else part for part in path.strip("/").split("/"))))
        if row is None:
            missing.append(path)
            continue
        on = {surface.partition("-mid")[0].partition("-newer")[0] for surface in about["in"]}
        codes = about.get("ok", 200)
        for surface in (GA, PREVIEW, V1):
            code = codes.get(surface, 200) if isinstance(codes, dict) else codes
            assert row.codes[surface] == (code if surface in on else None), f"{method} {path} on {surface}"
    others = " ".join(text for text, _ in NOT_HERE)
    assert [path for path in missing if path.strip("/").rpartition("/")[2] not in others] == []


@pytest.mark.skipif(not DATA_PLANE.is_file(), reason="the extract of the specifications is not at hand")
def test_the_table_has_each_word_of_the_specifications():
    words = json.loads(DATA_PLANE.read_text())["enums"]
    told = {row.field: {*row.said, *row.never} for row in WORDS}
    states = words["FineTuningState"]
    assert told["status of a file"] == set(words["FileState"])
    assert told["status of a job"] == set(states[PREVIEW])
    assert told["status of a job"] | told["status of a job on v1, by a switch"] >= set(states[V1])
    assert told["status of an upload"] == set(words["UploadStatus"])
    assert told["level of an event"] == set(words["LogLevel"][GA])
    assert told["level of an event on v1"] == set(words["LogLevel"][V1])
    assert told["type of an event"] == set(words["EventType"])
    assert {row.code for row in CODES} | set(NEVER_SAID) | told["code of the error of a job"] >= set(
        words["ErrorCode(dated)"]
    )


def test_a_misfit_is_found():
    types = [
        {"$type": "ObjectType", "name": "x", "properties": {"a": {"type": {"$ref": "#/1"}}}},
        {"$type": "IntegerType"},
    ]
    assert list(_misfits(types, types[0], {"a": "1"}, ""))
    assert list(_misfits(types, types[0], {"b": 1}, ""))
    assert not list(_misfits(types, types[0], {"a": 1}, ""))
