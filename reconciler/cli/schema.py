"""`schema`: what editors need to know of a manifest. No SDK is imported."""

from __future__ import annotations

from reconciler.cli.exits import OK


def schema() -> int:
    """Print the JSON Schema of a manifest, for editors."""
    import orjson

    from reconciler.kinds import REGISTRY
    from reconciler.manifests import json_schema

    print(orjson.dumps(json_schema(REGISTRY), option=orjson.OPT_INDENT_2).decode())
    return OK
