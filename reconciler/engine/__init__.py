"""Observe, and apply: the only part that orders I/O. Level-based: each round looks, plans, and goes as far as it can.

What a round cannot do because Azure is busy is done by a later round (with `--wait`) or a later run. Two kinds of
waiting: *settling* takes seconds to minutes and is waited for here, within `settle` seconds an object; *working*
(training) takes hours and is waited for only on request (patience.py).
"""

from __future__ import annotations

import concurrent.futures
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar, assert_never

from reconciler.core.account import Account
from reconciler.core.approval import Approval
from reconciler.core.change import (
    Change,
    Create,
    Delete,
    Keep,
    Plan,
    Replace,
    Stuck,
    Update,
    Wait,
    account_of,
    is_action,
)
from reconciler.core.fault import Fault, ReconcilerError, Refused
from reconciler.core.plan import Options, make_plan
from reconciler.core.resource import UNREAD, Address, Desired, Observed, Phase, World
from reconciler.core.runtime import Runtime
from reconciler.engine.listed import Listed
from reconciler.engine.outcome import Outcome, Status, bug, not_approved, not_taken, signature
from reconciler.engine.patience import Patience
from reconciler.engine.work import Gateways, Worker
from reconciler.kind import Closer, Kind

__all__ = ["Engine", "Executor", "Outcome", "Status", "not_approved"]

T = TypeVar("T")
_Key = Address | tuple[str, ...]
_Object = tuple[str, str, str]
"""Account, kind and id of a live object."""
KNOWN_FOR = 300.0
"""Seconds for which what this run wrote is believed over a list that may be late; longer than `listed` waits."""


class Executor(Protocol):
    """Runs tasks: a thread pool, or one after the other in a simulation."""

    def submit(self, task: Callable[[], T], /) -> Future[T]:
        """Start a task."""
        ...


@dataclass
class _Node:
    change: Change
    needs: set[int] = field(default_factory=set)
    exclusive: str = ""
    """The account whose control-plane slot it takes."""


