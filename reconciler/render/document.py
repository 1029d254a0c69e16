"""The plan as versioned JSON, and that JSON read back as an approval. It uses the names of Terraform's plan.

A new minor version adds keys, which readers ignore; a new major version is refused. In `before`, `after` and
`after_unknown` the keys are dotted paths of spec fields. `sha256` shows that a file is whole and as it was written; it
is no signature: whoever can write the file can write the hash, and gains nothing, since a saved plan is never executed
(see `core.approval`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from reconciler.core.approval import MAKE_ANEW, Approval, Approved, as_json, entry
from reconciler.core.change import (
    BESIDE,
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
    account_of,
    live_of,
    verb,
)
from reconciler.core.diff import FieldChange
from reconciler.core.digest import canonical
from reconciler.core.fault import Fault, Place, Refused
from reconciler.core.resource import SERVING, Address, Desired, Observed, Phase, Unknown
from reconciler.core.rules import Rules
from reconciler.render.action import gone_for, then_word
from reconciler.render.cost import change_cost_document, cost_document
from reconciler.render.data import data_change_document
from reconciler.render.fault import fault_document, faults_document
from reconciler.render.summary import counts, summary
from reconciler.render.words import hidden, plain_value, settings

FORMAT_VERSION = "1.5"
_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "no-op": ("no-op",),
    "create": ("create",),
    "update": ("update",),
    "replace": ("delete", "create"),
    "delete": ("delete",),
}
_VERBS = {actions: word for word, actions in _ACTIONS.items()}
_WAITING = "waiting_for:"
_BUSY: Mapping[Phase, str] = {
    Phase.READY: "unchanged",
    Phase.SETTLING: "settling",
    Phase.WORKING: "running",
    Phase.FAILED: "failed",
    Phase.GONE: "gone",
}


@dataclass(frozen=True)
class Meta:
    """What a saved plan says of itself."""

    tree_digest: str
    accounts: list[dict[str, Any]]
    emulator: bool
    tool_version: str
    created_at: str
    errored: bool


def plan_document(
    plan: Plan,
    *,
    tool_version: str,
    accounts: Sequence[Mapping[str, Any]],
    emulator: bool,
    created_at: str,
    kinds: Mapping[str, Rules],
    faults: Iterable[Fault] = (),
) -> dict[str, Any]:
    """Return a plan as values that JSON can hold."""
    counted = counts(plan, kinds)
    body: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "created_at": created_at,
        "emulator": emulator,
        "accounts": [dict(account) for account in accounts],
        "tree_digest": plan.tree_digest,
        "resource_changes": [change_document(change, plan, kinds) for change in plan.changes],
        "resource_drift": [
            change_document(change, plan, kinds) for change in plan.changes if _has_drifted(change, plan)
        ],
        "checks": [fault_document(warning) for warning in plan.warnings],
        "refusals": [fault_document(refusal) for refusal in plan.refusals],
        "cost": cost_document(plan.cost),
        "history": len(plan.history),
        "errored": plan.errored,
        "diagnostics": faults_document(faults),
        "summary": {
            "train": counted.train,
            "create": counted.create,
            "update": counted.update,
            "delete": counted.delete,
            "converged": plan.converged,
            "text": summary(plan, kinds),
        },
    }
    body = plain_value(body)
    return {**body, "sha256": _hash(body)}


def dumps(document: Mapping[str, Any]) -> str:
    """Return a document as JSON text: ASCII, so nothing in it is an order to a terminal."""
    return json.dumps(document, indent=2, allow_nan=False)


def change_document(change: Change, plan: Plan, kinds: Mapping[str, Rules] | None = None) -> dict[str, Any]:
    """Return one change as values that JSON can hold; with `kinds`, what they note of what is made is in it."""
    approved = entry(change, plan)
    before, after = _values(change)
    live = None if isinstance(change, Create) else change.live
    return {
        "address": str(change.address),
        "kind": change.address.kind,
        "name": change.address.name,
        "account": account_of(change),
        "change": {
            "actions": list(_ACTIONS[verb(change)]),
            "before": before,
            "after": None if after is None else {path: value for path, value in after.items() if not _unknown(value)},
            "after_unknown": {path: True for path, value in (after or {}).items() if _unknown(value)},
        },
        "action_reason": _reason(change),
        "data_change": data_change_document(plan.data.get(change.address)),
        "notes": _notes(change, kinds),
        "cost": change_cost_document(change, plan),
        "outputs": outputs_of(change),
        "digest": approved.digest,
        "live_id": live.id if live else "",
        "agreed": None if approved.agreed is None else _shown(approved.agreed),
        "supersedes": change.supersedes.id if isinstance(change, Create) and change.supersedes else "",
        "waits_for": [str(address) for address in _waits_for(change)],
        "then": then_word(change, kinds) if isinstance(change, Wait) and kinds else "",
        "held": change.held if isinstance(change, Create | Update | Replace | Delete) else "",
        "diagnostic": fault_document(change.fault) if isinstance(change, Stuck) else None,
        "place": _place(change),
        "field_places": _field_places(change),
    }


def outputs_of(change: Change) -> dict[str, Any]:
    """Return what other tools may use of a resource now: of a deployment the name to call; nothing of what goes away."""
    if isinstance(change, Delete):
        return {}
    live = change.supersedes if isinstance(change, Create) and change.reason == BESIDE else live_of(change)
    if live is None or live.phase is Phase.GONE:
        return {}
    return dict(live.facts.get(SERVING) or live.outputs)


def _notes(change: Change, kinds: Mapping[str, Rules] | None) -> list[str]:
    """Return what a person should know of a change, and with `kinds` of what is made."""
    made = kinds[change.address.kind].notes(change.desired) if kinds and isinstance(change, Create) else ()
    own = () if isinstance(change, Stuck) else change.notes
    outage = gone_for(change, kinds or {})
    return [*made, *([outage] if outage else []), *(note.strip() for note in own)]


def _values(change: Change) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return what is before and after, by dotted path: the fields that change, or all of what comes or goes."""
    match change:
        case Create():
            return None, _shown(settings(change.after))
        case Update() | Replace():
            before, after = _sides(change.changes)
            unknown = {path: value for path, value in settings(change.after).items() if _unknown(value)}
            return before, {**unknown, **after}
        case Delete():
            return _shown(settings(change.live.spec)), None
        case Keep() | Wait() | Stuck():
            return None, None
    assert_never(change)


