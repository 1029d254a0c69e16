"""Where the time of a plan goes: the same steps as the command's, one after the other, with a clock between them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from measure import median, run

_STEPS = """
import gc, sys, time
marks = [("", time.perf_counter())]
def mark(name):
    marks.append((name, time.perf_counter()))
gc.freeze()
gc.set_threshold(400_000, 20, 20)
import contextlib, io, json, os
from pathlib import Path
import reconciler.cli.main
mark("imports: command line")
from reconciler.cli import compose
from reconciler.cli.plan import show
mark("imports: ours, pydantic, yaml")
with compose.workbench(Path("manifests"), compose.Settings()) as bench:
    mark("loading manifests")
    for session in bench.sessions.values():
        session.control_client()
    mark("azure: import and clients")
    for session in bench.sessions.values():
        session.data_client().fine_tuning.jobs, session.data_client().models
    mark("openai: import and clients")
    world = bench.engine.observe()
    mark("requests")
    plan = bench.plan(bench.options(), world)
    mark("planning")
    with contextlib.redirect_stdout(io.StringIO()):
        show(plan, bench)
    mark("rendering")
print(json.dumps({name: at - marks[n][1] for n, (name, at) in enumerate(marks[1:])}), flush=True)
os._exit(0)
"""


def parts(repository: Path, environ: Mapping[str, str], times: int) -> dict[str, float]:
    """Return the median seconds of each part."""
    found: dict[str, list[float]] = {}
    for _ in range(times):
        ran = run([sys.executable, "-c", _STEPS], repository, environ)
        inside: dict[str, float] = json.loads(ran.stdout)
        for name, seconds in inside.items():
            found.setdefault(name, []).append(seconds)
        found.setdefault("interpreter: start and end", []).append(ran.seconds - sum(inside.values()))
    return {name: median(seconds) for name, seconds in found.items()}
