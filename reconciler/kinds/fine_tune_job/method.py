"""How a model is trained: three methods, each with its own settings, in our flat shape or OpenAI's nested one.

```
method: {type: dpo, hyperparameters: {beta: 0.1}}
method: {type: dpo, dpo: {hyperparameters: {beta: 0.1}}}     the same job, with the same digest
```

Fields and defaults: docs/azure.md, sections 4 and 17. What is certainly impossible (no epochs, a negative rate) is an
error; OpenAI's own bounds, which Azure does not document, are only warned about (`BOUNDS`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from reconciler.core.resource import Block, Whole
from reconciler.kinds.fine_tune_job.graders import GRADER_ADVICE, AnyGrader, FromFile, ResponseFormat, one_of_both

METHODS = ("supervised", "dpo", "reinforcement")
METHOD_FORMATS: Mapping[str, str] = {
    "supervised": "chat",
    "dpo": "preference",
    "reinforcement": "reinforcement",
}
"""The format of examples that each method trains on (docs/azure.md, section 17)."""
BOUNDS: Mapping[str, tuple[float, float]] = {
    "n_epochs": (1, 50),
    "batch_size": (1, 256),
    "prompt_loss_weight": (0, 1),
    "beta": (0, 2),
    "compute_multiplier": (0.00001, 10),
}
"""Lowest and highest values that OpenAI documents (prompt_loss_weight: Microsoft); Azure may take others."""

Auto = Literal["auto"]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Count = Annotated[Whole, Field(ge=1)]


def _others(*names: str, of: str) -> dict[str, str]:
    """Return what to say of hyperparameters that belong to another method."""
    return {name: f"`{name}` belongs to `type: {of}`." for name in names}


_SUPERVISED = _others("prompt_loss_weight", of="supervised")
_DPO = _others("beta", "l2_multiplier", of="dpo")
_REINFORCEMENT = _others("compute_multiplier", "reasoning_effort", "eval_interval", "eval_samples", of="reinforcement")


class Hyperparameters(Block):
    """Settings of the training; what is not set (or `auto`) is chosen by Azure and never compared."""

    n_epochs: Count | Auto | None = Field(
        default=None,
        description="Passes over the data, a whole number; `auto` or absent: Azure chooses. The cost grows with it.",
        examples=[3],
    )
    batch_size: Count | Auto | None = Field(
        default=None,
        description="Examples in one step of the training, a whole number; `auto` or absent: Azure chooses.",
        examples=[8],
    )
    learning_rate_multiplier: Positive | Auto | None = Field(
        default=None,
        description="Scales the learning rate that was used for the base model; 0.02 to 0.2 is recommended to try. `auto` "
        "or absent: Azure chooses.",
        examples=[0.1],
    )

    def chosen(self) -> dict[str, Any]:
        """Return the settings that are really set."""
        values = {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}
        return {name: value for name, value in values.items() if value not in (None, "auto", "default")}


class SupervisedHyperparameters(Hyperparameters):
    """Settings of supervised training."""

    advice: ClassVar[Mapping[str, str]] = _DPO | _REINFORCEMENT

    prompt_loss_weight: NotNegative | Auto | None = Field(
        default=None,
        description="Weight of the prompt's tokens in the loss, from 0 (only the answer counts) to 1.",
        examples=[0.01],
    )


class DpoHyperparameters(Hyperparameters):
    """Settings of direct preference optimisation."""

    advice: ClassVar[Mapping[str, str]] = _SUPERVISED | _REINFORCEMENT

    beta: Positive | Auto | None = Field(
        default=None,
        description="How close the model stays to its base: higher is closer; above 0, to 2. `auto` or absent: Azure "
        "chooses.",
        examples=[0.1],
    )
    l2_multiplier: NotNegative | Auto | None = Field(
        default=None,
        description="Scales the L2 regularisation, 0 or more. `auto` or absent: Azure chooses.",
        examples=[0.1],
    )


class ReinforcementHyperparameters(Hyperparameters):
    """Settings of reinforcement training."""

    advice: ClassVar[Mapping[str, str]] = _SUPERVISED | _DPO

    compute_multiplier: Positive | Auto | None = Field(
        default=None,
        description="Scales how much is tried out in training, 0.00001 to 10; time and cost grow with it. `auto` or "
        "absent: Azure chooses.",
        examples=[1.0],
    )
    reasoning_effort: Literal["low", "medium", "high", "default", "auto"] | None = Field(
        default=None,
        description="How much the model reasons in training; `default`, `auto` or absent leave it to Azure.",
        examples=["medium"],
    )
    eval_interval: Count | Auto | None = Field(
        default=None,
        description="Steps of the training between two evaluations, a whole number. `auto` or absent: Azure chooses.",
        examples=[5],
    )
    eval_samples: Count | Auto | None = Field(
        default=None,
        description="Samples of each evaluation, a whole number. `auto` or absent: Azure chooses.",
        examples=[10],
    )


class EchoedHyperparameters(SupervisedHyperparameters, DpoHyperparameters, ReinforcementHyperparameters):
    """Whatever a service says of a job's settings; never declared."""


