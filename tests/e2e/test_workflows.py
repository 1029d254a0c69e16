"""The workflows that are shipped, step by step: against the emulator, and a GitHub on this machine."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from command import ACCOUNT, Site
from fake_github import Failure, GitHub
from harness import STACK, Azure, examples
from workflow import ROOT, Done, Runner, load

from reconciler.cli.main import app
from reconciler.scaffold import workflows

PLAN, APPLY, DRIFT, CI = (f".github/workflows/{name}.yml" for name in ("plan", "apply", "drift", "ci"))
ALL = (PLAN, APPLY, DRIFT, CI)
AZURE_VARIABLES = {"vars.AZURE_CLIENT_ID": "client", "vars.AZURE_TENANT_ID": "tenant"}


_COMMAND = re.compile(r"(?<![\w/.@-])reconciler ((?:--emulator )?(?:[a-z]+)(?: [^|`>\n&]*)?)(?=[|`>\n&])")


class ShiftedClock:
    """The machine's time, some seconds ago."""

    def __init__(self) -> None:
        self.ago = 0.0

    def __call__(self) -> float:
        return self.now()

    def now(self) -> float:
        return time.time() - self.ago

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class World:
    """A repository on GitHub with the workflows, an Azure, and runners. `base` and `head` are what is checked out."""

    def __init__(self, folder: Path, azure: Azure, github: GitHub, clock: ShiftedClock) -> None:
        self.azure, self.github, self.clock = azure, github, clock
        self.base, self.head = folder / "base", folder / "head"
        for name, text in (("account", ACCOUNT.format(url=azure.server.url)), ("stack", STACK)):
            self.write(self.base, f"manifests/{name}.yaml", text)
        self.write(self.base, "manifests/data/train.jsonl", examples(60))
        self.write(self.base, "manifests/data/valid.jsonl", examples(12, "check"))
        shutil.copytree(self.base, self.head)
        event = folder / "event.json"
        event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "abc123def4567"}}}))
        home = folder / "home"
        home.mkdir()
        env = {
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": github.url,
            "GITHUB_SERVER_URL": "https://github.test",
            "GITHUB_REPOSITORY": "acme/models",
            "GITHUB_RUN_ID": "5",
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_SHA": "c7",
            "GITHUB_REF_NAME": "main",
        }
        self.runner = Runner(folder / "machine", env, self._checkout)
        self.context = {
            **AZURE_VARIABLES,
            "github.token": github.token,
            "github.event.pull_request.number": "7",
            "github.event.pull_request.base.sha": "base",
        }

    def write(self, where: Path, name: str, text: str) -> None:
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _checkout(self, ref: str, to: Path) -> None:
        shutil.copytree(self.base if ref == "base" else self.head, to, dirs_exist_ok=True)

    def job(self, workflow: str, name: str, **env: str) -> Done:
        return self.runner.job(load(workflow)["jobs"][name], self.context, env)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    clock = ShiftedClock()
    instant = dict.fromkeys(("file_processing_seconds", "pending_seconds", "deployment_seconds", "delete_seconds"), 0.0)
    azure = Azure(clock, **{**instant, "running_seconds": 3600.0})
    try:
        with GitHub(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())) as github:
            yield World(tmp_path, azure, github, clock)
    finally:
        azure.close()


