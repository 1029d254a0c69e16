"""What a Deployment manifest can say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field, StringConstraints, field_validator

from reconciler.core.duration import Duration
from reconciler.core.resource import Block, Ref, Spec, Whole
from reconciler.kinds.deployment.gate_spec import Gate
from reconciler.kinds.deployment.named import format_of, version_of
from reconciler.kinds.deployment.properties import comparable, why_not
from reconciler.kinds.deployment.strategy import Strategy, Word, word_of
from reconciler.models.table import SKUS
from reconciler.results.metrics import named

_PIN = re.compile(r"^(?P<job>[^:]+)(?::step-(?P<step>\d+)(?::best-(?P<best>.+))?)?$")


RESERVED = "reconciler-"
"""How the tags begin that say whose a deployment is."""
LONGEST_TAG_NAME, LONGEST_TAG_VALUE = 512, 256
"""Characters of a tag in ARM."""


UpgradeOption = Literal["OnceNewDefaultVersionAvailable", "OnceCurrentVersionExpired", "NoAutoUpgrade"]


class Step(Block):
    """A checkpoint by the step at which the training left it."""

    step: Annotated[Whole, Field(ge=1)] = Field(
        description="Step of the training at which the checkpoint was left, as `report` shows it.", examples=[20]
    )


class Best(Block):
    """The checkpoint with the best value of a metric."""

    best: str = Field(
        description="The metric by which the best checkpoint is chosen: of losses the lowest value, of accuracies and "
        "rewards the highest.",
        examples=["full_valid_loss"],
    )

    @field_validator("best")
    @classmethod
    def _known(cls, value: str) -> str:
        return named(value)


Selector = Literal["final"] | Step | Best


class JobModel(Block):
    """A model that a job makes: its final one, or one of its checkpoints."""

    job: Annotated[str, Ref("FineTuneJob", any_account=True)] = Field(
        description="Name of the FineTuneJob whose model is served; it may live in another account.",
        examples=["support-tone"],
    )
    checkpoint: Selector = Field(
        default="final",
        description="Which of its models: `final`, {step: N} for the checkpoint at a step, or {best: METRIC}.",
        examples=[{"best": "full_valid_loss"}],
    )
    pin: Annotated[str, StringConstraints(pattern=r"^[a-z2-7]{12}$")] | None = Field(
        default=None,
        description="Mark of the one training whose model is served whatever the job becomes: 12 characters, shown by "
        "`history`, written by `promote`. On change: another model of the job is served, by `strategy`; "
        "nothing is trained.",
        examples=["k3v7q2m5x4ab"],
    )

    @property
    def selector(self) -> str | dict[str, Any]:
        """The checkpoint as written, as it enters the digest."""
        return self.checkpoint if isinstance(self.checkpoint, str) else self.checkpoint.model_dump()


class NamedModel(Block):
    """A model by its name."""

    name: str = Field(
        min_length=1,
        description="Name of the model, base or fine-tuned.",
        examples=["gpt-4.1-mini-2025-04-14.ft-0123456789abcdef0123456789abcdef-support-tone"],
    )
    version: str = Field(
        default_factory=lambda given: version_of(given.get("name", "")),
        description="Version of the model; absent: told from the name. Fine-tuned models have only version 1.",
        examples=["1"],
    )
    format: str = Field(
        default_factory=lambda given: format_of(given.get("name", "")),
        description="Publisher's format, case-sensitive in ARM; absent: told from the name.",
        examples=["OpenAI"],
    )

    source: str | None = Field(
        default=None,
        min_length=1,
        description="ARM id of the account that made the model, if that is another one.",
        examples=[
            "/subscriptions/SUBSCRIPTION-ID/resourceGroups/ml/providers/Microsoft.CognitiveServices/accounts/acme"
        ],
    )

    def comparable(self) -> dict[str, Any]:
        """Return what is set, as ARM takes it."""
        source = getattr(self, "source", None)
        return {
            "name": self.name,
            "version": self.version,
            "format": self.format,
            **({"source": source} if source else {}),
        }


class CheckpointModel(NamedModel):
    """A checkpoint, once it is known which: what is compared is its name; the rest says where it comes from."""

    job_id: str
    step: int
    best: str = ""
    checkpoint_id: str = ""
    final: str = ""
    """Name of the job's final model."""

    @property
    def documented_name(self) -> str:
        """The checkpoint's name as the specification forms it (docs/azure.md, section 5); "" if that is not known."""
        return f"{self.final}:ckpt-step-{self.step}" if self.final else ""

    @property
    def pin(self) -> Pin:
        """What the deployment is to be tagged with."""
        return Pin(self.job_id, self.step, self.best)


