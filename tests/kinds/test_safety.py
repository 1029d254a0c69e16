"""What must never be lost or paid for twice: each of these was a real way to lose it."""

from __future__ import annotations

import pytest
from harness import ACCOUNT, FIVE_EPOCHS, STACK, Azure, FakeClock, Repo, addresses, arm, of

from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Stuck

RENAMED = STACK.replace("{name: tone}\nspec:\n  model: {job", "{name: tone-v2}\nspec:\n  model: {job")


def serving(azure: Azure) -> list[str]:
    return sorted(item["name"] for item in azure.deployments())


def test_a_renamed_deployment_goes_only_when_the_new_one_serves(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/more.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    repo.until_done()
    repo.write("manifests/stack.yaml", RENAMED.replace("n_epochs: 2", "n_epochs: 3"))
    repo.apply(prune=True)
    assert serving(azure) == ["calm", "tone"], "the new model is still being trained"
    repo.until_done(prune=True)
    assert serving(azure) == ["calm", "tone-v2"]


def test_it_stays_too_while_azure_is_slow_to_make_the_new_one(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/more.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    repo.until_done()
    repo.write("manifests/stack.yaml", RENAMED)
    azure.configure(deployment_seconds=3600.0)
    repo.apply(prune=True, settle=30)
    assert "tone" in serving(azure)
    clock.sleep(4000)
    repo.until_done(prune=True)
    assert serving(azure) == ["calm", "tone-v2"]


@pytest.mark.parametrize("cancel", [429, 500, 409])
def test_a_lost_mark_never_makes_a_second_job(repo: Repo, azure: Azure, cancel: int) -> None:
    azure.configure(echo_suffix="none")
    azure.fault(method="POST", path_regex="/cancel$", status=cancel, count=None)
    result = repo.apply()
    assert result.code == 1
    assert "mark-not-echoed" in result.faults()
    assert len(azure.jobs()) == 1


def test_a_training_type_that_a_dated_api_ignores_is_told_with_the_way_out(repo: Repo, azure: Azure) -> None:
    azure.configure(ga_ignores_training_type=True)
    repo.write("manifests/account.yaml", ACCOUNT + "  api: 2024-10-21\n")
    said = next(one.fault for one in repo.apply().outcomes if one.fault)
    assert (said.code, "sent global, Azure says standard" in said.detail) == ("create-not-as-sent", True)
    assert said.remedy.endswith("use `api: v1`.")
    assert [job["status"] for job in azure.jobs()] == ["cancelled"]


@pytest.mark.parametrize("with_own_job", [True, False], ids=["beside ours", "alone"])
def test_a_running_clone_is_not_cancelled_by_prune(
    repo: Repo, azure: Azure, clock: FakeClock, with_own_job: bool
) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + "  prune: [datasets, jobs, deployments]\n")
    repo.until_done()
    job = azure.jobs()[0]["id"]
    azure.hand("clone_job", job=job, overrides=FIVE_EPOCHS)
    if not with_own_job:
        azure.raw("DELETE", f"{arm()}/deployments/tone?api-version=2025-09-01")
        clock.sleep(10)
        azure.hand("vanish_model", model=azure.jobs()[-1]["fine_tuned_model"] or azure.jobs()[0]["fine_tuned_model"])
        azure.hand("purge_jobs", jobs=[job])
        clock.sleep(60)
    repo.apply(prune=True)
    assert [item["status"] for item in azure.jobs() if item["id"] != job] in (["pending"], ["running"])


def test_nothing_is_left_over_where_a_list_could_not_be_read(repo: Repo, azure: Azure) -> None:
    repo.apply()
    repo.edit("manifests/data/train.jsonl", "row 3?", "row 4!")
    azure.fault(method="GET", path_regex="/fine_tuning/jobs", status=403, count=None)
    azure.forget()
    assert repo.apply(prune=True).code == 1
    assert not azure.committed("DELETE")


def test_a_file_that_a_job_names_by_id_is_not_pruned(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    ours = next(file["id"] for file in azure.files() if "training" in file["filename"])
    stack = STACK.replace("data/train.jsonl", f"{{file_id: {ours}}}").replace("n_epochs: 2", "n_epochs: 5")
    repo.write("manifests/stack.yaml", stack)
    repo.until_done(prune=True)
    assert ours in [file["id"] for file in azure.files()]


@pytest.mark.parametrize("body", ["<html>maintenance</html>", "", "{}", '{"data": null}', "null"])
def test_an_answer_without_a_list_is_not_an_empty_list(repo: Repo, azure: Azure, body: str) -> None:
    repo.apply()
    azure.fault(method="GET", path_regex="/fine_tuning/jobs$", status=200, body=body, count=None)
    plan = repo.plan()
    assert plan.errored
    assert not of(plan, Create)
    assert repo.apply().code == 1
    azure.emulator.faults.clear()
    assert len(azure.jobs()) == 1


def test_a_passing_maintenance_page_is_asked_again(repo: Repo, azure: Azure) -> None:
    repo.apply()
    azure.fault(method="GET", path_regex="/fine_tuning/jobs$", status=200, body="<html>", count=1)
    assert not repo.plan().errored


def test_what_becomes_left_over_during_a_run_is_left_for_the_next(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(running_seconds=600.0)
    repo.apply()
    clock.sleep(300)
    repo.edit("manifests/data/train.jsonl", "row 3?", "row 4!")
    result = repo.apply(prune=True, wait=True)
    assert result.code == 0, "the old job ended meanwhile, and its file became left over"
    assert serving(azure) == ["tone"]
    repo.until_done(prune=True)
    assert len(azure.files()) == 2


def test_what_a_reviewer_read_as_not_deleted_is_not_deleted(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/more.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    repo.until_done()
    (repo.folder / "manifests/more.yaml").unlink()
    reviewed = Approval.of(repo.plan())
    assert repo.apply(approved=reviewed, prune=True).code == 4
    assert serving(azure) == ["calm", "tone"]


def test_continue_does_not_take_a_purged_history_for_a_first_deployment(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    repo.until_done()
    azure.hand("purge_jobs")
    azure.raw("DELETE", f"{arm()}/deployments/tone?api-version=2025-09-01")
    clock.sleep(60)
    azure.forget()
    repo.apply(unattended=True)
    assert azure.writes() == []
    (create,) = of(repo.plan(), Create)
    assert create.reason == "missing"


def test_target_keeps_the_duplicates_of_its_job(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.edit("manifests/stack.yaml", "  training_type", "  suffix: voice\n  training_type")
    azure.configure(list_delay_s=60.0)
    repo.broken_off()
    repo.broken_off()
    clock.sleep(90)
    plan = repo.plan(targets=("FineTuneJob/tone",))
    assert len(of(plan, Delete)) == 1


def test_a_deployment_whose_job_has_no_model_yet_is_not_made_without_one(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    repo.apply()
    clock.sleep(2 * 3600)
    body = {**azure.jobs()[0], "fine_tuned_model": None}
    import json

    answer = json.dumps({"object": "list", "data": [body], "has_more": False})
    azure.fault(method="GET", path_regex="/fine_tuning/jobs$", status=200, body=answer, count=1)
    assert repo.apply().code == 0
    assert serving(azure) == ["tone"]
    assert repo.plan().converged


def test_one_account_under_two_names_is_refused(repo: Repo) -> None:
    from reconciler.core.fault import InvalidManifests

    repo.write("manifests/again.yaml", ACCOUNT.replace("{name: acme}", "{name: again}"))
    with pytest.raises(InvalidManifests) as caught:
        repo.plan()
    assert "same-account" in [fault.code for fault in caught.value.faults]


def test_an_unexpected_failure_of_one_change_does_not_abandon_the_others(
    repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reconciler.kinds.fine_tune_job.gateway import JobGateway

    def broken(*_: object) -> None:
        raise KeyError("boom")

    monkeypatch.setattr(JobGateway, "create", broken)
    result = repo.apply()
    assert result.code == 1
    assert "bug" in result.faults()
    assert len(azure.files()) == 2
    assert addresses(of(repo.plan(), Stuck)) == []


def two(repo: Repo) -> None:
    repo.write("manifests/more.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))


def test_a_deletion_that_is_refused_ends_the_run_and_not_never(repo: Repo, azure: Azure) -> None:
    two(repo)
    repo.write("manifests/third.yaml", STACK.replace("tone", "third").replace("n_epochs: 2", "n_epochs: 6"))
    repo.until_done()
    (repo.folder / "manifests/third.yaml").unlink()
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 70")
    azure.fault(method="DELETE", path_regex="/deployments/", status=403, count=None)
    azure.forget()
    result = repo.apply(prune=True, allow_delete=("Deployment/third",))
    assert result.code == 1
    assert len(azure.emulator.requests()) < 60


def test_a_late_list_does_not_make_a_run_spin(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.apply()
    clock.sleep(2 * 3600)
    azure.configure(deployment_seconds=40.0, list_delay_s=60.0)
    repo.apply(settle=5)
    azure.forget()
    clock.sleep(20)
    repo.apply()
    assert len(azure.emulator.requests()) < 60


def test_what_cannot_be_replaced_is_not_deleted(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    two(repo)
    repo.until_done()
    body = {
        "sku": {"name": "Standard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
    }
    azure.raw("PUT", f"{arm()}/deployments/taken?api-version=2025-09-01", body)
    clock.sleep(30)
    repo.edit("manifests/stack.yaml", "  model: {job: tone}", "  deployment_name: taken\n  model: {job: tone}")
    assert repo.apply(prune=True).code == 1
    assert "tone" in serving(azure), "its new name is somebody else's"


def test_a_winner_that_cannot_be_read_once_is_read_again(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(list_delay_s=60.0)
    repo.broken_off()
    repo.broken_off()
    azure.configure(list_delay_s=0.0)
    winner = min(azure.jobs(), key=lambda job: (job["created_at"], job["id"]))["id"]
    azure.fault(method="GET", path_regex=f"/fine_tuning/jobs/{winner}$", status=403, count=1)
    repo.apply(wait=True)
    assert sorted(job["status"] for job in azure.jobs()) == ["cancelled", "succeeded"]


def test_a_cancel_that_is_refused_is_a_failure(repo: Repo, azure: Azure) -> None:
    azure.configure(list_delay_s=60.0)
    repo.broken_off()
    repo.broken_off()
    azure.configure(list_delay_s=0.0)
    azure.fault(method="POST", path_regex="/cancel$", status=403, count=None)
    assert repo.apply(wait=True).code == 1


def test_one_failed_deployment_does_not_stop_another_stack(repo: Repo, azure: Azure) -> None:
    two(repo)
    rule = {"match": {"name": "calm"}, "then": {"fail": {"code": "InternalServerError", "message": "No."}}}
    azure.configure(deployment_outcomes=[rule], max_running=1)
    result = repo.apply(wait=True)
    assert result.refused is None
    assert result.code == 1
    states = {item["name"]: item["properties"]["provisioningState"] for item in azure.deployments()}
    assert states["tone"] == "Succeeded"