def _sides(changes: Iterable[FieldChange]) -> tuple[dict[str, Any], dict[str, Any]]:
    listed = tuple(changes)
    before = {change.path: change.before for change in listed}
    return _shown(before), _shown({change.path: change.after for change in listed})


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {path: value if _unknown(value) else hidden(path, value) for path, value in values.items()}


def _unknown(value: Any) -> bool:
    return isinstance(value, Unknown)


def _reason(change: Change) -> str | None:
    match change:
        case Create(supersedes=None, reason=reason) if reason != "retrain":
            return reason
        case Create(supersedes=Observed(id=last), reason=reason) if reason == RETRY:
            return f"retry:{last}"
        case Create(supersedes=Observed(id=last), reason=reason) if reason == BESIDE:
            return f"beside:{last}"
        case Create(why=why):
            return ":".join(["retrain", *([",".join(item.path for item in why)] if why else [])])
        case Update():
            return "adopt" if change.adopts else None
        case Replace():
            forced = [item.path for item in change.changes if item.path in change.after.fixed]
            return f"immutable:{','.join(forced)}"
        case Delete():
            if change.reason == "left_over" and change.expired:
                return f"expired:{change.declared}"
            if change.reason == "left_over" and change.declared is not None:
                return f"former_of:{change.declared}"
            return f"duplicate_of:{change.duplicate_of}" if change.reason == "duplicate" else change.reason
        case Wait():
            return _WAITING + ",".join(str(address) for address in change.on)
        case Stuck():
            return f"stuck:{change.fault.code}"
        case Keep():
            rested = "suspended" if change.rests else "not_needed"
            return _BUSY[change.live.phase] if change.live and not change.rests else rested
    assert_never(change)


def _waits_for(change: Change) -> tuple[Address, ...]:
    match change:
        case Wait():
            return change.on
        case Update():
            return change.also_waits_for
        case _:
            return ()


def _place(change: Change) -> dict[str, Any] | None:
    match change:
        case Delete():
            place = None
        case Stuck():
            place = change.fault.place or (change.desired.place if change.desired else None)
        case _:
            place = change.desired.place
    return _place_document(place) if place else None


def _field_places(change: Change) -> dict[str, Any]:
    """Return where the fields stand that differ, or because of which it trains anew."""
    match change:
        case Update() | Replace():
            fields: Iterable[FieldChange] = change.changes
        case Create():
            fields = change.why
        case _:
            return {}
    places = {item.path: _place_of(change.desired, item.path) for item in fields}
    return {path: _place_document(place) for path, place in places.items() if place.file}