@dataclass(frozen=True, slots=True)
class Pin:
    """The value of the tag `reconciler-from`: a job, and of one of its checkpoints the step and how it was chosen.

    `ftjob-…`, `ftjob-…:step-20`, `ftjob-…:step-20:best-full_valid_loss`
    """

    job_id: str
    step: int = 0
    best: str = ""

    def __str__(self) -> str:
        """Return the tag's value."""
        step = f":step-{self.step}" if self.step else ""
        return f"{self.job_id}{step}" + (f":best-{self.best}" if self.best else "")

    @classmethod
    def parse(cls, value: str) -> Pin:
        """Read the tag; what is not understood is a job that no list shows."""
        found = _PIN.match(value)
        return cls(found["job"], int(found["step"] or 0), found["best"] or "") if found else cls(value)

    def holds(self, selector: Selector) -> bool:
        """Return whether a manifest that says this is served by what is pinned."""
        match selector:
            case Step(step=step):
                return step == self.step
            case Best(best=best):
                return bool(self.step) and best == self.best
            case _:
                return not self.step


class Sku(Block):
    """How much the deployment serves, and how it is paid for."""

    name: str = Field(
        min_length=1,
        description="How it serves and is paid for: `Standard`, `GlobalStandard`, `DataZoneStandard`, "
        "`ProvisionedManaged`, `GlobalProvisionedManaged`, `DataZoneProvisionedManaged` or `DeveloperTier` "
        "(no hosting fee; Azure deletes it after 24 hours).",
        examples=["GlobalStandard"],
    )
    capacity: Annotated[Whole, Field(ge=1)] = Field(
        default=1,
        description="Thousands of tokens a minute for most models, units for provisioned skus; it is counted against the "
        "quota of the region.",
        examples=[50],
    )
    tier: str | None = Field(
        default=None, min_length=1, description="ARM's `sku.tier`; absent: left to Azure.", examples=["Standard"]
    )
    size: str | None = Field(
        default=None, min_length=1, description="ARM's `sku.size`; absent: left to Azure.", examples=["S0"]
    )
    family: str | None = Field(
        default=None, min_length=1, description="ARM's `sku.family`; absent: left to Azure.", examples=["S"]
    )

    def comparable(self) -> dict[str, Any]:
        """Return what is set, as ARM takes it; the name in ARM's own spelling."""
        more = {key: value for key in ("tier", "size", "family") if (value := getattr(self, key, None)) is not None}
        return {"name": SKUS.get(self.name.lower(), self.name), "capacity": self.capacity, **more}


