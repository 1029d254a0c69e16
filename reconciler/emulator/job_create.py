"""POST `/fine_tuning/jobs`: everything the service checks, and the timeline that a new job gets."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.emulator.arm_places import location_of
from reconciler.emulator.catalog import DATA_ZONE, STANDARD, TRAINING_TYPES, BaseModel
from reconciler.emulator.files import is_processed
from reconciler.emulator.graders import EFFORTS, grader_fault, response_format_fault
from reconciler.emulator.job_view import find_checkpoint, job_object
from reconciler.emulator.records import FileRecord, JobRecord
from reconciler.emulator.routing import Call, On
from reconciler.emulator.training import resolve_hyperparameters, steps_per_epoch
from reconciler.emulator.wire import ApiError, Response, Surface, json_response

_SUFFIX = re.compile(r"[A-Za-z0-9_-]+")
_METHODS = ("supervised", "dpo", "reinforcement")

# Bounds from OpenAI's specification: (lowest, highest, lowest itself allowed).
_BOUNDS: dict[str, tuple[float, float, bool]] = {
    "n_epochs": (1, 50, True),
    "batch_size": (1, 256, True),
    "learning_rate_multiplier": (0, 100, False),
    "beta": (0, 2, False),
    "compute_multiplier": (0.00001, 10, False),
    "prompt_loss_weight": (0, 1, True),
    "l2_multiplier": (0, math.inf, True),
    "eval_interval": (1, 10_000, True),
    "eval_samples": (1, 10_000, True),
}


@dataclass(frozen=True, slots=True)
class _Base:
    shown: str
    model: BaseModel


def create_job(call: Call) -> Response:
    """Check, plan and remember a job."""
    body = call.request.json()
    _check_limits(call)
    name = _text(body, "model")
    base = _base(call, name)
    method_type, method = _method(call, body, base)
    training_type = _training_type(call, body, base)
    suffix = _suffix(call, body)
    sent = _hyperparameters(body, method_type)
    training = _file(call, body, "training_file")
    validation = _file(call, body, "validation_file") if body.get("validation_file") else None
    if method_type == "reinforcement":
        _check_reinforcement(method, validation)
    job = _plan(call, body, base, method_type, method, training_type, suffix, sent, training, validation)
    world = call.world
    world.settle(call.account)
    world.save(
        FileRecord(job.result_file, job.account, call.now, "results.csv", "fine-tune-results", size=0, job=job.id)
    )
    world.save(job)
    headers = {}
    if call.surface is Surface.DATED:
        headers["location"] = f"{call.base_url}{call.request.path}/{job.id}"
    value = job_object(world, job, call.surface, call.now)
    return json_response(value, 201 if call.surface is Surface.DATED else 200, headers)


def invalid(message: str, target: str | None = None) -> ApiError:
    """400 invalidPayload."""
    return ApiError(400, "invalidPayload", message, target=target)


def _check_limits(call: Call) -> None:
    config, world, jobs = call.world.config, call.world, call.account.jobs
    if config.limits_off:
        return
    if sum(job.deleted is None for job in jobs.values()) >= config.max_jobs:
        raise ApiError(400, "quotaExceeded", f"The maximum number of {config.max_jobs} fine-tuning jobs is reached.")
    waiting = sum(world.phase(job).status == "pending" for job in call.account.active.values())
    if waiting >= config.max_queued:
        raise ApiError(400, "quotaExceeded", f"The maximum number of {config.max_queued} queued jobs is reached.")


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(f"The {name} field is required.", name)
    return value


def _base(call: Call, name: str) -> _Base:
    """The base model, a fine-tuned model of this account, or one of its checkpoints."""
    world, account = call.world, call.account.name
    if location_of(call) in world.config.no_fine_tuning:
        raise invalid("The specified base model does not support fine-tuning.", "model")
    checkpoint = find_checkpoint(world, account, name, call.now)
    parent = checkpoint[0] if checkpoint else world.models.get(name.lower())
    if parent is not None:
        alive = checkpoint is not None or (
            parent.account == account and parent.model_deleted is None and world.phase(parent).status == "succeeded"
        )
        root = world.catalog.find(parent.root)
        if alive and root is not None:
            return _Base(name if checkpoint else parent.model_name, root)
    found = world.catalog.find(name)
    if found is None or not found.methods:
        raise invalid("The specified base model does not support fine-tuning.", "model")
    return _Base(found.id if world.config.canonical_models else name, found)


def _method(call: Call, body: Mapping[str, Any], base: _Base) -> tuple[str, dict[str, Any] | None]:
    method = body.get("method")
    if call.on is On.GA or method is None:
        kind, method = "supervised", None
    elif not isinstance(method, dict) or method.get("type") not in _METHODS:
        raise invalid("The method type must be one of supervised, dpo, reinforcement.", "method")
    else:
        kind = method["type"]
    if kind not in base.model.methods:
        need = base.model.methods[0]
        raise invalid(f"Finetuning with {base.model.id} requires the {need} method of finetuning.", "method")
    return kind, method


def _training_type(call: Call, body: Mapping[str, Any], base: _Base) -> str:
    """The canonical spelling. A value that does not bind gives the error that was reported for it."""
    config = call.world.config
    sent = body.get("trainingType")
    if sent is None or (config.ga_ignores_training_type and call.on is On.GA):
        if config.training_type_omitted == "refused":
            raise invalid("The specified base model does not support fine-tuning.", "trainingType")
        chosen = STANDARD if config.training_type_omitted == "standard" else config.training_type_omitted
    else:
        known = TRAINING_TYPES.get(str(sent).lower())
        known = None if known == DATA_ZONE and not config.data_zone_training else known
        strict = config.training_type_exact and call.surface is Surface.DATED
        if known is None or (strict and sent != known):
            raise invalid("The fineTuningJob field is required.", "fineTuningJob")
        chosen = known
    if chosen not in base.model.training_types:
        word = chosen[0].upper() + chosen[1:]
        raise invalid(
            f"The specified base model {base.shown} does not support fine-tuning with {word} TrainingType.", "model"
        )
    return chosen


def _suffix(call: Call, body: Mapping[str, Any]) -> str | None:
    config = call.world.config
    suffix = body.get("suffix")
    if suffix is None:
        return None
    longest = config.suffix_max_v1 if call.surface is Surface.V1 else config.suffix_max_dated
    if not isinstance(suffix, str) or not 1 <= len(suffix) <= longest:
        raise invalid(f"The suffix must have 1 to {longest} characters.", "suffix")
    if not _SUFFIX.fullmatch(suffix):
        raise invalid("The suffix may only contain a-z, A-Z, 0-9, - and _; it can't contain a dot.", "suffix")
    return suffix if config.suffix_cut is None else suffix[: config.suffix_cut]


def _hyperparameters(body: Mapping[str, Any], method_type: str) -> dict[str, Any]:
    """What the request sets, wherever it stands; the method's own object wins."""
    sent: dict[str, Any] = {}
    nested = ((body.get("method") or {}).get(method_type) or {}).get("hyperparameters")
    for part in (body.get("hyperparameters"), nested):
        if part is not None and not isinstance(part, dict):
            raise invalid("The hyperparameters must be an object.", "hyperparameters")
        sent |= {name: value for name, value in (part or {}).items() if value is not None}
    if sent.get("reasoning_effort", "default") not in EFFORTS:
        raise invalid("The value of 'reasoning_effort' is not supported.", "reasoning_effort")
    for name, value in sent.items():
        if name not in _BOUNDS or value in ("auto", -1):
            continue
        low, high, inclusive = _BOUNDS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not (low <= value <= high) or (value == low and not inclusive):
            raise invalid(f"The value of '{name}' is out of range.", name)
    return sent


