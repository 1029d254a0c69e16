"""The emulator's own API below `/_emulator/`: to look, to configure, and to do what people do in portals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.emulator.config import Config, Fault
from reconciler.emulator.deployments import is_live, provisioning_state, shown_body
from reconciler.emulator.job_view import job_object
from reconciler.emulator.records import DeploymentRecord, FileRecord
from reconciler.emulator.timeline import TERMINAL
from reconciler.emulator.wire import ApiError, Request, Response, Surface, json_response, not_found_route
from reconciler.emulator.world import Account, World

if TYPE_CHECKING:
    from reconciler.emulator.service import Emulator

PREFIX = "/_emulator/"

_T = TypeVar("_T")


def handle(emulator: Emulator, request: Request) -> Response:
    """Answer a control request.

    Raises:
        ApiError: No such route or object.
        ValueError: A wrong value.
    """
    match request.method, request.path.removeprefix(PREFIX):
        case "GET", "log":
            return json_response({"requests": list(emulator.log)})
        case "DELETE", "log":
            emulator.log.clear()
        case "GET", "faults":
            return json_response({"faults": emulator.faults.plain()})
        case "POST", "faults":
            emulator.faults.add(Fault.from_plain(request.json()))
        case "DELETE", "faults":
            emulator.faults.clear()
        case "GET", "config":
            return json_response(emulator.config.plain())
        case "PATCH", "config":
            return json_response(configure(emulator, request.json()).plain())
        case "POST", "clock":
            offset = emulator.world.advance(float(request.json()["advance_s"]))
            return json_response({"offset_s": offset, "now": emulator.world.now()})
        case "GET", "state":
            return json_response(state(emulator.world))
        case "POST", "reset":
            emulator.world.clear()
            emulator.log.clear()
            emulator.faults.clear()
        case "POST", "hand":
            return json_response(_hand(emulator.world, request.json()))
        case _:
            raise not_found_route()
    return Response(204)


def configure(emulator: Emulator, changes: Mapping[str, Any]) -> Config:
    """Change the configuration; what is past stays as it was."""
    config = emulator.config.changed(changes)
    emulator.world.configure(config)
    emulator.world.commit()
    return config


def state(world: World) -> dict[str, Any]:
    """All live objects, by account, with counts."""
    now = world.now()
    accounts = {}
    for account in world.accounts.values():
        files = [asdict(f) for f in account.files.values() if f.deleted is None and f.job is None]
        jobs = [job_object(world, job, Surface.V1, now) for job in account.jobs.values() if job.deleted is None]
        models = [
            job.model_name
            for job in account.jobs.values()
            if job.model_deleted is None and world.phase(job).status == "succeeded"
        ]
        deployments = [
            {"name": d.name, "provisioning_state": provisioning_state(d, now), **shown_body(d, now)}
            for d in account.deployments.values()
            if is_live(world, d, now)
        ]
        parts: dict[str, list[Any]] = {"files": files, "jobs": jobs, "models": models, "deployments": deployments}
        accounts[account.name] = parts | {"counts": {name: len(items) for name, items in parts.items()}}
    return {"now": now, "accounts": accounts}


# -- what people do by hand


def _hand(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """Do something that the public API has no route for.

    `{"account", "do", ...}`, where `do` is one of vanish_model {model}, expire_deployment {deployment}, fail_job {job, code,
    message}, pause_job {job, message?} (as the service does it by itself), resume_job {job}, purge_jobs {jobs?}, strip_tags {deployment, keys?}, set_tags {deployment, tags}, vanish_file {file},
    clone_job {job, overrides}, edit_deployment {deployment, sku?, properties?}.
    """
    account = world.account(str(body["account"]))
    now = world.now()
    match body.get("do"):
        case "vanish_model":
            job = world.models.get(str(body["model"]).lower())
            if job is None:
                raise _missing("model", body["model"])
            job.model_deleted = now
            world.save(job)
            return {"model": job.model_name}
        case "vanish_file":
            file = _of(account.files, "file", body)
            file.deleted = now
            world.save(file)
            return {"file": file.id}
        case "expire_deployment":
            deployment = _deployment(account, body)
            deployment.deleted = now
            world.save(deployment)
            return {"deployment": deployment.name}
        case "strip_tags" | "set_tags" | "edit_deployment":
            return _edit_deployment(world, _deployment(account, body), body)
        case "fail_job":
            job = _of(account.jobs, "job", body)
            if world.phase(job).status in TERMINAL:
                raise ApiError(409, "conflict", "The job has ended.")
            world.settle(account)
            job.failed = now
            fail = {"code": body.get("code", "internalFailure"), "message": body.get("message", "The job failed.")}
            job.fail = {"at": "hand", "param": None, **fail}
            world.save(job)
            return {"job": job.id}
        case "pause_job" | "resume_job":
            return _pause(world, account, body)
        case "purge_jobs":
            return {"jobs": _purge(world, account, body.get("jobs"))}
        case "clone_job":
            return _clone(world, account, body)
        case other:
            raise ValueError(f"unknown hand {other!r}")


def _missing(kind: str, name: Any) -> ApiError:
    return ApiError(404, "notFound", f"There is no {kind} {name!r}.")


def _of(table: dict[str, _T], kind: str, body: Mapping[str, Any]) -> _T:
    found = table.get(str(body[kind]))
    if found is None:
        raise _missing(kind, body[kind])
    return found


def _deployment(account: Account, body: Mapping[str, Any]) -> DeploymentRecord:
    found = account.deployments.get(str(body["deployment"]).lower())
    if found is None:
        raise _missing("deployment", body["deployment"])
    return found


def _edit_deployment(world: World, deployment: DeploymentRecord, body: Mapping[str, Any]) -> dict[str, Any]:
    now = world.now()
    old = shown_body(deployment, now)
    new = {**old, "tags": dict(old["tags"])}
    match body["do"]:
        case "strip_tags":
            gone = body.get("keys")
            new["tags"] = {} if gone is None else {k: v for k, v in old["tags"].items() if k not in gone}
        case "set_tags":
            new["tags"] |= body["tags"]
        case _:
            new["sku"] = {**old["sku"], **body.get("sku", {})}
            new["properties"] = {**old["properties"], **body.get("properties", {})}
    deployment.versions = [*deployment.versions, (now, now, new)]
    world.save(deployment)
    return {"deployment": deployment.name, **new}


def _pause(world: World, account: Account, body: Mapping[str, Any]) -> dict[str, Any]:
    """Pause or resume a job as the service itself does: for other jobs of its tier, or at a limit of cost."""
    job = _of(account.jobs, "job", body)
    wanted = "running" if body["do"] == "pause_job" else "paused"
    if world.phase(job).status != wanted:
        raise ApiError(409, "conflict", f"The job is not {wanted}.")
    world.settle(account)
    if wanted == "running":
        job.pauses.append([world.now(), None])
        job.pause_reason = str(body.get("message") or "Job paused by the system.")
    else:
        job.pauses[-1][1] = world.now()
    world.save(job)
    return {"job": job.id}


def _purge(world: World, account: Account, wanted: list[str] | None) -> list[str]:
    """Take ended jobs out of the history; their models stay."""
    purged = []
    for job in account.jobs.values():
        chosen = wanted is None or job.id in wanted
        if chosen and job.deleted is None and world.phase(job).status in TERMINAL:
            job.deleted = world.now()
            world.save(job)
            purged.append(job.id)
    return purged


def _clone(world: World, account: Account, body: Mapping[str, Any]) -> dict[str, Any]:
    """A second job like an existing one, with record fields of one's own."""
    job = _of(account.jobs, "job", body)
    overrides = dict(body.get("overrides", {}))
    world.settle(account)
    fresh: dict[str, Any] = {
        "id": f"ftjob-{world.hex()}",
        "created": world.now(),
        "result_file": f"file-{world.hex()}",
        "start": None,
        "cancelled": None,
        "failed": None,
        "pauses": [],
        "deleted": None,
        "model_deleted": None,
    }
    clone = replace(job, **(fresh | overrides))
    world.save(
        FileRecord(
            clone.result_file, account.name, clone.created, "results.csv", "fine-tune-results", size=0, job=clone.id
        )
    )
    world.save(clone)
    return job_object(world, clone, Surface.V1, world.now())
