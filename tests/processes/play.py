"""Plays a script with real processes: the service, the commands, and SIGKILL; then finishes the work and checks it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from command import ACCOUNT, PATIENCE, Ran, Site, ended
from harness import arm
from processes.mortal import OVERWRITTEN
from processes.script import APPLY, PLAN, PRUNE, Death, Round, Script, script
from processes.service import CONFIG
from simulation.tree import Tree

from reconciler.emulator import Emulator
from reconciler.emulator import Request as Asked

HERE = Path(__file__).parent
MORTAL = (sys.executable, "-W", "error", str(HERE / "mortal.py"))
SECRET = "0f6c1d5e7a9b4c3d8e2f1a0b9c8d7e6f"
FINISHES = 6
"""Runs within which everything is as committed."""
EMPTY = "No changes. Azure matches the manifests"
TRAINED = 400.0
"""Seconds after which every training has ended."""
HANDMADE = {
    "sku": {"name": "GlobalStandard", "capacity": 1},
    "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
}


class Broken(Exception):
    """A promise that was not kept."""


class Service:
    """The emulator in a process of its own: it takes orders, can be killed, and comes back where it was."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._port = 0
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "processes.service", str(self._state), str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
        )
        self.url = self._read()
        self._port = int(self.url.rpartition(":")[2])

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def order(self, **order: Any) -> None:
        """Have it do something; returns when it has."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        assert self._read() == "ok"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request as somebody else."""
        headers = {"authorization": "Bearer hand", "content-type": "application/json"}
        raw = json.dumps(body).encode() if body is not None else None
        with urlopen(Request(self.url + path, raw, headers, method=method)) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    def revive(self) -> bool:
        """Start it again if it was killed; tell whether it was."""
        if self._process.poll() is None:
            return False
        self.close()
        self._start()
        return True

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


