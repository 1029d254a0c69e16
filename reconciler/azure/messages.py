"""What Azure's answers mean and what to do: one row for each known answer, first match wins.

A row is (status or None, pattern over "code message", summary, remedy). Sources: docs/azure.md,
sections 8, 11, 12 and 14. To add one, add a row here and a case to tests/unit/test_azure_messages.py.
"""

from __future__ import annotations

import re

_TRAIN_ROLE = (
    "Ask for a role that holds the action: Foundry User, Cognitive Services OpenAI Contributor or Foundry Owner on the "
    "account. Roles named Contributor or Owner alone have no data actions."
)
_DEPLOY_ROLE = (
    "Deployments need the action Microsoft.CognitiveServices/accounts/deployments/write (and read, delete): Cognitive "
    "Services OpenAI Contributor, Cognitive Services Contributor or Foundry Owner have it; Foundry User has not."
)

_ASK_ROLE = (
    "`readiness`, gates and `probe` ask models; Cognitive Services OpenAI User on the account is enough for that."
)

_QUOTA_ROLE = (
    "Usages and capacities are routes of the subscription: Cognitive Services Usages Reader on the subscription lets usages be "
    "read; this prints a role for both:\n  reconciler doctor --print-role plan"
)
_READ_ROLE = "Reader on the account is enough; this prints a role for all that a plan reads:\n  reconciler doctor --print-role plan"

_ABSENT = (
    "Check `resource_id` of the Account. If it was deleted, it may be among those that can be restored:\n"
    "  az cognitiveservices account list-deleted"
)
_LINKED = (
    "Give it the right to read that resource too: the message names it. If that is in another tenant, say that tenant on its "
    "Account and sign in as somebody who is known in both:\n  tenant_id: TENANT"
)

_BASE = (
    "Usually the training type is not offered for the model or the region: try `training_type: global`. Of the checkpoints of a "
    "job only the last three are taken; without `checkpoint` its final model is. Otherwise check the model's name."
)

_MODEL = (
    "Check that the model exists; of the checkpoints of a job only the last three can be deployed. One of another account needs a "
    "region that supports fine-tuning, and access to both accounts."
)

