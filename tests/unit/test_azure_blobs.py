"""Addresses of data, and the signature that opens a blob: compared with what Microsoft's own SDK signs."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from harness import FakeClock

from reconciler.azure import blobs
from reconciler.azure.blobs import DelegationKey, Secret, content_url, sign, variable_in, wrong_with
from reconciler.azure.errors import AzureError, scrub
from reconciler.azure.session import Session, Transports
from reconciler.core.account import Account, AccountSpec
from reconciler.core.fault import Place
from reconciler.core.runtime import Runtime

URL = "https://acme.blob.core.windows.net/training/mails.jsonl"
KEY_XML = """\
<?xml version="1.0" encoding="utf-8"?><UserDelegationKey><SignedOid>11111111-1111-1111-1111-111111111111</SignedOid>\
<SignedTid>22222222-2222-2222-2222-222222222222</SignedTid><SignedStart>{start}</SignedStart>\
<SignedExpiry>{expiry}</SignedExpiry><SignedService>b</SignedService><SignedVersion>2022-11-02</SignedVersion>\
<Value>bm90LWEta2V5LWJ1dC1sb25nLWVub3VnaC10by1oaWRl</Value></UserDelegationKey>"""
KEY = DelegationKey(
    "11111111-1111-1111-1111-111111111111",
    "22222222-2222-2222-2222-222222222222",
    "2026-11-22T10:00:00Z",
    "2026-11-22T12:00:00Z",
    "b",
    "2022-11-02",
    "bm90LWEta2V5LWJ1dC1sb25nLWVub3VnaC10by1oaWRl",
)


class Storage:
    """Blob Storage's answer to the one question that it is asked."""

    def __init__(self, status: int = 200, body: str | None = None, headers: dict[str, str] | None = None) -> None:
        self.asked: list[httpx2.Request] = []
        self.status, self.body, self.headers = status, body, headers or {}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        text = request.content.decode()
        start, expiry = (text.partition(f"<{name}>")[2].partition("<")[0] for name in ("Start", "Expiry"))
        body = KEY_XML.format(start=start, expiry=expiry) if self.body is None else self.body
        return httpx2.Response(self.status, text=body, headers=self.headers)


