"""Which surface serves which operation, on a resource and on a project."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.azure.surfaces import PROJECT_API, Surface, place_for, surface_for

ROWS: list[tuple[Any, str, bool, Surface]] = [
    ("files", "v1", False, Surface("v1")),
    ("files", "v1", True, Surface("v1")),
    ("import", "v1", False, Surface("2024-10-21")),
    ("import", "v1", True, Surface(PROJECT_API)),
    ("import", "2025-04-01-preview", False, Surface("2025-04-01-preview")),
    ("import", "2025-04-01-preview", True, Surface("2025-04-01-preview")),
    ("pause", "v1", False, Surface("v1")),
    ("pause", "2024-10-21", False, Surface("v1")),
    ("pause", "2025-04-01-preview", True, Surface("2025-04-01-preview")),
    ("uploads", "v1", False, Surface("2024-10-21")),
    ("uploads", "v1", True, Surface("2024-10-21", at_resource=True)),
    ("uploads", "2025-04-01-preview", True, Surface("2025-04-01-preview", at_resource=True)),
]


@pytest.mark.parametrize(("operation", "configured", "is_project", "expected"), ROWS)
def test_the_table(operation: Any, configured: str, is_project: bool, expected: Surface) -> None:
    assert place_for(operation, configured, is_project=is_project) == expected


def test_what_v1_alone_has() -> None:
    assert surface_for("delete_model", "2024-10-21") == "v1"
