"""What a Deployment manifest can say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from reconciler.core.resource import Block, Ref, Spec, Whole

SKUS = {
    name.lower(): name
    for name in (
        "Standard",
        "GlobalStandard",
        "DataZoneStandard",
        "ProvisionedManaged",
        "GlobalProvisionedManaged",
        "DataZoneProvisionedManaged",
        "DeveloperTier",
    )
}
"""Lower-case name of each known sku to its spelling (docs/azure.md, section 10)."""


class JobModel(Block):
    """The model that a job makes."""

    job: Annotated[str, Ref("FineTuneJob")] = Field(description="Name of the FineTuneJob.")


class NamedModel(Block):
    """A model by its name."""

    name: str = Field(min_length=1, description="Name of the model, for example gpt-4.1-mini-2025-04-14.ft-….")
    version: str = Field(default="1", description="Version; fine-tuned models have only version 1.")
    format: str = Field(default="OpenAI", description="Publisher's format; case-sensitive in ARM.")


class Sku(Block):
    """How much the deployment serves, and how it is paid for."""

    name: str = Field(min_length=1, description="For example GlobalStandard, Standard or DeveloperTier.")
    capacity: Annotated[Whole, Field(ge=1)] = Field(
        default=1, description="Thousands of tokens a minute, for most models."
    )


class DeploymentSpec(Spec):
    """A deployment of a model."""

    deployment_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = Field(
        default=None, description="Name in Azure; the manifest's name if absent."
    )
    model: JobModel | NamedModel = Field(description="{job: NAME} or {name: MODEL}.")
    sku: Sku = Field(description="How much it serves.")
    rai_policy_name: str | None = Field(default=None, description="Content filter.")
    version_upgrade_option: str | None = Field(
        default=None,
        description="OnceNewDefaultVersionAvailable, OnceCurrentVersionExpired or NoAutoUpgrade.",
        pattern=r"^(OnceNewDefaultVersionAvailable|OnceCurrentVersionExpired|NoAutoUpgrade)$",
    )

    def comparable(self) -> dict[str, Any]:
        """Return the managed fields; sku and policy names are compared without regard to case, as ARM re-cases them."""
        model: Any = self.model
        if isinstance(model, NamedModel):
            model = {"name": model.name, "version": model.version, "format": model.format}
        sku = getattr(self, "sku", None)
        values = {
            "model": model,
            "sku": {"name": SKUS.get(sku.name.lower(), sku.name), "capacity": sku.capacity} if sku else None,
            "rai_policy_name": _folded(self.rai_policy_name),
            "version_upgrade_option": _folded(self.version_upgrade_option),
        }
        return {key: value for key, value in values.items() if value is not None}


def _folded(value: str | None) -> str | None:
    return value.lower() if value else None