def test_from_the_pull_request_to_the_end_of_the_training(world: World) -> None:
    github = world.github
    github.pull(7)
    offline = world.job(PLAN, "offline").expect()
    assert "EMULATOR: nothing here is Azure." in offline.said
    assert "::notice file=manifests/stack.yaml,title=train FineTuneJob/tone,line=" in offline.said
    assert github.asked == [], "a fork has no token, so nothing is asked of GitHub"
    assert world.azure.emulator.requests() == []

    live = world.job(PLAN, "live").expect()
    (comment,) = github.bodies(7)
    assert comment.startswith("<!-- reconciler:plan:acme -->")
    assert "1 to train, 2 to upload, nothing to delete" in comment
    assert "1 to train, 2 to upload, nothing to delete" in live.said.partition("=== summary")[2]
    assert (world.runner.artifacts / "plan-7" / "plan.json").is_file()
    assert world.azure.writes() == [], "a plan changes nothing"

    # A push that does not load leaves no plan that looks current.
    world.write(world.head, "manifests/stack.yaml", STACK.replace("n_epochs", "epochs"))
    broken = world.job(PLAN, "live")
    assert broken.steps["Refuse Accounts that nobody reviewed"] == "failure"
    assert broken.steps["Comment"] == "success"
    (comment,) = github.bodies(7)
    assert "This plan is not of the newest commit (`abc123def456`), which has none" in comment
    world.write(world.head, "manifests/stack.yaml", STACK)

    # Merged: the training began two hours ago.
    world.clock.ago = 7200.0
    github.pull(7, merged="c7")
    github.commits["c7"] = [7]
    planned = world.job(APPLY, "plan").expect()
    assert planned.outputs["summary"] == {"changes": "true", "errored": "false"}
    github.failures.append(Failure("POST", "comments", 502, after=True))
    applied = world.job(APPLY, "apply").expect()
    assert "1 training started" in applied.said
    (told,) = github.bodies(7, "<!-- reconciler:apply:acme ")
    (job,) = world.azure.jobs()
    assert "### Applied to `acme`" in told
    assert re.search(rf"\| in progress \| `FineTuneJob/tone`<br>[\w, ]+: `{job['id']}` \|", told)
    assert "| waits | `Deployment/tone`<br>for `FineTuneJob/tone`, then create |" in told

    # The schedule, while it trains and when it has ended.
    world.clock.ago = 7000.0
    world.job(APPLY, "continue").expect()
    assert github.bodies(7, "<!-- reconciler:ended:") == []
    world.clock.ago = 0.0
    # A gate that fails is told where the work was reviewed; a schedule that only sees it again is green.
    gated = STACK.replace("capacity: 50}", "capacity: 50}\n  gates: [{metric: train_loss, at_most: 0.0001}]")
    world.write(world.head, "manifests/stack.yaml", gated)
    again = world.job(APPLY, "continue").expect()
    assert "1 refused" in again.said
    assert world.azure.deployments() == []
    (ended,) = github.bodies(7, f"<!-- reconciler:ended:{job['id']} ")
    assert "> - `Deployment/tone`: **A gate failed**" in ended
    world.write(world.head, "manifests/stack.yaml", STACK)
    world.job(APPLY, "continue").expect()
    assert [one["name"] for one in world.azure.deployments()] == ["tone"]
    (ended,) = github.bodies(7, f"<!-- reconciler:ended:{job['id']} ")
    assert "### Training of `FineTuneJob/tone` has ended" in ended
    assert re.search(r"\*\*Cost `\$\d+\.\d\d`, estimated `[^`]*\$\d", ended), ended[:400]
    assert "**What next.**" in ended
    assert len(world.azure.jobs()) == 1


def test_drift_opens_counts_and_closes_by_itself(world: World) -> None:
    world.azure.configure(running_seconds=0.0)
    world.job(DRIFT, "drift")
    (issue,) = world.github.issues.values()
    assert issue["title"] == "Drift in acme: 3 missing"
    ready(world)
    done = world.job(DRIFT, "drift").expect()
    assert "Account/acme: closed" in done.said
    assert issue["state"] == "closed"
    world.azure.hand("edit_deployment", deployment="tone", sku={"capacity": 10})
    world.job(DRIFT, "drift").expect()
    world.job(DRIFT, "drift").expect()
    newest = world.github.issues[max(world.github.issues)]
    assert newest["title"] == "Drift in acme: 1 changed"
    assert "Seen 2 times since " in newest["body"]
    assert "| `sku.capacity` | `10` at Azure<br>`50` declared<br>`50` last applied |" in newest["body"]
    world.azure.configure(deny=["files/read"])
    failed = world.job(DRIFT, "drift")
    assert failed.steps == {"Install": "success", "Look": "failure", "Issue": "success"}
    assert newest["state"] == "open"


def ready(world: World) -> None:
    """Have everything as it is declared."""
    site = Site(world.head, None)
    site.run("apply", "--auto-approve", "--wait", code=0)


def test_accounts_that_nobody_reviewed_are_refused_before_anybody_signs_in(world: World) -> None:
    text = ACCOUNT.format(url=world.azure.server.url).replace("/acme\n", "/evil\n")
    world.write(world.head, "manifests/account.yaml", text)
    done = world.job(PLAN, "live")
    assert done.steps["Refuse Accounts that nobody reviewed"] == "failure"
    assert done.steps["Plan"] == "skipped"
    assert "An Account has no policy to be judged by" in done.said
    assert world.azure.emulator.requests() == []
    steps = [step.get("name") or step["uses"] for step in load(PLAN)["jobs"]["live"]["steps"]]
    login = next(place for place, name in enumerate(steps) if name.startswith("azure/login"))
    assert steps.index("Refuse Accounts that nobody reviewed") < login