_ROWS: tuple[tuple[int | None, str, str, str], ...] = (
    (
        None,
        r"DeploymentNotReady|DeploymentError.*not ready",
        "The deployment does not answer yet",
        "That may take minutes after Azure calls it ready. Ask again a little later.",
    ),
    (401, r"audience|scope", "The token is for another audience", "Check `cloud` and `endpoint` of the Account."),
    (
        401,
        r"",
        "Azure refused the credential",
        "Check which identity is signed in:\n  az account show\nor, with `auth: api_key`, the key in AZURE_OPENAI_API_KEY.",
    ),
    (403, r"deployments/(write|delete|read)", "The identity may not manage deployments", _DEPLOY_ROLE),
    (
        403,
        r"firewall|virtual network|network|private endpoint",
        "The account's network rules refuse this machine",
        "Allow this machine's address on the account, or run from inside its network.",
    ),
    (
        403,
        r"temporarily blocked",
        "Azure has blocked the account",
        "Open a support request; see the account's page in the portal.",
    ),
    (
        403,
        r"locations/(usages|modelCapacities)/read",
        "The identity may not read the subscription's quota",
        _QUOTA_ROLE,
    ),
    (403, r"LinkedAuthorizationFailed", "The credential may not read what the model is linked to", _LINKED),
    (403, r"'Microsoft.CognitiveServices/accounts/read'", "The identity may not read the account", _READ_ROLE),
    (403, r"AuthorizationFailed|does not have authorization", "The identity lacks a control-plane role", _DEPLOY_ROLE),
    (403, r"chat/completions", "The identity may not ask models", _ASK_ROLE),
    (403, r"", "The identity lacks a role", _TRAIN_ROLE),
    (
        400,
        r"requires the reinforcement method",
        "The base model takes only the reinforcement method",
        "Choose another `model` or `method`.",
    ),
    (
        400,
        r"does not support fine-?tuning",
        "Azure refuses to fine-tune this base model",
        _BASE,
    ),
    (
        400,
        r"fineTuningJob field is required",
        "Azure could not read the training type",
        "Dated API versions know fewer spellings: use `api: v1`. That of `data_zone` is a guess: use another `training_type`.",
    ),
    (
        400,
        r"must point to a completed file import|File status is not|not.{0,10}ready",
        "The training file is not processed yet",
        "Run the command again: it goes on where this one stopped.",
    ),
    (400, r"images are not supported for provided model", "The identity may lack AIServices/agents/write", _TRAIN_ROLE),
    (
        400,
        r"CannotChangeDeploymentModel|model of deployment cannot be changed",
        "Azure does not change the model of this deployment in place",
        "Nothing has changed. Declare a second Deployment with another name for the new model, move the callers, then delete the old one.",
    ),
    (
        400,
        r"capacity and model at the same time",
        "Model and capacity cannot change in one call",
        "Run the command again: the second change follows by itself.",
    ),
    (
        400,
        r"InsufficientQuota|bigger than (the current )?available capacity",
        "The quota is used up",
        "Lower `sku.capacity`, delete what is not needed, or ask for more quota. Fine-tuned deployments have quota of their own (…-finetune).",
    ),
    (
        400,
        r"DeploymentModelNotSupported",
        "Azure does not know the model that is to be deployed",
        _MODEL,
    ),
    (
        400,
        r"SKU .* not supported|sku name .* is invalid",
        "The model does not support this sku",
        "Choose another `sku.name`: GlobalStandard serves base models and trained ones, DeveloperTier only trained ones.",
    ),
    (
        400,
        r"capacity\b.{0,80}\b(invalid|not (allowed|supported|valid)|must be|multiple|minimum|maximum|at least|at most)",
        "Azure does not take this capacity",
        "Set another `sku.capacity`: models have a least, a greatest and steps between, and the message may name them.",
    ),
    (
        400,
        r"InvalidResourceName|deployment name .* is invalid",
        "Azure does not take this name of a deployment",
        "Set another `deployment_name`: letters, digits and hyphens, at most 64 of them; one alone may be too short.",
    ),
    (
        400,
        r"InvalidResourceProperties",
        "Azure refuses a setting of the deployment",
        "Its message says which: correct it in the manifest. A sku is refused so too, if the model does not have it.",
    ),
    (
        None,
        r"DeploymentLimit|(limit|maximum|already (has|have)) .{0,40}\bdeployments\b",
        "The account has as many deployments as it may",
        "Delete deployments that are not needed: each that is left costs money besides. Azure documents 10 of fine-tuned models.",
    ),
    (
        400,
        r"api-version",
        "The surface does not take this API version",
        "Set `api: v1`, or a dated version that the resource supports.",
    ),
    (
        409,
        r"FlagMustBeSetForRestore",
        "The account was deleted and can be restored",
        "Restore or purge the soft-deleted account first; this finds it:\n  az cognitiveservices account list-deleted",
    ),
    (
        409,
        r"MissingSubscriptionRegistration",
        "The subscription is not registered for Azure's AI services",
        "Somebody who may write to the subscription registers it, once:\n  az provider register --namespace Microsoft.CognitiveServices",
    ),
    (
        409,
        r"RequestConflict|another operation",
        "Another operation on the account is under way",
        "Run the command again in a few minutes.",
    ),
    (
        409,
        r"AccountProvisioningStateInvalid|provisioning state is not terminal",
        "Azure is still busy with the account itself",
        "Run the command again in a few minutes.",
    ),
    (
        400,
        r"AccountProvisioningStateInvalid|provisioning state is not terminal",
        "Azure is still busy with the account itself",
        "Run the command again in a few minutes.",
    ),
    (404, r"DeploymentNotFound", "The deployment does not exist", ""),
    (
        404,
        r"ResourceNotFound|ResourceGroupNotFound|SubscriptionNotFound",
        "ARM does not know the resource",
        _ABSENT,
    ),
    (
        404,
        r"^404 |Resource not found",
        "The endpoint does not serve this route",
        "Check `endpoint` of the Account and its `api`: the resource may be another one, or older than this surface.",
    ),
    (
        413,
        r"",
        "The request is too large for this route",
        "Azure takes 512 MB in one request; a proxy in between may take less.",
    ),
    (
        400,
        r"512 MB|too large|maximum allowed size",
        "The file is too large for this route",
        "One request or an import carries less than 512 MB, an upload in parts up to 9 GB.",
    ),
    (
        429,
        r"",
        "Azure throttles the requests",
        "Run the command again in a few minutes: it goes on where this one stopped.",
    ),
    (
        None,
        r"quotaExceeded|limit .{0,30}(reached|exceeded)",
        "A limit of the account is reached",
        "Delete files or jobs that are not needed, or wait until queued jobs have run.",
    ),
)


_QUOTA = (
    re.compile(
        r"require (?P<asked>\d+) new capacity in quota (?P<pool>.+?), which is.*?current available capacity (?P<left>\d+)"
        r"(?:.*?quota usage is (?P<used>\d+).*?quota limit is (?P<limit>\d+))?",
        re.IGNORECASE,
    ),
    re.compile(
        r"capacity '(?P<asked>\d+)'.*?available capacity '(?P<left>\d+)' for UsageName '?(?P<pool>[\w.\-]*\w)",
        re.IGNORECASE,
    ),
)
"""The two texts in which Azure tells the numbers of a quota that does not suffice (docs/azure.md, section 12)."""


def _quota(message: str) -> str:
    """Return what to do about a quota, with Azure's numbers where it told them; "" if it did not."""
    found = next((match for pattern in _QUOTA if (match := pattern.search(message))), None)
    if found is None:
        return ""
    told = found.groupdict()
    left, pool = int(told["left"]), told["pool"].rpartition(" - ")[2]
    whole = f" of {told['limit']}" if told.get("limit") else ""
    lower = f"lower `sku.capacity` to {left}, delete" if left else "delete"
    own = "" if pool.lower().endswith("-finetune") else " Fine-tuned deployments have quota of their own (…-finetune)."
    return (
        f"{left}{whole} is left in {pool}, and {told['asked']} was asked for: {lower} deployments that are not needed, or ask "
        f"for more quota.{own} A deleted account that was not purged holds quota too."
    )


def explain(status: int, code: str, message: str) -> tuple[str, str]:
    """Return the summary and the remedy for an error answer."""
    words = f"{code} {message}"
    for row_status, pattern, summary, remedy in _ROWS:
        if row_status in {None, status} and re.search(pattern, words, re.IGNORECASE):
            return summary, _quota(message) or remedy
    if status >= 500:
        return "Azure failed", "Run the command again: it goes on where this one stopped."
    if 300 <= status < 400:
        return "The endpoint redirects, and redirects are never followed", "Check `endpoint` of the Account."
    return "Azure refused the request", ""