class Credential:
    """Gives out a token for each scope."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_: Any) -> Any:
        self.scopes += scopes
        return SimpleNamespace(token="a-token-for-storage", expires_on=0)


def session(storage: Storage | None = None, environ: dict[str, str] | None = None, **spec: Any) -> Session:
    values = {"endpoint": "https://acme.openai.azure.com", "owner": "team-a", **spec}
    account = Account("acme", AccountSpec.model_validate(values), Place("a.yaml"))
    transports = Transports(
        credential=Credential(), storage=httpx2.MockTransport(storage) if storage else httpx2.MockTransport(_nothing)
    )
    return Session(account, Runtime(FakeClock()), environ or {}, transports=transports)


def _nothing(request: httpx2.Request) -> httpx2.Response:
    raise AssertionError(f"{request.url} was asked")


@pytest.mark.parametrize("path", ["/training/mails.jsonl", "/c/a folder/ü & é+%.jsonl", "/$root/x"])
def test_the_signature_is_that_of_the_sdk(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    oracle = pytest.importorskip("azure.storage.blob", reason="azure-storage-blob is not installed")
    from azure.storage.blob import _shared_access_signature as shared

    monkeypatch.setattr(shared, "X_MS_VERSION", blobs.STORAGE_VERSION)
    key = oracle.UserDelegationKey()
    key.signed_oid, key.signed_tid, key.signed_start, key.signed_expiry = KEY.oid, KEY.tid, KEY.start, KEY.expiry
    key.signed_service, key.signed_version, key.value = KEY.service, KEY.version, KEY.value
    _, container, name = path.split("/", 2)
    theirs = oracle.generate_blob_sas(
        "acme",
        container,
        name,
        user_delegation_key=key,
        permission="r",
        start=datetime(2026, 11, 22, 10, tzinfo=UTC),
        expiry=datetime(2026, 11, 22, 11, tzinfo=UTC),
        protocol="https",
    )
    ours = sign(KEY, "acme", path, "2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z")
    assert httpx2.QueryParams(ours) == httpx2.QueryParams(theirs)


def test_a_blob_is_opened_for_an_hour_with_the_identity_that_is_signed_in() -> None:
    storage = Storage()
    found = session(storage)
    url = httpx2.URL(content_url(found, URL, None).value)
    (asked,) = storage.asked
    assert str(asked.url) == "https://acme.blob.core.windows.net/?restype=service&comp=userdelegationkey"
    assert asked.method == "POST"
    assert asked.headers["authorization"] == "Bearer a-token-for-storage"
    assert asked.headers["x-ms-version"] == blobs.STORAGE_VERSION
    assert found._transports.credential.scopes == ["https://storage.azure.com/.default"]
    assert (url.host, url.path) == ("acme.blob.core.windows.net", "/training/mails.jsonl")
    assert {name: url.params[name] for name in ("sp", "sr", "spr")} == {"sp": "r", "sr": "b", "spr": "https"}
    start, end = (datetime.fromisoformat(url.params[name]).timestamp() for name in ("st", "se"))
    now = found.runtime.clock.now()
    assert (round(now - start), round(end - now)) == (900, 3600)


def test_what_it_signs_with_is_said_nowhere() -> None:
    url = content_url(session(Storage()), URL, None)
    assert "sig" not in f"{url}{url!r}"
    assert "bm90" not in repr(KEY)
    signature = httpx2.URL(url.value).params["sig"]
    assert signature not in scrub(f"Signature did not match: {signature}")
    assert "bm90LWEta2V5" not in scrub(f"the key was {KEY.value}")
    assert "a-token-for-storage" not in scrub("Bearer? a-token-for-storage")


AS_IT_IS: list[tuple[str, dict[str, Any], str]] = [
    ("https://example.org/mails.jsonl", {}, "no blob"),
    ("https://acme.blob.core.windows.net.example.org/c/x", {}, "a host that only looks like one"),
    (URL, {"auth": "api_key"}, "a key is no identity"),
    (URL, {"endpoint": "http://127.0.0.1:1/acme"}, "on loopback no credential is looked up"),
    ("https://acme.blob.core.chinacloudapi.cn/c/x", {}, "another cloud's storage"),
    ("https://acme.blob.core.windows.net:8443/c/x", {}, "another port"),
]


@pytest.mark.parametrize(("url", "spec", "reason"), AS_IT_IS, ids=[row[2] for row in AS_IT_IS])
def test_anything_else_is_told_as_it_is(url: str, spec: dict[str, Any], reason: str) -> None:
    assert content_url(session(**spec), url, None) == Secret(url), reason


def test_the_lake_endpoint_of_a_blob_is_opened_by_its_account() -> None:
    storage = Storage()
    url = content_url(session(storage), "https://acme.dfs.core.windows.net/training/mails.jsonl", None)
    assert storage.asked[0].url.host == "acme.blob.core.windows.net"
    assert httpx2.URL(url.value).host == "acme.dfs.core.windows.net"


FAILURES: list[tuple[Storage, str, str]] = [
    (Storage(403, "<Error><Code>AuthorizationPermissionMismatch</Code></Error>"), "Storage Blob Delegator", "no role"),
    (Storage(401, "", {"x-ms-error-code": "InvalidAuthenticationInfo"}), "Storage Blob Data Reader", "no right token"),
    (Storage(200, "<html>welcome</html>"), "proxy", "a page"),
    (Storage(200, KEY_XML.replace("bm90LWE", "<")), "proxy", "a key that is none"),
    (Storage(404, "<Error><Code>ResourceNotFound</Code></Error>"), "", "no such account"),
    (Storage(302, "", {"location": "https://example.org/"}), "endpoint", "redirected"),
    (Storage(503, "<Error><Code>ServerBusy</Code></Error>"), "again", "busy for long"),
]


@pytest.mark.parametrize(("storage", "remedy", "reason"), FAILURES, ids=[row[2] for row in FAILURES])
def test_a_refusal_says_what_to_do(storage: Storage, remedy: str, reason: str) -> None:
    with pytest.raises(AzureError) as caught:
        content_url(session(storage), URL, None)
    assert remedy in caught.value.fault.remedy, reason
    assert {request.url.host for request in storage.asked} == {"acme.blob.core.windows.net"}


def test_an_old_version_of_a_blob_needs_a_sas() -> None:
    with pytest.raises(AzureError) as caught:
        content_url(session(), f"{URL}?versionid=1", None)
    assert caught.value.fault.code == "blob-query"
    environ = {"RECONCILER_VAR_SAS": "sv=1&sig=WmlnWmFnWmlnWmFn"}
    opened = content_url(session(environ=environ), f"{URL}?versionid=1", "${env:RECONCILER_VAR_SAS}")
    assert opened.value == f"{URL}?versionid=1&sv=1&sig=WmlnWmFnWmlnWmFn"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("${env:RECONCILER_VAR_SAS}", "RECONCILER_VAR_SAS"),
        ("${env:RECONCILER_VAR_SAS} ", None),
        ("${env:HOME}", None),
        ("RECONCILER_VAR_SAS", None),
        ("${env:RECONCILER_VAR_A}${env:RECONCILER_VAR_B}", None),
    ],
)
def test_a_reference_is_exactly_one_variable(text: str, name: str | None) -> None:
    assert variable_in(text) == name


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        (URL, True),
        ("http://127.0.0.1:10000/devstoreaccount1/c/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:1/x", True),
        ("https://h/x?versionid=2", True),
        ("http://127.0.0.1.example.org/x", False),
        ("https://h:port/x", False),
        ("https:///x", False),
        ("https://h/a b", False),
        ("https://h\\@evil/x", False),
        ("https://h/x?a=1&sig=", False),
        ("https://h/x?%73ig=abc", False),
        ("https://h/%C3%BC", True),
        ("https://h/ü", False),
    ],
)
def test_which_addresses_are_allowed(url: str, allowed: bool) -> None:
    assert (wrong_with(url) == "") is allowed
