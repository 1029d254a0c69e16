"""What the planner asks of a kind, and what it tells it: pure rules over values, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from reconciler.core.account import Account
from reconciler.core.change import Create, Then, Update
from reconciler.core.charges import Charges
from reconciler.core.diff import FieldChange
from reconciler.core.digest import MARK_DIGEST_CHARS, short
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Spec, Unknown, World

T = TypeVar("T")
Digests = Mapping[Address, tuple[str, ...]]
"""Identity of every declared resource under each version of its kind's digest rule, newest first."""
Resolved = Mapping[Address, Observed | Unknown]
"""What the references of a resource point at: a live object, or something that does not exist yet."""


@dataclass(frozen=True)
class Former:
    """A live object that was a resource's, and which another one has taken the place of."""

    live: Observed
    """What may have passed on its protection to what has taken its place."""
    kept: str = ""
    """Why it is not deleted yet; empty if it may go."""
    expired: str = ""
    """Why its manifest does not declare it any more, where nothing has taken its place."""


@dataclass(frozen=True)
class Claim:
    """Which live object is a declared resource's, by mark and evidence."""

    live: Observed | None = None
    stuck: Fault | None = None
    refused: Fault | None = None
    """Why the live object stays as it is although it differs: a gate failed."""
    warnings: tuple[Fault, ...] = ()
    """What whoever reads the plan must not miss."""
    runs: Fault | None = None
    """Set if programs must be run before the change is made: what to say where they may not be."""
    duplicates: tuple[Observed, ...] = ()
    """Further live objects of the same identity that should not go on."""
    not_ours: tuple[Observed, ...] = ()
    """Live objects with the resource's mark and without evidence: somebody else's, never touched."""
    digest: str = ""
    """Under which digest the live object was made, if it is none of those that the resource has."""
    uses: tuple[str, ...] = ()
    """Ids of further live objects that the resource needs, whoever made them."""
    reason: str = "new"
    """Why there is none: `new`, or a word of the kind's own such as `missing`."""
    late: bool = False
    """Whether it may have been made before, and vanished, although something else stands in its place."""
    predecessor: Observed | None = None
    former: tuple[Former, ...] = ()
    """Live objects of the resource that are not `live`; they are deleted like what is left over, when they may go."""
    pinned: Observed | None = None
    """A finished object that the manifest names: what the resource refers to is not waited for, and this is not deleted."""
    then: Then | None = None
    """What is done with the live object when what it waits for is there; an update if absent."""
    why: tuple[FieldChange, ...] = ()
    after: Spec | None = None
    """The spec with its references resolved, where the claim knows more than `resolve`."""
    asks: tuple[Observed, ...] = ()
    """Live objects of which more must be read before this can be decided: their gateway's `closer` reads it."""
    parked: str = ""
    """Why nothing is made now although there is no live object."""
    notes: tuple[str, ...] = ()
    """What a person should know of it."""


class View:
    """What a kind may look at to decide: one account's live objects, and the identities of all declared resources."""

    def __init__(
        self,
        account: Account,
        world: World,
        digests: Digests,
        contents: Mapping[Address, Desired],
        accounts: Mapping[str, Account] | None = None,
    ) -> None:
        self.account = account
        self.accounts = accounts or {}
        self.world = world
        self.digests = digests
        self.declared = contents
        self._by_id: dict[str, Observed] | None = None
        self._by_identity: dict[str, dict[str, list[Observed]]] = {}
        self._parts: dict[str, frozenset[str]] = {}
        self._indices: dict[str, Any] = {}

    @property
    def owners(self) -> tuple[str, ...]:
        """Whose marks are ours."""
        return self.account.spec.owners

    @property
    def now(self) -> float:
        """When the world was looked at, in seconds since the epoch."""
        return self.world.at

    def of(self, kind: str) -> tuple[Observed, ...]:
        """Return the account's live objects of a kind."""
        return self.world.of(self.account.name, kind)

    def by_id(self, object_id: str) -> Observed | None:
        """Return the account's live object with this id."""
        if self._by_id is None:
            self._by_id = {
                live.id: live
                for (name, _), group in self.world.objects.items()
                if name == self.account.name
                for live in group
            }
        return self._by_id.get(object_id)

    def by_ids(self, ids: Iterable[str]) -> list[Observed]:
        """Return the account's live objects with these ids."""
        return [live for object_id in ids if (live := self.by_id(object_id)) is not None]

    def by_identity(self, kind: str, identity: str) -> list[Observed]:
        """Return the account's live objects of a kind whose mark carries this identity."""
        if kind not in self._by_identity:
            index: dict[str, list[Observed]] = {}
            for live in self.of(kind):
                if live.identity:
                    index.setdefault(live.identity, []).append(live)
            self._by_identity[kind] = index
        return self._by_identity[kind].get(identity, [])

    def index(self, name: str, make: Callable[[], T]) -> T:
        """Return what a kind looks things up in, made once: what is searched for each resource anew takes long with many."""
        if name not in self._indices:
            self._indices[name] = make()
        found: T = self._indices[name]
        return found

    def declared_parts(self, kind: str) -> frozenset[str]:
        """Return what the marks of all declared resources of a kind carry of their digests."""
        if kind not in self._parts:
            self._parts[kind] = frozenset(
                short(digest, MARK_DIGEST_CHARS)
                for address, digests in self.digests.items()
                if address.kind == kind
                for digest in digests
            )
        return self._parts[kind]