def _file(call: Call, body: Mapping[str, Any], name: str) -> FileRecord:
    file = call.account.files.get(_text(body, name))
    if file is None or file.deleted is not None:
        raise invalid(f"The specified file '{body[name]}' does not exist.", name)
    if file.error is not None or not is_processed(file, call.now):
        raise invalid("The specified file reference must point to a completed file import.", name)
    if file.purpose != "fine-tune":
        raise invalid("The specified file must have the purpose 'fine-tune'.", name)
    return file


def _check_reinforcement(method: dict[str, Any] | None, validation: FileRecord | None) -> None:
    if validation is None:
        raise invalid("The reinforcement method requires a validation file.", "validation_file")
    settings = (method or {}).get("reinforcement") or {}
    if not settings.get("grader"):
        raise invalid("The reinforcement method requires a grader.", "method")
    fault = grader_fault(settings["grader"]) or response_format_fault(settings.get("response_format"))
    if fault:
        raise invalid(fault, "method")


def _seed(call: Call, body: Mapping[str, Any]) -> int:
    seed = body.get("seed")
    if seed is None:
        return call.world.seed()
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < 2**31:
        raise invalid("The seed must be an integer between 0 and 2147483647.", "seed")
    return seed


def _plan(
    call: Call,
    body: Mapping[str, Any],
    base: _Base,
    method_type: str,
    method: dict[str, Any] | None,
    training_type: str,
    suffix: str | None,
    sent: dict[str, Any],
    training: FileRecord,
    validation: FileRecord | None,
) -> JobRecord:
    world, config = call.world, call.world.config
    seed = _seed(call, body)
    data = world.dataset(training)
    held = world.dataset(validation) if validation else None
    resolved = resolve_hyperparameters(sent, method_type, data.examples, base.model.learning_rate)
    content = [base.shown, data.digest, held.digest if held else None, sorted(resolved.items()), seed, training_type]
    problem = data.problems.get(method_type)
    if problem is None and held is not None:
        # The minimum number of examples is one of the training file alone.
        problem = held.problems.get(method_type)
        problem = None if problem is not None and "must have at least" in problem else problem
    fail = None
    if problem is not None:
        fail = {"at": "validating", "code": "jsonlValidationFailed", "message": problem, "param": "training_file"}
    job = JobRecord(
        id=f"ftjob-{world.hex()}",
        account=call.account.name,
        created=call.now,
        model=base.shown,
        root=base.model.id,
        training_file=training.id,
        validation_file=validation.id if validation else None,
        suffix=suffix,
        seed=seed,
        training_type=training_type,
        method_type=method_type,
        method=method,
        hyperparameters=sent,
        resolved=resolved,
        integrations=body.get("integrations") if call.on is not On.GA else None,
        metadata=body.get("metadata") if call.surface is Surface.V1 else None,
        examples=data.examples,
        tokens=data.tokens,
        curve_seed=int.from_bytes(hashlib.sha256(orjson.dumps(content)).digest()[:6]),
        pending_s=config.pending_seconds,
        running_s=config.running_seconds,
        total_steps=steps_per_epoch(data.examples, resolved) * int(resolved["n_epochs"]),
        result_file=f"file-{world.hex()}",
        fail=fail,
    )
    if job.fail is None:
        job.fail = _outcome(config.outcomes, job)
    return job


def _outcome(rules: list[dict[str, Any]], job: JobRecord) -> dict[str, Any] | None:
    """The failure that the first matching rule sets for this job."""
    fields = {name: getattr(job, name) for name in JobRecord.__slots__} | job.resolved
    for rule in rules:
        if all(_matches(name, fields.get(name), wanted) for name, wanted in rule.get("match", {}).items()):
            then = rule.get("then", {})
            fail = then.get("fail")
            return None if fail is None else {"at": then.get("at", "running"), "param": None, **fail}
    return None


def _matches(name: str, value: Any, wanted: Any) -> bool:
    if name in ("suffix", "model") and isinstance(wanted, str):
        return str(value or "").startswith(wanted)
    return bool(value == wanted)
