"""Routes for models, and chat completions of what is deployed."""

from __future__ import annotations

from typing import Any

import orjson

from reconciler.emulator.catalog import BaseModel, unix_day
from reconciler.emulator.deployments import is_live, is_new, provisioning_state, serving_body
from reconciler.emulator.job_view import find_checkpoint, stable_hex
from reconciler.emulator.records import DeploymentRecord, JobRecord
from reconciler.emulator.routing import Call
from reconciler.emulator.wire import ApiError, Response, Surface, json_response
from reconciler.emulator.world import World

_NEWER, _OLDER = "max_completion_tokens", "max_tokens"
_THOUGHT = 64  # tokens that a reasoning model spends before it answers
_BASE_CREATED = 1_744_588_800  # 2025-04-14, the day most of the base models carry


# -- models


def _model_object(call: Call, model: BaseModel) -> dict[str, Any]:
    if call.surface is Surface.V1:
        return {"id": model.id, "object": "model", "created": _BASE_CREATED, "owned_by": model.format}
    flag = model.fine_tune_flag and bool(model.methods)
    return {
        "id": model.id,
        "object": "model",
        "created_at": _BASE_CREATED,
        "status": "succeeded",
        "capabilities": {
            "fine_tune": flag and "Standard" in model.training_types,
            "global_fine_tune": flag and "globalStandard" in model.training_types,
            "devtier_fine_tune": flag and "developerTier" in model.training_types,
            "inference": True,
            "completion": False,
            "chat_completion": True,
            "embeddings": False,
        },
        "lifecycle_status": model.lifecycle,
        "deprecation": {
            "fine_tune": unix_day(model.training_retires),
            "inference": unix_day(model.deployment_retires),
        },
    }


def _tuned_object(call: Call, job: JobRecord, finished: float) -> dict[str, Any]:
    if call.surface is Surface.V1:
        return {"id": job.model_name, "object": "model", "created": int(finished), "owned_by": call.account.name}
    root = call.world.catalog.find(job.root)
    return {
        "id": job.model_name,
        "object": "model",
        "created_at": int(finished),
        "status": "succeeded",
        "model": job.model,
        "fine_tune": job.id,
        "capabilities": {
            "fine_tune": True,
            "inference": True,
            "completion": False,
            "chat_completion": True,
            "embeddings": False,
        },
        "lifecycle_status": "generally-available",
        "deprecation": {
            "fine_tune": unix_day(root.training_retires) if root else None,
            "inference": unix_day(root.deployment_retires) if root else None,
        },
    }


def list_models(call: Call) -> Response:
    """Base models, and the fine-tuned ones of this account. No pages."""
    world, at = call.world, call.now - call.world.config.list_delay_s
    data = [_model_object(call, model) for model in world.catalog.models]
    if world.config.models_route_lists_fine_tuned:
        for job in call.account.jobs.values():
            if job.created > at or (job.model_deleted is not None and job.model_deleted <= at):
                continue
            state = world.phase(job, at)
            if state.status == "succeeded":
                data.append(_tuned_object(call, job, state.finished or 0.0))
    return json_response({"object": "list", "data": data})


def model_job(world: World, account: str, name: str, at: float) -> JobRecord | None:
    """The job whose model this is, while the model exists."""
    job = world.models.get(name.lower())
    if job is None or job.account != account or job.model_deleted is not None:
        return None
    return job if world.phase(job, at).status == "succeeded" else None


def get_model(call: Call) -> Response:
    """One model."""
    job = model_job(call.world, call.account.name, call.ids[0], call.now)
    if job is not None:
        return json_response(_tuned_object(call, job, call.world.phase(job).finished or 0.0))
    base = call.world.catalog.find(call.ids[0])
    if base is None:
        raise _no_model(call.ids[0])
    return json_response(_model_object(call, base))


def _no_model(name: str) -> ApiError:
    return ApiError(404, "notFound", f"The specified model '{name}' could not be found.")


def delete_model(call: Call) -> Response:
    """Delete a fine-tuned model, unless it, or a checkpoint of it, is deployed anywhere."""
    world = call.world
    job = model_job(world, call.account.name, call.ids[0], call.now)
    if job is None:
        raise _no_model(call.ids[0])
    names = {job.model_name.lower(), job.id}
    for account in world.accounts.values():
        for deployment in account.deployments.values():
            if not is_live(world, deployment, call.now):
                continue
            deployed = deployment.versions[-1][2]["properties"]["model"]["name"]
            found = find_checkpoint(world, call.account.name, deployed, call.now)
            if deployed.lower() in names or (found is not None and found[0] is job):
                message = (
                    f"The model is still in use by the deployment '{deployment.name}'. Delete the deployment first."
                )
                raise ApiError(409, "conflict", message)
    job.model_deleted = call.now
    world.save(job)
    return json_response({"id": job.model_name, "object": "model", "deleted": True})


