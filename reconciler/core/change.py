"""What a plan is made of: a union of small values, so that every `match` over it is checked for totality."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeGuard, assert_never

from reconciler.core.charges import PlanCost
from reconciler.core.diff import MARKS, FieldChange
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase, Spec

Then = Literal["create", "update", "replace"]
RETRY = "retry"
"""`Create.reason` of an object that is made again because Azure itself failed."""
BESIDE = "beside"
"""`Create.reason` of an object that is made next to the one it takes the place of (`Create.supersedes`)."""


@dataclass(frozen=True)
class Keep:
    """Nothing to do: the live object is the declared one, or none is needed (`live` is None)."""

    desired: Desired
    live: Observed | None
    notes: tuple[str, ...] = ()
    """What a person should know of it, line by line; so in each change."""
    rests: bool = False
    """It has not ended and is as declared all the same: a suspended job."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.desired.address


@dataclass(frozen=True)
class Wait:
    """Nothing can be done before other resources are ready; then it is created, updated or replaced."""

    desired: Desired
    live: Observed | None
    on: tuple[Address, ...]
    then: Then
    blocked: bool = False
    """True if what it waits for needs a person first."""
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.desired.address


@dataclass(frozen=True)
class Stuck:
    """A person must decide; nothing is done, and the live object is not touched."""

    address: Address
    account: str
    fault: Fault
    live: Observed | None = None
    desired: Desired | None = None
    refused: bool = False
    """It was judged and is refused: a gate failed. What it would replace goes on as it is."""


@dataclass(frozen=True)
class Create:
    """A new object; `why` compares it with the predecessor that it supersedes, which is kept."""

    desired: Desired
    after: Spec
    reason: str
    digest: str
    supersedes: Observed | None = None
    why: tuple[FieldChange, ...] = ()
    held: str = ""
    notes: tuple[str, ...] = ()
    late: bool = False
    """It may have been made before, and vanished; what it supersedes is there."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.desired.address


@dataclass(frozen=True)
class Update:
    """The live object is changed in place."""

    desired: Desired
    live: Observed
    after: Spec
    changes: tuple[FieldChange, ...]
    digest: str
    also_waits_for: tuple[Address, ...] = ()
    held: str = ""
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.desired.address

    @property
    def adopts(self) -> bool:
        """Whether it only marks as ours an object that its manifest takes over: nothing of what it is changes.

        The mark stands in the place of a state file, so it counts as no change, and as no drift.
        """
        marks = bool(self.changes) and all(item.path.startswith(MARKS) for item in self.changes)
        return bool(self.desired.adopt) and marks and not self.also_waits_for


@dataclass(frozen=True)
class Replace:
    """The live object is deleted and made anew, because a field that cannot change differs."""

    desired: Desired
    live: Observed
    after: Spec
    changes: tuple[FieldChange, ...]
    digest: str
    held: str = ""
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.desired.address


@dataclass(frozen=True)
class Delete:
    """A live object of ours goes away: `left_over` by the manifests, a `duplicate` of another, or by `destroy`."""

    live: Observed
    reason: Literal["left_over", "duplicate", "destroy"]
    held: str = ""
    duplicate_of: str = ""
    declared: Address | None = None
    """The resource that a duplicate is one of, or a former object of."""
    kept: bool = False
    """It is a former object that stays for a time, whatever flags say; `held` says until when."""
    expired: str = ""
    """Why `declared` does not declare it any more, where nothing has taken its place."""
    notes: tuple[str, ...] = ()

    @property
    def address(self) -> Address:
        """What a person would call the live object."""
        return self.live.address


@dataclass(frozen=True)
class DataChange:
    """How the data of a resource differs from an earlier version of it, in numbers of examples and of tokens.

    `against` is what people call the earlier version (a branch, HEAD, a commit). `reformatted` examples have the same values
    and other bytes. Tokens are those of what was added, removed or changed; None where they were not counted.
    """

    against: str
    before: int
    after: int
    added: int = 0
    removed: int = 0
    changed: int = 0
    reformatted: int = 0
    tokens_added: int | None = None
    tokens_removed: int | None = None
    reordered: bool = False
    unknown: str = ""
    """Why the two cannot be compared; then no number means anything."""


Change = Keep | Wait | Stuck | Create | Update | Replace | Delete
Action = Create | Update | Replace | Delete
"""The changes that write.

