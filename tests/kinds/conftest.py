"""What the tests of whole commands in this process share: a service that is done at once, and a repository at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command import ACCOUNT, RealClock
from harness import STACK, Azure, Repo


@pytest.fixture
def live() -> Iterator[Azure]:
    """A service by the machine's own time, as a command meets it."""
    service = Azure(RealClock(), pending_seconds=0.0, running_seconds=0.0, deployment_seconds=0.0)  # type: ignore[arg-type]
    yield service
    service.close()


@pytest.fixture
def site(tmp_path: Path, live: Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repo]:
    """A repository at it, and the current folder."""
    folder = Repo(tmp_path, live, RealClock())  # type: ignore[arg-type]
    folder.write("manifests/account.yaml", ACCOUNT.format(url=live.server.url))
    folder.write("manifests/stack.yaml", STACK)
    monkeypatch.chdir(tmp_path)
    yield folder
    folder.close()
