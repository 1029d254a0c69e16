"""Which checkpoint of a job a deployment serves: chosen once, then pinned in its tags.

The checkpoints of a job are read only while that is open: no deployment yet, a new model of the job, another selector in
the manifest. `best` is an answer of one day; what is served then stays until a commit or a new training changes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.diff import FieldChange
from reconciler.core.fault import Fault
from reconciler.core.in_use import CHECKPOINT_IDS
from reconciler.core.resource import UNREAD, Address, Desired, Observed, Phase, Spec, Unknown
from reconciler.core.rules import Claim, Resolved
from reconciler.kind import CHECKPOINTS, no_such_step
from reconciler.kinds.deployment.spec import Best, CheckpointModel, DeploymentSpec, JobModel, Pin, Step
from reconciler.results.checkpoints import KEPT, Checkpoint, at_step, best, deployable, steps
from reconciler.results.metrics import canonical, metric

FormatOf = Callable[[str], str]


def with_checkpoint(desired: Desired, claim: Claim, refs: Resolved, format_of: FormatOf) -> Claim:
    """Complete the claim of a deployment with the checkpoint that it is to serve, if its manifest names one."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    if not isinstance(spec.model, JobModel) or not isinstance(spec.model.checkpoint, Step | Best):
        return claim
    job = refs.get(Address("FineTuneJob", spec.model.job))
    selector = spec.model.checkpoint
    if not isinstance(job, Observed) or job.phase is not Phase.READY:
        if isinstance(selector, Step):
            return claim
        return replace(claim, notes=(*claim.notes, f"best checkpoint by {selector.best}: {Unknown(desired.address)}"))
    pinned = _pinned(claim.live, job, selector, format_of)
    if pinned is not None:
        return replace(claim, after=spec.model_copy(update={"model": pinned}))
    unread = job.facts.get(UNREAD)
    if isinstance(unread, Fault):
        return replace(claim, stuck=unread)
    if CHECKPOINTS not in job.facts:
        return replace(claim, asks=(job,))
    found: Sequence[Checkpoint] = job.facts[CHECKPOINTS]
    if isinstance(selector, Step):
        chosen = at_step(found, selector.step)
        if chosen is None or not (chosen.model or chosen.id):
            stuck = no_such_step(desired, "spec.model.checkpoint", job.id, selector.step, steps(found))
            return replace(claim, stuck=stuck)
    else:
        chosen = best(deployable(found), selector.best)
        if chosen is None or not (chosen.model or chosen.id):
            return replace(claim, stuck=_no_metric(desired, job, selector.best, found))
    served = claim.live.outputs.get("model") if claim.live else None
    model = CheckpointModel(
        # Which of the two spellings Azure took is seen at what it serves.
        name=chosen.id if served == chosen.id else chosen.model or chosen.id,
        version="1",
        format=_format(job, format_of),
        job_id=job.id,
        step=chosen.step,
        best=selector.best if isinstance(selector, Best) else "",
        checkpoint_id=chosen.id,
        final=str(job.outputs.get("model") or ""),
    )
    after = spec.model_copy(update={"model": model})
    return replace(claim, after=after, notes=(*claim.notes, *_told(job, chosen, selector, found)))


def _pinned(live: Observed | None, job: Observed, selector: Step | Best, format_of: FormatOf) -> CheckpointModel | None:
    """Return the checkpoint that the tags of a deployment pin, if it is one of this job and of this selector."""
    if live is None or not live.facts.get("pinned_model"):
        return None
    pin = Pin.parse(str(live.facts.get("pin", "")))
    if pin.job_id != job.id or not pin.holds(selector):
        return None
    name = str(live.facts["pinned_model"])
    return CheckpointModel(
        name=name, version="1", format=_format(job, format_of), job_id=pin.job_id, step=pin.step, best=pin.best
    )


