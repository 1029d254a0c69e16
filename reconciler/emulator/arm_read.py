"""ARM routes that only read: accounts, projects, models, usages, capacities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.emulator.arm_places import PROVIDER, account_id, arm_not_found, place_of
from reconciler.emulator.catalog import BaseModel, unix_day, usage_name
from reconciler.emulator.deployments import quota_by_pool
from reconciler.emulator.routing import Call
from reconciler.emulator.wire import Response, json_response
from reconciler.emulator.world import Account

_MAX_FINE_TUNE_TOKENS = "2000000000"
_MAX_TOKENS_PER_EXAMPLE = "131072"
_TUNE_FLAGS = {"Standard": "fineTune", "globalStandard": "globalFineTune", "developerTier": "devTierFineTune"}


def _account_object(call: Call) -> dict[str, Any]:
    place = place_of(call)
    endpoint = f"{call.base_url}/{place.name}/"
    projects = call.world.config.projects or []
    return {
        "id": account_id(call),
        "name": place.name,
        "type": f"{PROVIDER}/accounts",
        "kind": place.kind,
        "location": place.location,
        "sku": {"name": "S0"},
        "etag": '"emulator"',
        "properties": {
            "endpoint": endpoint,
            "endpoints": {
                "AI Foundry API": endpoint,
                "Azure AI Model Inference API": endpoint,
                "OpenAI Language Model Instance API": endpoint,
            },
            "provisioningState": "Succeeded",
            "customSubDomainName": place.name,
            "publicNetworkAccess": "Enabled",
            "disableLocalAuth": False,
            "allowProjectManagement": True,
            "associatedProjects": projects,
            "defaultProject": projects[0] if projects else None,
            "capabilities": [
                {"name": "MaxFineTuneCount", "value": str(call.world.config.max_jobs)},
                {"name": "MaxRunningFineTuneCount", "value": str(call.world.config.max_running)},
            ],
        },
    }


def get_account(call: Call) -> Response:
    """One account; its endpoint is this server."""
    return json_response(_account_object(call))


def list_accounts(call: Call) -> Response:
    """The accounts of a subscription, or of a resource group, that are known so far."""
    world = call.world
    group = call.ids[1] if len(call.ids) > 1 else None
    value: list[tuple[Account, dict[str, Any]]] = []
    for name in [*(world.config.accounts or {}), *(account.name for account in list(world.accounts.values()))]:
        account = world.account(name)
        if account in (seen for seen, _ in value):
            continue
        call.account = account
        place = place_of(call)
        if place.subscription != call.ids[0] or (group and place.resource_group.lower() != group.lower()):
            continue
        value.append((account, _account_object(call)))
    return json_response({"value": [shown for _, shown in value]})


def get_project(call: Call) -> Response:
    """One project of an account."""
    projects, name = call.world.config.projects, call.ids[3]
    if projects is not None and name.lower() not in (project.lower() for project in projects):
        raise arm_not_found(call, f"{PROVIDER}/accounts/{call.account.name}/projects/{name}")
    place = place_of(call)
    return json_response(
        {
            "id": f"{account_id(call)}/projects/{name}",
            "name": f"{place.name}/{name}",
            "type": f"{PROVIDER}/accounts/projects",
            "location": place.location,
            "properties": {
                "displayName": name,
                "isDefault": bool(projects) and name == (projects or [""])[0],
                "provisioningState": "Succeeded",
                "endpoints": {"AI Foundry API": f"{call.base_url}/{place.name}/api/projects/{name}"},
            },
        }
    )


def list_usages(call: Call) -> Response:
    """Quota pools of a region: capacity in use and limit."""
    return json_response({"value": list(_usages(call, call.ids[0], call.ids[1]))})


def list_account_usages(call: Call) -> Response:
    """Quota pools of the region of an account."""
    place = place_of(call)
    return json_response({"value": list(_usages(call, place.subscription, place.location))})


def _usages(call: Call, subscription: str, location: str) -> Iterator[dict[str, Any]]:
    world = call.world
    used = quota_by_pool(world, subscription, location, call.now)
    for model in world.catalog.models:
        pools = [usage_name(model, sku, fine_tuned=False) for sku in model.base_skus]
        if model.methods:
            pools += [usage_name(model, sku, fine_tuned=True) for sku in model.skus]
        for pool in pools:
            yield {
                "name": {"value": pool, "localizedValue": f"Tokens Per Minute (thousands) - {pool}"},
                "currentValue": float(used.get(pool, 0)),
                "limit": float(world.config.quotas.get(pool, world.config.quota)),
                "unit": "Count",
            }


def _catalog_row(call: Call, model: BaseModel) -> dict[str, Any]:
    tunable = {flag: "true" for kind, flag in _TUNE_FLAGS.items() if kind in model.training_types and model.methods}
    flags = tunable if model.fine_tune_flag else {}
    quota = call.world.config.quota

    def sku(name: str, *, fine_tuned: bool) -> dict[str, Any]:
        return {
            "name": name,
            "usageName": usage_name(model, name, fine_tuned=fine_tuned),
            "capacity": {"minimum": 1, "maximum": quota, "step": 1, "default": 50},
        }

    return {
        "format": model.format,
        "name": model.name,
        "version": model.version,
        "isDefaultVersion": True,
        "maxCapacity": quota,
        "capabilities": {
            "chatCompletion": "true",
            "fineTune": "false",
            **flags,
            "FineTuneTokensMaxValue": _MAX_FINE_TUNE_TOKENS,
            "FineTuneTokensMaxValuePerExample": _MAX_TOKENS_PER_EXAMPLE,
        },
        "finetuneCapabilities": flags,
        "deprecation": {"fineTune": _day(model.training_retires), "inference": _day(model.deployment_retires)},
        "lifecycleStatus": "GenerallyAvailable" if model.lifecycle == "generally-available" else "Preview",
        # The same sku name stands here twice: once for the base, once (usage name ending -finetune) for fine-tuned models.
        "skus": [
            *(sku(name, fine_tuned=False) for name in model.base_skus),
            *(sku(name, fine_tuned=True) for name in model.skus if model.methods),
        ],
    }


def _day(day: str) -> str | None:
    return f"{day}T00:00:00Z" if unix_day(day) is not None else None


def list_location_models(call: Call) -> Response:
    """The models of a region."""
    kind = "AIServices"
    models = call.world.catalog.models
    return json_response({"value": [{"kind": kind, "skuName": "S0", "model": _catalog_row(call, m)} for m in models]})


def list_account_models(call: Call) -> Response:
    """The models of an account: base models, and fine-tuned ones with their base."""
    world = call.world
    value = [_catalog_row(call, model) for model in world.catalog.models]
    for job in call.account.jobs.values():
        base = world.catalog.find(job.root)
        if base is None or job.model_deleted is not None or world.phase(job).status != "succeeded":
            continue
        tuned = _catalog_row(call, base) | {
            "name": job.model_name,
            "version": "1",
            "baseModel": {"format": base.format, "name": base.name, "version": base.version},
        }
        tuned["skus"] = [sku for sku in tuned["skus"] if sku["usageName"].endswith("-finetune")]
        value.append(tuned)
    return json_response({"value": value})


def list_capacities(call: Call) -> Response:
    """Free capacity of one model, by region and sku."""
    world, query = call.world, {name.lower(): text for name, text in call.request.query.items()}
    model = world.catalog.find(query.get("modelname", ""))
    here = call.ids[1] if len(call.ids) > 1 else world.config.location
    used = quota_by_pool(world, call.ids[0], here, call.now)
    value = []
    for sku in model.base_skus if model else ():
        assert model is not None
        pools = [usage_name(model, sku, fine_tuned=tuned) for tuned in (False, True)]
        free, tuned_free = (
            max(0, world.config.quotas.get(pool, world.config.quota) - used.get(pool, 0)) for pool in pools
        )
        if world.config.finetune_capacity is not None:
            tuned_free = world.config.finetune_capacity
        value.append(
            {
                "location": here,
                "properties": {
                    "model": {"format": model.format, "name": model.name, "version": model.version},
                    "skuName": sku,
                    "availableCapacity": free,
                    "availableFinetuneCapacity": tuned_free if sku in model.skus else 0,
                },
            }
        )
    return json_response({"value": value})
