"""Pausing and resuming by manifest, and what a person should know of a job besides.

| `suspend` | a job that trains | a paused one | one that is not there |
|---|---|---|---|
| `true` | is paused after its first step | stays | is not started |
| `false` | goes on | is resumed, never unattended | is started |
| absent | goes on | is resumed, never unattended; one that Azure may have paused is left alone, and the plan says so | is started |

A paused job does not say who paused it: a person, Azure for a developer job, or Azure at $5,000 for a reinforcement job.
So of the last two only a manifest that says so resumes one (docs/decisions, "Removing suspend resumes").
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.change import Update
from reconciler.core.diff import FieldChange
from reconciler.core.resource import Desired, Observed, Phase
from reconciler.core.rules import Claim
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec, training_type
from reconciler.kinds.fine_tune_job.states import STOPPABLE, STOPPED, WAITING, is_halted, state_of

UNLIMITED = (
    "a reinforcement job that was stopped at $5,000 goes on without a limit: a person resumes it, with a saved plan or "
    "without --auto-approve"
)
PARKED = "suspended: it is not started while `suspend: true` stands in its manifest"


def switches(desired: Desired, live: Observed) -> tuple[FieldChange, ...]:
    """Return whether a job is to be paused or resumed."""
    suspend = _spec(desired).suspend
    if suspend and live.status in STOPPABLE | WAITING:
        return (FieldChange("suspend", before=False, after=True),)
    if (suspend is False and live.status in STOPPED) or _paused_by_somebody(desired, live):
        return (FieldChange("suspend", before=True, after=False),)
    return ()


def _paused_by_somebody(desired: Desired, live: Observed) -> bool:
    """Whether a job is paused without a word in its manifest, and Azure pauses none of its sort by itself."""
    return _spec(desired).suspend is None and live.status == "paused" and not _pausable_by_azure(desired, live)


def _pausable_by_azure(desired: Desired, live: Observed) -> bool:
    """Whether Azure pauses such jobs by itself, as declared or as echoed: a service may echo neither."""
    return _is_reinforcement(desired, live) or "developer" in {
        training_type(_spec(desired).training_type),
        live.facts.get("training_type"),
    }


def _is_reinforcement(desired: Desired, live: Observed) -> bool:
    return "reinforcement" in {_spec(desired).method.type, live.facts.get("method")}


def needs_person(change: Update) -> str:
    """Return why resuming a job takes a person, if it does: `suspend: false` may have stood there before the job was stopped."""
    resumes = any(item.path == "suspend" and item.after is False for item in change.changes)
    return UNLIMITED if resumes and _is_reinforcement(change.desired, change.live) else ""


def rests(desired: Desired, live: Observed) -> bool:
    """Return whether a job is paused because its manifest says so."""
    return bool(_spec(desired).suspend) and live.status in STOPPED


def with_lifecycle(desired: Desired, claim: Claim) -> Claim:
    """Complete a claim with what `suspend` and `integrations` mean for it."""
    live = claim.live
    if live is None:
        return replace(claim, parked=PARKED) if _spec(desired).suspend and not claim.stuck else claim
    if claim.stuck:
        return claim
    live = _as_declared(desired, live)
    claim = replace(claim, live=live)
    notes = (*claim.notes, *_suspension(desired, live), *_reports(desired, live))
    if rests(desired, live):
        claim = replace(claim, live=replace(live, words="suspended by its manifest"))
    return replace(claim, notes=notes) if notes else claim


def _as_declared(desired: Desired, live: Observed) -> Observed:
    """Return a paused job with what its pause means by its manifest too: a service may echo neither method nor training type."""
    if live.status != "paused":
        return live
    spec = _spec(desired)
    training = str(live.facts.get("training_type") or training_type(spec.training_type))
    method = str(live.facts.get("method") or spec.method.type)
    return replace(
        live, words=state_of(live.status, method, training).words, halted=is_halted(live.status, method, training)
    )


def _suspension(desired: Desired, live: Observed) -> tuple[str, ...]:
    suspend = _spec(desired).suspend
    if suspend and live.phase is Phase.READY:
        return ("`suspend` has no effect: the job has ended",)
    if suspend and live.status in WAITING:
        said = "Azure pauses no job before its first step: it is paused by the first run that finds one done"
        return (f"{said}; to stop it now:", f"  reconciler cancel {desired.address}")
    if _paused_by_somebody(desired, live):
        return ("paused, and no `suspend` stands in its manifest; to keep it so, write `suspend: true` in its spec",)
    if suspend is None and live.status == "paused" and _is_reinforcement(desired, live):
        return (
            "look at its curves first:",
            f"  reconciler logs {live.id}",
            "to go on without a limit, write `suspend: false` in its spec; to keep it so, `suspend: true`; to end it,",
            f"  reconciler cancel {desired.address}",
            "to serve what it has learnt, name one of its checkpoints in a Deployment:",
            "  model: {name: CHECKPOINT}",
        )
    if suspend is None and live.status == "paused":
        return ("to go on, write `suspend: false` in its spec; to keep it so, `suspend: true`",)
    if suspend is False and live.status in STOPPED and _is_reinforcement(desired, live):
        return ("resumed, a reinforcement job that Azure stopped at $5,000 goes on without a limit",)
    return ()


def _reports(desired: Desired, live: Observed) -> tuple[str, ...]:
    """Say where a job that works reports to, if that is not as declared: it cannot be changed, and decides no weights."""
    declared = _spec(desired).integrations
    echoed = live.facts.get("reports_to") or ()
    if not declared or not echoed or live.phase is not Phase.WORKING:
        return ()
    wanted = tuple(item.wandb.project for item in declared)
    if set(wanted) == set(echoed):
        return ()
    return (
        f"reports to the W&B project {', '.join(echoed)}, declared {', '.join(wanted)}: a job keeps what it began with",
    )


def _spec(desired: Desired) -> FineTuneJobSpec:
    assert isinstance(desired.spec, FineTuneJobSpec)
    return desired.spec
