"""After a create that two runs at once could each make: the list is read until it shows what this run made.

A list may be late, so the look before a create may miss what another run created a moment ago. Once the list shows our own
object, it shows each one that was created before ours too, and the plan made from it cancels all but one: the same one
in every run that sees both. A list that is current shows ours in the look that every run takes after it has written, so
nothing is sent for this, and nobody waits.

A list that was late is read once more, as long after that again: by then it shows what a run made that could not see
ours yet. So one of the two runs is enough, also if the other one was killed.

What is found after a create without a clear answer may be another run's, and our own still hidden: that is waited for too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Mapping
from dataclasses import dataclass, replace

from reconciler.core.change import Create, Keep
from reconciler.core.resource import Address, Observed, World
from reconciler.core.runtime import Runtime
from reconciler.engine.outcome import Outcome, not_listed
from reconciler.kind import UNCLEAR, Kind

LATEST = 60.0
"""Seconds that a list is taken to be late at most; how late those of Azure are is not known (docs/azure.md, section 15)."""
LISTED_WITHIN = 90.0
"""Seconds for which a list is read again."""
MARGIN = 5.0
"""Seconds that another run may take from its last look to its create."""
_Key = tuple[str, str]
_Object = tuple[str, str, str]


@dataclass(frozen=True)
class _Made:
    change: Create
    live: Observed


class Listed:
    """What this run made and no list has shown yet."""

    def __init__(self, kinds: Mapping[str, Kind], runtime: Runtime) -> None:
        self._kinds = kinds
        self._runtime = runtime
        self._made: dict[_Object, _Made] = {}
        self._unsure: dict[Address, tuple[_Object, Outcome]] = {}

    def note(self, outcome: Outcome) -> None:
        """Take an outcome in."""
        change, live = outcome.change, outcome.live
        if isinstance(change, Create) and outcome.wrote and live is not None and self._kinds[live.kind].doubles:
            self._made[_object(live)] = _Made(change, live)

    def judged(self, outcome: Outcome) -> Outcome:
        """Return an outcome, or that of a create of which it is not known whether another run made it as well."""
        _, unsure = self._unsure.get(outcome.address, (None, None))
        return replace(unsure, change=outcome.change) if unsure and outcome.status == "pending" else outcome

    def look(self, observe: Callable[[Collection[_Key] | None], World]) -> Generator[Outcome, None, World]:
        """Observe until all that was made shows; yields what is said while it is waited for.

        `observe` reads the lists of these accounts and kinds, or all.
        """
        world = observe(None)
        made, self._made = self._made, {}
        self._unsure = {where: found for where, found in self._unsure.items() if found[0] not in _objects(world)}
        hidden = {key: one for key, one in made.items() if key not in _objects(world)}
        unclear = {key: one for key, one in made.items() if one.live.facts.get(UNCLEAR)}
        if not hidden and not unclear:
            return world
        yield from (_waits(one) for one in {**hidden, **unclear}.values())
        glimpsed: dict[_Object, Observed] = {}
        waited = 0.0
        for pause in self._runtime.backoff(first=1.0, longest=10.0):
            if not hidden or waited + pause > LISTED_WITHIN:
                break
            began = self._runtime.clock.now()
            self._runtime.clock.sleep(pause)
            partial = observe({(account, kind) for account, kind, _ in hidden})
            waited += max(pause, self._runtime.clock.now() - began)
            glimpsed.update(_objects(partial))
            hidden = {key: one for key, one in hidden.items() if key not in glimpsed}
        for key, one in hidden.items():
            fault = not_listed(one.change, one.live, waited)
            unsure = Outcome(Keep(one.change.desired, one.live), "failed", one.live, fault)
            self._unsure[one.change.address] = (key, unsure)
            yield unsure
        if not hidden:
            self._runtime.clock.sleep(max(waited, LATEST if unclear else 0.0) + MARGIN)
        # Copies of a list may differ in how late they are: what one of them has shown is there.
        return observe(None).overlaid(glimpsed)


def _waits(one: _Made) -> Outcome:
    shows = "all that was made" if one.live.facts.get(UNCLEAR) else one.live.id
    words = f"waiting until the list shows {shows}: another run may have made the same, then one of them is cancelled"
    return Outcome(Keep(one.change.desired, one.live), "pending", one.live, message=words, later=True)


def _objects(world: World) -> dict[_Object, Observed]:
    return {_object(live): live for live in world}


def _object(live: Observed) -> _Object:
    return live.account, live.kind, live.id
