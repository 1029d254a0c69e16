"""What a folder of manifests declares, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.account import Account
from reconciler.core.fault import Fault
from reconciler.core.resource import Desired


@dataclass(frozen=True)
class Tree:
    """All that the manifests at PATH declare. `root` and `path` are real, absolute paths."""

    root: Path
    """The repository: the folder that manifests and data may not leave (see `repository.root_of`)."""
    path: Path
    """The file or folder that was read."""
    accounts: Mapping[str, Account]
    desired: tuple[Desired, ...]
    """In the order of files and documents; what a resource declares inline stands before it."""
    warnings: tuple[Fault, ...] = ()
    folders: Mapping[str, Path] = field(default_factory=dict)
    """The folder of each Account's manifest."""

    def is_whole(self, account: str) -> bool:
        """Whether PATH is, or holds, the folder of an Account's manifest, so that what is missing in it was removed."""
        folder = self.folders.get(account)
        return folder is not None and folder.is_relative_to(self.path)
