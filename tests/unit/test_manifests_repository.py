"""Which repository manifests are in: without git, and the same for every clone."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.manifests.repository import identity, normalised, root_of

from .manifests_toys import Repo

URLS = [
    ("https://github.com/acme/tuning.git", "github.com/acme/tuning", "as GitHub shows it"),
    ("https://github.com/acme/tuning", "github.com/acme/tuning", "as CI checks it out"),
    ("https://github.com/acme/tuning/", "github.com/acme/tuning", "with a slash"),
    ("git@github.com:acme/tuning.git", "github.com/acme/tuning", "the short form of ssh"),
    ("github.com:acme/tuning.git", "github.com/acme/tuning", "the same without a user"),
    ("ssh://git@github.com/acme/tuning.git", "github.com/acme/tuning", "the long form of ssh"),
    ("ssh://git@GitHub.com:22/acme/tuning.git", "github.com/acme/tuning", "a port is how, not where"),
    ("https://user:token@github.com/acme/tuning.git", "github.com/acme/tuning", "a token stays here"),
    ("https://x-access-token:ghs_x@GITHUB.com/acme/tuning", "github.com/acme/tuning", "hosts have no case"),
    ("https://gitlab.com/group/sub/tuning.git", "gitlab.com/group/sub/tuning", "groups nest"),
    ("https://acme@dev.azure.com/acme/ml/_git/tuning", "dev.azure.com/acme/ml/_git/tuning", "Azure DevOps"),
    ("git@ssh.dev.azure.com:v3/acme/ml/tuning", "dev.azure.com/acme/ml/_git/tuning", "the same by ssh"),
    ("git@hub:/srv/git/tuning.git", "hub/srv/git/tuning", "an absolute path on a host"),
    ("/srv/git/tuning.git", "", "a local path says nothing to another machine"),
    ("../tuning", "", "same"),
    ("file:///srv/git/tuning.git", "", "same"),
    ("C:\\git\\tuning", "", "same"),
    ("C:/git/tuning", "", "same"),
    ("", "", "no remote"),
    ("https://github.com/", "", "no repository"),
]


@pytest.mark.parametrize(("url", "expected", "reason"), URLS)
def test_every_form_of_a_remote_is_one_identity(url: str, expected: str, reason: str) -> None:
    assert normalised(url) == expected, reason


CONFIGS = [
    ('[remote "origin"]\n\turl = git@hub:a/b.git\n', "hub/a/b", "as git writes it"),
    (
        '[core]\n\turl = git@hub:x/y\n[remote "up"]\n url = git@hub:c/d\n[Remote "origin"] url=git@hub:a/b\n',
        "hub/a/b",
        "others are not it",
    ),
    ('[remote "origin"]\n\tURL = "git@hub:a/b" ; mine\n', "hub/a/b", "quotes, comments, capitals"),
    (
        '[remote "origin"]\n\tfetch = +refs\n\turl = git@hub:a/b # mine\n[branch "main"]\n\turl = git@hub:x/y\n',
        "hub/a/b",
        "comments",
    ),
    ('[remote "origin"]\n\tpushurl = git@hub:x/y\n', "", "pushurl is another setting"),
    ('[remote "Origin"]\n\turl = git@hub:x/y\n', "", "names of remotes have a case"),
    ("[[[\n\0\xff", "", "rubbish"),
]


@pytest.mark.parametrize(("config", "expected", "reason"), CONFIGS)
def test_the_remote_is_read_from_the_configuration(tmp_path: Path, config: str, expected: str, reason: str) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git/config").write_text(config, encoding="latin-1")
    assert identity(tmp_path) == expected, reason


def test_a_work_tree_and_a_submodule_have_their_own_configuration(tmp_path: Path) -> None:
    main = tmp_path / "main/.git"
    (main / "worktrees/w").mkdir(parents=True)
    (main / "modules/m").mkdir(parents=True)
    (main / "config").write_text('[remote "origin"]\nurl = git@hub:a/main\n')
    (main / "worktrees/w/commondir").write_text("../..\n")
    (main / "modules/m/config").write_text('[remote "origin"]\nurl = git@hub:a/module\n')
    (tmp_path / "w").mkdir()
    (tmp_path / "w/.git").write_text(f"gitdir: {main}/worktrees/w\n")
    (tmp_path / "main/m").mkdir()
    (tmp_path / "main/m/.git").write_text("gitdir: ../.git/modules/m\n")
    assert identity(tmp_path / "w") == "hub/a/main"
    assert identity(tmp_path / "main/m") == "hub/a/module"


@pytest.mark.parametrize("pointer", ["", "gitdir: /nowhere\n", "rubbish", "gitdir: \0"])
def test_a_broken_pointer_is_no_remote(tmp_path: Path, pointer: str) -> None:
    (tmp_path / ".git").write_text(pointer)
    assert identity(tmp_path) == ""


def test_the_root_is_the_nearest_folder_under_git(tmp_path: Path) -> None:
    inner = tmp_path / "outer/inner/manifests"
    inner.mkdir(parents=True)
    (tmp_path / "outer/.git").mkdir()
    assert root_of(inner, Path("/usr")) == tmp_path / "outer"
    (inner.parent / ".git").write_text("gitdir: x")
    assert root_of(inner, Path("/usr")) == inner.parent


def test_outside_git_the_root_is_the_current_directory_or_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a/manifests"
    folder.mkdir(parents=True)
    (folder / "a.yaml").touch()
    assert root_of(folder, tmp_path) == tmp_path
    assert root_of(folder, Path("/usr")) == folder
    assert root_of(folder / "a.yaml", Path("/usr")) == folder


def test_an_account_knows_its_repository_and_folder(tmp_path: Path) -> None:
    repo = Repo(tmp_path)
    assert repo.load().accounts["home"].source == ":manifests", "without a remote only the folder is known"
    (tmp_path / ".git/config").write_text('[remote "origin"]\nurl = git@github.com:acme/tuning.git\n')
    assert repo.load().accounts["home"].source == "github.com/acme/tuning:manifests"
    (tmp_path / "manifests/account.yaml").rename(tmp_path / "account.yaml")
    assert repo.load(path=".").accounts["home"].source == "github.com/acme/tuning:."
