"""Every field of a deployment: sent, compared, changed by the call that can change it, and read back."""

from __future__ import annotations

import pytest
from harness import STACK, Azure, Repo, of

from reconciler.core.change import Create, Update
from reconciler.core.fault import InvalidManifests
from reconciler.kinds import REGISTRY
from reconciler.manifests import load

EXTRA = (
    "  tags: {team: support, cost.center: '42'}\n"
    "  extra_properties: {serviceTier: priority, capacitySettings: {priority: 1}, newField: [1, 2]}\n"
)
DEPLOYMENT = """\
apiVersion: reconciler/v1
kind: Deployment
metadata: {name: tone}
spec:
  model: {name: MODEL}
  sku: {name: globalstandard, capacity: 50}
"""


def sent(azure: Azure) -> list[str]:
    return [one.split(" ")[0] for one in azure.writes() if "/deployments/" in one]


def only(azure: Azure) -> dict[str, object]:
    (one,) = azure.deployments()
    return one


def test_fields_are_sent_compared_and_changed_by_the_call_that_can(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", STACK.replace("GlobalStandard", "globalstandard") + EXTRA)
    repo.until_done()
    live = azure.deployments()[0]
    assert live["properties"]["serviceTier"] == "Priority"
    assert live["properties"]["newField"] == [1, 2]
    assert live["tags"]["team"] == "support"
    assert not of(repo.plan(), Update), "defaults, added fields and capitals are no difference"

    # What somebody else tagged or set, and no manifest says, stays through either call.
    body = {**live, "tags": {**live["tags"], "theirs": "yes"}}
    body["properties"] = {**live["properties"], "spilloverDeploymentName": "other", "serviceTier": "Default"}
    azure.raw("PUT", f"{live['id']}?api-version=2025-09-01", body)
    repo.clock.sleep(10)
    (change,) = of(repo.plan(), Update)
    assert [item.path for item in change.changes] == ["extra_properties.serviceTier"], (
        "what a manifest sets is compared"
    )
    azure.forget()
    repo.until_done()
    assert sent(azure) == ["PUT"]
    repo.edit("manifests/stack.yaml", "team: support", "team: sales")
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    azure.forget()
    repo.until_done()
    assert sent(azure) == ["PATCH"]
    live = azure.deployments()[0]
    assert live["properties"]["spilloverDeploymentName"] == "other"
    assert (live["tags"]["theirs"], live["tags"]["team"], live["sku"]["capacity"]) == ("yes", "sales", 60)
    assert not of(repo.plan(), Update)


@pytest.mark.parametrize("shown", ["number", "none"])
def test_the_version_of_a_model_is_no_difference_where_azure_tells_it_otherwise_or_not(
    repo: Repo, azure: Azure, shown: str
) -> None:
    azure.configure(model_version=shown)
    repo.write("manifests/stack.yaml", STACK)
    repo.until_done()
    assert sent(azure) == ["PUT"]
    assert not of(repo.plan(), Update)
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    azure.forget()
    repo.until_done()
    assert sent(azure) == ["PATCH"]
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    azure.forget()
    repo.until_done()
    assert sent(azure) == ["PUT"]


def test_a_field_that_azure_takes_and_does_not_keep_is_an_error(repo: Repo, azure: Azure) -> None:
    azure.configure(dropped_properties=["newField"])
    repo.write("manifests/stack.yaml", STACK + EXTRA)
    result = repo.apply(wait=True)
    assert result.code == 1
    assert "not-taken" in result.faults()
    said = next(outcome.fault for outcome in result.outcomes if outcome.fault)
    assert "extra_properties.newField" in said.detail


def test_a_value_that_azure_drops_instead_of_changing_it_is_told_as_such(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", STACK + EXTRA)
    repo.until_done()
    azure.configure(dropped_properties=["newField"])
    repo.edit("manifests/stack.yaml", "newField: [1, 2]", "newField: [3]")
    result = repo.apply()
    assert (result.code, result.refused, result.faults()) == (1, None, ["not-taken"])
    said = next(outcome.fault for outcome in result.outcomes if outcome.fault)
    assert "extra_properties.newField is not there, declared [3]" in said.detail


def test_a_change_shows_values_as_they_are_written(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", STACK + "  rai_policy_name: Strict\n  version_upgrade_option: NoAutoUpgrade\n")
    repo.until_done()
    properties = {"raiPolicyName": "STRICT", "versionUpgradeOption": "noAutoUpgrade"}
    azure.hand("edit_deployment", deployment="tone", properties=properties)
    assert not of(repo.plan(), Update), "ARM re-cases them"
    properties = {"raiPolicyName": "Microsoft.Default", "versionUpgradeOption": "OnceCurrentVersionExpired"}
    azure.hand("edit_deployment", deployment="tone", properties=properties)
    (change,) = of(repo.plan(), Update)
    assert [(item.before, item.after) for item in change.changes] == [
        ("Microsoft.Default", "Strict"),
        ("OnceCurrentVersionExpired", "NoAutoUpgrade"),
    ]


@pytest.mark.parametrize("capacity", [20, 80])
def test_model_and_capacity_change_in_two_calls(repo: Repo, azure: Azure, capacity: int) -> None:
    repo.write("manifests/stack.yaml", STACK)
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.edit("manifests/stack.yaml", "capacity: 50", f"capacity: {capacity}")
    azure.forget()
    repo.until_done()
    assert sent(azure) == ["PATCH", "PUT"], "the capacity needs no training"
    assert only(azure)["sku"] == {"name": "GlobalStandard", "capacity": capacity}
    repo.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 2")
    repo.edit("manifests/stack.yaml", f"capacity: {capacity}", "capacity: 50")
    azure.forget()
    repo.until_done()
    assert sent(azure) == ["PUT", "PATCH"], "both at once are refused"
    assert only(azure)["sku"] == {"name": "GlobalStandard", "capacity": 50}


def test_a_smaller_capacity_goes_first_where_the_new_model_has_no_room_for_the_old_one(
    repo: Repo, azure: Azure
) -> None:
    azure.configure(quotas={"OpenAI.GlobalStandard.gpt4.1-nano-finetune": 20})
    repo.write("manifests/stack.yaml", STACK)
    repo.until_done()
    repo.edit("manifests/stack.yaml", "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14")
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 20")
    repo.until_done()
    live = only(azure)
    assert live["sku"] == {"name": "GlobalStandard", "capacity": 20}
    assert "nano" in str(live["properties"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("extra_properties: {raiPolicyName: x}", "rai_policy_name"),
        ("extra_properties: {model: {name: x}}", "write `model`"),
        ("extra_properties: {sku: {name: x}}", "write `sku`"),
        ("extra_properties: {service_tier: Default}", "ARM spells it serviceTier"),
        ("extra_properties: {rateLimits: []}", "Azure alone writes it"),
        ("extra_properties: {routing: null}", "leave it out"),
        ("tags: {reconciler-owner: me}", "reconciler-owner"),
        ("tags: {a/b: me}", "none of"),
        ("version_upgrade_option: noautoupgrade", "Did you mean `NoAutoUpgrade`"),
    ],
)
def test_what_may_not_be_set_is_said_with_its_place(repo: Repo, line: str, said: str) -> None:
    repo.write("manifests/stack.yaml", STACK + f"  {line}\n")
    with pytest.raises(InvalidManifests) as raised:
        load(repo.folder / "manifests", REGISTRY, {}, None, repo.folder)
    (fault,) = [one for one in raised.value.faults if one.severity == "error"]
    assert said in f"{fault.detail} {fault.remedy}"
    assert fault.place is not None
    assert fault.place.line == STACK.count("\n") + 1


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("gpt-oss-20b.ft-" + "0" * 32, {"version": "1", "format": "Microsoft"}),
        ("Ministral-3B.ft-" + "0" * 32, {"version": "1", "format": "Mistral AI"}),
        ("gpt-4.1-mini", {"version": "2025-04-14", "format": "OpenAI"}),
        ("ftchkpt-" + "0" * 32, {"version": "1", "format": "OpenAI"}),
    ],
)
def test_version_and_format_are_told_from_the_name(repo: Repo, name: str, model: dict[str, str]) -> None:
    repo.write("manifests/stack.yaml", DEPLOYMENT.replace("MODEL", name).replace("50", "5"))
    plan = repo.plan()
    (create,) = of(plan, Create)
    assert create.after.comparable()["model"] == {"name": name, **model}
    tree = load(repo.folder / "manifests", REGISTRY, {}, None, repo.folder)
    assert [fault.code for fault in tree.warnings] == ["capacity-small"]


@pytest.mark.parametrize(
    ("old", "new", "fault", "code"),
    [
        ("GlobalStandard", "GlobalBatch", {}, "azure-invalid-resource-properties"),
        ("capacity: 50", "capacity: 5000", {}, "azure-insufficient-quota"),
        (
            "capacity: 50",
            "capacity: 60",
            {"status": 409, "code": "FlagMustBeSetForRestore"},
            "azure-flag-must-be-set-for-restore",
        ),
        ("capacity: 50", "capacity: 60", {"status": 403, "code": "AuthorizationFailed"}, "azure-authorization-failed"),
        (
            "n_epochs: 2",
            "n_epochs: 3",
            {"status": 403, "code": "LinkedAuthorizationFailed"},
            "azure-linked-authorization-failed",
        ),
    ],
)
def test_what_azure_refuses_leaves_what_serves_as_it_is(
    repo: Repo, azure: Azure, old: str, new: str, fault: dict[str, object], code: str
) -> None:
    repo.write("manifests/stack.yaml", STACK)
    repo.until_done()
    before = only(azure)
    repo.edit("manifests/stack.yaml", old, new)
    if fault:
        azure.fault(
            path_regex="/deployments/tone$", method="PATCH" if "capacity" in old else "PUT", count=None, **fault
        )
    result = repo.apply(wait=True)
    assert result.code == 1
    assert result.faults()[-1] == code
    place = result.outcomes[-1].fault.place
    assert (place.file, place.line) == ("manifests/stack.yaml", 13), "Azure's word has a place in the manifests"
    assert only(azure) == before
    azure.emulator.faults.clear()
    assert of(repo.plan(), Update), "nothing is forgotten"
