"""Manifests for what lives in an account and no manifest declares: named, linked, and planned before any is written.

What would not be kept as it is when it is planned together with the tree is left out, with the plan's own reason. So the
next plan after an import makes no change, by construction.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError

from reconciler.core.account import Account
from reconciler.core.change import Change, Delete, Keep, Plan, Stuck, Update, live_of
from reconciler.core.draft import Draft, LeftOut
from reconciler.core.fault import Fault, Place, ReconcilerError
from reconciler.core.plan import Options, make_plan, matches
from reconciler.core.resource import Address, Desired, Observed, Phase, Ref, World
from reconciler.kind import Confirmer, Gateway, Kind, Workspace
from reconciler.manifests.annotations import Marks
from reconciler.manifests.checks import Declared, check
from reconciler.manifests.graph import ordered
from reconciler.manifests.head import API_VERSION

_REFS = Marks(Ref)
_NOWHERE = Place("(import)")
_LONGEST = 50
"""Characters of a name that come from what people called a thing; the rest tells two of them apart."""
_Key = tuple[str, str, str]
Refine = Callable[[Draft], Draft | str]
"""Returns what is written of a draft, or why nothing is."""


@dataclass(frozen=True)
class Adopted:
    """A live object and the manifest that declares it from now on."""

    address: Address
    account: str
    draft: Draft
    spec: Mapping[str, Any]

    def manifest(self, spec: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the document; `spec` takes the place of its own."""
        draft = self.draft
        metadata: dict[str, Any] = {"name": self.address.name}
        if draft.adopt:
            metadata["adopt"] = draft.adopt
        if draft.ignore:
            metadata["ignore"] = list(draft.ignore)
        return {
            "apiVersion": API_VERSION,
            "kind": self.address.kind,
            "metadata": metadata,
            "spec": dict(self.spec if spec is None else spec),
        }


@dataclass(frozen=True)
class Survey:
    """What can be written, in the order of kinds and within one of age, and what cannot."""

    adopted: tuple[Adopted, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Wish:
    """What of the accounts is asked for. `history`: also what bears our mark and no manifest declares any more.

    `anew`: it lives elsewhere, so that nothing of it is kept, and its manifests need only be valid.
    """

    accounts: Sequence[str]
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    history: bool = False
    anew: bool = False
    refine: Refine = lambda draft: draft


def confirmed(plan: Plan, world: World, gateways: Mapping[tuple[str, str], Gateway]) -> World:
    """Return what was observed after a look for what undeclared objects made, where a list does not show it."""
    found = {
        _key(live): gateway.confirmed(live)
        for live in _unclaimed(plan, world)
        if isinstance(gateway := gateways[live.account, live.kind], Confirmer)
    }
    objects = {key: tuple(found.get(_key(live), live) for live in group) for key, group in world.objects.items()}
    return replace(world, objects=objects)


def _unclaimed(plan: Plan, world: World) -> list[Observed]:
    """Return the live objects that no declared resource is, whoever made them."""
    claimed = {_key(live) for live in _claimed(plan.changes).values()}
    return [live for live in world if _key(live) not in claimed and live.phase is not Phase.GONE]


def survey(
    desired: Sequence[Desired],
    accounts: Mapping[str, Account],
    world: World,
    kinds: Mapping[str, Kind],
    workspace: Workspace,
    wish: Wish,
) -> Survey:
    """Return manifests for what nothing declares; raises ReconcilerError if an account could not be read whole."""
    unread = [fault for (name, _), fault in world.failures.items() if name in wish.accounts]
    if unread:
        raise ReconcilerError(*dict.fromkeys(unread))
    return _Surveyor(desired, accounts, world, kinds, workspace, wish).survey()


@dataclass
class _Round:
    """One attempt: what is drafted, by address, and what is left out for a reason of the kind's own."""

    adopted: dict[Address, Adopted] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)


