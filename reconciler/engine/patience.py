"""How long a run with `--wait` waits for work that goes on at Azure."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.change import Keep
from reconciler.core.resource import Phase
from reconciler.core.runtime import Runtime
from reconciler.engine.outcome import Outcome

PAUSED_FOR = 24 * 3600.0
"""Seconds for which one run waits for what is paused: Azure says neither who paused it nor whether it will be resumed."""
_LONGEST = 30.0
"""Seconds between two looks."""
_LONGEST_PAUSED = 300.0
"""Seconds between two looks when all that is waited for is paused."""


class Patience:
    """Tells whether there is something to wait for, and waits."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waited: dict[tuple[str, str], float] = {}
        """By the account and id of what is paused: for how many seconds this run has waited for it."""
        self._paused: set[tuple[str, str]] = set()
        self._moves = False
        self.renew()

    @property
    def has_work(self) -> bool:
        """Whether there is something to wait for by the outcomes of this round."""
        return self._moves or bool(self._paused)

    def judged(self, outcome: Outcome) -> Outcome:
        """Take an outcome in; returns it, or what is said when it is not waited for any longer."""
        live = outcome.live
        if live is None or live.phase is not Phase.WORKING or live.halted:
            return outcome
        if isinstance(outcome.change, Keep) and outcome.change.rests:
            return outcome
        key = live.account, live.id
        if not live.paused:
            self._waited.pop(key, None)
            self._moves = True
        elif self._waited.get(key, 0.0) < PAUSED_FOR:
            self._paused.add(key)
        else:
            waited = (
                f"after {PAUSED_FOR / 3600:.0f} h of this it is not waited for any longer; a plan says how it goes on"
            )
            words = f"{live.words or live.status}; {waited}"
            return replace(outcome, message=words, later=True)
        return outcome

    def begin(self) -> None:
        """Begin a round: what the one before it saw is over."""
        self._paused.clear()
        self._moves = False

    def renew(self) -> None:
        """Look again soon: something has just been done."""
        self._waits = self._runtime.backoff(first=1.0, longest=_LONGEST)
        self._waits_paused = self._runtime.backoff(first=1.0, longest=_LONGEST_PAUSED)

    def wait(self) -> None:
        """Wait until it is time to look again."""
        pause = next(self._waits if self._moves else self._waits_paused)
        began = self._runtime.clock.now()
        self._runtime.clock.sleep(pause)
        # The clock may have been set back meanwhile.
        waited = max(pause, self._runtime.clock.now() - began)
        for key in self._paused:
            self._waited[key] = self._waited.get(key, 0.0) + waited
