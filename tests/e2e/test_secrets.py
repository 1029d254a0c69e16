"""Secrets reach no output, and credentials and data reach no host that the cloud does not own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from command import Site
from harness import Azure, arm

KEY = "0f6c1d5e7a9b4c3d8e2f1a0b9c8d7e6f"
CLIENT_SECRET = "Q8f~verysecretclientsecretvalue.X-1_z"
TOKEN = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
SECRETS = {
    "AZURE_OPENAI_API_KEY": KEY,
    "AZURE_OPENAI_API_KEY_ACME": KEY[::-1],
    "AZURE_CLIENT_SECRET": CLIENT_SECRET,
    "AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
    "AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555556",
    "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
}
HIDDEN = (KEY, KEY[::-1], CLIENT_SECRET, TOKEN)
ECHO = (
    f"The key {KEY} is wrong, api-key: {KEY[::-1]}, Authorization: Bearer {TOKEN}, "
    f"client_secret={CLIENT_SECRET}, https://blob/x?sv=1&sig={TOKEN}"
)


class Recorder:
    """Listens, takes the first bytes of each connection, and answers nothing of use."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.heard: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.heard.append(connection.recv(65536).decode(errors="replace"))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                except OSError:
                    pass

    @property
    def hosts(self) -> set[str]:
        """The hosts that a proxy was asked for."""
        return {text.split()[1].partition(":")[0] for text in self.heard}

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def elsewhere() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.close()


