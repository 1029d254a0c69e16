"""Compares reconciler with Terraform, side by side on this machine, and checks the ratios against their limits.

    python benchmarks/terraform.py [--quick]

Only ratios are judged, each of two things measured in turn in the same run, by the median. Exits 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
import tempfile
import time
from pathlib import Path

import critical_path
import split
import workload
from measure import Emulated, environment, in_turn, median, reconciler, run
from report import Row, report
from terraform_core import Terraform

MODELS = 333
"""Each of three resources."""
ACCOUNTS = 4
LATENCY = 0.1
SHIPPED = Path(__file__).resolve().parent.parent / "manifests"
SETTLED = 2.5
"""Seconds after which the digests of data files are remembered: younger time stamps prove nothing."""


class Bench:
    """One run of everything; `times` and `applies` are how often plans and applies are measured."""

    def __init__(self, folder: Path, times: int, applies: int) -> None:
        self.folder = folder
        self.times = times
        self.applies = applies
        self.environ = environment(folder)
        self.rows: list[Row] = []

    def command(self, repository: Path, *arguments: str) -> float:
        """Run reconciler and return the seconds of the whole process."""
        return run([*reconciler(), *arguments], repository, self.environ).seconds

    def repository(self, name: str, url: str, models: int, accounts: int = ACCOUNTS) -> Path:
        """Write a repository of manifests with three resources for each model."""
        repository = self.folder / name
        (repository / ".git").mkdir(parents=True)
        workload.manifests(
            repository / "manifests", url, datasets=models, jobs=models, deployments=models, accounts=accounts
        )
        return repository

    def against_terraform(self) -> None:
        """Create everything from nothing, then plan when there is nothing to do."""
        resources = MODELS * 3
        terraform = Terraform(self.folder / "terraform", self.environ)
        workload.terraform(self.folder / "terraform", models=MODELS)
        print(f"{resources} resources in {ACCOUNTS} accounts, against {terraform.version()}", flush=True)
        terraform.init()
        with Emulated() as emulated:
            repository = self.repository("compared", emulated.url, MODELS)
            time.sleep(SETTLED)
            self.command(repository, "validate")

            def apply() -> float:
                emulated.reset()
                return self.command(repository, "apply", "--auto-approve")

            def plan() -> float:
                ran = run([*reconciler(), "plan"], repository, self.environ)
                assert "No changes." in ran.stdout, ran.stdout
                return ran.seconds

            applied = in_turn(self.applies, apply, lambda: terraform.apply(resources))
            self._compared(f"apply, {resources} from nothing", applied, limit=0.5, goal=0.35)
            plan()
            terraform.plan()
            planned = in_turn(self.times, plan, terraform.plan)
            self._compared(f"plan, {resources} unchanged", planned, limit=1.25, goal=1.0)
            print("Our plan, part by part (milliseconds, median):")
            for part, seconds in split.parts(repository, self.environ, self.times).items():
                print(f"  {part:<34}{seconds * 1000:7.0f}")

    def requests(self) -> None:
        """Count the requests of a plan that finds nothing to do: they must not grow with the number of resources."""
        counts: dict[int, int] = {}
        for models in sorted({3, 33, MODELS}):
            with Emulated() as emulated:
                repository = self.repository(f"counted-{models}", emulated.url, models)
                self.command(repository, "apply", "--auto-approve")
                emulated.requests()
                self.command(repository, "plan")
                log = emulated.requests()
            further = sum(1 for item in log if {"after", "$skiptoken"} & set(dict(item["query"])))  # type: ignore[call-overload]
            counts[models * 3] = len(log) - further
            print(
                f"Requests of a plan without changes: {models * 3:>4} resources, {len(log)} requests, {further} of them further pages"
            )
        few, many = min(counts.values()), max(counts.values())
        self.rows.append(Row("requests of a plan, most : fewest", str(many), str(few), many / few, 1.0))

    def light(self) -> None:
        """Compare what needs no Azure with an interpreter that does nothing; neither may import an SDK."""
        shipped = self.folder / "shipped"
        shipped.mkdir()
        nothing, help_, validate = in_turn(
            self.times * 2,
            lambda: run([sys.executable, "-c", "pass"], shipped, self.environ).seconds,
            lambda: self.command(shipped, "--help"),
            lambda: self.command(SHIPPED.parent, "validate", str(SHIPPED)),
        )
        for what, seconds, limit in (("--help", help_, 8.0), ("validate manifests/", validate, 25.0)):
            self._compared(f"{what} : python -c pass", [seconds, nothing], limit=limit)
        for arguments in (["--help"], ["validate", str(SHIPPED)]):
            sdks = _imported([*arguments], SHIPPED.parent, self.environ) & {"openai", "azure"}
            assert not sdks, f"{arguments[0]} imports {', '.join(sdks)}"

    def far_away(self) -> None:
        """Compare an apply where each answer takes 100 ms with the longest chain of requests that need each other."""
        wall: list[float] = []
        began: list[float] = []
        path = 0
        for number in range(self.times):
            with Emulated(LATENCY) as emulated:
                repository = self.folder / f"far-{number}"
                (repository / ".git").mkdir(parents=True)
                workload.manifests(
                    repository / "manifests", emulated.url, datasets=4, jobs=2, deployments=2, accounts=1
                )
                start = time.time()
                seconds = self.command(repository, "apply", "--auto-approve")
                log = emulated.requests()
            started = float(str(log[0]["time"])) - start
            path = critical_path.length(log)
            began.append(started)
            wall.append(seconds - started)
        least = path * LATENCY
        whole = median([sum(parts) for parts in zip(began, wall, strict=True)])
        print(
            f"Apply with {LATENCY * 1000:.0f} ms an answer: {len(log)} requests, {path} on the critical path; "
            f"first request after {median(began):.2f} s, whole command {whole:.2f} s ({whole / least:.2f} times the path)"
        )
        seconds = median(wall)
        what = "apply from its first request : critical path"
        self.rows.append(Row(what, f"{seconds:.2f} s", f"{least:.2f} s", seconds / least, 1.3))

    def _compared(self, what: str, measured: list[list[float]], *, limit: float, goal: float | None = None) -> None:
        ours, theirs = map(median, measured)
        self.rows.append(Row(what, _seconds(ours), _seconds(theirs), ours / theirs, limit, goal))


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value >= 1 else f"{value * 1000:.0f} ms"


def _imported(arguments: list[str], folder: Path, environ: dict[str, str]) -> set[str]:
    """Return the top-level packages that a command imports."""
    command = [sys.executable, "-X", "importtime", "-c", "from reconciler.cli.main import main; main()", *arguments]
    said = run(command, folder, environ).stderr
    return {found[1].partition(".")[0] for found in re.finditer(r"^import time:.*\| +(\S+)$", said, re.MULTILINE)}


def main() -> int:
    """Measure everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="Fewer repetitions: a minute or two in place of many.")
    quick = parser.parse_args().quick
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} processors. All servers are on this machine (loopback)."
    )
    print("The service limits of the emulator are off, and its jobs and deployments take no time.")
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as name:
        bench = Bench(Path(name), times=5 if quick else 11, applies=1 if quick else 3)
        bench.against_terraform()
        bench.requests()
        bench.light()
        bench.far_away()
    report(bench.rows)
    return 0 if all(row.kept for row in bench.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