class Engine:
    """Carries plans out. `settle` is in seconds."""

    def __init__(
        self,
        kinds: Mapping[str, Kind],
        accounts: Mapping[str, Account],
        gateways: Gateways,
        runtime: Runtime,
        executor: Executor,
        *,
        settle: float = 300.0,
    ) -> None:
        self.kinds = kinds
        self.accounts = accounts
        self.gateways = gateways
        self.runtime = runtime
        self.executor = executor
        self._worker = Worker(kinds, gateways, runtime, settle)
        self._listed = Listed(kinds, runtime)
        self._known: dict[_Object, tuple[float, Observed]] = {}
        self._switched: set[_Object] = set()
        self._closer: dict[_Object, Observed] = {}
        self._declared: Mapping[Address, Desired] = {}

    def observe(self) -> World:
        """List everything once, all lists in parallel; what cannot be read is kept as a fault."""
        return self._with_known(self._read(None))

    def _read(self, keys: Collection[tuple[str, str]] | None) -> World:
        """Read the lists of these accounts and kinds, or all, and return what they say."""
        began = self.runtime.clock.now()
        found: dict[tuple[str, str], tuple[Observed, ...]] = {}
        failures: dict[tuple[str, str], Fault] = {}
        tasks = {
            key: self.executor.submit(gateway.observe)
            for key, gateway in self.gateways.items()
            if keys is None or key in keys
        }
        for key, task in tasks.items():
            try:
                found[key] = tuple(task.result())
            except ReconcilerError as error:
                failures[key] = error.faults[0]
            except Exception as error:  # noqa: BLE001  (what one list answers must not hide what the others say)
                failures[key] = bug(None, error, traceback.format_exc())
        # Only the answers tell how far the clock of this machine is off.
        return World(found, failures, began + self.runtime.elsewhere.ahead)

    def _with_known(self, world: World) -> World:
        """Put what this run wrote in the place of what the lists say of it."""
        known = {key: live for key, (at, live) in self._known.items() if world.at - at < KNOWN_FOR}
        return world.overlaid(known, self._switched)

    def plan(self, desired: Sequence[Desired], options: Options, world: World | None = None) -> Plan:
        """Look and make a plan; what the plan asks to know more of is looked at closer, one call for each.

        What was looked at once is not looked at again in this run: it is asked of objects that have ended.
        """
        world = world or self.observe()
        plan = make_plan(desired, self.accounts, world, self.kinds, options)
        while asks := [live for live in plan.asks if _object(live) not in self._closer]:
            tasks = [self.executor.submit(partial(self._look_closer, live)) for live in asks]
            self._closer.update((_object(live), task.result()) for live, task in zip(asks, tasks, strict=True))
            plan = make_plan(desired, self.accounts, self._with_answers(world, plan.asks), self.kinds, options)
        if plan.asks:
            plan = make_plan(desired, self.accounts, self._with_answers(world, plan.asks), self.kinds, options)
        return plan

    def _with_answers(self, world: World, asked: Iterable[Observed]) -> World:
        # Not all that is asked of is listed: a job may have left the history, and only what serves its model tells of it.
        answered = {_object(seen): seen for seen in (*asked, *world) if _object(seen) in self._closer}
        more = {key: replace(live, facts={**self._closer[key].facts, **live.facts}) for key, live in answered.items()}
        return world.overlaid(more, more.keys())

    def _look_closer(self, live: Observed) -> Observed:
        gateway = self.gateways[live.account, live.kind]
        try:
            return gateway.closer(live) if isinstance(gateway, Closer) else live
        except ReconcilerError as error:
            return replace(live, facts={**live.facts, UNREAD: error.faults[0]})
        except Exception as error:  # noqa: BLE001  (one object that cannot be read must not hide the others)
            return replace(live, facts={**live.facts, UNREAD: bug(None, error, traceback.format_exc())})

    def converge(
        self,
        desired: Sequence[Desired],
        options: Options,
        approval: Approval,
        *,
        first: Plan | None = None,
        wait: bool = False,
    ) -> Iterator[Outcome]:
        """Make and carry out plans until nothing more can be done now (with `wait`: until nothing works any more).

        `first` is a plan that was just made and shown. Raises Refused when a plan wants what was not approved.
        """
        attempted: set[tuple[str, ...]] = set()
        given_up: dict[_Key, Outcome] = {}
        patience = Patience(self.runtime)
        plan = first
        while True:
            patience.begin()
            if plan is None:
                world = yield from self._listed.look(self._read)
                plan = approval.limited(self.plan(desired, options, self._with_known(world)))
            # What failed in this run is not tried again, so it needs no approval in the shape that it has now.
            tried = tuple(change for change in plan.changes if _key(change) not in given_up)
            missing = approval.missing(replace(plan, changes=tried))
            if missing:
                raise Refused(not_approved(missing))
            acted = False
            for outcome in self.run(plan, attempted=attempted, given_up=given_up):
                acted = acted or outcome.wrote or _settled_now(outcome)
                self._listed.note(outcome)
                yield self._listed.judged(patience.judged(outcome))
            plan = None
            if acted:
                patience.renew()
            elif wait and patience.has_work:
                patience.wait()
            else:
                return

    def run(self, plan: Plan, *, attempted: set[tuple[str, ...]], given_up: dict[_Key, Outcome]) -> Iterator[Outcome]:
        """Carry one plan out and yield what became of each change, as it happens.

        `attempted` and `given_up` carry over from round to round: what failed is not tried twice in a run, and what
        was done and is planned again was not taken by Azure.
        """
        self._declared = {
            change.desired.address: change.desired for change in plan.changes if not isinstance(change, (Stuck, Delete))
        }
        nodes = self._nodes(plan)
        outcomes: dict[int, Outcome] = {}
        lives: dict[Address, Observed] = {}
        # A second training costs money until it is cancelled: nothing slow comes before that.
        waiting = sorted(range(len(nodes)), key=lambda number: not _is_duplicate(nodes[number].change))
        running: dict[Future[Outcome], int] = {}
        busy: set[str] = set()
        while waiting or running:
            later: list[int] = []
            for number in waiting:
                node = nodes[number]
                if not node.needs <= outcomes.keys() or node.exclusive in busy:
                    later.append(number)
                    continue
                settled = self._without_work(node, outcomes, attempted, given_up)
                if settled:
                    outcomes[number] = settled
                    self._note(settled, lives, given_up)
                    yield settled
                    continue
                attempted.add(signature(node.change))
                if node.exclusive:
                    busy.add(node.exclusive)
                needed = {ref: lives[ref] for ref in plan.needs.get(node.change.address, ()) if ref in lives}
                running[self.executor.submit(self._worker.task(node.change, needed, self._declared))] = number
            progressed = len(later) < len(waiting)
            waiting = later
            if running:
                done, _ = concurrent.futures.wait(running, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda item: running[item]):
                    number = running.pop(future)
                    busy.discard(nodes[number].exclusive)
                    outcome = future.result()
                    outcomes[number] = outcome
                    left = isinstance(outcome.change, Delete) and outcome.status == "unchanged"
                    if outcome.later or left or _is_pressing(outcome.change, outcome.status):
                        # It was left as it is, for now: the next look may say otherwise.
                        attempted.discard(signature(outcome.change))
                    self._note(outcome, lives, given_up)
                    yield outcome
            elif waiting and not progressed:
                raise AssertionError("the changes of a plan wait for each other")

    def _nodes(self, plan: Plan) -> list[_Node]:
        numbers = {
            change.address: number for number, change in enumerate(plan.changes) if not isinstance(change, Delete)
        }
        ranks = {kind: rank for rank, kind in enumerate(self.kinds)}
        deletions = [
            n for n, change in enumerate(plan.changes) if isinstance(change, Delete) and not _is_duplicate(change)
        ]
        nodes: list[_Node] = []
        for change in plan.changes:
            node = _Node(change)
            kind = change.address.kind
            if isinstance(change, Delete):
                if not _is_duplicate(change):
                    node.needs = set(numbers.values())
                    node.needs |= {n for n in deletions if ranks[plan.changes[n].address.kind] > ranks[kind]}
            elif self.kinds[kind].updatable or not isinstance(change, Update):
                # Only a switch, such as pausing a job, needs nothing else to be in order.
                # What is known of a change goes on; only the rest of it waits, perhaps for what needs a person. What is
                # taken over is taken over whole, or not touched.
                later = change.also_waits_for if isinstance(change, Update) and not change.desired.adopt else ()
                needs = set(plan.needs.get(change.address, ())).difference(later)
                node.needs = {numbers[ref] for ref in needs if ref in numbers}
            settles = isinstance(change, Keep) and change.live is not None and change.live.phase is Phase.SETTLING
            if self.kinds[kind].control_plane and (is_action(change) or settles):
                node.exclusive = account_of(change)
            nodes.append(node)
        return nodes

    def _without_work(
        self,
        node: _Node,
        outcomes: Mapping[int, Outcome],
        attempted: set[tuple[str, ...]],
        given_up: Mapping[_Key, Outcome],
    ) -> Outcome | None:
        """Return the outcome of a change for which nothing is sent, or None if there is work."""
        change = node.change
        match change:
            case Stuck():
                return Outcome(change, "refused" if change.refused else "failed", change.live, change.fault)
            case Wait():
                failed = [] if change.blocked else _failed(node, outcomes)
                if failed:
                    return Outcome(change, "blocked", change.live, message=f"waits for {_names(failed)}")
                return Outcome(change, "blocked" if change.blocked else "pending", change.live)
            case Keep():
                if change.live and change.live.phase is Phase.SETTLING:
                    return None
                working = change.live is not None and change.live.phase is Phase.WORKING and not change.rests
                return Outcome(change, "pending" if working else "unchanged", change.live)
            case Create() | Update() | Replace() | Delete():
                if change.held:
                    return Outcome(change, "held", message=change.held)
            case _ as never:
                assert_never(never)
        key = _key(change)
        if key in given_up:
            return replace(given_up[key], change=change)
        if signature(change) in attempted:
            if isinstance(change, Delete):
                # A late list still shows what was deleted or cancelled; a slow deletion is on its way.
                is_done = _is_duplicate(change)
                return Outcome(change, "unchanged", change.live) if is_done else Outcome(change, "pending")
            if isinstance(change, Update) and change.live.phase is Phase.SETTLING:
                return Outcome(change, "pending", change.live, message="Azure still processes it", later=True)
            return Outcome(change, "failed", fault=not_taken(change))
        if isinstance(change, Delete):
            return self._deletion_waits(change, node, outcomes)
        failed = _failed(node, outcomes)
        if failed:
            return Outcome(change, "blocked", message=f"waits for {_names(failed)}")
        unready = [
            outcomes[number]
            for number in node.needs
            if (live := outcomes[number].live) is not None and live.phase is Phase.SETTLING
        ]
        if unready:
            return Outcome(change, "pending", message=f"waits for {_names(unready)}, which Azure still processes")
        return None

    @staticmethod
    def _deletion_waits(change: Delete, node: _Node, outcomes: Mapping[int, Outcome]) -> Outcome | None:
        """Hold a deletion back until what replaces it is there: what fails, and what of its kind is still to be made."""
        around = [outcomes[number] for number in node.needs]
        here = [item for item in around if account_of(item.change) == account_of(change)]
        failed = [item for item in here if item.status in {"failed", "refused", "blocked"} and is_action(item.change)]
        if failed:
            return Outcome(change, "blocked", message=f"waits for {_names(failed)}")
        # In any account: a resource may have moved to another one, under another name.
        unmade = [item for item in around if item.address.kind == change.address.kind and _is_unmade(item)]
        if unmade:
            return Outcome(change, "pending", message=f"is deleted when {_names(unmade)} is there")
        return None

    def _note(self, outcome: Outcome, lives: dict[Address, Observed], given_up: dict[_Key, Outcome]) -> None:
        failed = outcome.status in {"failed", "refused"} and is_action(outcome.change)
        if failed and not _is_pressing(outcome.change, outcome.status):
            given_up[_key(outcome.change)] = outcome
        live = outcome.live
        if live is None:
            return
        if not isinstance(outcome.change, Delete):
            lives[outcome.address] = live
        if outcome.wrote or _settled_now(outcome):
            self._known[_object(live)] = (self.runtime.now(), live)
        if outcome.wrote and isinstance(outcome.change, Update) and live.phase is Phase.WORKING:
            self._switched.add(_object(live))