def pinned_among(desired: Desired, live: Iterable[Observed], refs: Resolved) -> Observed | None:
    """Return which of several deployments pins what the manifest says, so that a revert chooses nothing anew."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    if not isinstance(spec.model, JobModel) or not isinstance(spec.model.checkpoint, Step | Best):
        return None
    job = refs.get(Address("FineTuneJob", spec.model.job))
    for one in live:
        pin = Pin.parse(str(one.facts.get("pin", "")))
        if isinstance(job, Observed) and pin.job_id == job.id and pin.holds(spec.model.checkpoint):
            return one
    return None


def _format(job: Observed, format_of: FormatOf) -> str:
    base = str(job.facts.get("base") or "")
    # What was trained on a checkpoint may name an id as its base; a model's own name begins with the base's.
    return format_of(str(job.outputs.get("model")) if not base or base.startswith(CHECKPOINT_IDS) else base)


def _told(job: Observed, chosen: Checkpoint, selector: Step | Best, found: Sequence[Checkpoint]) -> list[str]:
    if isinstance(selector, Step):
        kept = {item.step for item in deployable(found)}
        late = (
            f"; Azure documents that only the last {KEPT} of a job can be deployed" if chosen.step not in kept else ""
        )
        return [f"step {chosen.step} of {job.id}{late}"]
    value = chosen.value(selector.best)
    said = [f"step {chosen.step} of {job.id}, the best by {selector.best} ({value:.4g}); to pin it in git:"]
    said.append(f"  checkpoint: {{step: {chosen.step}}}")
    better = best(found, selector.best)
    if better is not None and better.step != chosen.step:
        was = better.value(selector.best)
        said.append(f"step {better.step} was better ({was:.4g}), but Azure deploys only the last {KEPT} of a job")
    return said


def _no_metric(desired: Desired, job: Observed, name: str, found: Sequence[Checkpoint]) -> Fault:
    there = sorted({canonical(key) for item in deployable(found) for key in item.metrics if metric(key) is not None})
    return Fault(
        "checkpoint-metric-missing",
        "No checkpoint of the job carries the metric",
        f"{job.id} has {len(found)} checkpoints, none of the last {KEPT} with {name}; they have: "
        f"{', '.join(there) or 'none'}.",
        f"Choose one of these, or name a step:\n  checkpoint: {{step: {steps(found)[-1] if found else 'N'}}}",
        desired.place_of("spec.model.checkpoint"),
        str(desired.address),
    )


def as_served(after: Spec, live: Observed) -> Spec:
    """Return the spec with the checkpoint in the spelling that a deployment serves it by: its name, or its id."""
    model = getattr(after, "model", None)
    served = live.outputs.get("model")
    if not isinstance(model, CheckpointModel) or not served or served != model.checkpoint_id:
        return after
    return after.model_copy(update={"model": model.model_copy(update={"name": served})})


def pin_changes(after: Spec, live: Observed) -> Iterator[FieldChange]:
    """Return which tags must say anew what is served: a checkpoint that is chosen is pinned, or it would be chosen again."""
    model = getattr(after, "model", None)
    if not isinstance(model, CheckpointModel) or live.outputs.get("model") != model.name:
        # A model that changes takes its tags with it.
        return
    tags: Mapping[str, str] = live.facts["tags"]
    pin = Pin.parse(str(live.facts.get("pin", "")))
    selector = Best(best=model.best) if model.best else Step(step=model.step)
    if (pin.job_id, pin.step) != (model.job_id, model.step) or not pin.holds(selector):
        yield FieldChange("tags.reconciler-from", tags.get("reconciler-from"), str(model.pin))
    if live.facts.get("pinned_model") != model.name:
        yield FieldChange("tags.reconciler-model", tags.get("reconciler-model"), model.name)


def check_metric(desired: Desired, declared: Mapping[Address, Desired]) -> Iterator[Fault]:
    """Report a metric that the declared training cannot have."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    if not isinstance(spec.model, JobModel) or not isinstance(spec.model.checkpoint, Best):
        return
    name = spec.model.checkpoint.best
    job = declared.get(Address("FineTuneJob", spec.model.job))
    known = metric(name)
    if job is None or known is None:
        return
    method = _method(job)
    why = why_impossible(name, job)
    if why:
        remedy = (
            f"Add a `validation_file` to {job.address}, or choose by a metric of the training, for example:\n"
            "  checkpoint: {best: train_loss}"
            if known.split != "train" and "validation_file" in why
            else "Choose another metric, for example:\n  checkpoint: {best: "
            f"{'full_valid_mean_reward' if method == 'reinforcement' else 'full_valid_loss'}}}"
        )
        place = desired.place_of("spec.model.checkpoint")
        summary = "The training cannot have this metric"
        yield Fault("metric-impossible", summary, f"{name}: {why}", remedy, place, str(desired.address))


def why_impossible(name: str, job: Desired) -> str:
    """Return why a declared training cannot have a metric; "" if it can."""
    known = metric(name)
    assert known is not None
    method = _method(job)
    if known.split != "train" and getattr(job.spec, "validation_file", None) is None:
        return f"{job.address} has no `validation_file`, so nothing is validated."
    if method == "reinforcement" and known.family == "loss":
        return f"{job.address} is trained by reinforcement, which measures rewards and no losses."
    if method == "supervised" and known.family == "reward":
        return f"{job.address} is trained by supervision, which measures no rewards."
    return ""


def _method(job: Desired) -> str:
    return str(getattr(getattr(job.spec, "method", None), "type", ""))
