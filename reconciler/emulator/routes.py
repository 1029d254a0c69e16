"""Which path belongs to which handler, on which surface, with which RBAC action."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.emulator import arm_deployments as deploy
from reconciler.emulator import arm_read as read
from reconciler.emulator import files, imports, inference, job_create, jobs, uploads
from reconciler.emulator.arm_places import PROVIDER
from reconciler.emulator.routing import Handler, On, Route

_DATA = f"{PROVIDER}/accounts/OpenAI"
_ARM = PROVIDER


def _data(rows: Sequence[tuple[str, str, Handler, On, str]]) -> dict[tuple[str, str], Route]:
    return {
        (method, path): Route(handler, on, f"{_DATA}/{action}", method != "GET" and not path.endswith("completions"))
        for method, path, handler, on, action in rows
    }


_JOBS = "fine_tuning/jobs"
_CHAT = "chat/completions/action"

# One row a route, `*` for an id. Where a route exists: the route table of the specifications.
DATA_PLANE: dict[tuple[str, str], Route] = _data(
    [
        ("GET", "files", files.list_files, On.ALL, "files/read"),
        ("POST", "files", files.create_file, On.ALL, "files/write"),
        ("POST", "files/import", imports.import_file, On.DATED, "files/import/action"),
        ("GET", "files/*", files.get_file, On.ALL, "files/read"),
        ("DELETE", "files/*", files.delete_file, On.ALL, "files/delete"),
        ("GET", "files/*/content", files.get_content, On.ALL, "files/read"),
        ("POST", "uploads", uploads.create_upload, On.DATED, "uploads/write"),
        ("POST", "uploads/*/parts", uploads.add_part, On.DATED, "uploads/write"),
        ("POST", "uploads/*/complete", uploads.complete_upload, On.DATED, "uploads/write"),
        ("POST", "uploads/*/cancel", uploads.cancel_upload, On.DATED, "uploads/write"),
        ("GET", _JOBS, jobs.list_jobs, On.ALL, "fine-tunes/read"),
        ("POST", _JOBS, job_create.create_job, On.ALL, "fine-tunes/write"),
        ("GET", f"{_JOBS}/*", jobs.get_job, On.ALL, "fine-tunes/read"),
        ("DELETE", f"{_JOBS}/*", jobs.delete_job, On.DATED, "fine-tunes/delete"),
        ("POST", f"{_JOBS}/*/cancel", jobs.cancel_job, On.ALL, "fine-tunes/write"),
        ("POST", f"{_JOBS}/*/pause", jobs.pause_job, On.NEWER, "fine-tunes/write"),
        ("POST", f"{_JOBS}/*/resume", jobs.resume_job, On.NEWER, "fine-tunes/write"),
        ("GET", f"{_JOBS}/*/events", jobs.list_events, On.ALL, "fine-tunes/read"),
        ("GET", f"{_JOBS}/*/checkpoints", jobs.list_checkpoints, On.ALL, "fine-tunes/read"),
        ("GET", "models", inference.list_models, On.ALL, "models/read"),
        ("GET", "models/*", inference.get_model, On.ALL, "models/read"),
        ("DELETE", "models/*", inference.delete_model, On.V1, "models/delete"),
        ("POST", "deployments/*/chat/completions", inference.chat_dated, On.DATED, f"deployments/{_CHAT}"),
        ("POST", "chat/completions", inference.chat_v1, On.V1, f"deployments/{_CHAT}"),
    ]
)

_ACCOUNTS = "subscriptions/*/resourcegroups/*/providers/microsoft.cognitiveservices/accounts"
_PROVIDER = "subscriptions/*/providers/microsoft.cognitiveservices"
_DEPLOYMENTS = f"{_ACCOUNTS}/*/deployments"

# Paths in lower case: ARM ignores case.
ARM: dict[tuple[str, str], Route] = {
    (method, path): Route(handler, On.ALL, f"{_ARM}/{action}", method != "GET")
    for method, path, handler, action in (
        ("GET", f"{_PROVIDER}/accounts", read.list_accounts, "accounts/read"),
        ("GET", _ACCOUNTS, read.list_accounts, "accounts/read"),
        ("GET", f"{_ACCOUNTS}/*", read.get_account, "accounts/read"),
        ("GET", f"{_ACCOUNTS}/*/models", read.list_account_models, "accounts/models/read"),
        ("GET", f"{_ACCOUNTS}/*/usages", read.list_account_usages, "accounts/usages/read"),
        ("GET", f"{_ACCOUNTS}/*/projects/*", read.get_project, "accounts/projects/read"),
        ("GET", _DEPLOYMENTS, deploy.list_deployments, "accounts/deployments/read"),
        ("GET", f"{_DEPLOYMENTS}/*", deploy.get_deployment, "accounts/deployments/read"),
        ("PUT", f"{_DEPLOYMENTS}/*", deploy.put_deployment, "accounts/deployments/write"),
        ("PATCH", f"{_DEPLOYMENTS}/*", deploy.patch_deployment, "accounts/deployments/write"),
        ("DELETE", f"{_DEPLOYMENTS}/*", deploy.delete_deployment, "accounts/deployments/delete"),
        ("GET", f"{_DEPLOYMENTS}/*/skus", deploy.list_skus, "accounts/deployments/skus/read"),
        ("GET", f"{_PROVIDER}/locations/*/usages", read.list_usages, "locations/usages/read"),
        ("GET", f"{_PROVIDER}/locations/*/models", read.list_location_models, "locations/models/read"),
        ("GET", f"{_PROVIDER}/locations/*/modelcapacities", read.list_capacities, "locations/modelCapacities/read"),
        ("GET", f"{_PROVIDER}/modelcapacities", read.list_capacities, "modelCapacities/read"),
        (
            "GET",
            f"{_PROVIDER}/locations/*/operationstatuses/*",
            deploy.operation_status,
            "locations/operationStatuses/read",
        ),
        (
            "GET",
            f"{_PROVIDER}/locations/*/operationresults/*",
            deploy.operation_result,
            "locations/operationResults/read",
        ),
    )
}


def find(table: dict[tuple[str, str], Route], method: str, parts: Sequence[str], ids_at: Sequence[int]) -> Route | None:
    """The route for a path whose ids stand at the given places."""
    wild = list(parts)
    for place in ids_at:
        if place < len(wild):
            wild[place] = "*"
    return table.get((method, "/".join(wild)))