def _key(change: Change) -> _Key:
    """What a failure is remembered by: a resource, or the one object that could not be deleted."""
    return signature(change) if isinstance(change, Delete) else change.address


def _is_pressing(change: Change, status: str) -> bool:
    """Whether a failure is tried again in each round: a second training costs money for as long as it is not cancelled."""
    return status == "failed" and _is_duplicate(change)


def _is_duplicate(change: Change) -> bool:
    """Whether it cancels a second training of what is declared once."""
    return isinstance(change, Delete) and change.reason == "duplicate"


def _object(live: Observed) -> _Object:
    return live.account, live.kind, live.id


def _is_unmade(outcome: Outcome) -> bool:
    """Whether an object that is to be made is not there yet."""
    match outcome.change:
        case Wait(live=None) | Stuck():
            return True
        case Keep():
            settles = outcome.live is not None and outcome.live.phase is Phase.SETTLING
            return settles or outcome.status == "failed"
        case Create() | Replace():
            there = outcome.live is not None and outcome.live.phase in {Phase.READY, Phase.WORKING}
            return outcome.status != "held" and not there
        case _:
            return False


def _settled_now(outcome: Outcome) -> bool:
    """Whether something that Azure was busy with became usable: what waits for it can go on."""
    change = outcome.change
    was = change.live if isinstance(change, Keep) else None
    return was is not None and was.phase is Phase.SETTLING and outcome.status == "unchanged"


def _failed(node: _Node, outcomes: Mapping[int, Outcome]) -> list[Outcome]:
    """Return those of what a change needs that failed, or wait for what did."""
    return [outcomes[number] for number in node.needs if outcomes[number].status in {"failed", "blocked"}]


def _names(outcomes: Iterable[Outcome]) -> str:
    return ", ".join(sorted(str(item.address) for item in outcomes))
