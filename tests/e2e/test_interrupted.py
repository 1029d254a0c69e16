"""Ctrl-C, `kill -9` and two runs at once: nothing is lost, nothing is made twice."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from command import Site, ended, plain, until
from harness import Azure

APPLY = ("apply", "--auto-approve", "--wait")
FOREVER = 60.0
"""Seconds that an answer is held back: longer than any test."""
WRITES = (
    ("the first upload, carried out", {"method": "POST", "path_regex": "/files$"}, True),
    ("the second upload, that never arrived", {"method": "POST", "path_regex": "/files$", "skip": 1}, False),
    ("the job, carried out", {"method": "POST", "path_regex": "/fine_tuning/jobs$"}, True),
    ("the deployment, carried out", {"method": "PUT", "path_regex": "/deployments/tone$"}, True),
)
"""`tests/processes/` kills at any request, by seed; these are the ones that cost most."""


def assert_exactly_one_of_each(azure: Azure) -> None:
    assert len(azure.files()) == 2, "one file for each dataset"
    assert len(azure.jobs()) == 1
    assert [item["name"] for item in azure.deployments()] == ["tone"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "request_", "carried_out"), WRITES, ids=[name for name, *_ in WRITES])
def test_a_run_that_is_killed_at_any_write_is_finished_by_the_next(
    site: Site, azure: Azure, name: str, request_: dict[str, Any], carried_out: bool
) -> None:
    held = {"delay_s": FOREVER} if carried_out else {"delay_s": FOREVER, "status": 500}
    azure.fault(**request_, **held)
    process = site.start(*APPLY, "--parallelism", "1")
    until(lambda: azure.control("GET", "faults")["faults"][0]["hits"], name)
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    site.run(*APPLY, code=0)
    assert_exactly_one_of_each(azure)
    assert site.run("plan", "--detailed-exitcode", code=0).last == "No changes. Azure matches the manifests."


def test_ctrl_c_says_what_was_done_and_the_next_run_finishes(site: Site, azure: Azure) -> None:
    azure.configure(running_seconds=3600.0)
    process = site.start(*APPLY, "--parallelism", "1")
    until(lambda: any("/events" in item["path"] for item in azure.emulator.requests()), "a look at its progress")
    process.send_signal(signal.SIGINT)
    ran = ended(process).expect(130)
    assert plain(ran.out).partition("\nInterrupted.")[2] == (
        " Nothing is lost: run the same command again, it goes on where this one stopped.\n"
        "The next `reconciler apply` goes on where this one ended; `apply --wait` waits, "
        "`apply --continue` suits a schedule.\n"
        "Apply: 1 training started, 2 created, 0 updated, 0 deleted; 1 in progress at Azure, 1 waiting, 0 failed.\n"
    )
    azure.emulator.advance(7200)
    azure.forget()
    site.run(*APPLY, code=0)
    assert [request.partition(" ")[0] for request in azure.writes()] == ["PUT"]
    assert_exactly_one_of_each(azure)


def test_ctrl_c_in_the_first_request_claims_nothing(site: Site, azure: Azure) -> None:
    azure.fault(method="POST", path_regex="/files$", delay_s=FOREVER, count=None)
    process = site.start(*APPLY)
    until(lambda: azure.committed("/files"), "an upload")
    process.send_signal(signal.SIGINT)
    ran = ended(process, timeout=10).expect(130)
    assert ran.out.endswith(
        "Interrupted. Nothing is lost: run the same command again, it goes on where this one stopped.\n"
        "Under way or not begun: Dataset/tone.training, Dataset/tone.validation, FineTuneJob/tone.\n"
    )
    azure.control("DELETE", "faults")
    site.run(*APPLY, code=0)
    assert_exactly_one_of_each(azure)


def test_ctrl_c_where_the_rest_is_unchanged_does_not_call_all_of_it_so(site: Site, azure: Azure) -> None:
    site.run(*APPLY, "--wait", code=0)
    azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})
    azure.fault(method="PATCH", path_regex="/deployments/tone$", delay_s=FOREVER, count=None)
    process = site.start(*APPLY)
    until(lambda: any(item["method"] == "PATCH" for item in azure.emulator.requests()), "the change")
    process.send_signal(signal.SIGINT)
    ran = ended(process, timeout=10).expect(130)
    assert ran.out.endswith("Under way or not begun: Deployment/tone.\n")
    azure.control("DELETE", "faults")


def test_ctrl_c_while_looking(site: Site, azure: Azure) -> None:
    azure.fault(method="GET", path_regex="/files$", delay_s=FOREVER)
    process = site.start("plan")
    until(azure.emulator.requests, "a request")
    process.send_signal(signal.SIGINT)
    ran = ended(process, timeout=10).expect(130)
    assert ran.err == ("\nInterrupted. Nothing is lost: run the command again, it goes on where this one stopped.\n")


@pytest.mark.slow
def test_two_applies_at_once_train_one_job(site: Site, azure: Azure) -> None:
    """Both plan before either creates, and the lists are late: the worst case there is."""
    azure.configure(list_delay_s=2.0, pending_seconds=30.0, running_seconds=30.0)
    azure.fault(method="POST", path_regex="/files$", delay_s=1.0, count=None)
    first, second = site.start("apply", "--auto-approve"), site.start("apply", "--auto-approve")
    said = "".join(ended(process).expect(0).out for process in (first, second))
    jobs = azure.jobs()
    if len(jobs) == 2:
        assert "waiting until the list shows ftjob-" in said
        assert "cancelled" in said, "what was cancelled is said"
    azure.control("DELETE", "faults")
    azure.emulator.advance(120)
    site.run(*APPLY, code=0)
    states = sorted(job["status"] for job in azure.jobs())
    assert states in (["succeeded"], ["cancelled", "succeeded"])
    azure.emulator.advance(10)
    plan = json.loads(site.run("plan", "--prune", "--format", "json").out)
    changed = [one for one in plan["resource_changes"] if one["change"]["actions"] != ["no-op"]]
    assert {(one["kind"], *one["change"]["actions"]) for one in changed} <= {("Dataset", "delete")}, "what both sent"
