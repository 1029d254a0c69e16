"""Writes to the control plane: one at a time in an account, accounts side by side, and what somebody did to a deployment."""

from __future__ import annotations

import pytest
from harness import ACCOUNT, STACK, Azure, FakeClock, Repo, arm, of

from reconciler.core.approval import Approval
from reconciler.core.change import Stuck

BASE = """\
apiVersion: reconciler/v1
kind: Deployment
metadata: {{name: {account}-{number}}}
spec:
  account: {account}
  model: {{name: gpt-4.1-mini, version: "2025-04-14", format: OpenAI}}
  sku: {{name: GlobalStandard, capacity: 10}}
"""


def test_an_account_takes_one_write_at_a_time_and_accounts_go_side_by_side(repo: Repo, azure: Azure) -> None:
    beta = ACCOUNT.replace("{name: acme}", "{name: beta}").replace("accounts/acme", "accounts/beta")
    repo.write("manifests/account2.yaml", beta)
    stack = [BASE.format(account=account, number=number) for account in ("acme", "beta") for number in range(4)]
    repo.write("manifests/stack.yaml", "---\n".join(stack))
    azure.configure(deployment_seconds=30.0)
    assert repo.apply().code == 0
    asked = [item for item in azure.emulator.requests() if item["write"] and "/deployments/" in item["path"]]
    accounts = [item["path"].split("/accounts/")[1].split("/")[0] for item in asked]
    assert {item["status"] for item in asked} == {201}, "the emulator answers 409 to a write beside another"
    assert len(asked) == 8
    first, last = accounts.index, lambda account: 7 - accounts[::-1].index(account)
    assert first("beta") < last("acme"), "neither waits for the other to be done"
    assert first("acme") < last("beta")


def test_an_account_that_somebody_else_holds_is_waited_for_and_not_hammered(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", BASE.format(account="acme", number=1))
    azure.configure(deployment_seconds=90.0)
    body = {
        "sku": {"name": "GlobalStandard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
    }
    azure.raw("PUT", f"{arm()}/deployments/theirs?api-version=2025-09-01", body)
    azure.forget()
    assert repo.apply().code == 0
    asked = [item["status"] for item in azure.emulator.requests() if item["write"]]
    assert asked[-1] == 201
    assert set(asked[:-1]) == {409}
    assert len(asked) < 20, "each wait is longer than the one before"


@pytest.mark.parametrize("stripped", [["reconciler-owner"], ["reconciler-source"], None])
def test_a_deployment_without_our_tags_goes_on_serving_and_is_nobodys_to_change(
    repo: Repo, azure: Azure, clock: FakeClock, stripped: list[str] | None
) -> None:
    repo.until_done()
    tags = azure.deployments()[0]["tags"]
    azure.hand("strip_tags", deployment="tone", keys=list(tags) if stripped is None else stripped)
    before = azure.deployments()
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 70")
    azure.forget()
    result = repo.apply(prune=True)
    assert result.faults() == ["name-taken"]
    assert "adopt: true" in of(result.plan, Stuck)[0].fault.remedy
    repo.write("manifests/stack.yaml", STACK.split("---")[0])
    repo.apply(prune=True)
    assert azure.writes() == []
    assert azure.deployments() == before


def test_a_new_model_that_is_gone_leaves_the_old_one_serving(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    before = azure.deployments()[0]["properties"]["model"]["name"]
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.apply()
    clock.sleep(2 * 3600)
    plan = repo.plan()
    new = next(job for job in azure.jobs() if job["fine_tuned_model"] != before)
    azure.hand("vanish_model", model=new["fine_tuned_model"])
    result = repo.apply(approved=Approval.of(plan))
    assert result.code in {1, 4}
    assert azure.deployments()[0]["properties"]["model"]["name"] == before
    azure.forget()
    assert repo.apply(prune=True).faults() == ["model-gone"]
    assert azure.writes() == [], "neither trained again nor changed"
