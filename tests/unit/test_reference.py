"""The generated reference: current, whole, and true where it says what an edit does."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from reconciler.cli.exits import ALWAYS, MEANINGS
from reconciler.cli.main import app
from reconciler.kinds import REGISTRY
from reconciler.manifests import json_schema

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import make_reference

        return dict(make_reference.pages())
    finally:
        sys.path.remove(str(ROOT / "tools"))


def test_the_pages_are_current(made: dict[str, str]) -> None:
    for name, text in made.items():
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
