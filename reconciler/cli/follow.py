"""The events of a job as they happen, until it ends: `logs --follow`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from reconciler.azure.errors import AzureError
from reconciler.core.fault import Fault
from reconciler.core.resource import Observed, Phase
from reconciler.core.runtime import Runtime

FIRST, LONGEST = 1.0, 15.0
"""Seconds between two looks."""
PATIENCE = 30 * 60.0
"""Seconds for which nothing may answer before following ends; a job goes on without being looked at."""


class Events(Protocol):
    """What is needed of a gateway."""

    def refresh(self, live: Observed) -> Observed:
        """Look at the job again."""
        ...

    def stream(self, live: Observed) -> Callable[[bool], Any]:
        """Return a function that returns the events that are new."""
        ...


class Follower:
    """Follows one job. `live` is the job as last seen."""

    def __init__(self, gateway: Events, live: Observed, runtime: Runtime, trouble: Callable[[Fault], None]) -> None:
        self.live = live
        self._gateway = gateway
        self._runtime = runtime
        self._trouble = trouble

    def events(self, *, follow: bool) -> Iterator[Any]:
        """Yield the events, oldest first; with `follow` until the job has ended, is gone, or only a person resumes it.

        Errors that pass are told once and outlived. Raises AzureError for others, and when nothing answers for long.
        """
        news = self._gateway.stream(self.live)
        clock = self._runtime.clock
        waits = self._runtime.backoff(first=FIRST, longest=LONGEST)
        answered, told = clock.now(), False
        while True:
            try:
                # The job is read first: whatever it said before it ended is then in the list that is read after.
                self.live = self._gateway.refresh(self.live)
                is_over = not follow or self.live.phase is not Phase.WORKING or self.live.halted
                fresh = news(is_over) if self.live.phase is not Phase.GONE else ()
            except AzureError as error:
                if error.is_absent:
                    return
                if not follow or not error.passes or clock.now() - answered > PATIENCE:
                    raise
                if not told:
                    self._trouble(error.fault)
                told, fresh, is_over = True, (), False
            else:
                answered, told = clock.now(), False
            if fresh:
                waits = self._runtime.backoff(first=FIRST, longest=LONGEST)
            yield from fresh
            if is_over:
                return
            clock.sleep(next(waits))