def through(proxy: Recorder) -> dict[str, str]:
    """Return an environment with secrets, whose only way out is the recorder."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    return {**SECRETS, **dict.fromkeys(names, proxy.url)}


def account(site: Site, more: str, auth: str = "api_key") -> None:
    site.write(
        "manifests/account.yaml",
        "apiVersion: reconciler/v1\nkind: Account\nmetadata: {name: acme}\nspec:\n"
        "  resource_id: /subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme\n"
        f"  owner: team-a\n  auth: {auth}\n  {more}\n",
    )


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 401, "message": ECHO},
        {"status": 403, "message": ECHO},
        {"status": 400, "body": ECHO},
        {"status": 400, "body": f'{{"error": "{ECHO}"}}'},
        {"status": 403, "headers": {"www-authenticate": f"Bearer {TOKEN}", "x-ms-echo": KEY}},
    ],
    ids=["401", "403", "text", "string", "headers"],
)
@pytest.mark.parametrize("route", ["/openai/", "/subscriptions/"], ids=["data plane", "control plane"])
def test_what_a_server_echoes_is_hidden(site: Site, azure: Azure, fault: dict[str, Any], route: str) -> None:
    azure.fault(path_regex=route, count=None, **fault)
    ran = site.run("plan", "--out", "plan.json", env=SECRETS, code=1)
    saved = (site.folder / "plan.json").read_text()
    for secret in HIDDEN:
        assert secret not in ran.text
        assert secret not in saved


def test_what_azure_says_of_a_failed_job_is_hidden_too(site: Site, azure: Azure) -> None:
    azure.configure(running_seconds=3600.0)
    site.run("apply", "--auto-approve", code=0)
    azure.hand("fail_job", job=azure.jobs()[0]["id"], message=ECHO)
    for command in (["plan"], ["plan", "--format", "json"], ["status"], ["drift"], ["logs", "FineTuneJob/tone"]):
        ran = site.run(*command, env=SECRETS)
        assert not any(secret in ran.text for secret in HIDDEN), command


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("endpoint: https://evil.example", "The host is not one that this cloud owns"),
        ("endpoint: https://acme.openai.azure.com.evil.example", "The host is not one that this cloud owns"),
        ("endpoint: 'https://evil.example/#.openai.azure.com'", "The endpoint is more than scheme, host and path"),
        ("endpoint: 'https://evil.example/?.openai.azure.com'", "The endpoint is more than scheme, host and path"),
        ("endpoint: https://evil.example/.openai.azure.com", "The host is not one that this cloud owns"),
        ("endpoint: https://evilopenai.azure.com", "The host is not one that this cloud owns"),
        ("endpoint: https://openai.azure.com", "The host is not one that this cloud owns"),
        ("endpoint: https://x.acme.openai.azure.com", "The host is not one that this cloud owns"),
        ("endpoint: https://acme.openai.azure.com@evil.example", "The endpoint holds a user name or a password"),
        ("endpoint: https://u:hunter22@acme.openai.azure.com", "The endpoint holds a user name or a password"),
        ("endpoint: https://acme.openai.azure.com:8443", "The endpoint names another port than 443"),
        ("endpoint: http://acme.openai.azure.com", "The endpoint is plain http"),
        ("endpoint: http://127.0.0.1.evil.example", "The host is not one that this cloud owns"),
        ("endpoint: http://10.0.0.1", "The host is not one that this cloud owns"),
        ("endpoint: acme.openai.azure.com", "The endpoint is not an http(s) URL"),
        ("endpoint: https://acme.openai.azure.us", "The host is not one that this cloud owns"),
        ("{cloud: china, endpoint: https://acme.openai.azure.com}", "The host is not one that this cloud owns"),
        ("management_endpoint: https://evil.example", "The host is not one that this cloud owns"),
        ("management_endpoint: https://management.azure.com.evil.example", "The host is not one that this cloud owns"),
        ("management_endpoint: https://acme.openai.azure.com", "The host is not one that this cloud owns"),
        ("account_name: evil.example/x", ""),
        ("account_name: 'evil.example#'", ""),
        ("account_name: 'u@evil.example'", ""),
    ],
)
def test_a_manifest_cannot_send_credentials_elsewhere(site: Site, elsewhere: Recorder, more: str, said: str) -> None:
    if more.startswith("{"):
        more = more.strip("{}").replace(", ", "\n  ")
    account(site, more)
    ran = site.run("plan", env=through(elsewhere))
    assert ran.code in {1, 4}
    assert "Traceback" not in ran.text
    assert said in ran.err
    assert "hunter22" not in ran.text
    assert elsewhere.heard == [], "nobody was contacted, and no credential was asked for"


def test_the_recorder_would_have_heard(site: Site, elsewhere: Recorder) -> None:
    account(site, "endpoint: https://acme.openai.azure.com")
    env = {**through(elsewhere), "AZURE_CLIENT_SECRET": ""}
    ran = site.run("plan", env=env, code=1, timeout=50)
    assert elsewhere.hosts == {"acme.openai.azure.com"}
    assert KEY not in "".join(elsewhere.heard), "what a proxy sees is sealed"
    assert KEY not in ran.text


@pytest.mark.parametrize(
    ("reason", "route", "method"),
    [
        ("lists", "/files$", "GET"),
        ("training data", "/files$", "POST"),
        ("jobs", "/fine_tuning/jobs$", "POST"),
        ("the control plane", "/deployments$", "GET"),
        ("deployments", "/deployments/tone$", "PUT"),
    ],
)
def test_a_redirect_is_not_followed(
    site: Site, azure: Azure, elsewhere: Recorder, reason: str, route: str, method: str
) -> None:
    azure.fault(
        method=method, path_regex=route, status=307, count=None, headers={"location": f"{elsewhere.url}/stolen"}
    )
    ran = site.run("apply", "--auto-approve", "--wait", env=SECRETS, code=1)
    assert elsewhere.heard == [], reason
    assert "The endpoint redirects, and redirects are never followed" in ran.text


def test_links_in_answers_are_not_followed_elsewhere(site: Site, azure: Azure, elsewhere: Recorder) -> None:
    """ARM tells a client where to ask for the next page, and where to ask how an operation goes."""
    link = f"{elsewhere.url}{arm()}/deployments?api-version=2025-09-01&$skipToken=x"
    azure.fault(
        method="PUT",
        path_regex="/deployments/tone$",
        after_commit=True,
        delay_s=0.0,
        headers={"azure-asyncoperation": link, "location": link, "operation-location": link},
    )
    site.run("apply", "--auto-approve", "--wait", env=SECRETS, code=0)
    azure.fault(method="GET", path_regex="/deployments$", body=f'{{"value": [], "nextLink": "{link}"}}')
    ran = site.run("plan", env=SECRETS, code=1)
    assert elsewhere.heard == []
    assert (
        f"An answer leads to another host [endpoint-elsewhere]\n  127.0.0.1:{elsewhere.port} was not contacted"
        in ran.text
    )


def test_no_proxy_sees_what_stays_on_this_machine(site: Site, elsewhere: Recorder) -> None:
    site.run("apply", "--auto-approve", "--wait", env=through(elsewhere), code=0)
    site.run("--emulator", "plan", env=through(elsewhere), code=0)
    assert elsewhere.heard == []
