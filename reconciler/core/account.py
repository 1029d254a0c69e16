"""The Account manifest: where resources live and whose they are. It is not a resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import (
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from reconciler.core.account_terms import Limits, Policy, Prices
from reconciler.core.fault import Place
from reconciler.core.resource import Block, Whole

Owner = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,20}$")]

_PART = r"[A-Za-z0-9._()-]*[A-Za-z0-9_()-]"
"""A subscription or a resource group; it cannot end in a period."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{1,63}"
_RESOURCE_ID = re.compile(
    rf"/subscriptions/(?P<subscription>{_PART})/resourceGroups/(?P<group>{_PART})"
    rf"/providers/Microsoft\.CognitiveServices/accounts/(?P<account>{_NAME})/?",
    re.IGNORECASE | re.ASCII,
)


class AccountSpec(Block):
    """Where resources live, how to reach it, and who owns what is made there."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "resource_id": "/subscriptions/SUBSCRIPTION-ID/resourceGroups/ml/providers/Microsoft.CognitiveServices/accounts/acme",
                    "owner": "acme-ml",
                    "location": "swedencentral",
                    "policy": {"skus": ["DeveloperTier", "GlobalStandard"], "max_usd": {"per_job": 50}},
                }
            ]
        }
    )
    advice: ClassVar[Mapping[str, str]] = {
        "api_key": "A key has no place in a manifest: write `auth: api_key` and set AZURE_OPENAI_API_KEY.",
    }

    resource_id: str | None = Field(
        default=None,
        description="ARM id of the Azure OpenAI or Foundry account (in the portal: Resource ID). Needed for deployments; "
        "this or `endpoint` is required. On change: another account: everything is looked for, and made, "
        "there.",
        examples=[
            "/subscriptions/SUBSCRIPTION-ID/resourceGroups/ml/providers/Microsoft.CognitiveServices/accounts/acme"
        ],
    )
    endpoint: str | None = Field(
        default=None,
        description="Where the data plane answers; absent: https://NAME.openai.azure.com (of the cloud). The URL of a "
        "Foundry project works too. On change: another account or project: everything is looked for, and "
        "made, there.",
        examples=["https://acme.openai.azure.com"],
    )
    management_endpoint: str | None = Field(
        default=None,
        description="Where ARM answers; absent: as `cloud` says. Only hosts of the cloud are sent a credential. On "
        "change: deployments are looked for there.",
        examples=["https://management.azure.com"],
    )
    cloud: Literal["public", "usgovernment", "china"] = Field(
        default="public",
        description="The Azure cloud: its hosts, and whom its credential is asked of. On change: another Azure: "
        "everything is looked for, and made, there.",
        examples=["usgovernment"],
    )
    api: str = Field(
        default="v1",
        pattern=r"^(v1|\d{4}-\d{2}-\d{2}(-preview)?)$",
        description="The data-plane API: `v1`, or a dated version. On change: nothing at Azure; what exists is found "
        "again.",
        examples=["v1", "2025-04-01-preview"],
    )
    auth: Literal["entra", "api_key"] = Field(
        default="entra",
        description="How the data plane is asked: `entra` by the signed-in identity, `api_key` by the key in "
        "AZURE_OPENAI_API_KEY. Deployments need Entra all the same. On change: nothing at Azure.",
        examples=["api_key"],
    )
    tenant_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$",
        description="Entra tenant of the account, where it is another one than the tenant that is signed in. On change: the "
        "credential is asked for tokens of that tenant; nothing at Azure.",
        examples=["00000000-0000-0000-0000-000000000000"],
    )
    owner: Owner = Field(
        description="Marks everything that is made from these manifests; 3 to 20 of a-z, 0-9 and `-`, another one for "
        "each repository. On change: what the old name marks is no longer ours, and is trained and made anew: "
        "put the old name into `previous_owners`.",
        examples=["acme-ml"],
    )
    previous_owners: tuple[Owner, ...] = Field(
        default=(),
        description="Former values of `owner`, whose marks are still ours. On change: nothing at Azure; what a removed "
        "name marks is no longer ours.",
        examples=[["acme"]],
    )
    prune: tuple[Literal["datasets", "jobs", "deployments"], ...] = Field(
        default=("datasets", "deployments"),
        description="What `--prune` deletes when its manifest is gone: files of datasets, jobs that have not ended "
        "(cancelled), deployments. On change: nothing, until the next apply with `--prune`.",
        examples=[["datasets", "jobs", "deployments"]],
    )
    keep_files: Annotated[Whole, Field(ge=0)] = Field(
        default=0,
        description="How many superseded versions of each declared dataset's file stay at Azure; older ones are left "
        "over. On change: nothing, until the next apply with `--prune`.",
        examples=[3],
    )
    keep_models: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="How many superseded models of each declared job are kept; older ones are listed as left over, and "
        "deleted only by name (`--prune --allow-delete`). Without it all are kept. On change: nothing is deleted by itself.",
        examples=[5],
    )
    location: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9 ]+$",
        description="Azure region of the account; only prices depend on it, which are ranges without it. On change: "
        "nothing at Azure.",
        examples=["swedencentral"],
    )
    policy: Policy | None = Field(
        default=None,
        description="What the manifests of this account may ask for and spend; a plan that asks for more is refused "
        "(docs/policy.md). On change: nothing at Azure; the next plan is judged by it.",
        examples=[{"skus": ["DeveloperTier"]}],
    )
    prices: Prices | None = Field(
        default=None,
        description="Prices that go before the list prices (docs/cost.md). On change: nothing at Azure; the next plan "
        "counts with them.",
        examples=[{"training": {"gpt-4.1-mini": {"global": 4.5}}}],
    )
    limits: Limits | None = Field(
        default=None,
        description="Limits of the account that go before the documented ones (docs/limits.md). On change: nothing at "
        "Azure; the next plan counts with them.",
        examples=[{"jobs": 500}],
    )
    subscription_id: str | None = Field(
        default=None,
        pattern=f"^{_PART}$",
        description="Azure subscription, in place of the one in `resource_id`. On change: deployments are looked for "
        "there.",
        examples=["00000000-0000-0000-0000-000000000000"],
    )
    resource_group: str | None = Field(
        default=None,
        pattern=f"^{_PART}$",
        description="Resource group, in place of the one in `resource_id`. On change: deployments are looked for there.",
        examples=["ml"],
    )
    account_name: str | None = Field(
        default=None,
        pattern=f"^{_NAME}$",
        description="Name of the account, in place of the one in `resource_id`. On change: another account: everything is "
        "looked for, and made, there.",
        examples=["acme"],
    )

    @field_validator("resource_id")
    @classmethod
    def _is_account_id(cls, value: str | None) -> str | None:
        if value is not None and not _RESOURCE_ID.fullmatch(value):
            raise ValueError(
                "is not the id of an account. Put the id of your own account in the place of the example's: "
                "/subscriptions/ID/resourceGroups/GROUP/providers/Microsoft.CognitiveServices/accounts/NAME"
            )
        return value

    @model_validator(mode="after")
    def _is_somewhere(self) -> AccountSpec:
        if not (self.resource_id or self.endpoint):
            raise ValueError("needs `resource_id` or `endpoint`")
        return self

    @property
    def owners(self) -> tuple[str, ...]:
        """The owner and its former names: whose marks are ours."""
        return (self.owner, *self.previous_owners)


class Account:
    """An Account manifest, with what is derived from it."""

    __slots__ = ("_parts", "name", "place", "places", "source", "spec")

    def __init__(
        self,
        name: str,
        spec: AccountSpec,
        place: Place,
        source: str = "",
        places: Mapping[str, Place] | None = None,
    ) -> None:
        self.name = name
        self.spec = spec
        self.place = place
        self.places = places or {}
        """Where the fields stand that can turn out wrong later than at load."""
        self.source = source
        """Repository and folder of the manifests: the tag that tells our deployments from another repository's."""
        found = _RESOURCE_ID.fullmatch(spec.resource_id) if spec.resource_id else None
        self._parts = found.groupdict() if found else {}

    def place_of(self, field: str) -> Place:
        """Return where a field stands, or the Account."""
        return self.places.get(field, self.place)

    @property
    def subscription_id(self) -> str | None:
        """Azure subscription of the account."""
        return self.spec.subscription_id or self._parts.get("subscription")

    @property
    def resource_group(self) -> str | None:
        """Resource group of the account."""
        return self.spec.resource_group or self._parts.get("group")

    @property
    def account_name(self) -> str | None:
        """Name of the account in Azure."""
        return self.spec.account_name or self._parts.get("account")

    @property
    def arm_id(self) -> str | None:
        """ARM id of the account; None if the manifest does not say all of it."""
        if not self.has_control_plane:
            return None
        return (
            f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.CognitiveServices/accounts/{self.account_name}"
        )

    @property
    def has_control_plane(self) -> bool:
        """Whether deployments of it can be reached."""
        return bool(self.subscription_id and self.resource_group and self.account_name)
