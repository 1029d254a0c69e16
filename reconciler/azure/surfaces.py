"""Which surface serves which operation (docs/azure.md, section 2). What v1 lacks goes through the dated one."""

from __future__ import annotations

from typing import Literal

from reconciler.azure.session import GA_API

Operation = Literal["files", "jobs", "events", "models", "delete_model", "delete_job"]

_V1_ONLY: frozenset[Operation] = frozenset({"delete_model"})
_DATED_ONLY: frozenset[Operation] = frozenset({"delete_job"})


def surface_for(operation: Operation, configured: str) -> str:
    """Return the API to use for an operation: the configured one where it has the operation."""
    if operation in _V1_ONLY:
        return "v1"
    if operation in _DATED_ONLY and configured == "v1":
        return GA_API
    return configured
