"""The laws of what goes wrong and what goes on: failures, clones, saved plans, deletion, pausing; over real HTTP."""

from __future__ import annotations

import pytest
from harness import FIVE_EPOCHS, Azure, FakeClock, Repo, addresses, arm, chat, of

from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Keep, Stuck, Update
from reconciler.core.plan import Options


def test_a_failed_job_is_stuck_with_azures_reason_until_the_attempt_grows(repo: Repo, azure: Azure) -> None:
    rule = {
        "match": {"model": "gpt-4.1-mini"},
        "then": {"fail": {"code": "contentFilter", "message": "Data was blocked."}, "at": "running"},
    }
    azure.configure(outcomes=[rule])
    result = repo.apply(wait=True)
    assert result.code == 1
    for _ in range(2):
        (stuck,) = of(repo.plan(), Stuck)
        assert stuck.fault.code == "job-failed"
        assert "Data was blocked." in stuck.fault.detail
        assert "attempt: 2" in stuck.fault.remedy
        assert repo.apply().code == 1
    assert len(azure.jobs()) == 1
    azure.configure(outcomes=[])
    repo.edit("manifests/stack.yaml", "  training_type", "  attempt: 2\n  training_type")
    repo.until_done()
    assert len(azure.jobs()) == 2
    assert repo.plan().converged


def test_a_model_that_vanished_is_never_trained_again_by_itself(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    azure.raw("DELETE", f"{arm()}/deployments/tone?api-version=2025-09-01")
    clock.sleep(10)
    azure.hand("vanish_model", model=azure.jobs()[0]["fine_tuned_model"])
    clock.sleep(3600)
    (stuck,) = of(repo.plan(), Stuck)
    assert stuck.fault.code == "model-gone"
    assert repo.apply().code == 1
    assert len(azure.jobs()) == 1


def test_a_clone_of_our_job_is_never_touched(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    job = azure.jobs()[0]
    azure.hand("clone_job", job=job["id"], overrides=FIVE_EPOCHS)
    azure.forget()
    repo.until_done()
    assert azure.writes() == []
    assert sorted(item["status"] for item in azure.jobs()) == ["pending", "succeeded"]


def test_a_mark_without_evidence_is_stuck(repo: Repo, azure: Azure) -> None:
    repo.apply()
    job = azure.jobs()[0]
    azure.hand("clone_job", job=job["id"], overrides=FIVE_EPOCHS)
    azure.hand("fail_job", job=job["id"])
    azure.control("POST", "clock", {"advance_s": 60})
    azure.hand("purge_jobs", jobs=[job["id"]])
    plan = repo.plan()
    (stuck,) = of(plan, Stuck)
    assert stuck.fault.code == "mark-without-evidence"
    assert "n_epochs is 5, declared 2" in stuck.fault.detail
    assert repo.apply(prune=True).code == 1
    (clone,) = azure.jobs()
    assert clone["status"] in {"pending", "running"}


def test_a_file_with_our_name_and_other_bytes_is_not_trained_on(repo: Repo, azure: Azure) -> None:
    repo.apply()
    ours = azure.files()[0]
    size = ours["bytes"]
    azure.raw("POST", f"/acme/openai/v1/fine_tuning/jobs/{azure.jobs()[0]['id']}/cancel")
    for file in azure.files():
        azure.raw("DELETE", f"/acme/openai/v1/files/{file['id']}")
    forged = (examples_of_size(size)).encode()
    boundary = "b"
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{ours["filename"]}"\r\n'
            "Content-Type: application/json\r\n\r\n"
        ).encode()
        + forged
        + f"\r\n--{boundary}--\r\n".encode()
    )
    from reconciler.emulator import Request

    headers = {"authorization": "Bearer x", "content-type": f"multipart/form-data; boundary={boundary}"}
    azure.emulator.handle(Request("POST", "/acme/openai/v1/files", {}, headers, body))
    repo.edit("manifests/stack.yaml", "  training_type", "  attempt: 2\n  training_type")
    result = repo.apply(prune=True)
    assert result.code == 1
    assert "file-content-differs" in result.faults()
    assert len(azure.jobs()) == 1, "no job was made from it"
    assert any(file["filename"] == ours["filename"] for file in azure.files()), "it is not deleted either"