class Embedded:
    """The state that `--emulator` keeps in the repository, looked at between commands."""

    url = "http://127.0.0.1:1"

    def __init__(self, folder: Path) -> None:
        self._state = folder / ".reconciler/emulator"

    @contextmanager
    def _opened(self) -> Iterator[Emulator]:
        emulator = Emulator(self._state, config=CONFIG)
        try:
            yield emulator
        finally:
            emulator.close()

    def order(self, **_: Any) -> None:
        """There is nobody to order about."""

    def revive(self) -> bool:
        """It comes back with each command."""
        return False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request as somebody else."""
        raw = json.dumps(body).encode() if body is not None else b""
        headers = {"host": "127.0.0.1", "authorization": "Bearer hand", "content-type": "application/json"}
        with self._opened() as emulator:
            answer = emulator.handle(Asked.from_target(method, path, headers, raw))
        assert answer.status < 300, answer.body
        return json.loads(answer.body) if answer.body else None


@dataclass
class Report:
    """What happened with one seed."""

    broken: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    said: str = ""


class Play:
    """One seed."""

    def __init__(self, folder: Path, service: Service | Embedded, *, embedded: bool) -> None:
        self.site = Site(folder, None)
        self.site.env |= {"AZURE_OPENAI_API_KEY": SECRET, "AZURE_CLIENT_SECRET": SECRET[::-1]}
        self.service = service
        self.options = ("--emulator",) if embedded else ()
        self.tree = Tree()
        self.commits = [self.tree]
        self.report = Report()

    def run(self, rounds: Sequence[Round]) -> Report:
        """Play the rounds, finish the work, check."""
        try:
            if isinstance(self.service, Service):
                self.service.call("POST", "/_emulator/reset")
                self.service.call("PATCH", "/_emulator/config", CONFIG.plain())
            self.service.call("PUT", f"{arm()}/deployments/handmade?api-version=2025-09-01", HANDMADE)
            self._write()
            for one in rounds:
                self._round(one)
            self._finish()
            self._check()
        except Broken as error:
            self.report.broken = str(error)
        finally:
            self.site.close()
        return self.report

    def _write(self) -> None:
        self.tree.write(self.site.folder)
        self.site.write("manifests/account.yaml", ACCOUNT.format(url=self.service.url))

    # -- the troubles

    def _round(self, one: Round) -> None:
        self.report.said += f"== {one}\n"
        if one.commit:
            self.tree = self.tree.changed(one.commit, one.pick, self.commits, {})
            self.commits.append(self.tree)
            self._write()
        self.service.order(hold=True)
        processes = [
            self._started(command, one.death if not number else None) for number, command in enumerate(one.commands)
        ]
        outside = one.death if one.death and one.death.moment != "file" else None
        self.service.order(
            at=outside.number if outside else 0,
            victim=0 if outside and outside.service else processes[0].pid,
            carried_out=bool(outside) and outside.moment.endswith("+") if outside else False,
        )
        for number, process in enumerate(processes):
            self._heard(ended(process, 2 * PATIENCE), may_die=not number and one.death is not None)
        if self.service.revive():
            if not (outside and outside.service):
                raise Broken("the service died, and nobody killed it")
            self.report.counts["service killed"] += 1
        # Who ended before the moment came is not killed later; somebody else may have the number by then.
        self.service.order(at=0)
        if len(processes) > 1:
            self.report.counts["two processes at once"] += 1
            # Who was killed between its create and its look back has told nobody: the next scheduled run looks.
            self._heard(self._command(*APPLY))
        if PLAN in one.commands and (self.site.folder / PLAN[-1]).exists():
            self._heard(self._command(*APPLY, "--plan", PLAN[-1]))
        self._pass_time()

    def _started(self, command: tuple[str, ...], death: Death | None) -> subprocess.Popen[str]:
        self.report.counts[f"run {command[0]}"] += 1
        inside = death and (death.moment == "file" or bool(self.options))
        what, number = (death.moment, death.number) if death and inside else ("request", 0)
        process = subprocess.Popen(
            [*MORTAL, what, str(number), str(self.site.folder.parent), *self.options, *command],
            cwd=self.site.folder,
            env=self.site.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.site.adopt(process)
        return process

    def _command(self, *command: str) -> Ran:
        self.report.counts[f"run {command[0]}"] += 1
        return self.site.run(*self.options, *command, timeout=2 * PATIENCE)

    def _pass_time(self) -> None:
        self.service.call("POST", "/_emulator/clock", {"advance_s": TRAINED})

    def _heard(self, ran: Ran, *, may_die: bool = False) -> Ran:
        """Check what any run may say, and how it may end."""
        self.report.said += f"-- exit {ran.code}\n{ran.out[-1500:]}{ran.err[-1500:]}"
        killed = ran.code == -signal.SIGKILL
        self.report.counts["killed"] += killed
        if not (killed and may_die) and ran.code not in {0, 1, 2, 4}:
            raise Broken(f"exit code {ran.code}: {ran.text[-800:]}")
        for word in ("Traceback", "bug in reconciler", OVERWRITTEN, SECRET, SECRET[::-1], "variant-"):
            if word in ran.text:
                raise Broken(f"{word!r} was said: {ran.text[-800:]}")
        return ran

    # -- the end

    def _finish(self) -> None:
        """Run as a schedule would, until a plan is empty."""
        if isinstance(self.service, Service):
            self.service.call("PATCH", "/_emulator/config", {"pending_seconds": 0.0, "running_seconds": 0.0})
        said = ""
        for _ in range(FINISHES):
            wait = () if self.options else ("--wait",)
            applied = self._heard(self._command(*PRUNE, *wait))
            self._pass_time()
            planned = self._heard(self._command("plan", "--detailed-exitcode"))
            said = applied.text[-800:] + planned.text[-800:]
            if not (applied.code or planned.code) and any(line.startswith(EMPTY) for line in planned.out.splitlines()):
                return
        raise Broken(f"not done after {FINISHES} runs: {said}")

    def _check(self) -> None:
        state = self.service.call("GET", "/_emulator/state")["accounts"]["acme"]
        live = [job for job in state["jobs"] if job["status"] not in {"failed", "cancelled"}]
        self._once("job of a digest", [job["suffix"][:12] for job in live])
        self._once("file of a version of a dataset", [file["filename"] for file in state["files"]])
        by_model = {job["fine_tuned_model"]: job for job in live}
        served = {one["name"]: one for one in state["deployments"]}
        if served.pop("handmade")["sku"] != HANDMADE["sku"]:
            raise Broken("what is not ours has changed")
        if served.keys() != self.tree.served.keys():
            raise Broken(f"deployments {sorted(served)}, declared {sorted(self.tree.served)}")
        for name, one in self.tree.served.items():
            job = by_model.get(served[name]["properties"]["model"]["name"])
            epochs = job and job["hyperparameters"]["n_epochs"]
            if epochs != self.tree.jobs[one.job].epochs or served[name]["sku"]["capacity"] != one.capacity:
                raise Broken(f"deployment {name} is not as declared: {served[name]}, {epochs} epochs")
        for path in self.site.folder.parent.rglob("*"):
            self._local(path)

    def _once(self, what: str, names: Sequence[str]) -> None:
        twice = [name for name, count in Counter(names).items() if count > 1]
        if twice:
            raise Broken(f"more than one {what}: {twice}")

    def _local(self, path: Path) -> None:
        """No file of ours is torn, none is open to others, none holds a secret."""
        if not path.is_file() or "manifests" in path.parts:
            return
        content = path.read_bytes()
        if path.name in {"scans.json", "plan.json"}:
            json.loads(content)
        if path.name != ".gitignore" and path.stat().st_mode & 0o077:
            parents = [folder for folder in path.parents if folder.is_relative_to(self.site.folder.parent)]
            if all(folder.stat().st_mode & 0o077 for folder in parents):
                raise Broken(f"others can read {path}")
        if any(secret.encode() in content for secret in (SECRET, SECRET[::-1])):
            raise Broken(f"a secret is in {path}")


def play(seed: int, folder: Path, service: Service) -> Report:
    """Play a seed in an empty folder."""
    chosen: Script = script(seed)
    site = folder / "repo"
    site.mkdir(parents=True)
    played = Play(site, Embedded(site) if chosen.embedded else service, embedded=chosen.embedded)
    report = played.run(chosen.rounds)
    report.counts["embedded emulator"] += chosen.embedded
    for one in chosen.rounds:
        report.counts[f"death by {one.death.moment}" if one.death else "no death"] += 1
    return report
