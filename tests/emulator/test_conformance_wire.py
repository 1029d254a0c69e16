"""Each row of the tables of parameters, sent fields, headers and words, put to the emulator on every surface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from emulator.conformance_rows import ARM, GA, PREVIEW, V1
from emulator.conformance_wire import ALL, CREATED, ERRORS, HEADERS, PAGES, PARAMETERS, READ_ONLY, REQUIRED, WORDS, Row
from emulator.test_conformance import ACCOUNT, There, url

FORM = {"content-type": "multipart/form-data; boundary=B"}
AGE = 1_209_600
"""Seconds for which a file may be asked to live on every surface that takes it."""
IMPORT = {"purpose": "batch", "filename": "b.jsonl", "content_url": "http://127.0.0.1:9/a.jsonl"}
UPLOAD = {"purpose": "batch", "filename": "b.jsonl", "bytes": 3, "mime_type": "application/json"}
PUT = {
    "sku": {"name": "DataZoneStandard", "capacity": 2},
    "tags": {"a": "b"},
    "properties": {
        "model": {"format": "OpenAI", "name": "gpt-4.1", "version": "2025-04-14"},
        "versionUpgradeOption": "NoAutoUpgrade",
        "raiPolicyName": "own",
        "spilloverDeploymentName": "other",
    },
}


def form(fields: dict[str, str], file: str = "") -> bytes:
    """A form of these fields, and of a file called b.jsonl under this name."""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    if file:
        head = f'Content-Disposition: form-data; name="{file}"; filename="b.jsonl"\r\nContent-Type: text/plain\r\n\r\n'
        parts.append(f"{head}abc")
    return "".join(f"--B\r\n{part}\r\n" for part in parts).encode() + b"--B--\r\n"


def rows_of(rows: tuple[Row, ...], route: str, surface: str) -> set[str]:
    return {row.name for row in rows if row.route == route and surface in row.on}


@pytest.mark.parametrize("surface", ALL)
def test_parameters(direct, surface):
    jobs = [direct.trained(hyperparameters={"n_epochs": 2})["id"] for _ in range(2)]
    seen = set()
    for route in {row.route for row in PARAMETERS}:
        path = route.format(job=jobs[0])

        def ids(path: str = path, **query: object) -> list[str]:
            more = "&".join(f"{name}={value}" for name, value in query.items())
            target = url(surface, path)
            answer = direct("GET", f"{target}{'&' if '?' in target else '?'}{more}").json()
            return [item["id"] for item in answer["data"]]

        whole = ids()
        purposes = [direct("GET", url(V1, f"files/{item}")).json().get("purpose") for item in whole]
        effects = {
            "limit": (1, whole[:1]),
            "after": (whole[0], whole[1:]),
            "order": ("asc", whole[::-1]),
            "purpose": ("fine-tune", [item for item, said in zip(whole, purposes, strict=True) if said == "fine-tune"]),
        }
        for name, (value, effect) in effects.items():
            obeyed = name in rows_of(PARAMETERS, route, surface)
            assert effect != whole
            # A page of events is full: what follows on the first ones is enough.
            assert ids(**{name: value})[:15] == (effect if obeyed else whole)[:15], f"{route} {name}"
            seen |= {(route, name)} if obeyed else set()
    assert seen == {(row.route, row.name) for row in PARAMETERS if surface in row.on}


def test_pages(direct):
    direct.emulator.configure(limits_off=True)
    file = direct.ready_file()
    job = direct.trained(training_file=file, hyperparameters={"n_epochs": 12})["id"]
    for _ in range(21):
        direct.job(training_file=file)
    for route, count in PAGES.items():
        target = url(V1, route.format(job=job))
        answer = direct("GET", target).json()
        if count is None:
            assert "has_more" not in answer
            assert len(answer["data"]) == len(direct.emulator.world.catalog.models) + 1
        else:
            assert (len(answer["data"]), answer["has_more"]) == (count, True), route
            assert len(direct("GET", f"{target}?limit={count + 1}").json()["data"]) == count + 1, route


def sent(direct: Any, surface: str) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Yield each route that makes something: what was sent, field by field, and the answer."""
    file, other = direct.ready_file(), direct.ready_file()
    numbers = {"n_epochs": 2, "batch_size": 3, "learning_rate_multiplier": 0.5}
    job = {
        "model": "gpt-4.1-2025-04-14",
        "training_file": file,
        "validation_file": other,
        "hyperparameters": numbers,
        "suffix": "abc",
        "seed": 5,
        "trainingType": "globalStandard",
        "integrations": [{"type": "wandb", "wandb": {"project": "p"}}],
        "method": {"type": "supervised", "supervised": {"hyperparameters": numbers}},
        "metadata": {"a": "b"},
    }
    yield "POST fine_tuning/jobs", job, direct("POST", url(surface, "fine_tuning/jobs"), job)
    raw = form({"purpose": "batch", "expires_after.anchor": "created_at", "expires_after.seconds": str(AGE)}, "file")
    fields = {"purpose": "batch", "filename": "b.jsonl", "expires_after.seconds": AGE}
    yield "POST files", fields, direct("POST", url(surface, "files"), raw, FORM)
    yield "POST files/import", IMPORT, direct("POST", url(surface, "files/import"), IMPORT)
    yield "POST uploads", UPLOAD, direct("POST", url(surface, "uploads"), UPLOAD)


