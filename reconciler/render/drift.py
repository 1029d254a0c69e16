"""Drift: what of Azure a person must look at, in four groups, and apart from them what is merely under way.

A plan made with `prune` is sorted, so that drift and plan can never disagree. `needs_person` decides the exit code and
the last line. What a scheduled `apply --continue` does by itself is under way (`kinds` know it); a change at Azure never
is, since the tag of what was applied last tells the two apart.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, assert_never

from reconciler.core.change import BESIDE, Change, Create, Delete, Keep, Plan, Replace, Stuck, Update, Wait
from reconciler.core.resource import Address, Desired, Observed, Phase
from reconciler.core.rules import Rules
from reconciler.render.action import gone_for
from reconciler.render.cost import change_lines
from reconciler.render.describe import (
    Item,
    field_changes,
    field_sides,
    keep_item,
    live_name,
    lost,
    progress,
    second,
    stuck_item,
)
from reconciler.render.document import FORMAT_VERSION, change_document
from reconciler.render.fault import fault_document, merged, unread_texts
from reconciler.render.text import framed, item_lines
from reconciler.render.words import Paint, Tone, field_name, hidden, joined, lines, plain_value, printable

MISSING = (
    "It was never made, or Azure has deleted it (idle deployments after 15 days, developer-tier ones after 24 hours), or "
    "somebody has."
)
"""Why a deployment is not there although its job ended long ago (docs/azure.md, section 11)."""
NO_KINDS: Mapping[str, Rules] = MappingProxyType({})
NO_DRIFT = "No drift. Azure matches the manifests."


@dataclass(frozen=True)
class Drift:
    """The changes of a plan, sorted by what they mean to whoever is woken by them."""

    changed: tuple[Change, ...] = ()
    """Live, declared, and different."""
    missing: tuple[Change, ...] = ()
    """Declared, and not there."""
    left_over: tuple[Change, ...] = ()
    """There, ours, and not declared."""
    stuck: tuple[Change, ...] = ()
    in_progress: tuple[Change, ...] = ()
    """Under way or waiting; no drift."""
    accepted: tuple[Change, ...] = ()
    """Left over, and kept because the Account says so; no drift."""

    def __bool__(self) -> bool:
        """Return whether anything differs."""
        return bool(self.changed or self.missing or self.left_over or self.stuck)


def sort_drift(plan: Plan, kinds: Mapping[str, Rules] = NO_KINDS) -> Drift:
    """Sort the changes of a plan made with `prune`."""
    groups: dict[str, list[Change]] = {}
    for change in plan.changes:
        group = "in_progress" if _goes_on(change, plan, kinds) else _group(change)
        if group and plan.knows(change):
            groups.setdefault(group, []).append(change)
    return Drift(**{name: tuple(changes) for name, changes in groups.items()})


def _group(change: Change) -> str:
    match change:
        case Update() if change.adopts:
            return ""
        case Update() | Replace():
            return "changed"
        case Create():
            return "missing"
        case Delete():
            # What `Account.prune` leaves out stays by decision; but a job that runs costs money, whoever decided.
            return "accepted" if change.held and change.live.phase is not Phase.WORKING else "left_over"
        case Stuck():
            return "stuck"
        case Wait():
            return "in_progress"
        case Keep(live=live):
            if live is None or live.phase is Phase.READY:
                return ""
            return "in_progress" if live.phase in {Phase.WORKING, Phase.SETTLING} else "stuck"
    assert_never(change)


def _goes_on(change: Change, plan: Plan, kinds: Mapping[str, Rules]) -> bool:
    """Whether `apply --continue` makes a change by itself, because what was waited for is there now.

    The first one of an object is that too, for as long as a schedule makes it: nobody has to do anything, even if it is
    no first one and somebody has just deleted the object.
    """
    rules = kinds.get(change.address.kind)
    if rules is None or not isinstance(change, Update | Create) or change.held:
        return False
    return rules.may_continue(change) and (_is_first(change) or _as_applied(change, plan) is False)


def _is_first(change: Change) -> bool:
    """Whether nothing is there in whose place the new object comes."""
    return isinstance(change, Create) and change.reason != BESIDE


def _as_applied(change: Update | Replace | Create, plan: Plan) -> bool | None:
    """Whether what is declared is what was applied last, by the tag of the live object; None where none says."""
    live = change.supersedes if isinstance(change, Create) else change.live
    last, declared = str(live.facts.get("digest") or "") if live else "", plan.digests.get(change.address, "")
    return declared.startswith(last) if last and declared else None


def needs_person(plan: Plan, kinds: Mapping[str, Rules] = NO_KINDS) -> bool:
    """Return whether a person must do something: the one place that decides it."""
    return bool(sort_drift(plan, kinds))


def drift_summary(plan: Plan, kinds: Mapping[str, Rules] = NO_KINDS) -> str:
    """Return the last line."""
    drift = sort_drift(plan, kinds)
    if not drift and not plan.errored:
        return NO_DRIFT
    found = f"{len(drift.changed)} changed, {len(drift.missing)} missing, {len(drift.left_over)} left over"
    return f"Drift: {found}, {len(drift.stuck)} stuck."


def drift_text(
    plan: Plan,
    headers: Sequence[str],
    *,
    color: bool = False,
    emulator: bool = False,
    now: float | None = None,
    kinds: Mapping[str, Rules] = NO_KINDS,
) -> str:
    """Return the report for a terminal; `now` lets it say since when something is under way."""
    paint = Paint(color=color)
    drift = sort_drift(plan, kinds)
    groups = (
        ("Changed outside git, or not applied yet:", drift.changed),
        ("Missing:", drift.missing),
        ("Left over (no manifest declares it):", drift.left_over),
        ("Stuck:", drift.stuck),
        ("In progress, no drift:", drift.in_progress),
        ("Left over and kept, no drift:", drift.accepted),
    )
    blocks = [[paint(Tone.STRONG, printable(header)) for header in headers]]
    blocks += [[heading, *_lines(changes, plan, paint, now, kinds)] for heading, changes in groups if changes]
    if plan.errored:
        blocks.append(unread_texts(plan.unread, color=color))
        blocks.append([paint(Tone.ALARM, "Part of Azure could not be read: this report is not whole.")])
    blocks.append([paint(Tone.STRONG, drift_summary(plan, kinds))])
    body = "\n\n".join("\n".join(block) for block in blocks if block)
    return framed(body, color=color, emulator=emulator)


def _lines(
    changes: Sequence[Change], plan: Plan, paint: Paint, now: float | None, kinds: Mapping[str, Rules]
) -> list[str]:
    return [line for change in changes if (item := _told(change, plan, now, kinds)) for line in item_lines(item, paint)]


def _told(change: Change, plan: Plan, now: float | None, kinds: Mapping[str, Rules]) -> Item | None:
    """Return what is seen, with its probable cause and the way out."""
    item = _item(change, now)
    if item is None or not isinstance(change, Update | Replace | Create | Delete):
        return item
    if isinstance(change, Update | Replace):
        item = replace(item, details=tuple(_differing(change, plan)))
    if isinstance(change, Delete) and change.held:
        return item
    if _goes_on(change, plan, kinds):
        return replace(item, details=(*item.details, *_left_to_schedule(change)))
    outage = gone_for(change, kinds)
    said = (cause_of(change, plan), f"While it is recreated, {outage}." if outage else "")
    cause = [printable(text) for text in said if text]
    return replace(item, details=(*item.details, *cause, *lines(remedy_of(change, plan, kinds))))


def _left_to_schedule(change: Change) -> tuple[str, ...]:
    if not _is_first(change):
        return ("The next `apply --continue` does this.",)
    return ("The next `apply --continue` makes it; if somebody has just deleted it, that makes it anew.",)


def _differing(change: Update | Replace, plan: Plan) -> list[str]:
    """Return each field with what is live, what is declared, and what was applied last where the tags tell it."""
    known = _as_applied(change, plan)
    said = []
    for item in change.changes:
        live, declared = field_sides(item)
        applied = f", last applied {declared}" if known else ""
        said.append(f"{field_name(item.path)}: {live} at Azure, declared {declared}{applied}")
    return said


def cause_of(change: Change, plan: Plan) -> str:
    """Return why something probably is not as declared; "" where nothing is known."""
    match change:
        case Update() | Replace():
            if change.live.phase is Phase.FAILED:
                why = change.live.reason or change.live.status or "no reason is given"
                return f"It failed at Azure: {why.rstrip('.')}."
            said = {
                True: "It was last applied as declared: somebody has changed it at Azure since.",
                False: "The manifest or what it refers to has changed since it was last applied.",
                None: "",
            }[_as_applied(change, plan)]
            job = str(change.live.facts.get("from") or "")
            return f"{said} It was last applied with the model of {job}.".strip() if job else said
        case Create(reason="missing"):
            return MISSING
        case Create(supersedes=Observed(id=last)):
            return f"Its manifest or data has changed since {last}, and that was not applied."
        case Create():
            return "It is declared: either it was not applied yet, or it was deleted outside git."
        case Delete(expired=str(why), reason="left_over") if why:
            return f"{why[:1].upper()}{why[1:]}."
        case Delete(declared=Address() as owner, reason="left_over"):
            return f"Another one serves {owner} in its place, and the time for which it is kept is over."
        case Delete(reason="duplicate"):
            return "Two runs began at once." if change.live.phase is Phase.WORKING else "A run was broken off."
        case Delete() if plan.is_copy(change):
            return "Another copy of it is used."
        case Delete() if change.address in plan.digests:
            return "A newer version of it is declared."
        case Delete():
            return "No manifest declares it any more."
        case _:
            return ""


def remedy_of(change: Change, plan: Plan, kinds: Mapping[str, Rules] = NO_KINDS) -> str:
    """Return what a person can do, a command on a line of its own; "" where what is stuck says it."""
    target = shlex.quote(str(change.address))
    match change:
        case Update() | Replace():
            back = f"To set it as declared:\n  reconciler apply --target {target}"
            if _as_applied(change, plan) is False or change.live.phase is Phase.FAILED:
                return back
            fields = [item.path for item in change.changes if not item.path.startswith("tags.")]
            if not fields:
                return back
            keep = f"{back}\nTo keep it, declare it so at {change.desired.place_of(fields[0])}"
            if change.address.kind in kinds and not kinds[change.address.kind].updatable:
                return f"{keep}."  # what it is made with decides what it is: it takes no `ignore`
            named, them = (
                ", ".join([*change.desired.ignore, *fields]),
                "the field" if len(fields) == 1 else "the fields",
            )
            return f"{keep}, or leave {them} to others, by this in `metadata`:\n  ignore: [{named}]"
        case Create(desired=desired):
            return f"To make it:\n  reconciler apply --target {target}\nTo do without it, remove {_where(desired)}."
        case Delete():
            word = "cancel" if change.live.phase is Phase.WORKING else "delete"
            costs = "".join(f" ({line})" for line in change_lines(change, plan))
            again = "" if change.declared or change.address in plan.digests else "\nTo keep it, declare it again."
            together = plan.to_name if change.address in plan.to_name else ()
            flags = "".join(f" --allow-delete {shlex.quote(str(address))}" for address in together)
            return (
                f"To {word} {'these' if len(together) > 1 else 'it'}{costs}:\n  reconciler apply --prune{flags}{again}"
            )
        case _:
            return ""


def _where(desired: Desired) -> str:
    """Return what a person would take away: the manifest that declares something, itself or inline."""
    return f"what declares it at {desired.place}" if desired.origin else f"its manifest at {desired.place}"


def _item(change: Change, now: float | None) -> Item | None:
    match change:
        case Update():
            return Item("~", Tone.CHANGE, change.address, "", tuple(field_changes(change.changes)))
        case Replace():
            return Item("-/+", Tone.REMOVE, change.address, "", tuple(field_changes(change.changes)))
        case Create():
            title = "is missing" if change.reason == "missing" else "does not exist"
            return Item("+", Tone.ADD, change.address, title)
        case Delete():
            return _left_over(change, now)
        case Stuck():
            return stuck_item(change)
        case Wait():
            return Item("…", Tone.QUIET, change.address, f"waits for {joined(change.on)}")
        case Keep():
            return keep_item(change, now)
    assert_never(change)


def _left_over(change: Delete, now: float | None) -> Item:
    live = change.live
    name = live_name(live)
    said = [f"{progress(live, now)} ({name})" if live.phase is Phase.WORKING else name if name != live.name else ""]
    if change.reason == "duplicate":
        said.append(second(change))
    title = ", ".join(part for part in said if part)
    held = [printable(change.held)] if change.held else []
    return Item("-", Tone.REMOVE, change.address, title, (*lost(live), *held))


def drift_document(
    plan: Plan,
    *,
    accounts: Sequence[Mapping[str, Any]],
    emulator: bool,
    kinds: Mapping[str, Rules] = NO_KINDS,
    tool_version: str = "",
) -> dict[str, Any]:
    """Return the report as values that JSON can hold; each entry reads like one of a plan's `resource_changes`.

    Beside that it has `fields` (what is live, declared, and by the tags what was applied last; null where that is not
    known), `cause` and `remedy`.
    """
    drift = sort_drift(plan, kinds)
    groups = {
        "changed": drift.changed,
        "missing": drift.missing,
        "left_over": drift.left_over,
        "stuck": drift.stuck,
        "in_progress": drift.in_progress,
        "accepted": drift.accepted,
    }
    document = {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "emulator": emulator,
        "accounts": [dict(account) for account in accounts],
        "tree_digest": plan.tree_digest,
        "errored": plan.errored,
        "unread": [fault_document(fault) for fault in merged(plan.unread)],
        **{name: [_entry(change, plan, kinds) for change in changes] for name, changes in groups.items()},
        "summary": {
            **{name: len(changes) for name, changes in groups.items()},
            "needs_person": bool(drift),
            "text": drift_summary(plan, kinds),
        },
    }
    found: dict[str, Any] = plain_value(document)
    return found


def _entry(change: Change, plan: Plan, kinds: Mapping[str, Rules]) -> dict[str, Any]:
    known = isinstance(change, Update | Replace) and _as_applied(change, plan)
    fields = [
        {
            "path": item.path,
            "live": hidden(item.path, item.before),
            "declared": hidden(item.path, item.after),
            "last_applied": hidden(item.path, item.after) if known else None,
        }
        for item in (change.changes if isinstance(change, Update | Replace) else ())
    ]
    item = _item(change, None)
    return {
        **change_document(change, plan),
        "fields": fields,
        "title": item.title if item else "",
        "details": list(item.details) if item and not fields else [],
        "cause": cause_of(change, plan),
        "remedy": change.fault.remedy if isinstance(change, Stuck) else remedy_of(change, plan, kinds),
    }
