"""Pausing and resuming by manifest, what Azure pauses by itself, and integrations, which are told and never compared."""

from __future__ import annotations

from typing import Any

import pytest
from harness import ACCOUNT, Azure, FakeClock, Repo, of
from reinforced import BY_TEXT, declare

from reconciler.cli.exits import plan_exit
from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Keep, Stuck, Update, Wait
from reconciler.core.fault import InvalidManifests
from reconciler.core.plan import Options
from reconciler.kinds import REGISTRY
from reconciler.render.drift import needs_person
from reconciler.render.outcome import outcome_line
from reconciler.render.text import plan_text

JOBS = "/acme/openai/v1/fine_tuning/jobs"


def suspend(repo: Repo, value: str) -> None:
    text = (repo.folder / "manifests/stack.yaml").read_text()
    kept = "".join(line for line in text.splitlines(keepends=True) if "suspend:" not in line)
    line = f"  suspend: {value}\n" if value else ""
    repo.write("manifests/stack.yaml", kept.replace("  training_type", f"{line}  training_type", 1))


def calls(azure: Azure, word: str) -> int:
    return sum(item["path"].endswith(f"/{word}") for item in azure.emulator.requests())


def status(azure: Azure) -> str:
    return str(azure.jobs()[0]["status"])


def said(repo: Repo) -> str:
    return plan_text(repo.plan(), [], kinds=REGISTRY, now=repo.clock.now())


@pytest.mark.parametrize("api", ["v1", "2024-10-21", "2025-04-01-preview"])
def test_suspend_pauses_and_false_resumes_and_the_model_is_the_same(
    repo: Repo, azure: Azure, clock: FakeClock, api: str
) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + f"  api: {api}\n")
    repo.apply()
    clock.sleep(1800)
    suspend(repo, "true")
    (update,) = of(repo.plan(), Update)
    assert [(item.path, item.before, item.after) for item in update.changes] == [("suspend", False, True)]
    assert repo.apply().code == 0
    clock.sleep(60)
    assert status(azure) == "paused"
    plan = repo.plan()
    assert not plan.actions
    assert not needs_person(plan), "a suspended job is no drift"
    clock.sleep(30 * 86400)
    azure.forget()
    assert repo.apply(wait=True).code == 0, "nothing waits for a job that is suspended"
    assert azure.writes() == []
    suspend(repo, "false")
    repo.until_done()
    assert calls(azure, "resume") == 1
    assert len(azure.jobs()) == 1, "suspend is not part of the digest"
    assert repo.plan().converged


def test_a_suspended_job_alone_is_at_rest(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    text = (repo.folder / "manifests/stack.yaml").read_text()
    repo.write("manifests/stack.yaml", text.partition("---")[0])
    repo.apply()
    clock.sleep(1800)
    suspend(repo, "true")
    repo.apply()
    clock.sleep(60)
    plan = repo.plan()
    assert plan.converged
    assert plan_exit(plan, detailed=True) == 0
    assert "suspended by its manifest" in said(repo)
    assert said(repo).endswith("No changes. Azure matches the manifests.")


def test_pausing_goes_with_late_lists(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(list_delay_s=60.0)
    repo.apply()
    clock.sleep(1800)
    suspend(repo, "true")
    result = repo.apply()
    assert (result.code, result.faults()) == (0, [])
    assert calls(azure, "pause") == 1
    clock.sleep(100)
    suspend(repo, "false")
    result = repo.apply()
    assert (result.code, result.faults()) == (0, [])
    repo.until_done()


@pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 503}, {"drop": True}, {"status": 429}], ids=str)
@pytest.mark.parametrize("word", ["pause", "resume"])
def test_an_answer_that_is_lost_pauses_and_resumes_all_the_same(
    repo: Repo, azure: Azure, clock: FakeClock, trouble: dict[str, Any], word: str
) -> None:
    repo.apply()
    clock.sleep(1800)
    suspend(repo, "true")
    if word == "resume":
        repo.apply()
        clock.sleep(60)
        suspend(repo, "false")
    azure.fault(method="POST", path_regex=f"/{word}$", after_commit=True, **trouble)
    assert repo.apply().code == 0
    clock.sleep(60)
    assert status(azure) == ("paused" if word == "pause" else "running")


