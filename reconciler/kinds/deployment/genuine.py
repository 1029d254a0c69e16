"""Which of several jobs of one mark are what the mark says: a mark is copied by whoever clones a job, its settings are not.

The digest behind a mark cannot be turned back into settings. But the first job of a mark made it, and a clone came later: what
contradicts the first one is a clone, and its model is never served for the mark's.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.diff import differences
from reconciler.core.resource import Observed
from reconciler.core.rules import View

NOT_SENT = (-1, None)
"""How a service shows a setting that nobody made, until it has chosen one."""


def without_clones(marked: Sequence[Observed], view: View) -> list[Observed]:
    """Return the jobs of one mark that do not contradict the first of them; of two from the same second neither is known to be it."""
    told = [live for live in marked if not live.facts.get("model_only")]
    if len(told) < 2:
        return list(marked)
    began = min(live.created_at for live in told)
    firsts = [live for live in told if live.created_at == began]
    return [live for live in marked if not any(contradicts(live, first, view) for first in firsts)]


def contradicts(live: Observed, first: Observed, view: View) -> bool:
    """Whether a job was made with other settings, or from another file, than the one that bore its mark first.

    The seed says nothing: Azure gives each attempt of a job its own, where none is declared.
    """
    if live.id == first.id or live.facts.get("model_only") or first.facts.get("model_only"):
        return False
    found = differences(first.spec, live.spec, echoes_all=False)
    settings = (item for item in found if item.path != "seed")
    if any(item.before not in NOT_SENT and item.after not in NOT_SENT for item in settings):
        return True
    files = [view.by_id(str(one.facts.get("training_file") or "")) for one in (first, live)]
    identities = {file.identity for file in files if file is not None}
    return len(identities) > 1
