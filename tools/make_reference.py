"""Write docs/reference from the models of the manifests and from the command line: `python tools/make_reference.py`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reference_cli import cli_page
from reference_codes import codes_page
from reference_manifests import Page

from reconciler.kinds import REGISTRY
from reconciler.manifests import json_schema

FOLDER = Path(__file__).parent.parent / "docs" / "reference"


def pages() -> Mapping[str, str]:
    """Return each page by its name."""
    return {"manifests.md": Page(json_schema(REGISTRY)).write(), "cli.md": cli_page(), "codes.md": codes_page()}


def main() -> None:
    """Write them."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
