"""Plays a script: commits, runs, troubles, then calm, and says which promise was broken.

Everything is real but the network, the time, the threads and the chance: manifests are files, both SDKs run, and the
emulator answers. A second process runs at the very moment of one request of the first.

It is long because one play is one class: what happens, what is undone and what is checked share its state.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness import FIVE_EPOCHS, NOW, Azure, FakeClock, Result, arm
from simulation.script import Event, script
from simulation.tree import Job, Served, Tree, seed_of
from simulation.wires import HOST, Crash, Wire

from reconciler.azure.session import Session
from reconciler.cli.emulated import redirected
from reconciler.cli.exits import apply_exit
from reconciler.core.approval import Approval
from reconciler.core.change import Delete, Plan, Stuck
from reconciler.core.fault import Fault as Said
from reconciler.core.fault import Refused
from reconciler.core.plan import Options
from reconciler.core.runtime import Runtime
from reconciler.emulator import Config, Emulator, Request, Response
from reconciler.emulator.records import JobRecord
from reconciler.engine import Engine, Outcome
from reconciler.kinds import REGISTRY
from reconciler.manifests import load
from reconciler.render.document import dumps, plan_document
from reconciler.render.outcome import apply_summary, outcome_line
from reconciler.render.text import plan_text

BOM = b"\xef\xbb\xbf"
CALM_RUNS = 12
"""Runs after the troubles, within which everything must be as committed."""
PENDING = 90.0
"""Seconds from the creation of a job to its start."""
UNSURE = {"create-unsure", "not-listed"}
"""What is said when it is not known whether something was made, or made twice."""
MODES: dict[str, dict[str, Any]] = {
    "apply": {},
    "prune": {"prune": True},
    "wait": {"prune": True},
    "continue": {"unattended": True},
    "target": {"prune": True, "targets": ("FineTuneJob/*",)},
}


class Broken(BaseException):
    """A promise that was not kept. As with a Crash, nothing of the product or of an SDK may catch it."""


class Serial(Executor):
    """Does each task when it is submitted: the order is the same in every run."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  (as an executor does; a Crash goes through)
            future.set_exception(error)
        return future


class Silent(Azure):
    """The emulated service without a server."""

    def __init__(self, clock: FakeClock, seed: int) -> None:
        self.clock = clock
        config = Config(
            deployment_seconds=2.0, delete_seconds=2.0, pending_seconds=PENDING, running_seconds=240.0, quota=100_000
        )
        self.emulator = Emulator(clock=clock, seed=seed, config=config)


@dataclass
class Report:
    """What happened in one simulation."""

    broken: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[str] = field(default_factory=list)


@dataclass
class Run:
    """One process: `looked_back` once it has ended without saying that it could not see what others made."""

    looked_back: bool = False
    previous: str = ""
    """Its last request."""