class _Surveyor:
    def __init__(
        self,
        desired: Sequence[Desired],
        accounts: Mapping[str, Account],
        world: World,
        kinds: Mapping[str, Kind],
        workspace: Workspace,
        wish: Wish,
    ) -> None:
        self.desired = desired
        self.accounts = accounts
        self.world = world
        self.kinds = kinds
        self.workspace = workspace
        self.wish = wish
        plan = make_plan(desired, accounts, world, kinds, Options())
        self.claimed = _claimed(plan.changes)
        self.free = sorted(_unclaimed(plan, world), key=lambda live: (live.created_at, live.name.lower(), live.id))
        self.refused: dict[_Key, str] = {}
        """What a plan would not keep, and why."""
        self.unlinked: set[_Key] = set()
        """What refers to no other manifest, because it was not kept when it did."""

    def survey(self) -> Survey:
        while True:
            found = self._round()
            wrong = self._wrong(found)
            if not wrong:
                refused = [LeftOut(live, self.refused[_key(live)]) for live in self.free if _key(live) in self.refused]
                return Survey(tuple(found.adopted.values()), (*found.left_out, *refused))
            for address, reason in wrong.items():
                key = _key(found.adopted[address].draft.live)
                if self._linked(found.adopted[address]) and key not in self.unlinked:
                    self.unlinked.add(key)
                else:
                    self.refused[key] = reason

    def _round(self) -> _Round:
        found = _Round()
        taken = {item.address for item in self.desired}
        for account in self.wish.accounts:
            named = {
                name: address.name
                for address, live in self.claimed.items()
                if live.account == account
                for name in _names_of(live)
            }
            for kind in self.kinds.values():
                for live in self.free:
                    if (live.account, live.kind) == (account, kind.name) and _key(live) not in self.refused:
                        self._take(live, kind, named, taken, found)
        return found

    def _take(
        self, live: Observed, kind: Kind, named: dict[tuple[str, str], str], taken: set[Address], found: _Round
    ) -> None:
        made = self._others(live, kind) or kind.draft(live, {} if _key(live) in self.unlinked else named)
        if isinstance(made, str):
            found.left_out.append(LeftOut(live, made))
            return
        draft = self.wish.refine(made)
        if isinstance(draft, str):
            found.left_out.append(LeftOut(live, draft))
            return
        address = self._address(draft, taken)
        if self.wish.targets and not matches(self.wish.targets, address):
            return
        if matches(self.wish.excludes, address):
            return
        taken.add(address)
        named |= dict.fromkeys(_names_of(live), address.name)
        spec = dict(draft.spec)
        if draft.live_name and address.name != live.name:
            spec = {draft.live_name: live.name, **spec}
        if len(self.accounts) > 1:
            spec = {"account": live.account, **spec}
        found.adopted[address] = Adopted(address, live.account, draft, spec)

    def _others(self, live: Observed, kind: Kind) -> str:
        """Return whose an object is, if it is not to be taken over."""
        account = self.accounts[live.account]
        if kind.is_ours(live, account):
            return "" if self.wish.history else f"it was made from manifests of {live.owner} and is declared no more"
        if live.owner and not (live.owner in account.spec.owners and live.facts.get("adopted")):
            return f"it belongs to {live.owner}"
        return ""

    def _address(self, draft: Draft, taken: set[Address]) -> Address:
        """Choose a name: what people call it, with the account and then a number where that is taken."""
        first = slug(draft.name)
        several = [f"{first}-{draft.live.account}"] if len(self.accounts) > 1 else []
        for name in (first, *several, *(f"{first}-{number}" for number in range(2, len(taken) + 3))):
            address = Address(draft.live.kind, name)
            if address not in taken:
                return address
        raise AssertionError("a name is free among more names than are taken")

    def _linked(self, adopted: Adopted) -> bool:
        bare = self.kinds[adopted.address.kind].draft(adopted.draft.live, {})
        return isinstance(bare, Draft) and bare.spec != adopted.draft.spec

    def _wrong(self, found: _Round) -> dict[Address, str]:
        """Return what a plan would not keep, and why; of what needs one another only the first."""
        wrong: dict[Address, str] = {}
        declared: dict[Address, Desired] = {item.address: item for item in self.desired}
        for address, adopted in found.adopted.items():
            made = self._desired(adopted)
            if isinstance(made, str):
                wrong[address] = made
            else:
                declared[address] = made
        if wrong:
            return wrong
        order, _ = ordered({address: item.refs for address, item in declared.items()})
        resources = Declared(declared, order, frozenset(), frozenset(found.adopted))
        checked, faults = check(resources, self.kinds, self.accounts, self.workspace)
        for fault in faults:
            about = [one for one in found.adopted if str(one) == fault.subject and fault.severity == "error"]
            wrong |= {one: _said(fault) for one in about if one not in wrong}
        if wrong or self.wish.anew:
            return wrong
        plan = make_plan(checked, self.accounts, self.world, self.kinds, Options())
        unkept = {change.address: _why(change) for change in plan.changes if change.address in found.adopted}
        unkept = {address: why for address, why in unkept.items() if why}
        return {
            address: why for address, why in unkept.items() if not any(ref in unkept for ref in declared[address].refs)
        }

    def _desired(self, adopted: Adopted) -> Desired | str:
        model = self.kinds[adopted.address.kind].spec
        try:
            spec = model.model_validate(dict(adopted.spec))
        except ValidationError as error:
            first = error.errors()[0]
            field_ = ".".join(map(str, first["loc"]))
            return f"its settings are none that a manifest can have ({field_}: {first['msg']})"
        refs = tuple(dict.fromkeys(Address(ref.kind, value) for _, ref, value in _REFS.of(spec)))
        draft = adopted.draft
        return Desired(
            adopted.address,
            adopted.account,
            spec,
            _NOWHERE,
            refs=refs,
            adopt=draft.adopt,
            ignore=draft.ignore,
        )


def _claimed(changes: Sequence[Change]) -> dict[Address, Observed]:
    return {
        change.address: live
        for change in changes
        if not isinstance(change, Delete) and (live := live_of(change)) is not None
    }


def _names_of(live: Observed) -> Iterator[tuple[str, str]]:
    yield live.kind, live.id
    if live.outputs.get("model"):
        yield live.kind, str(live.outputs["model"]).lower()


def _key(live: Observed) -> _Key:
    return live.account, live.kind, live.id


def _why(change: Change) -> str:
    """Return why a change is not that an adopted object is kept; "" if it is."""
    match change:
        case Keep(live=Observed()):
            return ""
        case Update() if change.adopts:
            return ""
        case Stuck(fault=fault):
            return _said(fault)
        case Update(changes=changes):
            return "a plan would change " + ", ".join(item.path for item in changes)
        case _:
            return "a plan would not find it again"


def _said(fault: Fault) -> str:
    return f"{fault.summary}: {fault.detail}".rstrip(". ") if fault.detail else fault.summary


def slug(text: str) -> str:
    """Return a name that a manifest can have; accents are dropped."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")
    return plain[:_LONGEST].rstrip("-") or "unnamed"
