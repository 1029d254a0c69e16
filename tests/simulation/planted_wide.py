"""Bugs planted on purpose that only the second family of seeds can notice (wide.py)."""

from __future__ import annotations

from typing import Any

from simulation.planted import Bug, Change

from reconciler.azure.uploads import Uploads
from reconciler.core.change import Update
from reconciler.core.diff import FieldChange
from reconciler.kinds import deployment, fine_tune_job
from reconciler.kinds.dataset import DatasetGateway, DatasetKind, gateway
from reconciler.kinds.deployment import elsewhere
from reconciler.kinds.deployment.elsewhere import as_told
from reconciler.kinds.fine_tune_job import FineTuneJobKind, base, lifecycle
from reconciler.kinds.fine_tune_job.states import STOPPED


def _bug(said: str, owner: Any, name: str, value: Any) -> Bug:
    return Bug(said, (Change(owner, name, lambda _: value),))


def _any_pause(_desired: Any, live: Any) -> tuple[FieldChange, ...]:
    """Have whatever is paused resumed."""
    return (FieldChange("suspend", before=True, after=False),) if live.status in STOPPED else ()


def _reversed(complete: Any) -> Any:
    """Have the parts of a file put together in the wrong order."""
    return lambda self, upload_id, part_ids: complete(self, upload_id, part_ids[::-1])


def _told_in_full(after: Any, live: Any) -> Any:
    """Hold against what Azure shows all that it was told, if it comes from another account."""
    return after if getattr(after.model, "source", None) else as_told(after, live)


def _unchanged_elsewhere(after: Any, live: Any) -> Any:
    """Take what is served for what is declared, if it comes from another account."""
    return live.spec if getattr(after.model, "source", None) else as_told(after, live)


WIDE_BUGS: dict[str, Bug] = {
    # what is suspended
    "--continue resumes": _bug(
        "--continue resumed", FineTuneJobKind, "may_continue", lambda _self, change: isinstance(change, Update)
    ),
    "what is suspended is started": _bug(
        "a job was started that is suspended", fine_tune_job, "with_lifecycle", lambda _desired, claim: claim
    ),
    "what is suspended is resumed": _bug("its manifest suspends it", fine_tune_job, "switches", _any_pause),
    # what is trained on a checkpoint
    "a job is trained on another checkpoint": Bug(
        "trained on",
        (
            Change(base, "at_step", lambda _: lambda found, _step: found[0] if found else None),
            Change(fine_tune_job, "echoes_other_checkpoint", lambda _: lambda *_: False),
        ),
    ),
    "what Azure stopped for its cost goes on": _bug(
        "at its limit of cost", lifecycle, "_pausable_by_azure", lambda *_: False
    ),
    # files, and files in parts
    "parts are put together in another order": Bug(
        "an upload in parts made of", (Change(Uploads, "complete", _reversed),)
    ),
    "an upload that fails is not given up": _bug(
        "an upload in parts was left open", Uploads, "give_up", lambda *_: False
    ),
    "no look before a file is sent again": _bug("was made beside", DatasetGateway, "_find", lambda *_: None),
    "what was fetched is not looked into": _bug("was left", DatasetGateway, "_checked", lambda _self, live: live),
    "other data than declared is trained on": _bug(
        "does not hold what its name says", DatasetGateway, "_wrong_with", lambda *_: None
    ),
    "what Azure could not fetch stays": _bug(
        "is not as declared was left", DatasetGateway, "_deleted", lambda *_: "it was deleted at once"
    ),
    "the address with its signature is shown": _bug("a secret was shown", gateway, "scrub", lambda text: text),
    "a file with a name that was cut stays": _bug(
        "what no run would find again was left", DatasetGateway, "_deleted", lambda *_: "it was deleted at once"
    ),
    "a name that was cut is taken as it is": _bug(
        "does not hold what its name says", DatasetGateway, "_check_name", lambda *_: None
    ),
    # what another account serves
    "an account is named in one way only": _bug("not as committed", elsewhere, "SPELLINGS", ("source",)),
    "an account that Azure does not show always differs": _bug(
        "not as committed", deployment, "as_told", _told_in_full
    ),
    "what another account serves never changes": _bug("far serves", deployment, "as_told", _unchanged_elsewhere),
    "of two files with one content both stay": Bug(
        "several files hold the same",
        (Change(DatasetKind, "spared", lambda _: lambda _self, unmatched, *_: {one.id for one in unmatched}),),
    ),
}
