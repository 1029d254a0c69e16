"""Every route, field and code of the conformance table, put to the emulator."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest
from emulator.conformance import ARM_ROUTES, CODES, FIELDS, ROUTES, page
from emulator.conformance_rows import ARM, GA, PREVIEW, V1
from emulator.conformance_wire import NEVER_SAID

from reconciler.emulator.routes import ARM as ARM_TABLE
from reconciler.emulator.routes import DATA_PLANE

ROOT = Path(__file__).parents[2]
ACCOUNT = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme"
GROUP = ACCOUNT.rpartition("/accounts")[0]
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

    def _group(self) -> str:
        return GROUP

    def _operation(self) -> str:
        begun = self.direct.deploy("there", "gpt-4.1").headers["azure-asyncoperation"]
        self.direct.emulator.advance(10)
        return str(begun.rpartition("/")[2].partition("?")[0])

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
    arm = {"account": ACCOUNT, "group": GROUP, "provider": PROVIDER}
    names = {f"{{{name}}}": path.replace("/sub/", "/*/").replace("/rg/", "/*/") for name, path in arm.items()}
    told = set()
    for row in ARM_ROUTES:
        path = row.path.replace("/swedencentral/", "/*/").replace("/p1", "/*")
        for name, long in names.items():
            path = path.replace(name, long.replace("/acme", "/*"))
        told.add((row.method, shape(path.strip("/"))))
    assert {(method, path) for method, path in ARM_TABLE} == told


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
        **more_fields(direct, job),
        "deployment": deployment,
        "properties of a deployment": deployment["properties"],
    }
    told = {kind: {field for row in FIELDS if row.object == kind for field in row.fields} for kind in seen}
    assert {kind: set(body) for kind, body in seen.items()} == told


def more_fields(direct: Any, job: Any) -> dict[str, Any]:
    """An object of each other kind; of lists and pages, what is around the objects."""
    form = {"content-type": "multipart/form-data; boundary=B"}
    upload = There(direct).value("upload")
    part = direct("POST", url(GA, f"uploads/{upload}/parts"), _multipart("data", b"abc"), form).json()
    done = direct("POST", url(GA, f"uploads/{upload}/complete"), {"part_ids": [part["id"]]}).json()
    nine = direct.ready_file(b"{}")
    failed = direct.job(training_file=nine).json()["id"]
    begun = direct.deploy("ee", "gpt-4.1")
    direct.emulator.advance(10)
    operation = begun.headers["azure-asyncoperation"].removeprefix("http://emulator.test")
    direct.emulator.configure(page_size=1)
    region = f"{PROVIDER}/locations/swedencentral"
    capacities = direct("GET", f"{url(ARM, f'{region}/modelCapacities')}&modelFormat=OpenAI&modelName=gpt-4.1").json()
    models = direct("GET", url(ARM, f"{ACCOUNT}/models")).json()
    lists = [
        direct("GET", url(V1, f"fine_tuning/jobs{rest}")).json()
        for rest in ("", f"/{job['id']}/events", f"/{job['id']}/checkpoints")
    ]
    arm_lists = [
        direct("GET", url(ARM, path)).json() for path in (f"{GROUP}/accounts", f"{ACCOUNT}/usages", f"{region}/models")
    ]
    deleted = [
        direct("DELETE", url(V1, path)).json()
        for path in (f"files/{nine}", f"models/{direct.trained()['fine_tuned_model']}")
    ]
    return {
        "upload": done,
        "part of an upload": part,
        "list of files on GA": direct("GET", url(GA, "files")).json(),
        "list of files on a preview": direct("GET", url(PREVIEW, "files")).json(),
        "list of files on v1": direct("GET", url(V1, "files")).json(),
        "list of jobs, events or checkpoints": alike(lists),
        "list of models": alike([direct("GET", url(surface, "models")).json() for surface in (GA, PREVIEW, V1)]),
        "deleted file or model": alike(deleted),
        "error of a job": direct.get_job(failed)["error"],
        "list of ARM": alike([*arm_lists, capacities, models]),
        "list of deployments with another page": direct("GET", direct.path("")).json(),
        "sku of a deployment that it can have": direct("GET", url(ARM, f"{ACCOUNT}/deployments/ee/skus")).json()[
            "value"
        ][0],
        "usage": arm_lists[1]["value"][0],
        "capacity of a model": capacities["value"][0],
        "properties of a capacity": capacities["value"][0]["properties"],
        "model of a region": arm_lists[2]["value"][0],
        "model of an account": models["value"][0],
        "fine-tuned model of an account, besides": models["value"][-1].keys() - models["value"][0].keys(),
        "operation": direct("GET", operation).json(),
    }


def alike(bodies: list[Any]) -> Any:
    """Return one of several objects that have the same fields."""
    assert len({frozenset(body) for body in bodies}) == 1, bodies
    return bodies[0]


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
        case "a version that is none":
            return direct("GET", "/acme/openai/files?api-version=2020-01-01")
        case "an identity without the data action":
            emulator.configure(deny=["files/read"])
            return direct("GET", url(V1, "files"))
        case "more files than the limit":
            emulator.configure(max_files=1)
            direct.file()
            return direct.file()
        case "an address that is none":
            body = {"purpose": "fine-tune", "filename": "a", "content_url": "file:///etc/passwd"}
            return direct("POST", url(GA, "files/import"), body)
        case "deleting a job that runs":
            return direct("DELETE", url(GA, f"fine_tuning/jobs/{there.value('running')}"))
        case "reading a file that is processed still":
            return direct("GET", url(V1, f"files/{direct.file().json()['id']}/content"))
        case "a form that is none":
            return direct("POST", url(V1, "files"), {"purpose": "fine-tune"})
        case "a deployment that is not ready":
            direct.deploy("dd", "gpt-4.1")
            return direct.chat("dd")
        case "a parameter that the model does not take":
            direct.deploy("dd", "o4-mini")
            emulator.advance(10)
            body = {"model": "dd", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 5}
            return direct("POST", url(V1, "chat/completions"), body)
        case "a tag with a slash":
            return direct.deploy("dd", "gpt-4.1", tags={"a/b": "c"})
        case "a tag that is too long":
            return direct.deploy("dd", "gpt-4.1", tags={"a": "b" * 257})
        case "too many tags":
            return direct.deploy("dd", "gpt-4.1", tags={f"a{number}": "b" for number in range(51)})
        case "tags that are no map":
            return direct.deploy("dd", "gpt-4.1", tags=["a"])
        case "a name that is none":
            return direct.deploy("-", "gpt-4.1")
        case "more deployments than the limit":
            emulator.configure(max_deployments=0)
            return direct.deploy("dd", "gpt-4.1")
        case "capacity and model at once":
            there.value("deployment")
            return direct.deploy("there", there.value("model"), capacity=2)
        case "a model of another tenant":
            emulator.configure(accounts={"acme": {}, "west": {"tenant": "other"}})
            source = {"source": ACCOUNT}
            return direct.deploy("dd", there.value("model"), account="west", extra_model=source)
        case "a type of resource that is none":
            return direct("GET", url(ARM, f"{ACCOUNT}/nothing"))
        case "an api-version that is none":
            return direct("GET", f"{ACCOUNT}?api-version=x")
        case "an operation that nobody began":
            return direct("GET", url(ARM, f"{PROVIDER}/locations/swedencentral/operationStatuses/0"))
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


def test_no_code_of_the_emulator_is_missing_from_the_table():
    """Every code that its source raises has a row; its own control API is none of Azure's."""
    raised: set[str] = set()
    for file in (ROOT / "reconciler/emulator").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if file.name not in {"control.py", "service.py"} and isinstance(node, ast.Call) and len(node.args) > 1:
                name = getattr(node.func, "id", "")
                code = node.args[1]
                if name in {"ApiError", "bad"} and isinstance(code, ast.Constant):
                    raised.add(str(code.value))
    assert raised | {"InvalidResourceProperties"} == {row.code for row in CODES}
    assert not raised & set(NEVER_SAID)


def test_the_page_is_printed_from_the_table():
    assert (ROOT / "docs/conformance.md").read_text() == "\n".join(page()) + "\n", "run: make docs"
