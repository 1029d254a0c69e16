"""One training with everything that is known of it, and what a person would do next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from reconciler.results.checkpoints import Checkpoint, Choice, choose, deployable, with_metrics
from reconciler.results.curve import Curve
from reconciler.results.diagnosis import Diagnosis, diagnose, method_of
from reconciler.results.metrics import METRICS
from reconciler.results.table import Table

Source = Literal["file", "events", "none"]

ORDER = (
    "full_valid_loss",
    "valid_loss",
    "train_loss",
    "full_valid_mean_reward",
    "valid_mean_reward",
    "train_mean_reward",
    "full_valid_mean_token_accuracy",
    "valid_mean_token_accuracy",
    "train_mean_token_accuracy",
)
"""In which order metrics are told: what was measured on unseen examples first."""
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*", re.ASCII)


@dataclass(frozen=True)
class Run:
    """One training.

    `validated`: the job has a validation file. `address` is what a person calls it; `manifest` the name of the FineTuneJob that declares it, "" if none does.
    `deployments` are the declared ones that refer to the manifest, `serving` those at Azure that serve the model now,
    `serving_steps` those that serve a checkpoint of it, with its step.
    """

    address: str
    job_id: str
    status: str
    manifest: str = ""
    account: str = ""
    reason: str = ""
    base: str = ""
    model: str = ""
    declared_method: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    created_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None
    seen_at: float = 0.0
    ended: bool = True
    validated: bool = False
    tokens: int | None = None
    table: Table = field(default_factory=Table)
    source: Source = "none"
    result_file: str = ""
    notes: tuple[str, ...] = ()
    listed_checkpoints: tuple[Checkpoint, ...] = ()
    deployments: tuple[str, ...] = ()
    serving: tuple[str, ...] = ()
    serving_steps: Mapping[str, int] = field(default_factory=dict)
    again: str = ""
    """How to train it again, and on a line of its own what to write; "" if no manifest declares it."""

    @cached_property
    def method(self) -> str:
        """How it was trained."""
        return method_of(self.table, self.declared_method)

    @property
    def epochs(self) -> float | None:
        """How many epochs it makes, if Azure says."""
        value = self.settings.get("n_epochs")
        return float(value) if isinstance(value, int | float) and value > 0 else None

    @property
    def duration(self) -> float | None:
        """Seconds from the start (or the creation, if that is all that is known) to the end, or until now."""
        begin = self.started_at or self.created_at
        end = self.finished_at if self.ended else self.seen_at
        return max(0.0, end - begin) if begin and end else None

    @property
    def queued(self) -> float | None:
        """Seconds from the creation to the start."""
        return max(0.0, self.started_at - self.created_at) if self.started_at and self.created_at else None

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What the curves say."""
        return diagnose(self.table, method=self.method, epochs=self.epochs, ended=self.ended, validated=self.validated)

    @cached_property
    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Its checkpoints by step, with what the result file says of their steps."""
        more = self.table.curves.items()
        return tuple(
            with_metrics(item, {name: value for name, curve in more if (value := curve.at(item.step)) is not None})
            for item in sorted(self.listed_checkpoints, key=lambda item: item.step)
        )

    @cached_property
    def kept(self) -> tuple[Checkpoint, ...]:
        """Those of its checkpoints that Azure deploys."""
        return deployable(self.checkpoints)

    @cached_property
    def choice(self) -> Choice | None:
        """The best of all its checkpoints."""
        return choose(self.checkpoints, self.method)

    @cached_property
    def pick(self) -> Choice | None:
        """The best of those that can be deployed."""
        return choose(self.kept, self.method)

    @property
    def picks_final(self) -> bool:
        """Whether that is the final model."""
        return self.pick is None or self.pick.checkpoint.step == max(item.step for item in self.checkpoints)

    def curves(self) -> tuple[Curve, ...]:
        """Its curves: those of known metrics first, in the order in which they are told."""
        known = [name for name in ORDER if name in self.table.curves]
        known += [name for name in self.table.curves if name in METRICS and name not in known]
        other = [name for name in self.table.curves if name not in known]
        return tuple(self.table.curves[name] for name in (*known, *other))


@dataclass(frozen=True, slots=True)
class NextStep:
    """What to do now: a sentence, and the lines to write or the command to run ("" for neither)."""

    text: str
    lines: str = ""
    language: Literal["yaml", "console"] = "yaml"


def next_step(run: Run) -> NextStep:
    """Return what a person would do next with a training."""
    if not run.ended:
        return NextStep("It still trains. To follow it:", f"reconciler logs {run.address} --follow", "console")
    if run.status != "succeeded":
        said = f" Azure says: {run.reason}" if run.reason else ""
        again, _, line = run.again.partition("\n")
        return NextStep(f"It ended as {run.status}, without a model.{said} {again}".rstrip(), line.strip())
    if run.diagnosis.verdict == "diverged":
        return NextStep("Do not deploy this model before you have tried it: its training diverged.")
    if not run.manifest:
        return _of_history(run)
    model = f"{{job: {_scalar(run.manifest)}}}"
    if not run.picks_final and run.pick is not None:
        return _of_checkpoint(run, run.pick.checkpoint.step)
    if run.serving:
        return NextStep(f"{_named(run.serving)} it. Nothing to do.")
    if run.serving_steps:
        (where, step), *_ = run.serving_steps.items()
        return NextStep(
            f"{where} serves the checkpoint of step {step}. To serve the final model, write in it:", f"model: {model}"
        )
    if run.deployments:
        return NextStep(f"{' and '.join(run.deployments)} will serve it. To deploy:", "reconciler apply", "console")
    return NextStep("No deployment serves it. To have one, add:", _deployment(run.manifest, model))


def _of_checkpoint(run: Run, step: int) -> NextStep:
    """Return what to do where a checkpoint is better than the final model."""
    there = tuple(where for where, served in run.serving_steps.items() if served == step)
    if there:
        return NextStep(
            f"The checkpoint of step {step} is better than the final model, and {_named(there)} it. Nothing to do."
        )
    model = f"{{job: {_scalar(run.manifest)}, checkpoint: {{step: {step}}}}}"
    better = "A checkpoint is better than the final model. To serve it,"
    if run.deployments:
        return NextStep(f"{better} write in {' and '.join(run.deployments)}:", f"model: {model}")
    return NextStep(f"{better} add:", _deployment(run.manifest, model))


def _named(deployments: Sequence[str]) -> str:
    return f"{' and '.join(deployments)} {'serve' if len(deployments) > 1 else 'serves'}"


def _of_history(run: Run) -> NextStep:
    if run.serving:
        return NextStep(f"No manifest matches it any more; {' and '.join(run.serving)} still serves it.")
    if not run.model:
        return NextStep("No manifest matches it any more.")
    text = "No manifest matches it any more. To serve it all the same, write in a Deployment:"
    return NextStep(text, f"model: {{name: {_scalar(run.model)}}}")


def _deployment(name: str, model: str) -> str:
    return (
        "apiVersion: reconciler/v1\n"
        "kind: Deployment\n"
        f"metadata: {{name: {_scalar(name)}}}\n"
        "spec:\n"
        f"  model: {model}\n"
        "  sku: {name: DeveloperTier, capacity: 50}  # for trying out: Azure deletes it after 24 hours"
    )


def _scalar(text: str) -> str:
    """Return a text as a YAML scalar inside `{}`."""
    return text if _PLAIN_NAME.fullmatch(text) and text.lower() not in {"true", "false", "null"} else json.dumps(text)


_STARTED = ("job started", "training started", "finetuning started")


def started_at(events: Iterable[Mapping[str, Any]]) -> float | None:
    """Return when a job began to run, as its events tell it (docs/azure.md, section 18)."""
    found = [
        float(event.get("created_at") or 0)
        for event in events
        if str(event.get("message") or "").strip().lower().startswith(_STARTED)
    ]
    return min((moment for moment in found if moment > 0), default=None)


def best_values(run: Run) -> Sequence[tuple[Curve, str]]:
    """Return the curves that have a good end, with the end: what a summary tells."""
    return [(curve, METRICS[curve.name].better) for curve in run.curves() if curve.name in METRICS]
