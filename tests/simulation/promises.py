"""What is promised, looked at after each request, in each text, and at the end.

It sees what the product cannot: the emulator's own records, and who did what to them. It is long because all promises are
held against the same records.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness import NOW, Azure, FakeClock, Result
from simulation import foreign
from simulation.tree import NEVER, Job, Served, Tree, seed_of
from simulation.wires import GRANT, SECRET, SIGNATURE

from reconciler.core.change import Delete, Plan, Stuck, Update
from reconciler.core.digest import FileName, file_digest
from reconciler.core.fault import Fault
from reconciler.core.runtime import TOLERATED
from reconciler.emulator import Config, Emulator, Request
from reconciler.emulator.deployments import is_live, is_new, serving_body, shown_body
from reconciler.emulator.job_view import find_checkpoint
from reconciler.emulator.records import DeploymentRecord, JobRecord
from reconciler.engine import Outcome
from reconciler.kinds import REGISTRY
from reconciler.kinds.fine_tune_job.spec import TRAINING_TYPES
from reconciler.render.document import dumps, plan_document
from reconciler.render.outcome import apply_summary, outcome_line
from reconciler.render.text import plan_text

BOM = b"\xef\xbb\xbf"
JOBS = "/fine_tuning/jobs"
"""The end of the path of the list of jobs, on each surface."""
NOTHING_TO_DO = "No changes. Azure matches the manifests"
FIRST_DEPLOYMENT = 24 * 3600.0
"""Seconds after a job's end within which --continue makes a deployment that is not there."""
PENDING = 90.0
"""Seconds from the creation of a job to its start."""


WEST = "/west/"
"""In the path of every request to the second account, where a tree has one (elsewhere.py)."""


class Broken(BaseException):
    """A promise that was not kept. As with a Crash, nothing of the product or of an SDK may catch it."""


