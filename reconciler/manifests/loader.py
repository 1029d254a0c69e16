"""From files to a Tree: read, validate, take inline resources out, resolve names, look at the data, check.

One fault hides no other: a broken file does not stop the rest, a resource with faults still exists by name, and what
could only be wrong because of another fault is not spoken of.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from reconciler.core.account import Account
from reconciler.core.fault import Fault, InvalidManifests, Place, by_place
from reconciler.core.resource import Address, Desired, LocalPath, Ref, Spec
from reconciler.kind import DigestCache, Kind, Workspace
from reconciler.manifests.accounts import Accounts, same_address
from reconciler.manifests.annotations import Marks, replaced
from reconciler.manifests.checks import Declared, check
from reconciler.manifests.faults import meant, printable, quoted
from reconciler.manifests.files import Site
from reconciler.manifests.graph import ordered
from reconciler.manifests.head import Manifest, may_be_account, read_head
from reconciler.manifests.nodes import Document
from reconciler.manifests.pieces import Pieces
from reconciler.manifests.places import Part
from reconciler.manifests.tree import Tree
from reconciler.manifests.validate import validated
from reconciler.manifests.variables import refuse
from reconciler.manifests.yaml import documents
from reconciler.memory import without_collector

NO_VALUE = frozenset({"bad-number", "unknown-tag", "variable-misplaced", "variable-unset", "not-a-variable"})
"""Faults of what stands for a value: no more is said of the value."""
MOST_GUESSES = 40
"""References for which a near name is looked for: with thousands of names each look takes milliseconds."""

_REFS = Marks(Ref)
_LOCAL_PATHS = Marks(LocalPath)
"""What they find of a model is kept: it takes longer than reading a manifest."""


def load(
    path: Path,
    kinds: Mapping[str, Kind],
    environ: Mapping[str, str],
    cache: DigestCache | None = None,
    cwd: Path | None = None,
    inspected: Callable[[Address, str, Any], None] | None = None,
    names: set[str] | None = None,
) -> Tree:
    """Read the manifests at PATH, a file or a folder. Places name files as git does, from the root of the repository.

    `inspected` is told what was found in the data of each resource, even where the tree does not load;
    `names` takes up what files are called in it.

    Raises InvalidManifests with every fault of every file, sorted by place; warnings are among them, as a person who
    mends the one wants to see the other.
    """
    site = Site.at(path, cwd)
    site.names = site.names if names is None else names
    with without_collector():
        workspace = Workspace(site.root, cache, Pieces(site))
        return _Loader(site, kinds, environ).load(replace(workspace, inspected=inspected) if inspected else workspace)


def load_accounts(
    path: Path, kinds: Mapping[str, Kind], environ: Mapping[str, str], cwd: Path | None = None
) -> Mapping[str, Account]:
    """Read only the Accounts of another tree, its resources and data untouched; raises InvalidManifests."""
    site = Site.at(path, cwd)
    accounts = Accounts(site, environ)
    accounts.read(kinds)
    faults = sorted([*site.faults, *accounts.faults], key=by_place)
    if any(fault.severity == "error" for fault in faults):
        raise InvalidManifests(*faults)
    here = Path(os.path.realpath(cwd or Path.cwd()))
    return {name: _as_seen_from(here, account, site) for name, account in accounts.values.items()}


def _as_seen_from(here: Path, account: Account, site: Site) -> Account:
    """Return an Account of another tree whose places lead there: below its own root it is called as one of ours."""

    def moved(place: Place) -> Place:
        return replace(place, file=printable(os.path.relpath(site.root / place.file, here)))

    places = {field: moved(place) for field, place in account.places.items()}
    return Account(account.name, account.spec, moved(account.place), account.source, places)


@dataclass
class _Draft:
    """A resource whose spec is valid, on its way to a Desired."""

    address: Address
    spec: Spec
    part: Part
    place: Place
    folder: Path
    places: Mapping[str, Place] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    adopt: bool | Mapping[str, str] = False
    ignore: tuple[str, ...] = ()
    origin: Address | None = None
    account: str = ""
    refs: tuple[Address, ...] = ()
    faulty: bool = False
    readable: bool = True
    """Whether its local data was found."""

    def desired(self) -> Desired:
        return Desired(
            self.address, self.account, self.spec, self.place, self.places, self.refs, self.labels, self.adopt,
            origin=self.origin, ignore=self.ignore,
        )  # fmt: skip


class _Loader:
    def __init__(self, site: Site, kinds: Mapping[str, Kind], environ: Mapping[str, str]) -> None:
        self.site = site
        self.kinds = kinds
        self.environ = environ
        self.faults: list[Fault] = []
        self.accounts = Accounts(site, environ)
        self.drafts: dict[Address, _Draft] = {}
        self.existing: dict[Address, Place] = {}
        """Every name that some manifest declares, even one with faults."""
        self.unread: list[str] = []
        self.blind = False
        """True if some file could not be read at all: any name may be in it."""
        self.no_manifests: list[tuple[str, list[Fault]]] = []
        """Documents that are no manifests, by their file, and why."""
        self.pieces: set[str] = set()
        """Files that manifests name: one of them that ends in .yaml is a piece of a manifest, not one itself."""
        self.guesses = MOST_GUESSES

    def load(self, workspace: Workspace) -> Tree:
        manifests = self._manifests()
        for manifest in manifests:
            if manifest.kind == "Account":
                self.accounts.add(manifest)
        resources = [manifest for manifest in manifests if manifest.kind != "Account"]
        if resources and not self.accounts.known:
            self.accounts.uncertain = self.blind
            self.accounts.look_above(self.kinds)
        for manifest in resources:
            self._resource(manifest)
        self.faults += self.accounts.faults
        if resources:
            self.faults += self.accounts.missing()
        for draft in self.drafts.values():
            self._resolve(draft)
        order, cycles = ordered({draft.address: draft.refs for draft in self.drafts.values()})
        self.faults += [self._cycle(cycle) for cycle in cycles]
        declared = Declared(
            {draft.address: draft.desired() for draft in self.drafts.values()},
            order,
            frozenset(draft.address for draft in self.drafts.values() if draft.faulty),
            frozenset(draft.address for draft in self.drafts.values() if draft.readable),
        )
        desired, found = check(declared, self.kinds, self.accounts.values, workspace)
        self.faults += found
        return self._tree(desired)

    def _tree(self, desired: Iterable[Desired]) -> Tree:
        self.faults += [fault for file, found in self.no_manifests if file not in self.pieces for fault in found]
        faults = sorted(_distinct([*self.site.faults, *self.faults]), key=by_place)
        if any(fault.severity == "error" for fault in faults):
            raise InvalidManifests(*faults)
        return Tree(
            self.site.root, self.site.path, self.accounts.values, tuple(desired), tuple(faults), self.accounts.folders
        )

    # Reading

    def _manifests(self) -> list[Manifest]:
        found: list[Manifest] = []
        any_document = False
        for file in self.site.manifests():
            text = self.site.read(file)
            if isinstance(text, Fault):
                self.faults.append(text)
                self.blind = any_document = True
                continue
            for document in documents(text, self.site.shown(file)):
                any_document = True
                manifest = self._manifest(document, file.parent)
                if manifest:
                    found.append(manifest)
        if not any_document and not self.site.faults:
            self.faults.append(self._empty())
        return found

    def _manifest(self, document: Document, folder: Path) -> Manifest | None:
        if document.root is None:
            self.faults += document.faults
            self.unread.append(document.unread)
            self.accounts.uncertain |= may_be_account(document)
            return None
        manifest, faults = read_head(document, folder, self.kinds)
        subject = manifest.part.subject if manifest else ""
        faults = [replace(fault, subject=subject) for fault in document.faults] + faults
        if manifest:
            self.faults += faults
        else:
            self.no_manifests.append((document.file, faults))
            self.unread.extend(_texts(document))
            self.accounts.uncertain |= may_be_account(document)
        return manifest

    def _empty(self) -> Fault:
        shown = self.site.shown(self.site.path)
        return Fault(
            "no-manifests",
            "There are no manifests",
            f"{quoted(shown)} has no YAML document in it.",
            "docs/manifests.md shows a first one; `reconciler demo` shows one at work.",
            Place(shown),
        )

    # One resource

    def _resource(self, manifest: Manifest) -> None:
        is_first = True
        if manifest.name:
            first = self.existing.setdefault(manifest.address, manifest.place)
            is_first = first is manifest.place
            if not is_first:
                self.faults.append(same_address(manifest, first))
        node = manifest.part.node
        if node is None:
            return
        model = self.kinds[manifest.kind].spec
        misplaced = refuse(manifest.part, model) if manifest.document.variables else []
        manifest.faulty = manifest.faulty or bool(misplaced)
        spec, faults = validated(model, node.data, manifest.part)
        self.faults += [*misplaced, *faults]
        if spec is None or not manifest.name or not is_first:
            return
        draft = _Draft(
            address=manifest.address,
            spec=spec,
            part=manifest.part,
            place=manifest.place,
            folder=manifest.folder,
            places=manifest.places(),
            labels=manifest.labels,
            adopt=manifest.adopt,
            ignore=manifest.ignore,
            faulty=manifest.faulty,
        )
        self._choose_account(draft)
        self._add(draft)

    def _add(self, draft: _Draft) -> None:
        """Take in a resource after those that it declares inline."""
        draft.spec, implied = self.kinds[draft.address.kind].implied(draft.address.name, draft.spec)
        for one in implied:
            self._imply(draft, Address(one.kind, one.name), one.spec, one.path)
        self._find_data(draft)
        self.drafts[draft.address] = draft

    def _imply(self, origin: _Draft, address: Address, data: Mapping[str, Any], path: str) -> None:
        place = origin.part.place(path.split("."))
        name = origin.part.called(path.split("."))
        first = self.existing.setdefault(address, place)
        if first is not place:
            detail = f"{quoted(name)} declares {address}, which is declared at {first} already."
            remedy = f"Refer to the one that exists, or rename {origin.address}."
            self.faults.append(Fault("duplicate-address", "Declared twice", detail, remedy, place, str(origin.address)))
            origin.faulty = True
            return
        part = Part(place.file, None, place, name, str(origin.address))
        spec, faults = validated(self.kinds[address.kind].spec, data, part)
        self.faults += faults
        if spec is None:
            return
        self._add(
            _Draft(
                address,
                spec,
                part,
                place,
                origin.folder,
                origin=origin.origin or origin.address,
                account=origin.account,
            )
        )

    def _choose_account(self, draft: _Draft) -> None:
        chosen = self.accounts.choose(draft.spec.account, draft.part)
        if isinstance(chosen, str):
            draft.account = chosen
            return
        if chosen is not None:
            self.faults.append(chosen)
        draft.faulty = True

    def _find_data(self, draft: _Draft) -> None:
        """Rewrite each local path relative to the root, so that no spec depends on where its manifest stands."""
        for path, local, value in list(_LOCAL_PATHS.of(draft.spec)):
            found = self.site.data_file(draft.folder, value, local.noun)
            if isinstance(found, str):
                self.pieces.add(found)
                if found != value:
                    draft.spec = replaced(draft.spec, path, found)
                continue
            self.faults.append(replace(found, place=draft.part.place(path), subject=draft.part.subject))
            draft.faulty = True
            draft.readable = False

    # References

    def _resolve(self, draft: _Draft) -> None:
        refs: dict[Address, None] = {}
        for path, ref, value in _REFS.of(draft.spec):
            target = Address(ref.kind, value)
            other = self.drafts.get(target)
            if other is None:
                draft.faulty = True
                if not self._may_exist(target):
                    self.faults.append(self._dangling(draft, target, path))
            elif not ref.any_account and other.account != draft.account and other.account and draft.account:
                draft.faulty = True
                self.faults.append(_other_account(draft, other, path))
            else:
                refs[target] = None
        draft.refs = tuple(refs)

    def _may_exist(self, target: Address) -> bool:
        """Whether a resource that was not found is declared by something that could not be read."""
        if target in self.existing or self.blind:
            return True
        if any(target.name in text for text in self.unread):
            return True
        return any(target.name.startswith(f"{faulty.name}.") for faulty in self.existing if faulty not in self.drafts)

    def _dangling(self, draft: _Draft, target: Address, path: tuple[str | int, ...]) -> Fault:
        self.guesses -= 1
        names = [address.name for address in self.existing if address.kind == target.kind and self.guesses > 0]
        return Fault(
            "dangling-reference",
            "What is referred to does not exist",
            f"{quoted(draft.part.called(path))} names {quoted(str(target))}, which no manifest declares.",
            meant(target.name, names, what="Declared") or f"Add a {target.kind} of that name.",
            draft.part.place(path),
            str(draft.address),
        )

    def _cycle(self, cycle: list[Address]) -> Fault:
        first = self.drafts[cycle[0]]
        following = cycle[1 % len(cycle)]
        path = next(path for path, ref, value in _REFS.of(first.spec) if Address(ref.kind, value) == following)
        way = " → ".join(map(str, [*cycle, cycle[0]]))
        return Fault(
            "cycle",
            "Resources refer to each other in a circle",
            f"{way}.",
            "Remove one of these references.",
            first.part.place(path),
            str(first.address),
        )


def _other_account(draft: _Draft, other: _Draft, path: tuple[str | int, ...]) -> Fault:
    return Fault(
        "other-account",
        "A reference to another account",
        f"{draft.address} is in {quoted(draft.account)}, {other.address} in {quoted(other.account)}.",
        "Declare both in one account.",
        draft.part.place(path),
        str(draft.address),
    )


def _texts(document: Document) -> list[str]:
    """Return the name that a document without a known kind declares."""
    metadata = document.root.child("metadata") if document.root else None
    name = metadata.child("name") if metadata else None
    return [str(name.data)] if name else []


def _distinct(faults: Iterable[Fault]) -> list[Fault]:
    """Leave out what was said already: of a data file that two resources share, of a value that is no value at all."""
    every = {(one.code, one.summary, one.detail, one.place) if one.place else one: one for one in faults}
    void = {one.place for one in every.values() if one.code in NO_VALUE}
    return [one for one in every.values() if one.place not in void or one.code in NO_VALUE]
