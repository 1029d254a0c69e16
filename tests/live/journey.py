"""The smallest run from end to end, by the command itself: train, deploy, change nothing, notice drift, the laws of each kind, take away."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from live.account import Place, Wish
from live.examples import rows
from live.ground import DATASET, Ground
from live.laws import LAWS

COMMAND = (sys.executable, "-m", "reconciler.cli.main")
STACK = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: live-tone}}
spec:
  model: {model}
  training_file: data/live-train.jsonl
  validation_file: data/live-valid.jsonl
  training_type: {training_type}
  seed: 7
  method: {{hyperparameters: {{n_epochs: 3, batch_size: 1}}}}
---
apiVersion: reconciler/v1
kind: Deployment
metadata: {{name: live-tone}}
spec:
  model: {{job: live-tone}}
  sku: {{name: DeveloperTier, capacity: 1}}
"""


@dataclass(frozen=True)
class Step:
    """One command and what it must end with."""

    what: str
    passed: bool
    said: str = ""


class Journey:
    """A repository in a folder, and the steps through it."""

    def __init__(self, place: Place, say: Callable[[str], None]) -> None:
        self._place = place
        self._folder = place.folder
        self._say = say
        self._encoding = "utf-8-bom"
        self.steps: list[Step] = []
        manifests = place.folder / "manifests"
        (manifests / "data").mkdir(exist_ok=True)
        wish = place.wish
        (manifests / "stack.yaml").write_text(
            STACK.format(model=wish.model, training_type=wish.training_type), encoding="utf-8"
        )
        (manifests / "data/live-train.jsonl").write_bytes(rows())
        (manifests / "data/live-valid.jsonl").write_bytes(rows(10))

    def send_without_mark(self) -> None:
        """Declare the data so that it is sent without a byte order mark, to an account that takes none."""
        self._encoding = "utf-8"
        stack = self._folder / "manifests/stack.yaml"
        text = stack.read_text(encoding="utf-8")
        for name in ("live-train", "live-valid"):
            text = text.replace(f"data/{name}.jsonl", f"{{dataset: {name}}}")
        more = (DATASET.format(name=name, encoding=self._encoding) for name in ("live-train", "live-valid"))
        stack.write_text("---\n".join((text, *more)), encoding="utf-8")

    def train_and_serve(self) -> bool:
        """Go as far as a model that answers; returns whether there is one."""
        wait = f"{self._place.wish.hours * 60:.0f}m"
        made = self._run("apply", "--auto-approve", "--wait", "--settle", "15m", expect=(0,), limit=wait)
        if not made:
            return False
        serves = self._place.deployments.get("live-tone")
        self._place.made.models.append(str(serves["properties"]["model"]["name"]))
        self._place.made.deployments.append("live-tone")
        return bool(self._place.made.models)

    def look_again(self) -> None:
        """What was applied shows no changes, in each of the ways to look."""
        self._run("plan", "--detailed-exitcode", expect=(0,))
        self._run("drift", expect=(0,))
        self._run("status", expect=(0,))
        self._run("report", "FineTuneJob/live-tone", expect=(0,))
        stack = self._folder / "manifests/stack.yaml"
        before = stack.read_text(encoding="utf-8")
        stack.write_text(before.replace("n_epochs: 3", "n_epochs: 2"), encoding="utf-8")
        self._run("plan", "--detailed-exitcode", expect=(2,), what="an edit would train anew")
        stack.write_text(before, encoding="utf-8")
        self._run("plan", "--detailed-exitcode", expect=(0,), what="reverted, nothing is to be done")
        self._place.deployments.patch("live-tone", {"sku": {"name": "DeveloperTier", "capacity": 2}})
        self._place.settled("live-tone")
        self._run("drift", expect=(2,), what="a change by hand is noticed")
        self._run("apply", "--auto-approve", expect=(0,), what="and undone")
        self._run("plan", "--detailed-exitcode", expect=(0,))

    def each_kind(self) -> None:
        """The laws of each kind, by the product's engine and gateways in this process (laws.py)."""
        ground = Ground(self._place, self._encoding)
        for law in LAWS:
            said = ""
            try:
                law.check(ground)
            except Exception as error:  # noqa: BLE001  (a law that fails must not keep the others from being tried)
                said = f"{type(error).__name__}: {error}"[:2000]
            finally:
                ground.tidy()
            self.steps.append(Step(law.what, not said, said))
            self._say(f"{'FAIL' if said else 'ok  '} {law.what}{said and chr(10) + said}")
        ground.close()

    def take_away(self) -> None:
        """Delete what the command made, by the command."""
        self._run("destroy", "--auto-approve", expect=(0,))

    def _run(self, *arguments: str, expect: tuple[int, ...], what: str = "", limit: str = "60m") -> bool:
        seconds = float(limit.removesuffix("m")) * 60 + 900
        command = " ".join(arguments)
        try:
            ran = subprocess.run(
                [*COMMAND, *arguments],
                cwd=self._folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
            passed, said = ran.returncode in expect, (ran.stdout + ran.stderr)[-2000:]
        except subprocess.TimeoutExpired:
            passed, said = False, f"not done within {seconds:.0f} s"
        self.steps.append(Step(f"{command}{f': {what}' if what else ''}", passed, "" if passed else said))
        self._say(f"{'ok  ' if passed else 'FAIL'} reconciler {command}{'' if passed else chr(10) + said}")
        return passed

    def _environment(self) -> Mapping[str, str]:
        return {**os.environ, **self._place.environ, "RECONCILER_CACHE_DIR": str(self._folder / "cache")}


def wish_of(environ: Mapping[str, str]) -> Wish | str:
    """Read what to run from the environment; returns what is missing if something is."""
    resource_id = environ.get("RECONCILER_LIVE_RESOURCE_ID", "")
    if not resource_id:
        return "RECONCILER_LIVE_RESOURCE_ID is not set: the Resource ID of an account that may be used for this"
    known = {
        "model": "RECONCILER_LIVE_MODEL",
        "training_type": "RECONCILER_LIVE_TRAINING_TYPE",
        "endpoint": "RECONCILER_LIVE_ENDPOINT",
        "management_endpoint": "RECONCILER_LIVE_MANAGEMENT_ENDPOINT",
        "import_url": "RECONCILER_LIVE_IMPORT_URL",
        "owner": "RECONCILER_LIVE_OWNER",
        "api": "RECONCILER_LIVE_API",
    }
    given = {field: environ[name] for field, name in known.items() if environ.get(name)}
    try:
        hours = float(environ.get("RECONCILER_LIVE_HOURS", "6"))
        max_usd = float(environ.get("RECONCILER_LIVE_MAX_USD", "5"))
    except ValueError as error:
        return f"RECONCILER_LIVE_HOURS and RECONCILER_LIVE_MAX_USD are numbers: {error}"
    return Wish(resource_id, **{"owner": "live-suite", **given}, hours=hours, max_usd=min(max_usd, 5.0))
