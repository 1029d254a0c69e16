"""Every row of the conformance table, put to the emulator; ARM's bodies against Microsoft's types where they are at hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from emulator.conformance import ARM, ARM_ROUTES, CODES, FIELDS, GA, ROUTES, V1, page

from reconciler.emulator.routes import ARM as ARM_TABLE
from reconciler.emulator.routes import DATA_PLANE

ROOT = Path(__file__).parents[2]
TYPES = ROOT.parent / "shared/specs/arm-types.cognitiveservices.2025-09-01.json"
ACCOUNT = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme"
PROVIDER = "/subscriptions/sub/providers/Microsoft.CognitiveServices"


def url(surface: str, path: str) -> str:
    if surface == ARM:
        return f"{path}?api-version=2025-09-01"
    return f"/acme/openai/v1/{path}" if surface == V1 else f"/acme/openai/{path}?api-version={surface}"


@pytest.fixture
def there(direct):
    """Objects in each state that a route needs; made when they are asked for."""
    return There(direct)


class There:
    def __init__(self, direct: Any) -> None:
        self.direct = direct

    def value(self, name: str) -> str:
        return str(getattr(self, f"_{name}")())

    def _file(self) -> str:
        return self.direct.ready_file()

    def _job(self) -> str:
        return self.direct.trained()["id"]

    def _running(self) -> str:
        job = self.direct.job().json()["id"]
        self.direct.emulator.advance(3)
        return job

    def _paused(self) -> str:
        job = self._running()
        self.direct("POST", url(V1, f"fine_tuning/jobs/{job}/pause"))
        self.direct.emulator.advance(1)
        return job

    def _model(self) -> str:
        return self.direct.trained()["fine_tuned_model"]

    def _deployment(self) -> str:
        self.direct.deploy("there", self._model())
        self.direct.emulator.advance(1)
        return "there"

    def _upload(self) -> str:
        body = {"purpose": "fine-tune", "filename": "a.jsonl", "bytes": 3, "mime_type": "application/json"}
        return self.direct("POST", url(GA, "uploads"), body).json()["id"]

    def _new(self) -> str:
        self._model_of_new = self._model()
        return "new"

    def _absent(self) -> str:
        return "absent"

    def _account(self) -> str:
        return ACCOUNT

    def _provider(self) -> str:
        return PROVIDER

    def body(self, method: str, path: str, made: dict[str, str]) -> tuple[Any, dict[str, str]]:
        """What a route must be sent to succeed."""
        direct, kind = self.direct, {"content-type": "multipart/form-data; boundary=B"}
        if method == "POST" and path == "files":
            return _multipart("file"), kind
        if path == "files/import":
            content = direct("GET", url(V1, f"files/{self._file()}/content"))
            assert content.status == 200
            return {"purpose": "fine-tune", "filename": "a.jsonl", "content_url": "http://127.0.0.1:9/a.jsonl"}, {}
        if path == "uploads":
            return {"purpose": "fine-tune", "filename": "a.jsonl", "bytes": 3, "mime_type": "application/json"}, {}
        if path.endswith("/parts"):
            return _multipart("data"), kind
        if path.endswith("/complete"):
            part = direct("POST", url(GA, f"uploads/{made['upload']}/parts"), _multipart("data", b"abc"), kind).json()
            return {"part_ids": [part["id"]]}, {}
        if method == "POST" and path == "fine_tuning/jobs":
            return {"model": "gpt-4.1-mini", "training_file": self._file()}, {}
        if path.endswith("chat/completions"):
            name = made.get("deployment") or self._deployment()
            return {"model": name, "messages": [{"role": "user", "content": "hello"}]}, {}
        if method in {"PUT", "PATCH"}:
            sku = {"name": "GlobalStandard", "capacity": 1}
            if method == "PATCH":
                return {"sku": {**sku, "capacity": 2}, "tags": {"a": "b"}}, {}
            model = direct("GET", url(ARM, f"{ACCOUNT}/deployments/there")).json().get("properties", {}).get("model")
            return {"sku": sku, "properties": {"model": model or {"format": "OpenAI", "name": self._model_of_new}}}, {}
        return None, {}


def _multipart(name: str, data: bytes = b"{}") -> bytes:
    return (
        b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--B\r\nContent-Disposition: form-data; name="'
        + name.encode()
        + b'"; filename="a.jsonl"\r\nContent-Type: application/json\r\n\r\n'
        + data
        + b"\r\n--B--\r\n"
    )


@pytest.mark.parametrize(
    ("row", "surface", "code"),
    [(row, surface, code) for row in (*ROUTES, *ARM_ROUTES) for surface, code in row.codes.items()],
    ids=lambda value: f"{value.method} {value.path}" if hasattr(value, "path") else str(value),
)
def test_routes(direct, there, row, surface, code):
    names = [part.partition("}")[0] for part in row.path.split("{")[1:]]
    made = {name: there.value(name) if code or surface == ARM else "none" for name in names}
    path = row.path.format(**made)
    body, headers = there.body(row.method, row.path, made) if code else (None, {})
    answer = direct(row.method, url(surface, path), body, headers)
    assert answer.status == (code or 404), answer.body
    if code is None:
        assert answer.json()["error"]["code"] == "404", "no such route, and not: no such object"


def test_no_route_of_the_emulator_is_missing_from_the_table():
    def shape(path: str) -> str:
        return "/".join("*" if part.startswith("{") else part for part in path.lower().split("/"))

    told = {(row.method, shape(row.path)) for row in ROUTES}
    assert {(method, path.lower()) for method, path in DATA_PLANE} == told
    provider = "subscriptions/*/providers/microsoft.cognitiveservices"
    account = "subscriptions/*/resourcegroups/*/providers/microsoft.cognitiveservices/accounts/*"
    arm = {
        (
            row.method,
            row.path.lower()
            .replace("swedencentral", "*")
            .format(account=account, provider=provider, deployment="*", new="*", absent="*"),
        )
        for row in ARM_ROUTES
    }
    more = {path for _, path in ARM_TABLE} - {path for _, path in arm}
    # Operations are polled by every test of a deployment; the others are what `doctor` reads.
    assert {
        path.rpartition("/")[0].rpartition("/")[2] if path.endswith("*") else path.rpartition("/")[2] for path in more
    } <= {
        "operationstatuses",
        "operationresults",
        "projects",
        "accounts",
    }


def test_fields(direct):
    job = direct.trained(suffix="s")
    name = "dd"
    direct.deploy(name, job["fine_tuned_model"], tags={"a": "b"})
    direct.emulator.advance(1)
    deployment = direct("GET", url(ARM, f"{ACCOUNT}/deployments/{name}")).json()
    seen = {
        "file": direct("GET", url(V1, f"files/{job['training_file']}")).json(),
        "job": job,
        "event": direct("GET", url(V1, f"fine_tuning/jobs/{job['id']}/events")).json()["data"][0],
        "checkpoint": direct("GET", url(V1, f"fine_tuning/jobs/{job['id']}/checkpoints")).json()["data"][0],
        "model on a dated surface": direct("GET", url(GA, f"models/{job['fine_tuned_model']}")).json(),
        "model on v1": direct("GET", url(V1, f"models/{job['fine_tuned_model']}")).json(),
        "deployment": deployment,
        "properties of a deployment": deployment["properties"],
    }
    told = {kind: {field for row in FIELDS if row.object == kind for field in row.fields} for kind in seen}
    assert {kind: set(body) for kind, body in seen.items()} == told


def _provoke(name: str, direct: Any, there: There) -> Any:
    emulator = direct.emulator
    match name:
        case "a route that does not exist":
            return direct("GET", url(V1, "nothing"))
        case "an object that does not exist":
            return direct("GET", url(V1, "fine_tuning/jobs/ftjob-0"))
        case "a body that is refused":
            return direct.job(suffix="a.b")
        case "no credential":
            return direct("GET", url(V1, "files"), headers={"authorization": ""})
        case "cancelling what has ended":
            return direct("POST", url(V1, f"fine_tuning/jobs/{there.value('job')}/cancel"))
        case "pausing what does not run":
            return direct("POST", url(V1, f"fine_tuning/jobs/{there.value('job')}/pause"))
        case "deleting a model that is deployed":
            there.value("deployment")
            model = direct("GET", url(ARM, f"{ACCOUNT}/deployments/there")).json()["properties"]["model"]["name"]
            return direct("DELETE", url(V1, f"models/{model}"))
        case "a deployment that nobody made":
            return direct.chat("nobody")
        case "too many requests":
            emulator.configure(requests_per_second=1)
            return [direct("GET", url(V1, "files")) for _ in range(5)][-1]
        case "a sku that is none":
            return direct.deploy("dd", "gpt-4.1", sku="S0")
        case "an unknown model":
            return direct.deploy("dd", "gpt-4.1.ft-0")
        case "another model, where that is refused":
            emulator.configure(model_change="refused")
            there.value("deployment")
            return direct.deploy("there", there.value("model"))
        case "more than the quota":
            return direct.deploy("dd", "gpt-4.1", capacity=10_000)
        case "two writes at once":
            direct.deploy("one", "gpt-4.1")
            return direct.deploy("two", "gpt-4.1")
        case "a deployment that does not exist":
            return direct("GET", url(ARM, f"{ACCOUNT}/deployments/none"))
        case "no api-version":
            return direct("GET", ACCOUNT)
        case "no token":
            return direct("GET", url(ARM, ACCOUNT), headers={"authorization": ""})
        case "an identity without the action":
            emulator.configure(deny=["accounts/deployments/write"])
            return direct.deploy("dd", "gpt-4.1")
    raise AssertionError(name)


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.name)
def test_codes(direct, there, row):
    answer = _provoke(row.name, direct, there)
    assert (answer.status, answer.json()["error"]["code"]) == (row.status, row.code)


def test_the_page_is_printed_from_the_table():
    assert (ROOT / "docs/conformance.md").read_text() == "\n".join(page()) + "\n", "run: make docs"


@pytest.mark.skipif(not TYPES.is_file(), reason="Microsoft's types of ARM are not at hand")
def test_arm_bodies_are_of_microsofts_types(direct):
    types = json.loads(TYPES.read_text())
    body = next(item for item in types if item.get("name") == "Microsoft.CognitiveServices/accounts/deployments")
    direct.deploy("dd", direct.trained()["fine_tuned_model"], tags={"a": "b"})
    direct.emulator.advance(1)
    assert list(_misfits(types, body, direct("GET", url(ARM, f"{ACCOUNT}/deployments/dd")).json(), "")) == []


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


def test_a_misfit_is_found():
    types = [
        {"$type": "ObjectType", "name": "x", "properties": {"a": {"type": {"$ref": "#/1"}}}},
        {"$type": "IntegerType"},
    ]
    assert list(_misfits(types, types[0], {"a": "1"}, ""))
    assert list(_misfits(types, types[0], {"b": 1}, ""))
    assert not list(_misfits(types, types[0], {"a": 1}, ""))
