"""ARM routes below `accounts/{account}/deployments`."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.arm_checks import (
    check_limits,
    check_model_change,
    check_name,
    check_sku,
    check_tags,
    failure_of,
    resolve_model,
)
from reconciler.emulator.arm_places import PROVIDER, account_id, arm_not_found, place_of
from reconciler.emulator.catalog import usage_name
from reconciler.emulator.deployments import is_live, is_new, provisioning_state, shown_body
from reconciler.emulator.job_view import stable_hex
from reconciler.emulator.records import DeploymentRecord, OperationRecord
from reconciler.emulator.routing import Call
from reconciler.emulator.wire import ApiError, Response, json_response, whole_number

_KEPT_VERSIONS = 4  # older bodies of a deployment cannot be seen any more, however late lists are


def deployment_object(call: Call, deployment: DeploymentRecord, at: float) -> dict[str, Any]:
    """A deployment as ARM answers it, with what the server adds."""
    body = shown_body(deployment, at)
    capacity = int(body["sku"]["capacity"])
    created = _iso(deployment.created)
    properties = {
        **body["properties"],
        "currentCapacity": capacity,
        "capabilities": {"chatCompletion": "true", "maxContextToken": "128000"},
        "provisioningState": provisioning_state(deployment, at),
        "rateLimits": [
            {"key": "request", "renewalPeriod": 10, "count": capacity},
            {"key": "token", "renewalPeriod": 60, "count": capacity * 1000},
        ],
        "callRateLimit": {"renewalPeriod": 10, "count": capacity},
        "dynamicThrottlingEnabled": False,
    }
    config = call.world.config
    hidden = set() if config.source_shown else {"source", "sourceAccount"}
    hidden |= {"version"} if config.model_version == "none" else set()
    properties["model"] = {key: part for key, part in body["properties"]["model"].items() if key not in hidden}
    if config.model_version == "number" and str(properties["model"]["version"]).isdigit():
        properties["model"]["version"] = int(properties["model"]["version"])
    value: dict[str, Any] = {
        "id": f"{account_id(call)}/deployments/{deployment.name}",
        "type": f"{PROVIDER}/accounts/deployments",
        "name": deployment.name,
        "sku": body["sku"],
        "properties": properties,
        "systemData": {
            "createdBy": "emulator",
            "createdByType": "Application",
            "createdAt": created,
            "lastModifiedBy": "emulator",
            "lastModifiedByType": "Application",
            "lastModifiedAt": _iso(deployment.started or deployment.created),
        },
        "etag": f'"{stable_hex(deployment.name, deployment.created, deployment.started)}"',
    }
    if body["tags"]:
        value["tags"] = body["tags"]
    return value


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def _current(call: Call) -> DeploymentRecord | None:
    deployment = call.account.deployments.get(call.ids[3].lower())
    return deployment if deployment is not None and is_live(call.world, deployment, call.now) else None


def _known(call: Call) -> DeploymentRecord:
    deployment = _current(call)
    if deployment is None:
        raise arm_not_found(call, f"{PROVIDER}/accounts/{call.account.name}/deployments/{call.ids[3]}")
    return deployment


def _check_idle(call: Call) -> None:
    """One write at a time for each account; includes updates of the account itself and deletes."""
    if call.world.config.serial_control_plane and call.now < call.account.busy_until:
        message = (
            f"Another operation is being performed on the parent resource '{account_id(call)}'. Please try again later."
        )
        raise ApiError(409, "RequestConflict", message)


def list_deployments(call: Call) -> Response:
    """All deployments, by pages with `nextLink`."""
    world, at = call.world, call.now - call.world.config.list_delay_s
    place_of(call)
    live = [d for d in call.account.deployments.values() if is_live(world, d, at)]
    size = world.config.page_size
    skip = whole_number(call.request.query, "$skiptoken", 0, 0, 1_000_000)
    value: dict[str, Any] = {"value": [deployment_object(call, d, at) for d in live[skip : skip + size]]}
    if len(live) > skip + size:
        version = call.request.query.get("api-version", "")
        value["nextLink"] = f"{call.base_url}{call.request.path}?api-version={version}&$skiptoken={skip + size}"
    return json_response(value)


def get_deployment(call: Call) -> Response:
    """One deployment, current."""
    return json_response(deployment_object(call, _known(call), call.now))


def put_deployment(call: Call) -> Response:
    """Create or update: 201 or 200 with the resource, and an operation while it takes time."""
    body = call.request.json()
    check_name(call.ids[3])
    _check_idle(call)
    current = _current(call)
    if current is not None and is_new(current) and current.failure is not None:
        current = None
    new = _whole_body(call, body, current)
    check_model_change(call, current, new)
    check_limits(call, current, new)
    if current is None:
        deployment = DeploymentRecord(
            name=call.ids[3],
            account=call.account.name,
            created=call.now,
            versions=[],
            fine_tuned=new["pool"].endswith("-finetune"),
        )
    else:
        deployment = current
    changed = current is not None and _model_name(shown_body(current, call.now)) != _model_name(new)
    deployment.gap = changed and call.world.config.model_change == "accepted_with_gap"
    deployment.fine_tuned = new["pool"].endswith("-finetune")
    seconds = call.world.config.deployment_seconds
    operation = _begin(call, deployment, "put", seconds, new)
    value = deployment_object(call, deployment, call.now)
    return json_response(value, 201 if current is None else 200, _operation_headers(call, operation))


def _model_name(body: dict[str, Any]) -> str:
    return str(body["properties"]["model"]["name"])


def _whole_body(call: Call, body: dict[str, Any], current: DeploymentRecord | None) -> dict[str, Any]:
    """The body as the service keeps it: what was sent, completed by the server's defaults."""
    properties = dict(body.get("properties") or {})
    sku = check_sku(body.get("sku"))
    model = dict(properties.get("model") or {})
    if not model.get("name"):
        raise ApiError(400, "InvalidResourceProperties", "The model of account deployment is required.")
    base, tuned = resolve_model(call, model, sku["name"])
    model.setdefault("version", "1" if tuned else base.version)
    properties["model"] = model
    properties.setdefault("versionUpgradeOption", "OnceNewDefaultVersionAvailable")
    properties.setdefault("raiPolicyName", "Microsoft.DefaultV2")
    for read_only in ("provisioningState", "capabilities", "rateLimits", "callRateLimit", "dynamicThrottlingEnabled"):
        properties.pop(read_only, None)
    for dropped in call.world.config.dropped_properties:
        properties.pop(dropped, None)
    tags = body.get("tags")
    if tags is None:
        tags = {} if current is None else shown_body(current, call.now)["tags"]
    check_tags(tags)
    return {"sku": sku, "tags": tags, "properties": properties, "pool": usage_name(base, sku["name"], fine_tuned=tuned)}


