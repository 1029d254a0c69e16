"""How long a deployment is there: what vanished by itself, what is declared for a time only, and what is protected.

Azure deletes deployments by itself: of the developer tier after 24 hours, others when nobody called them for 15 days. So one
that is not there was either never made, or is missing. Nothing at Azure tells the two apart, so what is said is true of both,
and a run that nobody looks at makes only what can hardly have vanished yet: its job ended less than a day ago.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reconciler.core.change import Create, Update
from reconciler.core.diff import FieldChange
from reconciler.core.duration import seconds_of
from reconciler.core.fault import Fault
from reconciler.core.resource import Desired, Observed, Phase
from reconciler.core.rules import Claim, Former, Resolved, View
from reconciler.kinds.deployment.spec import DeploymentSpec, JobModel

PROTECT = "reconciler-protect"
"""The tag that keeps a deployment from being deleted, whatever its manifest says by then."""
FIRST_DEPLOYMENT = 24 * 3600.0
"""Seconds after a job's end within which a missing deployment is a first one, not one that vanished."""
DEVELOPER_LIFE, IDLE_LIFE = 24 * 3600.0, 15 * 24 * 3600.0
"""Seconds after which Azure deletes a developer-tier deployment, and one that nobody calls (docs/azure.md, section 11)."""
MISSING = "missing"
NEVER = "it was never made"


def missing(desired: Desired, refs: Resolved, view: View) -> Claim:
    """Claim a deployment that is not there: still to be made, or (its job ended long ago) perhaps vanished, with the causes."""
    jobs = [live for live in refs.values() if isinstance(live, Observed)]
    purged = any(live.facts.get("model_only") for live in jobs)
    ends = [end for live in jobs if (end := _end(live))]
    if not purged and not (ends and view.now - max(ends) > FIRST_DEPLOYMENT):
        return Claim()
    age = None if purged else view.now - max(ends)
    notes = [_cause(_spec(desired).sku.name, age)]
    if _spec(desired).on_missing != "recreate":
        notes.append("`on_missing: recreate` in its spec would make it without a review")
    return Claim(reason=MISSING, notes=tuple(notes))


def may_have_vanished(desired: Desired, refs: Resolved, view: View) -> bool:
    """Whether a version that is not there was perhaps deleted: its job ended long ago."""
    return missing(desired, refs, view).reason == MISSING


def _cause(sku: str, age: float | None) -> str:
    if sku.lower() == "developertier":
        return f"{NEVER}, or Azure has deleted it: a developer-tier deployment lives 24 hours"
    if age is not None and age < IDLE_LIFE:
        days = max(1, round(age / 86400))
        return f"its job ended {days} day{'s' * (days != 1)} ago: {NEVER}, or somebody has deleted it"
    return f"{NEVER}, or Azure has deleted it because nobody called it for 15 days, or somebody has"


def expired(desired: Desired, claim: Claim, refs: Resolved, view: View) -> Claim:
    """Give up what a manifest declares only for a time, when that is over: it is left over, and not made anew.

    The time counts from the end of the job. While another training works, it is not known yet, so nothing has expired.
    """
    after = _spec(desired).expires_after
    job = claim.pinned or next((live for live in refs.values() if isinstance(live, Observed)), None)
    if not after or job is None or job.phase is not Phase.READY or claim.stuck:
        return claim
    end = _end(job)
    until = end + seconds_of(after)
    if not end or view.now < until:
        return claim
    shown = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(until))
    why = f"expired at {shown}: `expires_after: {after}` after the end of {job.id}"
    former = claim.former if claim.live is None else (*claim.former, Former(claim.live))
    given_up = tuple(replace(one, kept="", expired=why) for one in former)
    return replace(claim, live=None, former=given_up, parked=why, notes=(), asks=())


def protection(spec: DeploymentSpec, live: Observed) -> Iterator[FieldChange]:
    """Return the tag that protects a deployment, if its manifest says so or takes it off; without a word it stays."""
    wanted = spec.protect
    if wanted is not None and wanted != bool(live.facts.get("protect")):
        yield FieldChange(f"tags.{PROTECT}", live.facts["tags"].get(PROTECT), "true" if wanted else "false")


def protected_notes(spec: DeploymentSpec, live: Observed | None) -> tuple[str, ...]:
    """Say that a deployment stays protected although no manifest says so any more."""
    if spec.protect is None and live is not None and live.facts.get("protect"):
        return (f"it is still protected by its tag {PROTECT}; `protect: false` takes that off",)
    return ()


def needs_review(change: Create | Update) -> str:
    """Return why a person must look before what may have vanished is made; "" for anything else."""
    if isinstance(change, Create) and change.reason == MISSING and _spec(change.desired).on_missing != "recreate":
        return "missing, and nobody has looked at this plan: apply a saved one, or write `on_missing: recreate`"
    return ""


def check_lifetime(desired: Desired) -> Sequence[Fault]:
    """Report an expiry that nothing can be counted from, and one of what is protected."""
    spec = _spec(desired)
    if not spec.expires_after:
        return ()
    if isinstance(spec.model, JobModel) and not spec.protect:
        return ()
    fixed = not isinstance(spec.model, JobModel)
    fault = Fault(
        "expiry-impossible",
        "It cannot expire",
        "`expires_after` counts from the end of a job, and `model` names none."
        if fixed
        else "`protect: true` keeps it from being deleted, and `expires_after` asks for that.",
        "Remove `expires_after`, or write:\n  model: {job: NAME}" if fixed else "Keep one of the two.",
        desired.place_of("spec.expires_after"),
        str(desired.address),
    )
    return (fault,)


def _end(job: Observed) -> float:
    """Return when a job ended; 0 if Azure does not say: nothing is then taken for gone, and nothing expires."""
    return job.finished_at or job.created_at


def _spec(desired: Desired) -> DeploymentSpec:
    assert isinstance(desired.spec, DeploymentSpec)
    return desired.spec
