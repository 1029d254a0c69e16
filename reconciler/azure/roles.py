"""The two custom roles that this command needs: one that looks, one that also changes.

Names of actions: role definitions and custom roles that were published (docs/azure.md, sections 14 and 21). Of the data
actions for cancelling, pausing, importing and deleting models no names were found, so the role that changes holds all
below `files`, `fine-tunes`, `uploads` and `models`. Requests to a Foundry project are guarded by actions of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Purpose = Literal["plan", "apply"]
SUBSCRIPTION = "/subscriptions/SUBSCRIPTION-ID"
"""What stands for a subscription that is not known."""
_P = "Microsoft.CognitiveServices"
_DATA = f"{_P}/accounts/OpenAI"
_PROJECT = f"{_P}/accounts/AIServices/fine_tuning"
_READS = (
    f"{_P}/accounts/read",
    f"{_P}/accounts/deployments/read",
    f"{_P}/locations/usages/read",
    f"{_P}/locations/modelCapacities/read",
)


@dataclass(frozen=True, slots=True)
class Role:
    """What a custom role allows, and to whom it is given."""

    name: str
    description: str
    actions: tuple[str, ...]
    data_actions: tuple[str, ...]

    def allows(self, action: str) -> bool:
        """Return whether an action is in the role, as one of either sort; `*` stands for anything."""
        patterns = (re.escape(held).replace(r"\*", ".*") for held in (*self.actions, *self.data_actions))
        return any(re.fullmatch(pattern, action, re.IGNORECASE) for pattern in patterns)


ROLES: Mapping[Purpose, Role] = {
    "plan": Role(
        "Reconciler Fine-tuning Planner",
        "Reads what plan, status, drift, report and doctor need of Azure OpenAI fine-tuning. Changes nothing. "
        "It can read the contents of files.",
        _READS,
        (f"{_DATA}/files/read", f"{_DATA}/fine-tunes/read", f"{_DATA}/models/read", f"{_PROJECT}/read"),
    ),
    "apply": Role(
        "Reconciler Fine-tuning Operator",
        "Uploads data, trains, deploys and deletes for Azure OpenAI fine-tuning. Cannot list keys or assign roles.",
        (*_READS, f"{_P}/accounts/deployments/write", f"{_P}/accounts/deployments/delete"),
        (
            f"{_DATA}/files/*",
            f"{_DATA}/uploads/*",
            f"{_DATA}/fine-tunes/*",
            f"{_DATA}/models/*",
            f"{_DATA}/deployments/chat/completions/action",
            f"{_PROJECT}/read",
            f"{_PROJECT}/write",
            f"{_PROJECT}/delete",
        ),
    ),
}


def role_document(purpose: Purpose, scopes: Iterable[str]) -> dict[str, Any]:
    """Return a role as `az role definition create --role-definition` takes it; `scopes` are ids of subscriptions.

    A role with data actions can be assigned below a subscription and not above it.
    """
    role = ROLES[purpose]
    assignable: Sequence[str] = sorted(set(scopes)) or [SUBSCRIPTION]
    return {
        "Name": role.name,
        "IsCustom": True,
        "Description": role.description,
        "Actions": list(role.actions),
        "NotActions": [],
        "DataActions": list(role.data_actions),
        "NotDataActions": [],
        "AssignableScopes": list(assignable),
    }
