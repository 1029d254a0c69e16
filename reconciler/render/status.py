"""What is live, for programs: each resource, its state, and what others may use of it (`outputs`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.change import Change, Plan, account_of, live_of
from reconciler.render.document import FORMAT_VERSION, outputs_of
from reconciler.render.fault import fault_document, merged
from reconciler.render.words import plain_value


def status_document(
    plan: Plan,
    states: Sequence[tuple[Change, str, str]],
    *,
    accounts: Sequence[Mapping[str, Any]],
    emulator: bool,
    tool_version: str,
) -> dict[str, Any]:
    """Return the state of each resource as values that JSON can hold; `states` has each change, a word and a detail."""
    document = {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "emulator": emulator,
        "accounts": [dict(account) for account in accounts],
        "errored": plan.errored,
        "unread": [fault_document(fault) for fault in merged(plan.unread)],
        "resources": [_resource(change, state, detail) for change, state, detail in states],
    }
    found: dict[str, Any] = plain_value(document)
    return found


def _resource(change: Change, state: str, detail: str) -> dict[str, Any]:
    live = live_of(change)
    return {
        "address": str(change.address),
        "account": account_of(change),
        "state": state,
        "detail": detail,
        "live_id": live.id if live else "",
        "created_at": live.created_at if live and live.created_at else None,
        "outputs": outputs_of(change),
    }