# -- chat completions


def chat_dated(call: Call) -> Response:
    """The deployment stands in the path."""
    return _chat(call, call.ids[0], call.request.json())


def chat_v1(call: Call) -> Response:
    """The deployment stands in `model`."""
    body = call.request.json()
    return _chat(call, str(body.get("model", "")), body)


def _chat(call: Call, name: str, body: dict[str, Any]) -> Response:
    deployment = call.account.deployments.get(name.lower())
    if deployment is None or not is_live(call.world, deployment, call.now):
        raise _not_deployed()
    _check_ready(call, deployment)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "invalidPayload", "The messages field is required.", target="messages")
    model = serving_body(deployment, call.now)["properties"]["model"]["name"]
    limit, reasons = _limit(call, model, body)
    deployment.used = call.now
    call.world.save(deployment)
    prompt_tokens = max(1, sum(len(str(message.get("content", ""))) for message in messages) // 4)
    answer, finish, completion_tokens = _cut(_answer(call, name, model, messages), limit, _THOUGHT if reasons else 0)
    details = {"completion_tokens_details": {"reasoning_tokens": min(_THOUGHT, completion_tokens)}} if reasons else {}
    return json_response(
        {
            "id": f"chatcmpl-{call.world.hex()}",
            "object": "chat.completion",
            "created": int(call.now),
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish,
                    "logprobs": None,
                    "message": {"role": "assistant", "content": answer, "refusal": None},
                    "content_filter_results": {},
                }
            ],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": prompt_tokens + completion_tokens,
                **details,
            },
            "system_fingerprint": f"fp_{stable_hex(model)[:10]}",
        }
    )


def _limit(call: Call, model: str, body: dict[str, Any]) -> tuple[int | None, bool]:
    """How many tokens an answer may have, and whether the model reasons.

    Raises:
        ApiError: 400 for the field that the model, or the API, does not take.
    """
    job = call.world.models.get(model.lower())
    base = call.world.catalog.find(job.root if job else model)
    reasons = base is not None and "reinforcement" in base.methods
    only = _NEWER if reasons else call.world.config.chat_limits
    for name, other in ((_NEWER, _OLDER), (_OLDER, _NEWER)):
        if name in body and only == other:
            message = f"Unsupported parameter: '{name}' is not supported with this model. Use '{other}' instead."
            raise ApiError(400, "unsupported_parameter", message, target=name)
    limit = body.get(_NEWER, body.get(_OLDER))
    return limit if isinstance(limit, int) else None, reasons


def _cut(answer: str, limit: int | None, thought: int) -> tuple[str, str, int]:
    """The answer as far as the limit lets it come, after thinking; why it ended, and its tokens."""
    tokens = max(1, len(answer) // 4) + thought
    if limit is None or tokens <= limit:
        return answer, "stop", tokens
    return answer[: max(0, limit - thought) * 4], "length", limit


def _not_deployed() -> ApiError:
    return ApiError(
        404,
        "DeploymentNotFound",
        "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, "
        "please wait a moment and try again.",
        gateway=True,
    )


def _check_ready(call: Call, deployment: DeploymentRecord) -> None:
    config, now = call.world.config, call.now
    state = provisioning_state(deployment, now)
    first = is_new(deployment)
    busy = state == "Creating" and (first or deployment.gap)
    settling = deployment.ends <= now < deployment.ends + config.ready_delay_s and (first or deployment.gap)
    if state == "Failed" and first:
        raise _not_deployed()
    if busy or settling:
        message = f"The deployment '{deployment.name}' is not ready. Please wait a moment and try again."
        raise ApiError(config.not_ready_status, "DeploymentNotReady", message, gateway=True)


def _answer(call: Call, name: str, model: str, messages: list[Any]) -> str:
    """What a model that has learnt its examples by heart says; else a fixed text that names who spoke."""
    asked = next((str(m.get("content")) for m in reversed(messages) if m.get("role") == "user"), "")
    job = call.world.models.get(model.lower())
    if job is not None and job.method_type == "supervised":
        learnt = _learnt(call.world.store.content(job.training_file), asked)
        if learnt is not None:
            return learnt
    return f"This is deployment {name} of the emulator, which serves {model}. You asked: {asked}"


def _learnt(content: bytes, asked: str) -> str | None:
    """The last assistant turn of the first example whose last question this is."""
    needle = orjson.dumps(asked)
    for line in content.split(b"\n"):
        if needle not in line and asked.encode() not in line:
            continue
        try:
            turns = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))["messages"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
        questions = [turn.get("content") for turn in turns if turn.get("role") == "user"]
        answers = [turn.get("content") for turn in turns if turn.get("role") == "assistant"]
        if questions and answers and questions[-1] == asked and isinstance(answers[-1], str):
            return answers[-1]
    return None
