"""For how long a job has trained, by its events: what a reinforcement job is billed for.

Not billed are the queue, the time that a job is paused, and the checks after the training (docs/azure.md, section 20). When
these checks begin is told by no event, so the time is a range: from the start to the last step, and to the end. Azure's
`finished_at` was seen months late, and is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from reconciler.azure.wire import Json, moment, text
from reconciler.kinds.fine_tune_job.progress import is_step

_QUEUE_LEFT = re.compile(r"^job started", re.IGNORECASE)
_TRAINS = re.compile(r"^training started", re.IGNORECASE)
_PAUSED = re.compile(r"\bpaus(ed|ing)\b", re.IGNORECASE)
_RESUMED = re.compile(r"\bresum(ed|ing)\b", re.IGNORECASE)
_CANCELLED = re.compile(r"^job cancel", re.IGNORECASE)
_ENDED = re.compile(r"^job (succeeded|failed|cancel)|^model evaluation passed|^completed results file", re.IGNORECASE)


def trained_seconds(events: Iterable[Json], now: float) -> tuple[float, float] | None:
    """Return for how many seconds a job has trained, at least and at most; None where its events do not say when it began.

    `now` ends the training of a job that goes on, in seconds since the epoch.
    """
    told = sorted(
        ((float(at), event) for event in events if (at := moment(event, "created_at"))), key=lambda pair: pair[0]
    )
    began = _first(told, _TRAINS)
    began = _first(told, _QUEUE_LEFT) if began is None else began
    if began is None:
        stopped_before = _first(told, _CANCELLED) is not None and not any(is_step(event) for _, event in told)
        return (0.0, 0.0) if stopped_before else None
    least = most = 0.0
    since: float | None = began
    last = began
    for at, event in told:
        if at < began:
            continue
        if is_step(event) and since is not None:
            last = at
        message = text(event, "message")
        if since is not None and (_PAUSED.search(message) or _ENDED.match(message)):
            least, most = least + max(0.0, last - since), most + at - since
            if _ENDED.match(message):
                return least, most
            since = None
        elif since is None and _RESUMED.search(message):
            since = last = at
    if since is not None:
        least, most = least + max(0.0, last - since), most + max(0.0, now - since)
    return least, most


def _first(told: Sequence[tuple[float, Json]], what: re.Pattern[str]) -> float | None:
    return next((at for at, event in told if what.match(text(event, "message"))), None)
