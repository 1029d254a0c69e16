"""What a FineTuneJob manifest can say, and what of it decides the weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from reconciler.core.digest import TEXT_CHARS, number
from reconciler.core.resource import Block, LocalPath, Ref, Spec, Unknown, Whole

TRAINING_TYPES: Mapping[str, str] = {
    "standard": "Standard",
    "global": "globalStandard",
    "developer": "developerTier",
    "data_zone": "dataZoneStandard",
}
"""Declared training type to the value on the wire, exactly as recorded (docs/azure.md, section 6).

The value for data zone training is not known; this one is a guess in the style of the others.
"""
_TRAINING_ALIASES = {
    "globalstandard": "global",
    "developertier": "developer",
    "datazone": "data_zone",
    "datazonestandard": "data_zone",
}
FIRST_CLASS = frozenset(
    {"model", "training_file", "validation_file", "hyperparameters", "method", "seed", "suffix", "trainingType"}
)
"""Fields of the create body that `extra_body` may not set."""

Number = Annotated[float, Field(gt=0)]
Auto = Literal["auto"]


class JobRef(Block):
    """The model that another job makes."""

    job: Annotated[str, Ref("FineTuneJob")] = Field(description="Name of the FineTuneJob.")
    checkpoint: Literal["final"] = Field(default="final", description="Which of its models.")


class DatasetRef(Block):
    """A dataset of these manifests."""

    dataset: Annotated[str, Ref("Dataset")] = Field(description="Name of the Dataset.")


class FileId(Block):
    """A file that is in the account already."""

    file_id: str = Field(description="Id of the uploaded file.", min_length=1, examples=["file-…"])


FileField = Annotated[str, LocalPath()] | DatasetRef | FileId


class Hyperparameters(Block):
    """Settings of the training; what is not set (or `auto`) is chosen by Azure and never compared.

    Bounds are OpenAI's own (docs/azure.md, section 4).
    """

    n_epochs: Annotated[Whole, Field(ge=1, le=50)] | Auto | None = Field(
        default=None, description="Passes over the data."
    )
    batch_size: Annotated[Whole, Field(ge=1, le=256)] | Auto | None = Field(
        default=None, description="Examples a step."
    )
    learning_rate_multiplier: Number | Auto | None = Field(
        default=None, description="Scales the learning rate; 0.02 to 0.2 is recommended to try."
    )
    prompt_loss_weight: Annotated[float, Field(ge=0, le=1)] | Auto | None = Field(
        default=None, description="Weight of the prompt's tokens in the loss."
    )

    def chosen(self) -> dict[str, int | float]:
        """Return the settings that are really set."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {name: value for name, value in values.items() if value is not None and value != "auto"}


class Method(Block):
    """How the model is trained."""

    advice: ClassVar[Mapping[str, str]] = {
        f"type: {method}": f"`{method}` is not supported yet." for method in ("dpo", "reinforcement")
    }

    type: Literal["supervised"] = Field(default="supervised", description="The training method.")
    hyperparameters: Hyperparameters = Field(default_factory=Hyperparameters, description="Settings of the training.")

    @model_validator(mode="before")
    @classmethod
    def _flatten(cls, value: Any) -> Any:
        """Accept OpenAI's nested shape too: {type: supervised, supervised: {hyperparameters: …}}."""
        if isinstance(value, Mapping):
            kind = value.get("type", "supervised")
            nested = value.get(kind) if isinstance(kind, str) else None
            if isinstance(nested, Mapping) and "hyperparameters" not in value:
                return {**{key: item for key, item in value.items() if key != kind}, **nested}
        return value


class FineTuneJobSpec(Spec):
    """A fine-tuning job."""

    model: str | JobRef = Field(
        description="Base model, a fine-tuned model, or {job: NAME} for the model of another job.",
        examples=["gpt-4.1-mini-2025-04-14", {"job": "support-tone"}],
    )
    training_file: FileField = Field(description="A path, {dataset: NAME} or {file_id: …}.")
    validation_file: FileField | None = Field(default=None, description="A path, {dataset: NAME} or {file_id: …}.")
    method: Method = Field(default_factory=Method, description="How the model is trained.")
    seed: Annotated[Whole, Field(ge=0, le=2147483647)] | None = Field(
        default=None, description="Same seed and settings should give the same result; Azure makes one if absent."
    )
    suffix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=TEXT_CHARS)] | None = Field(
        default=None,
        description=f"Text in the model's name, at most {TEXT_CHARS} characters; the manifest's name if absent.",
    )
    training_type: str = Field(
        default="standard",
        description="Where and how it is trained: standard, data_zone, global or developer.",
        json_schema_extra={
            "enum": ["standard", "data_zone", "global", "developer", "Standard", "globalStandard", "developerTier"]
        },
    )
    attempt: Annotated[Whole, Field(ge=1)] = Field(default=1, description="Raise it to train again what failed.")
    extra_body: dict[str, Any] | None = Field(
        default=None, description="Further fields of the create call; part of the job's identity."
    )

    @field_validator("training_type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        known = training_type(value)
        if known not in TRAINING_TYPES:
            raise ValueError(f"is not one of {', '.join(TRAINING_TYPES)}")
        return known

    @field_validator("extra_body")
    @classmethod
    def _only_extra(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        taken = sorted(FIRST_CLASS & set(value or {}))
        if taken:
            raise ValueError(f"may not set {', '.join(taken)}: these are fields of the spec")
        return value

    def comparable(self) -> dict[str, Any]:
        """Return what can be compared with what the service echoes."""
        values: dict[str, Any] = {}
        model: Any = self.model
        if isinstance(model, (str, Unknown)):
            values["model"] = model.lower() if isinstance(model, str) else model
        # A service may leave the method out; what it says is compared.
        method: str = self.method.type
        values["method"] = method or None
        settings = self.method.hyperparameters.chosen()
        if settings:
            values["hyperparameters"] = {key: float(value) for key, value in settings.items()}
        if self.seed is not None:
            values["seed"] = self.seed
        values["training_type"] = training_type(self.training_type) if self.training_type else None
        if self.extra_body:
            values["extra_body"] = self.extra_body
        return {key: value for key, value in values.items() if value is not None}


def training_type(value: str) -> str:
    """Return the one spelling of a training type, declared or echoed in any case (docs/azure.md, section 6)."""
    folded = re.sub(r"[^a-z]", "", value.lower())
    return _TRAINING_ALIASES.get(folded, "data_zone" if folded == "datazone" else folded)


def decides_weights(spec: FineTuneJobSpec, base: Any, training: str, validation: str | None) -> dict[str, Any]:
    """Return the canonical input of the spec digest, rule 1: what decides the weights and nothing else.

    base is the model as written, or the parent's digest with the selector as written; training and validation are
    content digests (or `file_id:…`). A field enters only when it is set, so a newer release trains nothing anew.
    """
    fields: dict[str, Any] = {
        "base": base,
        "training_file": training,
        "method": spec.method.type,
        "training_type": training_type(spec.training_type),
    }
    settings = spec.method.hyperparameters.chosen()
    if settings:
        fields["hyperparameters"] = {key: number(value) for key, value in settings.items()}
    if validation is not None:
        fields["validation_file"] = validation
    if spec.seed is not None:
        fields["seed"] = spec.seed
    if spec.attempt != 1:
        fields["attempt"] = spec.attempt
    if spec.extra_body:
        fields["extra_body"] = spec.extra_body
    return fields