Each has `held`: why it is listed and not done in this run (for example that `--prune` was not given).
"""


@dataclass(frozen=True)
class Plan:
    """An ordered list of changes: what is needed comes before what needs it, deletions come last."""

    changes: tuple[Change, ...]
    history: tuple[Observed, ...] = ()
    """Finished jobs and models of ours that no manifest matches: never drift, shown by `history`."""
    warnings: tuple[Fault, ...] = ()
    tree_digest: str = ""
    """Digest of everything that the manifests declare, data included."""
    needs: dict[Address, tuple[Address, ...]] = field(default_factory=dict)
    """Which resources each resource refers to."""
    digests: dict[Address, str] = field(default_factory=dict)
    """The identity of what each resource declares."""
    known_by: dict[Address, tuple[str, ...]] = field(default_factory=dict)
    """Every digest that the live object of a resource may have been made under, that of `digests` first."""
    refusals: tuple[Fault, ...] = ()
    """Why the plan may not be applied as it is (see `core.guard`)."""
    to_name: tuple[Address, ...] = ()
    """What `--allow-delete` must name before anything is deleted."""
    data: dict[Address, DataChange] = field(default_factory=dict)
    """What changed in the data of resources that are made, where an earlier version of it is at hand."""
    cost: PlanCost | None = None
    """What it costs; None where nobody asked."""
    unread: tuple[Fault, ...] = ()
    """Why parts of Azure could not be read; the plan is then not whole."""
    asks: tuple[Observed, ...] = ()
    """Live objects of which more must be known before everything is decided (see `Claim.asks`)."""
    not_ours: tuple[Observed, ...] = ()
    """Live objects that bear the mark of a declared resource and contradict it (see `Claim.not_ours`)."""

    @property
    def errored(self) -> bool:
        """True if part of Azure could not be read."""
        return bool(self.unread)

    def knows(self, change: Change) -> bool:
        """Return whether a change rests on what was read; what could not be read is said once, not for each resource."""
        return not (isinstance(change, Stuck) and change.fault in self.unread)

    def is_copy(self, change: Delete) -> bool:
        """Return whether a resource goes on with an object of the same content: one of two uploads, of which one's answer was lost."""
        return (change.address, change.live.identity) in self._staying

    @cached_property
    def _staying(self) -> frozenset[tuple[Address, str]]:
        kept = ((one.address, live_of(one)) for one in self.changes if not isinstance(one, Delete))
        return frozenset((address, live.identity) for address, live in kept if live is not None and live.identity)

    @property
    def actions(self) -> tuple[Action, ...]:
        """The changes that write and are not held back."""
        return tuple(change for change in self.changes if is_action(change))

    @property
    def converged(self) -> bool:
        """True if every manifest is matched and nothing is under way or stuck."""
        return not self.errored and all(_at_rest(change) for change in self.changes)


def is_action(change: Change) -> TypeGuard[Action]:
    """Return whether applying this change writes to Azure."""
    return isinstance(change, Create | Update | Replace | Delete) and not change.held


def is_held(change: Change) -> bool:
    """Return whether this change is shown and not made in this run."""
    return isinstance(change, Create | Update | Replace | Delete) and bool(change.held)


def verb(change: Change) -> str:
    """Return the machine word of a change, as Terraform's JSON plan spells actions."""
    match change:
        case Keep() | Wait() | Stuck():
            return "no-op"
        case Create():
            return "create"
        case Update():
            return "update"
        case Replace():
            return "replace"
        case Delete():
            return "delete"
    assert_never(change)


def live_of(change: Change) -> Observed | None:
    """Return the live object that a change is about, if there is one."""
    return None if isinstance(change, Create) else change.live


def account_of(change: Change) -> str:
    """Return the account that a change is about."""
    match change:
        case Stuck():
            return change.account
        case Delete():
            return change.live.account
        case Keep() | Wait() | Create() | Update() | Replace():
            return change.desired.account
    assert_never(change)


def _at_rest(change: Change) -> bool:
    match change:
        case Keep():
            return change.rests or change.live is None or change.live.phase is Phase.READY
        case Delete():
            return bool(change.held)
        case Update():
            return change.adopts
        case Wait() | Stuck() | Create() | Replace():
            return False
    assert_never(change)
