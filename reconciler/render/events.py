"""Events for machines: one mapping for each thing that happens, always with the same first keys.

`time` is added where an event is written. A fault's `code` is the one that texts show in brackets; it is set in errors and
warnings, in changes that are stuck and in outcomes that failed, and empty in everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.core.change import Plan, Stuck
from reconciler.core.fault import Fault
from reconciler.core.rules import Rules
from reconciler.render.action import action_of
from reconciler.render.document import change_document
from reconciler.render.fault import fault_document
from reconciler.render.outcome import Outcome
from reconciler.render.summary import counts, summary
from reconciler.render.words import plain_value

Event = dict[str, Any]
_OF_A_CHANGE = ("account", "action_reason", "waits_for", "held", "live_id", "supersedes", "digest")


def event(name: str, *, address: str = "", code: str = "", level: str = "info", **more: Any) -> Event:
    """Return an event: its name, what it is about, and a code if anything is wrong."""
    return {"event": name, "level": level, "address": address, "code": code, **more}


def fault_event(fault: Fault) -> Event:
    """Return the event of an error or a warning."""
    document = fault_document(fault)
    more = {key: document[key] for key in ("summary", "detail", "remedy", "place")}
    return event(fault.severity, address=fault.subject, code=fault.code, level=fault.severity, **more)


def plan_events(plan: Plan, kinds: Mapping[str, Rules], *, with_refusals: bool = True) -> Iterator[Event]:
    """Yield an event for each change, warning and refusal of a plan, and one for the whole.

    Without its refusals where these are told by whoever raises them, or where nothing is to be refused.
    """
    for change in plan.changes:
        document = plain_value(change_document(change, plan, kinds))
        stuck = isinstance(change, Stuck)
        yield event(
            "change",
            address=str(change.address),
            code=change.fault.code if isinstance(change, Stuck) else "",
            level="error" if stuck else "info",
            action=action_of(change, kinds).word,
            actions=document["change"]["actions"],
            **{key: document[key] for key in _OF_A_CHANGE},
        )
    for fault in (*plan.warnings, *(plan.refusals if with_refusals else ()), *plan.unread):
        yield fault_event(fault)
    counted = counts(plan, kinds)
    yield event(
        "planned",
        level="error" if plan.errored else "info",
        train=counted.train,
        create=counted.create,
        update=counted.update,
        delete=counted.delete,
        converged=plan.converged,
        refused=bool(plan.refusals),
        errored=plan.errored,
        text=summary(plan, kinds),
    )


def outcome_event(outcome: Outcome, kinds: Mapping[str, Rules]) -> Event:
    """Return the event of what became of a change."""
    live, fault = outcome.live, outcome.fault
    failed = outcome.status in {"failed", "blocked"}
    return event(
        "outcome",
        address=str(outcome.change.address),
        code=fault.code if fault else "",
        level="error" if failed else "info",
        status=outcome.status,
        action=action_of(outcome.change, kinds).word,
        live_id=live.id if live else "",
        live_status=live.status if live else "",
        seconds=round(outcome.seconds, 3),
        summary=fault.summary if fault else "",
        detail=fault.detail if fault else outcome.message,
        remedy=fault.remedy if fault else "",
    )
