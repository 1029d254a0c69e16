"""What a gate of a Deployment manifest can say."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from reconciler.core.duration import Duration, seconds_of
from reconciler.core.resource import Block
from reconciler.results.gauge import OVERFIT_RATIO
from reconciler.results.metrics import named

TRIAL_SKU = "DeveloperTier"
"""Where a candidate runs: without a hosting fee (docs/azure.md, section 20)."""
Bound = Annotated[float, Field(allow_inf_nan=False)] | Literal["serving"]


class MetricGate(Block):
    """A number of the training that must be good enough before its model serves."""

    metric: str = Field(
        description="What is compared: a loss, accuracy or reward of the training, or `overfit_ratio`.",
        examples=["full_valid_loss"],
    )
    at_most: Bound | None = Field(
        default=None,
        description="The most that it may be: a number, or `serving` for the value of the model that serves. This or "
        "`at_least`.",
        examples=["serving"],
    )
    at_least: Bound | None = Field(
        default=None,
        description="The least that it must be: a number, or `serving` for the value of the model that serves. This or "
        "`at_most`.",
        examples=[0.8],
    )
    of: Literal["final", "best"] = Field(
        default="final",
        description="`final`: of the model that is to serve; `best`: the best value that the training reached.",
        examples=["best"],
    )

    @field_validator("metric")
    @classmethod
    def _known(cls, value: str) -> str:
        return named(value, OVERFIT_RATIO)

    @model_validator(mode="after")
    def _one_bound(self) -> MetricGate:
        if (self.at_most is None) is (self.at_least is None):
            raise ValueError("needs exactly one of `at_most` and `at_least`")
        return self

    @property
    def bound(self) -> float | Literal["serving"]:
        """What it is compared with."""
        found = self.at_most if self.at_most is not None else self.at_least
        assert found is not None
        return found

    def holds(self, value: float, bound: float) -> bool:
        """Return whether a value passes."""
        return value <= bound if self.at_most is not None else value >= bound

    def __str__(self) -> str:
        """Return the gate in words."""
        word = "at most" if self.at_most is not None else "at least"
        bound = "that of the model that serves" if self.bound == "serving" else f"{self.bound:g}"
        return f"{'best ' if self.of == 'best' else ''}{self.metric} {word} {bound}"


class CommandGate(Block):
    """A program of the repository that must end with 0 before a model serves; it may ask a candidate of the model."""

    command: tuple[str, ...] = Field(
        min_length=1,
        description="Program and arguments; the program is an executable file of the repository, relative to the "
        "manifest. No shell. It is run only with `--allow-commands`.",
        examples=[["eval/check.py", "--at-least", "0.8"]],
    )
    timeout: Duration = Field(
        default="10m",
        description="For how long it may run, as a number and s, m, h or d; then it is ended, and has failed.",
        examples=["30m"],
    )
    _root: str = PrivateAttr(default="")

    def found(self, program: str, root: str) -> CommandGate:
        """Return the gate with its program as a path from the root of the repository, and where that is."""
        made = self.model_copy(update={"command": (program, *self.command[1:])})
        made._root = root  # noqa: SLF001  (its own class)
        return made

    @property
    def root(self) -> str:
        """The repository, an absolute path; known once the program was found."""
        return self._root

    @property
    def seconds(self) -> float:
        """For how long it may run."""
        return seconds_of(self.timeout)

    def __str__(self) -> str:
        """Return the command as a person would type it."""
        return shlex.join(self.command)


Gate = MetricGate | CommandGate
