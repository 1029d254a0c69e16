"""Whether a deployment answers: what `readiness: true` asks after Azure has called it ready.

It is asked when it is made or given another model, until it has answered once; the tag `reconciler-answered` then holds
that model's name. So a run that was broken off, or could not wait, is gone on with by the next one, and a plan without
changes asks nothing and spends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.change import Create, Keep, Replace, Update
from reconciler.core.diff import FieldChange
from reconciler.core.resource import Observed, Phase
from reconciler.kinds.deployment.spec import DeploymentSpec

ANSWERED = "reconciler-answered"
READINESS = "readiness"
"""Path of the change that a deployment needs which has not answered yet."""
ANSWERS = "it answers"
_ASKED_AFTER = frozenset({"model", "status", READINESS})


def has_answered(live: Observed) -> bool:
    """Return whether the model that is served has been seen to answer."""
    model = live.outputs.get("model")
    return bool(model) and live.facts["tags"].get(ANSWERED) == model


def readiness_changes(spec: DeploymentSpec, live: Observed) -> Iterator[FieldChange]:
    """Return that a deployment is still to be asked."""
    if spec.readiness and live.phase is Phase.READY and not has_answered(live):
        yield FieldChange(READINESS, "not asked yet", "answers")


def to_be_asked(change: Keep | Create | Update | Replace) -> bool:
    """Return whether a change ends only with an answer: one that gives a model, or may have (an earlier run sent it)."""
    spec = change.desired.spec
    assert isinstance(spec, DeploymentSpec)
    if not spec.readiness:
        return False
    return not isinstance(change, Update) or any(item.path.partition(".")[0] in _ASKED_AFTER for item in change.changes)


def gets_model(change: Create | Update | Replace) -> bool:
    """Return whether a change makes a deployment serve a model that it did not serve."""
    return isinstance(change, Create) or any(item.path.partition(".")[0] == "model" for item in change.changes)


def only_asks(change: Update) -> bool:
    """Return whether nothing is to be changed: it only has to be asked."""
    return all(item.path == READINESS for item in change.changes)
