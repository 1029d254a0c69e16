"""Imports from a real blob server: Microsoft's Azurite, which checks signatures as Blob Storage does.

`make azurite` installs it below `.tools/`; where it, node or azure-storage-blob is absent, these tests are skipped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from harness import Azure, FakeClock, Repo, examples

from reconciler.azure.blobs import delegation_key, sign
from reconciler.azure.errors import AzureError
from reconciler.azure.session import Session, Transports
from reconciler.core.account import Account, AccountSpec
from reconciler.core.fault import Place
from reconciler.core.runtime import Runtime

storage = pytest.importorskip("azure.storage.blob", reason="azure-storage-blob is not installed")

ROOT = Path(__file__).parents[2]
PLACES = (ROOT / ".tools/node_modules/.bin/azurite-blob", ROOT / "node_modules/.bin/azurite-blob")
KEY = base64.b64encode(b"a key of this test and of nothing else").decode()
DATA = examples(20).encode()
DIGEST = hashlib.sha256(DATA).hexdigest()
MANIFEST = """\
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: mails}}
spec:
  source:
    url: {url}
    sha256: {digest}
    sas: ${{env:RECONCILER_VAR_SAS}}
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: tone}}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: {{dataset: mails}}
  training_type: global
"""

pytestmark = pytest.mark.slow


def binary() -> str:
    named = os.environ.get("RECONCILER_TEST_AZURITE")
    found = named or next((str(place) for place in PLACES if place.exists()), None) or shutil.which("azurite-blob")
    if not found or not shutil.which("node"):
        pytest.skip("node or azurite is not installed (`make azurite`, or RECONCILER_TEST_AZURITE)")
    return found


@dataclass
class Azurite:
    """A running blob server with the account `acme`."""

    root: str
    client: Any
    certificate: Path | None = None

    def url(self, name: str) -> str:
        return f"{self.root}/training/{name}"

    def put(self, name: str, data: bytes = DATA) -> str:
        self.client.get_blob_client("training", name).upload_blob(data)
        return self.url(name)


def started(folder: Path, *more: str, scheme: str = "http") -> tuple[subprocess.Popen[bytes], str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [binary(), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder), *more]
    command += ["--silent", "--skipApiVersionCheck", "--disableTelemetry"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"acme:{KEY}"}
    log = (folder / "log").open("wb")
    with log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, f"{scheme}://127.0.0.1:{port}/acme"
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    process.wait()
    pytest.fail(f"azurite did not start: {(folder / 'log').read_text()}")


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    process, root = started(tmp_path_factory.mktemp("azurite"))
    try:
        with storage.BlobServiceClient(root, credential={"account_name": "acme", "account_key": KEY}) as client:
            client.create_container("training")
            server = Azurite(root, client)
            server.put("mails.jsonl")
            yield server
    finally:
        process.kill()
        process.wait()


def service_sas(name: str = "mails.jsonl", *, permission: str = "r", hours: float = 1, key: str = KEY) -> str:
    now = datetime.now(UTC)
    made: str = storage.generate_blob_sas(
        "acme",
        "training",
        name,
        account_key=key,
        permission=permission,
        start=now - timedelta(hours=5),
        expiry=now + timedelta(hours=hours),
    )
    return made


def account_sas() -> str:
    made: str = storage.generate_account_sas(
        "acme",
        KEY,
        storage.ResourceTypes(object=True),
        storage.AccountSasPermissions(read=True),
        datetime.now(UTC) + timedelta(hours=1),
    )
    return made


@pytest.fixture
def repo(tmp_path: Path, azure: Azure, clock: FakeClock, azurite: Azurite) -> Iterator[Repo]:
    folder = Repo(tmp_path, azure, clock)
    folder.write("manifests/stack.yaml", MANIFEST.format(url=azurite.url("mails.jsonl"), digest=DIGEST))
    yield folder
    folder.close()


def told(result: Any) -> str:
    return "\n".join(repr(outcome) for outcome in result.outcomes)


def assert_silent(result: Any, sas: str) -> None:
    signature = sas.partition("sig=")[2].partition("&")[0]
    assert len(signature) > 20
    assert signature not in told(result)
    assert httpx2.QueryParams(sas)["sig"] not in told(result)


@pytest.mark.parametrize("kind", ["service", "account"])
def test_a_right_signature_imports(repo: Repo, azure: Azure, kind: str) -> None:
    sas = service_sas() if kind == "service" else account_sas()
    repo.environ["RECONCILER_VAR_SAS"] = sas
    result = repo.until_done()
    assert len(azure.files()) == len(azure.jobs()) == 1
    assert_silent(result, sas)


REFUSED = [
    ("expired", lambda: service_sas(hours=-1), "import-failed", "HTTP 403 Auth"),
    (
        "of another key",
        lambda: service_sas(key=base64.b64encode(b"another").decode()),
        "import-failed",
        "HTTP 403 Auth",
    ),
    ("of another blob", lambda: service_sas("other.jsonl"), "import-failed", "HTTP 403 Auth"),
    ("not for reading", lambda: service_sas(permission="w"), "sas-useless", "does not grant reading"),
]


@pytest.mark.parametrize(("reason", "make", "code", "said"), REFUSED, ids=[row[0] for row in REFUSED])
def test_a_wrong_signature_is_said_and_leaves_nothing(
    repo: Repo, azure: Azure, reason: str, make: Any, code: str, said: str
) -> None:
    azure.configure(import_error_tells_url=True)
    sas = make()
    repo.environ["RECONCILER_VAR_SAS"] = sas
    result = repo.apply(wait=True)
    assert code in result.faults(), reason
    assert said in told(result)
    assert azure.files() == azure.jobs() == []
    assert_silent(result, sas)
    repo.environ["RECONCILER_VAR_SAS"] = service_sas()
    repo.until_done()
    assert len(azure.files()) == len(azure.jobs()) == 1


def test_a_missing_blob_is_said(repo: Repo, azure: Azure, azurite: Azurite) -> None:
    repo.edit("manifests/stack.yaml", "mails.jsonl", "none.jsonl")
    repo.environ["RECONCILER_VAR_SAS"] = account_sas()
    assert "404 BlobNotFound" in told(repo.apply())
    assert azure.files() == []
    azurite.put("none.jsonl")
    repo.until_done()
    assert len(azure.jobs()) == 1


def test_another_content_than_declared_is_taken_back(repo: Repo, azure: Azure, azurite: Azurite) -> None:
    azurite.put("other.jsonl", examples(20, "other").encode())
    repo.edit("manifests/stack.yaml", "mails.jsonl", "other.jsonl")
    repo.environ["RECONCILER_VAR_SAS"] = account_sas()
    assert "file-digest-differs" in repo.apply().faults()
    assert azure.files() == azure.jobs() == []


# A user delegation SAS: made by our own code, checked by Azurite


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    folder = tmp_path_factory.mktemp("azurite-oauth")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    openssl = shutil.which("openssl")
    if not openssl:
        pytest.skip("openssl is not installed: Azurite takes tokens over https only")
    subprocess.run(
        [
            *(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    process, root = started(folder, "--oauth", "basic", "--cert", str(certificate), "--key", str(key), scheme="https")
    credential = {"account_name": "acme", "account_key": KEY}
    try:
        with storage.BlobServiceClient(root, credential=credential, connection_verify=str(certificate)) as client:
            client.create_container("training")
            server = Azurite(root, client, certificate)
            server.put("a folder/ü & é.jsonl")
            yield server
    finally:
        process.kill()
        process.wait()


def token(**changes: Any) -> str:
    """Return what looks like a token of Entra; Azurite reads it and checks no signature."""
    now = int(time.time())
    claims = {
        "aud": "https://storage.azure.com",
        "iss": "https://sts.windows.net/22222222-2222-2222-2222-222222222222/",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 3600,
        "oid": "11111111-1111-1111-1111-111111111111",
        "tid": "22222222-2222-2222-2222-222222222222",
        **changes,
    }
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJl"])


def signed_in(server: Azurite, clock: FakeClock, bearer: str) -> Session:
    trusted = ssl.create_default_context(cafile=str(server.certificate))
    spec = AccountSpec.model_validate({"endpoint": "https://acme.openai.azure.com", "owner": "team-a"})
    credential = SimpleNamespace(get_token=lambda *_: SimpleNamespace(token=bearer))
    transports = Transports(credential=credential, storage=httpx2.HTTPTransport(verify=trusted))
    return Session(Account("acme", spec, Place("a.yaml")), Runtime(clock), {}, transports=transports)


def instant(minutes: float) -> str:
    return (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def fetched(server: Azurite, name: str, query: str) -> httpx2.Response:
    trusted = ssl.create_default_context(cafile=str(server.certificate))
    with httpx2.Client(verify=trusted) as client:
        return client.get(f"{server.url(name)}?{query}")


def test_our_delegation_signature_opens_the_one_blob_and_no_other(secure: Azurite, clock: FakeClock) -> None:
    secure.put("other.jsonl", b"something else\n")
    start, expiry = instant(-15), instant(60)
    key = delegation_key(signed_in(secure, clock, token()), secure.root, start, expiry)
    query = sign(key, "acme", "/training/a folder/ü & é.jsonl", start, expiry)
    answer = fetched(secure, "a%20folder/%C3%BC%20%26%20%C3%A9.jsonl", query)
    assert (answer.status_code, answer.content) == (200, DATA)
    assert fetched(secure, "other.jsonl", query).status_code == 403
    ended = sign(key, "acme", "/training/other.jsonl", instant(-15), instant(-5))
    assert fetched(secure, "other.jsonl", ended).status_code == 403


@pytest.mark.parametrize("changes", [{"aud": "https://example.org"}, {"exp": 1}], ids=["audience", "expired"])
def test_a_token_that_the_blob_server_refuses(secure: Azurite, clock: FakeClock, changes: dict[str, Any]) -> None:
    with pytest.raises(AzureError) as caught:
        delegation_key(signed_in(secure, clock, token(**changes)), secure.root, instant(-15), instant(60))
    assert caught.value.fault.code == "blob-not-delegated"
    assert "Storage Blob Delegator" in caught.value.fault.remedy
