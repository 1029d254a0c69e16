"""`retry`: the next attempt by itself, only after Azure's own failures, and never more than the manifest says."""

from __future__ import annotations

import pytest
from harness import Azure, FakeClock, Repo, of, trained

from reconciler.core.change import Stuck
from reconciler.kinds import REGISTRY
from reconciler.kinds.fine_tune_job.failures import is_azures_own, why_failed
from reconciler.render.text import plan_text

SYSTEM = {"code": "internalFailure", "message": "A system error was encountered, please try again later."}


def fails(azure: Azure, **fail: str) -> None:
    azure.configure(outcomes=[{"match": {}, "then": {"fail": {**SYSTEM, **fail}, "at": "running"}}])


def retry(repo: Repo, count: int) -> None:
    repo.edit("manifests/stack.yaml", "  training_type", f"  retry: {count}\n  training_type")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_azures_own_failures_are_tried_again_and_no_more_than_said(repo: Repo, azure: Azure, count: int) -> None:
    fails(azure)
    if count:
        retry(repo, count)
    result = repo.apply(wait=True)
    assert result.code == 1
    assert [job["status"] for job in azure.jobs()] == ["failed"] * (count + 1)
    (stuck,) = of(repo.plan(), Stuck)
    assert stuck.fault.code == "job-failed"
    assert "attempt: 2" in stuck.fault.remedy
    assert ("`retry: 1`" in stuck.fault.remedy) is (count == 0)
    azure.forget()
    repo.apply(wait=True)
    assert not azure.committed("POST"), "nothing further is tried"


def test_a_second_attempt_that_succeeds_is_the_job(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    fails(azure)
    retry(repo, 2)
    repo.apply()
    clock.sleep(3600)
    azure.configure(outcomes=[])
    (create,) = trained(repo.plan())
    assert create.reason == "retry"
    text = plan_text(repo.plan(), [], kinds=REGISTRY, now=clock.now())
    assert "attempt 2 of at most 3" in text
    assert "(again, after ftjob-" in text
    assert text.endswith("Plan: 1 to train, 0 to create, 0 to update, 0 to delete.")
    repo.until_done()
    assert sorted(job["status"] for job in azure.jobs()) == ["failed", "succeeded"]
    assert repo.plan().converged


@pytest.mark.parametrize(
    ("reason", "fail"),
    [
        ("bad data", {"code": "jsonlValidationFailed", "message": "Invalid file format."}),
        (
            "moderation after training",
            {"code": "moderationFailed", "message": "The safety evaluation failed; please try again later."},
        ),
        ("a limit", {"code": "quotaExceeded", "message": "limit reached, please try again later"}),
        ("too long", {"code": "timeout", "message": "The job exceeded 720 hours."}),
        ("unknown", {"code": "e42", "message": "Something."}),
    ],
)
def test_everything_else_is_stuck(repo: Repo, azure: Azure, reason: str, fail: dict[str, str]) -> None:
    fails(azure, **fail)
    retry(repo, 2)
    repo.apply(wait=True)
    assert len(azure.jobs()) == 1
    assert of(repo.plan(), Stuck)


def test_a_cancelled_attempt_ends_it(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    fails(azure)
    retry(repo, 2)
    repo.apply()
    clock.sleep(3600)
    repo.apply()
    running = next(job["id"] for job in azure.jobs() if job["status"] != "failed")
    azure.raw("POST", f"/acme/openai/v1/fine_tuning/jobs/{running}/cancel")
    assert of(repo.plan(), Stuck)


def test_an_unattended_run_never_trains_again(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    fails(azure)
    retry(repo, 2)
    repo.apply()
    clock.sleep(3600)
    result = repo.apply(unattended=True, wait=True)
    assert len(azure.jobs()) == 1
    assert result.statuses()["FineTuneJob/tone"] == "held"


def test_an_attempt_that_nobody_saw_planned_waits_for_the_next_plan(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    fails(azure)
    retry(repo, 2)
    repo.apply()
    clock.sleep(600)
    result = repo.apply(wait=True)
    assert result.refused is None
    assert len(azure.jobs()) == 1
    assert result.statuses()["FineTuneJob/tone"] == "held"
    repo.apply()
    assert len(azure.jobs()) == 2


def test_retry_is_no_part_of_the_digest(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    retry(repo, 2)
    assert repo.plan().converged


def test_an_adopted_job_is_not_tried_again(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    fails(azure)
    repo.apply()
    clock.sleep(3600)
    repo.edit(
        "manifests/stack.yaml",
        "{name: tone}\nspec:\n  model: gpt",
        f"{{name: tone, adopt: {{job: {azure.jobs()[0]['id']}}}}}\nspec:\n  model: gpt",
    )
    retry(repo, 2)
    repo.apply(wait=True)
    assert len(azure.jobs()) == 1


@pytest.mark.parametrize("lost", [{"status": 500}, {"drop": True}], ids=str)
def test_a_retry_whose_answer_is_lost_is_made_once(
    repo: Repo, azure: Azure, clock: FakeClock, lost: dict[str, object]
) -> None:
    fails(azure)
    retry(repo, 1)
    repo.apply()
    clock.sleep(3600)
    azure.configure(outcomes=[])
    azure.fault(method="POST", path_regex="/fine_tuning/jobs$", after_commit=True, **lost)
    repo.until_done()
    assert len(azure.jobs()) == 2


@pytest.mark.parametrize(
    ("said", "own"),
    [
        ("internalFailure: x", True),
        ("InternalServerError: x", True),
        ("500: A system error was encountered, please try again later", True),
        ("serviceUnavailable", True),
        ("", False),
        ("internalFailure: content_filter blocked the model", False),
        ("invalidPayload: row 500 is bad", False),
    ],
)
def test_whose_failure_it_was(said: str, own: bool) -> None:
    assert is_azures_own(said) is own
    assert why_failed(said).remedy