def examples_of_size(size: int) -> str:
    text = "".join(chat(f"other {number}?") + "\n" for number in range(12))
    assert len(text) < size
    return text[:-1] + " " * (size - len(text)) + "\n"


def test_a_name_that_another_owner_has_is_never_written_over(repo: Repo, azure: Azure) -> None:
    body = {
        "sku": {"name": "Standard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
    }
    azure.raw("PUT", f"{arm()}/deployments/tone?api-version=2025-09-01", body)
    before = azure.deployments()
    result = repo.apply(wait=True, prune=True)
    assert result.code == 1
    assert "name-taken" in result.faults()
    assert [item["properties"]["model"] for item in azure.deployments()] == [
        item["properties"]["model"] for item in before
    ]


def test_a_failure_stops_only_what_needs_it(repo: Repo, azure: Azure) -> None:
    stack = (repo.folder / "manifests/stack.yaml").read_text()
    repo.write("manifests/other.yaml", stack.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    azure.configure(
        outcomes=[{"match": {"n_epochs": 4}, "then": {"fail": {"code": "x", "message": "No."}, "at": "running"}}]
    )
    result = repo.apply(wait=True)
    assert result.code == 1
    assert [item["name"] for item in azure.deployments()] == ["tone"]


def test_a_saved_plan_that_the_world_has_overtaken_is_refused(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 70")
    approved = Approval.of(repo.plan())
    azure.hand("edit_deployment", deployment="tone", sku={"name": "GlobalStandard", "capacity": 20})
    clock.sleep(10)
    result = repo.apply(approved=approved)
    assert result.code == 4
    assert result.refused is not None
    assert "update Deployment/tone" in str(result.refused)
    assert azure.deployments()[0]["sku"]["capacity"] == 20


def test_what_a_saved_plan_shows_as_waiting_may_go_on(repo: Repo, azure: Azure) -> None:
    approved = Approval.of(repo.plan())
    assert repo.apply(approved=approved).code == 0
    assert repo.apply(approved=approved, wait=True).code == 0
    assert repo.plan().converged


def test_continue_never_creates_a_job_deletes_or_recreates(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    assert repo.apply(unattended=True).code == 0
    assert azure.writes() == []
    repo.apply()
    clock.sleep(2 * 3600)
    repo.apply(unattended=True)
    assert [item["name"] for item in azure.deployments()] == ["tone"], "it deploys what waited for its job"
    azure.raw("DELETE", f"{arm()}/deployments/tone?api-version=2025-09-01")
    clock.sleep(48 * 3600)
    (create,) = of(repo.plan(), Create)
    assert create.reason == "missing"
    azure.forget()
    (repo.folder / "manifests/stack.yaml").unlink()
    repo.write("manifests/data/unused.txt", "")
    repo.apply(unattended=True, prune=True)
    assert azure.writes() == []


def test_prune_deletes_what_no_manifest_declares_and_nothing_else(repo: Repo, azure: Azure) -> None:
    stack = (repo.folder / "manifests/stack.yaml").read_text()
    repo.write("manifests/other.yaml", stack.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    repo.until_done()
    (repo.folder / "manifests/other.yaml").unlink()
    held = of(repo.plan(), Delete)
    assert [str(change.address) for change in held] == ["Deployment/calm"]
    assert all(change.held for change in held)
    repo.until_done()
    assert len(azure.deployments()) == 2, "nothing is deleted without --prune"
    repo.until_done(prune=True)
    assert [item["name"] for item in azure.deployments()] == ["tone"]
    assert len(azure.jobs()) == 2, "jobs and their models are history"
    assert repo.plan().converged


def test_chains_train_from_the_parents_model(repo: Repo, azure: Azure) -> None:
    chain = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: second}
spec:
  model: {job: tone}
  training_file: data/valid.jsonl
  training_type: global
"""
    repo.write("manifests/chain.yaml", chain)
    repo.until_done()
    assert repo.plan().converged
    jobs = {job["suffix"].partition("-")[2]: job for job in azure.jobs()}
    assert jobs["second"]["model"] == jobs["tone"]["fine_tuned_model"]


def test_two_resources_with_one_content_upload_it_once(repo: Repo, azure: Azure) -> None:
    stack = (repo.folder / "manifests/stack.yaml").read_text()
    repo.write("manifests/other.yaml", stack.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    repo.apply()
    assert len(azure.files()) == 2


def test_target_narrows_and_never_deletes(repo: Repo, azure: Azure) -> None:
    stack = (repo.folder / "manifests/stack.yaml").read_text()
    repo.write("manifests/other.yaml", stack.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    plan = repo.plan(targets=("FineTuneJob/calm",))
    assert addresses(plan.changes) == ["Dataset/calm.training", "Dataset/calm.validation", "FineTuneJob/calm"]
    plan = repo.plan(excludes=("FineTuneJob/calm",))
    assert "Deployment/calm" not in addresses(plan.changes)
    assert "FineTuneJob/tone" in addresses(plan.changes)


def test_purged_job_history_does_not_train_again(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    azure.hand("purge_jobs")
    clock.sleep(60)
    plan = repo.plan()
    assert plan.converged, "the model itself carries the mark"
    assert [change.address.kind for change in of(plan, Keep)].count("FineTuneJob") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
def test_what_cannot_be_read_is_an_error_and_nothing_is_sent(repo: Repo, azure: Azure, status: int) -> None:
    azure.fault(method="GET", path_regex="/fine_tuning/jobs", status=status, count=None)
    plan = repo.plan()
    assert plan.errored
    result = repo.apply()
    assert result.code == 1
    assert not azure.committed("/fine_tuning/jobs")


def test_options_are_values() -> None:
    assert Options() == Options()
    assert Update is not Create


def test_waiting_ends_when_a_job_is_paused_by_hand(
    repo: Repo, azure: Azure, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.apply()
    clock.sleep(600)
    job = azure.jobs()[0]["id"]
    sleep = clock.sleep

    def paused_meanwhile(seconds: float) -> None:
        monkeypatch.setattr(clock, "sleep", sleep)
        azure.raw("POST", f"/acme/openai/v1/fine_tuning/jobs/{job}/pause")
        sleep(seconds)

    monkeypatch.setattr(clock, "sleep", paused_meanwhile)
    result = repo.apply(wait=True)
    assert result.code == 0
    mine = [outcome for outcome in result.outcomes if outcome.address.kind == "FineTuneJob"]
    assert azure.jobs()[0]["status"] == "paused", "the plan that was approved resumes nothing"
    assert mine[-1].status == "held"
    repo.until_done()
    assert len(azure.jobs()) == 1


def test_model_and_capacity_change_in_two_calls(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    repo.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 2")
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 70")
    azure.forget()
    repo.until_done()
    assert [write.partition(" ")[0] for write in azure.writes()] == ["PUT", "PATCH"]
    assert repo.plan().converged


@pytest.mark.parametrize("switch", ["accepted_with_gap", "refused"])
def test_a_model_change_that_azure_refuses_changes_nothing(repo: Repo, azure: Azure, switch: str) -> None:
    repo.until_done()
    azure.configure(model_change=switch)
    before = azure.deployments()[0]["properties"]["model"]["name"]
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    result = repo.apply(wait=True)
    after = azure.deployments()[0]["properties"]["model"]["name"]
    assert (result.code, after == before) == ((1, True) if switch == "refused" else (0, False))
    assert len(azure.jobs()) == 2
