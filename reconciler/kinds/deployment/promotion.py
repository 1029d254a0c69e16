"""Which mark a deployment is to be pinned to: the newest model of its job, or one that a person names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.digest import short
from reconciler.core.fault import Fault, ReconcilerError
from reconciler.core.resource import Address, Desired, Observed
from reconciler.core.rules import View
from reconciler.kinds.deployment.pin import mark_of, models_of, pin_of, pinned_job
from reconciler.kinds.deployment.spec import DeploymentSpec, JobModel

LATEST = "latest"


@dataclass(frozen=True)
class Promotion:
    """What is to be pinned: its mark, its job, and what a person should know of it."""

    mark: str
    live: Observed | None
    before: str = ""
    notes: tuple[str, ...] = ()


def promotion(desired: Desired, to: str, view: View) -> Promotion:
    """Find what to pin; raises ReconcilerError where there is nothing, or what is named is not there."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    if not isinstance(spec.model, JobModel):
        raise ReconcilerError(_by_name(desired, spec.model.name))
    job = Address("FineTuneJob", spec.model.job)
    there = models_of(job, view)
    if to != LATEST:
        wanted = spec.model_copy(update={"model": spec.model.model_copy(update={"pin": to})})
        found = pinned_job(replace(desired, spec=wanted), view, {})
        if isinstance(found, Fault):
            raise ReconcilerError(replace(found, remedy=found.remedy.replace("  pin: ", "  --to ")))
        return Promotion(to, found, pin_of(desired))
    if not there:
        raise ReconcilerError(_no_model(desired, job))
    live = there[0]
    return Promotion(mark_of(live), live, pin_of(desired), tuple(_declared_otherwise(job, live, there, view)))


def _declared_otherwise(job: Address, newest: Observed, there: Sequence[Observed], view: View) -> list[str]:
    """Say that the newest model is not what the manifest of the job declares now: after a revert, or before a training."""
    parts = {short(digest, len(newest.identity)) for digest in view.digests.get(job, ())}
    if newest.identity in parts:
        return []
    mine = next((live for live in there if live.identity in parts), None)
    said = f"note: this is the newest model of {job}, and not of what its manifest declares now"
    return [f"{said}; that is --to {mark_of(mine)}" if mine else f"{said}, which has no model yet"]


def _by_name(desired: Desired, model: str) -> Fault:
    return Fault(
        "not-promotable",
        "This deployment serves a model by its name",
        f"{desired.address} serves {model}, whatever any job makes.",
        "Let it refer to a job, or change the name by hand:\n  model: {job: NAME}",
        desired.place_of("spec.model"),
        str(desired.address),
    )


def _no_model(desired: Desired, job: Address) -> Fault:
    return Fault(
        "nothing-to-promote",
        "There is no model to promote yet",
        f"{job} has no finished model that bears our mark.",
        "See how far it is:\n  reconciler status",
        desired.place_of("spec.model"),
        str(desired.address),
    )
