"""Checks of resources whose manifests are valid: their data, each in the light of the others, and equal identities."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.core.account import Account
from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Address, Desired
from reconciler.kind import DigestCache, Kind, Loaded, Workspace

WORTH_THREADS = 8_000_000
"""Bytes of data above which files are read side by side: hashing leaves other threads free, starting them costs."""


@dataclass(frozen=True)
class Declared:
    """The resources of a tree, before their data was read."""

    resources: Mapping[Address, Desired]
    order: Sequence[Address]
    """Needed ones first; without cycles and what needs them."""
    faulty: frozenset[Address]
    readable: frozenset[Address]
    """Those whose local files were found."""
    bytes: int


def check(
    declared: Declared, kinds: Mapping[str, Kind], accounts: Mapping[str, Account], workspace: Workspace
) -> tuple[list[Desired], list[Fault]]:
    """Return the resources with their content, and what is wrong with them.

    A resource with faults, or that needs one, is not checked further: it could only repeat what is known.
    """
    found: list[Fault] = []
    whole: dict[Address, Desired] = {}
    faulty = set(declared.faulty)
    for desired, loaded in _inspected(declared, kinds, workspace):
        found += loaded.faults
        whole[desired.address] = replace(desired, content=loaded.content) if loaded.content else desired
        if any(fault.severity == "error" for fault in loaded.faults):
            faulty.add(desired.address)
    sound: dict[Address, Desired] = {}
    for address in declared.order:
        desired = whole.get(address, declared.resources[address])
        if address not in faulty and desired.account in accounts and all(ref in sound for ref in desired.refs):
            sound[address] = desired
    for address, desired in sound.items():
        faults = kinds[address.kind].check(desired, sound, accounts[desired.account])
        found += faults
    found += _same_digest(sound, kinds)
    return [whole.get(address, desired) for address, desired in declared.resources.items()], found


def _inspected(declared: Declared, kinds: Mapping[str, Kind], workspace: Workspace) -> Iterable[tuple[Desired, Loaded]]:
    """Read the local data of all resources; a file that several share is read once."""
    shared = Workspace(workspace.root, _Memory(workspace.cache))
    todo = [
        desired
        for address, desired in declared.resources.items()
        if address in declared.readable and type(kinds[address.kind]).inspect is not Kind.inspect
    ]

    def inspect(desired: Desired) -> tuple[Desired, Loaded]:
        return desired, kinds[desired.address.kind].inspect(desired, shared)

    if declared.bytes < WORTH_THREADS:
        return map(inspect, todo)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(inspect, todo))


class _Memory:
    """Remembers for one load what was read from a file, in front of a cache that outlives it."""

    def __init__(self, behind: DigestCache | None) -> None:
        self._behind = behind
        self._known: dict[tuple[Path, str, str | None], Any] = {}

    def get(self, path: Path, name: str, data_format: str | None) -> Any:
        key = (path, name, data_format)
        if key not in self._known and self._behind:
            self._known[key] = self._behind.get(*key)
        return self._known.get(key)

    def put(self, path: Path, name: str, data_format: str | None, scan: Any) -> None:
        self._known[path, name, data_format] = scan
        if self._behind:
            self._behind.put(path, name, data_format, scan)


def _same_digest(sound: Mapping[Address, Desired], kinds: Mapping[str, Kind]) -> list[Fault]:
    """Report resources that could not be told apart on Azure: one job would be claimed by both."""
    needed = {address for address in sound if kinds[address.kind].unique_digest}
    for address in reversed(list(sound)):  # needed ones stand first, so going back meets users before what they use
        if address in needed:
            needed.update(sound[address].refs)
    digests: dict[Address, tuple[str, ...]] = {}
    for address in sound:
        if address in needed:
            digests[address] = kinds[address.kind].digests(sound[address], digests)
    first: dict[tuple[str, str, str], Desired] = {}
    found: list[Fault] = []
    for address, desired in sorted(sound.items(), key=lambda item: item[1].place):
        if not kinds[address.kind].unique_digest:
            continue
        same = first.setdefault((desired.account, address.kind, digests[address][0]), desired)
        if same is not desired:
            found.append(_twin(desired, same))
    return found


def _twin(desired: Desired, same: Desired) -> Fault:
    fields = type(desired.spec).model_fields
    place: Place = desired.place
    remedy = f"Keep one of the two, and refer to it as {same.address.name}."
    if "attempt" in fields:
        remedy += " To train the same twice on purpose, tell them apart:\n  attempt: 2"
    return Fault(
        "same-digest",
        "Two resources are the same",
        f"{desired.address} and {same.address} ({same.place}) have the same data and settings.",
        remedy,
        place,
        str(desired.address),
    )
