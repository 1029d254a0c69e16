"""What ARM refuses about a deployment, with its codes and texts."""

from __future__ import annotations

import re
from typing import Any

from reconciler.emulator.arm_places import account_id, described, place_of
from reconciler.emulator.catalog import SKUS, BaseModel
from reconciler.emulator.deployments import is_live, quota_by_pool, shown_body
from reconciler.emulator.job_view import find_checkpoint
from reconciler.emulator.records import DeploymentRecord
from reconciler.emulator.routing import Call
from reconciler.emulator.wire import ApiError
from reconciler.emulator.world import Account

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{1,63}")
_TAG_FORBIDDEN = "<>%&\\?/"
_TAG_KEY_MAX, _TAG_VALUE_MAX, _TAGS_MAX = 512, 256, 50


def bad(message: str, code: str = "InvalidResourceProperties") -> ApiError:
    """400, by default InvalidResourceProperties."""
    return ApiError(400, code, message)


def check_name(name: str) -> None:
    """The name of a deployment: 2 to 64 letters, digits, `_`, `.` and `-` (field notes; the specification has no pattern)."""
    if not _NAME.fullmatch(name):
        raise bad(f"The deployment name '{name}' is invalid.", "InvalidResourceName")


def check_sku(sku: Any) -> dict[str, Any]:
    """The sku in the service's spelling; `Standard`, capacity 1, when it is omitted."""
    sent = dict(sku or {})
    name = SKUS.get(str(sent.get("name") or "Standard").lower())
    if name is None:
        raise bad(f"The deployment sku name '{sent.get('name')}' is invalid.")
    capacity = sent.get("capacity", 1)
    if not isinstance(capacity, int) or isinstance(capacity, bool) or capacity < 1:
        raise bad(f"The capacity '{capacity}' of account deployment is invalid.")
    more = {key: str(sent[key]) for key in ("tier", "size", "family") if sent.get(key)}
    return {"name": name, "capacity": capacity, **more}


def check_tags(tags: Any) -> None:
    """ARM's rules for tag names and values."""
    if not isinstance(tags, dict) or not all(isinstance(value, str) for value in tags.values()):
        raise bad("The tags must be a map of texts.", "InvalidRequestContent")
    if len(tags) > _TAGS_MAX:
        raise bad(f"A resource can have at most {_TAGS_MAX} tags.", "TooManyTags")
    wrong = [name for name in tags if any(letter in _TAG_FORBIDDEN for letter in name)]
    if wrong:
        message = f"The tag names '{','.join(wrong)}' have reserved characters '<,>,%,&,\\,?,/' or control characters."
        raise bad(message, "InvalidTagNameCharacters")
    if any(len(name) > _TAG_KEY_MAX or len(value) > _TAG_VALUE_MAX for name, value in tags.items()):
        raise bad("A tag name has more than 512 or a tag value more than 256 characters.", "InvalidTagLength")


def resolve_model(call: Call, model: dict[str, Any], sku: str | None) -> tuple[BaseModel, bool]:
    """The base behind `model`, and whether it is fine-tuned.

    Raises:
        ApiError: 400 DeploymentModelNotSupported, also for a fine-tuned model that does not exist (here), a wrong format or
            version; InvalidResourceProperties for a sku that the model does not have.
    """
    base, tuned = _find(call, model)
    if tuned and place_of(call).location in call.world.config.no_fine_tuning:
        base = None
    version = model.get("version")
    right_version = version in (None, "1") if tuned else base is not None and version in (None, base.version)
    if base is None or not right_version or model.get("format", "OpenAI") != base.format:
        message = (
            f"The model 'Publisher: {model.get('publisher') or ''}, Format: {model.get('format') or ''}, "
            f"Name: {model['name']}, Version: {version or ''}, Source: {model.get('source') or ''}, "
            f"SourceAccount: {model.get('sourceAccount') or ''}' of account deployment is not supported."
        )
        raise bad(message, "DeploymentModelNotSupported")
    if sku is not None and sku not in (base.skus if tuned else base.base_skus):
        shown = version or ("1" if tuned else base.version)
        raise bad(
            f"The specified SKU '{sku}' of account deployment is not supported by the model '{model['name']}' version: '{shown}'."
        )
    return base, tuned


