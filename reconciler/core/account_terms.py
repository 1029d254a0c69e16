"""What an Account says of its resources at large: prices, limits, and what its manifests may ask for and spend."""

from __future__ import annotations

import difflib
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema, field_validator, model_validator

from reconciler.core.resource import Block, Whole

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

    standard: Usd | None = Field(
        default=None,
        description="Dollars a unit of training in the region of the account (`training_type: standard`).",
        examples=[5.0],
    )
    data_zone: Usd | None = Field(default=None, description="Dollars a unit of data zone training.", examples=[4.8])
    global_: Usd | None = Field(
        default=None, alias="global", description="Dollars a unit of global training.", examples=[4.5]
    )
    developer: Usd | None = Field(default=None, description="Dollars a unit of developer training.", examples=[2.25])

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

    as_of: date | None = Field(
        default=None,
        description="The day that these prices are of, shown beside each cost; nothing is computed from it.",
        examples=["2026-08-11"],
    )
    training: dict[str, TrainingPrices] = Field(
        default_factory=dict,
        description="Dollars for a million tokens, by base model and training type; it replaces the list price of that "
        "pair.",
        examples=[{"gpt-4.1-mini": {"global": 4.5}}],
    )
    training_hour: dict[str, TrainingPrices] = Field(
        default_factory=dict,
        description="Dollars for an hour of reinforcement training, by base model and training type.",
        examples=[{"o4-mini": {"global": 90}}],
    )
    hosting: dict[str, dict[str, Usd]] = Field(
        default_factory=dict,
        description="Dollars for an hour of a deployment, by base model and sku; for provisioned skus, of one unit of its "
        "capacity.",
        examples=[{"gpt-4.1-mini": {"GlobalStandard": 1.5}}],
    )

    @field_validator("hosting")
    @classmethod
    def _names_skus(cls, value: dict[str, dict[str, Decimal]]) -> dict[str, dict[str, Decimal]]:
        """Refuse a price that would count for nothing: of no sku, or of one that is nearly spelled like a known one."""
        from reconciler.models.table import SKUS

        for model, prices in value.items():
            if not prices:
                raise ValueError(f"holds no price of {model}: name one by sku, for example `GlobalStandard: 1.70`")
            for name in prices:
                near = difflib.get_close_matches(name.lower(), SKUS, n=1, cutoff=0.85)
                if near and near != [name.lower()]:
                    raise ValueError(f"has {name}, and no sku is called so. Did you mean {SKUS[near[0]]}?")
        return value


class MaxUsd(Block):
    """What may be spent, in US dollars."""

    per_job: Usd | None = Field(
        default=None,
        description="Dollars that one training may cost at most; a plan with a dearer one, or one of unknown cost, is "
        "refused.",
        examples=[50],
    )
    hosting_per_month: Usd | None = Field(
        default=None,
        description="Dollars that all deployments of the account together may cost in 30 days.",
        examples=[2000],
    )


class Policy(Block):
    """What the manifests of an account may ask for; a plan that asks for more is refused. What is absent is allowed."""

    training_types: tuple[TrainingType, ...] | None = Field(
        default=None,
        description="Training types that jobs may use; absent: all of them.",
        examples=[["standard", "global"]],
    )
    models: Globs | None = Field(
        default=None,
        description="Base models that may be trained and deployed, as globs (`*`, `?`); absent: all of them.",
        examples=[["gpt-4.1-mini*"]],
    )
    skus: Globs | None = Field(
        default=None,
        description="Skus that deployments may have, as globs; absent: all of them.",
        examples=[["GlobalStandard", "DeveloperTier"]],
    )
    required: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+(\.[A-Za-z0-9_-]+)+$")], ...] = Field(
        default=(),
        description="Fields that manifests must set: `KIND.FIELD` of the spec, or `KIND.metadata.labels.NAME`.",
        examples=[["FineTuneJob.validation_file", "Deployment.metadata.labels.team"]],
    )
    max_usd: MaxUsd | None = Field(
        default=None,
        description="What may be spent; absent: anything.",
        examples=[{"per_job": 50, "hosting_per_month": 2000}],
    )


class Limits(Block):
    """Limits of an account that differ from the documented ones, for example because Microsoft raised them."""

    files: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Files for fine-tuning that the account may hold. A plan beyond it is warned about.",
        examples=[100],
    )
    bytes: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Bytes of all files for fine-tuning together. A plan beyond it is warned about.",
        examples=[1073741824],
    )
    jobs: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Jobs that the account may hold, finished ones included. A plan beyond it is warned about.",
        examples=[500],
    )
    running_jobs: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Jobs that run at once, standard and global together; more of them wait, unbilled. A plan beyond it "
        "is warned about.",
        examples=[3],
    )
    running_developer_jobs: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Developer jobs that run at once; more of them wait, unbilled. A plan beyond it is warned about.",
        examples=[5],
    )
    queued_jobs: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Jobs that may wait at once. A plan beyond it is warned about.", examples=[20]
    )
    deployments: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Deployments of all models that the account may hold. A plan beyond it is warned about.",
        examples=[32],
    )
    fine_tuned_deployments: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None,
        description="Deployments of fine-tuned models that the account may hold. A plan beyond it is warned about.",
        examples=[20],
    )
