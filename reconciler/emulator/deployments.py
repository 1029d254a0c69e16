"""The state of a deployment in time, and how ARM shows it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.records import DeploymentRecord
from reconciler.emulator.world import World

_DAY_S = 86_400.0
_HOUR_S = 3_600.0


def serving_body(deployment: DeploymentRecord, at: float) -> dict[str, Any]:
    """The body that answers calls at a time: an update serves only when its operation has ended."""
    body = deployment.versions[0][2]
    for _, serves_from, other in deployment.versions:
        if serves_from <= at:
            body = other
    return body


def shown_body(deployment: DeploymentRecord, at: float) -> dict[str, Any]:
    """The body that ARM shows at a time: what was last asked for."""
    body = deployment.versions[0][2]
    for asked_at, _, other in deployment.versions:
        if asked_at <= at:
            body = other
    return body


def provisioning_state(deployment: DeploymentRecord, at: float) -> str:
    """Azure's word for the last operation."""
    if at < deployment.started:
        return "Succeeded"
    if deployment.deleted is not None:
        return "Deleting"
    if at < deployment.ends:
        return "Creating"
    return "Succeeded" if deployment.failure is None else "Failed"


def is_new(deployment: DeploymentRecord) -> bool:
    """Whether its last operation is the one that made it, so that nothing older can serve."""
    return len(deployment.versions) == 1 and deployment.versions[0][0] == deployment.started


def expires_at(world: World, deployment: DeploymentRecord) -> float | None:
    """When Azure deletes it by itself: DeveloperTier 24 hours after it was made, other fine-tuned ones 15 days unused."""
    if not deployment.fine_tuned:
        return None
    if deployment.versions[-1][2]["sku"]["name"] == "DeveloperTier":
        return deployment.created + world.config.developer_hours * _HOUR_S
    return max(deployment.used, deployment.ends) + world.config.idle_days * _DAY_S


def is_live(world: World, deployment: DeploymentRecord, at: float) -> bool:
    """Whether it exists."""
    if deployment.deleted is not None and deployment.deleted <= at:
        return False
    expires = expires_at(world, deployment)
    return deployment.created <= at and (expires is None or at < expires)


def quota_by_pool(world: World, subscription: str, location: str, at: float, skip: str = "") -> dict[str, int]:
    """Capacity in use in each pool of a subscription and region, with what a delete has not released yet.

    Args:
        world: All accounts.
        subscription: Whose quota.
        location: In which region.
        at: When.
        skip: `account/deployment` (lower case) that is not counted.
    """
    used: dict[str, int] = {}
    for account in world.accounts.values():
        place = account.place
        if place is None or place.subscription != subscription or place.location != location:
            continue
        for key, deployment in account.deployments.items():
            held = deployment.deleted is not None and at < deployment.deleted + world.config.quota_release_s
            if f"{account.name}/{key}" != skip and (held or is_live(world, deployment, at)):
                body = deployment.versions[-1][2]
                used[body["pool"]] = used.get(body["pool"], 0) + int(body["sku"]["capacity"])
    return used
