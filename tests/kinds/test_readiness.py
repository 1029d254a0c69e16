"""`readiness`: a deployment of a new model is done when it has answered, whatever Azure's data plane says meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Azure, FakeClock, Repo

READY = "sku: {name: GlobalStandard, capacity: 50}\n  readiness: true"


@pytest.fixture
def asking(repo: Repo, clock: FakeClock) -> Repo:
    """A repository whose job has its model, and whose deployment is to be asked."""
    repo.edit("manifests/stack.yaml", "sku: {name: GlobalStandard, capacity: 50}", READY)
    repo.apply()
    clock.sleep(2 * 3600)
    return repo


def asked(azure: Azure) -> list[str]:
    return [item["path"] for item in azure.emulator.requests() if item["path"].endswith("chat/completions")]


@pytest.mark.parametrize(
    ("api", "status", "limits"),
    [
        ("v1", 400, "either"),
        ("2024-10-21", 503, "max_tokens"),
        ("project", 404, "max_completion_tokens"),
    ],
)
def test_what_does_not_answer_yet_is_asked_again_on_every_surface(
    asking: Repo, azure: Azure, api: str, status: int, limits: str
) -> None:
    if api == "project":
        asking.project = "/api/projects/tone"
    else:
        asking.edit("manifests/account.yaml", "owner: team-a", f'owner: team-a\n  api: "{api}"')
    azure.configure(ready_delay_s=90, not_ready_status=status, chat_limits=limits)
    result = asking.apply()
    assert result.code == 0, result.faults()
    (made,) = [one for one in result.outcomes if str(one.address) == "Deployment/tone" and one.status == "done"]
    assert made.message == "it answers"
    assert made.seconds >= 90, "the time until it answers counts"
    azure.forget()
    assert asking.apply().plan.converged
    assert asked(azure) == [], "nothing is asked where nothing changes"
    asking.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    assert asking.apply().code == 0
    assert asked(azure) == [], "the same model with more capacity need not be asked"


def test_what_never_answers_fails_with_azures_words_and_is_left_as_it_is(asking: Repo, azure: Azure) -> None:
    azure.configure(ready_delay_s=10_000)
    azure.forget()
    result = asking.apply(settle=120)
    assert (result.code, result.faults()) == (1, ["deployment-not-ready"])
    (fault,) = [one.fault for one in result.outcomes if one.fault]
    assert "DeploymentNotReady" in fault.detail
    assert fault.remedy.endswith("  reconciler probe Deployment/tone")
    writes = [line for line in azure.writes() if "/deployments/" in line]
    assert len(writes) == 1, "it was made, once, and not deleted"
    (change,) = asking.plan().actions
    assert [item.path for item in change.changes] == ["readiness"], "the next run asks on"
    azure.configure(ready_delay_s=0)
    assert asking.apply(unattended=True).code == 0
    assert asking.plan().converged


def test_what_this_run_cannot_wait_for_is_asked_by_the_next(asking: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(deployment_seconds=600.0, ready_delay_s=30)
    assert asking.apply(settle=20).statuses()["Deployment/tone"] == "pending"
    clock.sleep(590)
    azure.forget()
    result = asking.apply(settle=120)
    assert result.code == 0
    assert len(asked(azure)) >= 2
    assert result.outcomes[-1].message in {"", "it answers"}


@pytest.mark.parametrize("reason", ["content filter", "role", "off"])
def test_a_refusal_of_the_question_is_an_answer_and_a_missing_role_is_not(
    asking: Repo, azure: Azure, reason: str
) -> None:
    fault: dict[str, Any] = {"method": "POST", "path_regex": "chat/completions", "count": None}
    if reason == "content filter":
        azure.fault(**fault, status=400, code="content_filter", message="The response was filtered.")
    elif reason == "role":
        azure.configure(deny=["deployments/chat/completions"])
    else:
        asking.edit("manifests/stack.yaml", "readiness: true", "readiness: false")
        azure.fault(**fault, status=403)
    result = asking.apply()
    assert result.code == (1 if reason == "role" else 0), result.faults()
    if reason == "role":
        (said,) = [one.fault for one in result.outcomes if one.fault]
        assert "Cognitive Services OpenAI User" in said.remedy
