"""The planner: what is declared and what is live go in, an ordered plan comes out. Pure.

It goes through the declared resources once, what is needed before what needs it. For each it asks the kind which live
object is the resource's (the claim), and decides. What no manifest claims and bears our mark is then history or left
over. What an option forbids (no --prune, --target, --continue) stays in the plan as `held`, so it is shown.

It is long because all decisions of one planning share its indices; what can be told without them has a module of its own.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from graphlib import TopologicalSorter
from typing import Literal

from reconciler.core.account import Account
from reconciler.core.change import Change, Create, Delete, Keep, Plan, Replace, Stuck, Update, Wait
from reconciler.core.cost import plan_cost
from reconciler.core.diff import FieldChange
from reconciler.core.digest import spec_digest
from reconciler.core.fault import Fault
from reconciler.core.guard import guard, named_for_nothing, pin_faults
from reconciler.core.ignore import ignoring
from reconciler.core.in_use import model_faults
from reconciler.core.policy import Judges, judge, own
from reconciler.core.quota import limit_faults
from reconciler.core.resource import Address, Desired, Observed, Phase, Unknown, World
from reconciler.core.rules import Claim, Former, Resolved, Rules, View
from reconciler.core.superseded import EVERYTHING, Retention, has_model, listed, retention, superseding


@dataclass(frozen=True)
class Options:
    """What a run may do. `whole_tree` is false where the tree read is not the folder of the Account."""

    prune: bool = False
    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    allow_delete: tuple[str, ...] = ()
    unattended: bool = False
    auto_approved: bool = False
    """Nobody looks at this very plan before it is applied."""
    allow_commands: bool = True
    """Whether programs of the repository may be run, in what carries the plan out; what only shows one runs nothing."""
    whole_tree: bool = True
    destroy: bool = False
    max_cost: Decimal | None = None
    """Dollars that the run may spend at most."""
    judges: Judges | None = None
    """Whose policies and prices count; each Account's own if absent."""
    refused: tuple[Fault, ...] = ()
    """Why the plan may not be applied, whatever is in it."""
    not_ours: frozenset[str] = frozenset()
    """Ids of what bears our mark and contradicts the manifests, for a plan that is made without them: it is left alone."""


