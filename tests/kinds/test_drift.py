"""Drift in its three kinds with cause and remedy, what is none, and fields that are left to others."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import STACK, Azure, FakeClock, Repo, of

from reconciler.core.change import Plan, Update
from reconciler.core.fault import InvalidManifests
from reconciler.kinds import REGISTRY
from reconciler.render.document import dumps
from reconciler.render.drift import drift_document, drift_text, needs_person
from reconciler.render.drift_markdown import LIMIT, drift_markdown, findings, line_of

DAY = 86400.0
IGNORING = STACK.replace("metadata: {name: tone}\nspec:\n  model: {job", "metadata: {name: tone, ignore: [IGNORED]}\nspec:\n  model: {job")  # fmt: skip


def seen(repo: Repo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(dumps(document(repo.plan(prune=True))))
    return found


def document(plan: Plan) -> dict[str, Any]:
    return drift_document(plan, accounts=[{"name": "acme"}], emulator=False, kinds=REGISTRY)


def ignoring(repo: Repo, field: str) -> None:
    text = IGNORING.replace("IGNORED", field)
    assert field in text
    repo.write("manifests/stack.yaml", text)


def test_a_change_at_azure_says_what_was_applied_and_both_ways_out(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})
    found = seen(repo)
    (entry,) = found["changed"]
    assert entry["fields"] == [{"path": "sku.capacity", "live": 10, "declared": 50, "last_applied": 50}]
    assert "somebody has changed it at Azure since" in entry["cause"]
    assert azure.jobs()[0]["id"] in entry["cause"]
    assert "\n  reconciler apply --target Deployment/tone\n" in entry["remedy"]
    *_, line = entry["remedy"].splitlines()
    text = (repo.folder / "manifests/stack.yaml").read_text()
    repo.edit(
        "manifests/stack.yaml", "kind: Deployment\nmetadata: {", f"kind: Deployment\nmetadata: {{{line.strip()}, "
    )
    assert repo.plan().converged, "the line that is printed can be copied"
    repo.write("manifests/stack.yaml", text)
    assert found["summary"]["needs_person"] is True
    said = drift_markdown(found)
    assert "| `sku.capacity` | `10` at Azure<br>`50` declared<br>`50` last applied |" in said
    assert "```sh\nreconciler apply --target Deployment/tone\n```" in said
    assert "```yaml\nignore: [sku.capacity]\n```" in said


def test_a_job_that_somebody_paused_is_not_told_to_be_ignored(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    """A FineTuneJob takes no `ignore`: a remedy that is refused is none."""
    repo.apply()
    clock.sleep(1800)
    azure.raw("POST", f"/acme/openai/v1/fine_tuning/jobs/{azure.jobs()[0]['id']}/pause")
    clock.sleep(60)
    (entry,) = seen(repo)["changed"]
    assert entry["fields"][0]["path"] == "suspend"
    assert "\n  reconciler apply --target FineTuneJob/tone\nTo keep it, declare it so at " in entry["remedy"]
    assert "ignore" not in entry["remedy"]


def test_a_manifest_that_is_ahead_is_told_from_a_change_at_azure(repo: Repo) -> None:
    repo.until_done()
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    (entry,) = seen(repo)["changed"]
    assert entry["fields"] == [{"path": "sku.capacity", "live": 50, "declared": 60, "last_applied": None}]
    assert entry["cause"].startswith("The manifest or what it refers to has changed since it was last applied.")
    assert "ignore" not in entry["remedy"]


def test_what_is_missing_has_a_probable_cause(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    clock.sleep(20 * DAY)
    azure.hand("expire_deployment", deployment="tone")
    (entry,) = seen(repo)["missing"]
    assert "idle deployments after 15 days" in entry["cause"]
    assert "reconciler apply --target Deployment/tone" in entry["remedy"]
    assert "remove its manifest at manifests/stack.yaml:" in entry["remedy"]


def test_what_was_merged_and_not_applied_says_so(repo: Repo) -> None:
    assert {entry["cause"] for entry in seen(repo)["missing"]} == {
        "It is declared: either it was not applied yet, or it was deleted outside git."
    }
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    (entry,) = seen(repo)["missing"]
    assert "has changed since ftjob-" in entry["cause"]


def test_what_is_left_over_costs_and_can_be_deleted_or_declared(repo: Repo) -> None:
    repo.until_done()
    repo.write("manifests/stack.yaml", STACK.partition("---")[0])
    found = seen(repo)
    (entry,) = found["left_over"]
    assert entry["cause"] == "No manifest declares it any more."
    assert entry["remedy"].startswith(
        "To delete it (saves $40.80 a day):\n  reconciler apply --prune --allow-delete Deployment/tone\n"
    ), "it is the only one, so a guard wants its name"
    assert findings(found, "acme") == [("left_over", entry)]
    assert findings(found, "prod") == []
    assert line_of("left_over", entry) == "left over: `Deployment/tone` (`tone`)"


def test_what_the_schedule_does_by_itself_wakes_nobody(repo: Repo, clock: FakeClock) -> None:
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.apply()
    clock.sleep(2 * 3600)
    waiting = repo.plan(prune=True)
    assert [str(change.address) for change in waiting.actions] == ["Deployment/tone"]
    assert needs_person(waiting), "without knowing the kinds it is a change like any other"
    assert not needs_person(waiting, REGISTRY)
    said = drift_text(waiting, [], kinds=REGISTRY)
    assert "In progress, no drift:\n  ~ Deployment/tone" in said
    assert "The next `apply --continue` does this." in said


def test_a_model_that_somebody_switched_is_no_work_of_the_schedule(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    (old,) = [job["fine_tuned_model"] for job in azure.jobs() if job["hyperparameters"]["n_epochs"] == 2]
    azure.hand(
        "edit_deployment", deployment="tone", properties={"model": {"format": "OpenAI", "name": old, "version": "1"}}
    )
    (entry,) = seen(repo)["changed"]
    assert [field["path"] for field in entry["fields"]] == ["model.name"]


def test_history_and_what_azure_adds_are_no_drift(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    assert len(azure.jobs()) == 2
    added = {"raiPolicyName": "Microsoft.DefaultV2", "dynamicThrottlingEnabled": True, "rateLimits": [{"key": "token"}]}
    azure.hand("edit_deployment", deployment="tone", properties=added)
    azure.hand("set_tags", deployment="tone", tags={"cost-centre": "42"})
    found = seen(repo)
    assert found["summary"]["needs_person"] is False
    assert drift_markdown(found) == "### No drift. Azure matches the manifests."


# Fields that are left to others


def test_an_ignored_field_is_no_drift_and_nothing_to_plan(repo: Repo, azure: Azure) -> None:
    ignoring(repo, "sku.capacity")
    repo.until_done()
    assert azure.deployments()[0]["sku"]["capacity"] == 50, "it is set when the object is made"
    azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})
    assert repo.plan(prune=True).converged
    assert not needs_person(repo.plan(prune=True), REGISTRY)
    azure.forget()
    repo.until_done()
    assert azure.writes() == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("name: GlobalStandard", "name: Standard"),
        ("sku:", "version_upgrade_option: NoAutoUpgrade\n  sku:"),
        ("n_epochs: 2", "n_epochs: 3"),
    ],
    ids=["its neighbour is patched", "the whole is put", "the model follows a new training"],
)
def test_an_ignored_field_stays_when_others_are_changed(repo: Repo, azure: Azure, old: str, new: str) -> None:
    ignoring(repo, "sku.capacity")
    repo.until_done()
    azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})
    repo.edit("manifests/stack.yaml", old, new)
    repo.until_done()
    assert azure.deployments()[0]["sku"]["capacity"] == 10
    assert repo.plan().converged


def test_a_whole_block_can_be_ignored_and_the_rest_is_still_compared(repo: Repo, azure: Azure) -> None:
    ignoring(repo, "sku")
    repo.edit("manifests/stack.yaml", "sku:", "version_upgrade_option: NoAutoUpgrade\n  sku:")
    repo.until_done()
    azure.hand("edit_deployment", deployment="tone", sku={"name": "Standard", "capacity": 10})
    assert repo.plan().converged
    azure.hand("edit_deployment", deployment="tone", properties={"versionUpgradeOption": "OnceCurrentVersionExpired"})
    assert not repo.plan().converged


def test_to_ignore_a_field_trains_nothing_and_changes_nothing(repo: Repo) -> None:
    repo.until_done()
    ignoring(repo, "sku.capacity")
    assert repo.plan().converged


def test_an_ignored_field_still_shows_the_others(repo: Repo, azure: Azure) -> None:
    ignoring(repo, "rai_policy_name")
    repo.until_done()
    azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})
    (change,) = of(repo.plan(), Update)
    assert [item.path for item in change.changes] == ["sku.capacity"]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("sku.capcity", "`sku.capcity` in `metadata.ignore` is no field of a Deployment. Did you mean `sku.capacity`?"),
        ("capacity", "is no field of a Deployment."),
        ("sku.capacity.more", "is no field of a Deployment."),
    ],
)
def test_a_field_that_does_not_exist_cannot_be_ignored(repo: Repo, field: str, said: str) -> None:
    ignoring(repo, field)
    with pytest.raises(InvalidManifests) as caught:
        repo.plan()
    (fault,) = [one for one in caught.value.faults if one.severity == "error"]
    assert fault.code == "not-ignorable"
    assert said in f"{fault.detail} {fault.remedy}"
    assert str(fault.place).startswith("manifests/stack.yaml:13:")


def test_what_decides_a_training_cannot_be_ignored(repo: Repo) -> None:
    repo.write("manifests/stack.yaml", STACK.replace("{name: tone}", "{name: tone, ignore: [seed]}", 1))
    with pytest.raises(InvalidManifests) as caught:
        repo.plan()
    assert [fault.code for fault in caught.value.faults if fault.severity == "error"] == ["not-ignorable"]


# The Markdown


def test_markup_in_what_azure_says_is_shown_and_not_obeyed() -> None:
    entry = {
        "address": "Deployment/x`</details>@team",
        "account": "acme",
        "live_id": "<img src=x>",
        "title": "is missing @team",
        "fields": [{"path": "a|b", "live": "@team\n# x", "declared": "`1`", "last_applied": None}],
        "details": [],
        "cause": "see https://evil.test #1",
        "remedy": "To undo:\n  rm -rf ``` <b>",
    }
    said = drift_markdown({"accounts": [{"name": "acme"}], "changed": [entry], "missing": [entry] * 3000})
    assert len(said) < LIMIT
    assert "left out for length" in said
    assert "\n# x" not in said
    for line in said.splitlines():
        for word in ("@team", "https://evil.test", "<img", "#1"):
            assert word not in line or "`" in line.partition(word)[0], line


def test_what_could_not_be_read_is_never_called_no_drift(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    azure.configure(deny=["files/read"])
    said = drift_markdown(document(repo.plan(prune=True)))
    assert "No drift" not in said
    assert "this report is not whole" in said
