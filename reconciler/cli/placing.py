"""Putting a whole file in a place where nothing is."""

from __future__ import annotations

import os
from pathlib import Path


def place(staged: Path, file: Path) -> None:
    """Put a staged file in its place; unlike a move, a link fails if somebody else was faster. Raises OSError."""
    try:
        os.link(staged, file)
    except PermissionError:  # some filesystems have no links
        if file.exists():
            raise
        staged.rename(file)
