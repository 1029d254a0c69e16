"""What a change does in one word, with its glyph and its colour: for tables and graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from reconciler.core.change import Change, Create, Delete, Keep, Replace, Stuck, Update, Wait, is_held
from reconciler.core.resource import Phase
from reconciler.core.rules import Rules


@dataclass(frozen=True)
class Action:
    """A glyph, a word, and what a colour says: add, change, remove, wait, person, held or keep."""

    glyph: str
    word: str
    style: str


_KEPT: Mapping[Phase, Action] = {
    Phase.READY: Action("=", "unchanged", "keep"),
    Phase.SETTLING: Action("\u2026", "in progress", "wait"),
    Phase.WORKING: Action("\u2026", "in progress", "wait"),
    Phase.FAILED: Action("!", "failed", "person"),
    Phase.GONE: Action("!", "gone", "person"),
}


def then_word(change: Wait, kinds: Mapping[str, Rules]) -> str:
    """Return what is done when what is waited for is there."""
    match change.then:
        case "create":
            return kinds[change.address.kind].word
        case "replace":
            return "recreate"
        case "update":
            return "update"
    assert_never(change.then)


def gone_for(change: Change, kinds: Mapping[str, Rules]) -> str:
    """Return for about how long something is gone that is made anew, now or after waiting; "" where nothing is."""
    anew = isinstance(change, Replace) or (isinstance(change, Wait) and change.then == "replace")
    return kinds[change.address.kind].gone_for if anew and change.address.kind in kinds else ""


def action_of(change: Change, kinds: Mapping[str, Rules]) -> Action:
    """Return what a change does."""
    style = "held" if is_held(change) else ""
    match change:
        case Create():
            return Action("+", kinds[change.address.kind].word, style or "add")
        case Update() if change.adopts:
            return Action("=", "adopt", style or "keep")
        case Update():
            return Action("~", "update", style or "change")
        case Replace():
            return Action("-/+", "recreate", style or "remove")
        case Delete(kept=True):
            return Action("=", "keep", "held")
        case Delete():
            works = kinds[change.live.kind].long_running and change.live.phase is not Phase.READY
            return Action("-", "cancel" if works else "delete", style or "remove")
        case Wait():
            return Action("\u2026", "wait", "person" if change.blocked else "wait")
        case Keep():
            return _KEPT[Phase.READY if change.live is None or change.rests else change.live.phase]
        case Stuck():
            return Action("!", "stuck", "person")
    assert_never(change)