def patch_deployment(call: Call) -> Response:
    """Change tags (at once) or sku (an operation); nothing else can be patched."""
    body = call.request.json()
    deployment = _known(call)
    _check_idle(call)
    old = shown_body(deployment, call.now)
    new = {**old}
    if isinstance(body.get("tags"), dict):
        check_tags(body["tags"])
        new["tags"] = body["tags"] if call.world.config.tags_on_patch == "replace" else {**old["tags"], **body["tags"]}
    if body.get("sku"):
        new["sku"] = check_sku({**old["sku"], **body["sku"]})
        base, tuned = resolve_model(call, dict(old["properties"]["model"]), new["sku"]["name"])
        new["pool"] = usage_name(base, new["sku"]["name"], fine_tuned=tuned)
        check_limits(call, deployment, new)
    seconds = call.world.config.deployment_seconds if new["sku"] != old["sku"] else 0.0
    deployment.gap = False
    operation = _begin(call, deployment, "patch", seconds, new)
    value = deployment_object(call, deployment, call.now)
    return json_response(value, 202 if seconds > 0 else 200, _operation_headers(call, operation))


def delete_deployment(call: Call) -> Response:
    """204 when it is absent, else 202 with an operation, or 200 when that takes no time."""
    deployment = _current(call)
    if deployment is None:
        return Response(204)
    _check_idle(call)
    seconds = call.world.config.delete_seconds
    deployment.deleted = call.now + seconds
    operation = _begin(call, deployment, "delete", seconds, None)
    if seconds <= 0:
        return Response(200)
    return Response(202, _operation_headers(call, operation))


