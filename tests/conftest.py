"""Fixtures that all tests share; what they are made of is in harness.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from harness import STACK, Azure, FakeClock, Repo

# The same examples in every run: a test that fails on one machine fails on all of them.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def azure(clock: FakeClock) -> Iterator[Azure]:
    service = Azure(clock)
    yield service
    service.close()


@pytest.fixture
def repo(tmp_path: Path, azure: Azure, clock: FakeClock) -> Iterator[Repo]:
    folder = Repo(tmp_path, azure, clock)
    folder.write("manifests/stack.yaml", STACK)
    yield folder
    folder.close()
