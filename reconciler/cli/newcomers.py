"""Which of the resources that are not there are new in git: Azure does not tell them from what has vanished."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core.change import Create, Plan
from reconciler.manifests.versions import Versions
from reconciler.manifests.yaml import decode, documents

if TYPE_CHECKING:
    from reconciler.core.change import Change
    from reconciler.core.resource import Address
    from reconciler.manifests.versions import Version

LONGEST = 1_000_000
"""Bytes of an earlier manifest that are read."""
MOST = 50
"""Manifests whose earlier versions are read for one plan."""


def with_newcomers(plan: Plan, root: Path) -> Plan:
    """Note of what may have vanished that an earlier version of its manifest does not declare it: a hint, and no decision.

    Nothing is said where git knows no earlier version of the file: it may have been moved.
    """
    versions = Versions(root)
    read: dict[str, tuple[str, frozenset[str]] | None] = {}
    changes: list[Change] = []
    for change in plan.changes:
        if not (isinstance(change, Create) and change.reason == "missing"):
            changes.append(change)
            continue
        file = change.desired.place.file
        if file not in read and len(read) < MOST:
            read[file] = _before(versions, root, file)
        name, declared = read.get(file) or ("", frozenset())
        is_new = bool(name) and _key(change.address) not in declared
        note = f"new in git: {name} does not declare it, so it was probably never made"
        changes.append(replace(change, notes=(*change.notes, note)) if is_new else change)
    return replace(plan, changes=tuple(changes)) if read else plan


def _before(versions: Versions, root: Path, file: str) -> tuple[str, frozenset[str]] | None:
    """Return what an earlier version of a manifest declares, and what that version is called; paths are from the root."""
    if Path(file).is_absolute() or not (root / file).is_file():
        return None
    version = versions.before(Path(file).as_posix())
    declared = _declared(version) if version else None
    return (version.name, declared) if version and declared is not None else None


def _declared(version: Version) -> frozenset[str] | None:
    """Return what a version of a manifest declares; None if it cannot be read whole."""
    with version.open() as stream:
        raw = stream.read(LONGEST + 1)
    text = decode(raw, version.path) if len(raw) <= LONGEST else None
    found = documents(text, version.path) if isinstance(text, str) else None
    if found is None or any(document.root is None or document.faults for document in found):
        return None
    values = [document.root.data for document in found if document.root is not None]
    heads = [(value.get("kind"), value.get("metadata")) for value in values if isinstance(value, dict)]
    return frozenset(f"{kind}/{head.get('name')}".lower() for kind, head in heads if isinstance(head, dict))


def _key(address: Address) -> str:
    return str(address).lower()