class Rules(Protocol):
    """The pure half of a kind (see `reconciler.kind.Kind` for the whole).

    name: as in manifests. word: what creating one is called ("create", "train"). observes: other kinds whose
    live objects its claim looks at. long_running: it works for hours after its creation. on_demand: it is made only if something
    that is to be made needs it, or nothing refers to it. control_plane: its writes are made one at a time an account.
    echoes_all: the service returns each field it was sent. updatable: it can be changed in place. prune: its word in
    `Account.prune`. keeps_history: finished objects that no manifest matches stay and are no drift. gone_for: for about how
    long one is gone that is deleted and made anew, in words.
    """

    name: ClassVar[str]
    word: ClassVar[str]
    observes: ClassVar[tuple[str, ...]]
    long_running: ClassVar[bool]
    on_demand: ClassVar[bool]
    control_plane: ClassVar[bool]
    echoes_all: ClassVar[bool]
    updatable: ClassVar[bool]
    prune: ClassVar[str]
    keeps_history: ClassVar[bool]
    gone_for: ClassVar[str]

    def digests(self, desired: Desired, parents: Digests) -> tuple[str, ...]:
        """Return the resource's identity under each version of the digest rule, newest first."""
        ...

    def claim(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the live object of a declared resource."""
        ...

    def resolve(self, desired: Desired, refs: Resolved) -> Spec:
        """Return the spec with references replaced by what they point at; what is not known yet is `Unknown`."""
        ...

    def compare(self, desired: Desired, after: Spec, live: Observed) -> tuple[FieldChange, ...]:
        """Return what of the live object contradicts the declared spec (`after`: with its references resolved)."""
        ...

    def switches(self, desired: Desired, live: Observed) -> tuple[FieldChange, ...]:
        """Return what is to be switched at a live object that cannot be changed otherwise: paused, resumed."""
        ...

    def rests(self, desired: Desired, live: Observed) -> bool:
        """Return whether a live object that has not ended is as declared all the same."""
        ...

    def is_ours(self, live: Observed, account: Account) -> bool:
        """Return whether a live object bears our mark (of this source, where the mark tells)."""
        ...

    def in_use(self, live: Observed, world: World, account: str) -> bool:
        """Return whether an unmatched live object is still needed by another live object."""
        ...

    def notes(self, desired: Desired) -> Sequence[str]:
        """Return what a plan that makes the resource says of it beside its settings."""
        ...

    def warnings(
        self, desired: Desired, declared: Mapping[Address, Desired], now: float, *, makes: bool
    ) -> Sequence[Fault]:
        """Return what a plan should warn of, at its time; `makes`: whether it makes the resource, or finds it made."""
        ...

    def spared(self, unmatched: Sequence[Observed], account: Account, declared: Collection[Address]) -> Collection[str]:
        """Return the ids of those unmatched live objects of ours that the Account says to keep."""
        ...

    def charges(self, desired: Desired, declared: Mapping[Address, Desired]) -> Charges:
        """Return what making a declared resource, or having it, is charged for."""
        ...

    def live_charges(self, live: Observed) -> Charges:
        """Return what a live object is charged for as long as it is there."""
        ...

    def counts(self, desired: Desired) -> Mapping[str, int]:
        """Return what making a declared resource adds to, by the names of `reconciler.limits`."""
        ...

    def live_counts(self, live: Observed) -> Mapping[str, int]:
        """Return what a live object counts as, by the names of `reconciler.limits`."""
        ...

    def needs_person(self, change: Create | Update) -> str:
        """Return why a person must look at a change before it is made, whatever flags say; "" if nobody must."""
        ...

    def may_continue(self, change: object) -> bool:
        """Return whether an unattended run (`--continue`) may make this change."""
        ...
