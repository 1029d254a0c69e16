"""The demo: the whole story on the emulator, with the stack that this project ships."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import urllib.request
from pathlib import Path

import reconciler
from reconciler.cli.exits import ERROR, OK
from reconciler.core.fault import Fault, ReconcilerError

EDITED = ("n_epochs: 2", "n_epochs: 3")
MARKER = ".reconciler-demo"
"""A file that the demo writes first into a folder: only what bears it is the demo's own, and may be written over."""


def run_demo(folder: Path | None, *, color: bool) -> int:
    """Run the demo and return its exit code: 0 if every step did what it should."""
    began = time.monotonic()
    if folder is not None:
        _take(folder)
        code = _Demo(folder.resolve(), color=color).run()
    else:
        with tempfile.TemporaryDirectory(prefix="reconciler-demo-") as temporary:
            code = _Demo(Path(temporary).resolve(), color=color).run()
    print(f"\nThe demo took {time.monotonic() - began:.0f} s. Nothing was sent to Azure, and nothing was spent.")
    return code


def _take(folder: Path) -> None:
    """Make the folder the demo's own; refuse one that holds anything that no demo wrote."""
    holds = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    if folder.exists() and not folder.is_dir():
        detail = f"{folder} is not a folder."
    elif holds and MARKER not in holds:
        detail = f"{folder} holds {holds[0]}, which no demo wrote; the demo would write over it. Nothing was done."
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MARKER).write_text("`reconciler demo` made this folder, and writes it anew when it runs again.\n")
        return
    raise ReconcilerError(
        Fault(
            "demo-folder-taken",
            "The demo works only in a folder of its own",
            detail,
            "Name a folder that is empty or does not exist:\n  reconciler demo --folder reconciler-demo",
        )
    )


def shipped_stack() -> Path:
    """Return the folder of the stack that is shipped: inside the installed package, or in a checkout."""
    package = Path(reconciler.__file__).parent
    for place in (package / "_stack", package.parent / "manifests"):
        if (place / "account.yaml").is_file():
            return place
    raise ReconcilerError(Fault("demo-missing", "The demo's manifests are not installed", str(package)))


class _Demo:
    def __init__(self, folder: Path, *, color: bool) -> None:
        self.folder = folder
        self.color = color
        self.failed: list[str] = []

    def run(self) -> int:
        manifests = self.folder / "manifests"
        shutil.copytree(shipped_stack(), manifests, dirs_exist_ok=True)
        state = self.folder / ".reconciler" / "emulator"
        shutil.rmtree(state, ignore_errors=True)
        before, here = dict(os.environ), Path.cwd()
        os.environ["RECONCILER_EMULATOR_STATE"] = str(state)
        os.environ["RECONCILER_CACHE_DIR"] = str(self.folder / ".reconciler" / "cache")
        os.chdir(self.folder)
        try:
            self._story(manifests / "support-tone.yaml")
        finally:
            os.chdir(here)
            os.environ.clear()
            os.environ.update(before)
        for step in self.failed:
            print(f"demo: this step did not end as it should: {step}")
        return ERROR if self.failed else OK

    def _story(self, manifest: Path) -> None:
        self._say("Two small models are declared in manifests/. Is everything valid? (offline, nothing is sent)")
        self._run("validate", expect=0)
        self._say("What would happen?")
        self._run("--emulator plan --detailed-exitcode", expect=2)
        self._say("Do it, and wait until the models are trained and deployed.")
        self._run("--emulator apply --auto-approve --wait", expect=0)
        self._say("Is there anything left to do?")
        self._run("--emulator plan --detailed-exitcode", expect=0)
        self._say(f"Somebody edits one hyperparameter: {EDITED[0]} becomes {EDITED[1]}. What would that do, and why?")
        self._edit(manifest, *EDITED)
        self._run("--emulator plan --detailed-exitcode", expect=2)
        self._say("The edit is reverted. The first model is found again: nothing is trained.")
        self._edit(manifest, *reversed(EDITED))
        self._run("--emulator plan --detailed-exitcode", expect=0)
        self._say("Somebody changes a deployment in the portal. Does anybody notice?")
        self._change_by_hand("support-tone", capacity=10)
        self._run("--emulator drift", expect=2)

    def _say(self, text: str) -> None:
        print(f"\n\033[1m# {text}\033[0m" if self.color else f"\n# {text}", flush=True)

    def _run(self, command: str, *, expect: int) -> None:
        from reconciler.cli.main import run

        print(f"$ reconciler {command}", flush=True)
        code = run(command.split())
        if code != expect:
            self.failed.append(f"reconciler {command} (exit {code}, not {expect})")

    def _edit(self, manifest: Path, old: str, new: str) -> None:
        text = manifest.read_text(encoding="utf-8")
        if old not in text:
            self.failed.append(f"{manifest.name} does not hold {old!r}")
        manifest.write_text(text.replace(old, new), encoding="utf-8")

    def _change_by_hand(self, deployment: str, *, capacity: int) -> None:
        """Change a deployment as the portal would: through the control plane, past the manifests."""
        from reconciler.cli.compose import load_tree
        from reconciler.cli.emulated import emulated_accounts

        state = Path(os.environ["RECONCILER_EMULATOR_STATE"])
        with emulated_accounts(load_tree(Path("manifests")).accounts, state) as accounts:
            account = next(iter(accounts.values()))
            url = (
                f"{account.spec.management_endpoint}{account.spec.resource_id}/deployments/{deployment}"
                "?api-version=2025-09-01"
            )
            body = {"sku": {"name": "GlobalStandard", "capacity": capacity}}
            request = urllib.request.Request(  # noqa: S310  (a loopback address of our own)
                url,
                data=json.dumps(body).encode(),
                method="PATCH",
                headers={"Authorization": "Bearer portal", "Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310  (same)
                pass
            time.sleep(1.0)
