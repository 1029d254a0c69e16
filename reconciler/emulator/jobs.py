"""Routes below `/fine_tuning/jobs`, reading and steering; creation has a module of its own."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.job_view import checkpoint_objects, event_objects, job_object
from reconciler.emulator.records import JobRecord
from reconciler.emulator.routing import Call
from reconciler.emulator.timeline import TERMINAL, Phase
from reconciler.emulator.wire import ApiError, Response, json_response, whole_number

_MAX_PAGE = 10_000


def _job(call: Call) -> JobRecord:
    job = call.account.jobs.get(call.ids[0])
    if job is None or job.deleted is not None:
        raise ApiError(404, "notFound", f"The specified fine-tuning job '{call.ids[0]}' could not be found.")
    return job


def page(call: Call, items: list[dict[str, Any]], default: int) -> Response:
    """One page of a list by `limit` and `after`; an unknown `after` is an empty page."""
    limit = whole_number(call.request.query, "limit", default, 1, _MAX_PAGE)
    after = call.request.query.get("after")
    if after:
        place = next((n for n, item in enumerate(items) if item["id"] == after), len(items))
        items = items[place + 1 :]
    return json_response({"object": "list", "data": items[:limit], "has_more": len(items) > limit})


def list_jobs(call: Call) -> Response:
    """Newest first. Built only as far as the page reaches."""
    world, seen_at = call.world, call.now - call.world.config.list_delay_s
    limit = whole_number(call.request.query, "limit", 20, 1, _MAX_PAGE)
    jobs = [
        job
        for job in reversed(call.account.jobs.values())
        if job.created <= seen_at and (job.deleted is None or job.deleted > seen_at)
    ]
    after = call.request.query.get("after")
    if after:
        place = next((n for n, job in enumerate(jobs) if job.id == after), len(jobs))
        jobs = jobs[place + 1 :]
    data = [job_object(world, job, call.surface, seen_at) for job in jobs[:limit]]
    return json_response({"object": "list", "data": data, "has_more": len(jobs) > limit})


def get_job(call: Call) -> Response:
    """One job, current."""
    return json_response(job_object(call.world, _job(call), call.surface, call.now))


def delete_job(call: Call) -> Response:
    """Take a job out of the history. Its model stays: what Azure does is not stated anywhere."""
    job = _job(call)
    if call.world.phase(job).status not in TERMINAL:
        raise ApiError(409, "conflict", "The fine-tuning job is still active and cannot be deleted.")
    job.deleted = call.now
    call.world.save(job)
    return Response(204)


def cancel_job(call: Call) -> Response:
    """Stop a job; an error once it has ended."""
    job = _job(call)
    _refuse(call.world.phase(job), "cancelled", TERMINAL)
    call.world.settle(call.account)
    job.cancelled = call.now
    call.world.save(job)
    return get_job(call)


def pause_job(call: Call) -> Response:
    """Pause a running job after its first step."""
    job = _job(call)
    state = call.world.phase(job)
    if state.status != "running" or state.steps < 1:
        raise ApiError(400, "unexpectedEntityState", "Only a running job with at least one step can be paused.")
    call.world.settle(call.account)
    job.pauses.append([call.now, None])
    call.world.save(job)
    return get_job(call)


def resume_job(call: Call) -> Response:
    """Go on with a paused job; it takes a slot at once."""
    job = _job(call)
    if call.world.phase(job).status not in ("paused", "pausing"):
        raise ApiError(400, "unexpectedEntityState", "Only a paused job can be resumed.")
    call.world.settle(call.account)
    job.pauses[-1][1] = call.now
    call.world.save(job)
    return get_job(call)


def _refuse(state: Phase, verb: str, statuses: frozenset[str]) -> None:
    if state.status in statuses:
        raise ApiError(
            400, "unexpectedEntityState", f"The fine-tuning job cannot be {verb} because it is in state {state.status}."
        )


def list_events(call: Call) -> Response:
    """Newest first."""
    return page(call, event_objects(call.world, _job(call), call.surface, call.now), 20)


def list_checkpoints(call: Call) -> Response:
    """Newest first."""
    return page(call, checkpoint_objects(call.world, _job(call), call.now), 10)
