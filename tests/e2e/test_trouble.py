"""What goes wrong between here and Azure: said in words, with what to do, and never with a traceback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from command import Site
from harness import Azure

APPLY = ("apply", "--auto-approve", "--wait")
CLOUD = """\
apiVersion: reconciler/v1
kind: Account
metadata: {{name: acme}}
spec:
  resource_id: /subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme
  owner: team-a
{more}"""


def in_azure(site: Site, more: str = "") -> None:
    """Point the Account at Azure itself."""
    site.write("manifests/account.yaml", CLOUD.format(more=more))


@dataclass(frozen=True)
class Row:
    reason: str
    said: tuple[str, ...]
    config: dict[str, Any] = field(default_factory=dict)
    fault: dict[str, Any] | None = None
    command: tuple[str, ...] = APPLY


ROWS = (
    Row(
        "a wrong key or token",
        ("Azure refused the credential", "Azure answered 401", "az account show"),
        {"bad_keys": ["loopback"]},
        command=("plan",),
    ),
    Row(
        "no role on the data plane",
        ("The identity lacks a role", "accounts/OpenAI/fine-tunes/write", "Cognitive Services OpenAI Contributor"),
        {"deny": ["fine-tunes/write"]},
    ),
    Row(
        "no role on the control plane",
        ("The identity may not manage deployments", "accounts/deployments/write", "Cognitive Services Contributor"),
        {"deny": ["deployments/write"]},
    ),
    Row(
        "the endpoint of nobody",
        ("The endpoint does not serve this route", "Azure answered 404", "Check `endpoint` of the Account"),
        fault={"path_regex": "/openai/", "status": 404, "count": None},
        command=("plan",),
    ),
    Row(
        "an account that does not exist",
        ("ARM does not know the resource", "Azure answered 404 ResourceNotFound", "Check `resource_id`"),
        {"accounts": {}},
        command=("plan",),
    ),
    Row(
        "a base model that cannot be fine-tuned so",
        ("Azure refuses to fine-tune this base model", "Azure answered 400", "training_type: global"),
        fault={
            "method": "POST",
            "path_regex": "/fine_tuning/jobs$",
            "status": 400,
            "code": "invalidPayload",
            "message": "The specified base model does not support fine-tuning.",
        },
    ),
    Row(
        "quota of the subscription",
        ("The quota is used up", "Azure answered 400 InsufficientQuota", "Lower `sku.capacity`"),
        {"quota": 10},
    ),
    Row(
        "limits of the account",
        ("A limit of the account is reached", "Azure answered 400 quotaExceeded", "Delete files or jobs"),
        {"max_jobs": 0},
    ),
    Row(
        "a page of a proxy instead of an answer",
        ("Azure answered 403", "The identity lacks a role"),
        fault={"path_regex": "/openai/", "status": 403, "body": "<html>Blocked</html>", "count": None},
        command=("plan",),
    ),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.reason)
def test_an_answer_that_ends_a_command_is_explained(row: Row, site: Site, azure: Azure) -> None:
    azure.configure(**row.config)
    if row.fault:
        azure.fault(**row.fault)
    ran = site.run(*row.command, code=1)
    for words in row.said:
        assert words in ran.text
    assert ran.text.count(row.said[0]) <= 2, "the same cause is not told for each resource"


def test_throttling_is_waited_for_as_long_as_azure_asks(site: Site, azure: Azure) -> None:
    azure.fault(method="GET", path_regex="/files$", status=429, retry_after=1)
    ran = site.run(*APPLY, code=0)
    assert ran.seconds > 1
    assert len(azure.jobs()) == 1


def test_throttled_creation_of_a_job_makes_one_job(site: Site, azure: Azure) -> None:
    azure.fault(method="POST", path_regex="/fine_tuning/jobs$", status=429, retry_after=1)
    site.run(*APPLY, code=0)
    assert len(azure.jobs()) == 1


def test_no_credential_is_said_at_once_and_once(site: Site) -> None:
    in_azure(site)
    ran = site.run("plan", env={"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential"}, code=1, timeout=30)
    assert "No credential for Azure was found" in ran.text
    assert "\n    az login\n" in ran.text
    assert ran.text.count("az login") == 1
    assert "aka.ms" not in ran.text, "the SDK's own log stays out"


def test_no_api_key_names_the_variables(site: Site) -> None:
    in_azure(site, "  auth: api_key\n")
    env = {"AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential", "AZURE_OPENAI_API_KEY": ""}
    ran = site.run("plan", env=env, code=1)
    assert "No API key is set" in ran.text
    assert "neither AZURE_OPENAI_API_KEY_ACME nor AZURE_OPENAI_API_KEY is set" in ran.text


def test_a_variable_that_is_set_and_empty_is_no_crash(site: Site) -> None:
    """As a CI makes of a secret that nobody has set."""
    in_azure(site)
    env = {
        "AZURE_CLIENT_ID": "11111111-2222-3333-4444-555555555555",
        "AZURE_TENANT_ID": "11111111-2222-3333-4444-555555555556",
        "AZURE_CLIENT_SECRET": "",
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
    }
    ran = site.run("plan", env=env, code=1)
    assert "No credential for Azure was found" in ran.text
    assert "client secret" in ran.text


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens: bound, so that nobody else takes it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_nobody_listens(site: Site, azure: Azure, closed_port: int) -> None:
    site.edit("manifests/account.yaml", f":{azure.server.port}", f":{closed_port}")
    ran = site.run("plan", code=1, timeout=50)
    assert "Azure did not answer" in ran.text
    assert "127.0.0.1" in ran.text
    assert "Check the network and run the command again" in ran.text


def test_a_name_that_does_not_resolve(site: Site, azure: Azure) -> None:
    in_azure(site, "  auth: api_key\n  endpoint: https://acme.invalid\n")
    env = {
        "RECONCILER_TRUSTED_HOSTS": "acme.invalid",
        "AZURE_OPENAI_API_KEY": "k",
        "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
    }
    ran = site.run("plan", env=env, code=1, timeout=50)
    assert "The host name does not resolve" in ran.text
    assert "at acme.invalid" in ran.text
    assert "Check `endpoint` and `resource_id` of the Account" in ran.text


def test_after_trouble_the_next_run_goes_on(site: Site, azure: Azure) -> None:
    azure.configure(deny=["deployments/write"])
    site.run(*APPLY, code=1)
    azure.configure(deny=[])
    azure.forget()
    ran = site.run(*APPLY, code=0)
    assert "1 created" in ran.last
    assert [request.partition(" ")[0] for request in azure.writes()] == ["PUT"]