class Planner:
    """One planning; its parts share the indices that make it fast."""

    def __init__(
        self,
        desired: Sequence[Desired],
        accounts: Mapping[str, Account],
        world: World,
        kinds: Mapping[str, Rules],
        options: Options,
    ) -> None:
        self.declared = {item.address: item for item in desired}
        self.accounts = accounts
        self.world = world
        self.kinds = kinds
        self.options = options
        self.order = _ordered(desired)
        self.digests: dict[Address, tuple[str, ...]] = {}
        for item in self.order:
            self.digests[item.address] = kinds[item.address.kind].digests(item, self.digests)
        self.views = {
            name: View(account, world, self.digests, self.declared, accounts) for name, account in accounts.items()
        }
        self.changes: dict[Address, Change] = {}
        self.duplicates: list[Delete] = []
        self.not_ours: list[Observed] = []
        self.claimed: set[tuple[str, str, str]] = set()
        self.asks: dict[tuple[str, str, str], Observed] = {}
        self.warned: list[Fault] = []
        self.former: dict[tuple[str, str, str], tuple[Address, Former]] = {}
        """Which resource a live object was, and what became of it."""
        self.pinned: dict[Address, Observed] = {}
        """What resources name that does not follow what they refer to."""

    def plan(self) -> Plan:
        """Make the plan."""
        for item in self.order:
            self.changes[item.address] = self._decide(item)
        self._spare_what_nobody_needs()
        selected = self._selected()
        changes: list[Change] = [change for address, change in self.changes.items() if address in selected]
        duplicates = [item for item in self.duplicates if not self._narrowed() or item.declared in selected]
        deletions, history = self._unmatched()
        held = [self._hold(change) for change in (*changes, *duplicates, *deletions)]
        destroying = self.options.destroy
        guarded = guard(held, {} if destroying else self.accounts, self.declared, self.options.allow_delete)
        refusals = guarded.faults + model_faults(held, self.world, self.declared, self.kinds)
        judges = self.options.judges or own(self.accounts)
        rest = [change for address, change in self.changes.items() if address not in selected]
        pricing = {name: judges.get(name, (account,))[0] for name, account in self.accounts.items()}
        unread = tuple(dict.fromkeys(self.world.failures.values()))
        cost = plan_cost(held, rest, pricing, self.declared, self.kinds, unread)
        if not destroying:
            refusals += judge(held, cost, judges, self.declared, self.kinds, self.options.max_cost)
        pins = ((self.declared[address], live) for address, live in self.pinned.items())
        refusals += (*self.options.refused, *pin_faults(pins, self.options.allow_delete))
        limits = () if destroying else limit_faults(held, self.world, self.accounts, self.declared, self.kinds)
        return Plan(
            changes=tuple(held),
            refusals=refusals,
            to_name=guarded.to_name,
            warnings=(
                *self.warned,
                *self._warnings(held),
                *limits,
                *named_for_nothing(self.options.allow_delete, self.world),
            ),
            history=tuple(history),
            tree_digest=self._tree_digest(),
            needs={item.address: self._needs(item) for item in self.order},
            digests={address: digests[0] for address, digests in self.digests.items()},
            known_by=self.digests,
            cost=cost,
            unread=unread,
            asks=tuple(self.asks.values()),
            not_ours=tuple(self.not_ours),
        )

    def _decide(self, item: Desired) -> Change:
        rules = self.kinds[item.address.kind]
        for kind in (rules.name, *rules.observes):
            failure = self.world.failures.get((item.account, kind))
            if failure:
                return Stuck(item.address, item.account, failure, desired=item)
        refs: Resolved = {ref: self._points_at(ref) for ref in item.refs}
        claim = rules.claim(item, self.views[item.account], refs)
        self._settle_claim(item, claim)
        if claim.stuck:
            return Stuck(item.address, item.account, claim.stuck, claim.live, item)
        refused = claim.refused or (None if self.options.allow_commands else claim.runs)
        if refused:
            return Stuck(item.address, item.account, refused, claim.live or claim.predecessor, item, refused=True)
        blocking = tuple(ref for ref in self._needs(item) if self._holds_up(ref) or self._is_asked(claim, ref))
        if claim.live is None:
            return self._absent(item, rules, claim, refs, blocking)
        return self._present(item, rules, claim, claim.live, refs, blocking)

    def _absent(
        self, item: Desired, rules: Rules, claim: Claim, refs: Resolved, blocking: tuple[Address, ...]
    ) -> Change:
        if claim.parked:
            return Keep(item, None, (claim.parked, *claim.notes), rests=True)
        if blocking:
            notes = (*self._why_blocked(blocking), *claim.notes)
            return Wait(item, None, blocking, "create", any(self._is_blocked(ref) for ref in blocking), notes)
        reason = "retrain" if claim.predecessor and claim.reason == "new" else claim.reason
        after = claim.after or rules.resolve(item, refs)
        digest = self.digests[item.address][0]
        return Create(item, after, reason, digest, claim.predecessor, claim.why, notes=claim.notes, late=claim.late)

    def _present(
        self,
        item: Desired,
        rules: Rules,
        claim: Claim,
        live: Observed,
        refs: Resolved,
        blocking: tuple[Address, ...],
    ) -> Change:
        if not rules.updatable:
            switches = rules.switches(item, live)
            if switches:
                return Update(item, live, item.spec, switches, self.digests[item.address][0], notes=claim.notes)
            return Keep(item, live, claim.notes, rests=rules.rests(item, live))
        after = ignoring(claim.after or rules.resolve(item, refs), live.spec, item.ignore)
        changes = tuple(change for change in rules.compare(item, after, live) if not isinstance(change.after, Unknown))
        digest = self.digests[item.address][0]
        if live.phase is Phase.FAILED:
            changes = (*changes, FieldChange("status", live.status, "ready"))
        if any(change.path in after.fixed for change in changes):
            return Replace(item, live, after, changes, digest, notes=claim.notes)
        if changes:
            return Update(item, live, after, changes, digest, blocking, notes=claim.notes)
        if blocking:
            notes = (*self._why_blocked(blocking), *claim.notes)
            then = claim.then or "update"
            return Wait(item, live, blocking, then, any(self._is_blocked(ref) for ref in blocking), notes)
        return Keep(item, live, claim.notes)

    def _is_asked(self, claim: Claim, ref: Address) -> bool:
        """Whether a reference cannot be resolved before more is read of what it points at."""
        return any(self._points_at(ref) == asked for asked in claim.asks)

    def _why_blocked(self, blocking: tuple[Address, ...]) -> tuple[str, ...]:
        """Say why what is waited for needs a person; what only passes it on says it of its own."""
        stuck = ((ref, self.changes[ref]) for ref in blocking)
        return tuple(f"{ref} is stuck: {it.fault.clause}" for ref, it in stuck if isinstance(it, Stuck))

    def _settle_claim(self, item: Desired, claim: Claim) -> None:
        used = self.views[item.account].by_ids(claim.uses)
        for live in (*claim.duplicates, *claim.not_ours, *used, *([claim.live] if claim.live else [])):
            self.claimed.add(_identity(live))
        self.asks.update((_identity(live), live) for live in claim.asks)
        self.warned += claim.warnings
        self.not_ours += claim.not_ours
        if claim.digest:
            self.digests[item.address] += (claim.digest,)
        if claim.pinned is not None:
            self.pinned[item.address] = claim.pinned
        self.former.update((_identity(old.live), (item.address, old)) for old in claim.former)
        winner = claim.live.id if claim.live else str(item.address)
        self.duplicates += [
            Delete(live, "duplicate", duplicate_of=winner, declared=item.address) for live in claim.duplicates
        ]

    def _needs(self, item: Desired) -> tuple[Address, ...]:
        """Return what a resource waits for: what it refers to, unless it names what that has made already."""
        return () if item.address in self.pinned else item.refs

    def _points_at(self, ref: Address) -> Observed | Unknown:
        match self.changes[ref]:
            case (
                Keep(live=Observed() as live)
                | Wait(live=Observed() as live)
                | Update(live=live)
                | Stuck(live=Observed() as live)
            ):
                return live
            case _:
                return Unknown(ref)

    def _holds_up(self, ref: Address) -> bool:
        """Whether what refers to `ref` must wait for another run, or for a person."""
        change = self.changes[ref]
        match change:
            case Stuck() | Wait(live=None):
                return True
            case (
                Keep(live=Observed(phase=phase)) | Update(live=Observed(phase=phase)) | Wait(live=Observed(phase=phase))
            ):
                # What makes its output only at its end has none yet.
                unfinished = phase is Phase.SETTLING and self.kinds[ref.kind].long_running
                return unfinished or phase in {Phase.WORKING, Phase.FAILED}
            case Create() | Replace() | Keep(live=None):
                return self.kinds[ref.kind].long_running
            case _:
                return False

    def _is_blocked(self, ref: Address) -> bool:
        change = self.changes[ref]
        return isinstance(change, Stuck) or (isinstance(change, Wait) and change.blocked)

    def _spare_what_nobody_needs(self) -> None:
        """Turn the creation of an on-demand object into a keep if all that refer to it have what they need."""
        needed = self._needed(self.order)
        for address in self.changes:
            if needed.get(address) is False and self._is_spare(address):
                self.changes[address] = Keep(self.declared[address], None)

    def _needed(self, items: Iterable[Desired]) -> dict[Address, bool]:
        """Return whether these resources need what they refer to for being made."""
        needed: dict[Address, bool] = {}
        for item in items:
            change = self.changes[item.address]
            is_made = isinstance(change, Create) or (
                isinstance(change, Wait) and change.live is None and not change.blocked
            )
            for ref in item.refs:
                # What waits for a person because of this very object is told so by it.
                waits = isinstance(change, Wait) and change.live is None and isinstance(self.changes.get(ref), Stuck)
                needed[ref] = needed.get(ref, False) or is_made or waits
        return needed

    def _is_spare(self, address: Address) -> bool:
        """Whether an object would be made, or cannot be, that is made only for what needs it."""
        change = self.changes[address]
        failed_to_look = isinstance(change, Stuck) and change.fault in self.world.failures.values()
        return isinstance(change, Create | Stuck) and self.kinds[address.kind].on_demand and not failed_to_look

    def _unmatched(self) -> tuple[list[Delete], list[Observed]]:
        deletions: list[Delete] = []
        history: list[Observed] = []
        for name, account in self.accounts.items():
            if any(failed == name for failed, _ in self.world.failures):
                # What uses what cannot be told: nothing of this account is left over.
                continue
            for kind, rules in self.kinds.items():
                unmatched = [
                    live
                    for live in self.world.of(name, kind)
                    if not (_identity(live) in self.claimed or live.phase is Phase.GONE)
                    and rules.is_ours(live, account)
                    and live.id not in self.options.not_ours
                ]
                spared = () if self.options.destroy else rules.spared(unmatched, account, self.declared)
                retained = self._retained(rules, unmatched, account)
                for live in unmatched:
                    if live.id in spared:
                        continue
                    finished = live.phase in {Phase.READY, Phase.FAILED}
                    if rules.keeps_history and finished and not self._named_for_deletion(live, retained):
                        history.append(live)
                        if live.id in retained.surplus:
                            deletions.append(listed(live, account))
                    elif not rules.in_use(live, self.world, name):
                        was, old = self.former.get(_identity(live), (None, Former(live)))
                        reason: Literal["destroy", "left_over"] = "destroy" if self.options.destroy else "left_over"
                        deletions.append(
                            Delete(
                                old.live, reason, held=old.kept, declared=was, kept=bool(old.kept), expired=old.expired
                            )
                        )
        last_first = {kind: -place for place, kind in enumerate(self.kinds)}
        deletions.sort(key=lambda change: (last_first[change.live.kind], change.live.account, change.live.name))
        return deletions, history

    def _retained(self, rules: Rules, unmatched: Sequence[Observed], account: Account) -> Retention:
        if self.options.destroy or not rules.keeps_history:
            return EVERYTHING
        free = [live for live in unmatched if not self._is_pinned(live)]
        names = superseding(self.changes.values(), rules.name, account.name)
        return retention(free, names, account, self.world, self.declared, self.kinds)

    def _is_pinned(self, live: Observed) -> bool:
        return any(_identity(live) == _identity(one) for one in self.pinned.values())

    def _named_for_deletion(self, live: Observed, retained: Retention) -> bool:
        """Whether a model is to go; one that `keep_models` keeps does not by a name that it shares with others, only by its id."""
        if not has_model(live) or self._is_pinned(live):
            return False
        exact = f"{live.kind}/{live.id}" in self.options.allow_delete
        return exact if live.id in retained.kept else names(self.options.allow_delete, live, globs=False)

    def _hold(self, change: Change) -> Change:
        if isinstance(change, Delete):
            held = change.held or self._held_deletion(change)
            return replace(change, held=held) if held else change
        if isinstance(change, Create | Update | Replace) and self._left_to_a_person(change):
            return replace(change, held="--continue only goes on with what an apply began")
        if isinstance(change, Create | Update) and (self.options.unattended or self.options.auto_approved):
            reason = self.kinds[change.address.kind].needs_person(change)
            return replace(change, held=reason) if reason else change
        return change

    def _left_to_a_person(self, change: Create | Update | Replace) -> bool:
        return self.options.unattended and not self.kinds[change.address.kind].may_continue(change)

    def _held_deletion(self, change: Delete) -> str:
        if change.reason == "duplicate":
            return ""
        rules = self.kinds[change.live.kind]
        account = self.accounts[change.live.account].spec
        named = names(self.options.allow_delete, change.live, globs=False)
        if self.options.unattended:
            return "--continue never deletes"
        if self.options.destroy:
            return "" if self._is_chosen(change.live) else "not named by --target"
        if self._narrowed():
            return "nothing is deleted with --target or --exclude"
        if not self.options.prune:
            return "left over, not deleted: --prune is not given"
        if not self.options.whole_tree:
            return "left over, not deleted: PATH is not the folder that holds the Account"
        if rules.prune not in account.prune and not named:
            return f"left over, not deleted: `{rules.prune}` is not in `prune` of Account/{change.live.account}"
        return ""

    def _is_chosen(self, live: Observed) -> bool:
        chosen = not self.options.targets or names(self.options.targets, live, globs=True)
        return chosen and not names(self.options.excludes, live, globs=True)

    def _narrowed(self) -> bool:
        return bool(self.options.targets or self.options.excludes)

    def _selected(self) -> set[Address]:
        chosen = set(self.changes)
        if self.options.targets:
            chosen = {address for address in self.changes if matches(self.options.targets, address)}
            for item in reversed(self.order):
                if item.address in chosen:
                    chosen.update(self._needs(item))
        if self.options.excludes:
            dropped = {address for address in self.changes if matches(self.options.excludes, address)}
            for item in self.order:
                if any(ref in dropped for ref in self._needs(item)):
                    dropped.add(item.address)
            chosen -= dropped
            # What only the excluded need is left out with them, unless it is named for itself.
            needed, still = self._needed(self.order), self._needed(self.declared[address] for address in chosen)
            named = {address for address in chosen if str(address) in self.options.targets}
            idle = {address for address in chosen - named if needed.get(address) and not still.get(address)}
            chosen -= {address for address in idle if self._is_spare(address)}
        return chosen

    def _warnings(self, changes: Iterable[Change]) -> Iterator[Fault]:
        """Say what the kinds warn of: of what is made in this run or a later one, and of what is there."""
        for change in changes:
            match change:
                case Create(desired=item) | Wait(desired=item, live=None):
                    makes = True
                case Keep(desired=item, live=Observed()):
                    makes = False
                case _:
                    continue
            rules = self.kinds[item.address.kind]
            yield from rules.warnings(item, self.declared, self.world.at, makes=makes)

    def _tree_digest(self) -> str:
        accounts = {
            name: account.spec.model_dump(mode="json", exclude_none=True, exclude={"endpoint", "management_endpoint"})
            for name, account in self.accounts.items()
        }
        tree = {str(address): list(digests[:1]) for address, digests in self.digests.items()}
        return spec_digest({"accounts": accounts, "resources": tree})


