"""The recipes of docs/recipes.md: what their shell steps say is done here, from a push to the end of the training."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import ACCOUNT
from harness import STACK, Azure, examples
from workflow import ROOT, Runner

VARIABLE = re.compile(r"\$\(([A-Za-z.]+)\)")


class Later:
    """The machine's time, some seconds ahead."""

    ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead

    __call__ = now

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Machine:
    """A clone of a repository, the tools that recipes call, and an Azure."""

    def __init__(self, folder: Path, azure: Azure, clock: Later) -> None:
        self.azure, self.clock = azure, clock
        runner = Runner(folder / "machine", {}, lambda *_: None)
        tools = folder / "machine/bin"
        (tools / "pip").symlink_to(tools / "python")
        (folder / "home").mkdir()
        self.env = {
            "PATH": runner.env["PATH"],
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        self.origin, self.work, self.temp = folder / "origin", folder / "work", folder / "temp"
        self.temp.mkdir()
        for name, text in (
            ("account.yaml", ACCOUNT.format(url=azure.server.url)),
            ("stack.yaml", STACK),
            ("data/train.jsonl", examples(60)),
            ("data/valid.jsonl", examples(12, "check")),
        ):
            file = self.origin / "manifests" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("config", "user.email", "someone@example.com")
        self.git("config", "user.name", "Someone")
        self.commit()
        self.git("clone", "--quiet", str(self.origin), str(self.work))

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.origin, env=self.env, check=True)

    def commit(self) -> None:
        self.git("add", ".")
        self.git("commit", "--quiet", "--message=a change")

    def sh(self, script: str, code: int = 0, **variables: str) -> str:
        """Run a step as these systems do, in the clone; its exit code must be this."""
        ran = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", script],
            cwd=self.work,
            env={**self.env, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ran.returncode == code, f"{script}\n{ran.stdout}{ran.stderr}"
        assert "Traceback" not in ran.stderr
        return ran.stdout + ran.stderr

    def jobs(self) -> list[str]:
        return [job["status"] for job in self.azure.jobs()]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    clock = Later()
    instant = dict.fromkeys(("file_processing_seconds", "pending_seconds", "deployment_seconds", "delete_seconds"), 0.0)
    azure = Azure(clock, **{**instant, "running_seconds": 3600.0})
    try:
        yield Machine(tmp_path, azure, clock)
    finally:
        azure.close()


def recipe(number: int) -> Any:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.DOTALL)
    return yaml.safe_load(blocks[number])


def scripts(steps: list[dict[str, Any]], values: dict[str, str]) -> list[str]:
    """Return what the steps of Azure DevOps run, with its variables filled in."""
    said = [step.get("script") or step.get("inputs", {}).get("inlineScript") for step in steps]
    return [VARIABLE.sub(lambda found: values[found[1]], text) for text in said if text]


def test_azure_devops(machine: Machine) -> None:
    plan, apply = recipe(0)["stages"]
    for steps in (plan["jobs"][0]["steps"], apply["jobs"][0]["strategy"]["runOnce"]["deploy"]["steps"]):
        own = next(at for at, step in enumerate(steps) if step.get("task") == "UsePythonVersion@0")
        (install,) = (at for at, step in enumerate(steps) if "pip install" in step.get("script", ""))
        assert own < install, "an agent may not write to the system's Python"
        assert steps[install]["script"].startswith("python -I -m pip install "), "the one that the task chose"
    values = {"Agent.TempDirectory": str(machine.temp), "Pipeline.Workspace": str(machine.temp / "pipeline")}
    said = "".join(machine.sh(step) for step in scripts(plan["jobs"][0]["steps"], values))
    assert f"##vso[task.uploadsummary]{machine.temp}/plan.md" in said
    assert "FineTuneJob/tone" in (machine.temp / "plan.md").read_text()
    assert machine.azure.writes() == []
    (machine.temp / "pipeline/plan").mkdir(parents=True)
    (machine.temp / "plan.json").rename(machine.temp / "pipeline/plan/plan.json")
    steps = scripts(apply["jobs"][0]["strategy"]["runOnce"]["deploy"]["steps"], values)
    for step in steps:
        machine.sh(step)
    assert len(machine.jobs()) == 1
    machine.clock.ahead += 2 * 3600
    machine.sh("reconciler apply --continue && reconciler drift")
    assert len(machine.azure.deployments()) == 1
    (machine.origin / "newer").write_text("")
    machine.commit()
    machine.sh(next(step for step in steps if "merge-base" in step), code=1)


def test_gitlab(machine: Machine) -> None:
    found = recipe(1)

    def job(name: str) -> str:
        own = found[name]["script"]
        before = found[found[name]["extends"]]["before_script"] if "extends" in found[name] else []
        # One shell runs them all.
        return machine.sh("\n".join([*before, *([own] if isinstance(own, str) else own)]), ID_TOKEN="token")

    assert "EMULATOR: nothing here is Azure." in job("validate")
    job("plan")
    assert (machine.work / found["plan"]["artifacts"]["paths"][0]).exists()
    assert machine.azure.writes() == []
    job("apply")
    assert len(machine.jobs()) == 1
    machine.clock.ahead += 2 * 3600
    job("continue")
    assert machine.jobs() == ["succeeded"]
    assert len(machine.azure.deployments()) == 1


def test_atlantis(machine: Machine) -> None:
    found = recipe(2)["workflows"]["reconciler"]
    variables = {"BASE_BRANCH_NAME": "main", "PLANFILE": str(machine.temp / "atlantis.tfplan")}
    (plan,) = (step["run"] for step in found["plan"]["steps"])
    account = machine.work / "manifests/account.yaml"
    reviewed = account.read_text()
    account.write_text(reviewed.replace("/acme\n", "/evil\n"))
    assert "policy-missing" in machine.sh(plan, code=4, **variables)
    assert not Path(variables["PLANFILE"]).exists()
    assert machine.azure.emulator.requests() == [], "an Account that nobody reviewed is not asked"
    account.write_text(reviewed)
    machine.sh(plan, **variables)
    assert machine.azure.writes() == []
    for step in found["apply"]["steps"]:
        machine.sh(step["run"], **variables)
    assert len(machine.jobs()) == 1
    (server,) = recipe(2)["repos"]
    # Names that the documentation of Atlantis has.
    assert set(server) == {"id", "workflow", "plan_requirements", "apply_requirements", "allowed_overrides"}
    assert {*server["plan_requirements"], *server["apply_requirements"]} == {"approved", "mergeable", "undiverged"}
    assert server["workflow"] in recipe(2)["workflows"]
    assert recipe(3)["projects"][0]["autoplan"]["when_modified"] == ["manifests/**"]