def _begin(
    call: Call, deployment: DeploymentRecord, kind: str, seconds: float, new: dict[str, Any] | None
) -> OperationRecord:
    """Write an operation down; what it changes is seen from now on and serves when it ends."""
    world, ends = call.world, call.now + seconds
    failure = failure_of(call, deployment.name, new) if new is not None and kind == "put" else None
    deployment.started, deployment.ends, deployment.failure = call.now, ends, failure
    if new is not None and (failure is None or not deployment.versions):
        deployment.versions = [*deployment.versions[1 - _KEPT_VERSIONS :], (call.now, ends, new)]
    operation = OperationRecord(world.hex(), deployment.account, deployment.name, kind, call.now, ends, failure)
    deployment.operation = operation.id
    if not call.account.place_saved:
        world.save(place_of(call))
    world.save(operation)
    world.save(deployment)
    return operation


def _operation_headers(call: Call, operation: OperationRecord) -> dict[str, str]:
    """Where to ask for the operation; nothing once it has ended."""
    if operation.ends <= call.now:
        return {}
    place = place_of(call)
    root = f"{call.base_url}/subscriptions/{call.ids[0]}/providers/{PROVIDER}/locations/{place.location}"
    version = call.request.query.get("api-version", "")
    headers = {
        "azure-asyncoperation": f"{root}/operationStatuses/{operation.id}?api-version={version}",
        "retry-after": str(max(1, math.ceil(operation.ends - call.now))),
    }
    if operation.kind != "put":
        headers["location"] = f"{root}/operationResults/{operation.id}?api-version={version}"
    return headers


def operation_status(call: Call) -> Response:
    """How an operation stands."""
    operation = _operation(call)
    over = operation.ends <= call.now
    status = "InProgress" if not over else "Succeeded" if operation.failure is None else "Failed"
    value: dict[str, Any] = {
        "id": call.request.path,
        "name": operation.id,
        "status": status,
        "startTime": _iso(operation.started),
    }
    if over:
        value["endTime"] = _iso(operation.ends)
    if status == "Failed":
        value["error"] = operation.failure
    return json_response(value, 200, {} if over else {"retry-after": "1"})


def operation_result(call: Call) -> Response:
    """The resource an operation has made; 202 while it runs, 204 after a delete."""
    operation = _operation(call)
    if operation.ends > call.now:
        return Response(202, {"retry-after": "1", "location": f"{call.base_url}{call.request.path}"})
    account = call.world.account(operation.account)
    deployment = account.deployments.get(operation.deployment.lower())
    if operation.kind == "delete" or deployment is None:
        return Response(204)
    call.account = account
    return json_response(deployment_object(call, deployment, call.now))


def _operation(call: Call) -> OperationRecord:
    operation = call.world.operations.get(call.ids[-1])
    if operation is None:
        raise ApiError(404, "NotFound", f"The operation '{call.ids[-1]}' was not found.")
    return operation


def list_skus(call: Call) -> Response:
    """The skus that a deployment can be changed to."""
    deployment = _known(call)
    base, _ = resolve_model(call, dict(shown_body(deployment, call.now)["properties"]["model"]), None)
    quota = call.world.config.quota
    capacity = {"minimum": 1, "maximum": quota, "step": 1, "default": 50, "allowedValues": None}
    skus = base.skus if deployment.fine_tuned else base.base_skus
    kind = f"{PROVIDER}/accounts/deployments"
    return json_response({"value": [{"resourceType": kind, "sku": {"name": s}, "capacity": capacity} for s in skus]})
