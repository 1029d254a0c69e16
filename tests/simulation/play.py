"""Plays a script: commits, runs, troubles, then calm, and says which promise was broken (promises.py).

Everything is real but the network, the time, the threads and the chance: manifests are files, both SDKs run, and the
emulator answers. A second process goes on at chosen requests of the first. It is long because every event changes the same world,
and there is one method for each.
"""

from __future__ import annotations

import json
import random
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness import Result, arm
from simulation import foreign
from simulation.addresses import Addresses
from simulation.besides import Besides
from simulation.cut import Cut
from simulation.elsewhere import Elsewhere
from simulation.imports import Imports
from simulation.parts import Parts, small
from simulation.promises import JOBS, PENDING, Broken, Promises, Report, Run, is_unsure
from simulation.script import Event
from simulation.second import Second
from simulation.serial import Serial
from simulation.suspension import Suspension
from simulation.thrift import MEMORY, SCANS, prepare
from simulation.tree import FAR, Job, Served, Tree
from simulation.wide import script
from simulation.wires import GRANT, HOST, SECRET, Crash, Lists, Wire

from reconciler.azure.session import Session
from reconciler.cli.emulated import redirected
from reconciler.cli.exits import apply_exit
from reconciler.core.approval import Approval
from reconciler.core.change import Delete, Plan
from reconciler.core.fault import Fault, Refused
from reconciler.core.plan import Options
from reconciler.core.runtime import Runtime
from reconciler.emulator import Request, Response
from reconciler.engine import Engine, Outcome
from reconciler.kinds import REGISTRY
from reconciler.manifests import Tree as Loaded
from reconciler.manifests import load
from reconciler.memory import without_collector

__all__ = ["PENDING", "Report", "play"]

CALM_RUNS = 14
"""Runs after the troubles, within which everything must be as committed."""
TO_ITS_END = 1_000_000
ENDLESS = 50_000
"""Outcomes of one run that only one has that never ends."""
MODES: dict[str, dict[str, Any]] = {
    "apply": {},
    "prune": {"prune": True},
    "wait": {"prune": True},
    "continue": {"unattended": True},
    "target": {"prune": True, "targets": ("FineTuneJob/*",)},
}
ROOM = {
    "quota": 100_000,
    "finetune_capacity": None,
    "max_fine_tuned_deployments": 100,
    "max_deployments": 100,
    "max_files": 100,
    "max_running": 3,
    "max_queued": 20,
    "list_delay_s": 0.0,
    "max_jobs": 100,
    "max_total_bytes": 1 << 30,
    "max_running_developer": 5,
    "deployment_outcomes": [],
    "max_part_bytes": 64 * 1024 * 1024,
    "filename_cut": None,
}
"""What a person sees to when the troubles are over."""

CLONE = {
    "hyperparameters": {"n_epochs": 7},
    "resolved": {"n_epochs": 7, "batch_size": 1, "learning_rate_multiplier": 1.0},
    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 7}}},
}
"""What a clone of a job has that no commit declares."""


