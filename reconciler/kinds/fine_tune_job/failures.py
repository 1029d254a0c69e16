"""Why jobs fail: one row for each known reason, first match wins. Only Azure's own failures are tried again.

A row is (pattern over "code: message" of the job's error, whose fault it was, what to do). The codes of failed jobs are
published nowhere; these are from recorded and reported answers (docs/azure.md, sections 5 and 12), so a reason that is
not known is taken for nobody's, and nothing is tried again for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Whose = Literal["azure", "data", "model", "limit", ""]


@dataclass(frozen=True, slots=True)
class Failure:
    """Whose fault a failure was, and what to do about it."""

    whose: Whose
    remedy: str


_OWN = (
    r"^(internal.?(failure|error|server.?error)|server.?error|system.?error|service.?unavailable|50[0234])\b|"
    r"a system error was encountered|internal (server )?error|please try again later"
)
_UNSAFE = (
    "The trained model or the data did not pass Azure's safety evaluation: look through the examples for what it names."
)
_ROWS: tuple[tuple[str, Whose, str], ...] = (
    # First what is no accident, whatever else the message says.
    (
        r"moderation|content.?(filter|policy|management)|safety|responsible.?ai|harmful|model evaluation",
        "model",
        _UNSAFE,
    ),
    (
        r"jsonl|invalid.?(file|payload|training|data)|validation.?failed|schema|unsupported.?format|example",
        "data",
        "Correct the data.",
    ),
    (
        r"720|time.?limit|timed? ?out|exceeded.{0,20}(hours|time)",
        "limit",
        "Train less in one job: fewer epochs or examples.",
    ),
    (r"quota|limit.{0,20}(reached|exceeded)|insufficient", "limit", "Wait, or ask for more quota."),
    (_OWN, "azure", "This was Azure's own failure."),
)
_UNKNOWN = Failure("", "Mend the cause.")


def why_failed(reason: str) -> Failure:
    """Return what is known of a reason, as `code: message`."""
    for pattern, whose, remedy in _ROWS:
        if re.search(pattern, reason, re.IGNORECASE):
            return Failure(whose, remedy)
    return _UNKNOWN


def is_azures_own(reason: str) -> bool:
    """Return whether Azure itself failed, so that the same job may succeed another time."""
    return why_failed(reason).whose == "azure"
