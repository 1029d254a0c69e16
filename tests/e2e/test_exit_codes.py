"""Exit code and last line of plan, apply and drift: every row of the table in `reconciler/cli/exits.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from command import Site
from harness import Azure

APPLY = ("apply", "--auto-approve", "--wait")
NO_CHANGES = "No changes. Azure matches the manifests."
NO_DRIFT = "No drift. Azure matches the manifests."


def nothing(site: Site, azure: Azure) -> None:
    del site, azure


def converged(site: Site, azure: Azure) -> None:
    del azure
    site.run(*APPLY, code=0)


def training(site: Site, azure: Azure) -> None:
    azure.configure(running_seconds=3600.0)
    site.run("apply", "--auto-approve", code=0)


def slow(site: Site, azure: Azure) -> None:
    del site
    azure.configure(running_seconds=3600.0)


def changed_by_hand(site: Site, azure: Azure) -> None:
    converged(site, azure)
    azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})


def vanished(site: Site, azure: Azure) -> None:
    converged(site, azure)
    azure.hand("expire_deployment", deployment="tone")


def vanished_later(site: Site, azure: Azure) -> None:
    vanished(site, azure)
    azure.configure(clock_ahead_s=2 * 86400.0)


def not_continued(site: Site, azure: Azure) -> None:
    del azure
    site.run(*APPLY, "--target", "FineTuneJob/tone", code=0)


def left_over(site: Site, azure: Azure) -> None:
    converged(site, azure)
    text = (site.folder / "manifests/stack.yaml").read_text()
    site.write("manifests/stack.yaml", text.partition("---")[0])


def emptied(site: Site, azure: Azure) -> None:
    converged(site, azure)
    (site.folder / "manifests/stack.yaml").unlink()


def cancelled(site: Site, azure: Azure) -> None:
    training(site, azure)
    site.run("cancel", "FineTuneJob/tone", "--auto-approve", code=0)


def unreadable(site: Site, azure: Azure) -> None:
    del site
    azure.configure(deny=["files/read"])


def refuses_jobs(site: Site, azure: Azure) -> None:
    del site
    azure.configure(deny=["fine-tunes/write"])


def refuses_deployments(site: Site, azure: Azure) -> None:
    site.run(*APPLY, "--target", "FineTuneJob/tone", code=0)
    azure.configure(deny=["deployments/write"])


def misspelt(site: Site, azure: Azure) -> None:
    del azure
    site.edit("manifests/stack.yaml", "n_epochs", "epochs")


@dataclass(frozen=True)
class Row:
    reason: str
    world: Callable[[Site, Azure], None]
    command: tuple[str, ...]
    code: int
    said: str
    """Last line on stdout; for a failure that prints no plan, the first line on stderr."""


ROWS = (
    Row("a plan with changes is a success", nothing, ("plan",), 0, "Plan: 1 to train, 2 to create, 0 to update, 0 to delete."),
    Row("2 tells CI that there is something to review", nothing, ("plan", "--detailed-exitcode"), 2, "Plan: 1 to train, 2 to create, 0 to update, 0 to delete."),
    Row("0 tells CI that there is nothing to review", converged, ("plan", "--detailed-exitcode"), 0, NO_CHANGES),
    Row("a training that runs is not `no changes`", training, ("plan", "--detailed-exitcode"), 2, "Plan: 0 to train, 0 to create, 0 to update, 0 to delete."),
    Row("a stuck job is no error of planning", cancelled, ("plan",), 0, "Plan: 0 to train, 0 to create, 0 to update, 0 to delete."),
    Row("a plan that is not whole is an error", unreadable, ("plan",), 1, "Plan: 0 to train, 0 to create, 0 to update, 0 to delete."),
    Row("an error is never mistaken for changes", unreadable, ("plan", "--detailed-exitcode"), 1, "Plan: 0 to train, 0 to create, 0 to update, 0 to delete."),
    Row("invalid manifests are an error", misspelt, ("plan",), 1, "error: manifests/stack.yaml:9:30: Unknown key (FineTuneJob/tone) [unknown-key]"),
    Row("everything done", nothing, (*APPLY, "--detailed-exitcode"), 0, "Apply: 1 training started, 3 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 0 failed."),
    Row("nothing to do", converged, (*APPLY, "--detailed-exitcode"), 0, "Apply: nothing to do. Azure matches the manifests."),
    Row("work that goes on at Azure is no failure", slow, ("apply", "--auto-approve"), 0, "Apply: 1 training started, 2 created, 0 updated, 0 deleted; 1 in progress at Azure, 1 waiting, 0 failed."),
    Row("3 lets CI come back later", slow, ("apply", "--auto-approve", "--detailed-exitcode"), 3, "Apply: 1 training started, 2 created, 0 updated, 0 deleted; 1 in progress at Azure, 1 waiting, 0 failed."),
    Row("what was refused by Azure failed, and what needs it is blocked", refuses_jobs, APPLY, 1, "Apply: 0 trainings started, 2 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 1 blocked, 1 failed."),
    Row("a stuck job needs a person, so a schedule must not stay green", cancelled, APPLY, 1, "Apply: 0 trainings started, 0 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 1 blocked, 1 failed."),
    Row("what was stuck before a schedule began is no failure of it, and wakes nobody twice an hour", cancelled, ("apply", "--continue"), 2, "Apply: 0 trainings started, 0 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 1 blocked, 1 failed."),
    Row("what fails in a schedule is its failure", refuses_deployments, ("apply", "--continue"), 1, "1 failed."),
    Row("a plan that is not whole is not applied as a success", unreadable, APPLY, 1, "Apply: 0 trainings started, 0 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 1 blocked, 3 failed."),
    Row("nobody approved, and nobody can be asked", nothing, ("apply",), 4, "error: This is not approved, and there is no terminal to ask on [not-approved-here]"),
    Row("an apply that has nothing to do needs no approval", converged, ("apply",), 0, "Apply: nothing to do. Azure matches the manifests."),
    Row("an empty tree deletes nothing unless told by name", emptied, (*APPLY, "--prune"), 4, "error: The manifests declare nothing for an account (Account/acme)"),
    Row("what apply would refuse is refused in review", left_over, ("plan", "--prune", "--detailed-exitcode"), 4, "Plan: 0 to train, 0 to create, 0 to update, 1 to delete. `apply` refuses it as it is."),
    Row("what is left over is not said to match", left_over, ("apply",), 0, "Apply: nothing to do. Azure matches the manifests; 1 object is left over."),
    Row("no drift", converged, ("drift",), 0, NO_DRIFT),
    Row("a training that runs wakes nobody", training, ("drift",), 0, NO_DRIFT),
    Row("changed outside git", changed_by_hand, ("drift",), 2, "Drift: 1 changed, 0 missing, 0 left over, 0 stuck."),
    Row("what the next --continue deploys wakes nobody", not_continued, ("drift",), 0, NO_DRIFT),
    Row("nor what it makes anew, because its job has just ended", vanished, ("drift",), 0, NO_DRIFT),
    Row("gone", vanished_later, ("drift",), 2, "Drift: 0 changed, 1 missing, 0 left over, 0 stuck."),
    Row("declared by nothing", left_over, ("drift",), 2, "Drift: 0 changed, 0 missing, 1 left over, 0 stuck."),
    Row("a job that a person cancelled", cancelled, ("drift",), 2, "Drift: 0 changed, 0 missing, 0 left over, 1 stuck."),
    Row("drift that could not look is an error", unreadable, ("drift",), 1, ""),
    Row("an unknown command is bad usage", nothing, ("aply",), 64, "error: No such command 'aply'."),
    Row("an unknown option is bad usage", nothing, ("plan", "--prun"), 64, "error: No such option: --prun"),
    Row("a value that an option cannot take is bad usage", nothing, ("apply", "--settle", "soon"), 64, "error: Invalid value for --settle: 'soon' is not a duration such as 90s, 5m or 2h"),
    Row("a missing argument is bad usage", nothing, ("logs",), 64, "error: Missing argument 'ADDR'."),
    Row("a folder that does not exist is bad usage", nothing, ("--chdir", "nowhere", "plan"), 64, "error: Invalid value for --chdir: nowhere: No such file or directory"),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{' '.join(row.command)}: {row.reason}")
def test_exit_code_and_last_line(row: Row, site: Site, azure: Azure) -> None:
    row.world(site, azure)
    ran = site.run(*row.command, code=row.code)
    if ran.out.startswith("Account/") and (row.code != 4 or row.command[0] == "plan"):
        assert row.said in ran.last
    else:
        assert ran.err.startswith(row.said)


def test_declining_is_said_with_the_command_that_approves(site: Site, azure: Azure) -> None:
    ran = site.run("apply", code=4)
    assert ran.err.endswith(
        "Review the above, then run:\n  reconciler apply --auto-approve\n".replace("\n", "\n  ")[:-2]
    )
    assert azure.writes() == []
    assert ran.out.startswith("Account/acme"), "what would be approved is shown"


def test_the_way_out_that_drift_shows_is_not_refused(site: Site, azure: Azure) -> None:
    left_over(site, azure)
    refused = site.run("apply", "--prune", "--auto-approve", code=4)
    assert refused.text.count("[deletes-every]") == 1
    command = "reconciler apply --prune --allow-delete Deployment/tone"
    assert f"        {command}\n" in site.run("drift", code=2).out
    site.run(*command.split()[1:], "--auto-approve", code=0)
    assert site.run("drift", code=0).last == NO_DRIFT
