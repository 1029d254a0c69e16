"""Trying something before a change is made: it is made, tried, and deleted in any case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from reconciler.core.change import Delete
from reconciler.core.fault import ReconcilerError
from reconciler.core.resource import Observed, Phase
from reconciler.kind import Trial, Verdict

Look = Callable[[Observed], Observed]


@dataclass(frozen=True)
class Hands:
    """What the engine does for a trial: look again until something has settled, and delete and wait for it."""

    settled: Callable[[Look, Observed], Observed]
    refresh: Look
    delete: Callable[[Delete], Observed]


def tried(trial: Trial, hands: Hands) -> Verdict:
    """Carry a trial out. Raises ReconcilerError if it could not be; whatever happens, what was made for it is deleted."""
    earlier = _cleared(trial, hands)
    if earlier:
        raise ReconcilerError(trial.left(earlier))
    try:
        verdict = _judged(trial, hands)
    except ReconcilerError as error:
        left, fault = _cleared(trial, hands), error.faults[0]
        if left:
            raise ReconcilerError(replace(fault, detail=f"{fault.detail} {trial.left(left).detail}")) from error
        raise
    except BaseException:
        _cleared(trial, hands)
        raise
    left = _cleared(trial, hands)
    if left and verdict.fault is None:
        raise ReconcilerError(trial.left(left))
    if left and verdict.fault:
        detail = f"{verdict.fault.detail}\n{trial.left(left).detail}"
        return replace(verdict, fault=replace(verdict.fault, detail=detail))
    return verdict


def _judged(trial: Trial, hands: Hands) -> Verdict:
    live = hands.settled(hands.refresh, trial.make())
    if live.phase is Phase.READY:
        live = hands.settled(trial.answers, trial.answers(live))
    if live.phase is not Phase.READY:
        raise ReconcilerError(trial.unready(live))
    return trial.run()


def _cleared(trial: Trial, hands: Hands) -> str:
    """Delete what there is, of this run or of one that was broken off; returns why it is still there."""
    try:
        live = trial.find()
        gone = hands.delete(Delete(live, "duplicate")) if live else None
    except ReconcilerError as error:
        fault = error.faults[0]
        if fault.code == "name-taken":
            raise
        return f"{fault.summary} ({fault.detail.rstrip('.')})."
    if gone is not None and gone.phase is not Phase.GONE:
        return "Azure still deletes it."
    trial.over()
    return ""
