"""Which of several live jobs is the declared one, and what is said where a person must decide."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.change import RETRY
from reconciler.core.diff import FieldChange
from reconciler.core.fault import Fault
from reconciler.core.resource import Desired, Observed, Phase
from reconciler.core.rules import Claim
from reconciler.kinds.fine_tune_job.failures import is_azures_own, why_failed
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec

_RANK = {"succeeded": 0, "running": 1, "paused": 1, "pausing": 1, "resuming": 1, "failed": 3, "cancelled": 3}


def order(live: Observed) -> tuple[int, float, str]:
    """Order several live jobs of one digest; the first is the job."""
    return (_RANK.get(live.status, 2), live.created_at, live.id)


def first(desired: Desired, ordered: Sequence[Observed], *, retries: bool = True) -> Claim:
    """Claim the first of the jobs of one digest; those behind it that have not ended are duplicates."""
    job, rest = ordered[0], ordered[1:]
    duplicates = tuple(live for live in rest if live.phase is Phase.WORKING)
    if job.phase is Phase.FAILED:
        again = _tried_again(desired, ordered) if retries else None
        return again or Claim(live=job, stuck=_ended(desired, ordered))
    if job.phase is Phase.READY and job.facts.get("model_gone"):
        return Claim(live=job, stuck=_vanished(desired, job), duplicates=duplicates)
    return Claim(live=job, duplicates=duplicates)


def _tried_again(desired: Desired, ended: Sequence[Observed]) -> Claim | None:
    """Return the claim of the next attempt, if Azure itself failed and `retry` allows one more.

    Attempts are counted from the live jobs of the digest: there is no state, and a purged job is one less to count. One
    that was cancelled, or failed for another reason, ends it: somebody or something said no.
    """
    retry = _spec(desired).retry
    if not retry or len(ended) > retry or not all(_is_accident(live) for live in ended):
        return None
    last = max(ended, key=lambda live: (live.created_at, live.id))
    number = f"attempt {len(ended) + 1} of at most {retry + 1}"
    note = f"{number}: {last.id} failed by Azure's own error ({last.reason})"
    return Claim(reason=RETRY, predecessor=last, notes=(note,))


def _is_accident(live: Observed) -> bool:
    return live.status == "failed" and is_azures_own(live.reason)


def next_attempt(desired: Desired, *, at: bool = False) -> str:
    """Say how to train again; `at`: and where, for what does not tell the place of the manifest besides."""
    where = f" ({desired.place_of('spec.attempt')})" if at else ""
    return f"To train again, set in its spec{where}:\n  attempt: {_spec(desired).attempt + 1}"


def _ended(desired: Desired, ended: Sequence[Observed]) -> Fault:
    live = ended[0]
    if live.status == "cancelled":
        return Fault(
            "job-cancelled",
            "The job was cancelled",
            f"{live.id} was cancelled and is not started again by itself.",
            next_attempt(desired),
            desired.place,
            str(desired.address),
        )
    known = why_failed(live.reason)
    attempts = f" (the first of {len(ended)} attempts that ended so)" if len(ended) > 1 else ""
    retry = (
        " With `retry: 1` or 2 it is trained again by itself after such a failure."
        if known.whose == "azure" and not _spec(desired).retry
        else ""
    )
    return Fault(
        "job-failed",
        "The job failed",
        f"{live.id}{attempts}: {live.reason or 'Azure gives no reason'}",
        f"{known.remedy.rstrip('.')}; changed data or settings train anew by themselves.{retry} {next_attempt(desired)}",
        desired.place,
        str(desired.address),
    )


def _vanished(desired: Desired, live: Observed) -> Fault:
    return Fault(
        "model-gone",
        "The model of a finished job is gone",
        f"{live.id} succeeded, and its model {live.outputs.get('model')} does not exist any more.",
        "It is not trained again by itself. If the job ended minutes ago, Azure may show its model late: run the command "
        f"again first. {next_attempt(desired)}",
        desired.place,
        str(desired.address),
    )


def clone(desired: Desired, live: Observed, differing: tuple[FieldChange, ...]) -> Fault:
    """Say that a job with our mark is not the declared one."""
    return Fault(
        "mark-without-evidence",
        "A job carries our mark and other settings",
        f"{live.id} carries our mark, but {describe(differing)}. It is not used, cancelled or deleted.",
        "Somebody has probably cloned a job. Give this one an identity of its own (if `jobs` is in Account.prune, "
        f"--prune then takes the other one for left over). {next_attempt(desired)}",
        desired.place,
        str(desired.address),
    )


def adopt_missing(desired: Desired) -> Fault:
    """Say that there is no job to adopt."""
    place = desired.place_of("metadata.adopt")
    summary = "The job that is to be adopted does not exist"
    return Fault("adopt-missing", summary, "", "Correct the id.", place, str(desired.address))


def adopt_differs(desired: Desired, live: Observed, differing: tuple[FieldChange, ...]) -> Fault:
    """Say that the job that is to be adopted is not the declared one."""
    return Fault(
        "adopt-differs",
        "The job differs from the manifest that adopts it",
        f"{live.id} differs from the manifest: {describe(differing)}.",
        "Correct the manifest, or remove `adopt` to train anew.",
        desired.place_of("metadata.adopt"),
        str(desired.address),
    )


def describe(changes: Sequence[FieldChange]) -> str:
    """Say what is live and what is declared, in one line."""
    return ", ".join(f"{change.path} is {shown(change.before)}, declared {shown(change.after)}" for change in changes)


def shown(value: object) -> str:
    """Return a value as a person writes it."""
    if value is None:
        return "absent"
    if isinstance(value, float) and value == -1:
        return "auto"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _spec(desired: Desired) -> FineTuneJobSpec:
    assert isinstance(desired.spec, FineTuneJobSpec)
    return desired.spec
