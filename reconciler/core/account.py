"""The Account manifest: where resources live and whose they are. It is not a resource."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, field_validator, model_validator

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


TrainingType = Literal["standard", "data_zone", "global", "developer"]


def _amount(value: Any) -> Any:
    """Take a number as it is written: 0.1 is a tenth, and no binary fraction near it."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("is no amount: write US dollars as a number, for example 4.50")  # noqa: TRY004  (for pydantic)
    return Decimal(str(value))


Usd = Annotated[
    Decimal,
    Field(ge=0, le=Decimal(10**9), allow_inf_nan=False),
    BeforeValidator(_amount),
    WithJsonSchema({"type": "number", "minimum": 0}),
]
"""An amount of US dollars, exact: as it is written."""
Globs = tuple[Annotated[str, StringConstraints(min_length=1)], ...]


class TrainingPrices(Block):
    """Dollars a unit by training type."""

    standard: Usd | None = Field(default=None, description="Training in the region of the account.")
    data_zone: Usd | None = Field(default=None, description="Data zone training.")
    global_: Usd | None = Field(default=None, alias="global", description="Global training.")
    developer: Usd | None = Field(default=None, description="Developer training.")

    @field_validator("*", mode="before")
    @classmethod
    def _is_there(cls, value: Any) -> Any:
        if value is None:
            raise ValueError("has no number: write the price in US dollars, or leave the line out")
        return value

    @model_validator(mode="after")
    def _is_not_empty(self) -> TrainingPrices:
        if not self.model_fields_set:
            raise ValueError("holds no price: name one by training type, for example `global: 5.00`")
        return self

    def of(self, training_type: str) -> Decimal | None:
        """Return the price of a training type; None if there is none."""
        found: Decimal | None = getattr(self, "global_" if training_type == "global" else training_type, None)
        return found


class Prices(Block):
    """Prices in US dollars that go before the list prices that the release knows, model by model."""

    as_of: date | None = Field(default=None, description="The day that the prices are of, for people.")
    training: dict[str, TrainingPrices] = Field(
        default_factory=dict,
        description="By model and training type: dollars for a million tokens.",
        examples=[{"gpt-4.1-mini": {"global": 4.5}}],
    )
    training_hour: dict[str, TrainingPrices] = Field(
        default_factory=dict,
        description="By model and training type: dollars for an hour of reinforcement training.",
        examples=[{"o4-mini": {"global": 90}}],
    )
    hosting: dict[str, dict[str, Usd]] = Field(
        default_factory=dict,
        description="By base model and sku: dollars for an hour; for provisioned skus for an hour of one unit of capacity.",
        examples=[{"gpt-4.1-mini": {"GlobalStandard": 1.5}}],
    )


class MaxUsd(Block):
    """What may be spent, in US dollars."""

    per_job: Usd | None = Field(default=None, description="The most that one training may cost.")
    hosting_per_month: Usd | None = Field(
        default=None, description="The most that all deployments of the account may cost in 30 days."
    )


class Policy(Block):
    """What the manifests of an account may ask for; a plan that asks for more is refused. What is absent is allowed."""

    training_types: tuple[TrainingType, ...] | None = Field(
        default=None, description="Training types that may be used."
    )
    models: Globs | None = Field(
        default=None, description="Base models that may be trained and deployed; globs.", examples=[["gpt-4.1-mini*"]]
    )
    skus: Globs | None = Field(
        default=None, description="Skus that deployments may have.", examples=[["GlobalStandard", "DeveloperTier"]]
    )
    required: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+(\.[A-Za-z0-9_-]+)+$")], ...] = Field(
        default=(),
        description="Fields that must be set: Kind, then the field of the spec, or metadata.labels.NAME.",
        examples=[["FineTuneJob.validation_file", "Deployment.metadata.labels.team"]],
    )
    max_usd: MaxUsd | None = Field(default=None, description="What may be spent.")


class Limits(Block):
    """Limits of an account that differ from the documented ones, for example because Microsoft raised them."""

    files: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Files for fine-tuning.")
    bytes: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Bytes of all these files together.")
    jobs: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Jobs, finished ones included.")
    running_jobs: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Jobs that run at once, standard and global together."
    )
    running_developer_jobs: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Developer jobs that run at once."
    )
    queued_jobs: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Jobs that wait.")
    deployments: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Deployments of all models.")
    fine_tuned_deployments: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Deployments of fine-tuned models."
    )


class AccountSpec(Block):
    """Where resources live, how to reach it, and who owns what is made there."""

    advice: ClassVar[Mapping[str, str]] = {
        "api_key": "A key has no place in a manifest: write `auth: api_key` and set AZURE_OPENAI_API_KEY.",
    }

    resource_id: str | None = Field(
        default=None,
        description="ARM id of the Azure OpenAI or Foundry account. Needed for deployments.",
        examples=[
            "/subscriptions/SUBSCRIPTION-ID/resourceGroups/ml/providers/Microsoft.CognitiveServices/accounts/acme"
        ],
    )
    endpoint: str | None = Field(
        default=None,
        description="Data-plane endpoint; derived from the account's name if absent.",
        examples=["https://acme.openai.azure.com"],
    )
    management_endpoint: str | None = Field(default=None, description="ARM endpoint; fixed by `cloud` if absent.")
    cloud: Literal["public", "usgovernment", "china"] = Field(default="public", description="The Azure cloud.")
    api: str = Field(
        default="v1",
        pattern=r"^(v1|\d{4}-\d{2}-\d{2}(-preview)?)$",
        description="Data-plane surface: `v1` or a dated API version.",
        examples=["v1", "2025-04-01-preview"],
    )
    auth: Literal["entra", "api_key"] = Field(
        default="entra",
        description="`api_key` (from AZURE_OPENAI_API_KEY) serves the data plane only; deployments always need Entra.",
    )
    owner: Owner = Field(description="Marks what is made from these manifests; unique per source of truth.")
    previous_owners: tuple[Owner, ...] = Field(default=(), description="Former values of `owner`, still recognised.")
    prune: tuple[Literal["datasets", "jobs", "deployments"], ...] = Field(
        default=("datasets", "deployments"),
        description="What is planned for deletion when its manifest is gone (done only with --prune).",
    )
    keep_files: Annotated[Whole, Field(ge=0)] = Field(
        default=0,
        description="How many superseded versions of each dataset's file are kept; older ones are left over.",
    )
    keep_models: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="How many superseded models of each declared job are kept; older ones are listed as left over, and "
        "deleted only by name. Without it all are kept.",
    )
    location: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9 ]+$",
        description="Azure region of the account. Only prices depend on it; without it they may be ranges.",
        examples=["swedencentral"],
    )
    policy: Policy | None = Field(default=None, description="What the manifests of this account may ask for.")
    prices: Prices | None = Field(default=None, description="Prices that go before the list prices.")
    limits: Limits | None = Field(default=None, description="Limits that go before the documented ones.")
    subscription_id: str | None = Field(
        default=None, pattern=f"^{_PART}$", description="Overrides the one in `resource_id`."
    )
    resource_group: str | None = Field(
        default=None, pattern=f"^{_PART}$", description="Overrides the one in `resource_id`."
    )
    account_name: str | None = Field(
        default=None, pattern=f"^{_NAME}$", description="Overrides the one in `resource_id`."
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
