"""What a training by the hour has cost, through the commands: told by its events, and beside its estimate."""

from __future__ import annotations

import json

import pytest
from command import ACCOUNT
from harness import Azure, FakeClock, Repo
from reinforced import BY_MODEL, declare

from reconciler.cli.main import run


@pytest.fixture
def reached(repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """The repository as the command reaches it too, without redirection."""
    monkeypatch.chdir(repo.folder)
    monkeypatch.delenv("COLUMNS", raising=False)  # the tests' own: lines would be folded
    repo.write("manifests/account.yaml", ACCOUNT.format(url=azure.server.url))
    declare(repo, BY_MODEL)
    return repo


def told(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    capsys.readouterr()
    assert run(list(command)) == 0
    return capsys.readouterr().out


def test_hours_that_a_reinforcement_job_has_trained(
    reached: Repo, azure: Azure, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = told(capsys, "plan")
    assert "costs up to $5,000, where Azure pauses it: $100 an hour, for hours that are not known before" in plan
    assert "graded by o3-mini-2025-01-31 at $1.21 a million tokens in and $4.84 out: Azure does not say" in plan
    costs = [change["cost"] for change in json.loads(told(capsys, "plan", "--format", "json"))["resource_changes"]]
    (graders,) = (cost["graders"] for cost in costs if cost and cost["graders"])
    assert graders == [{"model": "o3-mini-2025-01-31", "input": "1.21", "output": "4.84"}]
    reached.apply()
    assert "cost" not in told(capsys, "status"), "in the queue it costs nothing"
    clock.sleep(60 + 1800)
    (job,) = azure.jobs()
    azure.hand("pause_job", job=job["id"])
    clock.sleep(10 * 3600)
    assert "so far, estimated up to $5,000" in told(capsys, "status")
    azure.hand("resume_job", job=job["id"])
    clock.sleep(2 * 3600)
    cost = "about $80 to $90 + unknown, estimated up to $5,000"
    assert f"cost {cost}" in told(capsys, "status"), (
        "an hour at $100, of which the first tenth prepares and the last one checks; the pause is not billed"
    )
    assert f"  {cost}  " in told(capsys, "history")
    report = " ".join(told(capsys, "report", "FineTuneJob/tone").split())
    azure.configure(echo_training_type=False)
    assert f"cost {cost}" in told(capsys, "status"), "what is not echoed is as the manifest says"
    assert f"Cost {cost} (unknown: Azure does not say how many tokens o3-mini-2025-01-31 graded with)." in report


def test_what_failed_is_not_billed(
    reached: Repo, azure: Azure, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    reached.apply()
    clock.sleep(1800)
    azure.hand("fail_job", job=azure.jobs()[0]["id"])
    assert "$" not in told(capsys, "history")