def _find(call: Call, model: dict[str, Any]) -> tuple[BaseModel | None, bool]:
    world, name = call.world, str(model["name"])
    words = {"both": ("source", "sourceAccount")}.get(world.config.model_from, (world.config.model_from,))
    source = next((str(model[word]) for word in words if model.get(word)), "")
    owner = _account_of(call, source) if source else call.account
    if owner is not None and source:
        _check_tenant(call, owner, source)
    by = world.config.checkpoint_deploys_by
    is_id, is_name = name.startswith("ftchkpt-"), ":ckpt-step-" in name
    if is_id or is_name:
        allowed = by == "both" or (by == "id") == is_id
        found = find_checkpoint(world, owner.name, name, call.now) if owner is not None and allowed else None
        return (world.catalog.find(found[0].root) if found else None), True
    job = world.models.get(name.lower())
    if job is not None:
        alive = owner is not None and job.account == owner.name and job.model_deleted is None
        done = alive and world.phase(job).status == "succeeded"
        return (world.catalog.find(job.root) if done else None), True
    return world.catalog.find(name), False


def _check_tenant(call: Call, owner: Account, source: str) -> None:
    """A model of an account in another tenant is reached into with a token of that tenant, or not at all."""
    here, there = (
        (described(call.world.config, name) or {}).get("tenant", "") for name in (call.account.name, owner.name)
    )
    scheme, _, token = call.request.headers.get("x-ms-authorization-auxiliary", "").partition(" ")
    if here != there and not (scheme.lower() == "bearer" and token.strip()):
        message = (
            "The client has permission to perform action 'Microsoft.CognitiveServices/accounts/read' on scope "
            f"'{account_id(call)}', however the current tenant '{here}' is not authorized to access linked subscription "
            f"'{source.split('/')[2]}'."
        )
        raise ApiError(403, "LinkedAuthorizationFailed", message)


def _account_of(call: Call, arm_id: str) -> Account | None:
    """The account of an ARM id, if there is one there."""
    account = call.world.accounts.get(arm_id.rstrip("/").rpartition("/")[2].lower())
    if account is None:
        return None
    here = call.account
    try:
        call.account = account
        return account if account_id(call).lower() == arm_id.rstrip("/").lower() else None
    finally:
        call.account = here


def check_model_change(call: Call, current: DeploymentRecord | None, new: dict[str, Any]) -> None:
    """The model of a live deployment: never together with its capacity, and perhaps not at all."""
    if current is None:
        return
    old = shown_body(current, call.now)
    if old["properties"]["model"]["name"] == new["properties"]["model"]["name"]:
        return
    if old["sku"]["capacity"] != new["sku"]["capacity"]:
        raise bad("Cannot change capacity and model at the same time for deployment")
    if call.world.config.model_change == "refused":
        raise bad("The model of deployment cannot be changed.", "CannotChangeDeploymentModel")


def check_limits(call: Call, current: DeploymentRecord | None, new: dict[str, Any]) -> None:
    """Numbers of deployments, and quota."""
    world, config = call.world, call.world.config
    if config.limits_off:
        return
    others = [d for d in call.account.deployments.values() if d is not current and is_live(world, d, call.now)]
    tuned = new["pool"].endswith("-finetune")
    if len(others) >= config.max_deployments:
        raise bad(f"The account already has {len(others)} deployments.", "DeploymentLimitExceeded")
    if tuned and sum(d.fine_tuned for d in others) >= config.max_fine_tuned_deployments:
        raise bad(
            f"The account already has {config.max_fine_tuned_deployments} deployments of fine-tuned models.",
            "DeploymentLimitExceeded",
        )
    place = place_of(call)
    name = call.ids[3].lower()
    same = call.account.deployments.get(name)
    # What a deleted deployment of this name still holds counts like that of any other.
    key = f"{call.account.name}/{name}" if same is None or same.deleted is None else ""
    used = quota_by_pool(world, place.subscription, place.location, call.now, skip=key).get(new["pool"], 0)
    limit = config.quotas.get(new["pool"], config.quota)
    wanted = int(new["sku"]["capacity"])
    if used + wanted > limit:
        message = (
            f"This operation require {wanted} new capacity in quota Tokens Per Minute (thousands) - {new['pool']}, which is "
            f"bigger than the current available capacity {max(0, limit - used)}. The current quota usage is {used} and the "
            f"quota limit is {limit} for quota Tokens Per Minute (thousands) - {new['pool']}."
        )
        raise bad(message, "InsufficientQuota")


def failure_of(call: Call, name: str, body: dict[str, Any]) -> dict[str, str] | None:
    """The error with which a configured rule ends this operation."""
    facts = {"name": name, "model": str(body["properties"]["model"]["name"])}
    for rule in call.world.config.deployment_outcomes:
        if all(facts.get(field, "").startswith(str(wanted)) for field, wanted in rule.get("match", {}).items()):
            fail = rule.get("then", {}).get("fail")
            return None if fail is None else {"code": str(fail["code"]), "message": str(fail["message"])}
    return None
