"""An emulated Azure in this process, and repositories whose Account points at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command import RealClock, Site
from harness import STACK, Azure

INSTANT = {
    "file_processing_seconds": 0.0,
    "pending_seconds": 0.0,
    "running_seconds": 0.0,
    "deployment_seconds": 0.0,
    "delete_seconds": 0.0,
}
"""Everything that takes Azure time takes none; tests that need time configure it."""


@pytest.fixture
def azure() -> Iterator[Azure]:
    service = Azure(RealClock(), **INSTANT)
    yield service
    service.close()


@pytest.fixture
def bare(tmp_path: Path, azure: Azure) -> Iterator[Site]:
    """A repository with an Account and data, and no resource."""
    site = Site(tmp_path / "repo", azure)
    yield site
    site.close()


@pytest.fixture
def site(bare: Site) -> Site:
    """A repository with a job and its deployment."""
    bare.write("manifests/stack.yaml", STACK)
    return bare


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Site]:
    """An empty folder, and no Azure."""
    site = Site(tmp_path / "repo", None)
    yield site
    site.close()
