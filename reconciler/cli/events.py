"""`--log-format json`: what happens, as one JSON object a line on stderr; stdout stays what the command prints."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.core.fault import Fault

TEXT, JSON = "text", "json"
OPTION, VARIABLE = "--log-format", "RECONCILER_LOG_FORMAT"


@dataclass
class Log:
    """Where events go; in text there are none, and `say` prints for a person."""

    is_json: bool = False
    emulator: bool = False
    told: Callable[[str], str] = str
    """What makes of a text one that can be used where the command was typed."""
    now: Callable[[], float] = time.time
    stream: IO[str] | None = None

    def emit(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Write events, if anybody reads them."""
        if not self.is_json:
            return
        stream = self.stream or sys.stderr
        for one in events:
            moment = datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds")
            line = {"time": moment.replace("+00:00", "Z"), **one, "emulator": self.emulator}
            # ASCII, so that nothing in it is an order to a terminal, and a line is a line.
            stream.write(json.dumps(line, allow_nan=False, default=str) + "\n")
        stream.flush()

    def say(self, text: str) -> None:
        """Tell a person on stderr, or a machine in an event `note`."""
        from reconciler.render.events import event

        if self.is_json:
            self.emit([event("note", text=text.strip())])
        else:
            print(self.told(text), file=sys.stderr, flush=True)

    def faults(self, faults: Iterable[Fault], text: Callable[[], str]) -> None:
        """Tell of errors and warnings: each in an event, or all in one text."""
        from reconciler.render.events import fault_event

        if self.is_json:
            self.emit(fault_event(fault) for fault in faults)
        else:
            print(self.told(text()), file=sys.stderr)


def asked_for(arguments: Iterable[str], environ: Mapping[str, str]) -> bool:
    """Return whether the events are wanted, before the arguments are parsed: bad usage is an event too."""
    chosen = environ.get(VARIABLE, TEXT)
    words = list(arguments)
    for number, word in enumerate(words):
        if word == OPTION and number + 1 < len(words):
            chosen = words[number + 1]
        elif word.startswith(f"{OPTION}="):
            chosen = word.partition("=")[2]
    return chosen == JSON
