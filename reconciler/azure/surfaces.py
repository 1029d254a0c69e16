"""Which surface serves which operation (docs/azure.md, section 2). What v1 lacks goes through the dated one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.azure.session import GA_API

Operation = Literal["files", "import", "uploads", "jobs", "events", "models", "delete_model", "delete_job", "pause"]

PROJECT_API = "2025-11-15-preview"
"""The dated surface that a project endpoint was recorded to serve (docs/azure.md, section 1)."""
_V1_ONLY: frozenset[Operation] = frozenset({"delete_model"})
_DATED_ONLY: frozenset[Operation] = frozenset({"delete_job", "import", "uploads"})
_NOT_GA: frozenset[Operation] = frozenset({"pause"})
"""What the previews and v1 have, and no dated version that is none: pausing, and resuming with it."""
_RESOURCE_ONLY: frozenset[Operation] = frozenset({"uploads"})
"""What a project endpoint does not have: it goes to the resource around the project, on the same host."""


@dataclass(frozen=True, slots=True)
class Surface:
    """An API of an account: `v1` or a dated version, of the project or of the resource around it."""

    api: str
    at_resource: bool = False


def surface_for(operation: Operation, configured: str) -> str:
    """Return the API to use for an operation: the configured one where it has the operation."""
    if operation in _V1_ONLY:
        return "v1"
    if operation in _DATED_ONLY and configured == "v1":
        return GA_API
    if operation in _NOT_GA and not configured.endswith("-preview"):
        return "v1"
    return configured


def place_for(operation: Operation, configured: str, *, is_project: bool) -> Surface:
    """Return the surface to use for an operation, where the endpoint may be a project's."""
    at_resource = is_project and operation in _RESOURCE_ONLY
    if is_project and not at_resource and operation in _DATED_ONLY and configured == "v1":
        return Surface(PROJECT_API)
    return Surface(surface_for(operation, configured), at_resource)