def test_what_is_suspended_from_the_start_is_not_started(repo: Repo, azure: Azure) -> None:
    suspend(repo, "true")
    plan = repo.plan()
    assert [change.address.kind for change in of(plan, Wait)] == ["Deployment"]
    assert not plan.actions
    assert not needs_person(plan)
    assert "suspended: it is not started while" in said(repo)
    assert repo.apply().code == 0
    assert azure.writes() == [], "no data is sent for it either"
    suspend(repo, "")
    repo.until_done()
    assert len(azure.jobs()) == 1


def test_a_queued_job_is_paused_when_it_has_done_a_step(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.apply()
    suspend(repo, "true")
    assert "Azure pauses no job before its first step" in said(repo)
    assert "reconciler cancel FineTuneJob/tone" in said(repo)
    result = repo.apply()
    assert result.code == 0
    assert not any(outcome.wrote for outcome in result.outcomes if outcome.address.kind == "FineTuneJob")
    clock.sleep(70)
    assert status(azure) == "running"
    assert repo.apply().code == 0
    assert calls(azure, "pause") == 0, "it runs, and has done no step"
    assert repo.apply(wait=True).code == 0
    clock.sleep(60)
    assert status(azure) == "paused"
    assert repo.azure.deployments() == []


def test_suspend_on_a_finished_job_does_nothing_and_says_so(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    suspend(repo, "true")
    azure.forget()
    plan = repo.plan()
    assert plan.converged
    assert "`suspend` has no effect: the job has ended" in said(repo)
    repo.until_done()
    assert azure.writes() == []


@pytest.mark.parametrize("paused_by", ["its manifest", "a person"])
def test_a_paused_job_without_suspend_is_resumed_by_a_reviewed_plan_alone(
    repo: Repo, azure: Azure, clock: FakeClock, paused_by: str
) -> None:
    repo.apply()
    clock.sleep(1800)
    if paused_by == "a person":
        azure.raw("POST", f"{JOBS}/{azure.jobs()[0]['id']}/pause")
    else:
        suspend(repo, "true")
        repo.apply()
        suspend(repo, "")
    clock.sleep(60)
    (update,) = of(repo.plan(), Update)
    assert [(item.path, item.before, item.after) for item in update.changes] == [("suspend", True, False)]
    assert needs_person(repo.plan()), "a pause by hand is drift"
    assert "to keep it so, write `suspend: true`" in said(repo)
    repo.apply(unattended=True)
    assert status(azure) == "paused", "what nobody looks at resumes nothing"
    suspend(repo, "true")
    assert not repo.plan().actions, "the pause is kept by a line"
    suspend(repo, "")
    repo.until_done()
    assert calls(azure, "resume") == 1
    assert len(azure.jobs()) == 1
    assert repo.plan().converged


@pytest.mark.parametrize("echoes", [True, False])
def test_a_paused_job_that_azure_may_have_paused_is_left_alone(
    repo: Repo, azure: Azure, clock: FakeClock, echoes: bool
) -> None:
    azure.configure(echo_training_type=echoes)
    repo.edit("manifests/stack.yaml", "training_type: global", "training_type: developer")
    repo.apply()
    clock.sleep(1800)
    suspend(repo, "true")
    repo.apply()
    clock.sleep(60)
    suspend(repo, "")
    assert not repo.plan().actions
    assert "write `suspend: false`" in said(repo)
    assert "Azure pauses developer jobs for others and resumes them by itself" in said(repo)
    assert not any(change.live.halted for change in of(repo.plan(), Keep) if change.live), "it is waited for"


def test_developer_jobs_that_azure_paused_are_told_and_waited_for(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.edit("manifests/stack.yaml", "training_type: global", "training_type: developer")
    repo.apply()
    clock.sleep(1800)
    job = azure.jobs()[0]["id"]
    azure.hand("pause_job", job=job, message="Job paused: capacity is needed elsewhere.")
    clock.sleep(60)
    assert "Azure pauses developer jobs for others and resumes them by itself" in said(repo)
    assert not needs_person(repo.plan())
    azure.hand("resume_job", job=job)
    repo.until_done()
    assert calls(azure, "resume") == 0


def test_a_paused_developer_job_is_not_waited_for_without_end(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.edit("manifests/stack.yaml", "training_type: global", "training_type: developer")
    repo.apply()
    clock.sleep(1800)
    job = azure.jobs()[0]["id"]
    azure.hand("pause_job", job=job)
    began = clock.now()
    with clock.in_strides():
        result = repo.apply(wait=True)
    assert result.code == 0
    assert 24 <= (clock.now() - began) / 3600 < 26
    waits = [line for outcome in result.outcomes if "24 h" in (line := outcome_line(outcome, kinds=REGISTRY))]
    (line,) = waits
    assert line.startswith("  … FineTuneJob/tone  paused: Azure pauses developer jobs")
    assert line.endswith("; after 24 h of this it is not waited for any longer; a plan says how it goes on")
    assert "to go on, write `suspend: false` in its spec" in said(repo)
    azure.hand("resume_job", job=job)
    repo.until_done()


def test_a_reinforcement_job_that_azure_stopped_goes_on_only_by_the_manifest_and_a_person(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    declare(repo, BY_TEXT)
    repo.apply()
    clock.sleep(1800)
    azure.hand("pause_job", job=azure.jobs()[0]["id"], message="Job paused: the cost limit of $5,000 is reached.")
    clock.sleep(60)
    assert "$5,000" in said(repo)
    assert not repo.plan().actions
    repo.apply(wait=True)
    assert status(azure) == "paused"
    suspend(repo, "false")
    for hands_free in ("unattended", "auto_approved"):
        result = repo.apply(**{hands_free: True})
        assert (status(azure), result.statuses()["FineTuneJob/tone"]) == ("paused", "held")
    assert needs_person(repo.plan())
    assert "goes on without a limit" in said(repo)
    repo.until_done()
    assert status(azure) == "succeeded"


def stopped_by_cost(repo: Repo, azure: Azure, clock: FakeClock) -> str:
    azure.configure(reinforcement_stop_seconds=1200.0)
    declare(repo, BY_TEXT)
    repo.apply()
    clock.sleep(1200)
    assert status(azure) == "running"
    clock.sleep(600)
    assert status(azure) == "paused"
    return str(azure.jobs()[0]["id"])


def test_azure_stops_a_costly_reinforcement_job_once_and_the_plan_says_what_to_do(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    job = stopped_by_cost(repo, azure, clock)
    told = said(repo)
    assert "Azure stops a reinforcement job at $5,000" in told
    for command in (
        f"reconciler logs {job}",
        "write `suspend: false`",
        "reconciler cancel FineTuneJob/tone",
        "model: {name: ",
    ):
        assert command in told
    suspend(repo, "false")
    repo.until_done()
    assert status(azure) == "succeeded", "resumed, it has no further stop"
    messages = [event["message"] for event in azure.raw("GET", f"{JOBS}/{job}/events?limit=100")["data"]]
    assert messages.count("Job paused: it has reached the limit of 5000 US dollars.") == 1


def test_nobody_waits_for_a_developer_job_that_azure_may_have_stopped_for_its_cost(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    azure.configure(reinforcement_stop_seconds=1200.0)
    declare(repo, BY_TEXT)
    repo.edit("manifests/stack.yaml", "training_type: global", "training_type: developer")
    repo.apply()
    clock.sleep(1800)
    (live,) = [change.live for change in of(repo.plan(), Keep) if change.address.kind == "FineTuneJob"]
    assert (live.status, live.halted) == ("paused", True), "a run that waits would wait for ever"
    assert repo.apply(wait=True).code == 0
    suspend(repo, "false")
    repo.until_done()
    assert status(azure) == "succeeded"


def test_what_a_stopped_job_has_learnt_can_be_deployed(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    job = stopped_by_cost(repo, azure, clock)
    checkpoint = azure.raw("GET", f"{JOBS}/{job}/checkpoints")["data"][0]
    repo.write(
        "manifests/serve.yaml",
        "apiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: so-far}\nspec:\n"
        f"  model: {{name: {checkpoint['id']}, version: '1'}}\n  sku: {{name: GlobalStandard, capacity: 50}}\n",
    )
    assert repo.apply().code == 0
    assert [one["name"] for one in azure.deployments()] == ["so-far"]
    assert status(azure) == "paused"


def test_other_methods_have_no_stop(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(reinforcement_stop_seconds=1200.0)
    repo.apply()
    clock.sleep(1800)
    assert status(azure) == "running"


def test_an_unattended_run_may_pause(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.apply()
    clock.sleep(1800)
    suspend(repo, "true")
    repo.apply(unattended=True)
    clock.sleep(60)
    assert status(azure) == "paused"


def test_a_job_that_is_deleted_under_our_feet_fails_alone_and_nothing_is_made(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    repo.apply()
    clock.sleep(1800)
    suspend(repo, "true")
    tree, engine = repo.engine()
    first = engine.plan(tree.desired, Options())
    job = azure.jobs()[0]["id"]
    azure.raw("POST", f"{JOBS}/{job}/cancel")
    azure.hand("purge_jobs")
    outcomes = list(engine.converge(tree.desired, Options(), Approval.of(first), first=first))
    (mine,) = [outcome for outcome in outcomes if outcome.address.kind == "FineTuneJob" and outcome.fault]
    assert mine.fault
    assert mine.fault.code == "job-gone"
    assert azure.jobs() == []
    assert not of(repo.plan(), Create), "it is suspended, so it is not started"


@pytest.mark.parametrize("word", ["pausing", "paused", "resuming", "running", "pending"])
def test_cancel_and_duplicates_know_every_state(repo: Repo, azure: Azure, clock: FakeClock, word: str) -> None:
    repo.apply()
    clock.sleep(0 if word == "pending" else 1800)
    job = azure.jobs()[0]["id"]
    if word in {"pausing", "paused", "resuming"}:
        azure.raw("POST", f"{JOBS}/{job}/pause")
        clock.sleep(0 if word == "pausing" else 60)
    if word == "resuming":
        azure.raw("POST", f"{JOBS}/{job}/resume")
    assert status(azure) == word
    assert not of(repo.plan(), Delete)
    _, engine = repo.engine()
    gateway: Any = engine.gateways["acme", "FineTuneJob"]
    (live,) = gateway.observe()
    assert gateway.cancel(live).status == "cancelled"
    (stuck,) = of(repo.plan(), Stuck)
    assert stuck.fault.code == "job-cancelled"


WANDB = "  integrations: [{type: wandb, wandb: {project: tone, tags: [a]}}]\n"


@pytest.mark.parametrize("api", ["v1", "2025-04-01-preview"])
def test_integrations_are_sent_and_decide_nothing(repo: Repo, azure: Azure, clock: FakeClock, api: str) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + f"  api: {api}\n")
    repo.edit("manifests/stack.yaml", "  training_type", WANDB + "  training_type")
    assert "reports to W&B project tone" in said(repo)
    repo.apply()
    clock.sleep(600)
    assert azure.jobs()[0]["integrations"] == [{"type": "wandb", "wandb": {"project": "tone", "tags": ["a"]}}]
    repo.edit("manifests/stack.yaml", "project: tone", "project: other")
    assert "reports to the W&B project tone, declared other" in said(repo)
    (keep,) = [change for change in of(repo.plan(), Keep) if change.address.kind == "FineTuneJob"]
    assert keep.live
    repo.until_done()
    assert len(azure.jobs()) == 1


def test_a_surface_without_integrations_is_an_error(repo: Repo) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + "  api: 2024-10-21\n")
    repo.edit("manifests/stack.yaml", "  training_type", WANDB + "  training_type")
    with pytest.raises(InvalidManifests) as caught:
        repo.plan()
    assert [fault.code for fault in caught.value.faults if fault.severity == "error"] == ["integrations-surface"]