class Skewed:
    """The clock of the machine that runs the command: it may go wrong, and jump."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.ahead = 0.0

    def now(self) -> float:
        return self._clock.now() + self.ahead

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


class Silent(Azure):
    """The emulated service without a server."""

    def __init__(self, clock: FakeClock, seed: int) -> None:
        self.clock = clock
        config = Config(
            deployment_seconds=2.0, delete_seconds=2.0, pending_seconds=PENDING, running_seconds=100.0, quota=100_000
        )
        self.emulator = Emulator(clock=clock, seed=seed, config=config)


@dataclass
class Report:
    """What happened in one simulation."""

    broken: str = ""
    check: str = ""
    """Which check said so."""
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)


class Look(NamedTuple):
    """When the list of jobs was asked for, how many there were, and by how much the list was late."""

    at: float = 0.0
    there: int = 0
    late: float = 0.0


NOT_YET = Look()


@dataclass(eq=False)
class Run:
    """One process. `looks` tell what each of its plans was made from."""

    mode: str
    tree: Tree
    looks: list[Look] = field(default_factory=list)
    asked: Look = NOT_YET
    wrote: int = 0
    previous: str = ""
    """Its last request."""


class Promises:
    """The state of one simulation, and what must hold in it."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.azure = Silent(self.clock, seed)
        self.tree = Tree()
        self.commits = [self.tree]
        self.report = Report()
        self.foreign: dict[str, Any] = {}
        self.clones: set[str] = set()
        self.late = 0.0
        self.made_by: dict[str, Run] = {}
        self.looked_before: dict[str, Look] = {}
        """The last look before each job was created."""
        self.looked: list[Run] = []
        """Those that ended without saying that they could not see what others made."""
        self.racing = False
        self.trained_on: dict[str, str] = {}
        self.not_as_sent: set[str] = set()
        """Jobs that Azure made with another training type, and says so."""
        self.lost: set[str] = set()
        """Trainings of which nothing was left when another one was made."""
        self.own_clock = Skewed(self.clock)
        self.serving: set[str] = set()
        """Declared deployments that have served, and that nobody else took away since."""
        self.vanished: dict[str, str] = {}
        """Deployments that somebody else deleted, and the model of each."""
        self.served_before: dict[str, set[str]] = {}
        self.stripped: set[str] = set()
        """Deployments that lost their tags, and that no manifest has taken over since."""
        self.is_file_gone = False
        """Whether somebody else deleted a file since the run began."""
        self.spoilt: dict[str, Run] = {}
        """Files that a run made and was told of, and that are not as it meant them: it may take them back."""
        self.expired: set[tuple[str, float]] = set()
        self.held: set[tuple[str, str, str]] = set()
        """Deployments, what they pin, and the newer jobs that they did not follow."""

    # -- before and after each request

    def expire(self) -> None:
        """Take note of the deployments that Azure has deleted by itself."""
        world, now = self.azure.emulator.world, self.azure.emulator.world.now()
        for one in world.account("acme").deployments.values():
            key = (one.name, one.created)
            if one.deleted is not None or key in self.expired or is_live(world, one, now) or one.created > now:
                continue
            self.expired.add(key)
            self.report.counts["seen: a deployment that Azure deleted by itself"] += 1
            self.vanished[one.name] = str(one.versions[-1][2]["properties"]["model"]["name"]).lower()
            self.stripped.discard(one.name)
            self.serving.clear()

    def watch(self, request: Request, run: Run) -> None:
        """Look at what a request of the product did."""
        previous, run.previous = run.previous, f"{request.method} {request.path}"
        if WEST in request.path:
            run.wrote += self.azure.emulator.log[-1]["committed"]
            return
        is_of_jobs = request.path.endswith(JOBS)
        if is_of_jobs and request.method == "GET" and "after" not in request.query:
            run.asked = Look(self.clock.now(), len(self.azure.emulator.world.account("acme").jobs), self.late)
        if not self.azure.emulator.log[-1]["committed"]:
            return
        run.wrote += 1
        what = f"{request.method} {request.path}"
        self.report.trace.append(f"    {self.clock.now() - NOW:9.1f} {run.mode}: {what}")
        if is_of_jobs and request.method == "POST":
            if previous != f"GET {request.path}":
                raise Broken(f"a job was created without a look at the list just before; before it came {previous}")
            self._created(run)
        if any(known in request.path for known in self.foreign):
            raise Broken(f"what is not ours was written to: {what}")
        if any(clone in request.path for clone in self.clones):
            raise Broken(f"a job without evidence was touched: {what}")
        if "/deployments/" in request.path:
            self._is_marked(what, request.path.rpartition("/")[2].lower(), run)
        if request.method == "DELETE":
            self._deleted(what, request.path.rpartition("/")[2], run)
        if request.method == "PUT" and "/deployments/" in request.path:
            self._put(request.path.rpartition("/")[2], run)
        self._everything_serves()

    def _is_marked(self, what: str, name: str, run: Run) -> None:
        """What lost its tags is nobody's, until a manifest takes it over."""
        one = run.tree.served.get(name)
        if name in self.stripped and not (one and one.adopt):
            raise Broken(f"a deployment that lost its tags was written to: {what}")
        self.stripped.discard(name)

    def _created(self, run: Run) -> None:
        if run.mode == "continue":
            raise Broken("--continue created a job")
        world = self.azure.emulator.world
        job = list(world.account("acme").jobs.values())[-1]
        if not self.late and not self.racing:
            self._is_first(job)
        self.made_by[job.id] = run
        self.looked_before[job.id] = run.asked
        self.lost |= {other.id for other in world.account("acme").jobs.values() if self._is_lost(other)}
        # Now, since the file may be deleted later.
        data = _sha(world.store.content(job.training_file).removeprefix(BOM))
        parent, step = self.trained(job.model)
        base = _based(self.trained_on.get(parent.id, "?"), step) if parent else ""
        sort = f" on another's {'checkpoint' if step else 'model'}" if parent else ""
        self.report.counts[f"seen: a training{sort}"] += 1
        declared = run.tree.shape.training_type
        is_as_sent = TRAINING_TYPES[declared].lower() == job.training_type.lower()
        if not is_as_sent and world.config.echo_training_type:
            # It is told and not used; two runs at once may each make one (docs/reliability.md).
            declared = f"{job.training_type} in the place of {declared}"
            self.not_as_sent.add(job.id)
        self.trained_on[job.id] = _training(data, job.hyperparameters.get("n_epochs"), job.seed, declared, base)

    def has_no_equal(self, outcome: Outcome) -> None:
        """Nobody is told to train anew what is trained already, or is being trained."""
        account, world = self.azure.emulator.world.account("acme"), self.azure.emulator.world
        live = account.jobs.get(outcome.live.id) if outcome.live else None
        for other in account.jobs.values():
            if live is None or other.id in {live.id, *self.clones} or other.deleted or other.model_deleted:
                continue
            if other.suffix == live.suffix and world.phase(other).status not in {"failed", "cancelled"}:
                raise Broken(f"told to train {outcome.address} anew because of {live.id}, and there is {other.id}")

    def _is_first(self, job: JobRecord) -> None:
        """With lists that are current and no other process, a job is created once, not once and then cancelled."""
        world = self.azure.emulator.world
        for other in world.account("acme").jobs.values():
            if other.id in self.clones or other.id == job.id or other.deleted or other.model_deleted:
                continue
            if other.suffix == job.suffix and world.phase(other).status not in {"failed", "cancelled"}:
                raise Broken(f"{job.id} was created beside {other.id}: {job.suffix}")

    def _is_lost(self, job: JobRecord) -> bool:
        """Whether nothing in Azure shows any more that a training was made."""
        world = self.azure.emulator.world
        if job.deleted is None:
            return False
        listed = job.model_deleted is None and world.config.models_route_lists_fine_tuned
        records = [one for one in world.account("acme").deployments.values() if is_live(world, one, world.now())]
        models = {str(shown_body(one, world.now())["properties"]["model"]["name"]).lower() for one in records}
        # The id of a checkpoint tells nothing of its training.
        return not listed and job.model_name.lower() not in {model.partition(":ckpt-step-")[0] for model in models}

    def _deleted(self, what: str, name: str, run: Run) -> None:
        if self.spoilt.get(name) is run:
            return
        if run.mode in {"continue", "target"}:
            raise Broken(f"--{run.mode} deleted: {what}")
        if "/jobs/" in what or "/models/" in what:
            raise Broken(f"a job or model was deleted without leave: {what}")
        if "/files/" in what and not self.is_file_gone:
            self._is_spare(name, run.tree)
        if "/deployments/" in what and name not in run.tree.served:
            self._is_replaced(name, run.tree)
        declared = run.tree.served.get(name) if "/deployments/" in what else None
        recreates = declared is not None and declared.strategy == "recreate"
        if run.mode == "apply" and not recreates:
            raise Broken(f"deleted without --prune: {what}")
        if declared is not None and declared.strategy not in {"recreate", "beside"}:
            raise Broken(f"a declared deployment was deleted: {what}")

    def _is_replaced(self, name: str, tree: Tree) -> None:
        """What is left over goes only when all that is declared is there, under its name or as a version of it."""
        for declared in tree.served:
            if not self._versions(declared):
                raise Broken(f"deployment {name} was deleted before {declared} was there")

    def _is_spare(self, name: str, tree: Tree) -> None:
        """A file goes only if Azure refused it, if no declared job is made from its data, or if a good file of it is still there."""
        account, store = self.azure.emulator.world.account("acme"), self.azure.emulator.world.store
        others = {
            parsed.digest
            for one in account.files.values()
            if one.error is None and one.deleted is None and (parsed := FileName.parse(one.filename))
            if parsed.digest == file_digest(hashlib.sha256(store.content(one.id).removeprefix(BOM)).hexdigest())
        }
        gone = account.files[name]
        held = None if gone.error else FileName.parse(gone.filename)
        declared = {file_digest(hashlib.sha256(self._data(job)).hexdigest()) for job in tree.jobs.values()}
        if held and held.digest in declared - others:
            raise Broken(f"the file of a declared dataset was deleted: {gone.filename}")

    def _data(self, job: Job) -> bytes:
        return (self.folder / f"manifests/data/{job.file}.jsonl").read_bytes()

    def _put(self, name: str, run: Run) -> None:
        world, now = self.azure.emulator.world, self.azure.emulator.world.now()
        record = world.account("acme").deployments[name.lower()]
        body = shown_body(record, now)
        model = str(body["properties"]["model"]["name"]).lower()
        job, _ = self.trained(model)
        ended = world.phase(job).finished if job and world.config.job_times != "none" else None
        # Where Azure does not say when a job ended, nothing is taken for gone (lifetime.py). Until then it cannot be told from one that was never made.
        # By the clock of Azure, whatever that of the machine shows; an answer may be some minutes ahead or behind.
        is_old = ended is not None and now - ended > FIRST_DEPLOYMENT + 2 * TOLERATED
        if run.mode == "continue" and self.vanished.get(record.name) == model and is_old:
            raise Broken(f"--continue made {name} anew")
        self.vanished.pop(record.name, None)
        if job is not None and (job.id in self.clones or job.id in self.foreign):
            raise Broken(f"{name} was given {model}, a model without evidence that it is ours")
        stable = str(body["tags"].get("reconciler-name", name))
        # A gate judges what is new: by the way of `beside` and back the same model goes on under another name.
        known = self.served_before.setdefault(stable.lower(), set())
        one = run.tree.served.get(stable)
        if one and one.gate == NEVER and model not in known:
            raise Broken(f"{name} was given {model}, which its gate keeps back")
        if one and one.pin and (job is None or not str(job.suffix).startswith(one.pin)):
            raise Broken(f"{name} was given {model}, and pins {one.pin}")
        self._count(one, bool(known - {model}))
        known.add(model)

    def _count(self, one: Served | None, is_changed: bool) -> None:
        """Count what was written of a deployment, so that it shows whether each feature was played at all."""
        if one is None:
            return
        strategy = one.strategy or "in_place"
        seen = [
            (is_changed or strategy == "beside", f"a model served {strategy}"),
            (bool(one.pin), "a pinned model served"),
            (bool(one.step), "a checkpoint served"),
            (one.gate is not None, "a model served behind a gate"),
            (one.ready, "a model served that must answer"),
        ]
        self.report.counts.update(f"seen: {words}" for is_seen, words in seen if is_seen)

    def _everything_serves(self) -> None:
        """Under `in_place` and `beside` what has served goes on serving."""
        self.serving &= self.tree.served.keys()
        for name, one in self.tree.served.items():
            if one.strategy == "recreate":
                self.serving.discard(name)
            elif any(self.serves(record) for record in self._versions(name)):
                self.serving.add(name)
            elif name in self.serving:
                raise Broken(f"nothing serves {name} any more ({one.strategy or 'in_place'})")

    def _versions(self, name: str) -> list[DeploymentRecord]:
        """Return the live deployments of a manifest."""
        world, now = self.azure.emulator.world, self.azure.emulator.world.now()
        live = [one for one in world.account("acme").deployments.values() if is_live(world, one, now)]
        return [
            one
            for one in live
            if one.name == name or shown_body(one, now)["tags"].get("reconciler-name", one.name) == name
        ]

    def serves(self, record: DeploymentRecord) -> bool:
        now = self.azure.emulator.world.now()
        if record.deleted is not None or (is_new(record) and (now < record.ends or record.failure)):
            return False
        job, _ = self.trained(str(serving_body(record, now)["properties"]["model"]["name"]))
        return job is not None and job.model_deleted is None

    def trained(self, model: str) -> tuple[JobRecord | None, int]:
        """Return the job that made a model, and the step if it is a checkpoint."""
        world = self.azure.emulator.world
        found = find_checkpoint(world, "acme", model.lower(), world.now())
        return found or (world.models.get(model.lower()), 0)

    # -- what is said

    def look_at(self, plan: Plan) -> str:
        """Check what a plan says; returns its text."""
        text = plan_text(plan, (), kinds=REGISTRY, now=self.clock.now())
        document = plan_document(plan, tool_version="0", accounts=(), emulator=True, created_at="", kinds=REGISTRY)
        self._heard_text([text, dumps(document)])
        for change in plan.changes:
            if isinstance(change, Stuck):
                self._heard_fault(change.fault)
        for fault in plan.unread:
            self._heard_fault(fault)
        return text

    def _count_pins(self, tree: Tree) -> None:
        """Count the newer models that a deployment did not follow because of its pin."""
        world = self.azure.emulator.world
        for name, one in tree.served.items():
            key = self.key(tree, one.job) if one.pin else ""
            newer = {
                job.id
                for job in world.account("acme").jobs.values()
                if key and self.trained_on.get(job.id) == key and not str(job.suffix).startswith(one.pin)
                if world.phase(job).status == "succeeded"
            }
            self.held |= {(name, one.pin, job) for job in newer}
        self.report.counts["seen: a newer model that a pin kept back"] = len(self.held)

    def heard(self, said: str, result: Result, final: list[Outcome], run: Run) -> None:
        """Check what a run said; `said` is the text of its plan."""
        self._count_pins(run.tree)
        lines = [outcome_line(outcome, kinds=REGISTRY) for outcome in result.outcomes]
        wrote = [outcome for outcome in result.outcomes if outcome.wrote]
        summary = apply_summary(final, wrote, kinds=REGISTRY, errored=result.plan.errored)
        self._heard_text([*lines, summary, *map(str, result.refused.faults if result.refused else ())])
        for outcome in result.outcomes:
            if outcome.fault:
                self._heard_fault(outcome.fault)
        refused = sum(outcome.status == "refused" for outcome in final)
        cancelled = sum(isinstance(o.change, Delete) and o.change.reason == "duplicate" for o in wrote)
        self.report.counts.update(
            {"seen: a gate kept a model back": refused, "seen: a second job cancelled": cancelled}
        )
        bad = {outcome.status for outcome in final} & {"failed", "refused"}
        if result.code == 0 and (bad or result.plan.errored):
            raise Broken(f"exit code 0, and something is {bad or 'unread'}")
        if result.code == 1 and not (result.plan.errored or any(o.status in {"failed", "blocked"} for o in final)):
            raise Broken("exit code 1, and nothing failed")
        # To mark as ours what a manifest takes over is no change.
        marks = sum(isinstance(outcome.change, Update) and outcome.change.adopts for outcome in wrote)
        if NOTHING_TO_DO in said and run.wrote > marks:
            raise Broken(f"it said that nothing is to be done, and wrote {run.wrote} times")
        counted = re.search(r"(\d+) failed", summary)
        if int(counted.group(1) if counted else 0) != sum(outcome.status == "failed" for outcome in final):
            raise Broken(f"the last line counts wrongly: {summary}")

    def _heard_fault(self, fault: Fault) -> None:
        if fault.code == "bug":
            raise Broken(f"a failure that nobody expected: {fault.subject} {fault.detail}")
        self._heard_text([str(fault), fault.detail, fault.remedy])

    def _heard_text(self, texts: Sequence[str]) -> None:
        for text in texts:
            if "Traceback" in text or "variant-" in text:
                raise Broken(f"a traceback or the content of a row was shown: {text[:300]}")
            for secret in (SECRET, SIGNATURE, GRANT):
                if secret in text:
                    at = text.index(secret)
                    raise Broken(f"a secret was shown: {text[max(0, at - 200) : at + 50]}")

    # -- at the end

    def check(self) -> None:
        """Check what is left when the troubles are over."""
        known = {name: value for name, value in self.foreign.items() if value}
        if foreign.state(self.azure, known) != known:
            raise Broken("what is not ours has changed")
        world = self.azure.emulator.world
        trained: dict[str, list[JobRecord]] = {}
        others = self.clones | self.lost | self.not_as_sent | self.foreign.keys()
        for job in world.account("acme").jobs.values():
            if job.id not in others and world.phase(job).status == "succeeded":
                trained.setdefault(self.trained_on[job.id], []).append(job)
        for key, jobs in trained.items():
            # A job is allowed once for each attempt that a person asked for.
            if len(jobs) > self._allowed(key) and self._nobody_could_see(key, jobs):
                self.report.counts["trained twice: no run that was not killed looked while both trained"] += 1
            elif len(jobs) > self._allowed(key):
                names = [f"{job.id} {job.suffix} created {job.created - NOW:.0f}" for job in jobs]
                raise Broken(f"trained {len(jobs)} times, allowed {self._allowed(key)}: {key} {names}")
        for name, one in self.tree.served.items():
            self._is_as_declared(name, one)

    def _nobody_could_see(self, key: str, jobs: Sequence[JobRecord]) -> bool:
        """Whether no run was there that could have prevented or cancelled one of two jobs: a limit that docs/reliability.md names.

        A run that created one could where its look before showed another one. It owes a look at a list that shows its
        own. And each run that declares the job could cancel one, if it made a plan from a list that showed all of them
        before the first one ended. A run that was killed, or ended saying that it does not know, owes nothing more.
        """
        world = self.azure.emulator.world
        ended = min(world.phase(job).finished or 0.0 for job in jobs)
        for job in jobs:
            run = self.made_by[job.id]
            before = self.looked_before[job.id]
            if any(self._shows([other], before) for other in jobs if other is not job):
                return False
            if run in self.looked and not any(self._shows([job], look) for look in run.looks):
                return False
        runs = [run for run in self.looked if any(self.key(run.tree, name) == key for name in run.tree.jobs)]
        return not any(look.at <= ended and self._shows(jobs, look) for run in runs for look in run.looks)

    def _shows(self, jobs: Sequence[JobRecord], look: Look) -> bool:
        """Whether all of these jobs had to be in a list that was asked for then, with so many jobs there."""
        known = [*self.azure.emulator.world.account("acme").jobs]
        return all(job.created + look.late <= look.at and known.index(job.id) < look.there for job in jobs)

    def _allowed(self, key: str) -> int:
        asked: set[tuple[int, ...]] = set()
        for commit in self.commits:
            asked |= {_attempts(commit, name) for name in commit.jobs if self.key(commit, name) == key}
        return len(asked)

    def key(self, tree: Tree, name: str) -> str:
        """Return what tells the training of a job that a tree declares from every other one."""
        job: Job | None = tree.jobs.get(name)
        if job is None:
            return "?"
        content = self._data(job)
        base = _based(self.key(tree, job.parent), job.parent_step) if job.parent else ""
        return _training(_sha(content), job.epochs, seed_of(name), tree.shape.training_type, base)

    def _is_as_declared(self, name: str, one: Served) -> None:
        now = self.azure.emulator.world.now()
        found = [record for record in self._versions(name) if one.strategy == "beside" or record.name == name]
        seen: list[str] = []
        for record in found:
            body = serving_body(record, now)
            model = str(body["properties"]["model"]["name"])
            job, step = self.trained(model)
            wrong = [
                "it is no model" if job is None or not self.serves(record) else "",
                f"capacity {body['sku']['capacity']}" if body["sku"]["capacity"] != one.capacity else "",
                f"step {step}" if step != one.step else "",
            ]
            if job is not None and one.pin and not str(job.suffix).startswith(one.pin):
                wrong.append(f"it pins {one.pin}")
            if job is not None and not one.pin and self.trained_on.get(job.id) != self.key(self.tree, one.job):
                wrong.append(f"trained on {self.trained_on.get(job.id)}, declared {self.key(self.tree, one.job)}")
            if not any(wrong):
                return
            seen.append(f"{record.name} serves {model}: {', '.join(filter(None, wrong))}")
        raise Broken(f"deployment {name} is not as declared: {seen} {json.dumps(one.__dict__)}")


def is_unsure(fault: Fault) -> bool:
    """Return whether it says that it could not be seen whether a job was made, or made twice."""
    return fault.code == "not-listed" or (fault.code == "create-unsure" and "cannot be read" in fault.detail)


def _attempts(tree: Tree, name: str) -> tuple[int, ...]:
    job = tree.jobs.get(name)
    return (job.attempt, *(_attempts(tree, job.parent) if job.parent else ())) if job else ()


def _training(data: str, epochs: object, seed: int, training_type: str, base: str) -> str:
    return f"{data} {epochs} {seed} {training_type}" + (f" on ({base})" if base else "")


def _based(parent: str, step: int) -> str:
    return f"{parent}, step {step}" if step else parent


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
