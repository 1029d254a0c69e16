"""Reading jobs and models as Azure answers them: leniently, since its limits and spellings are not ours."""

from __future__ import annotations

from typing import Any

from reconciler.azure.errors import scrub
from reconciler.azure.wire import Json, items, mapping, moment, number, text
from reconciler.core.account import Account
from reconciler.core.digest import ModelName, Suffix
from reconciler.core.resource import Observed, Phase
from reconciler.kinds.fine_tune_job.graders import grading_models
from reconciler.kinds.fine_tune_job.method import EchoedHyperparameters, Method
from reconciler.kinds.fine_tune_job.spec import FileId, FineTuneJobSpec, training_type
from reconciler.kinds.fine_tune_job.states import WAITING, is_halted, state_of
from reconciler.models import base_of, find

KIND = "FineTuneJob"
_UNSET = (None, -1, "-1", "auto")


def same_base(declared: str, echoed: str) -> bool:
    """Return whether the service names the declared base: re-cased, with the version's date, or by another known name."""
    want, have = declared.lower(), echoed.lower()
    if want == have:
        return True
    if base_of(want) == want and base_of(have) == have and find(want) is not None and find(want) is find(have):
        return True
    rest = have.removeprefix(f"{want}-")
    return rest != have and rest.replace("-", "").isdigit()


def observed_job(body: Json, account: Account) -> Observed:
    """Read one job."""
    status = text(body, "status").lower().replace("canceled", "cancelled")
    model = text(body, "fine_tuned_model")
    suffix = Suffix.parse(text(body, "suffix", "user_provided_suffix"))
    named = ModelName.parse(model)
    if suffix is None and named:
        suffix = Suffix.parse(named.suffix)
    error = mapping(body, "error")
    method, training = _method(body), training_type(text(body, "trainingType"))
    state = state_of(status, method, training)
    phase = state.phase
    if phase is Phase.READY and not model:
        phase = Phase.SETTLING
    files = {key: text(body, key) for key in ("training_file", "validation_file") if text(body, key)}
    return Observed(
        kind=KIND,
        account=account.name,
        id=text(body, "id"),
        name=suffix.text if suffix and suffix.text else text(body, "id"),
        phase=phase,
        spec=_live_spec(body),
        status=status,
        identity=suffix.digest_part if suffix else "",
        owner=(suffix.owner(account.spec.owners) or "") if suffix else "",
        created_at=moment(body, "created_at") or 0,
        finished_at=moment(body, "finished_at"),
        outputs={"model": model, "job_id": text(body, "id")} if model and status == "succeeded" else {},
        facts={
            **files,
            "files": tuple(files.values()),
            "seed": body.get("seed"),
            "trained_tokens": number(body, "trained_tokens"),
            "base": text(body, "model"),
            "account_id": account.arm_id,
            "result_files": tuple(item for item in _list(body.get("result_files")) if isinstance(item, str)),
            "method": method,
            "graders": grading_models(mapping(mapping(mapping(body, "method"), method), "grader")),
            "waits": status in WAITING,
            "training_type": training,
            "estimated_finish": moment(body, "estimated_finish"),
            "reports_to": _projects(body),
            "suffix": text(body, "suffix", "user_provided_suffix") or (named.suffix if named else ""),
            "integrations": items(body, "integrations"),
        },
        reason=scrub(": ".join(part for part in (text(error, "code"), text(error, "message")) if part)),
        paused=status == "paused",
        halted=is_halted(status, method, training),
        words=state.words,
    )


def model_as_job(body: Json, account: Account) -> Observed | None:
    """Make the job of a model whose own job is not listed any more; one without our mark may be adopted by its id."""
    named = ModelName.parse(text(body, "id"))
    if named is None:
        return None
    suffix = Suffix.parse(named.suffix)
    owner = suffix.owner(account.spec.owners) if suffix else None
    return Observed(
        kind=KIND,
        account=account.name,
        id=named.job_id,
        name=suffix.text if suffix and suffix.text else named.job_id,
        phase=Phase.READY,
        spec=FineTuneJobSpec.model_construct(
            model=named.base, training_file=_NO_FILE, method=_NO_METHOD, training_type=""
        ),
        status="succeeded",
        identity=suffix.digest_part if suffix else "",
        owner=owner or "",
        created_at=moment(body, "created_at") or moment(body, "created") or 0,
        outputs={"model": text(body, "id"), "job_id": named.job_id},
        facts={"model_only": True, "base": named.base, "account_id": account.arm_id},
    )


def _projects(body: Json) -> tuple[str, ...]:
    """Return the projects of Weights & Biases that a job says it reports to."""
    found = (text(mapping(item, "wandb"), "project") for item in items(body, "integrations"))
    return tuple(project for project in found if project)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _method(body: Json) -> str:
    """Return how a job trains, "" if it does not say. Azure answers words of its own lists in other cases than were sent."""
    return text(mapping(body, "method"), "type").lower()


def _live_spec(body: Json) -> FineTuneJobSpec:
    """Read the echoed settings of a job. -1 stands for `auto` (recorded), which contradicts a number that was set."""
    method = _method(body)
    own = mapping(mapping(body, "method"), method or "supervised")
    nested = mapping(own, "hyperparameters")
    top = mapping(body, "hyperparameters")
    settings: dict[str, Any] = {}
    for name in EchoedHyperparameters.model_fields:
        # Either place may hold -1 or "auto", or nothing, where the other one has the number.
        echoed = next((place for place in (nested, top) if place.get(name) not in _UNSET), None)
        echoed = echoed if echoed is not None else nested if nested.get(name) is not None else top
        word = text(echoed, name)
        if name == "reasoning_effort" and word:
            settings[name] = word
        elif word == "auto":
            settings[name] = -1
        elif (value := number(echoed, name)) is not None:
            settings[name] = value
    seed = number(body, "seed")
    fields: dict[str, Any] = {
        "method": _echoed(method, settings, mapping(own, "grader"), mapping(own, "response_format")),
        "training_type": text(body, "trainingType", "training_type"),
    }
    fields["model"] = text(body, "model") or None
    fields["seed"] = None if seed is None else int(seed)
    return FineTuneJobSpec.model_construct(**fields, training_file=_NO_FILE)


class _EchoedMethod(Method):
    """A method as a service shows it: whatever is there, and nothing else."""

    grader: Any = None
    response_format: Any = None


def _echoed(kind: str, settings: dict[str, Any], grader: Json | None = None, answers: Json | None = None) -> Any:
    return _EchoedMethod.model_construct(
        type=kind,
        hyperparameters=EchoedHyperparameters.model_construct(**settings),
        grader=grader or None,
        response_format=answers or None,
    )


_NO_FILE = FileId.model_construct(file_id="")
_NO_METHOD = _echoed("", {})
"""What every listed model has in common, which says nothing of its settings."""
