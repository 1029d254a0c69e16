"""Drift: what of Azure a person must look at, in four groups, and apart from them what is merely under way.

A plan made with `prune` is sorted, so that drift and plan can never disagree. `needs_person` decides the exit code and
the last line.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from reconciler.core.change import Change, Create, Delete, Keep, Plan, Replace, Stuck, Update, Wait
from reconciler.core.resource import Phase
from reconciler.render.describe import MISSING, Item, field_changes, keep_item, live_name, lost, progress, stuck_item
from reconciler.render.document import FORMAT_VERSION, change_document
from reconciler.render.fault import unread_texts
from reconciler.render.text import framed, item_lines
from reconciler.render.words import Paint, Tone, joined, plain_value, printable

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


def sort_drift(plan: Plan) -> Drift:
    """Sort the changes of a plan made with `prune`."""
    groups: dict[str, list[Change]] = {}
    for change in plan.changes:
        group = _group(change)
        if group and plan.knows(change):
            groups.setdefault(group, []).append(change)
    return Drift(**{name: tuple(changes) for name, changes in groups.items()})


def _group(change: Change) -> str:
    match change:
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


def needs_person(plan: Plan) -> bool:
    """Return whether a person must do something: the one place that decides it."""
    return bool(sort_drift(plan))


def drift_summary(plan: Plan) -> str:
    """Return the last line."""
    drift = sort_drift(plan)
    if not drift and not plan.errored:
        return NO_DRIFT
    found = f"{len(drift.changed)} changed, {len(drift.missing)} missing, {len(drift.left_over)} left over"
    return f"Drift: {found}, {len(drift.stuck)} stuck."


def drift_text(
    plan: Plan, headers: Sequence[str], *, color: bool = False, emulator: bool = False, now: float | None = None
) -> str:
    """Return the report for a terminal; `now` lets it say since when something is under way."""
    paint = Paint(color=color)
    drift = sort_drift(plan)
    groups = (
        ("Changed outside git, or not applied yet:", drift.changed),
        ("Missing:", drift.missing),
        ("Left over (no manifest declares it):", drift.left_over),
        ("Stuck:", drift.stuck),
        ("In progress, no drift:", drift.in_progress),
        ("Left over and kept, no drift:", drift.accepted),
    )
    blocks = [[paint(Tone.STRONG, printable(header)) for header in headers]]
    blocks += [[heading, *_lines(changes, paint, now)] for heading, changes in groups if changes]
    if plan.errored:
        blocks.append(unread_texts(plan.unread, color=color))
        blocks.append([paint(Tone.ALARM, "Part of Azure could not be read: this report is not whole.")])
    blocks.append([paint(Tone.STRONG, drift_summary(plan))])
    body = "\n\n".join("\n".join(block) for block in blocks if block)
    return framed(body, color=color, emulator=emulator)


def _lines(changes: Sequence[Change], paint: Paint, now: float | None) -> list[str]:
    return [line for change in changes if (item := _item(change, now)) for line in item_lines(item, paint)]


def _item(change: Change, now: float | None) -> Item | None:
    match change:
        case Update():
            return Item("~", Tone.CHANGE, change.address, "", tuple(field_changes(change.changes)))
        case Replace():
            return Item("-/+", Tone.REMOVE, change.address, "", tuple(field_changes(change.changes)))
        case Create():
            title = MISSING if change.reason == "missing" else "does not exist"
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
        said.append(f"a second job of the digest of {printable(change.duplicate_of)}")
    title = ", ".join(part for part in said if part)
    held = [printable(change.held)] if change.held else []
    return Item("-", Tone.REMOVE, change.address, title, (*lost(live), *held))


def drift_document(plan: Plan, *, accounts: Sequence[Mapping[str, Any]], emulator: bool) -> dict[str, Any]:
    """Return the report as values that JSON can hold; each entry reads like one of a plan's `resource_changes`."""
    drift = sort_drift(plan)
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
        "emulator": emulator,
        "accounts": [dict(account) for account in accounts],
        "tree_digest": plan.tree_digest,
        "errored": plan.errored,
        **{name: [change_document(change, plan) for change in changes] for name, changes in groups.items()},
        "summary": {
            **{name: len(changes) for name, changes in groups.items()},
            "needs_person": bool(drift),
            "text": drift_summary(plan),
        },
    }
    found: dict[str, Any] = plain_value(document)
    return found
