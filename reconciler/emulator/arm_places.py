"""Accounts as ARM knows them: where they live and what they are called."""

from __future__ import annotations

from reconciler.emulator.config import Config
from reconciler.emulator.records import AccountRecord
from reconciler.emulator.routing import Call
from reconciler.emulator.wire import ApiError

PROVIDER = "Microsoft.CognitiveServices"


def described(config: Config, name: str) -> dict[str, str] | None:
    """What the configuration says about an account; None when it does not name it."""
    accounts = config.accounts or {}
    return next((facts for known, facts in accounts.items() if known.lower() == name.lower()), None)


def place_of(call: Call) -> AccountRecord:
    """Where the account of this request lives; an account is placed by the first request that names it."""
    account, config = call.account, call.world.config
    if account.place is None:
        facts = described(config, account.name) or {}
        account.place = AccountRecord(
            name=account.name,
            subscription=facts.get("subscription_id") or call.ids[0],
            resource_group=facts.get("resource_group") or (call.ids[1] if len(call.ids) > 2 else "emulator"),
            location=facts.get("location") or config.location,
            kind=facts.get("kind") or "AIServices",
        )
    return account.place


def location_of(call: Call) -> str:
    """The region of the account of this request, also where the request does not place it."""
    account, config = call.account, call.world.config
    facts = described(config, account.name) or {}
    return account.place.location if account.place else facts.get("location") or config.location


def account_id(call: Call) -> str:
    """ARM id of the account of this request."""
    place = place_of(call)
    return f"/subscriptions/{place.subscription}/resourceGroups/{place.resource_group}/providers/{PROVIDER}/accounts/{place.name}"


def arm_not_found(call: Call, resource: str) -> ApiError:
    """ARM's answer for a resource that does not exist."""
    group = call.ids[1] if len(call.ids) > 1 else ""
    message = (
        f"The Resource '{resource}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    )
    return ApiError(404, "ResourceNotFound", message)
