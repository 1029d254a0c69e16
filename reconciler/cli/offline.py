"""Commands that need no Azure: `validate` and `schema`. No SDK is imported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reconciler.cli.exits import ERROR, OK
from reconciler.cli.state import GLOBALS, PathArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.fault import Fault


def validate(
    path: PathArgument = Path("manifests"),
    output_format: Annotated[
        Literal["text", "json", "github"], typer.Option("--format", help="How findings are printed.")
    ] = "text",
    data_format: Annotated[
        Literal["chat"] | None, typer.Option("--data-format", help="For a lone data file: what it must be.")
    ] = None,
    warnings_as_errors: Annotated[bool, typer.Option("--warnings-as-errors", help="Exit 1 on warnings too.")] = False,
) -> int:
    """Check manifests and data, offline. PATH may also be a lone .jsonl file."""
    from reconciler.core.fault import InvalidManifests

    lines: list[str] = []
    faults: Sequence[Fault]
    try:
        if path.suffix == ".jsonl" and not path.is_dir():
            from reconciler.kinds.dataset.content import check_lone_file

            summary, faults = check_lone_file(path, data_format)
            lines = [summary]
        else:
            from reconciler.cli.compose import load_tree

            tree = load_tree(path)
            faults = tree.warnings
            lines = [
                f"{item.address}  {item.content.examples} examples, {item.content.bytes} bytes, "
                f"sha256 {item.content.digest[:12]}…"
                for item in tree.desired
                if item.content
            ]
            counts = f"{len(tree.desired)} resources in {len(tree.accounts)} account{'s'[: len(tree.accounts) != 1]}"
            lines.append(f"Valid: {counts}.")
    except InvalidManifests as error:
        faults, lines = error.faults, []
    failed = any(fault.severity == "error" for fault in faults) or (warnings_as_errors and bool(faults))
    _report(faults, lines, output_format, valid=not failed)
    return ERROR if failed else OK


def _report(faults: Sequence[Fault], lines: Sequence[str], output_format: str, *, valid: bool) -> None:
    from reconciler.render.fault import faults_document, faults_github, faults_text

    if output_format == "json":
        import orjson

        document = {"format_version": "1.0", "valid": valid, "findings": faults_document(faults)}
        print(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
        return
    if faults:
        text = (
            faults_github(faults) if output_format == "github" else faults_text(faults, color=GLOBALS.color(sys.stderr))
        )
        print(text, file=sys.stdout if output_format == "github" else sys.stderr)
    for line in lines:
        print(line)


def schema() -> int:
    """Print the JSON Schema of a manifest, for editors."""
    import orjson

    from reconciler.kinds import REGISTRY
    from reconciler.manifests import json_schema

    print(orjson.dumps(json_schema(REGISTRY), option=orjson.OPT_INDENT_2).decode())
    return OK
