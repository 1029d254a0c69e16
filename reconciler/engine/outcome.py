"""What became of a change, as a value, and the faults that only the carrying out can have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reconciler.core.approval import MAKE_ANEW, before
from reconciler.core.change import RETRY, Change, Create, Delete, Replace, Update, is_action, verb
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Observed, Phase

Status = Literal["unchanged", "done", "pending", "blocked", "held", "refused", "failed"]
"""`refused`: a gate judged it, and it stays as it is."""


@dataclass(frozen=True)
class Outcome:
    """What became of one change in one round."""

    change: Change
    status: Status
    live: Observed | None = None
    fault: Fault | None = None
    message: str = ""
    seconds: float = 0
    later: bool = False
    """Nothing was sent, because Azure would not take it yet: the next look may say otherwise."""
    found: bool = False
    """It was there when it was to be made: another run has made it since the plan."""

    @property
    def address(self) -> Address:
        """The address of the resource."""
        return self.change.address

    @property
    def wrote(self) -> bool:
        """Whether Azure was changed since the plan, by this run or by one that was quicker."""
        sent = is_action(self.change) and not self.later
        return sent and self.live is not None and self.status in {"done", "pending"}


def placed(outcome: Outcome) -> Outcome:
    """Return the outcome with its manifest's place in its fault, where nothing more exact is said: Azure knows no manifests."""
    desired = outcome.change.desired if not isinstance(outcome.change, Delete) else None
    if outcome.fault is None or outcome.fault.place or desired is None:
        return outcome
    return replace(outcome, fault=replace(outcome.fault, place=desired.place))


def signature(change: Change) -> tuple[str, ...]:
    """Return what makes a change the same one if it is planned again in a later round."""
    match change:
        case Update() | Replace():
            values = (f"{path}={value}" for path, value in before(change.changes).items())
            return (verb(change), str(change.address), change.live.id, *sorted(values))
        case Create(reason=reason, supersedes=Observed(id=last)) if reason == RETRY:
            return (verb(change), str(change.address), last)
        case Delete():
            return (verb(change), change.live.kind, change.live.account, change.live.id)
        case _:
            return (verb(change), str(change.address))


def not_answering(change: Change, live: Observed, seconds: float) -> Fault:
    """Say that what was made is there and does not answer."""
    return Fault(
        "deployment-not-ready",
        "Azure calls the deployment ready, and it does not answer",
        f"{live.name} was asked for {seconds:.0f} s. The last answer: {live.words}",
        "Nothing else was changed or deleted. Give it more time with --settle, or ask it later:\n"
        f"  reconciler probe {change.address}",
        subject=str(change.address),
    )


def not_listed(change: Change, live: Observed, seconds: float) -> Fault:
    """Say that what was made does not show in the list, so that nothing is known of what others made."""
    return Fault(
        "not-listed",
        "It was created, and another run may or may not have created it too",
        f"{live.id} is not in the list {seconds:.0f} s after its creation, so the list does not tell. {live.id} goes on.",
        "Run the command again: it looks first, and cancels all but one.",
        subject=str(change.address),
    )


def not_taken(change: Change) -> Fault:
    """Say that Azure said yes and did nothing."""
    return Fault(
        "not-taken",
        "Azure accepted the change and did not make it",
        f"{verb(change)} {change.address} was done in this run and is needed again{_still(change)}.",
        "Look at the object in the portal; run the command again later.",
        subject=str(change.address),
    )


def _still(change: Change) -> str:
    """Return which fields Azure did not keep as they were sent, and what it has of each."""
    if not isinstance(change, Update):
        return ""
    return ": " + ", ".join(
        f"{item.path} is {'not there' if item.before is None else item.before}, declared {item.after}"
        for item in change.changes
    )


def ended_badly(change: Change, live: Observed) -> Fault:
    """Say that what was accepted has failed, and what is there now."""
    if live.phase is Phase.GONE and not isinstance(change, Replace):
        return Fault(
            "gone-meanwhile",
            "It was deleted while Azure worked on it",
            f"{live.name or live.id} is gone: somebody has deleted it, or Azure has.",
            "Run the command again: its plan says what is missing.",
            subject=str(change.address),
        )
    how = f"{live.id} is {live.status or live.phase.value}{f': {live.reason}' if live.reason else '.'}"
    if isinstance(change, Replace):
        return half_done(change, how)
    model = live.outputs.get("model") if isinstance(change, Update) else None
    before = ", as before the change" if model and model == _model_before(change) else ""
    return Fault(
        "ended-failed",
        "Azure accepted the change and it failed",
        how + (f" It shows the model {model}{before}." if model else ""),
        "Mend the cause and run the command again.",
        subject=str(change.address),
    )


def _model_before(change: Change) -> str:
    """Return the model of the live object that a change began with."""
    return str(change.live.outputs.get("model") or "") if isinstance(change, Update | Replace) else ""


def half_done(change: Replace, why: str) -> Fault:
    """Say that an object was deleted to be made anew, and could not be made."""
    return Fault(
        "recreate-half-done",
        "It was deleted, and could not be made anew: NOTHING SERVES",
        f"{change.live.name} served {_model_before(change) or 'a model'} and is gone; making it anew failed: {why}",
        "Mend the cause and run the command again at once; it makes what is missing:\n  reconciler apply",
        change.desired.place,
        str(change.address),
    )


def not_approved(missing: Sequence[str]) -> Fault:
    """Say which changes of a fresh plan the approved one does not show."""
    return Fault(
        "not-approved",
        "The plan is stale: Azure or the manifests are not what they were when it was made",
        "Not in the approved plan: " + "; ".join(missing) + ".",
        f"Nothing of this was done. Make and review a new plan:\n  {MAKE_ANEW}",
    )


def bug(change: Change | None, error: Exception, trace: str) -> Fault:
    """Describe a failure that nobody expected; the frames are what a report needs."""
    frames = [line.strip() for line in trace.splitlines() if line.lstrip().startswith('File "')]
    return Fault(
        "bug",
        "This is a bug in reconciler",
        f"{type(error).__name__} at " + " < ".join(frames[-3:][::-1]),
        "Please report it with this message. Running the command again is safe.",
        subject=str(change.address) if change else "",
    )
