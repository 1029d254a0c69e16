"""How jobs, their events, checkpoints and result files look from outside."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.config import Config
from reconciler.emulator.graders import filled
from reconciler.emulator.records import JobRecord
from reconciler.emulator.timeline import Phase, fails_validation, ready, step_time
from reconciler.emulator.wire import Surface
from reconciler.emulator.world import World

DEPLOYABLE_CHECKPOINTS = 3
"""Only the last three model versions of a job can be deployed or trained on (fine-tuning REST reference)."""

_UNRESOLVED = {
    **dict.fromkeys(("n_epochs", "batch_size", "beta", "l2_multiplier"), -1),
    **dict.fromkeys(("eval_interval", "eval_samples", "compute_multiplier"), -1),
    "reasoning_effort": "default",
}
_EVENT_STEPS = 100  # about as many step events as a job shows; a long one shows every n-th step


def job_object(world: World, job: JobRecord, surface: Surface, at: float) -> dict[str, Any]:
    """A job as the service answers it, at one time."""
    config, state = world.config, world.phase(job, at)
    done = state.status == "succeeded"
    value: dict[str, Any] = {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": _moment(config, job.created),
        "status": _word(config, job, state, surface, at),
        "model": job.model,
        "fine_tuned_model": job.model_name if done else None,
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "result_files": [job.result_file] if done or (state.started and config.result_files_while_running) else None,
        "finished_at": None if state.finished is None else _moment(config, state.finished),
        "organization_id": None,
        "trained_tokens": job.tokens * int(job.resolved["n_epochs"]) if done else None,
        "error": _error(job, state),
        "estimated_finish": _estimate(world, job, state),
        "integrations": job.integrations,
        "metadata": job.metadata if config.metadata_echo else None,
    }
    if config.echo_suffix in ("suffix", "both"):
        value["suffix"] = job.suffix
    if config.echo_suffix in ("user_provided_suffix", "both"):
        value["user_provided_suffix"] = job.suffix
    if config.echo_seed:
        value["seed"] = job.seed
    if config.echo_training_type:
        value["trainingType"] = job.training_type
    numbers = hyperparameters(job, state)
    in_method = config.echo_hyperparameters in ("method", "both")
    value["hyperparameters"] = numbers if config.echo_hyperparameters in ("top", "both") else None
    if job.method is not None or config.echo_method == "always":
        inner = {**((job.method or {}).get(job.method_type) or {})}
        inner.pop("hyperparameters", None)
        _show_grader(config, inner)
        if in_method:
            inner["hyperparameters"] = numbers
        value["method"] = {"type": job.method_type, job.method_type: inner}
    else:
        value["method"] = None
    return value


def hyperparameters(job: JobRecord, state: Phase) -> dict[str, Any]:
    """The numbers as shown: -1 for what is not resolved yet; the learning rate multiplier is filled in at once."""
    if state.started:
        return dict(job.resolved)
    shown = dict(job.resolved)
    for name in shown.keys() & _UNRESOLVED.keys():
        if job.hyperparameters.get(name) in (None, "auto", -1):
            shown[name] = _UNRESOLVED[name]
    return shown


def _show_grader(config: Config, method: dict[str, Any]) -> None:
    if config.echo_grader == "filled" and "grader" in method:
        method["grader"] = filled(method["grader"])
    if config.echo_grader == "none":
        method.pop("grader", None)
        method.pop("response_format", None)


def _word(config: Config, job: JobRecord, state: Phase, surface: Surface, at: float) -> str:
    if state.status == "pending" and config.v1_status_words and surface is Surface.V1:
        return "validating_files" if at < ready(job) else "queued"
    return state.status


def _moment(config: Config, at: float) -> int | str | None:
    if config.job_times == "none":
        return None
    return (
        int(at)
        if config.job_times == "seconds"
        else datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def _error(job: JobRecord, state: Phase) -> dict[str, Any] | None:
    if state.status != "failed" or job.fail is None:
        return None
    return {"code": job.fail["code"], "message": job.fail["message"], "param": job.fail.get("param")}


def _estimate(world: World, job: JobRecord, state: Phase) -> int | None:
    """Recorded: set on pending and on finished jobs, up to 30 days off. Specified: null unless the job runs."""
    if world.config.estimated_finish_noise:
        return int(job.created + job.running_s + job.curve_seed % (30 * 86_400))
    return int(world.start_of(job) + job.running_s) if state.status == "running" else None


def stable_hex(*parts: object) -> str:
    """32 hexadecimal digits that always come out the same for the same parts."""
    return hashlib.md5(":".join(str(part) for part in parts).encode(), usedforsecurity=False).hexdigest()


# -- checkpoints


def checkpoint_name(job: JobRecord, step: int) -> str:
    """Name of the model at a step: `<model>:ckpt-step-<n>` (specification example)."""
    return f"{job.model_name}:ckpt-step-{step}"


def checkpoint_id(job: JobRecord, step: int) -> str:
    """Id of a checkpoint, which is what the deployment page says to deploy."""
    return f"ftchkpt-{stable_hex(job.id, step)}"


def checkpoint_steps(world: World, job: JobRecord, at: float) -> list[int]:
    """The steps at which the job has left a checkpoint, oldest first: one each epoch, and one when it was paused."""
    state = world.phase(job, at)
    if not state.started:
        return []
    steps = {step for step in world.curve(job).epoch_ends() if step <= state.steps}
    for began, _ in job.pauses:
        if began is not None and began <= at:
            paused_at = world.phase(job, began).steps
            if paused_at:
                steps.add(paused_at)
    return sorted(steps)


def deployable_checkpoints(world: World, job: JobRecord, at: float) -> list[int]:
    """The steps that can be deployed or trained on."""
    if job.model_deleted is not None:
        return []
    return checkpoint_steps(world, job, at)[-DEPLOYABLE_CHECKPOINTS:]


def checkpoint_objects(world: World, job: JobRecord, at: float) -> list[dict[str, Any]]:
    """All checkpoints of a job, newest first."""
    start, curve = world.start_of(job), world.curve(job)
    shown = checkpoint_id if world.config.checkpoint_shown_as == "id" else checkpoint_name
    return [
        {
            "id": checkpoint_id(job, step),
            "object": "fine_tuning.job.checkpoint",
            "created_at": int(step_time(job, start, step)),
            "fine_tuned_model_checkpoint": shown(job, step),
            "step_number": step,
            "metrics": curve.metrics(step),
            "fine_tuning_job_id": job.id,
        }
        for step in reversed(checkpoint_steps(world, job, at))
    ]


def find_checkpoint(world: World, account: str, name: str, at: float) -> tuple[JobRecord, int] | None:
    """The job and step that a checkpoint's id or name means, if it can be deployed now."""
    base, mark, step_text = name.rpartition(":ckpt-step-")
    if mark:
        job = world.models.get(base.lower())
        jobs = [job] if job is not None and job.account == account else []
        wanted = checkpoint_name
        name = f"{base.lower()}{mark}{step_text}"
    elif name.startswith("ftchkpt-"):
        jobs = list(world.account(account).jobs.values())
        wanted = checkpoint_id
    else:
        return None
    for job in jobs:
        for step in deployable_checkpoints(world, job, at):
            if wanted(job, step).lower() == name:
                return job, step
    return None


