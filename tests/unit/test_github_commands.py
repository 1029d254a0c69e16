"""`reconciler github …` as a workflow calls it, in this process, against a GitHub on this machine."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_github import BOT, Failure, GitHub
from fuzz.mangle import spoiled
from harness import ACCOUNT, STACK, examples

from reconciler.cli.main import run
from reconciler.github.api import stamp

PLAN = "<!-- reconciler:plan:acme -->\n\n"


@pytest.fixture
def github(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """GitHub, and the environment of a run on pull request 7 at its commit."""
    for name in ("CI", "GITHUB_STEP_SUMMARY", "RECONCILER_PATH"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "event.json").write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "abc123def4567"}}}))
    with GitHub(lambda: stamp(time.time())) as service:
        values = {
            "GITHUB_API_URL": service.url,
            "GITHUB_TOKEN": service.token,
            "GITHUB_REPOSITORY": "acme/models",
            "GITHUB_SHA": "c7",
            "GITHUB_REF_NAME": "main",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "page"),
            "HOME": str(tmp_path),
        }
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        yield service


@pytest.mark.parametrize(("tip", "newest"), [("c7", "true"), ("c8", "false")])
def test_a_run_that_was_overtaken_is_told_so(
    github: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], tip: str, newest: str
) -> None:
    github.history = ["c6", "c7", tip]
    assert run(["github", "newest"]) == 0
    assert newest in (tmp_path / "output").read_text().splitlines()
    said = capsys.readouterr().out
    assert ("::notice title=Overtaken::Nothing is done: main is at c8 by now" in said) == (newest == "false")


def test_without_an_answer_of_github_nothing_is_called_newest(github: GitHub, tmp_path: Path) -> None:
    github.failures.append(Failure("GET", "branches", 404))
    assert run(["github", "newest"]) == 1
    assert not (tmp_path / "output").exists()


def test_a_run_that_is_run_again_does_not_put_an_old_plan_over_the_newer_one(github: GitHub, tmp_path: Path) -> None:
    github.say(7, f"{PLAN}newer", BOT)
    github.head = "fff123"
    github.pull(7)
    for body in (f"{PLAN}older", ""):
        (tmp_path / "comment.md").write_text(body)
        assert run(["github", "comment", "comment.md"]) == 0
    assert github.writes() == []
    github.head = "abc123def4567"
    github.pull(7)
    (tmp_path / "comment.md").write_text(f"{PLAN}newest")
    assert run(["github", "comment", "comment.md"]) == 0
    assert [body.split()[-1] for body in github.bodies(7)] == ["newest"]


def test_a_plan_of_other_accounts_does_not_stay_as_if_it_were_the_newest(github: GitHub, tmp_path: Path) -> None:
    github.pull(7)
    github.say(7, "<!-- reconciler:plan:acme,dev -->\n\nbefore", BOT)
    github.say(7, "<!-- reconciler:plan:acme:team-b -->\n\nanother folder", BOT)
    (tmp_path / "comment.md").write_text(f"{PLAN}now")
    for _ in range(2):
        assert run(["github", "comment", "comment.md"]) == 0
    assert ["not of the newest commit" in body for body in github.bodies(7)] == [True, False, False]
    assert len(github.writes()) == 2, "what is said already is not said again"


def drift(*names: str) -> str:
    entry = {
        "address": "Deployment/tone",
        "title": "is missing",
        "fields": [],
        "details": [],
        "cause": "",
        "remedy": "",
    }
    return json.dumps(
        {
            "accounts": [{"name": name} for name in names],
            "missing": [{**entry, "account": name} for name in names],
            "errored": False,
        }
    )


def test_an_issue_that_cannot_be_written_keeps_nothing_from_the_other_accounts(
    github: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "drift.json").write_text(drift("dev", "prod"))
    github.failures.append(Failure("POST", "issues$", 422))
    assert run(["github", "issue", "drift.json"]) == 1
    assert [issue["title"] for issue in github.issues.values()] == ["Drift in prod: 1 missing"]
    assert "POST issues: 422" in capsys.readouterr().err
    assert run(["github", "issue", "drift.json"]) == 0
    assert sorted(issue["title"][:13] for issue in github.issues.values()) == ["Drift in dev:", "Drift in prod"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"accounts": 3}', '{"format_version": "1.0"}'])
def test_what_an_earlier_step_did_not_write_whole_is_an_error_and_no_bug(
    github: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (tmp_path / "file.json").write_text(text)
    assert run(["github", "issue", "file.json"]) == 1
    assert run(["github", "summary", "none.md", "--plan", "file.json"]) in {1, 4}
    said = capsys.readouterr().err
    assert said.count("error: ") == 2
    assert "bug" not in said
    assert github.asked == []


def test_no_value_of_what_drift_printed_is_a_bug(
    github: GitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = json.loads(drift("dev"))
    field = {"path": "sku.capacity", "live": 50, "declared": 60, "last_applied": 50}
    whole["changed"] = [{**whole["missing"][0], "fields": [field]}]
    chance, refused = random.Random(3), 0
    for _ in range(25):
        raw, what = spoiled(json.dumps(whole).encode(), chance)
        (tmp_path / "drift.json").write_bytes(raw)
        assert run(["github", "issue", "drift.json"]) in {0, 1}, what
        said = capsys.readouterr().err
        assert "[bug]" not in said, what
        assert "Traceback" not in said, what
        refused += "github-input" in said
    assert 5 < refused < 25


def test_manifests_that_lead_to_the_reviewed_ones_are_not_taken_for_them(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("base", "head"):
        data = tmp_path / side / "manifests/data"
        data.mkdir(parents=True)
        (tmp_path / side / ".git").mkdir()
        (data.parent / "all.yaml").write_text(f"{ACCOUNT}---\n{STACK}")
        for name in ("train", "valid"):
            (data / f"{name}.jsonl").write_text(examples(12, name))
    monkeypatch.chdir(tmp_path / "head")
    guard = ["github", "guard", "--policy-from", "../base/manifests"]
    assert run(guard) == 0
    (tmp_path / "head/manifests").rename(tmp_path / "head/other")
    (tmp_path / "head/manifests").symlink_to("../base/manifests")
    assert run(guard) == 4
    assert "manifests is a link that leads out of the repository" in capsys.readouterr().err
    assert github.asked == []


def test_a_saved_plan_that_was_spoiled_is_told_all_the_same(
    github: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.setenv("RECONCILER_EMULATOR_STATE", str(tmp_path / "state"))
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/account.yaml").write_text(ACCOUNT)
    (tmp_path / "plan.json").write_text('{"format_version": "1.0", "resource_cha')
    (tmp_path / "apply.log").write_text("error: The saved plan is not a whole JSON document [plan-unreadable]\n")
    for number in (7, 8):
        github.say(number, f"{PLAN}plan", BOT)
        github.pull(number, merged=f"c{number}")
    github.history = ["c8", "c7"]
    github.commits["c7"] = [7]
    # One that cannot be told keeps nothing from the other.
    github.failures.append(Failure("POST", "issues/7/comments", 403))
    arguments = ["--emulator", "github", "applied", "--plan", "plan.json", "--outcome", "failure"]
    assert run(arguments) == 1
    assert [len(github.bodies(number, "<!-- reconciler:apply:acme ")) for number in (7, 8)] == [0, 1]
    assert run(arguments) == 0
    (body,) = github.bodies(7, "<!-- reconciler:apply:acme ")
    assert "### The apply failed: `acme`" in body
    assert "plan-unreadable" in body