class Watched(Engine):
    """An engine of which is known what each of its plans was made from."""

    def __init__(self, run: Run, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._run = run

    def plan(self, *given: Any, **more: Any) -> Plan:
        plan = super().plan(*given, **more)
        self._run.looks.append(self._run.asked)
        return plan


class Play(Promises):
    """One simulation."""

    def __init__(self, seed: int, folder: Path) -> None:
        super().__init__(seed, folder)
        self.seed = seed
        self.chance = random.Random(f"lists {seed}")
        self.lists = Lists()
        self.attempts = 0
        self.strangers = 0
        self.addresses = Addresses(folder, self.report.counts)
        self.more: list[Besides] = []
        """What is promised besides, of what only some trees have."""
        self._read: tuple[Tree, Loaded] | None = None
        self.changed = ExitStack()
        """What is otherwise in the product for as long as this is played."""

    def run(self, events: Sequence[Event]) -> Report:
        """Play the events, then the calm, and check. What is reported as broken is the first thing that was seen."""
        try:
            self.tree.write(self.folder)
            self.foreign = foreign.plant(self.azure, self.tree, self.folder)
            for event in events:
                self.report.trace.append(str(event))
                self._do(event)
            self._calm()
            self.check()
            for one in self.more:
                one.check()
        except Broken as error:
            self.report.broken, self.report.check = str(error), _raised_at(error)
        except Exception as error:  # noqa: BLE001  (what the product raises breaks a promise, and not the run of all seeds)
            self.report.broken, self.report.check = f"an exception: {error!r}", _raised_at(error)
        finally:
            self.azure.emulator.close()
            self.changed.close()
        return self.report

    def _do(self, event: Event) -> None:
        how = event.how
        match event.do:
            case "configure":
                self.azure.configure(**how)
                self.late = self.azure.emulator.config.list_delay_s
                self.report.counts[f"switch {next(iter(how))}"] += 1
            case "lists":
                self.lists = Lists(**how)
                self.report.counts["lists in another order" if how["shuffled"] else "lists in small pages"] += 1
            case "shape":
                self._begin(self.tree.shaped(**how))
                self.report.counts[f"tree {next(iter(how))}"] += 1
            case "grade":
                self._begin(self.tree.with_job("mind", Job(graded=True)).with_served("mind", Served("mind")))
                self.more.append(Suspension(self))
            case "parts":
                self.changed.enter_context(small(**how))
                self.more.append(Parts(self))
            case "far":
                self._begin(replace(self.tree, far=Served("tone", capacity=10)))
                self.more.append(Elsewhere(self))
            case "elsewhere":
                self._begin(self.tree.shaped(**how))
                self.changed.enter_context(self.addresses.connected())
                self.more.append(Imports(self))
            case "address":
                self.addresses.sick += [how["sick"]] * how["count"]
            case "cut":
                self.azure.configure(**how)
                self.more.append(Cut(self))
                self.report.counts["switch filename_cut"] += 1
            case "commit":
                self._commit(self.tree.changed(how["change"], how["pick"], self.commits, self._marks()))
                self.report.counts[f"commit {how['change']}"] += 1
            case "sleep":
                self.clock.sleep(how["seconds"])
            case "jump":
                self._jump(how["seconds"])
            case "fault":
                self.azure.fault(**how)
            case "hand":
                self._hand(how["hand"], how["pick"])
            case "run":
                self._process(**how)

    def _begin(self, tree: Tree) -> None:
        """Have another first commit, before anything is made of it."""
        self.tree = tree
        self.commits = [tree]
        tree.write(self.folder)

    def _commit(self, tree: Any) -> None:
        self.tree = tree
        self.commits.append(tree)
        tree.write(self.folder)

    def _jump(self, seconds: float) -> None:
        self.own_clock.ahead += seconds
        self.report.counts["clock jumps " + ("forward" if seconds > 0 else "backward")] += 1

    def _marks(self) -> dict[str, str]:
        """Return the marks of the trainings that are served, as `promote` writes them."""
        marks: dict[str, str] = {}
        for name in self.tree.served:
            for record in self._versions(name):
                body = record.versions[-1][2]
                job, step = self.trained(str(body["properties"]["model"]["name"]))
                if job is not None and not step and self.serves(record):
                    marks[name] = str(job.suffix)[:12]
        return marks

    def _hand(self, hand: str, pick: int) -> None:
        if hand == "stranger":
            self._stranger()
            return
        account = self.azure.emulator.world.account("acme")
        world, now = self.azure.emulator.world, self.azure.emulator.world.now()
        jobs = [job for job in account.jobs.values() if job.deleted is None and job.id not in self.foreign]
        ours = [one for one in account.deployments.values() if one.name not in self.foreign and one.deleted is None]
        files = [one for one in account.files.values() if one.purpose == "fine-tune" and one.id not in self.foreign]
        chosen: list[Any] = ours if hand in {"expire_deployment", "strip_tags"} else jobs
        chosen = files if hand == "vanish_file" else chosen
        if hand in {"fail_job", "cancel_job"}:
            chosen = [job for job in jobs if world.phase(job, now).status in {"pending", "running"}]
        if hand in {"pause_job", "resume_job"}:
            wanted = "running" if hand == "pause_job" else "paused"
            chosen = [job for job in jobs if world.phase(job, now).status == wanted]
        if hand in {"vanish_model", "purge_jobs"}:
            # Of a model that is gone and whose job is purged nothing is left to go by.
            ended = [job for job in jobs if world.phase(job, now).status == "succeeded"]
            chosen = [job for job in ended if job.model_deleted is None]
        # Where no settings are shown, nothing tells a clone from the job that it is made from: docs/reliability.md.
        is_hidden = hand == "clone_job" and world.config.echo_hyperparameters == "none"
        if not chosen or is_hidden:
            return
        one = chosen[pick % len(chosen)]
        self.report.counts[f"hand {hand}"] += 1
        if hand in {"vanish_model", "expire_deployment", "strip_tags"}:
            self.serving.clear()
        match hand:
            case "fail_job" | "pause_job" | "resume_job":
                self.azure.hand(hand, job=one.id)
            case "cancel_job":
                with suppress(ValueError):  # a fault that waits for the next request may answer with a page of HTML
                    self.azure.raw("POST", f"/acme/openai/v1{JOBS}/{one.id}/cancel")
            case "clone_job":
                self.clones.add(self.azure.hand("clone_job", job=one.id, overrides=CLONE)["id"])
            case "vanish_model":
                self.azure.hand("vanish_model", model=one.model_name)
            case "vanish_file":
                self.is_file_gone = True
                self.azure.hand("vanish_file", file=one.id)
            case "purge_jobs":
                self.azure.hand("purge_jobs", jobs=[one.id])
            case _:
                if hand == "expire_deployment":
                    self.vanished[one.name] = str(one.versions[-1][2]["properties"]["model"]["name"]).lower()
                    self.stripped.discard(one.name)
                else:
                    self.stripped.add(one.name)
                self.azure.hand(hand, deployment=one.name)

    def _stranger(self) -> None:
        """Somebody makes or deletes a deployment that is listed before the others: pages shift."""
        self.report.counts["pages shift"] += 1
        self.strangers += 1
        name = f"aaa-{self.strangers // 2}"
        path, query = f"{arm()}/deployments/{name}", {"api-version": "2025-09-01"}
        headers = {"authorization": "Bearer hand", "content-type": "application/json"}
        self.foreign.setdefault(name, None)
        model = {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}
        body = {"sku": {"name": "GlobalStandard", "capacity": 1}, "properties": {"model": model}}
        request = Request("PUT", path, query, headers, json.dumps(body).encode())
        # What troubles us troubles others: they do not look at what is answered.
        self.azure.emulator.handle(request if self.strangers % 2 else replace(request, method="DELETE", body=b""))

    # -- processes

    def _process(
        self,
        mode: str,
        crash: int = 0,
        committed: bool = False,
        other: Sequence[tuple[int, int]] = (),
        other_mode: str = "apply",
        other_crash: int = 0,
        jump: tuple[int, float] = (0, 0.0),
        stranger: int = 0,
        meanwhile: tuple[int, str, int] = (0, "", 0),
    ) -> None:
        """Start one process; it may be killed at a request, and another may go on for some requests at one."""
        sent = 0
        second = Second(lambda pause: self._other(other_mode, other_crash, pause))

        def before(_: Request) -> None:
            nonlocal sent
            sent += 1
            for at, requests in other:
                if sent == at and not second.is_over:
                    self.report.counts["a second apply goes on"] += 1
                    self.racing = True
                    second.step(requests)
            if sent == jump[0]:
                self._jump(jump[1])
            if sent == stranger:
                self._stranger()
            if sent == meanwhile[0]:
                self.report.counts["by hand while a run goes on"] += 1
                self._hand(*meanwhile[1:])
            if sent == crash and not committed:
                raise Crash

        def after(_: Request, __: Response) -> None:
            if sent == crash and committed:
                raise Crash

        try:
            self.apply(mode, before, after)
        except Crash:
            self.report.counts["crash"] += 1
        except BaseException:
            second.kill()
            raise
        if self.racing:
            second.step(TO_ITS_END)
        self.racing = False

    def _other(self, mode: str, crash: int, pause: Callable[[], None]) -> None:
        sent = 0

        def before(_: Request) -> None:
            nonlocal sent
            pause()
            sent += 1
            if sent == crash:
                self.report.counts["crash of the second"] += 1
                raise Crash

        self.apply(mode, before)

    def apply(
        self,
        mode: str,
        before: Callable[[Request], None] = lambda _: None,
        after: Callable[[Request, Response], None] = lambda _, __: None,
        **options: Any,
    ) -> Result:
        """Run the command's way of applying, watched."""
        self.report.counts[f"run {mode}"] += 1
        run = Run(mode, self.tree)
        self.is_file_gone = self.is_file_gone and self.racing

        def watch(request: Request, answer: Response) -> None:
            self.watch(request, run)
            for one in self.more:
                one.watch(request, answer, run)
            after(request, answer)

        def look(request: Request) -> None:
            before(request)
            self.expire()

        wire = Wire(self.azure.emulator, self.clock.sleep, look, watch, self.lists, self.chance)
        engine, desired, sessions = self._engine(wire, run)
        chosen = Options(**{**MODES[mode], **options})
        try:
            first = engine.plan(desired, chosen)
            said = self.look_at(first)
            result = Result(0, first)
            latest: dict[Any, Outcome] = {}
            try:
                for outcome in engine.converge(desired, chosen, Approval.of(first), first=first, wait=mode == "wait"):
                    result.outcomes.append(outcome)
                    if len(result.outcomes) > ENDLESS:
                        raise Broken(f"a run has no end: {outcome.address} {outcome.status} {outcome.message}")
                    live = outcome.change.live.id if isinstance(outcome.change, Delete) else ""
                    latest[outcome.address, live] = outcome
                result.code = apply_exit(latest.values(), detailed=False, errored=first.errored)
            except Refused as refused:
                result.refused, result.code = refused, 4
            self.heard(said, result, list(latest.values()), run)
            for one in self.more:
                one.ended(run)
            unsure = any(outcome.fault and is_unsure(outcome.fault) for outcome in result.outcomes)
            if not (unsure or result.refused) and (result.code == 0 or run in self.made_by.values()):
                self.looked.append(run)
            return result
        finally:
            for session in sessions:
                session.close()

    def _engine(self, wire: Wire, run: Run) -> tuple[Engine, Any, list[Session]]:
        environ = {"AZURE_OPENAI_API_KEY": SECRET, "RECONCILER_VAR_SAS": f"sv=2024-11-04&sp=r&sig={GRANT}"}
        tree = self._loaded(environ)
        accounts = {name: redirected(account, f"http://{HOST}") for name, account in tree.accounts.items()}
        runtime = Runtime(self.own_clock, random.Random(self.seed), parallel=False)
        sessions = {
            name: Session(account, runtime, environ, transports=wire.transports()) for name, account in accounts.items()
        }
        gateways = {
            (name, kind.name): kind.connect(session) for name, session in sessions.items() for kind in REGISTRY.values()
        }
        engine = Watched(run, REGISTRY, accounts, gateways, runtime, Serial(), settle=300)
        return engine, tree.desired, list(sessions.values())

    def _loaded(self, environ: Mapping[str, str]) -> Loaded:
        """Return what the manifests say; they are read once after each commit."""
        if self._read is None or self._read[0] is not self.tree:
            tree = load(self.folder / "manifests", REGISTRY, environ, SCANS, self.folder)
            self._read = (self.tree, tree)
        return self._read[1]

    # -- the end

    def _calm(self) -> None:
        """End the troubles, and run as a person would who does what the messages say."""
        for fault in self.azure.emulator.faults.plain():
            sick = fault["status"] or ("drop" if fault["drop"] else "truncate" if fault["truncate"] else "delay")
            sick = "an answer with secrets" if SECRET in str(fault["message"]) else sick
            when = "after commit" if fault["after_commit"] else "before"
            self.report.counts[f"fault {sick} {when}"] += fault["hits"]
        self.azure.emulator.faults.clear()
        self.addresses.sick.clear()
        self.azure.configure(**ROOM)
        self.report.trace.append("calm")
        self._resume([name for name, job in self.tree.jobs.items() if job.suspend])
        result: Result | None = None
        for _ in range(CALM_RUNS):
            result = self.apply("prune", allow_delete=("Deployment/*", "Dataset/*"))
            if result.code == 0 and result.plan.converged:
                return
            self.clock.sleep(self._pause())
            self._obey(result)
            # A plan says of what is paused what to write.
            paused = [one.address.name for one in result.outcomes if one.live and one.live.status == "paused"]
            self._resume([name for name in paused if name in self.tree.jobs and self.tree.jobs[name].suspend is None])
        assert result is not None
        said = [f"{o.address} {o.status} {o.fault or o.message}" for o in result.outcomes if o.status != "unchanged"]
        raise Broken(f"not as committed after {CALM_RUNS} runs (code {result.code}): {said} {result.refused}")

    def _resume(self, names: Sequence[str]) -> None:
        """Have jobs go on that are suspended, or of which nothing is said."""
        if names:
            self._commit(self.tree.going_on(names))

    def _pause(self) -> float:
        """Return for how long a person leaves it alone: longer, while something trains for long."""
        world, now = self.azure.emulator.world, self.azure.emulator.world.now()
        phases = [world.phase(job, now) for job in world.account("acme").active.values()]
        waits = any(phase.status in {"pending", "running"} for phase in phases)
        return max(1000.0, 2.5 * (world.config.pending_seconds + world.config.running_seconds) * waits)

    def _obey(self, result: Result) -> None:
        """Do what a person is told by each message."""
        tree = self.tree
        # A run looks several times: what it says last counts, of what is there and of what is left over.
        last = {(one.address, isinstance(one.change, Delete)): one for one in result.outcomes}
        for outcome in last.values():
            name, fault = outcome.address.name, outcome.fault
            if fault is None:
                continue
            tree = self._reshaped(tree, fault)
            for one in self.more:
                one.obey(f"{fault.detail} {fault.remedy}")
            is_job = outcome.address.kind == "FineTuneJob" and name in tree.jobs
            if is_job and "attempt:" in fault.remedy:
                self.has_no_equal(outcome)
                # Attempts of two jobs that are alike must not meet.
                self.attempts += 1
                tree = tree.with_job(name, replace(tree.jobs[name], attempt=1 + self.attempts))
            is_too_old = "only the last three are taken" in fault.remedy
            if is_job and (fault.code == "checkpoint-missing" or is_too_old):
                tree = tree.with_job(name, replace(tree.jobs[name], parent_step=0))
            if outcome.address.kind == "Deployment" and name in tree.served:
                tree = tree.with_served(name, self._told(name, tree.served[name], outcome))
            if outcome.address.kind == "Deployment" and name == FAR and tree.far:
                tree = replace(tree, far=self._told(name, tree.far, outcome))
        if tree != self.tree:
            self._commit(tree)

    def _reshaped(self, tree: Tree, fault: Fault) -> Tree:
        """Return a tree that declares what Azure takes, after a message."""
        if fault.code == "file-refused":
            return tree.shaped(encoding="utf-8")
        if fault.code == "create-not-as-sent" and "training_type:" in fault.detail:
            return tree.shaped(api="v1")
        if "could not read the training type" in fault.summary or "refuses to fine-tune" in fault.summary:
            return (
                tree.shaped(api="v1") if tree.shape.training_type == "global" else tree.shaped(training_type="global")
            )
        return tree

    def _told(self, name: str, one: Served, outcome: Outcome) -> Served:
        """Return a deployment as a person declares it after a message."""
        fault = outcome.fault
        assert fault is not None
        if fault.code == "model-change-refused":
            return replace(one, strategy="recreate")
        if fault.code.startswith("pin-"):
            return replace(one, pin="")
        if fault.code.startswith("checkpoint-") or (one.step and "does not know the model" in fault.summary):
            # Only the last checkpoints of a job can be deployed.
            return replace(one, step=0)
        if outcome.status == "refused" and one.gate is not None:
            return replace(one, gate=None)
        if fault.code not in {"name-taken", "adopt-differs"}:
            return one
        if not one.adopt:
            # What is live is declared first.
            live = self.azure.raw("GET", f"{arm()}/deployments/{name}?api-version=2025-09-01")
            capacity = live.get("sku", {}).get("capacity", one.capacity)
            return replace(one, adopt=True, capacity=capacity, strategy="")
        # It cannot be adopted as it is: the person deletes it.
        self.azure.raw("DELETE", f"{arm()}/deployments/{name}?api-version=2025-09-01")
        self.serving.discard(name)
        self.stripped.discard(name)
        self.clock.sleep(70)
        return replace(one, adopt=False)


def play(seed: int, events: Sequence[Event] | None = None) -> Report:
    """Play the script of a seed, or other events under its chance."""
    prepare()
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder, without_collector():
        return Play(seed, Path(folder)).run(script(seed) if events is None else events)


def _raised_at(error: BaseException) -> str:
    """Return which check failed, or what raised: it stays the same when names and numbers in the message change."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}:{last.lineno}"
