"""Exit codes: one table, decided in one place, from the same values as the text.

| exit | plan | apply | drift |
|---|---|---|---|
| 0 | done; with --detailed-exitcode: no changes | nothing failed (work may go on at Azure) | nothing to do |
| 1 | error | something failed or is stuck | error |
| 2 | --detailed-exitcode: changes | – | something a person must do |
| 3 | – | --detailed-exitcode: still in progress at Azure | – |
| 4 | refused: an untrusted endpoint | refused | as plan |

64 is bad usage, 70 a bug of ours, 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.core.change import Plan
    from reconciler.engine import Outcome

OK, ERROR, CHANGES, IN_PROGRESS, REFUSED, USAGE, INTERRUPTED, BUG = 0, 1, 2, 3, 4, 64, 130, 70


def plan_exit(plan: Plan, *, detailed: bool) -> int:
    """Return the exit code of `plan`."""
    if plan.errored:
        return ERROR
    return CHANGES if detailed and not plan.converged else OK


def apply_exit(outcomes: Iterable[Outcome], *, detailed: bool, errored: bool = False) -> int:
    """Return the exit code of `apply`, from the last outcome of each change; `errored`: part of Azure was not read."""
    statuses = {outcome.status for outcome in outcomes}
    if errored or statuses & {"failed", "blocked"}:
        return ERROR
    if "refused" in statuses:
        return REFUSED
    return IN_PROGRESS if detailed and "pending" in statuses else OK


def drift_exit(plan: Plan, *, needs_person: bool) -> int:
    """Return the exit code of `drift`."""
    if plan.errored:
        return ERROR
    return CHANGES if needs_person else OK
