"""The repository of a simulation as a value: what its commits change, and the files that it becomes.

Each job has a seed of its own, so that no two are alike, which a tree may not declare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from zlib import crc32

from harness import ACCOUNT, examples

EXAMPLES = 12
"""Rows of each file, and so the steps of an epoch."""
NEVER = 0.0
"""A loss that no training reaches."""
GATES = (NEVER, 99.0)
CHECKED = "graded-checked"
"""The data that reinforcement is measured on."""
GRADER = (
    '{type: string_check, name: same, input: "{{ sample.output_text }}", reference: "{{ item.answer }}", operation: eq}'
)
FAR = "far"
"""The deployment of the second account, where there is one."""
STRATEGIES = ("in_place", "beside", "recreate")


def seed_of(name: str) -> int:
    """Return the training seed of a job."""
    return crc32(name.encode()) % 1000


@dataclass(frozen=True)
class Job:
    epochs: int = 2
    data: int = 0
    attempt: int = 1
    text: str = ""
    parent: str = ""
    """The job whose model it is trained on."""
    parent_step: int = 0
    """The checkpoint of that job; 0 for its final model."""
    retry: int = 0
    """How often it is trained again by itself after a failure of Azure's own."""
    graded: bool = False
    """Whether it is trained by reinforcement, with a grader, on data of that form."""
    suspend: bool | None = None

    @property
    def file(self) -> str:
        """The name of its data, without an ending."""
        return f"{'graded-' * self.graded}{self.data}"


@dataclass(frozen=True)
class Served:
    job: str
    capacity: int = 50
    adopt: bool = False
    strategy: str = ""
    pin: str = ""
    """The mark of the one training that is served."""
    step: int = 0
    """The checkpoint that is served; 0 for the final model."""
    gate: float | None = None
    """The training loss that a new model must not exceed."""
    ready: bool = False
    """Whether it must answer before it counts as there."""


@dataclass(frozen=True)
class Shape:
    """What a whole tree declares in one way or another."""

    api: str = "v1"
    encoding: str = ""
    """How data is sent, by Datasets; without one, jobs name files."""
    training_type: str = "global"
    sku: str = "GlobalStandard"
    at: str = ""
    """The address from which Azure fetches all data; without one it is sent."""

    @property
    def has_datasets(self) -> bool:
        """Whether data is declared by itself, and jobs refer to it."""
        return bool(self.encoding or self.at)