class Play:
    """One simulation."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed = seed
        self.folder = folder
        self.clock = FakeClock()
        self.azure = Silent(self.clock, seed)
        self.tree = Tree()
        self.commits = [self.tree]
        self.attempts = 0
        self.report = Report()
        self.foreign: dict[str, Any] = {}
        self.clones: set[str] = set()
        self.late = 0.0
        self.made_by: dict[str, Run] = {}
        self.looked: list[float] = []
        self.racing = False
        self.trained_on: dict[str, str] = {}

    def run(self, events: Sequence[Event]) -> Report:
        """Play the events, then the calm, and check."""
        try:
            self._plant()
            self.tree.write(self.folder)
            for event in events:
                self.report.trace.append(str(event))
                self._do(event)
            self._calm()
            self._check()
        except Broken as error:
            self.report.broken = str(error)
        finally:
            self.azure.emulator.close()
        return self.report

    # -- what happens

    def _do(self, event: Event) -> None:
        how = event.how
        match event.do:
            case "configure":
                self.azure.configure(**how)
                self.late = self.azure.emulator.config.list_delay_s
                self.report.counts[f"switch {next(iter(how))}"] += 1
            case "commit":
                self.tree = self.tree.changed(how["change"], how["pick"], self.commits)
                self.commits.append(self.tree)
                self.tree.write(self.folder)
                self.report.counts[f"commit {how['change']}"] += 1
            case "sleep":
                self.clock.sleep(how["seconds"])
            case "fault":
                self.azure.fault(**how)
            case "hand":
                self._hand(how["hand"], how["pick"])
            case "run":
                self._process(**how)

    def _hand(self, hand: str, pick: int) -> None:
        account = self.azure.emulator.world.account("acme")
        world, now = self.azure.emulator.world, self.azure.emulator.world.now()
        jobs = [job for job in account.jobs.values() if job.id not in self.foreign and job.deleted is None]
        ours = [one for one in account.deployments.values() if one.name not in self.foreign and one.deleted is None]
        files = [one for one in account.files.values() if one.id not in self.foreign and one.purpose == "fine-tune"]
        chosen: list[Any] = ours if hand in {"expire_deployment", "strip_tags"} else jobs
        chosen = files if hand == "vanish_file" else chosen
        if hand in {"fail_job", "cancel_job"}:
            chosen = [job for job in jobs if world.phase(job, now).status in {"pending", "running"}]
        if hand == "vanish_model":
            chosen = [job for job in jobs if world.phase(job, now).status == "succeeded"]
        if not chosen:
            return
        one = chosen[pick % len(chosen)]
        self.report.counts[f"hand {hand}"] += 1
        match hand:
            case "fail_job":
                self.azure.hand("fail_job", job=one.id)
            case "cancel_job":
                self.azure.raw("POST", f"/acme/openai/v1/fine_tuning/jobs/{one.id}/cancel")
            case "clone_job":
                self.clones.add(self.azure.hand("clone_job", job=one.id, overrides=FIVE_EPOCHS)["id"])
            case "vanish_model":
                self.azure.hand("vanish_model", model=one.model_name)
            case "vanish_file":
                self.azure.hand("vanish_file", file=one.id)
            case _:
                self.azure.hand(hand, deployment=one.name)

    def _process(
        self,
        mode: str,
        crash: int = 0,
        committed: bool = False,
        other: int = 0,
        other_mode: str = "apply",
        **_: Any,
    ) -> None:
        """Start one process; it may be killed at a request, and another may run at one."""
        sent = 0

        def before(request: Request) -> None:
            nonlocal sent
            sent += 1
            if sent == other:
                self.report.counts["second apply"] += 1
                self.racing = True
                self.apply(other_mode)
            if sent == crash and not committed:
                raise Crash

        def after(_: Request, __: Response) -> None:
            if sent == crash and committed:
                raise Crash

        try:
            self.apply(mode, before, after)
        except Crash:
            self.report.counts["crash"] += 1
        finally:
            self.racing = False

    def apply(
        self,
        mode: str,
        before: Callable[[Request], None] = lambda _: None,
        after: Callable[[Request, Response], None] = lambda _, __: None,
        **options: Any,
    ) -> Result:
        """Run the command's way of applying, watched."""
        self.report.counts[f"run {mode}"] += 1
        tree = self.tree

        run = Run()

        def watch(request: Request, answer: Response) -> None:
            self._watch(request, mode, tree, run)
            after(request, answer)

        wire = Wire(self.azure.emulator, self.clock.sleep, before, watch)
        engine, desired, sessions = self._engine(wire)
        chosen = Options(**{**MODES[mode], **options})
        began = self.clock.now()
        try:
            first = engine.plan(desired, chosen)
            self._look_at(first)
            result = Result(0, first)
            latest: dict[Any, Outcome] = {}
            try:
                for outcome in engine.converge(desired, chosen, Approval.of(first), first=first, wait=mode == "wait"):
                    result.outcomes.append(outcome)
                    live = outcome.change.live.id if isinstance(outcome.change, Delete) else ""
                    latest[outcome.address, live] = outcome
                result.code = apply_exit(latest.values(), detailed=False, errored=first.errored)
            except Refused as refused:
                result.refused, result.code = refused, 4
            self._heard(result, list(latest.values()))
            unsure = any(outcome.fault and outcome.fault.code in UNSURE for outcome in result.outcomes)
            run.looked_back = not (unsure or result.refused)
            if result.code == 0:
                self.looked.append(began)
            return result
        finally:
            for session in sessions:
                session.close()

    def _engine(self, wire: Wire) -> tuple[Engine, Any, list[Session]]:
        tree = load(self.folder / "manifests", REGISTRY, {}, None, self.folder)
        accounts = {name: redirected(account, f"http://{HOST}") for name, account in tree.accounts.items()}
        runtime = Runtime(self.clock, random.Random(self.seed), parallel=False)
        sessions = {
            name: Session(account, runtime, {}, transports=wire.transports()) for name, account in accounts.items()
        }
        gateways = {
            (name, kind.name): kind.connect(session) for name, session in sessions.items() for kind in REGISTRY.values()
        }
        engine = Engine(REGISTRY, accounts, gateways, runtime, Serial(), settle=300)
        return engine, tree.desired, list(sessions.values())

    # -- what is promised while it happens

    def _watch(self, request: Request, mode: str, tree: Tree, run: Run) -> None:
        previous, run.previous = run.previous, f"{request.method} {request.path}"
        entry = self.azure.emulator.log[-1]
        if not entry["committed"]:
            return
        what = f"{request.method} {request.path}"
        name = request.path.rpartition("/")[2]
        self.report.trace.append(f"    {self.clock.now() - NOW:9.1f} {mode}: {what}")
        if what == "POST /acme/openai/v1/fine_tuning/jobs":
            if previous != "GET /acme/openai/v1/fine_tuning/jobs":
                raise Broken(f"a job was created without a look at the list just before; before it came {previous}")
            world = self.azure.emulator.world
            job = list(world.account("acme").jobs.values())[-1]
            if not self.late and not self.racing:
                self._is_first(job)
            self.made_by[job.id] = run
            # Now, since the file may be deleted later.
            self.trained_on[job.id] = _sha(world.store.content(job.training_file).removeprefix(BOM))
        if mode == "continue" and (request.method == "DELETE" or what == "POST /acme/openai/v1/fine_tuning/jobs"):
            raise Broken(f"--continue sent {what}")
        if request.method == "DELETE" and mode == "target":
            raise Broken(f"--target deleted: {what}")
        if request.method == "DELETE" and mode == "apply":
            raise Broken(f"deleted without --prune: {what}")
        if request.method == "DELETE" and "/deployments/" in request.path and name in tree.served:
            raise Broken(f"a declared deployment was deleted: {what}")
        if request.method == "DELETE" and "/deployments/" in request.path:
            self._is_replaced(name, tree)
        if request.method == "DELETE" and ("/jobs/" in request.path or "/models/" in request.path):
            raise Broken(f"a job or model was deleted without leave: {what}")
        if any(known in request.path for known in self.foreign):
            raise Broken(f"what is not ours was written to: {what}")
        if any(clone in request.path for clone in self.clones):
            raise Broken(f"a job without evidence was touched: {what}")

    def _is_first(self, job: JobRecord) -> None:
        """With lists that are current and no other process, a job is created once, not once and then cancelled."""
        world = self.azure.emulator.world
        for other in world.account("acme").jobs.values():
            if other.id in self.clones or other.id == job.id or other.deleted or other.model_deleted:
                continue
            if other.suffix == job.suffix and world.phase(other).status not in {"failed", "cancelled"}:
                raise Broken(f"{job.id} was created beside {other.id}: {job.suffix}")

    def _is_replaced(self, name: str, tree: Tree) -> None:
        """What is left over goes only when all that is declared is there, under its name or as a version of it."""
        there = [one["name"] for one in self.azure.objects("deployments")]
        for declared in tree.served:
            if not any(one == declared or one.startswith(f"{declared}-") for one in there):
                raise Broken(f"deployment {name} was deleted before {declared} was there")

    def _look_at(self, plan: Plan) -> None:
        texts = [
            plan_text(plan, (), kinds=REGISTRY, now=self.clock.now()),
            dumps(plan_document(plan, tool_version="0", accounts=(), emulator=True, created_at="", kinds=REGISTRY)),
        ]
        self._heard_text(texts)
        for change in plan.changes:
            if isinstance(change, Stuck):
                self._heard_fault(change.fault)
        for fault in plan.unread:
            self._heard_fault(fault)

    def _heard(self, result: Result, final: list[Outcome]) -> None:
        lines = [outcome_line(outcome, kinds=REGISTRY) for outcome in result.outcomes]
        wrote = [outcome for outcome in result.outcomes if outcome.wrote]
        self._heard_text([*lines, apply_summary(final, wrote, kinds=REGISTRY, errored=result.plan.errored)])
        for outcome in result.outcomes:
            if outcome.fault:
                self._heard_fault(outcome.fault)
        if result.code == 0 and any(outcome.status == "failed" for outcome in final):
            raise Broken("exit code 0, and something failed")

    def _heard_fault(self, fault: Said) -> None:
        if fault.code == "bug":
            raise Broken(f"a failure that nobody expected: {fault.subject} {fault.detail}")

    def _heard_text(self, texts: list[str]) -> None:
        for text in texts:
            if "Traceback" in text or "variant-" in text:
                raise Broken(f"a traceback or the content of a row was shown: {text[:300]}")

    # -- the end

    def _plant(self) -> None:
        """Put into the account what is not ours."""
        self.tree.write(self.folder)
        handmade = {
            "sku": {"name": "GlobalStandard", "capacity": 1},
            "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
        }
        self.azure.raw("PUT", f"{arm()}/deployments/handmade?api-version=2025-09-01", handmade)
        others = {**handmade, "tags": {"reconciler-owner": "team-z", "reconciler-source": "other"}}
        self.clock.sleep(10)
        self.azure.raw("PUT", f"{arm()}/deployments/others?api-version=2025-09-01", others)
        self.clock.sleep(10)
        self.foreign = self._state("handmade", "others")
        assert len(self.foreign) == 2

    def _state(self, *names: str) -> dict[str, Any]:
        return {one["name"]: one for one in self.azure.objects("deployments") if one["name"] in names}

    def _calm(self) -> None:
        """End the troubles, and run as a person would who does what the messages say."""
        hits = self.azure.emulator.faults.plain()
        for fault in hits:
            sick = fault["status"] or ("drop" if fault["drop"] else "truncate" if fault["truncate"] else "delay")
            when = "after commit" if fault["after_commit"] else "before"
            self.report.counts[f"fault {sick} {when}"] += fault["hits"]
        self.azure.emulator.faults.clear()
        self.azure.configure(list_delay_s=0.0)
        self.report.trace.append("calm")
        result: Result | None = None
        for _ in range(CALM_RUNS):
            result = self.apply("prune", allow_delete=("Deployment/*", "Dataset/*"))
            self.clock.sleep(1000)
            if result.code == 0 and result.plan.converged:
                return
            self._obey(result)
        assert result is not None
        said = [f"{o.address} {o.status} {o.fault or o.message}" for o in result.outcomes if o.status != "unchanged"]
        raise Broken(f"not as committed after {CALM_RUNS} runs (code {result.code}): {said} {result.refused}")

    def _obey(self, result: Result) -> None:
        """Do what a person is told: another attempt for a job that is stuck, adopting a deployment without tags."""
        jobs, served = dict(self.tree.jobs), dict(self.tree.served)
        for outcome in result.outcomes:
            change = outcome.change
            if not isinstance(change, Stuck):
                continue
            name = change.address.name
            if change.address.kind == "FineTuneJob" and name in jobs and "attempt:" in change.fault.remedy:
                # Attempts of two jobs that are alike must not meet.
                self.attempts += 1
                jobs[name] = replace(jobs[name], attempt=1 + self.attempts)
            if (
                change.address.kind == "Deployment"
                and name in served
                and "adopt" in f"{change.fault.detail} {change.fault.remedy}"
            ):
                served[name] = replace(served[name], adopt=not served[name].adopt)
                if not served[name].adopt:
                    # It cannot be adopted as it is: the person deletes it.
                    self.azure.raw("DELETE", f"{arm()}/deployments/{name}?api-version=2025-09-01")
                    self.clock.sleep(70)
        if (jobs, served) != (self.tree.jobs, self.tree.served):
            self.tree = replace(self.tree, jobs=jobs, served=served)
            self.commits.append(self.tree)
            self.tree.write(self.folder)

    def _check(self) -> None:
        if self._state("handmade", "others") != self.foreign:
            raise Broken("what is not ours has changed")
        world = self.azure.emulator.world
        account = world.account("acme")
        trained: dict[str, list[JobRecord]] = {}
        for job in account.jobs.values():
            if job.id not in self.clones and world.phase(job).status == "succeeded":
                key = f"{self.trained_on[job.id]} {job.hyperparameters.get('n_epochs')} {job.seed}"
                trained.setdefault(key, []).append(job)
        for key, jobs in trained.items():
            # A job is allowed once for each attempt that a person asked for.
            if len(jobs) > self._allowed(key) and self._nobody_could_see(jobs):
                self.report.counts["trained twice: every run that created was killed, and none looked in time"] += 1
            elif len(jobs) > self._allowed(key):
                names = [f"{job.id} {job.suffix} created {job.created - self.azure.clock.now():.0f}" for job in jobs]
                raise Broken(f"trained {len(jobs)} times, allowed {self._allowed(key)}: {key} {names}")
        for name, one in self.tree.served.items():
            self._serves(name, one)

    def _nobody_could_see(self, jobs: Sequence[JobRecord]) -> bool:
        """Whether no run was there that could have cancelled one of two jobs: a limit that docs/reliability.md names.

        Each run that created one was killed before a list could show both, or said that it does not know; and no run
        looked between then and the end of the first training.
        """
        world = self.azure.emulator.world
        shown = max(job.created for job in jobs) + self.late
        ended = min(world.phase(job).finished or 0.0 for job in jobs)
        looked = any(shown <= run <= ended for run in self.looked)
        return not looked and not any(self.made_by[job.id].looked_back for job in jobs)

    def _allowed(self, key: str) -> int:
        asked: set[int] = set()
        for commit in self.commits:
            asked |= {job.attempt for name, job in commit.jobs.items() if self._key(name, job) == key}
        return len(asked)

    def _key(self, name: str, job: Job) -> str:
        content = (self.folder / f"manifests/data/{job.data}.jsonl").read_bytes()
        return f"{_sha(content)} {job.epochs} {seed_of(name)}"

    def _serves(self, name: str, one: Served) -> None:
        world = self.azure.emulator.world
        live = self.azure.raw("GET", f"{arm()}/deployments/{name}?api-version=2025-09-01")
        model = str(live.get("properties", {}).get("model", {}).get("name", ""))
        job = world.models.get(model.lower())
        declared = self.tree.jobs.get(one.job)
        if job is None or declared is None or job.model_deleted is not None:
            raise Broken(f"deployment {name} serves {model!r}, which is no model")
        epochs = job.hyperparameters.get("n_epochs")
        if epochs != declared.epochs or job.id in self.clones:
            raise Broken(f"deployment {name} serves {job.id} with {epochs} epochs, declared {declared.epochs}")
        if live["sku"]["capacity"] != one.capacity:
            raise Broken(f"deployment {name} has another capacity than declared")


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def play(seed: int, events: Sequence[Event] | None = None) -> Report:
    """Play the script of a seed, or other events under its chance."""
    with tempfile.TemporaryDirectory() as folder:
        return Play(seed, Path(folder)).run(script(seed) if events is None else events)


def shrunk(seed: int) -> list[Event]:
    """Return the events of a failing seed without those that the failure does not need."""
    events = script(seed)
    at = 0
    while at < len(events):
        fewer = events[:at] + events[at + 1 :]
        if play(seed, fewer).broken:
            events = fewer
        else:
            at += 1
    return events
