"""Commands that write files of the repository, killed just before any change of one: the same command finishes the work."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import portal
import pytest
from command import Site
from harness import Azure, FakeClock
from processes.mortal import OVERWRITTEN
from processes.play import MORTAL

from reconciler.cli.emulated import _keep_out_of_git

IMPORT = ("import", "--with-data")


@pytest.fixture(scope="module")
def by_hand() -> Iterator[Azure]:
    azure = Azure(FakeClock())
    portal.busy_account(azure)
    azure.clock.sleep(3 * 3600)
    yield azure
    azure.close()


def killed(site: Site, change: int, *command: str) -> None:
    ran = subprocess.run(
        [*MORTAL, "file", str(change), str(site.folder.parent), *command],
        cwd=site.folder,
        env=site.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == -signal.SIGKILL, ran.stdout + ran.stderr
    assert OVERWRITTEN not in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("change", [9])
def test_init(change: int, tmp_path: Path) -> None:
    site = Site(tmp_path / "repo", None)
    killed(site, change, "init")
    site.run("init", code=0)
    site.run("validate", code=0)


@pytest.mark.slow
@pytest.mark.parametrize("change", [18])  # data is in its place, and what declares it is not
def test_import(change: int, tmp_path: Path, by_hand: Azure) -> None:
    site = Site(tmp_path / "repo", by_hand)
    killed(site, change, *IMPORT)
    site.run(*IMPORT, code=0)
    plan = site.run("plan", "--detailed-exitcode", "--prune", code=0)
    assert plan.last == "No changes. Azure matches the manifests."


def test_git_ignores_the_state_although_a_run_died_while_it_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dying(path: Path, *_: object, **__: object) -> None:
        path.touch()
        raise KeyboardInterrupt

    folder = tmp_path / ".reconciler"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", dying)
        with pytest.raises(KeyboardInterrupt):
            _keep_out_of_git(folder)
    _keep_out_of_git(folder)
    assert (folder / ".gitignore").read_text() == "*\n"