def test_a_plan_that_went_stale_is_refused_and_told(world: World) -> None:
    world.github.pull(7, merged="c7")
    world.github.commits["c7"] = [7]
    world.job(APPLY, "plan").expect()
    world.write(world.head, "manifests/stack.yaml", STACK.replace("n_epochs: 2", "n_epochs: 3"))
    done = world.job(APPLY, "apply")
    assert done.steps["Apply"] == "failure"
    (told,) = world.github.bodies(7)
    assert "### The apply failed: `acme`" in told
    assert "The manifests or the data are not those of the saved plan" in told
    assert world.azure.writes() == []


def test_what_a_newer_commit_has_overtaken_is_not_applied_over_it(world: World) -> None:
    world.github.pull(7, merged="c7")
    world.github.pull(8, merged="c8")
    (world.runner.artifacts / "plan").mkdir(parents=True)
    (world.runner.artifacts / "plan" / "plan.json").write_text("{}")
    done = world.job(APPLY, "apply").expect()
    assert done.steps["Apply"] == done.steps["Tell the merged pull requests"] == "skipped"
    assert "main is at c8 by now" in done.said.partition("=== summary")[2]
    assert world.github.bodies(7) == []
    assert world.azure.emulator.requests() == []


# What is true of all workflows, as files


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    found = [(path, name, job) for path in ALL for name, job in load(path)["jobs"].items()]
    assert len(found) >= 7
    return found


def test_nobody_with_an_identity_installs_what_a_pull_request_brings() -> None:
    seen = 0
    for path, name, job in jobs():
        if job["permissions"].get("id-token") != "write":
            continue
        seen += 1
        installs = [step["run"] for step in job["steps"] if "pip install" in step.get("run", "")]
        assert installs, f"{path} {name}"
        on_pull_requests = "pull_request" in load(path)["on"]
        brought = [
            step["with"].get("path", ".")
            for step in job["steps"]
            if step.get("uses", "").startswith("actions/checkout@") and "base.sha" not in step["with"].get("ref", "")
        ]
        if not on_pull_requests:
            continue
        assert brought == ["head"], "the pull request has a folder of its own"
        for script in installs:
            assert "head" not in script
            assert re.search(r"(^| )\./base$", script), script
        for step in job["steps"]:
            runs = step.get("run", "")
            assert not re.search(r"\b(make|bash|sh|python|pip|npm)\b", runs) or runs in installs
    assert seen == 5


@pytest.mark.parametrize("path", ALL)
def test_permissions_pins_and_queues(path: str) -> None:
    text, workflow = (ROOT / path).read_text(), load(path)
    assert workflow["permissions"] == {}
    assert "pull_request_target" not in workflow["on"]
    assert "secrets." not in text, "there is no stored secret"
    for name, job in workflow["jobs"].items():
        assert job["concurrency"]["cancel-in-progress"] == "false", name
        assert int(job["timeout-minutes"]) <= 90
        assert set(job["permissions"]) <= {"contents", "id-token", "pull-requests", "issues"}
        assert job["permissions"]["contents"] == "read"
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            else:
                assert "${{" not in step["run"], "an expression in a script is code that others can write"
                assert "python -m" not in step["run"], "a folder of that name in a checkout would be run"


