"""The formats of training data, one module each behind one small record.

A new format is a module with `recognises` and `check`, and one line in FORMATS. Formats are tried in order when the data
does not say what it is; the last one is what everything else is checked as.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats import chat_record, preference_record, reinforcement_record
from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.formats.quick_chat import QuickChat
from reconciler.datasets.statistics import Tally
from reconciler.datasets.texts import Texts


class Quick(Protocol):
    """A quick way to pass many lines that are beyond doubt."""

    def passes(self, data: bytes, records: int, line: int, texts: Texts, tally: Tally) -> bool:
        """See `QuickChat.passes`."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One format: its name in manifests, how a record of it is recognised, and how one is checked.

    `check` adds all that is wrong with a record; `quick` makes a check that passes ordinary lines without it. `items` says
    whether records may have keys of their own, which graders refer to.
    """

    name: str
    recognises: Callable[[Mapping[str, Any]], bool]
    check: Callable[[Mapping[str, Any], int, Collector, Notes], None]
    quick: Callable[[Notes], Quick] | None = None
    items: bool = False


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("preference", preference_record.recognises, preference_record.check),
        Format("reinforcement", reinforcement_record.recognises, reinforcement_record.check, items=True),
        Format("chat", chat_record.recognises, chat_record.check, QuickChat),
    )
}
"""All formats by name, in the order in which they are tried."""
FALLBACK = "chat"
"""What data is checked as that looks like no format: the one that the documentation begins with."""


def named(name: str) -> Format:
    """Return a format by its name. Raises ValueError with the names there are."""
    if name not in FORMATS:
        raise ValueError(f"unknown data format; one of {', '.join(FORMATS)}")
    return FORMATS[name]


def detect(records: Iterable[Mapping[str, Any]]) -> Format:
    """Return the format of a file from its first readable records: that of most of them, so that no odd one decides."""
    found = Counter(next((each.name for each in FORMATS.values() if each.recognises(record)), "") for record in records)
    del found[""]
    return FORMATS[max(found, key=found.__getitem__, default=FALLBACK)]
