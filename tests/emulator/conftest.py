"""An emulator with a clock that stands still, and the two real SDKs to talk to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from azure.core.pipeline.policies import HeadersPolicy
from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient

from reconciler.emulator import Config, Emulator, Request, Response, Server

NOW = 1_790_000_000.0


class Clock:
    """Time that moves only when told to."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class NoCredential:
    """The SDK wants one; the fixed header of the policy is what is sent."""

    def get_token(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("no token is needed on loopback")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def config() -> Config:
    return Config()


@pytest.fixture
def emulator(clock: Clock, config: Config) -> Iterator[Emulator]:
    emulator = Emulator(clock=clock, seed=7, config=config)
    yield emulator
    emulator.close()


@pytest.fixture
def server(emulator: Emulator) -> Iterator[Server]:
    with Server(emulator) as server:
        yield server


@pytest.fixture
def v1(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/acme/openai/v1", api_key="k", max_retries=0) as client:
        yield client


def _dated(server: Server, version: str) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(azure_endpoint=f"{server.url}/acme", api_key="k", api_version=version, max_retries=0)


@pytest.fixture
def ga(server: Server) -> Iterator[openai.AzureOpenAI]:
    with _dated(server, "2024-10-21") as client:
        yield client


@pytest.fixture
def preview(server: Server) -> Iterator[openai.AzureOpenAI]:
    with _dated(server, "2025-04-01-preview") as client:
        yield client


@pytest.fixture
def arm(server: Server) -> Iterator[CognitiveServicesManagementClient]:
    with CognitiveServicesManagementClient(
        NoCredential(),  # type: ignore[arg-type]
        "sub",
        base_url=server.url,
        authentication_policy=HeadersPolicy({"Authorization": "Bearer t"}),
        permit_redirects=False,
        retry_total=0,
    ) as client:
        yield client


def sft_rows(count: int, word: str = "q") -> bytes:
    rows = (
        {"messages": [{"role": "user", "content": f"{word}{n}"}, {"role": "assistant", "content": f"a{n}"}]}
        for n in range(count)
    )
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.fixture
def rows() -> Callable[..., bytes]:
    return sft_rows


class Direct:
    """Requests to the state machine without a network."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator

    def __call__(self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None) -> Response:
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"authorization": "Bearer t", "host": "emulator.test", **(headers or {})}
        return self.emulator.handle(Request.from_target(method, target, sent, raw))

    def file(
        self, content: bytes | None = None, name: str = "a.jsonl", surface: str = "/acme/openai/v1", query: str = ""
    ) -> Any:
        data = sft_rows(20) if content is None else content
        body = (
            b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--B\r\n'
            b'Content-Disposition: form-data; name="file"; filename="' + name.encode() + b'"\r\n'
            b"Content-Type: application/json\r\n\r\n" + data + b"\r\n--B--\r\n"
        )
        headers = {"content-type": "multipart/form-data; boundary=B"}
        return self("POST", f"{surface}/files{query}", body, headers)

    def ready_file(self, content: bytes | None = None) -> str:
        made = self.file(content).json()["id"]
        self.emulator.advance(1)
        return str(made)

    def job(self, **fields: Any) -> Response:
        body = {"model": "gpt-4.1-mini", **fields}
        if "training_file" not in body:
            body["training_file"] = self.ready_file()
        return self("POST", "/acme/openai/v1/fine_tuning/jobs", body)

    def get_job(self, job_id: str) -> Any:
        return self("GET", f"/acme/openai/v1/fine_tuning/jobs/{job_id}").json()

    def trained(self, **fields: Any) -> Any:
        """A job that has succeeded."""
        job = self.job(**fields).json()
        self.emulator.advance(10)
        return self.get_job(job["id"])

    def deploy(
        self,
        name: str,
        model: str,
        *,
        sku: str = "GlobalStandard",
        capacity: int = 1,
        account: str = "acme",
        **more: Any,
    ) -> Response:
        properties = {"model": {"format": "OpenAI", "name": model, **more.pop("extra_model", {})}}
        body = {"sku": {"name": sku, "capacity": capacity}, "properties": properties, **more}
        return self("PUT", self.path(name, account), body)

    def path(self, name: str, account: str = "acme") -> str:
        root = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts"
        return f"{root}/{account}/deployments{f'/{name}' if name else ''}?api-version=2025-09-01"

    def chat(self, name: str, text: str = "hello") -> Response:
        body = {"model": name, "messages": [{"role": "user", "content": text}]}
        return self("POST", "/acme/openai/v1/chat/completions", body)


@pytest.fixture
def direct(emulator: Emulator) -> Direct:
    return Direct(emulator)
