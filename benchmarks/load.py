"""A large tree against a service that throttles: is memory bounded, are threads, and is the limit respected and not fought?

    python benchmarks/load.py [--models 667] [--accounts 20] [--rate 30]

2,001 resources in 20 accounts, each account answering 30 requests a second and no more, as is documented for uploads; then 300 in
one account, where that limit is met. Apply from nothing, then plan when there is nothing to do. Exits 1 if a limit is missed. What
is judged: peak memory of the process, threads, how many of its requests were refused with 429, that whoever was refused with
`Retry-After: 1` did not come back before (then no second has more refusals than the process has threads), and how many requests a
plan makes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import workload
from measure import Emulated, environment, reconciler

MEMORY_MB = 400
THREADS = 40
REFUSED = 0.10
"""Of all requests: what is refused at most, where the pace follows the answers."""
NARROW = 100
"""Models in one account: enough to meet its limit, in which everything takes longer than without it."""


@dataclass(frozen=True)
class Watched:
    """One process that ended: its seconds, the most memory in MB and threads that it had, and what it printed last."""

    seconds: float
    memory: float
    threads: int
    last: str


def watched(command: list[str], folder: Path, environ: dict[str, str]) -> Watched:
    """Run a command and look at it every tenth of a second; raises if it fails."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, cwd=folder, env=environ, stdout=out, stderr=subprocess.STDOUT)
        memory, threads = 0.0, 0
        while process.poll() is None:
            seen = _status(process.pid)
            memory, threads = max(memory, seen.get("VmHWM", 0) / 1024), max(threads, int(seen.get("Threads", 0)))
            time.sleep(0.1)
        out.seek(0)
        said = out.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said[-3000:]}")
    lines = [line for line in said.splitlines() if line.strip()]
    return Watched(time.perf_counter() - began, memory, threads, lines[-1] if lines else "")


def _status(pid: int) -> dict[str, float]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    found = (line.split(":", 1) for line in lines if line.startswith(("VmHWM", "Threads")))
    return {name: float(value.split()[0]) for name, value in found}


def _control(url: str, method: str, route: str, body: object = None) -> bytes:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{url}/_emulator/{route}", data=data, method=method)
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def run(models: int, accounts: int, rate: float) -> list[str]:
    """Measure one tree, say what was measured, and return what was missed."""
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="reconciler-load-") as name, Emulated() as emulated:
        folder = Path(name)
        (folder / ".git").mkdir()
        workload.manifests(
            folder / "manifests",
            emulated.url,
            datasets=models,
            jobs=models,
            deployments=models,
            accounts=accounts,
        )
        limits = {"requests_per_second": rate, "limits_off": True}
        _control(emulated.url, "PATCH", "config", limits)
        for what, command in (
            (f"apply, {models * 3} in {accounts} account(s) from nothing", ["apply", "--auto-approve", "--wait"]),
            ("plan, nothing to do", ["plan"]),
        ):
            emulated.requests()
            ran = watched([*reconciler(), *command], folder, environment(folder))
            requests = emulated.requests()
            times = [float(str(item["time"])) for item in requests if item["status"] == 429]
            refused, burst = len(times), max((sum(at <= other < at + 1 for other in times) for at in times), default=0)
            print(
                f"{what}: {ran.seconds:.1f} s, {ran.memory:.0f} MB (limit {MEMORY_MB}), {ran.threads} threads (limit {THREADS}), "
                f"{len(requests)} requests, {refused} refused with 429 (limit {REFUSED:.0%}), "
                f"at most {burst} in a second (limit {ran.threads})"
            )
            print(f"    {ran.last}")
            missed += [
                f"{what}: {thing}"
                for thing, bad in (
                    ("memory", ran.memory > MEMORY_MB),
                    ("threads", ran.threads > THREADS),
                    ("requests refused", refused > REFUSED * len(requests)),
                    ("Retry-After not kept", burst > ran.threads),
                    ("not finished", "No changes." not in ran.last and what.startswith("plan")),
                )
                if bad
            ]
    return missed


def main() -> int:
    """Measure, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=667)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--rate", type=float, default=30.0)
    chosen = parser.parse_args()
    missed = run(chosen.models, chosen.accounts, chosen.rate)
    missed += run(min(NARROW, chosen.models), 1, chosen.rate)
    for line in missed:
        print(f"MISSED  {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
