"""A large tree against a service that throttles: is memory bounded, are threads, and is the limit respected and not fought?

    python benchmarks/load.py [--models 667] [--accounts 20] [--rate 30]

2,001 resources in 20 accounts, each account answering 30 requests a second and no more, as is documented for uploads. Apply from
nothing, then plan when there is nothing to do. Exits 1 if a limit is missed. What is judged: peak memory of the process, threads,
how many of its requests were refused with 429, and how many requests a plan makes.
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
"""Of all requests that write or list: what is refused at most, where the pace follows the answers."""


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


def main() -> int:
    """Measure, and say what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=667)
    parser.add_argument("--accounts", type=int, default=20)
    parser.add_argument("--rate", type=float, default=30.0)
    chosen = parser.parse_args()
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="reconciler-load-") as name, Emulated() as emulated:
        folder = Path(name)
        (folder / ".git").mkdir()
        some = chosen.models
        workload.manifests(
            folder / "manifests", emulated.url, datasets=some, jobs=some, deployments=some, accounts=chosen.accounts
        )
        limits = {"requests_per_second": chosen.rate, "limits_off": True}
        _control(emulated.url, "PATCH", "config", limits)
        for what, command in (
            (f"apply, {some * 3} from nothing", ["apply", "--auto-approve", "--wait"]),
            ("plan, nothing to do", ["plan"]),
        ):
            emulated.requests()
            ran = watched([*reconciler(), *command], folder, environment(folder))
            requests = emulated.requests()
            refused = sum(item["status"] == 429 for item in requests)
            print(
                f"{what}: {ran.seconds:.1f} s, {ran.memory:.0f} MB (limit {MEMORY_MB}), {ran.threads} threads (limit {THREADS}), "
                f"{len(requests)} requests, {refused} refused with 429 (limit {REFUSED:.0%})"
            )
            print(f"    {ran.last}")
            missed += [
                f"{what}: {thing}"
                for thing, bad in (
                    ("memory", ran.memory > MEMORY_MB),
                    ("threads", ran.threads > THREADS),
                    ("requests refused", refused > REFUSED * len(requests)),
                    ("not finished", "No changes." not in ran.last and what.startswith("plan")),
                )
                if bad
            ]
    for line in missed:
        print(f"MISSED  {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