def test_what_may_spend_needs_its_own_environment() -> None:
    apply = load(APPLY)["jobs"]
    places = {name: job["environment"] for name, job in apply.items()}
    assert places == {"plan": "azure-plan", "apply": "azure-apply", "continue": "azure-continue"}
    scripts = {name: " ".join(step.get("run", "") for step in job["steps"]) for name, job in apply.items()}
    assert "reconciler apply --plan plan.json --prune" in scripts["apply"]
    steps = {str(step.get("name")): step for step in apply["apply"]["steps"]}
    assert list(steps).index("Overtaken?") < list(steps).index("Apply")
    assert steps["Apply"]["if"] == "steps.newest.outputs.newest == 'true'"
    for job in (apply["continue"], load(DRIFT)["jobs"]["drift"]):
        (checkout,) = (step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@"))
        assert checkout["with"]["ref"] == "main", "no old state by a run that is run again"
    names = [step.get("name") for step in load("action.yml")["runs"]["steps"]]
    assert names.index("Take away a plan that is there already") < names.index("Refuse Accounts that nobody reviewed")
    assert "github.ref == 'refs/heads/main'" in apply["plan"]["if"], "no other branch is applied by hand"
    assert [name for name, text in scripts.items() if "--auto-approve" in text] == []
    assert "--prune" not in scripts["continue"]
    groups = {job["concurrency"]["group"] for job in apply.values()}
    assert len(groups) == 3, "what waits for one is never pushed out of the queue by another"


def test_the_workflows_of_this_project_are_those_that_init_writes() -> None:
    for path, text in workflows("fernweg", None).items():
        assert (ROOT / path).read_text() == text, "run: python tools/make_workflows.py"


@pytest.mark.slow
def test_workflows_and_action_pass_the_checkers(tmp_path: Path) -> None:
    tools = Path(sys.executable).parent
    files = [str(ROOT / path) for path in ALL]
    # And those that `init` writes elsewhere, which install a release.
    for path, text in workflows("contoso", "azure-finetune-reconciler==1.0.0").items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        files.append(str(file))
    for command in (
        [tools / "zizmor", "--offline", "--quiet", *files, ROOT / "action.yml"],
        [tools / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files],
        [tools / "check-jsonschema", "--builtin-schema", "vendor.github-actions", ROOT / "action.yml"],
    ):
        ran = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_recipes_pass_the_schemas_of_their_systems(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/recipes.md").read_text(), re.DOTALL)
    assert len(blocks) == 4
    for text, schema in zip(blocks, ("azure-pipelines", "gitlab-ci"), strict=False):
        file = tmp_path / f"{schema}.yml"
        file.write_text(text)
        command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", f"vendor.{schema}"]
        command += ["--regex-variant", "nonunicode", "--data-transform", schema]
        ran = subprocess.run([*map(str, command), str(file)], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_command_that_the_documentation_and_the_workflows_name_exists_with_these_flags() -> None:
    texts = [ROOT / path for path in (*ALL, "action.yml", ".pre-commit-hooks.yaml", "docs/recipes.md", "docs/ci.md")]
    asked: set[tuple[str, ...]] = set()
    for text in texts:
        for found in _COMMAND.finditer(text.read_text()):
            asked.add(tuple(shlex.split(re.sub(r"\$\{\w+:\+(.*?)\}(?= |$)", r"\1", found[1]), comments=True)))
    assert len(asked) > 20
    root = typer.main.get_command(app)
    seen = set()
    for words in asked:
        command: Any = root
        path, rest = [], [word for word in words if word != "--emulator"]
        while hasattr(command, "get_command") and rest:
            path.append(rest.pop(0))
            command = command.get_command(None, path[-1])
            assert command is not None, words
        known = {name for option in command.params for name in option.opts}
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known, words
        seen.add(" ".join(path))
    assert {"plan", "apply", "drift", "validate", "github guard", "github newest", "github ended"} <= seen


def action(command: str, **inputs: str) -> dict[str, Any]:
    """Return the steps that action.yml runs for a command, as a job that has checked out."""
    steps = load("action.yml")["runs"]["steps"]
    chosen = [step for step in steps if "if" not in step or f"inputs.command == '{command}'" in step["if"]]
    for step in chosen:
        asked = re.findall(r"inputs\.([\w-]+) != ''", step.get("if", ""))
        step["skip"] = any(not inputs.get(name) for name in asked)
    checkout = {"uses": "actions/checkout@x", "with": {"persist-credentials": "False"}}
    return {"steps": [checkout, *(step for step in chosen if not step["skip"])]}


def test_the_action_for_other_repositories(world: World) -> None:
    world.github.pull(7, merged="c7")
    world.github.commits["c7"] = [7]
    world.azure.configure(running_seconds=0.0)
    inputs = {"path": "manifests", "working-directory": ".", "policy-from": "", "plan": "../plan.json"}
    inputs |= {"max-cost": "5000", "token": world.github.token}
    world.context |= {f"inputs.{name}": value for name, value in inputs.items()}
    world.runner.env |= {"GITHUB_ACTION_PATH": str(ROOT)}
    steps: dict[str, str] = {}
    for command in ("plan", "apply", "continue", "drift"):
        done = world.runner.job(action(command, **inputs), world.context).expect()
        steps |= done.steps
    told = {name for name in steps if steps[name] == "success"}
    every = {step["name"] for step in load("action.yml")["runs"]["steps"] if "run" in step}
    assert every - told == {"Refuse Accounts that nobody reviewed"}, "no base was named"
    assert [body.split(" ")[1].split(":")[1] for body in world.github.bodies(7)] == ["plan", "apply", "ended"], (
        "also a training that had ended when the apply was told"
    )
    assert [one["name"] for one in world.azure.deployments()] == ["tone"]
    assert world.github.issues == {}