@pytest.mark.parametrize("surface", ALL)
def test_what_is_sent_comes_back(direct, surface):
    direct.emulator.configure(metadata_echo=True)
    for route, fields, answer in sent(direct, surface):
        told = rows_of(CREATED, route, surface)
        if not told:
            assert answer.status == 404, route
            continue
        body = answer.json()
        if "expires_at" in body and route == "POST files":
            body["expires_after.seconds"] = body["expires_at"] - body["created_at"]
        shown = {name for name, value in fields.items() if body.get(name) == value}
        assert shown == told, f"{route}: {body}"
        hidden = rows_of(CREATED, route, V1) | rows_of(CREATED, route, PREVIEW)
        assert not [name for name in hidden - told if body.get(name) is not None], route


def test_what_arm_is_sent_comes_back(direct):
    false = dict.fromkeys(READ_ONLY, "sent")
    put = {**PUT, "properties": {**PUT["properties"], **false}}  # type: ignore[dict-item]
    made = direct("PUT", direct.path("dd"), put).json()
    told = rows_of(CREATED, "PUT deployment", ARM)
    expected = {**PUT, **PUT["properties"]}  # type: ignore[dict-item]
    assert {name for name in told if {**made, **made["properties"]}[name] == expected[name]} == told
    assert not [name for name in READ_ONLY if made["properties"][name] == "sent"]
    direct.emulator.advance(10)
    patch = {"sku": {"capacity": 3}, "tags": {"a": "c"}, "properties": {"raiPolicyName": "patched"}}
    changed = direct("PATCH", direct.path("dd"), patch).json()
    assert rows_of(CREATED, "PATCH deployment", ARM) == {"sku", "tags"}
    assert (changed["sku"]["capacity"], changed["tags"], changed["properties"]["raiPolicyName"]) == (
        3,
        {"a": "c"},
        "own",
    )


@pytest.mark.parametrize(("route", "name"), [(route, name) for route, names in REQUIRED.items() for name in names])
def test_what_is_required(direct, route, name):
    there = There(direct)
    path = route.removeprefix("POST ").format(upload=there.value("upload") if "{upload}" in route else "")
    surface = GA if "upload" in path or "import" in path else V1
    if path == "files" or path.endswith("/parts"):
        whole = {"purpose": "batch"} if path == "files" else {}
        left = {key: value for key, value in whole.items() if key != name}
        file = "" if name in {"file", "data"} else "file"
        answer = direct("POST", url(surface, path), form(left, file), FORM)
    else:
        bodies: dict[str, dict[str, Any]] = {
            "files/import": IMPORT,
            "uploads": UPLOAD,
            "fine_tuning/jobs": {"model": "gpt-4.1", "training_file": there.value("file")},
            "chat/completions": {"model": there.value("deployment")},
        }
        body = bodies.get(path, {})
        answer = direct("POST", url(surface, path), {key: value for key, value in body.items() if key != name})
    assert (answer.status, answer.json()["error"]["code"]) == (400, "invalidPayload")
    assert name in answer.json()["error"]["message"]
    assert not direct.emulator.requests()[-1]["committed"]


@pytest.mark.parametrize("surface", [*ALL, ARM])
def test_headers(direct, surface):
    names = {row.name for row in HEADERS}
    if surface == ARM:
        direct.deploy("dd", "gpt-4.1")
        direct.emulator.advance(10)
        answers = {"GET deployment": direct("GET", direct.path("dd"))}
        for method, body in (("PATCH", {"sku": {"capacity": 3}}), ("DELETE", None), ("PUT", PUT)):
            answers[f"{method} deployment"] = direct(method, direct.path("dd"), body)
            direct.emulator.advance(10)
    else:
        answers = {route: answer for route, _, answer in sent(direct, surface) if answer.status != 404}
        answers["GET files"] = direct("GET", url(surface, "files"))
        direct.emulator.configure(requests_per_second=1)
        answers["429"] = [direct("GET", url(surface, "files")) for _ in range(2)][-1]
        assert answers["429"].status == 429
    said = {"x-ms-request-id"} if surface == ARM else {"apim-request-id"}
    for route, answer in answers.items():
        assert answer.headers.keys() & names - said == rows_of(HEADERS, route, surface) - said, route
        assert said <= answer.headers.keys(), f"{route}: on every answer"