# -- events


def event_objects(world: World, job: JobRecord, surface: Surface, at: float) -> list[dict[str, Any]]:
    """The events of a job so far, newest first. Texts as recorded."""
    story = _Story(job, at)
    state, start = world.phase(job, at), world.start_of(job)
    story.say(job.created, "Job enqueued. Waiting for jobs ahead to complete.")
    if fails_validation(job):
        story.say(ready(job), "Job started.")
        story.say(ready(job), "Preprocessing running for file training file.")
    if state.started:
        _tell_run(world, job, start, state, story)
    if state.finished is not None:
        _tell_end(job, state, story)
    error_level = {"warning": "warn"} if surface is Surface.V1 else {}
    return [
        {
            "id": f"ftevent-{stable_hex(job.id, number)}",
            "object": "fine_tuning.job.event",
            "created_at": _moment(world.config, when),
            "level": error_level.get(level, level),
            "message": message,
            "type": kind,
            "data": data,
        }
        for number, (when, level, kind, message, data) in reversed(list(enumerate(story.events)))
    ]


class _Story:
    """Collects what has happened by a time."""

    def __init__(self, job: JobRecord, at: float) -> None:
        self.job = job
        self.at = at
        self.events: list[tuple[float, str, str, str, dict[str, Any] | None]] = []

    def say(self, when: float, message: str, level: str = "info", data: dict[str, Any] | None = None) -> None:
        if when <= self.at:
            self.events.append((when, level, "metrics" if data else "message", message, data))


def _tell_run(world: World, job: JobRecord, start: float, state: Phase, story: _Story) -> None:
    story.say(start, "Job started.")
    for name in ("training", "validation") if job.validation_file else ("training",):
        story.say(start, f"Preprocessing running for file {name} file.")
        story.say(start, f"Preprocessing completed for file {name} file.")
    first = step_time(job, start, 0)
    for message in ("Data Import started.", "Finetuning started.", "Job queued, waiting for GPUs."):
        story.say(start, message)
    for message in (f"Created results file: {job.result_file}", "Training started."):
        story.say(first, message)
    curve = world.curve(job)
    stride = 1 if job.total_steps <= _EVENT_STEPS else max(10, job.total_steps // _EVENT_STEPS)
    ends = set(curve.epoch_ends())
    for step in range(1, state.steps + 1):
        if step % stride == 0 or step in (1, job.total_steps) or step in ends:
            data = curve.metrics(step)
            value = data.get("train_loss", data.get("train_mean_reward", 0.0))
            what = "training reward" if job.method_type == "reinforcement" else "training loss"
            story.say(step_time(job, start, step), f"Step {step}: {what}={value}", data=data)
    for began, resumed in job.pauses:
        story.say(began or start, job.pause_reason or "Job paused.")
        if resumed is not None:
            story.say(resumed, "Job resumed.")
    story.events.sort(key=lambda event: event[0])


def _tell_end(job: JobRecord, state: Phase, story: _Story) -> None:
    end = state.finished or 0.0
    match state.status:
        case "succeeded":
            story.say(end, "Model Evaluation Passed.")
            story.say(end, f"Completed results file: {job.result_file}")
            story.say(end, f"Training tokens billed: {job.tokens * int(job.resolved['n_epochs'])}")
            story.say(end, "Job succeeded.")
        case "cancelled":
            story.say(end, "Job cancelled.", "warning")
        case _:
            error = _error(job, state) or {"message": "Job failed."}
            story.say(end, f"Job failed: {error['message']}", "error")
