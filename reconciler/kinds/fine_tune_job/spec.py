"""What a FineTuneJob manifest can say, and what of it decides the weights."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import ConfigDict, Field, StringConstraints, field_validator, model_validator

from reconciler.core.digest import TEXT_CHARS, number
from reconciler.core.resource import Block, LocalPath, Ref, Spec, Unknown, Whole
from reconciler.kinds.fine_tune_job.graders import format_gist, gist, identity
from reconciler.kinds.fine_tune_job.method import AnyMethod, Hyperparameters, Method, Supervised

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
    {
        "model",
        "training_file",
        "validation_file",
        "hyperparameters",
        "method",
        "seed",
        "suffix",
        "trainingType",
        "integrations",
    }
)
"""Fields of the create body that `extra_body` may not set."""

_FIRST_CLASS_OF_METHOD = frozenset({"hyperparameters", "response_format"})
"""The same, below `method.TYPE`; a `grader` may stand there if it is of type endpoint."""

__all__ = [
    "FIRST_CLASS", "TRAINING_TYPES", "DatasetRef", "FileId", "FineTuneJobSpec", "Hyperparameters", "Integration", "JobRef",
    "Method", "Step", "decides_weights", "training_type",
]  # fmt: skip


class Step(Block):
    """A checkpoint by the step at which the training left it."""

    advice: ClassVar[Mapping[str, str]] = {
        "best": "A training builds on `final` or on `{step: N}`; only a Deployment may take the `best`.",
    }

    step: Annotated[Whole, Field(ge=1)] = Field(
        description="Step of the training at which the checkpoint was left, as `report` shows it.", examples=[20]
    )


class JobRef(Block):
    """The model that another job makes."""

    job: Annotated[str, Ref("FineTuneJob")] = Field(
        description="Name of the FineTuneJob whose model is trained on.", examples=["support-tone"]
    )
    checkpoint: Literal["final"] | Step = Field(
        default="final",
        description="Which of its models: `final`, or {step: N} for the checkpoint at a step.",
        examples=[{"step": 20}],
    )

    @property
    def selector(self) -> str | dict[str, int]:
        """The checkpoint as written, as it enters the digest."""
        return self.checkpoint if isinstance(self.checkpoint, str) else {"step": self.checkpoint.step}


class Wandb(Block):
    """Where Weights & Biases keeps the run."""

    project: str = Field(min_length=1, description="The project at W&B.", examples=["support"])
    name: str | None = Field(default=None, description="Name of the run; absent: the job's id.", examples=["tone"])
    entity: str | None = Field(
        default=None, description="Team or user; absent: the default of the account's key.", examples=["acme"]
    )
    tags: list[str] | None = Field(default=None, description="Tags of the run.", examples=[["tone"]])


class Integration(Block):
    """Where else a training reports to."""

    type: Literal["wandb"] = Field(description="Where it reports to; Azure knows Weights & Biases.")
    wandb: Wandb = Field(description="Project and names of the run there.", examples=[{"project": "support"}])


_BARE = "A path stands without a mapping around it:\n  training_file: data/train.jsonl"
_OWN = (
    "Data of that sort is a Dataset, with a `source` of its own, and is named here:\n  training_file: {dataset: NAME}"
)


class DatasetRef(Block):
    """A dataset of these manifests."""

    advice: ClassVar[Mapping[str, str]] = {"path": _BARE, "file": _BARE, "url": _OWN, "source": _OWN}

    dataset: Annotated[str, Ref("Dataset")] = Field(description="Name of the Dataset.", examples=["support-train"])


class FileId(Block):
    """A file that is in the account already."""

    file_id: str = Field(
        description="Id of the uploaded file; it is never deleted by us. On change: trains anew.",
        min_length=1,
        examples=["file-0123456789abcdef0123456789abcdef"],
    )


FileField = Annotated[str, LocalPath()] | DatasetRef | FileId


class FineTuneJobSpec(Spec):
    """A fine-tuning job: trained once for what decides its weights, and found again ever after."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": "gpt-4.1-mini-2025-04-14",
                    "training_file": "data/support.train.jsonl",
                    "validation_file": "data/support.valid.jsonl",
                    "method": {"type": "supervised", "hyperparameters": {"n_epochs": 3}},
                    "training_type": "global",
                    "seed": 42,
                }
            ]
        }
    )

    model: str | JobRef = Field(
        description="A base model, a fine-tuned model by its name, or {job: NAME} for the model of another job, with "
        "`checkpoint: {step: N}` for one of its checkpoints. Another spelling of a base is the "
        "same base. On change: trains anew.",
        examples=["gpt-4.1-mini-2025-04-14", {"job": "support-tone"}],
    )
    training_file: FileField = Field(
        description="What it learns from: a path of a JSONL file, {dataset: NAME} or {file_id: ID}. On change: trains "
        "anew, if the content is another one.",
        examples=["data/support.train.jsonl", {"dataset": "support-train"}],
    )
    validation_file: FileField | None = Field(
        default=None,
        description="What it is measured with while it trains: a path, {dataset: NAME} or {file_id: ID}; required for "
        "reinforcement. On change: trains anew, if the content is another one.",
        examples=["data/support.valid.jsonl"],
    )
    method: AnyMethod = Field(
        default_factory=Supervised,
        description="How it is trained, with which hyperparameters and grader (docs/methods.md); absent: supervised. On "
        "change: trains anew.",
        examples=[{"type": "supervised", "hyperparameters": {"n_epochs": 3}}],
    )
    seed: Annotated[Whole, Field(ge=0, le=2147483647)] | None = Field(
        default=None,
        description="The same seed and settings should give the same result, 0 to 2147483647; absent: Azure makes one, "
        "and it is never compared. On change: trains anew.",
        examples=[42],
    )
    suffix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+$", max_length=TEXT_CHARS)] | None = Field(
        default=None,
        description="Text in the model's name, at most 18 letters, digits, `_` and `-`; absent: the manifest's name. On "
        "change: nothing, until the job is trained anew for another reason.",
        examples=["support-tone"],
    )
    training_type: str = Field(
        default="standard",
        description="Where it is trained, and at what price: `standard` (in the region of the account), `data_zone` (its "
        "value at Azure is a guess), `global` (data may leave the region) or `developer` (global, cheaper, "
        "may be paused by Azure). On change: trains anew.",
        json_schema_extra={
            "enum": ["standard", "data_zone", "global", "developer", "Standard", "globalStandard", "developerTier"]
        },
        examples=["global"],
    )
    attempt: Annotated[Whole, Field(ge=1)] = Field(
        default=1,
        description="Counts the trainings that a person asked for; raise it by one to train again what failed or was "
        "cancelled. On change: trains anew.",
        examples=[2],
    )
    retry: Annotated[Whole, Field(ge=0, le=2)] = Field(
        default=0,
        description="How often, 0 to 2 times, it is trained again by itself after a failure of Azure's own; what was "
        "billed until then is billed. On change: nothing at Azure; counts at the next failure.",
        examples=[1],
    )
    suspend: bool | None = Field(
        default=None,
        description="`true`: paused, or not started; `false`: resumed; absent: goes on (docs/lifecycle.md). On change: "
        "paused or resumed in place.",
        examples=[True],
    )
    integrations: list[Integration] | None = Field(
        default=None,
        description="Where else the training reports to. On change: nothing, until the job is trained anew for another "
        "reason.",
        examples=[[{"type": "wandb", "wandb": {"project": "support"}}]],
    )
    extra_body: dict[str, Any] | None = Field(
        default=None,
        description="Further fields of the create call, sent as they are; they may not set the fields above. On change: "
        "trains anew.",
        examples=[{"metadata": {"team": "support"}}],
    )

    @field_validator("training_type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        known = training_type(value)
        if known not in TRAINING_TYPES:
            close = difflib.get_close_matches(known, TRAINING_TYPES, n=1)
            near = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"is not one of {', '.join(TRAINING_TYPES)}{near}")
        return known

    @field_validator("extra_body")
    @classmethod
    def _only_extra(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        taken = sorted((FIRST_CLASS - {"method"}) & set(value or {}))
        if taken:
            raise ValueError(f"may not set {', '.join(taken)}: these are fields of the spec")
        if value and "method" in value:
            _check_method_extra(value["method"])
        return value

    @model_validator(mode="after")
    def _has_what_the_method_needs(self) -> Self:
        kind = self.method.type
        extra = (self.extra_body or {}).get("method", {})
        if extra and set(extra) != {kind}:
            raise ValueError(f"is trained by {kind}, so `extra_body.method` may only hold `{kind}`")
        if kind == "reinforcement":
            extra_grader = extra.get(kind, {}).get("grader")
            if self.method.grading() is None and extra_grader is None:
                raise ValueError("needs `method.grader` for reinforcement: it scores the answers (docs/methods.md)")
            if self.method.grading() is not None and extra_grader is not None:
                raise ValueError("has a grader in `method` and in `extra_body`: keep one")
            if self.validation_file is None:
                raise ValueError("needs `validation_file` for reinforcement: Azure starts no such job without one")
        return self

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
            values["hyperparameters"] = {
                key: value.lower() if isinstance(value, str) else float(value) for key, value in settings.items()
            }
        if self.method.grading() is not None:
            values["grader"] = gist(self.method.grading())
        if self.method.answers() is not None:
            values["response_format"] = format_gist(self.method.answers())
        if self.seed is not None:
            values["seed"] = self.seed
        values["training_type"] = training_type(self.training_type) if self.training_type else None
        if self.extra_body:
            values["extra_body"] = self.extra_body
        return {key: value for key, value in values.items() if value is not None}


def _check_method_extra(method: Any) -> None:
    """Let through of `method` only what has no field of its own: new keys, and graders whose shape is not published."""
    if not isinstance(method, dict) or not all(isinstance(value, dict) for value in method.values()):
        raise ValueError("may hold `method` only as {TYPE: {KEY: …}}, to add what `spec.method` has no field for")
    for kind, value in method.items():
        taken = sorted(_FIRST_CLASS_OF_METHOD & set(value))
        grader = value.get("grader")
        if grader is not None and not (isinstance(grader, dict) and grader.get("type") == "endpoint"):
            taken.append("grader")
        if taken:
            raise ValueError(f"may not set method.{kind}.{taken[0]}: it is a field of `spec.method`")


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
        fields["hyperparameters"] = {
            key: value if isinstance(value, str) else number(value) for key, value in settings.items()
        }
    if spec.method.grading() is not None:
        fields["grader"] = identity(spec.method.grading())
    if spec.method.answers() is not None:
        fields["response_format"] = identity(spec.method.answers())
    if validation is not None:
        fields["validation_file"] = validation
    if spec.seed is not None:
        fields["seed"] = spec.seed
    if spec.attempt != 1:
        fields["attempt"] = spec.attempt
    if spec.extra_body:
        fields["extra_body"] = spec.extra_body
    return fields