@dataclass(frozen=True)
class Tree:
    """What is committed."""

    jobs: dict[str, Job] = field(default_factory=lambda: {"tone": Job(), "calm": Job(3, 1, retry=1)})
    served: dict[str, Served] = field(default_factory=lambda: {"tone": Served("tone"), "calm": Served("calm")})
    owners: tuple[str, ...] = ("team-a",)
    shape: Shape = Shape()
    far: Served | None = None
    """What a second account serves."""

    def changed(self, change: str, pick: int, before: list[Tree], marks: dict[str, str]) -> Tree:
        """Return the tree after one commit; `marks` are those of the trainings that are served, by deployment."""
        if change == "revert":
            return replace(before[pick % len(before)], owners=self.owners, shape=self.shape)
        if change == "owner":
            owner = f"team-{'abc'[pick % 3]}"
            return replace(self, owners=(owner, *(one for one in self.owners if one != owner)))
        if change == "add":
            name = f"more-{pick % 3}"
            return self.with_job(name, Job(1 + pick % 4, pick % 3)).with_served(name, Served(name))
        if change == "newer":
            return self._newer(pick)
        if change == "base":
            return self._based(pick)
        if change in {"suspend", "regrade"}:
            return self._graded(change, pick)
        if change == "far":
            return self._far(pick)
        if change in {"rename", "capacity", "follow", "strategy", "pin", "step", "gate", "ready"}:
            return self._serving(change, pick, marks) if self.served else self
        return self._training(change, pick) if self.jobs else self

    def going_on(self, names: Iterable[str]) -> Tree:
        """Return it with these jobs not suspended, in so many words."""
        return replace(self, jobs={**self.jobs, **{name: replace(self.jobs[name], suspend=False) for name in names}})

    def shaped(self, **how: str) -> Tree:
        return replace(self, shape=replace(self.shape, **how))

    def with_job(self, name: str, job: Job) -> Tree:
        return replace(self, jobs={**self.jobs, name: job})

    def with_served(self, name: str, one: Served) -> Tree:
        return replace(self, served={**self.served, name: one})

    def _far(self, pick: int) -> Tree:
        """Have the second account serve the model of another job, or in another way."""
        if self.far is None or not self.jobs:
            return self
        match pick % 5:
            case 0:
                step = 0 if self.far.step else EXAMPLES * self.jobs[self.far.job].epochs
                return replace(self, far=replace(self.far, step=step))
            case 1:
                return replace(self, far=replace(self.far, capacity=10 + pick % 3))
            case 2:
                return replace(self, far=replace(self.far, strategy="" if self.far.strategy else "recreate"))
        return replace(self, far=replace(self.far, job=sorted(self.jobs)[pick // 5 % len(self.jobs)], step=0))

    def _newer(self, pick: int) -> Tree:
        """Have another model trained by the job of a deployment that is pinned, if one is."""
        pinned = sorted(name for name, one in self.served.items() if one.pin and one.job in self.jobs)
        if not pinned:
            return self
        name = self.served[pinned[pick % len(pinned)]].job
        return self.with_job(name, replace(self.jobs[name], epochs=1 + (self.jobs[name].epochs + pick % 4) % 5))

    def _based(self, pick: int) -> Tree:
        """Have a job trained on a checkpoint of the one before it, one of its last two; or on the final model again."""
        pairs = list(pairwise(name for name, job in sorted(self.jobs.items()) if not job.graded))
        if not pairs:
            return self
        parent, name = pairs[pick % len(pairs)]
        job = self.jobs[name]
        epochs = self.jobs[parent].epochs
        step = 0 if job.parent_step else EXAMPLES * max(1, epochs - pick % 2)
        return self.with_job(name, replace(job, parent=parent, parent_step=step))

    def _graded(self, change: str, pick: int) -> Tree:
        """Suspend the job with a grader, have it go on, or say nothing about it; or have it trained anew."""
        names = [name for name, job in sorted(self.jobs.items()) if job.graded]
        if not names:
            return self
        name = names[pick // 3 % len(names)]
        job = self.jobs[name]
        if change == "suspend":
            return self.with_job(name, replace(job, suspend=(True, False, None)[pick % 3]))
        return self.with_job(name, replace(job, epochs=1 + (job.epochs + pick % 4) % 5))

    def _training(self, change: str, pick: int) -> Tree:
        name = sorted(self.jobs)[pick % len(self.jobs)]
        job = self.jobs[name]
        match change:
            case "epochs":
                return self.with_job(name, replace(job, epochs=1 + (job.epochs + pick) % 5))
            case "data":
                return self.with_job(name, replace(job, data=(job.data + 1 + pick % 2) % 3))
            case "text":
                return self.with_job(name, replace(job, text=f"text-{pick % 4}"))
            case "retry":
                return self.with_job(name, replace(job, retry=(job.retry + 1 + pick % 2) % 3))
            case "chain":
                # In the order of their names, so that none is trained on itself.
                parents = [one for one in sorted(self.jobs) if one < name and self.jobs[one].graded == job.graded]
                parent = "" if job.parent or not parents else parents[pick % len(parents)]
                return self.with_job(name, replace(job, parent=parent, parent_step=0))
            case "remove":
                jobs = {
                    key: replace(value, parent="", parent_step=0) if value.parent == name else value
                    for key, value in self.jobs.items()
                    if key != name
                }
                served = {key: value for key, value in self.served.items() if value.job != name}
                far = self.far
                if far and far.job == name:
                    far = replace(far, job=min(jobs), step=0) if jobs else None
                return replace(self, jobs=jobs, served=served, far=far)
        raise AssertionError(change)

    def _serving(self, change: str, pick: int, marks: dict[str, str]) -> Tree:
        name = sorted(self.served)[pick % len(self.served)]
        one = self.served[name]
        match change:
            case "rename":
                served = {key: value for key, value in self.served.items() if key != name}
                return replace(self, served={**served, f"{name[:12]}-v{pick % 3}": replace(one, adopt=False)})
            case "capacity":
                return self.with_served(name, replace(one, capacity=10 + 10 * (pick % 4)))
            case "follow":
                job = sorted(self.jobs)[pick % len(self.jobs)]
                # What is trained by reinforcement has no loss that a gate could read.
                gate = None if self.jobs[job].graded else one.gate
                return self.with_served(name, replace(one, job=job, pin="", step=0, gate=gate))
            case "strategy":
                # A version of `beside` cannot be taken over, and what is taken over is served under its own name.
                strategy = STRATEGIES[0] if one.adopt else STRATEGIES[pick % 3]
                return self.with_served(name, replace(one, strategy=strategy))
            case "pin":
                return self.with_served(name, replace(one, pin="" if one.pin else marks.get(name, ""), step=0))
            case "step":
                step = 0 if one.step or one.pin else EXAMPLES * self.jobs[one.job].epochs
                return self.with_served(name, replace(one, step=step))
            case "gate":
                is_without = one.gate is not None or (one.job in self.jobs and self.jobs[one.job].graded)
                return self.with_served(name, replace(one, gate=None if is_without else GATES[pick % 2]))
            case "ready":
                return self.with_served(name, replace(one, ready=not one.ready))
        raise AssertionError(change)

    def write(self, folder: Path) -> None:
        """Write the files; data is written once."""
        manifests = folder / "manifests"
        if not manifests.exists():
            (manifests / "data").mkdir(parents=True)
            for number in range(3):
                (manifests / f"data/{number}.jsonl").write_text(examples(EXAMPLES, f"variant-{number}"))
        if any(job.graded for job in self.jobs.values()) and not (manifests / f"data/{CHECKED}.jsonl").exists():
            for name in (*(f"graded-{number}" for number in range(3)), CHECKED):
                (manifests / f"data/{name}.jsonl").write_text(questions(name))
        account = ACCOUNT.replace("owner: team-a", f"owner: {self.owners[0]}")
        former = ", ".join(self.owners[1:])
        account += f"  previous_owners: [{former}]\n  api: {self.shape.api}\n"
        if self.far:
            account += "---\n" + account.replace("acme", "west")
        (manifests / "account.yaml").write_text(account)
        jobs = self.jobs.values()
        data = sorted({*(job.file for job in jobs), *(CHECKED for job in jobs if job.graded)})
        parts = [_dataset(name, self.shape, manifests) for name in data] if self.shape.has_datasets else []
        parts += [_job(name, job, self.shape) for name, job in sorted(self.jobs.items())]
        parts += [_deployment(name, one, self.shape) for name, one in sorted(self.served.items())]
        if self.far:
            # Of two accounts it must be said which.
            parts = [part.replace("spec:\n", "spec:\n  account: acme\n", 1) for part in parts]
            far = _deployment(FAR, self.far, self.shape)
            parts.append(far.replace("spec:\n", "spec:\n  account: west\n", 1))
        (manifests / "stack.yaml").write_text("---\n".join(parts) or "# nothing\n")


def questions(name: str) -> str:
    """Return data to train on by reinforcement: questions, and what a grader compares the answers with."""
    row = '{{"messages": [{{"role": "user", "content": "variant-{0} {1}?"}}], "answer": "{1}"}}\n'
    return "".join(row.format(name, number) for number in range(EXAMPLES))


def _dataset(name: str, shape: Shape, manifests: Path) -> str:
    source, more = f"path: data/{name}.jsonl", f"  encoding: {shape.encoding}\n"
    if shape.at:
        sha256 = hashlib.sha256((manifests / f"data/{name}.jsonl").read_bytes()).hexdigest()
        source, more = f"url: {shape.at}/{name}.jsonl, sha256: {sha256}, sas: '${{env:RECONCILER_VAR_SAS}}'", ""
    return f"""\
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: data-{name}}}
spec:
  source: {{{source}}}
{more}"""


def _job(name: str, job: Job, shape: Shape) -> str:
    base = "o4-mini-2025-04-16" if job.graded else "gpt-4.1-mini-2025-04-14"
    step = f", checkpoint: {{step: {job.parent_step}}}" if job.parent_step else ""
    model = f"{{job: {job.parent}{step}}}" if job.parent else base
    more = [
        f"suffix: {job.text}" if job.text else "",
        f"validation_file: {_file(CHECKED, shape)}" if job.graded else "",
        "" if job.suspend is None else f"suspend: {str(job.suspend).lower()}",
    ]
    method = f"type: reinforcement, grader: {GRADER}, " if job.graded else ""
    return f"""\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: {name}}}
spec:
  model: {model}
  training_file: {_file(job.file, shape)}
  training_type: {shape.training_type}
  attempt: {job.attempt}
  retry: {job.retry}
  seed: {seed_of(name)}
{"".join(f"  {line}{chr(10)}" for line in more if line)}\
  method: {{{method}hyperparameters: {{n_epochs: {job.epochs}}}}}
"""


def _file(name: str, shape: Shape) -> str:
    return f"{{dataset: data-{name}}}" if shape.has_datasets else f"data/{name}.jsonl"


def _deployment(name: str, one: Served, shape: Shape) -> str:
    model = f"job: {one.job}"
    model += f", pin: {one.pin}" if one.pin else ""
    model += f", checkpoint: {{step: {one.step}}}" if one.step else ""
    strategy = "{type: beside, keep_old: 1h}" if one.strategy == "beside" else one.strategy
    more = [
        f"  strategy: {strategy}\n" if strategy else "",
        f"  gates: [{{metric: train_loss, at_most: {one.gate}}}]\n" if one.gate is not None else "",
        "  readiness: true\n" if one.ready else "",
    ]
    return f"""\
apiVersion: reconciler/v1
kind: Deployment
metadata: {{name: {name}{", adopt: true" if one.adopt else ""}}}
spec:
  model: {{{model}}}
  sku: {{name: {shape.sku}, capacity: {one.capacity}}}
{"".join(more)}"""
