"""What `reconciler init` writes into a repository. The workflows of this project are made from the same files.

`@NAME@` in them is replaced; nothing else is. tools/make_workflows.py writes those of this project.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable

WORKFLOWS = ("plan.yml", "apply.yml", "drift.yml")
# Isolated: else a folder `pip` in what is checked out would be run in its place.
_PIP = "python -I -m pip install --disable-pip-version-check --quiet"
_PLACES = {"CODEOWNERS": ".github/CODEOWNERS", "gitignore": ".gitignore"}
"""Where a file of `tree` goes, if not to its own name."""


def workflows(account: str, tool: str | None) -> dict[str, str]:
    """Return the workflows by their paths; `tool` is what pip installs, None for a checkout of this project itself."""
    if tool is None:
        here, base = f"{_PIP} -c constraints.txt .", f"{_PIP} -c base/constraints.txt ./base"
    else:
        here = base = f"{_PIP} '{tool}'"
    values = {
        "ACCOUNT": account,
        "INSTALL_HERE": here,
        "INSTALL_BASE": base,
        "FROM": "the base branch" if tool is None else "a pinned release and the base branch",
    }
    folder = files(__name__) / "workflows"
    return {f".github/workflows/{name}": _filled((folder / name).read_text(), values) for name in WORKFLOWS}


def tree(values: Mapping[str, str]) -> dict[str, str]:
    """Return manifests, data, README and what else a new repository has, by their paths."""
    return {_PLACES.get(path, path): _filled(text, values) for path, text in _texts(files(__name__) / "tree", "")}


def _texts(folder: Traversable, prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            found += _texts(item, f"{prefix}{item.name}/")
        else:
            found.append((f"{prefix}{item.name}", item.read_text(encoding="utf-8")))
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