@pytest.mark.parametrize("surface", [*ALL, ARM])
def test_fields_of_errors(direct, surface):
    path = f"{ACCOUNT}/deployments/none" if surface == ARM else "files/none"
    error = direct("GET", url(surface, path)).json()["error"]
    assert tuple(sorted(error)) == ERRORS[surface]
    if surface != ARM:
        gateway = direct("GET", url(surface, "nothing")).json()["error"]
        assert tuple(sorted(gateway)) == ERRORS["of the gateway"]
        blamed = direct("POST", url(surface, "fine_tuning/jobs"), {"model": "gpt-4.1"}).json()["error"]
        assert blamed["param" if surface == V1 else "target"] == "training_file"


def test_words(direct):
    seen = {row.field: set[str]() for row in WORDS}
    emulator = direct.emulator
    emulator.configure(refuse_bom=True, deployment_seconds=2.0, delete_seconds=2.0)

    def look(kind: str, path: str, surface: str = V1) -> None:
        seen[kind].add(direct("GET", url(surface, path)).json()["status"])

    def events(job: str) -> None:
        for surface, kind in ((PREVIEW, "level of an event"), (V1, "level of an event on v1")):
            for event in direct("GET", f"{url(surface, f'fine_tuning/jobs/{job}/events')}").json()["data"]:
                seen[kind].add(event["level"])
                seen["type of an event"].add(event["type"])

    files = [direct.file().json()["id"], direct.file(b"\xef\xbb\xbf{}").json()["id"], direct.file(b"{}").json()["id"]]
    for _ in range(12):
        for file in files:
            look("status of a file", f"files/{file}")
        emulator.advance(0.1)
    jobs = [direct.job(training_file=files[0], trainingType=kind).json() for kind in ("standard", "GlobalStandard")]
    jobs += [direct.job(training_file=files[0], trainingType="developerTier").json()]
    jobs += [direct.job(training_file=files[2]).json()]
    seen["trainingType"] |= {job["trainingType"] for job in jobs}
    zone = direct.job(training_file=files[0], trainingType="DataZoneStandard").json()
    seen["trainingType of a data zone"].add(zone["trainingType"])
    first, second, *_ = (f"fine_tuning/jobs/{job['id']}" for job in jobs)
    last = f"fine_tuning/jobs/{jobs[-1]['id']}"
    for step in range(120):
        for path in (first, second, last):
            look("status of a job", path)
        if step == 20:
            assert direct("POST", url(V1, f"{first}/pause")).status == 200
            assert direct("POST", url(V1, f"{second}/cancel")).status == 200
        if step == 50:
            assert direct("POST", url(V1, f"{first}/resume")).status == 200
        emulator.advance(0.1)
    for job in jobs:
        events(job["id"])
        error = direct.get_job(job["id"])["error"]
        seen["code of the error of a job"] |= {error["code"]} if error else set()
    emulator.configure(v1_status_words=True, file_processing_seconds=1.0)
    waiting = [direct.job(training_file=files[0]).json()["id"] for _ in range(5)][-1]
    for _ in range(12):
        found = direct.get_job(waiting)["status"]
        seen["status of a job on v1, by a switch"] |= {found} - set(WORDS[1].said)
        emulator.advance(0.1)
    made = [direct("POST", url(GA, "uploads"), UPLOAD).json() for _ in range(2)]
    ended = direct("POST", url(GA, f"uploads/{made[0]['id']}/cancel")).json()
    raw = form({}, "data")
    part = direct("POST", url(GA, f"uploads/{made[1]['id']}/parts"), raw, FORM).json()["id"]
    done = direct("POST", url(GA, f"uploads/{made[1]['id']}/complete"), {"part_ids": [part]}).json()
    seen["status of an upload"] |= {item["status"] for item in (*made, ended, done)}
    deployments(direct, seen)
    assert {kind: tuple(sorted(said)) for kind, said in seen.items()} == {row.field: row.said for row in WORDS}


def deployments(direct: Any, seen: dict[str, set[str]]) -> None:
    """Look at one deployment that is made and deleted, and at one that fails."""
    fails = {"match": {"name": "bad"}, "then": {"fail": {"code": "InternalServerError", "message": "It failed."}}}
    direct.emulator.configure(deployment_outcomes=[fails], serial_control_plane=False)
    begun = [direct.deploy(name, "gpt-4.1") for name in ("good", "bad")]
    for step in range(40):
        for name in ("good", "bad"):
            answer = direct("GET", direct.path(name)).json()
            seen["provisioningState"] |= (
                {answer["properties"]["provisioningState"]} if "properties" in answer else set()
            )
        for answer in begun:
            target = answer.headers["azure-asyncoperation"].removeprefix("http://emulator.test")
            seen["status of an operation"].add(direct("GET", target).json()["status"])
        if step == 25:
            direct("DELETE", direct.path("good"))
        direct.emulator.advance(0.2)
