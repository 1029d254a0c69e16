"""Earlier versions of a file, from a real repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from reconciler.manifests.versions import Version, Versions

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
PATH = "data/train.jsonl"


class Repository:
    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "data").mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
        return subprocess.check_output(["git", *identity, *arguments], cwd=self.root, text=True).strip()

    def write(self, text: str) -> None:
        (self.root / PATH).write_text(text)

    def commit(self, text: str) -> str:
        self.write(text)
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "r")


def text(version: Version | None) -> str | None:
    if version is None:
        return None
    with version.open() as stream:
        return stream.read().decode()


def before(repository: Repository, **environ: str) -> tuple[str | None, str]:
    version = Versions(repository.root, environ).before(PATH)
    return text(version), version.name if version else ""


def test_an_edited_file_is_compared_with_the_last_commit(repository: Repository) -> None:
    repository.commit("one")
    repository.write("two")
    assert before(repository) == ("one", "HEAD")


def test_a_committed_file_is_compared_with_the_version_before_it(repository: Repository) -> None:
    first = repository.commit("one")
    repository.commit("two")
    (repository.root / "other").write_text("x")
    repository.git("add", "-A")
    repository.git("commit", "-q", "-m", "something else")
    assert before(repository) == ("one", first[:9])


@pytest.mark.parametrize("variable", ["GITHUB_BASE_REF", "SYSTEM_PULLREQUEST_TARGETBRANCHNAME"])
def test_a_pull_request_is_compared_with_where_it_left_its_target(repository: Repository, variable: str) -> None:
    repository.commit("one")
    repository.git("checkout", "-q", "-b", "feature")
    repository.commit("two")
    repository.git("checkout", "-q", "main")
    repository.commit("elsewhere")
    repository.git("update-ref", "refs/remotes/origin/main", "main")
    repository.git("checkout", "-q", "feature")
    assert before(repository, **{variable: "main"}) == ("one", "origin/main")


def test_a_pull_request_whose_target_was_not_fetched_is_compared_as_usual(repository: Repository) -> None:
    repository.commit("one")
    repository.write("two")
    assert before(repository, GITHUB_BASE_REF="main") == ("one", "HEAD")


def test_a_file_that_is_new_has_no_version(repository: Repository) -> None:
    assert before(repository) == (None, "")
    repository.commit("one")
    assert before(repository) == (None, "")


def test_a_named_version(repository: Repository) -> None:
    first = repository.commit("one")
    repository.git("tag", "v1")
    repository.commit("two")
    versions = Versions(repository.root, {})
    assert text(versions.named("v1", PATH)) == text(versions.named(first, PATH)) == "one"
    assert versions.named("v2", PATH) is None
    assert versions.named("v1", "none") is None
    assert versions.named("--upload-pack=touch x", PATH) is None
    assert (versions.exists("v1"), versions.exists("v2")) == (True, False)


def test_without_a_repository_there_are_no_versions(tmp_path: Path) -> None:
    assert Versions(tmp_path, {}).before("f") is None


def test_bytes_come_as_they_are_stored(repository: Repository) -> None:
    repository.commit("one\n")
    (repository.root / ".gitattributes").write_text("* text eol=crlf\n")
    repository.write("two\n")
    assert before(repository)[0] == "one\n"


def test_reading_may_be_broken_off(repository: Repository) -> None:
    repository.commit("x" * 1_000_000)
    repository.write("y")
    version = Versions(repository.root, {}).before(PATH)
    assert version is not None
    with version.open() as stream:
        assert stream.read(3) == b"xxx"
