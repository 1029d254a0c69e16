"""`schema`: what editors need to know of a manifest, and readers of a plan. No SDK is imported."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from reconciler.cli.exits import OK

SCHEMA = "reconciler.schema.json"
"""Where `init` and `import` put it, and where the first line of what they write looks for it."""


def schema_text() -> str:
    """Return the JSON Schema of a manifest as it stands in a file."""
    import orjson

    from reconciler.kinds import REGISTRY
    from reconciler.manifests import json_schema

    return orjson.dumps(json_schema(REGISTRY), option=orjson.OPT_INDENT_2).decode() + "\n"


def schema(
    of: Annotated[Literal["manifest", "plan"], typer.Argument(metavar="[WHAT]", help="manifest or plan.")] = "manifest",
) -> int:
    """Print the JSON Schema of a manifest, for editors, or of a saved plan, for programs that read one."""
    import orjson

    from reconciler.render.plan_schema import plan_schema

    if of == "plan":
        print(orjson.dumps(plan_schema(), option=orjson.OPT_INDENT_2).decode())
    else:
        print(schema_text(), end="")
    return OK
