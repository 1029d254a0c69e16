"""`strategy`: how a deployment comes to serve another model, and what is said where Azure does not let it.

| strategy | what is done | what serves meanwhile |
|---|---|---|
| in_place | the model of the live deployment is changed | the old or the new model, as far as Azure can do it |
| beside | another deployment is made next to it, under a name of its own; the old one is kept for a time | the old one |
| recreate | the live deployment is deleted and made anew | nothing |

Whether Azure lets the model of a live deployment be changed is not certain (docs/azure.md, section 11). A refusal changes
nothing, and is tried again by the next run, once: a request a run costs nothing, and nothing needs to be remembered.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from reconciler.azure.errors import AzureError
from reconciler.core.change import Update
from reconciler.core.duration import Duration, seconds_of
from reconciler.core.fault import Fault, ReconcilerError
from reconciler.core.resource import Block

Word = Literal["in_place", "beside", "recreate"]
REFUSED = "CannotChangeDeploymentModel"
"""Azure's code for a model that it does not change (docs/azure.md, section 11)."""
KEPT = "24h"
"""How long a former deployment is kept where no manifest says it: a day for those who still call it."""


class Strategy(Block):
    """How a deployment comes to serve another model, with what can be said of it besides."""

    type: Word = Field(
        description="`in_place`: the model of the live deployment is changed; `beside`: a second deployment next to it; "
        "`recreate`: deleted and made anew.",
        examples=["beside"],
    )
    keep_old: Duration | None = Field(
        default=None,
        description="With `beside`: for how long the old deployment is kept after the switch, as a number and s, m, h or "
        "d; absent: 24h. On change: counts from the switch; one whose time is over is left over.",
        examples=["24h"],
    )

    @model_validator(mode="after")
    def _only_beside(self) -> Strategy:
        if self.keep_old is not None and self.type != "beside":
            raise ValueError("has `keep_old`, which needs `type: beside`: only there is an old deployment kept")
        return self


_WAYS_ON = """\
Choose how it comes to serve the new model, and add one of these to its `spec`:
  strategy: beside    # a second deployment next to it; the old one serves until you call the new name
  strategy: recreate  # delete it, make it anew under the same name; nothing serves for some minutes"""
_CHANGED_BY_HAND = """\
Its name is that of another model, so somebody has changed what it serves. Delete it in the portal when nobody calls it;
the next run makes it anew:
  reconciler apply"""


def word_of(strategy: Word | Strategy | None) -> Word:
    """Return the strategy of a manifest in one word; without one it is in_place."""
    return strategy.type if isinstance(strategy, Strategy) else strategy or "in_place"


def keeps(strategy: Word | Strategy | None) -> float:
    """Return for how many seconds a former deployment is kept."""
    said = strategy.keep_old if isinstance(strategy, Strategy) else None
    return seconds_of(said or KEPT)


def refusal(error: AzureError, change: Update) -> ReconcilerError:
    """Return what a refused change of the model means, and the two ways on; any other error as it is."""
    if error.code != REFUSED:
        return error
    serves = change.live.outputs.get("model") or "its model"
    beside = word_of(getattr(change.desired.spec, "strategy", None)) == "beside"
    fault = Fault(
        "model-change-refused",
        "Azure does not change the model of this deployment",
        f"{change.live.name} goes on serving {serves}; nothing was changed ({error.fault.detail.rstrip('.')}).",
        _CHANGED_BY_HAND if beside else _WAYS_ON,
        change.desired.place,
        str(change.address),
    )
    return AzureError(fault, status=error.status, code=error.code)