def make_plan(
    desired: Sequence[Desired],
    accounts: Mapping[str, Account],
    world: World,
    kinds: Mapping[str, Rules],
    options: Options | None = None,
) -> Plan:
    """Compare what is declared with what is live.

    `kinds` is in dependency order (what is referred to comes first); deletions come last, in the reverse of it.
    """
    return Planner(desired, accounts, world, kinds, options or Options()).plan()


def matches(patterns: Iterable[str], address: Address) -> bool:
    """Return whether an address is named by one of these addresses or globs."""
    return any(fnmatch.fnmatchcase(str(address), pattern) for pattern in patterns)


def names(patterns: Iterable[str], live: Observed, *, globs: bool) -> bool:
    """Return whether a live object is named: `Kind/name` or `Kind/id`."""
    spellings = (str(live.address), f"{live.kind}/{live.id}")
    if globs:
        return any(fnmatch.fnmatchcase(spelling, pattern) for spelling in spellings for pattern in patterns)
    return any(spelling == pattern for spelling in spellings for pattern in patterns)


def _ordered(desired: Sequence[Desired]) -> list[Desired]:
    by_address = {item.address: item for item in desired}
    sorter: TopologicalSorter[Address] = TopologicalSorter()
    for item in desired:
        sorter.add(item.address, *item.refs)
    return [by_address[address] for address in sorter.static_order() if address in by_address]


def _identity(live: Observed) -> tuple[str, str, str]:
    return live.account, live.kind, live.id
