"""What changed in data since an earlier version of it: the one in git, or another file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from reconciler.core.change import Create, DataChange, Plan
from reconciler.datasets import NotComparable, Opener, compare
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

    def change(self, file: str, scan: Scan) -> DataChange | None:
        """Return what changed in a file, None if nothing did; one that is new was added as a whole."""
        other = self._other
        if other is not None:
            return _compared(self._name, lambda: other.open("rb"), self._root / file)
        inside = self._inside / file
        if inside.is_absolute():
            return DataChange(self._name, 0, scan.examples, unknown="the file is not in the repository")
        version = self._versions.named(self._name, inside.as_posix())
        if version is None:
            tokens = scan.statistics.tokens
            return DataChange(
                self._name, 0, scan.examples, added=scan.examples, tokens_added=tokens.total if tokens else None
            )
        return _compared(self._name, version.open, self._root / file)


def in_plan(plan: Plan, root: Path) -> dict[Address, DataChange]:
    """Return what changed in the data that a plan uploads, where git knows an earlier version of it."""
    versions = Versions(root)
    by_path: dict[str, DataChange | None] = {}
    found: dict[Address, DataChange] = {}
    for change in plan.changes:
        content = change.desired.content if isinstance(change, Create) else None
        if content is None:
            continue
        if content.path not in by_path and len(by_path) < MOST_COMPARED:
            by_path[content.path] = _since(versions, root, Path(content.path))
        if compared := by_path.get(content.path):
            found[change.address] = compared
    return found


def _since(versions: Versions, root: Path, path: Path) -> DataChange | None:
    if not path.is_relative_to(root):
        return None
    version = versions.before(path.relative_to(root).as_posix())
    if version is None:
        return None
    try:
        return _compared(version.name, version.open, path)
    except OSError:
        return None


def _compared(name: str, before: Opener, after: Path) -> DataChange | None:
    try:
        found = compare(before, lambda: after.open("rb"))
    except NotComparable as error:
        return DataChange(name, 0, 0, unknown=str(error))
    return None if found.is_nothing else DataChange(name, **asdict(found))
