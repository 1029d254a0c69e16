"""`extra_properties`: what else can be said of a deployment, and how each of its fields is changed.

Names are ARM's own, as they are sent (docs/azure.md, section 9). What is set is compared, and what is not set is nobody's:
a default that Azure fills in, or a field that it adds to a mapping, is no difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any


class How(Enum):
    """How a field of a live deployment is changed."""

    PATCH = "PATCH"
    """In a call that carries nothing else: ARM takes only sku and tags in a PATCH (docs/azure.md, section 8)."""
    PUT = "PUT"
    """With the whole deployment; what no manifest manages is sent back as it was."""
    NEW = "new"
    """Not at all: another value is another deployment."""


CHANGED_BY: Mapping[str, How] = {
    "deployment_name": How.NEW,
    "sku": How.PATCH,
    "tags": How.PATCH,
    "model": How.PUT,
    "rai_policy_name": How.PUT,
    "version_upgrade_option": How.PUT,
    "extra_properties": How.PUT,
}
"""Each field of a Deployment that Azure holds, to how it is changed. What is not known yet goes through `extra_properties`."""

FIRST_CLASS: Mapping[str, str] = {
    "model": "model",
    "raiPolicyName": "rai_policy_name",
    "versionUpgradeOption": "version_upgrade_option",
}
"""Properties of ARM that a field of the spec sets."""
OUTSIDE: Mapping[str, str] = {"sku": "sku", "tags": "tags", "name": "deployment_name"}
"""What stands beside `properties` in ARM, and has a field of the spec."""
WRITABLE = (
    *FIRST_CLASS,
    "parentDeploymentName",
    "capacitySettings",
    "scaleSettings",
    "spilloverDeploymentName",
    "deploymentState",
    "serviceTier",
    "routing",
)
"""Properties that a PUT may carry (docs/azure.md, section 9): what no manifest manages is sent back as it was."""
_KNOWN = (*WRITABLE[len(FIRST_CLASS) :], "currentCapacity")
READ_ONLY = ("provisioningState", "capabilities", "callRateLimit", "rateLimits", "dynamicThrottlingEnabled")
"""Properties that Azure alone writes (docs/azure.md, section 9)."""
_WORDS: Mapping[str, tuple[str, ...]] = {
    "deploymentState": ("Running", "Paused"),
    "serviceTier": ("Default", "Priority"),
}
"""Values that ARM may answer in other capitals than they were sent in."""


def why_not(properties: Mapping[str, Any]) -> str:
    """Return what is wrong with `extra_properties`, as the rest of a sentence; "" if nothing is."""
    for name, value in properties.items():
        plain = _plain(name)
        field = next((field for known, field in {**FIRST_CLASS, **OUTSIDE}.items() if _plain(known) == plain), None)
        if field:
            return f"may not set {name}: write `{field}` in the spec"
        if any(_plain(known) == plain for known in READ_ONLY):
            return f"may not set {name}: Azure alone writes it"
        spelled = next((known for known in _KNOWN if _plain(known) == plain), name)
        if spelled != name:
            return f"has {name}: ARM spells it {spelled}"
        if value is None:
            return f"has no value for {name}: leave it out, and Azure's own value stays"
    return ""


def comparable(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties in one spelling of those words that ARM may re-case."""
    return {name: _spelled(name, value) for name, value in properties.items()}


def others(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return of ARM's properties those that a manifest may set, and no other field of the spec does."""
    apart = {*FIRST_CLASS, *READ_ONLY}
    return {name: value for name, value in properties.items() if name not in apart and value is not None}


def _spelled(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return next((word for word in _WORDS.get(name, ()) if word.lower() == value.lower()), value)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
