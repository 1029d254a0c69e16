"""What each status of a job means: one table, with what a person should know of it.

The statuses are the union of what the specifications name and what the service answered (docs/azure.md, section 5). A
status that is not in the table is taken for one that goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.resource import Phase


@dataclass(frozen=True, slots=True)
class State:
    """A status: how far the job is, and what it means in words ("" where the status says it itself)."""

    phase: Phase
    words: str = ""


STATES: Mapping[str, State] = {
    "created": State(Phase.WORKING, "pending, not yet queued"),
    "pending": State(Phase.WORKING, "pending, not yet queued"),
    "validating_files": State(Phase.WORKING, "checking its files"),
    "queued": State(Phase.WORKING, "queued behind other jobs"),
    "running": State(Phase.WORKING),
    "pausing": State(Phase.WORKING, "being paused"),
    "paused": State(Phase.WORKING, "paused: it goes on only when it is resumed"),
    "resuming": State(Phase.WORKING, "being resumed"),
    "succeeded": State(Phase.READY),
    "failed": State(Phase.FAILED),
    "cancelled": State(Phase.FAILED),
}
STOPPED = frozenset({"pausing", "paused"})
"""Statuses of a job that does not train, or soon will not."""
STOPPABLE = frozenset({"running", "resuming"})
"""Statuses in which a job can be paused, once it has done a step (docs/azure.md, section 5)."""
WAITING = frozenset({"created", "pending", "validating_files", "queued"})
"""Statuses of a job that has not begun."""

DEVELOPER_PAUSED = "paused: Azure pauses developer jobs for others and resumes them by itself"
REINFORCEMENT_PAUSED = (
    "paused: Azure stops a reinforcement job at $5,000; resumed, it goes on without a limit, and only if the manifest "
    "says `suspend: false`"
)


def is_halted(status: str, method: str, training: str) -> bool:
    """Return whether a job goes on only when a person resumes it.

    Azure itself resumes developer jobs that it paused for others, and none that it stopped at $5,000: of a developer job
    that is trained by reinforcement nothing tells which of the two it is (docs/azure.md, section 5).
    """
    return status == "paused" and (training != "developer" or method == "reinforcement")


def state_of(status: str, method: str, training: str) -> State:
    """Return what a status means for a job of this method and training type."""
    known = STATES.get(status, State(Phase.WORKING))
    if status != "paused":
        return known
    if method == "reinforcement":
        return State(known.phase, REINFORCEMENT_PAUSED)
    if training == "developer":
        return State(known.phase, DEVELOPER_PAUSED)
    return known