def _place_of(desired: Desired, path: str) -> Place:
    """Return where a field stands, also one that a manifest writes inside of another: `method.hyperparameters.…`."""
    inside = (place for written, place in desired.places.items() if written.endswith(f".{path}"))
    return desired.places.get(path) or next(inside, desired.place_of(path))


def _place_document(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}


def _has_drifted(change: Change, plan: Plan) -> bool:
    """Whether Azure differs from a manifest that was applied: the live object carries the digest that is declared."""
    match change:
        case Update() | Replace():
            applied = str(change.live.facts.get("digest") or "")
            return bool(applied) and plan.digests.get(change.address, "").startswith(applied)
        case Create(reason="missing"):
            return True
        case _:
            return False


def _hash(body: Mapping[str, Any]) -> str:
    """Return the hash of the canonical form, which survives another layout and another spelling of numbers."""
    text = json.dumps(canonical(body), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_approval(document: Any) -> tuple[Approval, Meta]:
    """Read a saved plan as what it lets through; raises Refused for what is no whole plan of this format."""
    body = _mapping(document, "the document")
    version = _text(body, "format_version")
    major = FORMAT_VERSION.partition(".")[0]
    if version.partition(".")[0] != major:
        raise _refused(
            "plan-format",
            "The saved plan has a format that this release cannot read",
            f"It is {version}; {major}.x is read.",
        )
    rest = {key: value for key, value in body.items() if key != "sha256"}
    try:
        whole = _hash(rest) == _text(body, "sha256")
    except (ValueError, RecursionError):
        whole = False
    if not whole:
        raise _refused(
            "plan-damaged", "The saved plan is not as it was written", "Its content does not agree with its `sha256`."
        )
    changes = _list(body, "resource_changes")
    meta = Meta(
        tree_digest=_text(body, "tree_digest"),
        accounts=[dict(_mapping(account, "accounts[]")) for account in _list(body, "accounts")],
        emulator=_flag(body, "emulator"),
        tool_version=_text(body, "tool_version"),
        created_at=_text(body, "created_at"),
        errored=_flag(body, "errored"),
    )
    shown = [_mapping(change, "resource_changes[]") for change in changes]
    entries = [_approved(change) for change in shown if not change.get("held")]
    return Approval(entries, _moment(meta.created_at)), meta


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError) as error:
        raise _unreadable("`created_at` is no time") from error


def _approved(shown: Mapping[str, Any]) -> Approved:
    change = _mapping(shown.get("change"), "change")
    actions = tuple(str(action) for action in _list(change, "actions"))
    word = _VERBS.get(actions)
    if word is None:
        raise _unreadable(f"`actions` is {', '.join(actions) or 'empty'}")
    reason = shown.get("action_reason")
    waits = bool(_list(shown, "waits_for")) or str(reason).startswith(_WAITING)
    has_before = word in {"update", "replace"}
    before = _mapping(change.get("before"), "before") if has_before else {}
    # A kept object is nothing to approve, so its id is not part of what must agree.
    names_live = word != "no-op" or waits
    return Approved(
        address=_text(shown, "address"),
        verb=word,
        digest=_text(shown, "digest"),
        live_id=_text(shown, "live_id") if names_live else "",
        before={path: as_json(value) for path, value in before.items()},
        waits=waits,
        then="replace" if waits and shown.get("then") == "recreate" else "",
        supersedes=_text(shown, "supersedes") if word == "create" else "",
        # A plan of an older release does not tell.
        agreed=_mapping(shown["agreed"], "agreed") if waits and shown.get("agreed") is not None else None,
    )


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _unreadable(f"{name} is not an object")
    return value


def _list(body: Mapping[str, Any], key: str) -> list[Any]:
    value = body.get(key)
    if not isinstance(value, list):
        raise _unreadable(f"`{key}` is missing or not a list")
    return value


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise _unreadable(f"`{key}` is missing or not a text")
    return value


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key)
    if not isinstance(value, bool):
        raise _unreadable(f"`{key}` is missing or neither true nor false")
    return value


def _unreadable(detail: str) -> Refused:
    return _refused("plan-unreadable", "The file is not a saved plan", f"{detail[:1].upper()}{detail[1:]}.")


def _refused(code: str, summary_: str, detail: str) -> Refused:
    remedy = f"Nothing was done. Make and review a new plan:\n  {MAKE_ANEW}"
    return Refused(Fault(code, summary_, detail, remedy))
