"""Models that no list shows and that a deployment serves: they are there, so their training is not made again.

Job history is purged by Azure, and whether every surface lists fine-tuned models is not certain (docs/azure.md, sections 5 and 6). Azure
refuses to delete a model that is deployed, so a deployment is evidence of its model. Its name carries the mark. So does the
name of a checkpoint, which is evidence of the training: nobody pays for that again because its history is gone.
"""

from __future__ import annotations

from collections.abc import Collection

from reconciler.core.resource import Observed
from reconciler.core.rules import View
from reconciler.kinds.fine_tune_job.base import CHECKPOINT
from reconciler.kinds.fine_tune_job.observed import KIND, model_as_job


def deployed(view: View, identity: str) -> list[Observed]:
    """Return the jobs of deployed models whose mark carries this identity and that are in no list."""
    return _deployed(view).get(identity, [])


def deployed_marks(view: View) -> Collection[str]:
    """Return what the marks of ours carry that these models bear."""
    return {identity for identity, found in _deployed(view).items() if any(live.owner in view.owners for live in found)}


def _deployed(view: View) -> dict[str, list[Observed]]:
    return view.index("deployed models", lambda: _by_identity(view))


def _by_identity(view: View) -> dict[str, list[Observed]]:
    listed = {live.id for live in view.of(KIND)}
    found: dict[str, Observed] = {}
    for deployment in view.of("Deployment"):
        served = str(deployment.outputs.get("model") or "")
        checkpoint = CHECKPOINT.match(served)
        live = model_as_job({"id": checkpoint["model"] if checkpoint else served}, view.account)
        if live is not None and live.id not in listed:
            found[live.id] = live
    index: dict[str, list[Observed]] = {}
    for live in found.values():
        index.setdefault(live.identity, []).append(live)
    return index
