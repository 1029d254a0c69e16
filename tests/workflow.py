"""Runs the jobs of a workflow on this machine: each `run:` step in bash, as it is written; what others do is done here.

`Runner.job` goes through the steps as GitHub does: after a failure only those with `!cancelled()`, and where outputs of
steps decide, by those. Expressions are replaced from `context`; one that is not known there fails the test.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import re
import shutil
import socketserver
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from command import PATIENCE, warm

ROOT = Path(__file__).parent.parent
_OUTPUT = re.compile(r"steps\.(\w+)\.outputs\.(\w+) ([!=]=) '(\w*)'")
_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


@dataclass
class Done:
    """What became of a job. `steps` are the outcomes of its `run:` steps, by name."""

    steps: dict[str, str] = field(default_factory=dict)
    said: str = ""
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def worked(self) -> bool:
        return "failure" not in self.steps.values()

    def expect(self) -> Done:
        assert self.worked, self.said
        return self


class Runner:
    """A machine for jobs. `sources` checks out: it is given the ref that a step asks for, and a folder."""

    def __init__(self, folder: Path, env: Mapping[str, str], checkout: Callable[[str, Path], None]) -> None:
        self.folder = folder
        self.artifacts = folder / "artifacts"
        self.env = dict(env)
        self.checkout = checkout
        self.installed: list[str] = []
        self._jobs = 0
        tools = folder / "bin"
        tools.mkdir(parents=True)
        door = _door()
        python = f"#!{sys.executable} -IS\n{_KNOCK.format(door=str(door))}"
        pip = f'#!/bin/sh\necho "$@" >> {folder}/installed\n'
        for name, text in (("reconciler", python), ("python", pip)):
            (tools / name).write_text(text)
            (tools / name).chmod(0o755)
        self.env["PATH"] = f"{tools}:{os.environ['PATH']}"

    def job(self, job: Mapping[str, Any], context: Mapping[str, str], env: Mapping[str, str] | None = None) -> Done:
        self._jobs += 1
        workspace, temp = self.folder / f"work{self._jobs}", self.folder / f"temp{self._jobs}"
        workspace.mkdir()
        temp.mkdir()
        done = Done()
        known = {**context, "runner.temp": str(temp)}
        for step in job["steps"]:
            name = str(step.get("name") or step.get("uses"))
            condition = str(step.get("if", ""))
            if (not done.worked and "!cancelled()" not in condition) or not _met(condition, done):
                done.steps[name] = "skipped"
                continue
            if "uses" in step:
                self._use(step, workspace, known)
                continue
            files = {key: temp / key for key in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
            files["GITHUB_OUTPUT"].write_text("")
            own = {key: _filled(str(value), known) for key, value in step.get("env", {}).items()}
            ran = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", _plain(step["run"])],
                cwd=workspace / _filled(str(step.get("working-directory", ".")), known),
                env={
                    **self.env,
                    **(env or {}),
                    **own,
                    **{k: str(v) for k, v in files.items()},
                    "RUNNER_TEMP": str(temp),
                },
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            done.said += f"--- {name}\n{ran.stdout}{ran.stderr}"
            assert "Traceback" not in ran.stderr, ran.stderr
            done.steps[name] = "failure" if ran.returncode else "success"
            if "id" in step:
                known[f"steps.{step['id']}.outcome"] = done.steps[name]
                done.outputs[step["id"]] = _outputs(files["GITHUB_OUTPUT"].read_text())
        page = temp / "GITHUB_STEP_SUMMARY"
        done.said += f"=== summary\n{page.read_text() if page.exists() else ''}"
        return done

    def _use(self, step: Mapping[str, Any], workspace: Path, known: Mapping[str, str]) -> None:
        given = {key: _filled(str(value), known) for key, value in step.get("with", {}).items()}
        action = step["uses"].partition("@")[0]
        if action == "actions/checkout":
            assert given["persist-credentials"] == "False"
            self.checkout(given.get("ref", ""), workspace / given.get("path", "."))
        elif action == "actions/upload-artifact":
            target = self.artifacts / given["name"]
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(workspace / given["path"], target)
        elif action == "actions/download-artifact":
            shutil.copytree(self.artifacts / given["name"], workspace, dirs_exist_ok=True)
        else:
            assert action in {"actions/setup-python", "azure/login"}, action


def _met(condition: str, done: Done) -> bool:
    """Whether the outputs that a condition asks for are so."""
    return all(
        (done.outputs.get(step, {}).get(name, "") == value) == (sign == "==")
        for step, name, sign, value in _OUTPUT.findall(condition)
    )


_KNOCK = """\
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    asked = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environ": dict(os.environ)}}
    door.sendall(json.dumps(asked).encode())
    door.shutdown(socket.SHUT_WR)
    code, out, err = json.loads(door.makefile().read())
sys.stdout.write(out)
sys.stdout.flush()
sys.stderr.write(err)
sys.exit(code)
"""
"""The command as steps find it: what it asks for is run in a copy of a process that has loaded everything."""


@functools.cache
def _door() -> Path:
    """Return the socket at which commands are run, one for all tests of this process."""
    path = Path(tempfile.mkdtemp(prefix="door-")) / "s"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)

    class Answer(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            asked = json.loads(self.rfile.read())
            ran = warm().run(asked["arguments"], Path(asked["folder"]), asked["environ"], PATIENCE)
            self.wfile.write(json.dumps([ran.returncode, ran.stdout, ran.stderr]).encode())

    server = socketserver.ThreadingUnixStreamServer(str(path), Answer)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return path


def load(path: str) -> dict[str, Any]:
    """Read a workflow; `on` is no boolean here."""
    found = yaml.load((ROOT / path).read_text(), Loader=yaml.BaseLoader)
    assert isinstance(found, dict)
    for job in found.get("jobs", {}).values():
        for step in job["steps"]:
            if "persist-credentials" in step.get("with", {}):
                step["with"]["persist-credentials"] = step["with"]["persist-credentials"].capitalize()
    return found


def _plain(script: str) -> str:
    assert not _EXPRESSION.search(script), f"an expression in a script is code that others can write: {script}"
    return script


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _EXPRESSION.sub(lambda found: known[found[1]], text)


def _outputs(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        key, _, end = line.partition("<<")
        value: list[str] = []
        for part in lines:
            if part == end:
                break
            value.append(part)
        found[key] = "\n".join(value)
    return found
