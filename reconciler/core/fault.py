"""What can be wrong, as a value: a fixed summary, the thing and its place, and what to do next.

```
ReconcilerError            anything expected that stops a command; carries one or more Faults
├── InvalidManifests       the tree does not load (exit 1, nothing was sent)
├── Refused                a guard, a stale plan, a missing approval (exit 4, nothing was done)
└── AzureError             an answer of Azure, translated (see reconciler.azure.errors)
```
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where in a file something stands; line and column count from 1, 0 means the whole file."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Return `file`, `file:line` or `file:line:column`."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong.

    `summary` is terse and never holds the user's data, so the same fault always reads the same. `detail` says what was
    wrong with which thing. `remedy` says what to do; a command in it stands on a line of its own.
    """

    code: str
    summary: str
    detail: str = ""
    remedy: str = ""
    place: Place | None = None
    subject: str = ""
    severity: Severity = "error"
    times: int = 1
    """How many it stands for; 0 for a line that only belongs to others."""

    @property
    def clause(self) -> str:
        """The summary as it stands inside a sentence: a name keeps its capital."""
        return self.summary if self.summary.startswith("Azure") else self.summary[:1].lower() + self.summary[1:]

    def __str__(self) -> str:
        """Return the fault as one short paragraph, for logs and exceptions."""
        head = f"{self.place}: " if self.place else ""
        subject = f" ({self.subject})" if self.subject else ""
        return f"{head}{self.summary}{subject}" + (f": {self.detail}" if self.detail else "")


def by_place(fault: Fault) -> tuple[str, int, int, str]:
    """Sort key: file, line, column, code; what has no place comes first."""
    place = fault.place or Place("")
    return (place.file, place.line, place.column, fault.code)


class ReconcilerError(Exception):
    """An expected failure; the command line shows its faults and never a traceback."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults

    @property
    def frees_up(self) -> bool:
        """Whether what is missing is freed by a deletion that was just made, a little later."""
        return False

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> ReconcilerError:
        """Make one error of several faults, sorted by place."""
        return cls(*sorted(faults, key=by_place))


class InvalidManifests(ReconcilerError):  # noqa: N818  (reads as what it is in an except clause)
    """The tree of manifests does not load; nothing was sent."""


class Refused(ReconcilerError):  # noqa: N818  (same)
    """A guard said no; nothing was done (exit 4)."""
