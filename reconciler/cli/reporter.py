"""What `apply` says while it works: plain lines anywhere, and on a terminal a live view below them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Self

from reconciler.cli.compose import KINDS
from reconciler.cli.state import GLOBALS
from reconciler.core.change import Delete, Stuck
from reconciler.core.fault import ReconcilerError
from reconciler.core.resource import Phase
from reconciler.render.events import event, outcome_event
from reconciler.render.outcome import apply_summary, outcome_line
from reconciler.render.text import EMULATOR_LINE, printable

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Change, Plan
    from reconciler.engine import Outcome

EVERY = 60.0
"""Seconds between two lines about one job that still works, where there is no live view."""
_Key = tuple[str, str]


class Reporter:
    """Takes outcomes in and says what is news. `shown` are changes that the printed plan has said already."""

    def __init__(self, bench: Workbench, shown: Collection[Change] = (), *, errored: bool = False) -> None:
        self._bench = bench
        self._errored = errored
        self._shown = {id(change) for change in shown}
        self._latest: dict[_Key, Outcome] = {}
        self._wrote: dict[_Key, Outcome] = {}
        self._said: set[str] = set()
        self._working: dict[_Key, tuple[str, float]] = {}
        self._view = None
        if GLOBALS.color() and sys.stdout.isatty():
            from reconciler.cli.live import LiveView

            self._view = LiveView(bench)

    def __enter__(self) -> Self:
        if self._view:
            self._view.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._view:
            self._view.stop()

    def note(self, outcome: Outcome) -> None:
        """Take one outcome in, and say it if it is news."""
        key = _key(outcome)
        before = self._latest.get(key)
        self._latest[key] = outcome
        if before is None or _state(before) != _state(outcome):
            GLOBALS.log.emit([outcome_event(outcome, KINDS)])
        if outcome.wrote:
            self._wrote[key] = outcome
        if isinstance(outcome.change, Stuck) and id(outcome.change) in self._shown:
            return
        if outcome.status == "unchanged" and (before is None or before.status in {"unchanged", "done"}):
            return
        progress = ""
        if _works(outcome) and not outcome.wrote and not outcome.later:
            if not self._is_news(key, outcome):
                return
            progress = self._progress(outcome)
        if self._view:
            self._view.note(outcome, progress)
            if _works(outcome) and not outcome.wrote and not outcome.later:
                return
        line = outcome_line(outcome, kinds=KINDS, color=GLOBALS.color(), progress=progress)
        if line and line not in self._said:
            self._said.add(line)
            self._print(line)
            if before is not None and _works(before) and outcome.status == "unchanged":
                self._summary(outcome)

    def final(self) -> list[Outcome]:
        """Return the last outcome of each change."""
        return list(self._latest.values())

    def summarise(self) -> None:
        """Print the last line."""
        text = apply_summary(self.final(), list(self._wrote.values()), kinds=KINDS, errored=self._errored)
        print(GLOBALS.told(text))
        GLOBALS.log.emit([event("applied", text=text.rpartition("\n")[2])])
        if self._bench.emulated:
            print(EMULATOR_LINE)

    def interrupted(self, plan: Plan) -> None:
        """Say what was done before Ctrl-C, what is not known, and how to go on."""
        if self._view:
            self._view.stop()
        print("\nInterrupted. Nothing is lost: run the same command again, it goes on where this one stopped.")
        ended = {outcome.address for outcome in self._latest.values()}
        unknown = [str(address) for address in dict.fromkeys(change.address for change in plan.actions)]
        unknown = [address for address in unknown if address not in map(str, ended)]
        if unknown:
            print(f"Under way or not begun: {', '.join(unknown)}.")
        # Where nothing was written and something is not known, a summary would call it unchanged.
        if self._latest and (self._wrote or not unknown):
            self.summarise()
        elif self._bench.emulated:
            print(EMULATOR_LINE)

    def _is_news(self, key: _Key, outcome: Outcome) -> bool:
        """Whether a working object has another status, or was not spoken of for a while; a live view is always told."""
        now = self._bench.runtime.clock.now()
        status = outcome.live.status if outcome.live else ""
        said, at = self._working.get(key, ("", 0.0))
        if not self._view and said == status and now - at < EVERY:
            return False
        self._working[key] = (status, now)
        return True

    def _progress(self, outcome: Outcome) -> str:
        live = outcome.live
        if live is None:
            return ""
        try:
            return self._bench.engine.gateways[live.account, live.kind].progress(live)
        except ReconcilerError:
            # A line about progress is not worth a failed run.
            return ""

    def _summary(self, outcome: Outcome) -> None:
        """Say what became of a job that this run has waited for."""
        live = outcome.live
        summary = getattr(self._bench.engine.gateways[live.account, live.kind], "summary", None) if live else None
        if summary is None:
            return
        try:
            for line in summary(live):
                self._print(f"      {printable(line)}")
        except ReconcilerError:
            # It has ended well all the same.
            return

    def _print(self, line: str) -> None:
        line = GLOBALS.told(line)
        if self._view:
            self._view.print(line)
        else:
            print(line, flush=True)


def _key(outcome: Outcome) -> _Key:
    """Deletions are told apart by their object: several may bear one name."""
    live = outcome.live or (outcome.change.live if isinstance(outcome.change, Delete) else None)
    return str(outcome.address), live.id if live and isinstance(outcome.change, Delete) else ""


def _state(outcome: Outcome) -> tuple[str, str, bool]:
    return outcome.status, outcome.live.status if outcome.live else "", outcome.wrote


def _works(outcome: Outcome) -> bool:
    return outcome.status == "pending" and outcome.live is not None and outcome.live.phase is Phase.WORKING
