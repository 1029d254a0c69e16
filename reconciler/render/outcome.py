"""What became of the changes of an apply: a line for each as it happens, and the last line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from reconciler.core.change import Change, Create, Delete, Keep, Replace, Stuck, Update, Wait
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Observed, Phase
from reconciler.core.rules import Rules
from reconciler.render.action import then_word
from reconciler.render.describe import Item, keep_item, live_name
from reconciler.render.fault import explanation, known_by
from reconciler.render.summary import but_left_over
from reconciler.render.text import item_lines
from reconciler.render.words import Paint, Tone, duration, joined, printable, shown, size

NOTHING = "Apply: nothing to do. Azure matches the manifests."
UNREAD = "Apply: nothing was done. Part of Azure could not be read."
GO_ON = "The next `reconciler apply` goes on where this one ended; `apply --wait` waits, `apply --continue` suits a schedule."
_PAST = {"create": "created", "upload": "uploaded", "train": "trained"}


class Outcome(Protocol):
    """What the engine says of one change; see `reconciler.engine.Outcome`."""

    @property
    def change(self) -> Change:
        """The change."""
        ...

    @property
    def status(self) -> str:
        """One of unchanged, done, pending, blocked, held, refused, failed."""
        ...

    @property
    def live(self) -> Observed | None:
        """The live object, as last seen."""
        ...

    @property
    def fault(self) -> Fault | None:
        """Why it failed."""
        ...

    @property
    def message(self) -> str:
        """Why nothing was done."""
        ...

    @property
    def seconds(self) -> float:
        """How long it took."""
        ...

    @property
    def found(self) -> bool:
        """Whether it was there when it was to be made."""
        ...


@dataclass(frozen=True)
class ApplyCounts:
    """What an apply did, and what is left."""

    started: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    in_progress: int = 0
    waiting: int = 0
    blocked: int = 0
    failed: int = 0
    refused: int = 0
    held: int = 0
    """Held back other than left-over objects, which are no contradiction to the manifests."""

    def __bool__(self) -> bool:
        """Return whether there is anything to say: something was done, or something is left."""
        return self != ApplyCounts()

    def __str__(self) -> str:
        """Return the counts in the words of the last line."""
        trainings = "training" if self.started == 1 else "trainings"
        did = f"{self.started} {trainings} started, {self.created} created, {self.updated} updated, {self.deleted} deleted"
        left = f"{self.in_progress} in progress at Azure, {self.waiting} waiting"
        rare = [
            f"{count} {word}"
            for count, word in ((self.held, "held back"), (self.refused, "refused"), (self.blocked, "blocked"))
            if count
        ]
        return f"{did}; {', '.join([left, *rare, f'{self.failed} failed'])}"


def outcome_line(outcome: Outcome, *, kinds: Mapping[str, Rules], color: bool = False, progress: str = "") -> str:
    """Return what became of a change; "" if there is nothing to say. A failure has its reason on further lines.

    `progress` is how far a working object says that it is.
    """
    item = _item(outcome, kinds, progress)
    return "\n".join(item_lines(item, Paint(color=color))) if item else ""


def apply_summary(
    final: Iterable[Outcome], wrote: Iterable[Outcome], *, kinds: Mapping[str, Rules], errored: bool = False
) -> str:
    """Return the last line of an apply, and before it how work that goes on at Azure is picked up.

    `errored` says that part of Azure could not be read: then nothing is known to match.
    """
    last_of_each = list(final)
    counted = apply_counts(last_of_each, wrote, kinds=kinds)
    if not counted:
        left_over = [outcome.change for outcome in last_of_each if outcome.status == "held"]
        return UNREAD if errored else but_left_over(NOTHING, left_over)
    last = f"Apply: {counted}."
    return f"{GO_ON}\n{last}" if counted.in_progress or counted.waiting else last


def apply_counts(final: Iterable[Outcome], wrote: Iterable[Outcome], *, kinds: Mapping[str, Rules]) -> ApplyCounts:
    """Count: `wrote` holds the outcomes that changed Azure, `final` the last outcome of each change.

    What another run made is not counted as done.
    """
    did = dict.fromkeys(("started", "created", "updated", "deleted"), 0)
    for outcome in wrote:
        for word in () if outcome.found else _did(outcome.change, kinds):
            did[word] += 1
    left = dict.fromkeys(("in_progress", "waiting", "blocked", "refused", "failed", "held"), 0)
    for outcome in final:
        word = _left(outcome)
        if word:
            left[word] += 1
    return ApplyCounts(**did, **left)


def _did(change: Change, kinds: Mapping[str, Rules]) -> tuple[str, ...]:
    match change:
        case Create():
            return ("started",) if kinds[change.address.kind].word == "train" else ("created",)
        case Update():
            return ("updated",)
        case Replace():
            return ("created", "deleted")
        case Delete():
            return ("deleted",)
        case Keep() | Wait() | Stuck():
            return ()
    assert_never(change)


def _left(outcome: Outcome) -> str:
    match outcome.status:
        case "pending":
            return "in_progress" if _busy(outcome) else "waiting"
        case "blocked" | "refused" | "failed" as status:
            return status
        case "held":
            return "" if isinstance(outcome.change, Delete) else "held"
        case _:
            return ""


def _busy(outcome: Outcome) -> Observed | None:
    """Return the live object that Azure works on because of this change."""
    live = outcome.live
    busy = live is not None and live.phase in {Phase.WORKING, Phase.SETTLING}
    return live if busy and not isinstance(outcome.change, Wait) else None


def _item(outcome: Outcome, kinds: Mapping[str, Rules], progress: str) -> Item | None:
    address = outcome.change.address
    match outcome.status:
        case "unchanged":
            return _ready(address, outcome.live)
        case "done":
            return _done(outcome, kinds)
        case "pending":
            return _pending(outcome, kinds, progress)
        case "held" if isinstance(outcome.change, Delete) and outcome.change.kept:
            return Item("=", Tone.QUIET, address, printable(outcome.message))
        case "held":
            return Item("…", Tone.QUIET, address, f"held: {printable(outcome.message)}")
        case "blocked":
            return Item("…", Tone.QUIET, address, f"blocked: {_why(outcome, kinds)}")
        case _:
            return _failed(address, outcome.status, outcome.fault, outcome.message)


def _ready(address: Address, live: Observed | None) -> Item | None:
    if live is None:
        return None
    model = live.outputs.get("model")
    return Item("=", Tone.QUIET, address, f"ready ({shown(model) if model else live_name(live)})")


def _done(outcome: Outcome, kinds: Mapping[str, Rules]) -> Item:
    change, live = outcome.change, outcome.live
    took = f"{outcome.seconds:.1f} s" if outcome.seconds < 60 else duration(outcome.seconds)
    took = f"{printable(outcome.message)}, {took}" if outcome.message else took
    match change:
        case Create():
            facts = _facts(change, live)
            if outcome.found:
                return Item("=", Tone.QUIET, change.address, f"is there already  ({', '.join([*facts, took])})")
            word = _PAST.get(kinds[change.address.kind].word, "created")
            return Item("+", Tone.ADD, change.address, f"{word}  ({', '.join([*facts, took])})")
        case Update():
            return Item(
                "~", Tone.CHANGE, change.address, f"{'marked as ours' if change.adopts else 'updated'}  ({took})"
            )
        case Replace():
            return Item("-/+", Tone.REMOVE, change.address, f"recreated  ({took})")
        case Delete():
            return Item("-", Tone.REMOVE, change.address, f"{_ended(live)}  ({live_name(change.live)}, {took})")
        case Keep() | Wait() | Stuck():
            return Item("=", Tone.QUIET, change.address, "ready")
    assert_never(change)


def _facts(change: Create, live: Observed | None) -> list[str]:
    """Return what is worth reading of a new object: its id, the size of its data, its seed."""
    facts = [live_name(live)] if live else []
    if change.desired.content:
        facts.append(size(change.desired.content.bytes))
    if live and live.facts.get("notice"):
        facts.append(printable(live.facts["notice"]))
    seed = live.facts.get("seed") if live else None
    return [*facts, f"seed {shown(seed)}"] if seed is not None else facts


def _ended(live: Observed | None) -> str:
    return "cancelled" if live and live.phase is not Phase.GONE else "deleted"


def _pending(outcome: Outcome, kinds: Mapping[str, Rules], progress: str) -> Item:
    change, busy = outcome.change, _busy(outcome)
    if not busy:
        return Item("…", Tone.QUIET, change.address, _why(outcome, kinds))
    if getattr(outcome, "later", False):
        return Item("…", Tone.QUIET, change.address, _why(outcome, kinds))
    if isinstance(change, Delete):
        return Item("-", Tone.REMOVE, change.address, f"is being deleted  ({live_name(change.live)})")
    if isinstance(change, Keep):
        return _working(change, busy, progress)
    if isinstance(change, Create) and outcome.found:
        said = ", ".join([*_facts(change, busy), printable(outcome.message)])
        return Item("=", Tone.QUIET, change.address, f"is there already  ({said})")
    if isinstance(change, Create) and busy.phase is Phase.WORKING:
        word = "training started" if kinds[change.address.kind].word == "train" else "started"
        return Item("+", Tone.ADD, change.address, f"{word}  ({', '.join(_facts(change, busy))})")
    glyph, tone = ("+", Tone.ADD) if isinstance(change, Create) else ("~", Tone.CHANGE)
    status = f" ({printable(busy.status)})" if busy.status else ""
    return Item(glyph, tone, change.address, f"sent; Azure still processes it{status}")


def _working(change: Keep, live: Observed, progress: str) -> Item:
    if live.phase is Phase.WORKING and progress:
        status = printable(live.words or live.status or "running")
        return Item("…", Tone.QUIET, change.address, f"{status} ({printable(progress)})")
    item = keep_item(Keep(change.desired, live), None)
    assert item is not None
    return item


def _why(outcome: Outcome, kinds: Mapping[str, Rules]) -> str:
    change = outcome.change
    if outcome.message or not isinstance(change, Wait):
        return printable(outcome.message)
    if outcome.status == "blocked":
        return f"waits for {joined(change.on)}, which needs a person first"
    return f"waits for {joined(change.on)}, then {then_word(change, kinds)}"


def _failed(address: Address, word: str, fault: Fault | None, message: str) -> Item:
    if fault is None:
        return Item("!", Tone.ALARM, address, f"{word}: {printable(message or 'no reason is known')}")
    place = (printable(fault.place),) if fault.place else ()
    text = f"{word}: {printable(fault.summary)}{known_by(fault)}"
    return Item("!", Tone.ALARM, address, text, (*explanation(fault), *place))
