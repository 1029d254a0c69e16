"""What is said of a deployment that Azure has failed.

Why it failed stands only where the answer to the write pointed (docs/azure.md, section 8), so it is known to the run that
sent the write. Any other run sees that it failed, and says where to look.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.resource import Observed, Phase


def untold(resource_id: str) -> str:
    """Return what is said in the place of a reason that only an earlier run was told."""
    return f"Azure told only the run that sent the change why. Its activity log has it: `{_log(resource_id)}`."


def unsaid(resource_id: str) -> str:
    """Return what is said where Azure has told the run that sent the change nothing either."""
    return f"Azure does not say why. Its activity log may: `{_log(resource_id)}`."


def _log(resource_id: str) -> str:
    return f"az monitor activity-log list --resource-id {resource_id} --status Failed --offset 7d"


def failed_notes(live: Observed | None) -> Iterator[str]:
    """Say in a plan why a deployment has failed, or where that can be found."""
    if live is not None and live.phase is Phase.FAILED and live.reason:
        yield f"it failed at Azure: {live.reason}"
