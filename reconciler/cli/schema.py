"""`schema`: what editors need to know of a manifest, and readers of a plan. No SDK is imported."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from reconciler.cli.exits import OK


def schema(
    of: Annotated[Literal["manifest", "plan"], typer.Argument(metavar="[WHAT]", help="manifest or plan.")] = "manifest",
) -> int:
    """Print the JSON Schema of a manifest, for editors, or of a saved plan, for programs that read one."""
    import orjson

    from reconciler.kinds import REGISTRY
    from reconciler.manifests import json_schema
    from reconciler.render.plan_schema import plan_schema

    found = plan_schema() if of == "plan" else json_schema(REGISTRY)
    print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    return OK
