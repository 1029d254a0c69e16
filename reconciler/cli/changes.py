"""What changed in data since an earlier version of it: the one in git, or another file."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from reconciler.core.change import Create, DataChange, Plan
from reconciler.datasets import Opener, compare
from reconciler.manifests.repository import root_of
from reconciler.manifests.versions import Versions

if TYPE_CHECKING:
    from reconciler.core.resource import Address
    from reconciler.datasets import Scan

MOST_COMPARED = 50
"""Datasets of one plan that are compared; a plan with more is read by nobody line by line."""


class Base:
    """One earlier state, named by a person: a branch, a tag, a commit, or another file for a lone one."""

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self._name = name
        self._other = root / name if (root / name).is_file() else None
        repository = root_of(root, root)
        self._versions = Versions(repository)
        self._inside = root.relative_to(repository)
        if self._other is None and not self._versions.exists(name):
            raise typer.BadParameter(f"{name!r} is no file and no commit of this repository", param_hint="--base")

    def change(self, file: str, scan: Scan) -> DataChange:
        """Return what changed in a file; one that is new was added as a whole."""
        other = self._other
        if other is not None:
            return _compared(self._name, lambda: other.open("rb"), self._root / file)
        version = self._versions.named(self._name, (self._inside / file).as_posix())
        if version is None:
            tokens = scan.statistics.tokens
            return DataChange(
                self._name, 0, scan.examples, added=scan.examples, tokens_added=tokens.total if tokens else None
            )
        return _compared(self._name, version.open, self._root / file)


def in_plan(plan: Plan, root: Path) -> dict[Address, DataChange]:
    """Return what changed in the data that a plan uploads, where git knows an earlier version of it."""
    made = [change for change in plan.changes if isinstance(change, Create) and change.desired.content]
    versions = Versions(root)
    found: dict[Address, DataChange] = {}
    for change in made[:MOST_COMPARED]:
        assert change.desired.content is not None
        path = Path(change.desired.content.path)
        version = versions.before(path.relative_to(root).as_posix()) if path.is_relative_to(root) else None
        if version is not None:
            with contextlib.suppress(OSError):
                found[change.address] = _compared(version.name, version.open, path)
    return found


def _compared(name: str, before: Opener, after: Path) -> DataChange:
    return DataChange(name, **asdict(compare(before, lambda: after.open("rb"))))
