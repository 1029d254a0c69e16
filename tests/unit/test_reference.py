"""The generated reference: current, whole, and true where it says what an edit does."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import typer
from pydantic import BaseModel, TypeAdapter

from reconciler.cli.exits import ALWAYS, MEANINGS
from reconciler.cli.main import app, run
from reconciler.core.account import AccountSpec
from reconciler.kinds import REGISTRY
from reconciler.kinds.deployment.spec import DeploymentSpec
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec, decides_weights
from reconciler.manifests import json_schema
from reconciler.manifests.head import Metadata

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_reference
        import reference_codes

        texts = reference_codes.texts()
        unexplained = [
            one for one in reference_codes.codes().values() if not reference_codes.explained(one.code, texts)
        ]
        return {**make_reference.pages(), "unexplained": "\n".join(f"{one.code} ({one.place})" for one in unexplained)}
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_every_code_that_can_be_printed_is_explained(made: dict[str, str]) -> None:
    assert made["unexplained"] == "", "write what to do about it: docs/troubleshooting.md"
    for code in (
        "usage",
        "bug",
        "deletes-every",
        "unknown-key",
        "plan-stale",
        "grader-unused",
        "data-weight-invalid",
        "azure-…",
    ):
        assert f"| `{code}` |" in re.sub(r'<a id="[^"]+"></a>', "", made["codes.md"]), f"{code} is made, and not found"


def test_the_pages_are_current(made: dict[str, str]) -> None:
    for name, text in made.items():
        if name == "unexplained":
            continue
        assert (PAGES / name).read_text(encoding="utf-8") == text, (
            f"docs/reference/{name} is not current: run make docs"
        )


def test_every_link_leads_somewhere_and_no_anchor_stands_twice(made: dict[str, str]) -> None:
    for name, text in made.items():
        given = re.findall(r'<a id="([^"]+)"', text)
        given += [
            re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-")
            for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        ]
        twice = {anchor for anchor in given if given.count(anchor) > 1}
        assert not twice, (name, twice)
        for target in re.findall(r"\]\(([^)]+)\)", re.sub(r"`[^`]*`", "", text)):
            file, _, anchor = target.partition("#")
            assert anchor in given if not file else (PAGES / file).exists(), (name, target)


def test_every_field_of_the_schema_is_on_the_page(made: dict[str, str]) -> None:
    definitions = json_schema(REGISTRY)["$defs"]
    for name, definition in definitions.items():
        for field in definition["properties"]:
            assert f"</a>**`{field}`**" in made["manifests.md"], f"{name}.{field}"


def _commands() -> dict[str, Any]:
    found: dict[str, Any] = {}
    root: Any = typer.main.get_command(app)
    for name, command in root.commands.items():
        found[name] = command
        found.update({f"{name} {one}": inner for one, inner in getattr(command, "commands", {}).items()})
    return found


def test_every_command_option_and_exit_code_is_described(made: dict[str, str]) -> None:
    commands = _commands()
    assert set(MEANINGS) == {name.partition(" ")[0] for name in commands}
    for name, command in commands.items():
        assert (command.help or "").strip().endswith("."), name
        assert f"# {name}\n" in made["cli.md"]
        for parameter in command.params:
            assert parameter.name == "help" or str(parameter.help or "").endswith((".", ")", "]")), (
                f"{name} {parameter.opts}"
            )
            for flag in parameter.opts:
                assert parameter.param_type_name == "argument" or f"`{flag}" in made["cli.md"], f"{name} {flag}"
    for name, codes in MEANINGS.items():
        assert not codes.keys() & ALWAYS.keys(), name
        section = made["cli.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for code, words in codes.items():
            assert f"| {code} | {words} |" in section, f"{name} {code}"


def test_bounds_have_the_names_that_editors_know() -> None:
    text = json.dumps(json_schema(REGISTRY))
    assert not re.findall(r'"(ge|gt|le|lt)": -?\d', text)
    assert json_schema(REGISTRY)["$defs"]["Sku"]["properties"]["capacity"]["minimum"] == 1


def _models() -> dict[str, type[BaseModel]]:
    """Every model that the schema is made of, by its name there."""
    found: dict[str, type[BaseModel]] = {}

    def walk(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            found[f"{annotation.__module__}.{annotation.__name__}"] = annotation
            for field in annotation.model_fields.values():
                walk(field.annotation)
        for inner in get_args(annotation):
            walk(inner)

    for model in (Metadata, AccountSpec, *(kind.spec for kind in REGISTRY.values())):
        walk(model)
    return found


def test_every_example_is_valid_and_every_field_that_needs_one_has_one() -> None:
    for name, model in _models().items():
        for key, field in model.model_fields.items():
            assert len(field.description or "") > 8, f"{name}.{key}"
            fixed = get_origin(field.annotation) is Literal and len(get_args(field.annotation)) == 1
            assert field.examples or fixed, f"{name}.{key} has no example"
            if key in {
                "resource_id",
                "as_of",
            }:  # a placeholder that is refused on purpose; a date, which YAML reads as text
                continue
            for example in field.examples or ():
                TypeAdapter(field.rebuild_annotation()).validate_python(example)
    for model in (AccountSpec, *(kind.spec for kind in REGISTRY.values())):
        extra: Any = model.model_config["json_schema_extra"]
        for example in extra["examples"]:
            model.model_validate(example)


def test_each_field_of_a_manifest_says_what_an_edit_does() -> None:
    for model in (Metadata, AccountSpec, *(kind.spec for kind in REGISTRY.values())):
        for key, field in model.model_fields.items():
            assert "On change: " in (field.description or ""), f"{model.__name__}.{key}"


def test_what_is_said_of_edits_of_a_job_is_what_decides_its_digest() -> None:
    base: dict[str, Any] = {"model": "gpt-4.1-2025-04-14", "training_file": "a.jsonl"}
    for key, field in FineTuneJobSpec.model_fields.items():
        if key in {"account", "training_file", "validation_file"}:  # of files the content decides
            continue
        edited = FineTuneJobSpec.model_validate({**base, key: (field.examples or [None])[0]})
        if key == "method":
            edited = FineTuneJobSpec.model_validate({**base, key: {"hyperparameters": {"n_epochs": 3}}})
        before, after = (
            decides_weights(one, one.model, "content", None) for one in (FineTuneJobSpec.model_validate(base), edited)
        )
        assert (before != after) is (field.description or "").endswith("On change: trains anew."), key


def test_what_is_said_of_edits_of_a_deployment_is_what_is_compared() -> None:
    base: dict[str, Any] = {"model": {"name": "gpt-4.1-mini-2025-04-14"}, "sku": {"name": "Standard"}}
    for key, field in DeploymentSpec.model_fields.items():
        edited = DeploymentSpec.model_validate({**base, key: (field.examples or [None])[0]})
        compared = edited.comparable() != DeploymentSpec.model_validate(base).comparable()
        said = (field.description or "").partition("On change: ")[2]
        assert compared is said.startswith(("updated in place", "serves the other model")), key


def test_bad_usage_is_told_in_plain_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", "--format", "yaml"]) == 64
    assert "error: Invalid value for '--format': 'yaml' is not one of 'text'" in capsys.readouterr().err