class Method(Block):
    """A method, as it was read from a service or declared."""

    type: str
    hyperparameters: Hyperparameters = Field(default_factory=Hyperparameters)

    def grading(self) -> Any:
        """Return the grader, if there is one."""
        return getattr(self, "grader", None)

    def answers(self) -> Any:
        """Return the format that answers must have, if there is one."""
        return getattr(self, "response_format", None)


def _with_nested(name: str, example: Mapping[str, Any]) -> ConfigDict:
    """Return a configuration by which editors know OpenAI's nested shape too, which is read before the model sees it."""

    def add(schema: dict[str, Any]) -> None:
        schema["properties"][name] = {
            "description": "OpenAI's nested shape: the settings of this method, in the place of those beside it.",
            "type": "object",
            "examples": [{"hyperparameters": example}],
        }

    return ConfigDict(frozen=True, extra="forbid", json_schema_extra=add)


def _nested(*types: str) -> dict[str, str]:
    return {name: f"`{name}: {{…}}` goes with `type: {name}`, which is not the type here." for name in types}


_GRADED = {name: f"`{name}` belongs to `type: reinforcement`." for name in ("grader", "response_format")}


class Supervised(Method):
    """Learn to answer as the examples do."""

    model_config = _with_nested("supervised", {"n_epochs": 3})
    advice: ClassVar[Mapping[str, str]] = _nested("dpo", "reinforcement") | _GRADED

    type: Literal["supervised"] = Field(
        default="supervised", description="Learn to answer as the examples do; the data is in chat format."
    )
    hyperparameters: SupervisedHyperparameters = Field(
        default_factory=SupervisedHyperparameters,
        description="Settings of the training; what is absent or `auto` is chosen by Azure and never compared.",
        examples=[{"n_epochs": 3, "learning_rate_multiplier": 0.1}],
    )


class Dpo(Method):
    """Learn to prefer one answer to another (direct preference optimisation)."""

    model_config = _with_nested("dpo", {"beta": 0.1})
    advice: ClassVar[Mapping[str, str]] = _nested("supervised", "reinforcement") | _GRADED

    type: Literal["dpo"] = Field(description="Learn to prefer one answer to another; the data is in preference format.")
    hyperparameters: DpoHyperparameters = Field(
        default_factory=DpoHyperparameters,
        description="Settings of the training; what is absent or `auto` is chosen by Azure and never compared.",
        examples=[{"n_epochs": 2, "beta": 0.1}],
    )


class Reinforcement(Method):
    """Learn from the scores that a grader gives to the model's own answers; for reasoning models."""

    model_config = _with_nested("reinforcement", {"eval_interval": 5})
    advice: ClassVar[Mapping[str, str]] = _nested("supervised", "dpo") | GRADER_ADVICE

    type: Literal["reinforcement"] = Field(
        description="Learn from a grader's scores; the data is in reinforcement format."
    )
    hyperparameters: ReinforcementHyperparameters = Field(
        default_factory=ReinforcementHyperparameters,
        description="Settings of the training; what is absent or `auto` is chosen by Azure and never compared.",
        examples=[{"reasoning_effort": "medium", "eval_interval": 5}],
    )
    grader: Annotated[AnyGrader | FromFile | None, BeforeValidator(one_of_both)] = Field(
        default=None,
        description="What scores the answers: a grader, or {path: FILE} of a YAML or JSON file with one. Required, unless "
        "`extra_body` holds one.",
        examples=[
            {
                "type": "string_check",
                "input": "{{ sample.output_text }}",
                "reference": "{{ item.answer }}",
                "operation": "eq",
            },
            {"path": "graders/answer.yaml"},
        ],
    )
    response_format: Annotated[ResponseFormat | FromFile | None, BeforeValidator(one_of_both)] = Field(
        default=None,
        description="The JSON Schema that answers must follow, or {path: FILE} of one; absent: plain text.",
        examples=[{"path": "graders/answer.schema.json"}],
    )


def _flat(value: Any) -> Any:
    """Take OpenAI's nested shape for ours, and supervised for the method if none is said."""
    if not isinstance(value, Mapping):
        return value
    kind = value.get("type", "supervised")
    nested = value.get(kind) if kind in METHODS else None
    if not isinstance(nested, Mapping):
        return {"type": "supervised", **value}
    plain = {key: item for key, item in value.items() if key != kind}
    twice = [f"`{key}`" for key in ("hyperparameters", "grader", "response_format") if key in plain]
    if twice:
        raise ValueError(f"has {' and '.join(twice)} beside `{kind}: {{…}}`: say the settings in one place")
    return {"type": kind, **plain, **nested}


AnyMethod = Annotated[Supervised | Dpo | Reinforcement, Field(discriminator="type"), BeforeValidator(_flat)]
