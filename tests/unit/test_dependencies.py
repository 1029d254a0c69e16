"""What is installed is what `constraints.txt` says, for everything that this project needs, and what that needs."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINNED = {
    canonicalize_name(found[1]): found[2]
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if (found := re.fullmatch(r"([A-Za-z0-9._-]+)==([0-9][A-Za-z0-9.+]*)", line.strip()))
}


def needed(name: str, extras: frozenset[str], seen: set[str]) -> set[str]:
    """Return everything that a distribution needs on this machine, and what those need."""
    for text in requires(name) or ():
        one = Requirement(text)
        wanted = canonicalize_name(one.name)
        if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            continue
        if wanted not in seen:
            seen.add(wanted)
            needed(wanted, frozenset(one.extras), seen)
    return seen


def test_every_line_is_one_exact_version() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    assert len(lines) == len(PINNED) > 50


def test_everything_that_is_needed_has_one_known_version_and_that_is_installed() -> None:
    found = needed("azure-finetune-reconciler", frozenset({"", "dev"}), set())
    assert {"openai", "azure-core", "pytest", "cryptography"} <= found, "the closure is followed"
    assert sorted(found - PINNED.keys()) == []
    wrong = []
    for name in found:
        try:
            there = version(name)
        except PackageNotFoundError:
            there = "nothing"
        if there != PINNED[name]:
            wrong.append(f"{name} {there}, not {PINNED[name]}")
    assert wrong == []


def test_the_way_to_raise_a_version_is_written_where_the_versions_are() -> None:
    head = (ROOT / "constraints.txt").read_text().partition("==")[0]
    assert "To update it" in head
    assert "make check test" in head
