"""Writes to the control plane: one at a time in an account, accounts side by side, and what somebody did to a deployment."""

from __future__ import annotations

from itertools import pairwise

import pytest
from harness import ACCOUNT, STACK, Azure, FakeClock, Repo, arm, of

from reconciler.core.approval import Approval
from reconciler.core.change import Stuck, Update

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
    assert not of(repo.plan(), Update), "nothing is announced that cannot be done"


def test_after_a_training_that_failed_the_rest_of_a_deployment_is_still_changed(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    before = azure.deployments()[0]["properties"]["model"]["name"]
    fails = {"match": {"model": "gpt"}, "then": {"fail": {"code": "x", "message": "y"}, "at": "running"}}
    azure.configure(outcomes=[fails])
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.apply(wait=True)
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 70")
    assert set(repo.apply().faults()) == {"job-failed"}
    (live,) = azure.deployments()
    assert (live["sku"]["capacity"], live["properties"]["model"]["name"]) == (70, before)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (
            409,
            "RequestConflict",
            "Another operation is being performed on the parent resource. Please try again later.",
        ),
        (400, "AccountProvisioningStateInvalid", "Call failed: account acme is in state Accepted."),
        (409, "Conflict", "The resource entity provisioning state is not terminal."),
    ],
)
def test_an_account_that_is_not_ready_is_waited_for_as_azure_says(
    repo: Repo, azure: Azure, status: int, code: str, message: str
) -> None:
    repo.write("manifests/stack.yaml", BASE.format(account="acme", number=1))
    azure.fault(
        method="PUT", path_regex="/deployments/", status=status, code=code, message=message, count=3, retry_after=17
    )
    assert repo.apply().code == 0
    tries = [item["time"] for item in azure.emulator.requests() if item["write"]]
    assert [later - earlier >= 17 for earlier, later in pairwise(tries)] == [True] * 3


def test_tags_that_somebody_copied_make_a_deployment_no_one_s(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    (ours,) = azure.deployments()
    copy = {key: ours[key] for key in ("sku", "tags")} | {"properties": {"model": ours["properties"]["model"]}}
    azure.raw("PUT", f"{arm()}/deployments/theirs?api-version=2025-09-01", copy)
    azure.clock.sleep(60)
    before = azure.deployments()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done(prune=True)
    assert [item for item in azure.deployments() if item["name"] == "theirs"] == [before[1]]
    calm = STACK.split("---")[1].replace("name: tone}", "name: theirs}")
    repo.write("manifests/stack.yaml", f"{STACK}---{calm}")
    assert [change.fault.code for change in of(repo.plan(), Stuck)] == ["name-taken"]
    adopted = calm.replace("name: theirs}", "name: theirs, adopt: true}")
    repo.write("manifests/stack.yaml", f"{STACK}---{adopted}")
    (mark,) = [change for change in of(repo.plan(), Update) if change.live.name == "theirs"]
    assert "tags.reconciler-deployment" in [item.path for item in mark.changes], "to adopt it is to mark it"
    repo.write("manifests/stack.yaml", "# nothing")
    assert repo.apply(destroy=True).code == 0
    assert azure.deployments() == [before[1]], "byte for byte"


def test_a_credential_that_only_reads_changes_nothing_and_is_told_which_role_it_needs(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    before = azure.deployments(), azure.jobs(), azure.files()
    azure.configure(deny=["/write$", "/delete$", "/action$"])
    repo.write("manifests/stack.yaml", STACK.replace("n_epochs: 2", "n_epochs: 3").replace("50", "70"))
    assert repo.plan(prune=True).actions, "a plan needs no more"
    result = repo.apply(prune=True)
    assert result.code == 1
    faults = {outcome.fault for outcome in result.outcomes if outcome.fault}
    assert len(faults) == 2, "the job, and of the deployment what needs no job"
    assert all("OpenAI Contributor" in fault.remedy for fault in faults)
    assert (azure.deployments(), azure.jobs(), azure.files()) == before


def test_a_name_is_free_again_before_it_is_used_again(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", STACK + "  strategy: recreate\n")
    repo.until_done()
    azure.configure(delete_seconds=45.0)
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    azure.forget()
    repo.until_done()
    wrote = [
        (item["time"], item["method"], item["status"])
        for item in azure.emulator.requests()
        if item["write"] and item["path"].endswith("/deployments/tone")
    ]
    assert [(method, status) for _, method, status in wrote] == [("DELETE", 202), ("PUT", 201)]
    assert wrote[1][0] - wrote[0][0] >= 45.0
