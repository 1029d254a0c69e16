"""The repository of a simulation as a value: what its commits change, and the files that it becomes.

Each job has a seed of its own, so that no two are alike, which a tree may not declare.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from zlib import crc32

from harness import ACCOUNT, examples


def seed_of(name: str) -> int:
    """Return the training seed of a job."""
    return crc32(name.encode()) % 1000


@dataclass(frozen=True)
class Job:
    epochs: int = 2
    data: int = 0
    attempt: int = 1
    text: str = ""


@dataclass(frozen=True)
class Served:
    job: str
    capacity: int = 50
    adopt: bool = False


@dataclass(frozen=True)
class Tree:
    """What is committed."""

    jobs: dict[str, Job] = field(default_factory=lambda: {"tone": Job(), "calm": Job(3, 1)})
    served: dict[str, Served] = field(default_factory=lambda: {"tone": Served("tone"), "calm": Served("calm")})
    owners: tuple[str, ...] = ("team-a",)

    def changed(self, change: str, pick: int, before: list[Tree]) -> Tree:
        """Return the tree after one commit."""
        names, serving = sorted(self.jobs), sorted(self.served)
        if change == "revert":
            old = before[pick % len(before)]
            return replace(old, owners=self.owners)
        if change == "add":
            name = f"more-{pick % 3}"
            return replace(
                self,
                jobs={**self.jobs, name: Job(1 + pick % 4, pick % 3)},
                served={**self.served, name: Served(name)},
            )
        if change == "owner":
            owner = f"team-{'abc'[pick % 3]}"
            return replace(self, owners=(owner, *(one for one in self.owners if one != owner)))
        if not names:
            return self
        name = names[pick % len(names)]
        job = self.jobs[name]
        match change:
            case "epochs":
                return replace(self, jobs={**self.jobs, name: replace(job, epochs=1 + (job.epochs + pick) % 5)})
            case "data":
                return replace(self, jobs={**self.jobs, name: replace(job, data=(job.data + 1 + pick % 2) % 3)})
            case "text":
                return replace(self, jobs={**self.jobs, name: replace(job, text=f"text-{pick % 4}")})
            case "remove":
                jobs = {key: value for key, value in self.jobs.items() if key != name}
                served = {key: value for key, value in self.served.items() if value.job != name}
                return replace(self, jobs=jobs, served=served)
            case "rename" if serving:
                old_name = serving[pick % len(serving)]
                served = {key: value for key, value in self.served.items() if key != old_name}
                new = f"{old_name[:12]}-v{pick % 3}"
                return replace(self, served={**served, new: replace(self.served[old_name], adopt=False)})
            case "capacity" if serving:
                one = serving[pick % len(serving)]
                return replace(
                    self, served={**self.served, one: replace(self.served[one], capacity=10 + 10 * (pick % 4))}
                )
            case "follow" if serving:
                one = serving[pick % len(serving)]
                return replace(self, served={**self.served, one: replace(self.served[one], job=name)})
        return self

    def write(self, folder: Path) -> None:
        """Write the files."""
        manifests = folder / "manifests"
        (manifests / "data").mkdir(parents=True, exist_ok=True)
        for number in range(3):
            (manifests / f"data/{number}.jsonl").write_text(examples(12, f"variant-{number}"))
        account = ACCOUNT.replace("owner: team-a", f"owner: {self.owners[0]}")
        former = ", ".join(self.owners[1:])
        (manifests / "account.yaml").write_text(account + f"  previous_owners: [{former}]\n")
        parts = [
            f"""\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: {name}}}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: data/{job.data}.jsonl
  training_type: global
  attempt: {job.attempt}
  seed: {seed_of(name)}
  {f"suffix: {job.text}" if job.text else ""}
  method: {{hyperparameters: {{n_epochs: {job.epochs}}}}}
"""
            for name, job in sorted(self.jobs.items())
        ]
        parts += [
            f"""\
apiVersion: reconciler/v1
kind: Deployment
metadata: {{name: {name}{", adopt: true" if one.adopt else ""}}}
spec:
  model: {{job: {one.job}}}
  sku: {{name: GlobalStandard, capacity: {one.capacity}}}
"""
            for name, one in sorted(self.served.items())
        ]
        (manifests / "stack.yaml").write_text("---\n".join(parts) or "# nothing\n")
