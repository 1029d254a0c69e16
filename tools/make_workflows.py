"""Write the workflows of this project from those that `reconciler init` writes: `python tools/make_workflows.py`."""

from __future__ import annotations

from pathlib import Path

from reconciler.scaffold import workflows

ROOT = Path(__file__).parent.parent
ACCOUNT = "fernweg"
"""The Account of this project's manifests."""


def main() -> None:
    """Write them."""
    for name, text in workflows(ACCOUNT, None).items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
