"""What was approved, and whether a change made later is part of it.

A saved plan is never executed. A fresh plan is made, and each of its changes must be one that the saved plan shows: the
same address, verb and desired digest, and for an update or a deletion the same live object with the same values before.
What the saved plan shows as waiting may go on, and of its fields those that were not as declared. What is made may not take
the place of what was made after the saved plan: a newer commit has been applied since then, and it is not undone. So an
edited file can only narrow what happens.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from reconciler.core.change import (
    RETRY,
    Change,
    Create,
    Delete,
    Keep,
    Plan,
    Replace,
    Stuck,
    Update,
    Wait,
    is_held,
    verb,
)
from reconciler.core.diff import FieldChange, restrict

MAKE_ANEW = "reconciler plan --out plan.json"
"""What makes a new plan, in the refusals of one; where it is known, `apply` puts the file and the flags of the run in its place."""


@dataclass(frozen=True)
class Approved:
    """One change that was shown."""

    address: str
    verb: str
    digest: str = ""
    live_id: str = ""
    before: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False
    """It was shown as waiting (wholly or in part) for another change."""
    then: str = ""
    """What was shown to be done with it after the waiting, where that deletes: `replace`."""
    supersedes: str = ""
    """The id of what the new one takes the place of."""
    since: float = field(default=0, compare=False)
    """When that was created, in seconds since the epoch."""
    agreed: Mapping[str, Any] | None = None
    """What was as declared of that which waits, as nested values; None if nothing was live, or it is not known."""


class Approval:
    """The changes that a person, or a reviewed file, let through."""

    def __init__(self, entries: Iterable[Approved], made_at: float | None = None) -> None:
        """Take what was shown, and when it was, if that was in another run."""
        self._made_at = made_at
        self._entries: dict[str, list[Approved]] = {}
        for entry in entries:
            self._entries.setdefault(entry.address, []).append(entry)

    @classmethod
    def of(cls, plan: Plan) -> Approval:
        """Approve what a plan shows."""
        return cls(entry(change, plan) for change in plan.changes if not is_held(change))

    def limited(self, plan: Plan) -> Plan:
        """Hold back what a later round of a run plans by itself and was not shown: deletions, retries, resuming."""
        return replace(plan, changes=tuple(self._limited(change, plan) for change in plan.changes))

    def _limited(self, change: Change, plan: Plan) -> Change:
        if isinstance(change, Delete) and not change.held and not self._admits(change, plan):
            return replace(change, held="it became left over during this run: the next plan shows it")
        if isinstance(change, Create) and change.reason == RETRY and not change.held and not self._admits(change, plan):
            return replace(change, held="its last attempt failed during this run: the next plan shows the retry")
        if isinstance(change, Update) and change.live.halted and not change.held and not self._admits(change, plan):
            return replace(change, held="it was paused during this run: the next plan shows that it would go on")
        return change

    def missing(self, plan: Plan) -> list[str]:
        """Return the changes of a fresh plan that were not shown, in words."""
        return [self._words(change, plan) for change in plan.actions if not self._admits(change, plan)]

    def _words(self, change: Change, plan: Plan) -> str:
        """Say which change it is, and in what it differs from the one that was shown of the same resource."""
        fresh = entry(change, plan)
        shown = self._entries.get(fresh.address, ())
        same = next((one for one in shown if one.verb == fresh.verb), None)
        why = ""
        waiting = next((one for one in shown if one.waits and one.agreed is not None), None)
        if same is None and waiting is not None and fresh.verb == "update":
            changed = (path for path, value in fresh.before.items() if not _is_as_shown(waiting, path, value))
            why = ", ".join(f"{path} was as declared and is {fresh.before[path]}" for path in changed)
        elif same is None:
            why = f"approved: {shown[0].verb}" if shown and shown[0].verb != "no-op" else ""
        elif same.live_id != fresh.live_id:
            why = f"approved for {same.live_id}, now {fresh.live_id}"
        elif not self._follows(same, fresh):
            why = f"{fresh.supersedes} was made after the plan"
        else:
            why = ", ".join(
                f"{path} was {same.before.get(path, 'as declared')} and is {value}"
                for path, value in fresh.before.items()
                if same.before.get(path) != value and not (same.waits and _is_as_shown(same, path, value))
            )
        return f"{verb(change)} {change.address}" + (f" ({why})" if why else "")

    def _admits(self, change: Change, plan: Plan) -> bool:
        if isinstance(change, Delete) and change.reason == "duplicate":
            # Cancelling all but one job of a digest is part of creating it.
            return True
        fresh = entry(change, plan)
        return any(
            _covers(shown, fresh) and self._follows(shown, fresh) for shown in self._entries.get(fresh.address, ())
        )

    def _follows(self, shown: Approved, fresh: Approved) -> bool:
        """Whether what is made takes the place of nothing that was made since; what waited may: it was to come later."""
        if self._made_at is None or shown.waits:
            return True
        return fresh.since <= self._made_at or fresh.supersedes == shown.supersedes


def entry(change: Change, plan: Plan) -> Approved:
    """Return what must agree for a change to be the one that was shown."""
    address = str(change.address)
    digest = plan.digests.get(change.address, "")
    match change:
        case Create():
            # A retry comes after an attempt of the same digest, and is limited by itself.
            last = None if change.reason == RETRY else change.supersedes
            return Approved(
                address,
                verb(change),
                digest,
                supersedes=last.id if last else "",
                since=last.created_at if last else 0,
            )
        case Update():
            waits = bool(change.also_waits_for)
            return Approved(
                address, verb(change), digest, change.live.id, before(change.changes), waits, agreed=_agreed(change)
            )
        case Replace():
            return Approved(address, verb(change), digest, change.live.id, before(change.changes))
        case Delete():
            return Approved(address, verb(change), "", change.live.id)
        case Wait():
            then = "replace" if change.then == "replace" else ""
            live_id = change.live.id if change.live else ""
            return Approved(address, verb(change), digest, live_id, waits=True, then=then, agreed=_agreed(change))
        case Keep() | Stuck():
            return Approved(address, verb(change), digest)
    assert_never(change)


def before(changes: Iterable[FieldChange]) -> dict[str, str]:
    """Return the values before, as JSON texts by path."""
    return {change.path: as_json(change.before) for change in changes}


def as_json(value: Any) -> str:
    """Return the one JSON text of a value."""
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def _agreed(change: Change) -> dict[str, Any] | None:
    """Return what is live, and as declared, of what waits wholly or in part: the waiting is not for that."""
    if not isinstance(change, Wait | Update) or (isinstance(change, Update) and not change.also_waits_for):
        return None
    if change.live is None:
        return None
    wanted = change.desired.spec.comparable()
    here = restrict(change.live.spec.comparable(), wanted, fill=False)
    return {key: value for key, value in here.items() if value == wanted[key]}


def _covers(shown: Approved, fresh: Approved) -> bool:
    if shown.digest != fresh.digest:
        return False
    if shown.waits and fresh.verb in {"create", "update", shown.then}:
        return fresh.verb != "update" or all(_is_as_shown(shown, path, value) for path, value in fresh.before.items())
    if shown.verb != fresh.verb or shown.live_id != fresh.live_id:
        return False
    return all(shown.before.get(path) == value for path, value in fresh.before.items())


def _is_as_shown(waiting: Approved, path: str, value: str) -> bool:
    """Whether a field that differs now may: it was shown with this value, or was not as declared."""
    if path in waiting.before:
        return waiting.before[path] == value
    return path.partition(".")[0] not in (waiting.agreed or {})
