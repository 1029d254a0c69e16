"""Checks of resources whose manifests are valid: their data, each in the light of the others, and equal identities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.core.account import Account
from reconciler.core.fault import Fault
from reconciler.core.ignore import unknown_field
from reconciler.core.resource import Address, Desired
from reconciler.kind import Kind, Loaded, Workspace
from reconciler.manifests.faults import meant, quoted


@dataclass(frozen=True)
class Declared:
    """The resources of a tree, before their data was read."""

    resources: Mapping[Address, Desired]
    order: Sequence[Address]
    """Needed ones first; without cycles and what needs them."""
    faulty: frozenset[Address]
    readable: frozenset[Address]
    """Those whose local files were found."""


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
        whole[desired.address] = _with(desired, loaded)
        if any(fault.severity == "error" for fault in loaded.faults):
            faulty.add(desired.address)
    sound: dict[Address, Desired] = {}
    for address in declared.order:
        desired = whole.get(address, declared.resources[address])
        if address not in faulty and desired.account in accounts and all(ref in sound for ref in desired.refs):
            sound[address] = desired
    for address, desired in sound.items():
        found += kinds[address.kind].check(desired, sound, accounts[desired.account])
        found += _not_ignorable(desired, kinds[address.kind])
    found += _same_digest(sound, kinds)
    found += _same_live_name(sound, kinds)
    return [whole.get(address, desired) for address, desired in declared.resources.items()], found


def _with(desired: Desired, loaded: Loaded) -> Desired:
    """Put what was read into a resource."""
    if loaded.content is None and loaded.spec is None and loaded.adopt is None:
        return desired
    return replace(
        desired,
        content=loaded.content,
        adopt=loaded.adopt or desired.adopt,
        spec=loaded.spec or desired.spec,
        places=desired.places if loaded.places is None else loaded.places,
    )


def _inspected(declared: Declared, kinds: Mapping[str, Kind], workspace: Workspace) -> Iterator[tuple[Desired, Loaded]]:
    """Read the local data of all resources; a file that several share is read once.

    One after the other: validating examples is Python's own work, so threads only made it slower (measured with 6 files
    of 20,000 examples).
    """
    shared = workspace if workspace.cache is not None else replace(workspace, cache=_Memory())
    for address, desired in declared.resources.items():
        if address in declared.readable:
            yield desired, kinds[address.kind].inspect(desired, shared)


def _not_ignorable(desired: Desired, kind: Kind) -> Iterator[Fault]:
    """Report fields of `metadata.ignore` that do not exist, or that nobody can change at Azure."""
    for index, path in enumerate(desired.ignore):
        place, subject = desired.place_of(f"metadata.ignore.{index}"), str(desired.address)
        if not kind.updatable:
            detail = f"What a {kind.name} is made with decides what it is: a change makes a new one."
            yield Fault("not-ignorable", "This cannot be ignored", detail, "Remove `ignore`.", place, subject)
            return
        unknown = unknown_field(kind.spec, path)
        if unknown:
            detail = f"{quoted(path)} in `metadata.ignore` is no field of a {kind.name}."
            remedy = meant(unknown[0], unknown[1], what="Fields")
            yield Fault("not-ignorable", "This cannot be ignored", detail, remedy, place, subject)


class _Memory:
    """Remembers for one load what was read from a file, where no cache outlives it."""

    def __init__(self) -> None:
        self._known: dict[tuple[Path, str | None], Any] = {}

    def get(self, path: Path, data_format: str | None = None) -> Any:
        return self._known.get((path, data_format))

    def put(self, path: Path, value: Any, data_format: str | None = None) -> None:
        self._known[path, data_format] = value


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
        # What is adopted is found by its id: two of these may be alike, but one alone would be trained again.
        adopted = isinstance(desired.adopt, Mapping)
        same = first.setdefault((desired.account, address.kind, digests[address][0]), desired)
        if same is not desired and not (adopted and isinstance(same.adopt, Mapping) and same.adopt != desired.adopt):
            found.append(_twin(desired, same))
    return found


def _same_live_name(sound: Mapping[Address, Desired], kinds: Mapping[str, Kind]) -> list[Fault]:
    """Report resources that would be one object on Azure."""
    first: dict[tuple[str, str, str], Desired] = {}
    found: list[Fault] = []
    for address, desired in sorted(sound.items(), key=lambda item: item[1].place):
        name = kinds[address.kind].live_name(desired)
        same = first.setdefault((desired.account, address.kind, name), desired) if name else desired
        if same is not desired:
            detail = f"{address} and {same.address} ({same.place}) have one name in Azure."
            remedy = "Give one of them another name."
            found.append(
                Fault(
                    "live-name-twice", "Two manifests declare one object", detail, remedy, desired.place, str(address)
                )
            )
    return found


def _twin(desired: Desired, same: Desired) -> Fault:
    fields = type(desired.spec).model_fields
    remedy = f"Keep one of the two, and refer to it as {same.address.name}."
    if "attempt" in fields:
        remedy += " To train the same twice on purpose, tell them apart:\n  attempt: 2"
    return Fault(
        "same-digest",
        "Two resources are the same",
        f"{desired.address} and {same.address} ({same.place}) have the same data and settings.",
        remedy,
        desired.place,
        str(desired.address),
    )
