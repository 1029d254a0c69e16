"""Gates on numbers: whether a training was good enough for its model to serve. Judged when the plan is made.

A gate judges a change of what is served, never what serves already: a plan without changes reads nothing for it. What cannot
be read fails it. A gate that fails leaves the deployment as it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.digest import ModelName
from reconciler.core.fault import Fault
from reconciler.core.resource import UNREAD, Address, Desired, Observed, Spec
from reconciler.core.rules import Claim, View
from reconciler.kind import CHECKPOINTS, RESULTS
from reconciler.kinds.deployment.candidate import candidate_name, commands
from reconciler.kinds.deployment.checkpoint import why_impossible
from reconciler.kinds.deployment.gate_spec import CommandGate, Gate, MetricGate
from reconciler.kinds.deployment.spec import CheckpointModel, DeploymentSpec, JobModel, NamedModel, Pin
from reconciler.results.gauge import OVERFIT_RATIO, Reading, gauge
from reconciler.results.table import Table

GATE_FAILED = "gate-failed"


@dataclass(frozen=True)
class _Served:
    """A model as a gate sees it: its job, and the step if it is a checkpoint."""

    name: str
    job: Observed | None
    step: int | None = None


def judged(desired: Desired, claim: Claim, view: View, after: Spec) -> Claim:
    """Complete the claim of a deployment with what its gates say of the model that it is to serve."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    model = getattr(after, "model", None)
    if not isinstance(model, NamedModel):
        notes = (*claim.notes, *(_open(gate, desired) for gate in spec.gates))
        return replace(claim, notes=notes, warnings=(*claim.warnings, *_warned(desired)))
    new = _new(model, view)
    live = claim.live or claim.predecessor
    serves = live.outputs.get("model") if live else None
    if serves in {model.name, getattr(model, "checkpoint_id", "") or model.name}:
        return claim
    old = _old(live, view) if live else None
    metrics = [gate for gate in spec.gates if isinstance(gate, MetricGate)]
    needed = [new.job] if metrics else []
    if old is not None and any(gate.bound == "serving" for gate in metrics):
        needed.append(old.job)
    asks = tuple(job for job in needed if job is not None and CHECKPOINTS not in job.facts and UNREAD not in job.facts)
    if asks:
        return replace(claim, asks=(*claim.asks, *asks))
    judging = ((number, gate) for number, gate in enumerate(spec.gates) if isinstance(gate, MetricGate))
    verdicts = {number: _verdict(gate, new, old) for number, gate in judging}
    failed = [(number, words) for number, (passed, words) in verdicts.items() if not passed]
    if failed:
        return replace(claim, refused=_failed(desired, failed, new, serves))
    notes = (*claim.notes, *(f"gate passed: {words}" for _, words in verdicts.values()))
    runs = tuple(commands(desired))
    if not runs:
        return replace(claim, notes=notes)
    notes += tuple(_code(gate, desired) for _, gate in runs)
    warnings = (*claim.warnings, *_warned(desired))
    return replace(claim, notes=notes, warnings=warnings, runs=_not_allowed(desired, runs, serves))


def _open(gate: Gate, desired: Desired) -> str:
    """Say what will be asked of a model that does not exist yet."""
    return _code(gate, desired) if isinstance(gate, CommandGate) else f"gate: {gate} (known after apply)"


def _code(gate: CommandGate, desired: Desired) -> str:
    return (
        f"gate RUNS CODE: {gate} (for at most {gate.timeout}, against {candidate_name(desired)} on the developer tier)"
    )


def _warned(desired: Desired) -> Iterator[Fault]:
    """Say in front of a plan that it runs code: whoever reviews it must look at more than the plan."""
    for number, gate in commands(desired):
        yield Fault(
            "gate-runs-code",
            "A gate runs code of this repository",
            f"{gate}, before another model serves; only where `apply --allow-commands` is given.",
            "Review the program, and what it imports.",
            desired.place_of(f"spec.gates.{number}"),
            str(desired.address),
            "warning",
        )


def _not_allowed(desired: Desired, runs: Sequence[tuple[int, CommandGate]], serves: object) -> Fault:
    stays = f"{serves} goes on serving." if serves else "Nothing is deployed."
    return Fault(
        "commands-not-allowed",
        "A gate runs code, and that is not allowed in this run",
        f"{', '.join(str(gate) for _, gate in runs)} was not run. {stays}",
        "If it was reviewed, run:\n  reconciler apply --allow-commands",
        desired.place_of(f"spec.gates.{runs[0][0]}"),
        str(desired.address),
    )


def _new(model: NamedModel, view: View) -> _Served:
    if isinstance(model, CheckpointModel):
        return _Served(model.name, _job(view, model.job_id, ""), model.step)
    named = ModelName.parse(model.name)
    return _Served(model.name, _job(view, named.job_id if named else "", model.name))


