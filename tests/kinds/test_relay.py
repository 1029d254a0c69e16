"""The door that a gate's program asks its candidate through: it opens with its key, for that one deployment, for one thing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import orjson
import pytest
from harness import Azure, Repo

from reconciler.azure.relay import ROUTE, Relay

ASK = {"model": "tone", "messages": [{"role": "user", "content": "row 3?"}]}


@pytest.fixture(params=["v1", "2024-10-21", "project"])
def relay(repo: Repo, azure: Azure, request: pytest.FixtureRequest) -> Iterator[Relay]:
    repo.until_done()
    if request.param == "project":
        repo.project = "/api/projects/tone"
    else:
        repo.edit("manifests/account.yaml", "owner: team-a", f'owner: team-a\n  api: "{request.param}"')
    _, engine = repo.engine()
    gateway: Any = engine.gateways["acme", "Deployment"]
    with Relay(gateway._session, "tone") as door:
        yield door


def test_the_door_passes_on_one_thing(relay: Relay, azure: Azure, capfd: pytest.CaptureFixture[str]) -> None:
    with httpx2.Client(base_url=relay.url, trust_env=False) as client:
        opened = {"authorization": f"Bearer {relay.key}"}
        answered = client.post(ROUTE, json=ASK, headers=opened)
        assert answered.json()["choices"][0]["message"]["content"] == "Yes."
        assert client.post(ROUTE, json=ASK, headers={"api-key": relay.key}).status_code == 200
        azure.forget()
        assert client.post(ROUTE, json=ASK).status_code == 401
        assert client.post(ROUTE, json=ASK, headers={"api-key": "other"}).status_code == 401
        assert client.post(ROUTE, json={**ASK, "model": "other"}, headers=opened).status_code == 400
        assert client.post(ROUTE, content=b"{", headers=opened).status_code == 400
        assert client.post("/openai/v1/files", json=ASK, headers=opened).status_code == 404
        assert client.get("/openai/v1/fine_tuning/jobs", headers=opened).status_code == 404
        assert client.post(ROUTE, headers=opened).status_code == 413
        assert azure.emulator.requests() == [], "nothing of that has left this machine"
        azure.fault(method="POST", path_regex="chat/completions", status=429, retry_after=7)
        busy = client.post(ROUTE, json=ASK, headers=opened)
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "7")
        azure.fault(method="POST", path_regex="chat/completions", drop=True)
        assert client.post(ROUTE, json=ASK, headers=opened).status_code == 502
        address = httpx2.URL(relay.url)
        azure.fault(method="POST", path_regex="chat/completions", delay_s=0.2)
        body = orjson.dumps(ASK)
        head = f"POST {ROUTE} HTTP/1.1\r\nhost: x\r\napi-key: {relay.key}\r\ncontent-length: "
        for length, sent in ((str(len(body)), body), ("9" * 9, b""), ("many", body), ("99", b"{")):
            with socket.create_connection((address.host, address.port or 0)) as broken:
                broken.sendall(f"{head}{length}\r\n\r\n".encode() + sent)
        assert client.post(ROUTE, json=ASK, headers=opened).status_code == 200, "whoever breaks off breaks nothing"
    assert capfd.readouterr().err == ""
