"""Completion of addresses in a shell, from the manifests. It says nothing where it knows nothing, and never fails.

Which shell asks, and how, is typer's: `reconciler --show-completion` prints what the shell runs (docs/editors.md).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import typer

Complete = Callable[[typer.Context, str], list[str]]


def addresses(*kinds: str) -> Complete:
    """Return a completion of the addresses of some kinds; of every resource if none is named."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        return [text for text in _declared(context, kinds) if text.startswith(incomplete)]

    return complete


def accounts(context: typer.Context, incomplete: str) -> list[str]:
    """Complete the names of Accounts."""
    names = [text.partition("/")[2] for text in _declared(context, ("Account",))]
    return [name for name in names if name.startswith(incomplete)]


def _declared(context: typer.Context, kinds: tuple[str, ...]) -> list[str]:
    """Return the addresses in the folder that the command would read, each once, in the order of the manifests."""
    try:
        from reconciler.kinds import REGISTRY
        from reconciler.manifests.names import declared

        root = context.find_root().params
        start = Path(root.get("chdir") or os.environ.get("RECONCILER_CHDIR") or ".")
        # Before an option that has no value yet, the words are not taken apart: PATH is one of those.
        words = [Path(word) for word in context.args if (start / word).exists()]
        path = Path([*words, context.params.get("path") or os.environ.get("RECONCILER_PATH") or "manifests"][0])
        wanted = kinds or tuple(REGISTRY)
        found = [str(one) for one in declared(path, REGISTRY, start) if one.kind in wanted]
    except Exception:  # noqa: BLE001  (a shell that asks what may follow must not be told of a fault in between)
        return []
    return list(dict.fromkeys(found))