def _old(live: Observed, view: View) -> _Served:
    """Return what serves now: the tags say of which job and step it is, else its name does."""
    model = str(live.outputs.get("model", ""))
    pin = Pin.parse(str(live.facts.get("pin", "")))
    named = ModelName.parse(model)
    # Tags may be older than what somebody made it serve by hand; a final model's name says whose it is.
    if named:
        return _Served(model, _job(view, named.job_id, model))
    return _Served(model, _job(view, pin.job_id, "") if pin.job_id else None, pin.step or None)


def _job(view: View, job_id: str, model: str) -> Observed | None:
    """Return the job of an id, or of a model's name, in any account."""
    jobs = (live for live in view.world if live.kind == "FineTuneJob")
    return next((job for job in jobs if job.id == job_id or (model and job.outputs.get("model") == model)), None)


def _verdict(gate: MetricGate, new: _Served, old: _Served | None) -> tuple[bool, str]:
    """Return whether a gate passes, and the numbers in words."""
    if gate.bound == "serving" and old is None:
        return True, f"{gate}: nothing serves yet"
    found, why = _read(gate, new)
    if found.value is None:
        return False, f"{gate}: {why}"
    best = "the best " if gate.of == "best" else ""
    said = f"{best}{gate.metric} is {found.value:.4g} (step {found.step} of {_name(new)})"
    bound, against = gate.bound, ""
    if bound == "serving":
        assert old is not None
        serving, why = _read(gate, old)
        if serving.value is None:
            return False, f"{gate}: {said}, and of what serves {why}"
        bound, against = serving.value, f", which step {serving.step} of {_name(old)} has"
    passed = gate.holds(found.value, bound)
    word = "at most" if gate.at_most is not None else "at least"
    return passed, f"{said}, {'' if passed else 'not '}{word} {bound:.4g}{against}"


def _name(served: _Served) -> str:
    return served.job.id if served.job else served.name


def _read(gate: MetricGate, served: _Served) -> tuple[Reading, str]:
    """Return the metric of a model; where there is none, why."""
    job = served.job
    if job is None:
        return Reading(), f"no job is known of {served.name}"
    unread = job.facts.get(UNREAD)
    if isinstance(unread, Fault):
        return Reading(), f"the results of {job.id} could not be read ({unread.summary})"
    table = job.facts.get(RESULTS)
    found = gauge(
        job.facts.get(CHECKPOINTS, ()),
        table if isinstance(table, Table) else Table(),
        gate.metric,
        of=gate.of,
        step=served.step,
    )
    if found.value is None and not job.facts.get(CHECKPOINTS) and isinstance(table, Table) and not table.curves:
        return found, f"{job.id} shows no results: it has left Azure's job history, or never had any"
    if found.value is None and isinstance(table, Fault):
        return found, f"the result file of {job.id} could not be read ({table.summary})"
    return found, f"{job.id} has no {gate.metric}" + (f" at step {served.step}" if served.step else "")


def _failed(desired: Desired, failed: list[tuple[int, str]], new: _Served, serves: object) -> Fault:
    stays = f"{serves} goes on serving." if serves else "Nothing is deployed."
    job = next((ref for ref in desired.refs if ref.kind == "FineTuneJob"), None)
    return Fault(
        GATE_FAILED,
        "A gate failed",
        f"{new.name}: {'; '.join(words for _, words in failed)}. {stays}",
        "Train again with other settings or data, or change the gate. How the training went:\n"
        f"  reconciler report {job or _name(new)}",
        desired.place_of(f"spec.gates.{failed[0][0]}"),
        str(desired.address),
    )


def check_gates(desired: Desired, declared: Mapping[Address, Desired]) -> Iterator[Fault]:
    """Report gates on what the declared training cannot have."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    for number, gate in enumerate(spec.gates):
        if not isinstance(gate, MetricGate):
            continue
        path = f"spec.gates.{number}"
        if isinstance(spec.model, JobModel):
            job = declared.get(Address("FineTuneJob", spec.model.job))
            metric = "full_valid_loss" if gate.metric == OVERFIT_RATIO else gate.metric
            why = why_impossible(metric, job) if job else ""
        else:
            named = ModelName.parse(spec.model.name)
            why = "" if named else f"{spec.model.name} is not a fine-tuned model: it has no training to be judged."
        if why:
            yield Fault(
                "metric-impossible",
                "The training cannot have this metric",
                f"{gate.metric}: {why}",
                "Add a `validation_file` to the job, choose another metric, or remove the gate.",
                desired.place_of(path),
                str(desired.address),
            )
