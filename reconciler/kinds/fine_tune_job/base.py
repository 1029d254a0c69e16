"""What a job is trained on when that is the work of another job: its model, or one of its checkpoints; and chains.

A checkpoint is read only when a job is to be made from it: what a live job was trained on is in its mark.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.diff import FieldChange
from reconciler.core.fault import Fault
from reconciler.core.resource import UNREAD, Address, Desired, Observed, Phase, Unknown
from reconciler.core.rules import Claim, Resolved
from reconciler.kind import CHECKPOINTS, no_such_step
from reconciler.kinds.fine_tune_job.observed import KIND
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec, JobRef, Step
from reconciler.results.checkpoints import KEPT, Checkpoint, at_step, deployable, steps

CHECKPOINT = re.compile(r"^(?P<model>.+):ckpt-step-(?P<step>\d+)$", re.IGNORECASE)
"""A checkpoint's model in the form that names its job's model and its step (docs/azure.md, section 5)."""


def based_on(desired: Desired, claim: Claim, refs: Resolved) -> Claim:
    """Complete the claim of a job that is to be made and builds on another one: which model, and why anew."""
    job = desired.spec
    assert isinstance(job, FineTuneJobSpec)
    if claim.live is not None or claim.stuck or not isinstance(job.model, JobRef):
        return claim
    address = Address(KIND, job.model.job)
    parent = refs.get(address)
    notes = claim.notes
    if not isinstance(parent, Observed) or parent.phase is not Phase.READY:
        anew = isinstance(parent, Unknown) and claim.predecessor is not None
        again = isinstance(parent, Observed) and parent.phase is Phase.WORKING and claim.predecessor is not None
        notes = (*notes, f"its base {address} is trained anew") if anew or again else notes
        return _with(claim, notes=notes)
    if claim.predecessor is not None and any(change.path == "model" for change in claim.why):
        notes = (*notes, f"its base {address} was trained anew")
    if not isinstance(job.model.checkpoint, Step):
        return _with(claim, notes=notes)
    return _from_checkpoint(desired, job, address, job.model.checkpoint.step, parent, _with(claim, notes=notes))


def _from_checkpoint(
    desired: Desired, job: FineTuneJobSpec, address: Address, step: int, parent: Observed, claim: Claim
) -> Claim:
    unread = parent.facts.get(UNREAD)
    if isinstance(unread, Fault):
        return Claim(stuck=unread)
    if CHECKPOINTS not in parent.facts:
        return _with(claim, asks=(parent,))
    found: Sequence[Checkpoint] = parent.facts[CHECKPOINTS]
    chosen = at_step(found, step)
    model = (chosen.model or chosen.id) if chosen else ""
    if chosen is None or not model:
        return Claim(stuck=no_such_step(desired, "spec.model.checkpoint", parent.id, step, steps(found)))
    late = (
        "" if chosen in deployable(found) else f"; Azure documents that only the last {KEPT} of a job can be trained on"
    )
    notes, why = [*claim.notes, f"trains on step {step} of {parent.id}{late}"], claim.why
    before = claim.predecessor.facts.get("base") if claim.predecessor else None
    if before and before != model:
        why = (FieldChange("model", before, model), *why)
        found_before = CHECKPOINT.match(str(before))
        if found_before and found_before["model"] != parent.outputs.get("model"):
            notes.append(f"its base {address} was trained anew")
    return _with(claim, after=job.model_copy(update={"model": model}), notes=tuple(notes), why=why)


def echoes_other_checkpoint(ref: JobRef, parent: Observed | Unknown | None, echoed: Any) -> bool:
    """Return whether what a service says that a job was trained on is certainly not the declared checkpoint.

    A name in the form of an id says nothing of its job, so it is no evidence.
    """
    found = CHECKPOINT.match(echoed) if isinstance(echoed, str) else None
    if found is None or not isinstance(ref.checkpoint, Step):
        return False
    model = parent.outputs.get("model") if isinstance(parent, Observed) else None
    other_model = bool(model) and found["model"].lower() != str(model).lower()
    return other_model or int(found["step"]) != ref.checkpoint.step


def _with(claim: Claim, **changes: Any) -> Claim:
    return replace(claim, **changes)
