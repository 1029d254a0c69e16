"""After a paid create: the list is read until it shows the job, and of two jobs of two runs one is cancelled."""

from __future__ import annotations

import pytest
from harness import Azure, FakeClock, Repo, Result

from reconciler.core.approval import Approval
from reconciler.core.plan import Options
from reconciler.kinds import REGISTRY
from reconciler.render.outcome import outcome_line

OPTIONS = Options()
ANOTHER = """---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: another}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: data/train.jsonl
  method: {hyperparameters: {n_epochs: 5}}
"""


def said(result: Result) -> str:
    return "\n".join(outcome_line(outcome, kinds=REGISTRY) for outcome in result.outcomes)


def lists(azure: Azure) -> int:
    return sum(
        item["method"] == "GET" and item["path"].endswith("/fine_tuning/jobs") for item in azure.emulator.requests()
    )


def states(azure: Azure) -> list[str]:
    azure.configure(list_delay_s=0.0)
    oldest_first = sorted(azure.jobs(), key=lambda job: (job["created_at"], job["id"]))
    return [job["status"] for job in oldest_first]


def test_a_list_that_is_current_costs_no_request_and_no_second(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    result = repo.apply()
    assert "waiting" not in said(result)
    assert lists(azure) == 3, "to plan, right before the create, and to go on"
    assert len(azure.emulator.requests()) <= 20, "as many as without; two uploads may share a list"
    assert [outcome.seconds < 5 for outcome in result.outcomes if outcome.wrote] == [True] * 3


@pytest.mark.parametrize("late", [5.0, 60.0])
def test_the_second_of_two_runs_sees_both_jobs_and_cancels_one(repo: Repo, azure: Azure, late: float) -> None:
    azure.configure(list_delay_s=late)
    repo.broken_off()
    result = repo.apply()
    assert result.code == 0
    assert "waiting until the list shows ftjob-" in said(result)
    assert states(azure) == ["pending" if late == 5.0 else "running", "cancelled"]
    repo.until_done()
    assert states(azure) == ["succeeded", "cancelled"]
    assert repo.plan().converged


@pytest.mark.parametrize("late", [5.0, 60.0])
def test_the_first_of_two_runs_is_enough(repo: Repo, azure: Azure, late: float) -> None:
    azure.configure(list_delay_s=late)
    tree, engine = repo.engine()
    result = Result(0, engine.plan(tree.desired, OPTIONS))
    for outcome in engine.converge(tree.desired, OPTIONS, Approval.of(result.plan), first=result.plan):
        result.outcomes.append(outcome)
        if outcome.later:
            # Another run creates the same while the first waits, and dies.
            repo.broken_off()
    assert states(azure) == ["running" if late == 60.0 else "pending", "cancelled"]


@pytest.mark.parametrize("trouble", ["late", "refused"])
def test_a_job_that_no_list_shows_is_an_error_that_says_what_is_not_known(
    repo: Repo, azure: Azure, trouble: str
) -> None:
    azure.configure(list_delay_s=10_000.0)
    if trouble == "refused":
        azure.fault(method="GET", path_regex="/fine_tuning/jobs$", status=403, count=None, skip=2)
    result = repo.apply()
    assert result.code == 1
    assert "not-listed" in result.faults()
    assert "may or may not have created it too" in said(result)
    azure.control("DELETE", "faults")
    assert states(azure) == ["running"]
    repo.until_done()
    assert states(azure) == ["succeeded"]


def test_a_create_without_a_clear_answer_is_looked_for_as_long_as_a_list_may_be_late(repo: Repo, azure: Azure) -> None:
    azure.configure(list_delay_s=60.0)
    azure.fault(method="POST", path_regex="/fine_tuning/jobs$", status=500, after_commit=True)
    assert repo.apply().code == 0
    assert repo.apply().code == 0
    assert states(azure) == ["running"]


def test_what_is_found_after_an_unclear_answer_may_be_another_runs(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(list_delay_s=20.0)
    repo.broken_off()
    clock.sleep(15)
    azure.fault(method="POST", path_regex="/fine_tuning/jobs$", status=500, after_commit=True)
    result = repo.apply()
    assert result.code == 0
    assert "waiting until the list shows all that was made" in said(result)
    assert states(azure)[1] == "cancelled"


def test_a_cancel_that_is_refused_is_tried_again_while_both_train(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(list_delay_s=60.0)
    repo.broken_off()
    azure.fault(method="POST", path_regex="/cancel$", status=401, count=2)
    with clock.in_strides():
        result = repo.apply(wait=True)
    assert sorted(states(azure)) == ["cancelled", "succeeded"]
    assert result.code == 0, "what failed at first was done in the end"


def test_a_second_training_is_cancelled_before_anything_slow_is_begun(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    azure.configure(list_delay_s=60.0)
    repo.broken_off()
    repo.broken_off()
    clock.sleep(90)
    repo.edit("manifests/stack.yaml", "n_epochs: 2}}\n", "n_epochs: 2}}\n" + ANOTHER)
    azure.forget()
    tree, engine = repo.engine(parallelism=1)
    plan = engine.plan(tree.desired, OPTIONS)
    for outcome in engine.run(plan, attempted=set(), given_up={}):
        assert outcome.status != "failed"
    posts = [request for request in azure.writes() if request.startswith("POST") and "/fine_tuning/jobs" in request]
    assert [request.rpartition("/")[2] for request in posts] == ["cancel", "jobs"]


def test_a_model_that_only_its_deployment_shows_is_not_trained_again(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    repo.until_done()
    azure.configure(models_route_lists_fine_tuned=False)
    azure.hand("purge_jobs")
    clock.sleep(60)
    assert repo.plan().converged
    assert repo.apply().code == 0
    assert azure.jobs() == []
