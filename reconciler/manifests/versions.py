"""Earlier versions of a file, read from git: what a data file is compared with. Needs the `git` program; nothing is checked out."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_TARGETS = (
    ("GITHUB_BASE_REF", "origin/{}"),
    ("CI_MERGE_REQUEST_DIFF_BASE_SHA", "{}"),
    ("SYSTEM_PULLREQUEST_TARGETBRANCHNAME", "origin/{}"),
)
"""Where CI systems say what a pull request is merged into: GitHub, GitLab, Azure DevOps."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of one file. `name` is how a person calls it: a branch, HEAD, or a short commit id."""

    root: Path
    commit: str
    path: str
    name: str

    @contextlib.contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open its bytes as they are stored, without line end conversion and without fetching large-file data."""
        process = subprocess.Popen(  # noqa: S603  (arguments are a list; the commit was resolved by git)
            [*_git(self.root), "cat-file", "blob", f"{self.commit}:{self.path}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.stdout.close()
            process.wait()


class Versions:
    """The history of one repository. Where there is no git, or no repository, there are no versions."""

    def __init__(self, root: Path, environ: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._environ = environ
        self._usable = shutil.which("git") is not None and (root / ".git").exists()
        self._target: tuple[str, str] | None = None
        self._asked = False

    def named(self, ref: str, path: str) -> Version | None:
        """Return the version of a file that a ref names; None where the ref or the file in it does not exist."""
        commit = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return self._version(commit, path, ref) if commit else None

    def exists(self, ref: str) -> bool:
        """Return whether a ref names a commit."""
        return bool(self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"))

    def before(self, path: str) -> Version | None:
        """Return the version that a change is measured against.

        In a pull request that is where its branch left the target; else the last commit, if the file differs from it;
        else the version before the last commit that touched the file.
        """
        target = self._pull_request()
        if target:
            return self._version(target[0], path, target[1])
        changed = self._run("status", "--porcelain=v1", "--ignore-submodules", "--", path)
        if changed is None:
            return None
        if changed:
            return self.named("HEAD", path)
        commits = (self._run("log", "-n", "2", "--format=%H", "--", path) or "").split()
        return self._version(commits[1], path, commits[1][:9]) if len(commits) > 1 else None

    def _pull_request(self) -> tuple[str, str] | None:
        if not self._asked:
            self._asked = True
            for variable, form in _TARGETS:
                if self._environ.get(variable):
                    name = form.format(self._environ[variable])
                    # A shallow clone has the target at best, and not where the branch left it.
                    commit = self._run("merge-base", "HEAD", name) or self._run(
                        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
                    )
                    self._target = (commit, name) if commit else None
                    break
        return self._target

    def _version(self, commit: str, path: str, name: str) -> Version | None:
        kind = self._run("cat-file", "-t", f"{commit}:{path}")
        return Version(self._root, commit, path, name) if kind == "blob" else None

    def _run(self, *arguments: str) -> str | None:
        """Return what git prints, or None where it fails."""
        if not self._usable:
            return None
        try:
            done = subprocess.run(  # noqa: S603  (arguments are a list)
                [*_git(self._root), *arguments], capture_output=True, check=False, timeout=60
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else None


def _git(root: Path) -> list[str]:
    # Looking must not write to the repository, nor run what its configuration names.
    return [
        "git",
        "--no-optional-locks",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-C",
        str(root),
    ]