class DeploymentSpec(Spec):
    """A deployment: what callers ask, serving the model of a job or one that is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": {"job": "support-tone"},
                    "sku": {"name": "GlobalStandard", "capacity": 50},
                    "strategy": "beside",
                    "gates": [{"metric": "full_valid_loss", "at_most": "serving"}],
                }
            ]
        }
    )

    repeats: ClassVar[frozenset[str]] = frozenset({"extra_properties.currentCapacity"})

    deployment_name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] | None = Field(
        default=None,
        description="Name at Azure, by which callers ask for it, at most 64 characters; absent: the manifest's name. On "
        "change: only by a new deployment; the one of the old name is left over.",
        examples=["support-tone"],
    )
    model: JobModel | NamedModel = Field(
        description="What it serves: {job: NAME}, which follows the job to each new model, or {name: MODEL}. On change: "
        "serves the other model by `strategy`, after `gates`.",
        examples=[{"job": "support-tone"}, {"name": "gpt-4.1-mini-2025-04-14"}],
    )
    sku: Sku = Field(
        description="How it serves, how much, and how it is paid for. On change: updated in place (PATCH).",
        examples=[{"name": "GlobalStandard", "capacity": 50}],
    )
    rai_policy_name: str | None = Field(
        default=None,
        description="Name of the content filter in the account; absent: left to Azure. On change: updated in place (PUT).",
        examples=["Microsoft.DefaultV2"],
    )
    version_upgrade_option: UpgradeOption | None = Field(
        default=None,
        description="When Azure moves a base model to a newer version; absent: left to Azure. On change: updated in place "
        "(PUT).",
        examples=["NoAutoUpgrade"],
    )
    tags: dict[str, str] | None = Field(
        default=None,
        description="ARM tags; others that are there stay, and names that begin with `reconciler-` are ours. On change: "
        "updated in place (PATCH); a tag that is taken out of the manifest stays at Azure.",
        examples=[{"cost-center": "4711"}],
    )
    extra_properties: dict[str, Any] | None = Field(
        default=None,
        description="Further properties of the deployment, named and sent as ARM names them; they may not set the fields "
        "above. On change: updated in place (PUT); a property that is taken out stays at Azure.",
        examples=[{"spilloverDeploymentName": "support-base"}],
    )
    strategy: Word | Strategy | None = Field(
        default=None,
        description="How it comes to serve another model: `in_place` (the default), `beside` (a second deployment next to "
        "it), `recreate` (deleted and made anew), or {type: beside, keep_old: DURATION} (docs/switching.md). "
        "On change: nothing, until it is to serve another model.",
        examples=["beside", {"type": "beside", "keep_old": "7d"}],
    )

    @property
    def fixed(self) -> frozenset[str]:
        """The model, where the manifest says that the deployment is to be deleted and made anew for another one."""
        recreates = word_of(getattr(self, "strategy", None)) == "recreate"
        return (
            frozenset({"model.name", "model.version", "model.format", "model.source"}) if recreates else self.immutable
        )

    on_missing: Literal["review", "recreate"] = Field(
        default="review",
        description="What is done when it has vanished: `review`: made anew by an apply whose plan was read; `recreate`: "
        "by any apply, never by `apply --continue`. On change: nothing, until it has vanished.",
        examples=["recreate"],
    )
    expires_after: Duration | None = Field(
        default=None,
        description="For how long after the end of its job it is declared, as a number and s, m, h or d; then it is left "
        "over. On change: nothing at Azure; the next plan counts by it, from the end of the job.",
        examples=["8h"],
    )
    protect: bool | None = Field(
        default=None,
        description="`true`: tagged so that nothing deletes it, even when its manifest is gone; `false`: the tag is taken "
        "off; absent: the tag stays as it is. On change: the tag is set or taken off in place.",
        examples=[True],
    )
    readiness: bool = Field(
        default=False,
        description="Whether a deployment of a new model is done only when it has answered a chat completion (a few "
        "tokens). On change: nothing, until it serves another model.",
        examples=[True],
    )

    gates: tuple[Gate, ...] = Field(
        default=(),
        description="What must hold before a new model serves; if one fails, what serves goes on serving (docs/gates.md). "
        "On change: nothing, until it is to serve another model.",
        examples=[[{"metric": "full_valid_loss", "at_most": "serving"}]],
    )

    @field_validator("extra_properties")
    @classmethod
    def _only_extra(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        wrong = why_not(value or {})
        if wrong:
            raise ValueError(wrong)
        return value

    @field_validator("tags")
    @classmethod
    def _of_others(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for name, text in (value or {}).items():
            if name.lower().startswith(RESERVED):
                raise ValueError(f"may not set {name}: tags that begin with {RESERVED} say whose a deployment is")
            if not name or len(name) > LONGEST_TAG_NAME or any(letter in "<>%&\\?/" for letter in name):
                raise ValueError(
                    f"has the tag {name}: a name has 1 to {LONGEST_TAG_NAME} characters, none of < > % & \\ ? /"
                )
            if len(text) > LONGEST_TAG_VALUE:
                raise ValueError(f"has more than {LONGEST_TAG_VALUE} characters in the tag {name}")
        return value

    def comparable(self) -> dict[str, Any]:
        """Return the managed fields, words that ARM re-cases in one spelling."""
        model: Any = self.model
        if isinstance(model, NamedModel):
            model = model.comparable()
        sku = getattr(self, "sku", None)
        values = {
            "model": model,
            "sku": sku.comparable() if sku else None,
            "rai_policy_name": self.rai_policy_name,
            "version_upgrade_option": _spelled(self.version_upgrade_option),
            "tags": dict(tags) if (tags := getattr(self, "tags", None)) else None,
            "extra_properties": comparable(extra) if (extra := getattr(self, "extra_properties", None)) else None,
        }
        return {key: value for key, value in values.items() if value is not None}


def _spelled(value: str | None) -> str | None:
    known = (word for word in get_args(UpgradeOption) if value and word.lower() == value.lower())
    return next(known, value)
