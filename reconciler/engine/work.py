"""Doing one change: the conversation with its gateway, and looking again until Azure is done with it."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import assert_never

from reconciler.core.change import Change, Create, Delete, Keep, Replace, Stuck, Update, Wait, account_of, live_of
from reconciler.core.fault import Fault, ReconcilerError
from reconciler.core.resource import Address, Desired, Observed, Phase
from reconciler.core.runtime import Runtime
from reconciler.engine.outcome import Outcome, bug, ended_badly, half_done, not_answering, not_taken, placed
from reconciler.engine.trial import Hands, tried
from reconciler.kind import FOUND, Answering, Gateway, Kind, Trying, Verdict

ANOTHER_RUN = "made by another run"
Gateways = Mapping[tuple[str, str], Gateway]


class Worker:
    """Does changes. `settle` is how long one object is looked at again, in seconds."""

    def __init__(self, kinds: Mapping[str, Kind], gateways: Gateways, runtime: Runtime, settle: float) -> None:
        self._kinds = kinds
        self._gateways = gateways
        self._clock = runtime.clock
        self._runtime = runtime
        self._settle = settle

    def task(
        self, change: Change, refs: Mapping[Address, Observed], declared: Mapping[Address, Desired]
    ) -> Callable[[], Outcome]:
        """Return the task that does a change; it never raises, whatever a gateway meets."""

        def task() -> Outcome:
            return placed(done())

        def done() -> Outcome:
            began = self._clock.now()
            try:
                verdict = self._tried(change)
                if verdict.fault:
                    seconds = self._clock.now() - began
                    return Outcome(change, "refused", live_of(change), verdict.fault, seconds=seconds)
                live = self._do(change, refs, declared)
                outcome = self._answering(self._outcome(change, live, self._clock.now() - began), began)
                found = isinstance(change, Create) and bool(live.facts.get(FOUND))
                words = [verdict.words, outcome.message, ANOTHER_RUN if found else ""]
                return replace(outcome, message=", ".join(filter(None, words)), found=found)
            except ReconcilerError as error:
                return Outcome(change, "failed", fault=error.faults[0], seconds=self._clock.now() - began)
            except Exception as error:  # noqa: BLE001  (one broken change must not abandon the others half done)
                fault = bug(change, error, traceback.format_exc())
                return Outcome(change, "failed", fault=fault, seconds=self._clock.now() - began)

        return task

    def _tried(self, change: Change) -> Verdict:
        """Try what must be tried before a change is made."""
        if not isinstance(change, Create | Update | Replace):
            return Verdict()
        gateway = self._gateways[account_of(change), change.address.kind]
        trial = gateway.trial(change) if isinstance(gateway, Trying) else None
        if trial is None:
            return Verdict()
        hands = Hands(
            lambda look, live: self._until(look, live, _is_settled), gateway.refresh, partial(self._deleted, gateway)
        )
        return tried(trial, hands)

    def _do(self, change: Change, refs: Mapping[Address, Observed], declared: Mapping[Address, Desired]) -> Observed:
        gateway = self._gateways[account_of(change), change.address.kind]
        match change:
            case Keep(live=Observed() as live):
                return self._until(gateway.refresh, live, _is_settled)
            case Create():
                proven = {
                    ref: self._gateways[needed.account, ref.kind].verify(declared[ref], needed)
                    for ref, needed in refs.items()
                }
                made = gateway.create(change, proven)
                live = self._until(gateway.refresh, made, _is_settled)
                return replace(live, facts={**live.facts, FOUND: True}) if made.facts.get(FOUND) else live
            case Update() if isinstance(gateway, Answering) and gateway.only_asks(change):
                return change.live
            case Update():
                return self._until(gateway.refresh, gateway.update(change), lambda live: self._shows(change, live))
            case Replace():
                gone = self._deleted(gateway, Delete(change.live, "left_over"))
                if gone.phase is not Phase.GONE:
                    return gone
                return self._until(gateway.refresh, self._made_anew(gateway, change, refs), _is_settled)
            case Delete():
                return self._deleted(gateway, change)
            case Keep() | Wait() | Stuck():
                raise AssertionError("there is nothing to do")
        assert_never(change)

    def _made_anew(self, gateway: Gateway, change: Replace, refs: Mapping[Address, Observed]) -> Observed:
        """Make what was just deleted; what it held of quota may be freed a little later than its name."""
        create = Create(change.desired, change.after, "replace", change.digest, supersedes=change.live)
        deadline = self._clock.now() + self._settle
        for pause in self._runtime.backoff(first=1.0, longest=10.0):
            try:
                return gateway.create(create, refs)
            except ReconcilerError as error:
                if not error.frees_up or self._clock.now() + pause > deadline:
                    fault = error.faults[0]
                    raise ReconcilerError(
                        half_done(change, f"{fault.summary} ({fault.detail.rstrip('.')}).")
                    ) from error
            self._clock.sleep(pause)
        raise AssertionError("unreachable")

    def _deleted(self, gateway: Gateway, change: Delete) -> Observed:
        live = gateway.delete(change)
        if live.phase is not Phase.SETTLING:
            return live
        # Azure may show a deleted or cancelled object as it was, for a while.
        ended = self._until(gateway.refresh, live, lambda seen: seen.phase in {Phase.GONE, Phase.FAILED})
        return ended if ended.phase in {Phase.GONE, Phase.FAILED} else live

    def _shows(self, change: Update, live: Observed) -> bool:
        """Whether an object shows a change that was accepted: an answer or a read may be older than the write."""
        if live.phase in {Phase.FAILED, Phase.GONE}:
            return True
        if live.phase is Phase.SETTLING:
            return False
        if not self._kinds[live.kind].updatable:
            return True
        left = self._kinds[live.kind].compare(change.desired, change.after, live)
        # Of two changes that need two calls one may be left: the next round makes it.
        return not all(any(_is_of_one_field(item.path, other.path) for other in left) for item in change.changes)

    def _not_kept(self, change: Update, live: Observed) -> Fault | None:
        """Say that nothing of a change shows when the time for settling is over, though Azure calls the object ready."""
        gateway = self._gateways[account_of(change), change.address.kind]
        if self._shows(change, live) or (isinstance(gateway, Answering) and gateway.only_asks(change)):
            return None
        left = self._kinds[live.kind].compare(change.desired, change.after, live)
        return not_taken(replace(change, changes=left))

    def _answering(self, outcome: Outcome, began: float) -> Outcome:
        """Have what was made or changed asked whether it answers, within the time for settling."""
        change, live = outcome.change, outcome.live
        if live is None or live.phase is not Phase.READY or isinstance(change, Wait | Stuck | Delete):
            return outcome
        gateway = self._gateways[account_of(change), change.address.kind]
        if not isinstance(gateway, Answering):
            return outcome
        asked = self._clock.now()
        look = partial(gateway.answers, change)
        live = self._until(look, look(live), _is_settled)
        now = self._clock.now()
        if live.phase is not Phase.READY:
            fault = not_answering(change, live, now - asked)
            return replace(outcome, status="failed", live=live, fault=fault, seconds=now - began)
        return replace(outcome, live=live, message=live.words, seconds=now - began)

    def _until(
        self, look: Callable[[Observed], Observed], live: Observed, done: Callable[[Observed], bool]
    ) -> Observed:
        """Look again until it is done, or the time for settling is over."""
        deadline = self._clock.now() + self._settle
        # Many operations are over by the time that their answer arrives: the first look is at once.
        for pause in chain((0.0,), self._runtime.backoff(first=0.1, longest=10.0)):
            if done(live) or self._clock.now() + pause > deadline:
                return live
            if pause:
                self._clock.sleep(pause)
            live = look(live)
        raise AssertionError("unreachable")

    def _outcome(self, change: Change, live: Observed, seconds: float) -> Outcome:
        if isinstance(change, Delete):
            if live.phase is Phase.WORKING:
                return Outcome(
                    change,
                    "unchanged",
                    live,
                    message="it goes on: the other one ended, or is behind it by now",
                    seconds=seconds,
                )
            return Outcome(change, "pending" if live.phase is Phase.SETTLING else "done", live, seconds=seconds)
        works = live.phase is Phase.WORKING
        if isinstance(change, Update) and works and self._kinds[live.kind].switches(change.desired, live):
            return Outcome(change, "pending", live, message=live.words, seconds=seconds, later=True)
        match live.phase:
            case Phase.READY if isinstance(change, Update) and (fault := self._not_kept(change, live)):
                return Outcome(change, "failed", live, fault, seconds=seconds)
            case Phase.READY:
                return Outcome(change, "unchanged" if isinstance(change, Keep) else "done", live, seconds=seconds)
            case Phase.SETTLING | Phase.WORKING:
                return Outcome(change, "pending", live, seconds=seconds)
            case Phase.FAILED | Phase.GONE:
                return Outcome(change, "failed", live, ended_badly(change, live), seconds=seconds)
        assert_never(live.phase)


def _is_of_one_field(one: str, other: str) -> bool:
    """Whether two paths are about one field: where a list or mapping is gone, what differs is not one of its parts."""
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


def _is_settled(live: Observed) -> bool:
    return live.phase is not Phase.SETTLING
