"""The two custom roles hold what the gateways do, and no write is in the one that looks. The emulator knows each route's action."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import Azure, FakeClock, Repo

from reconciler.azure.roles import ROLES, SUBSCRIPTION, role_document
from reconciler.cli.main import run
from reconciler.emulator.routes import ARM, DATA_PLANE


def actions(azure: Azure) -> set[str]:
    return {item["action"] for item in azure.emulator.requests() if item["action"]}


def missing(azure: Azure, role: str) -> list[str]:
    used = actions(azure)
    assert used, "nothing was asked, so nothing is shown"
    return sorted(action for action in used if not ROLES[role].allows(action))


def test_a_plan_needs_no_more_than_the_role_that_looks(repo: Repo, azure: Azure) -> None:
    repo.plan()
    repo.until_done()
    azure.forget()
    repo.plan(prune=True)
    assert missing(azure, "plan") == []
    assert {action.rpartition("/")[2] for action in actions(azure)} == {"read"}


def test_all_that_an_apply_does_is_in_the_role_that_changes(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.apply()
    clock.sleep(1800)
    repo.edit("manifests/stack.yaml", "  training_type", "  suspend: true\n  training_type")
    repo.apply()
    clock.sleep(60)
    repo.edit("manifests/stack.yaml", "suspend: true", "suspend: false")
    repo.until_done()
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    repo.until_done()
    name = azure.jobs()[0]["id"]
    repo.write("manifests/stack.yaml", "")
    repo.until_done(prune=True)
    repo.until_done(prune=True, allow_delete=(f"FineTuneJob/{name}",))
    done = {action.rpartition("CognitiveServices/")[2] for action in actions(azure)}
    assert {
        "accounts/OpenAI/files/write",
        "accounts/OpenAI/files/delete",
        "accounts/OpenAI/fine-tunes/write",
        "accounts/OpenAI/models/delete",
        "accounts/deployments/write",
        "accounts/deployments/delete",
    } <= done, "each sort of write was made"
    assert missing(azure, "apply") == []


def test_the_role_that_looks_is_part_of_the_other_and_writes_nothing() -> None:
    plan, apply = ROLES["plan"], ROLES["apply"]
    assert all(apply.allows(action) for action in (*plan.actions, *plan.data_actions))
    writes = {route.action for table in (DATA_PLANE, ARM) for route in table.values() if route.write}
    assert [action for action in writes if plan.allows(action)] == []


def test_the_role_that_changes_gives_no_more_power_than_that() -> None:
    for action in (
        "Microsoft.CognitiveServices/accounts/listKeys/action",
        "Microsoft.CognitiveServices/accounts/write",
        "Microsoft.CognitiveServices/accounts/delete",
        "Microsoft.Authorization/roleAssignments/write",
        "Microsoft.CognitiveServices/accounts/OpenAI/assistants/write",
    ):
        assert not ROLES["apply"].allows(action), action


@pytest.mark.parametrize("purpose", ["plan", "apply"])
def test_a_role_is_printed_as_az_takes_it(
    purpose: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["doctor", "--print-role", purpose]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["AssignableScopes"] == [SUBSCRIPTION], "no Account is needed"
    assert printed == role_document(purpose, [])  # type: ignore[arg-type]
    assert set(printed) == {
        "Name",
        "IsCustom",
        "Description",
        "Actions",
        "NotActions",
        "DataActions",
        "NotDataActions",
        "AssignableScopes",
    }
    assert not any("OpenAI" in action for action in printed["Actions"]), "data actions are no actions"
    assert role_document(purpose, ["/subscriptions/b", "/subscriptions/a", "/subscriptions/a"])[  # type: ignore[arg-type]
        "AssignableScopes"
    ] == ["/subscriptions/a", "/subscriptions/b"]


def test_every_route_of_the_data_plane_is_in_the_role_that_changes() -> None:
    assert sorted({r.action for r in DATA_PLANE.values() if not ROLES["apply"].allows(r.action)}) == []
