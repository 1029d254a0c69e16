"""What a session sends, and to whom: the SDKs' own requests, caught before the network."""

from __future__ import annotations

import io
import ssl
from typing import Any

import httpx2
import pytest
import requests
from azure.core.pipeline.transport import RequestsTransport
from urllib3 import HTTPResponse

from reconciler.azure.deployments import Deployments
from reconciler.azure.errors import AzureError, scrub
from reconciler.azure.session import Session, Transports
from reconciler.azure.tenants import Tenants
from reconciler.core.account import Account, AccountSpec
from reconciler.core.fault import Place
from reconciler.core.runtime import Runtime

KEY = "0f6c1d5e7a9b4c3d8e2f1a0b9c8d7e6f"


class NoTime:
    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"waited {seconds} s")


class Token:
    """A credential that is asked for the token of one scope."""

    def get_token(self, scope: str, **_: Any) -> Any:
        return type("AccessToken", (), {"token": f"token-for-{scope}", "expires_on": 1 << 40})()


def session(environ: dict[str, str], heard: list[httpx2.Request], **spec: Any) -> Session:
    def answer(request: httpx2.Request) -> httpx2.Response:
        heard.append(request)
        return httpx2.Response(200, json={"data": []})

    account = Account("acme", AccountSpec(endpoint="https://acme.openai.azure.com", owner="team-a", **spec), Place("x"))
    transports = Transports(data=httpx2.MockTransport(answer), credential=Token())
    return Session(account, Runtime(NoTime()), environ, transports=transports)


@pytest.mark.parametrize("api", ["v1", "2024-10-21"])
def test_a_key_goes_in_its_own_header_and_no_bearer_token_with_it(api: str) -> None:
    heard: list[httpx2.Request] = []
    session({"AZURE_OPENAI_API_KEY": KEY}, heard, auth="api_key").data_client(api).files.list()
    assert heard[0].headers["api-key"] == KEY
    assert "authorization" not in heard[0].headers


def test_the_key_of_an_account_goes_before_the_common_one() -> None:
    heard: list[httpx2.Request] = []
    environ = {"AZURE_OPENAI_API_KEY": "common-key", "AZURE_OPENAI_API_KEY_ACME": KEY}
    session(environ, heard, auth="api_key").data_client().files.list()
    assert heard[0].headers["api-key"] == KEY


def test_a_token_is_of_the_scope_of_the_host() -> None:
    heard: list[httpx2.Request] = []
    session({}, heard).data_client().files.list()
    assert heard[0].headers["authorization"] == "Bearer token-for-https://cognitiveservices.azure.com/.default"
    assert "api-key" not in heard[0].headers


@pytest.mark.parametrize("url", ["https://evil.example/openai/v1/files", "http://acme.openai.azure.com:8080/x"])
def test_a_request_to_another_host_is_not_sent(url: str) -> None:
    heard: list[httpx2.Request] = []
    client = session({"AZURE_OPENAI_API_KEY": KEY}, heard, auth="api_key").data_client()
    with pytest.raises(AzureError) as caught:
        client.get(url, cast_to=httpx2.Response)
    assert caught.value.fault.code == "endpoint-elsewhere"
    assert heard == []


def test_what_the_session_knows_to_be_secret_is_never_shown() -> None:
    session({"AZURE_OPENAI_API_KEY_OTHER": "bare-word-without-a-pattern", "AZURE_CLIENT_SECRET": "s3cr3t~s3cr3t"}, [])
    assert scrub("is bare-word-without-a-pattern or s3cr3t~s3cr3t wrong?") == "is [hidden] or [hidden] wrong?"


def test_who_is_signed_in_is_read_from_the_token_of_the_data_plane_and_from_no_key() -> None:
    from reconciler.azure.identity import signed_in

    class Signed:
        def get_token(self, scope: str, **_: Any) -> Any:
            assert scope == "https://cognitiveservices.azure.com/.default"
            return type(
                "AccessToken", (), {"token": "e30.eyJ1cG4iOiJhbm5AYWNtZS50ZXN0In0.c2ln", "expires_on": 1 << 40}
            )()

    account = Account("acme", AccountSpec(endpoint="https://acme.openai.azure.com", owner="team-a"), Place("x"))
    made = Session(account, Runtime(NoTime()), {}, transports=Transports(credential=Signed()))
    assert str(signed_in(made)) == "user ann@acme.test"
    assert "e30" not in scrub("the token was e30.eyJ1cG4iOiJhbm5AYWNtZS50ZXN0In0.c2ln"), "it is hidden from then on"
    assert signed_in(session({"AZURE_OPENAI_API_KEY": KEY}, [], auth="api_key")) is None


def test_certificates_are_checked_by_both_clients() -> None:
    made = Account(
        "acme",
        AccountSpec(
            endpoint="https://acme.openai.azure.com",
            owner="team-a",
            resource_id="/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/acme",
        ),
        Place("x"),
    )
    real = Session(made, Runtime(NoTime()), {}, transports=Transports(credential=Token()))
    pool = real.data_client()._client._transport._pool
    assert pool._ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert pool._ssl_context.check_hostname
    transport = real.control_client()._client._pipeline._transport
    assert transport.connection_config.verify is True
    assert not transport.connection_config.cert
    real.close()


class Tenanted:
    """A credential that is signed in to `home.example` and knows the others."""

    def get_token(self, scope: str, tenant_id: str | None = None, **_: Any) -> Any:
        return type("AccessToken", (), {"token": f"{tenant_id or 'home.example'} {scope}", "expires_on": 1 << 40})()


class Caught(requests.adapters.BaseAdapter):
    """Where ARM would be."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        self.heard.append(request)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 201, str(request.url), request
        answer.raw = HTTPResponse(
            io.BytesIO(b"{}"), headers={"content-type": "application/json"}, status=201, preload_content=False
        )
        return answer

    def close(self) -> None: ...


@pytest.mark.parametrize(
    ("here", "there", "second"),
    [
        (None, "two.example", "two.example"),
        ("two.example", None, "home.example"),
        ("two.example", "three.example", "three.example"),
        ("two.example", "two.example", None),
        (None, None, None),
    ],
)
def test_each_tenant_is_asked_for_its_own_token(here: str | None, there: str | None, second: str | None) -> None:
    ids = [
        f"/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/{name}"
        for name in ("a1", "b2")
    ]
    accounts = [
        Account(identifier[-2:], AccountSpec(resource_id=identifier, owner="team-a", tenant_id=tenant), Place("x"))
        for identifier, tenant in zip(ids, (here, there), strict=True)
    ]
    arm, network = Caught(), requests.Session()
    network.mount("https://", arm)
    control = RequestsTransport(session=network, session_owner=False, use_env_settings=False)
    transports = Transports(control=control, credential=Tenanted())
    made = Session(accounts[0], Runtime(NoTime()), {}, transports=transports, tenants=Tenants(accounts))
    home = here or "home.example"
    assert made.data_token() == f"{home} https://cognitiveservices.azure.com/.default"
    for word in ("source", "sourceAccount"):
        Deployments(made).put("tone", {"properties": {"model": {"name": "m", word: ids[1].upper()}}})
        sent = arm.heard[-1].headers
        assert sent["Authorization"] == f"Bearer {home} https://management.azure.com/.default"
        wanted = f"Bearer {second} https://management.azure.com/.default" if second else None
        assert sent.get("x-ms-authorization-auxiliary") == wanted
    Deployments(made).put("tone", {"properties": {"model": {"name": "m"}}})
    assert "x-ms-authorization-auxiliary" not in arm.heard[-1].headers, "nothing comes from elsewhere"
