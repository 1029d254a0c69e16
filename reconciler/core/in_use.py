"""A model that something serves is not deleted: whoever made what serves it, and in whichever account."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.change import Change, Delete
from reconciler.core.fault import Fault
from reconciler.core.resource import Observed, Phase, World


def model_faults(changes: Sequence[Change], world: World) -> tuple[Fault, ...]:
    """Return why deletions of models are refused, naming what serves each; what the plan deletes too does not count."""
    going = [change for change in changes if isinstance(change, Delete) and not change.held]
    gone = {_identity(change.live) for change in going}
    faults: list[Fault] = []
    for change in going:
        model = str(change.live.outputs.get("model") or "")
        if not change.live.outputs.get("job_id") or not model or change.live.phase is not Phase.READY:
            continue
        users = [live for live in world if _identity(live) not in gone and _serves(live, change.live, model)]
        if users:
            listed = ", ".join(f"{live.address} in Account/{live.account}" for live in users)
            faults.append(
                Fault(
                    "model-in-use",
                    "A model that is served would be deleted",
                    f"{change.address} made {model}, and {listed} serves it.",
                    "Have that deleted first, or serve another model; whoever made it. Or leave out\n"
                    f"  --allow-delete {change.address}",
                    subject=str(change.address),
                )
            )
    return tuple(faults)


def _serves(live: Observed, job: Observed, model: str) -> bool:
    if live.kind == job.kind or live.phase is Phase.GONE:
        return False
    served = str(live.outputs.get("model") or "").lower()
    of_job = bool(job.id) and live.facts.get("from") == job.id and served.startswith("ftchkpt-")
    return of_job or served == model.lower() or served.startswith(f"{model.lower()}:")


def _identity(live: Observed) -> tuple[str, str, str]:
    return live.account, live.kind, live.id
