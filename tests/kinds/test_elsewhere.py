"""A model trained in one account and served in others: one manifest each."""

from __future__ import annotations

import pytest
from harness import ACCOUNT, STACK, Azure, FakeClock, Repo, addresses, arm, of, trained

from reconciler.core.change import Create, Delete, Keep, Stuck, Update, Wait

JOB, DEPLOYMENT = STACK.split("---\n")
JOB = JOB.replace("spec:", "spec:\n  account: acme", 1)
SERVING = ("acme", "west", "north")


def tree(repo: Repo, model: str = "{job: tone}") -> None:
    accounts = [ACCOUNT.replace("acme", name) for name in SERVING]
    repo.write("manifests/account.yaml", "---\n".join(accounts))
    served = [
        DEPLOYMENT.replace("name: tone", f"name: tone-{name}", 1)
        .replace("spec:", f"spec:\n  account: {name}", 1)
        .replace("{job: tone}", model)
        for name in SERVING
    ]
    repo.write("manifests/stack.yaml", "---\n".join([JOB, *served]))


def served(azure: Azure, account: str) -> dict[str, str]:
    (one,) = azure.deployments(account)
    return dict(one["properties"]["model"])


@pytest.mark.parametrize("model", ["{job: tone}", "{job: tone, checkpoint: {step: 20}}"], ids=["final", "checkpoint"])
@pytest.mark.parametrize(
    ("model_from", "shown"), [("source", True), ("sourceAccount", True), ("both", False), ("sourceAccount", False)]
)
def test_one_job_is_served_in_three_accounts(
    repo: Repo, azure: Azure, model_from: str, shown: bool, model: str
) -> None:
    azure.configure(model_from=model_from, source_shown=shown)
    tree(repo, model)
    plan = repo.plan()
    assert addresses(trained(plan)) == ["FineTuneJob/tone"], "one training"
    assert addresses(of(plan, Wait)) == [f"Deployment/tone-{name}" for name in sorted(SERVING)]
    assert plan.cost is not None
    repo.until_done()
    names = {served(azure, name)["name"] for name in SERVING}
    assert len(names) == 1
    assert len(azure.jobs()) == 1
    assert not azure.jobs("west")
    if shown:
        word = "source" if model_from == "both" else model_from
        assert served(azure, "west")[word] == arm()
    assert not served(azure, "acme").get("source"), "where it was trained it needs none"
    after = repo.plan(prune=True)
    assert not after.actions
    assert len(of(after, Keep)) == len(after.changes)
    azure.forget()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    assert served(azure, "north")["name"] not in names, "all follow their job"
    assert not repo.plan(prune=True).actions


def test_what_another_account_is_not_ready_for_waits_and_the_rest_goes_on(repo: Repo, azure: Azure) -> None:
    azure.configure(
        accounts={
            name: {"location": f"{name}-region", "subscription_id": "s1", "resource_group": "rg"} for name in SERVING
        },
        no_fine_tuning=["west-region"],
    )
    tree(repo)
    result = repo.apply(wait=True)
    assert result.code == 1
    assert not azure.deployments("west")
    assert served(azure, "north")["name"] == served(azure, "acme")["name"]
    (fault,) = {outcome.fault for outcome in result.outcomes if outcome.fault}
    assert "region" in f"{fault.detail} {fault.remedy}"


def test_a_model_of_another_tenant_needs_its_tenant_said(repo: Repo, azure: Azure) -> None:
    of_tenant = {"acme": "one.example", "west": "two.example", "north": "one.example"}
    azure.configure(
        accounts={
            name: {"subscription_id": "s1", "resource_group": "rg", "tenant": tenant}
            for name, tenant in of_tenant.items()
        }
    )
    tree(repo)
    result = repo.apply(wait=True)
    (fault,) = {outcome.fault for outcome in result.outcomes if outcome.fault}
    assert "not authorized to access linked subscription 's1'" in fault.detail
    assert "  tenant_id: TENANT" in fault.remedy
    assert served(azure, "north")["name"] == served(azure, "acme")["name"], "only what needs it fails"
    repo.edit("manifests/account.yaml", "accounts/acme\n", "accounts/acme\n  tenant_id: one.example\n")
    repo.edit("manifests/account.yaml", "accounts/north\n", "accounts/north\n  tenant_id: one.example\n")
    repo.until_done()
    assert served(azure, "west")["name"] == served(azure, "acme")["name"]


def test_an_account_without_an_arm_id_is_no_source(repo: Repo, azure: Azure) -> None:
    tree(repo)
    bare = f"spec:\n  endpoint: {azure.server.url}/acme\n  auth: api_key\n"
    text = (repo.folder / "manifests/account.yaml").read_text()
    mine = f"spec:\n  resource_id: {arm()}\n"
    assert mine in text
    repo.write("manifests/account.yaml", text.replace(mine, bare, 1))
    stack = (repo.folder / "manifests/stack.yaml").read_text().split("---\n")
    repo.write("manifests/stack.yaml", "---\n".join([stack[0], *stack[2:]]))
    stuck = of(repo.plan(), Stuck)
    assert {change.fault.code for change in stuck} == {"source-unknown"}
    assert len(stuck) == 2
    assert stuck[0].fault.place is not None


def test_a_broken_list_of_the_source_holds_back_and_deletes_nothing(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    tree(repo)
    repo.until_done()
    azure.fault(method="GET", path_regex="^/acme/.*fine_tuning/jobs", status=403, count=None)
    plan = repo.plan(prune=True)
    assert plan.errored
    assert not [change for change in plan.actions if isinstance(change, Create | Update | Delete)]
