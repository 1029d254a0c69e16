"""What the emulator says, row by row, and how each is known of Azure: documented, recorded from the service, or assumed.

One table serves three: tests/emulator/test_conformance.py puts every row to the emulator, docs/conformance.md is printed from it,
and what is in Azure and not here is listed too. Print the page with:

    make docs
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emulator.conformance_rows import ARM, GA, PREVIEW, V1, Known
from emulator.conformance_wire import wire_page


@dataclass(frozen=True)
class RouteRow:
    """A route: the success code on each surface that has it; None: that surface answers 404."""

    method: str
    path: str
    codes: dict[str, int | None]
    known: Known = "documented"


def _row(
    method: str, path: str, ga: int | None, preview: int | None, v1: int | None, known: Known = "documented"
) -> RouteRow:
    return RouteRow(method, path, {GA: ga, PREVIEW: preview, V1: v1}, known)


ROUTES = (
    _row("GET", "files", 200, 200, 200),
    _row("POST", "files", 201, 201, 200),
    _row("POST", "files/import", 201, 201, None),
    _row("GET", "files/{file}", 200, 200, 200),
    _row("GET", "files/{file}/content", 200, 200, 200),
    _row("DELETE", "files/{file}", 200, 200, 200),
    _row("POST", "uploads", 200, 200, None),
    _row("POST", "uploads/{upload}/parts", 200, 200, None),
    _row("POST", "uploads/{upload}/complete", 200, 200, None),
    _row("POST", "uploads/{upload}/cancel", 200, 200, None),
    _row("GET", "fine_tuning/jobs", 200, 200, 200),
    _row("POST", "fine_tuning/jobs", 201, 201, 200),
    _row("GET", "fine_tuning/jobs/{job}", 200, 200, 200),
    _row("DELETE", "fine_tuning/jobs/{job}", 204, 204, None),
    _row("POST", "fine_tuning/jobs/{running}/cancel", 200, 200, 200),
    _row("POST", "fine_tuning/jobs/{running}/pause", None, 200, 200),
    _row("POST", "fine_tuning/jobs/{paused}/resume", None, 200, 200),
    _row("GET", "fine_tuning/jobs/{job}/events", 200, 200, 200),
    _row("GET", "fine_tuning/jobs/{job}/checkpoints", 200, 200, 200),
    _row("GET", "models", 200, 200, 200),
    _row("GET", "models/{model}", 200, 200, 200),
    _row("DELETE", "models/{model}", None, None, 200),
    _row("POST", "deployments/{deployment}/chat/completions", 200, 200, None),
    _row("POST", "chat/completions", None, None, 200),
)
_D = "{account}/deployments"
_P = "{provider}"
ARM_ROUTES = tuple(
    RouteRow(method, path, {ARM: code}, "assumed" if "operation" in path else "documented")
    for method, path, code in (
        ("GET", "{account}", 200),
        ("GET", "{account}/models", 200),
        ("GET", "{account}/usages", 200),
        ("GET", _D, 200),
        ("GET", f"{_D}/{{deployment}}", 200),
        ("GET", f"{_D}/{{deployment}}/skus", 200),
        ("PUT", f"{_D}/{{new}}", 201),
        ("PUT", f"{_D}/{{deployment}}", 200),
        ("PATCH", f"{_D}/{{deployment}}", 202),
        ("DELETE", f"{_D}/{{deployment}}", 202),
        ("DELETE", f"{_D}/{{absent}}", 204),
        ("GET", f"{_P}/accounts", 200),
        ("GET", "{group}/accounts", 200),
        ("GET", "{account}/projects/p1", 200),
        ("GET", f"{_P}/locations/swedencentral/usages", 200),
        ("GET", f"{_P}/locations/swedencentral/models", 200),
        ("GET", f"{_P}/locations/swedencentral/modelCapacities", 200),
        ("GET", f"{_P}/modelCapacities", 200),
        ("GET", f"{_P}/locations/swedencentral/operationStatuses/{{operation}}", 200),
        ("GET", f"{_P}/locations/swedencentral/operationResults/{{operation}}", 200),
    )
)
NOT_HERE = (
    (
        "POST, GET fine_tuning/jobs/{job}/checkpoints/{checkpoint}/copy",
        "nothing here uses it; a deployment in another account names its source",
    ),
    ("POST fine_tuning/alpha/graders/run, validate", "graders are checked offline"),
    ("fine_tuning/checkpoints/{model}/permissions", "nothing here uses it"),
    ("POST …/deployments/{name}/pause, resume", "newer than the ARM version that is used"),
    (
        "GET {account}/skus; checkSkuAvailability, calculateModelCapacity, quotaTiers, deletedAccounts",
        "nothing here uses them",
    ),
    ("`expires_after` of POST files/import", "nothing here sends it"),
)
"""What Azure has and the emulator has not, and why."""


@dataclass(frozen=True)
class FieldRow:
    """Fields of an object that stand on the same footing."""

    object: str
    fields: tuple[str, ...]
    known: Known
    remark: str = ""


FIELDS = (
    FieldRow(
        "file", ("id", "object", "bytes", "created_at", "filename", "purpose", "status", "status_details"), "documented"
    ),
    FieldRow(
        "job",
        (
            *[
                "id",
                "object",
                "created_at",
                "status",
                "model",
                "fine_tuned_model",
                "training_file",
                "validation_file",
                "result_files",
            ],
            *[
                "finished_at",
                "trained_tokens",
                "error",
                "estimated_finish",
                "hyperparameters",
                "seed",
                "integrations",
                "method",
                "metadata",
            ],
        ),
        "documented",
    ),
    FieldRow(
        "job",
        ("suffix", "trainingType", "organization_id"),
        "recorded",
        "in no specification, or under another name there",
    ),
    FieldRow("event", ("id", "object", "created_at", "level", "message", "type", "data"), "documented"),
    FieldRow(
        "checkpoint",
        ("id", "object", "created_at", "fine_tuned_model_checkpoint", "step_number", "metrics", "fine_tuning_job_id"),
        "documented",
    ),
    FieldRow("model on a dated surface", ("id", "object", "created_at", "status", "model", "fine_tune"), "documented"),
    FieldRow("model on a dated surface", ("capabilities", "lifecycle_status", "deprecation"), "documented"),
    FieldRow("model on v1", ("id", "object", "created", "owned_by"), "documented"),
    FieldRow(
        "upload",
        ("id", "object", "bytes", "created_at", "filename", "purpose", "status", "expires_at", "file"),
        "documented",
    ),
    FieldRow("part of an upload", ("id", "object", "created_at", "upload_id"), "documented"),
    FieldRow("list of files on GA", ("object", "data"), "documented"),
    FieldRow("list of files on a preview", ("object", "data", "has_more"), "documented"),
    FieldRow("list of files on v1", ("object", "data", "has_more", "first_id", "last_id"), "documented"),
    FieldRow("list of jobs, events or checkpoints", ("object", "data", "has_more"), "documented"),
    FieldRow("list of models", ("object", "data"), "documented"),
    FieldRow("deleted file or model", ("id", "object", "deleted"), "documented"),
    FieldRow("error of a job", ("code", "message", "param"), "documented"),
    FieldRow("list of ARM", ("value",), "documented"),
    FieldRow("list of deployments with another page", ("value", "nextLink"), "documented"),
    FieldRow("sku of a deployment that it can have", ("resourceType", "sku", "capacity"), "documented"),
    FieldRow("usage", ("name", "currentValue", "limit", "unit"), "documented"),
    FieldRow("capacity of a model", ("location", "properties"), "documented"),
    FieldRow(
        "properties of a capacity", ("model", "skuName", "availableCapacity", "availableFinetuneCapacity"), "documented"
    ),
    FieldRow("model of a region", ("kind", "skuName", "model"), "documented"),
    FieldRow(
        "model of an account",
        (
            *["format", "name", "version", "isDefaultVersion", "maxCapacity", "capabilities", "finetuneCapabilities"],
            *["deprecation", "lifecycleStatus", "skus"],
        ),
        "documented",
    ),
    FieldRow("fine-tuned model of an account, besides", ("baseModel",), "documented"),
    FieldRow("operation", ("id", "name", "status", "startTime", "endTime"), "documented"),
    FieldRow("deployment", ("id", "name", "type", "etag", "sku", "properties", "tags", "systemData"), "documented"),
    FieldRow(
        "properties of a deployment",
        (
            *["provisioningState", "model", "versionUpgradeOption", "raiPolicyName", "currentCapacity", "capabilities"],
            *["callRateLimit", "rateLimits", "dynamicThrottlingEnabled"],
        ),
        "documented",
    ),
)
"""An object of the emulator has these fields and no others (tests/emulator/test_conformance.py)."""


@dataclass(frozen=True)
class CodeRow:
    """An error: where, its status and code, and how it is known. `name` is what the test provokes it by."""

    name: str
    where: str
    status: int
    code: str
    known: Known


CODES = (
    CodeRow("a route that does not exist", "data plane", 404, "404", "recorded"),
    CodeRow("an object that does not exist", "data plane", 404, "notFound", "documented"),
    CodeRow("a body that is refused", "data plane", 400, "invalidPayload", "recorded"),
    CodeRow("no credential", "data plane", 401, "401", "documented"),
    CodeRow("cancelling what has ended", "data plane", 400, "unexpectedEntityState", "assumed"),
    CodeRow("pausing what does not run", "data plane", 400, "unexpectedEntityState", "assumed"),
    CodeRow("deleting a model that is deployed", "data plane", 409, "conflict", "assumed"),
    CodeRow("a deployment that nobody made", "data plane", 404, "DeploymentNotFound", "documented"),
    CodeRow("too many requests", "data plane", 429, "429", "documented"),
    CodeRow("a version that is none", "data plane", 400, "BadRequest", "recorded"),
    CodeRow("an identity without the data action", "data plane", 403, "PermissionDenied", "recorded"),
    CodeRow("more files than the limit", "data plane", 400, "quotaExceeded", "assumed"),
    CodeRow("an address that is none", "data plane", 400, "fileImportFailed", "assumed"),
    CodeRow("deleting a job that runs", "data plane", 409, "conflict", "assumed"),
    CodeRow("reading a file that is processed still", "data plane", 409, "conflict", "assumed"),
    CodeRow("a form that is none", "data plane", 415, "invalidPayload", "assumed"),
    CodeRow("a deployment that is not ready", "data plane", 400, "DeploymentNotReady", "assumed"),
    CodeRow("a parameter that the model does not take", "data plane", 400, "unsupported_parameter", "recorded"),
    CodeRow("a sku that is none", "control plane", 400, "InvalidResourceProperties", "recorded"),
    CodeRow("an unknown model", "control plane", 400, "DeploymentModelNotSupported", "recorded"),
    CodeRow("another model, where that is refused", "control plane", 400, "CannotChangeDeploymentModel", "recorded"),
    CodeRow("more than the quota", "control plane", 400, "InsufficientQuota", "recorded"),
    CodeRow("two writes at once", "control plane", 409, "RequestConflict", "recorded"),
    CodeRow("a deployment that does not exist", "control plane", 404, "ResourceNotFound", "documented"),
    CodeRow("a tag with a slash", "control plane", 400, "InvalidTagNameCharacters", "documented"),
    CodeRow("a tag that is too long", "control plane", 400, "InvalidTagLength", "assumed"),
    CodeRow("too many tags", "control plane", 400, "TooManyTags", "assumed"),
    CodeRow("tags that are no map", "control plane", 400, "InvalidRequestContent", "documented"),
    CodeRow("a name that is none", "control plane", 400, "InvalidResourceName", "assumed"),
    CodeRow("more deployments than the limit", "control plane", 400, "DeploymentLimitExceeded", "assumed"),
    CodeRow("capacity and model at once", "control plane", 400, "InvalidResourceProperties", "assumed"),
    CodeRow("a model of another tenant", "control plane", 403, "LinkedAuthorizationFailed", "assumed"),
    CodeRow("a type of resource that is none", "control plane", 404, "InvalidResourceType", "documented"),
    CodeRow("an api-version that is none", "control plane", 400, "InvalidApiVersionParameter", "documented"),
    CodeRow("an operation that nobody began", "control plane", 404, "NotFound", "assumed"),
    CodeRow("no api-version", "control plane", 400, "MissingApiVersionParameter", "documented"),
    CodeRow("no token", "control plane", 401, "AuthenticationFailed", "documented"),
    CodeRow("an identity without the action", "control plane", 403, "AuthorizationFailed", "documented"),
)


def page() -> Iterator[str]:
    """Yield the lines of docs/conformance.md."""
    yield "# How the emulator is known to be like Azure"
    yield ""
    yield "*Documented*: in Microsoft's specifications or documentation. *Recorded*: seen in an answer of the real service that somebody"
    yield "published. *Assumed*: neither; it stands for what is most likely, and the product must be right if it is otherwise."
    yield "Each row is put to the emulator by `tests/emulator/test_conformance.py` and `test_conformance_wire.py`, on the surfaces that it"
    yield "does not name too. The sources are in [azure.md](azure.md), the switches"
    yield "for what is not known in [emulator.md](emulator.md), and [live.md](live.md) asks a real account. This page is printed from"
    yield "`tests/emulator/conformance.py` and `conformance_wire.py`."
    yield ""
    yield "## Routes of the data plane"
    yield ""
    yield f"The code of success on each surface; – where it does not exist (404).\n\n| route | {GA} | {PREVIEW} | {V1} | how known |"
    yield "|---|---|---|---|---|"
    for row in ROUTES:
        codes = " | ".join(str(code or "–") for code in row.codes.values())
        yield f"| {row.method} `{row.path}` | {codes} | {row.known} |"
    yield ""
    yield f"## Routes of the control plane ({ARM})\n\n| route | code | how known |"
    yield "|---|---|---|"
    for row in ARM_ROUTES:
        yield f"| {row.method} `{row.path}` | {row.codes[ARM]} | {row.known} |"
    yield ""
    yield "## In Azure and not here\n\n| route | why |"
    yield "|---|---|"
    for route, why in NOT_HERE:
        yield f"| {route} | {why} |"
    yield ""
    yield "## Fields\n\n| object | fields | how known |"
    yield "|---|---|---|"
    for field in FIELDS:
        remark = f"; {field.remark}" if field.remark else ""
        yield f"| {field.object} | {', '.join(f'`{name}`' for name in field.fields)} | {field.known}{remark} |"
    yield ""
    yield from wire_page()
    yield ""
    yield "## Errors\n\n| what | where | status | code | how known |"
    yield "|---|---|---|---|---|"
    for code in CODES:
        yield f"| {code.name} | {code.where} | {code.status} | `{code.code}` | {code.known} |"


if __name__ == "__main__":
    print("\n".join(page()))
