"""A Deployment that is not there although its job ended long ago: git may tell that it is new, and Azure does not."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from command import ACCOUNT
from harness import STACK, Azure, FakeClock, Repo

from reconciler.cli.main import run

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
NEW = "new in git: HEAD does not declare it, so it was probably never made"
JOB, _, DEPLOYMENT = STACK.partition("---\n")


def git(repo: Repo, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    subprocess.check_output(["git", *identity, *arguments], cwd=repo.folder)


def commit(repo: Repo) -> None:
    git(repo, "add", "-A")
    git(repo, "commit", "-q", "-m", "x", "--allow-empty")


def test_what_is_new_in_git_was_probably_never_made(
    repo: Repo,
    azure: Azure,
    clock: FakeClock,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(repo.folder)
    repo.write("manifests/account.yaml", ACCOUNT.format(url=azure.server.url))
    repo.write("manifests/stack.yaml", JOB)
    git(repo, "init", "-q", "-b", "main")
    commit(repo)
    repo.until_done()
    clock.sleep(60 * 24 * 3600)  # by the clock of the service, which is what counts

    def planned() -> str:
        capsys.readouterr()
        assert run(["plan"]) == 0
        return capsys.readouterr().out

    repo.write("manifests/stack.yaml", STACK)
    told = planned()
    assert "create (missing: never made, or deleted since by Azure or somebody)" in told
    assert NEW in told, "a job of this name is declared, and no Deployment"
    monkeypatch.chdir(repo.folder / "manifests")
    assert run(["plan", "."]) == 0
    assert NEW in capsys.readouterr().out, "wherever it is run"
    monkeypatch.chdir(repo.folder)
    commit(repo)
    repo.write("manifests/stack.yaml", STACK + "# an edit\n")
    assert "new in git" not in planned(), "it was declared before: it may have vanished"
    (repo.folder / "manifests/stack.yaml").rename(repo.folder / "manifests/moved.yaml")
    assert "new in git" not in planned(), "of a file that is new nothing is known: it may have been moved"
    repo.write("manifests/moved.yaml", STACK)
    commit(repo)
    repo.write("manifests/moved.yaml", "kind: [not yaml")
    commit(repo)
    repo.write("manifests/moved.yaml", STACK)
    assert "new in git" not in planned(), "what cannot be read tells nothing"
