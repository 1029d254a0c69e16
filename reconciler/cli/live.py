"""The live view of `apply` on a terminal: uploads with bytes and rate, jobs with status, elapsed time, last event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from reconciler.render.words import duration, size

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.runtime import Meter

_LONGEST = 12
"""Lines of a kind that are shown at once."""
_BAR = 20
"""Columns of a whole bar, where there is room."""


class LiveView:
    """Shows what is under way below the lines that are final."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._working: dict[str, tuple[Any, str]] = {}
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=True, get_renderable=self._render)

    def start(self) -> None:
        """Begin to draw."""
        self._live.start()

    def stop(self) -> None:
        """Stop drawing and leave nothing behind."""
        self._live.stop()

    def print(self, line: str) -> None:
        """Print a final line above the view."""
        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def note(self, outcome: Any, progress: str = "") -> None:
        """Take one outcome in."""
        name = str(outcome.address)
        live = outcome.live
        if live is not None and live.phase.value == "working" and outcome.status == "pending":
            self._working[name] = (live, progress or self._working.get(name, (None, ""))[1])
        else:
            self._working.pop(name, None)

    def _render(self) -> Group:
        now = self._bench.runtime.clock.now()
        lines: list[Text] = []
        for name, meter in list(self._bench.meters.running().items())[:_LONGEST]:
            lines.append(Text(sending(name, meter, now, self._console.width)))
        for name, (live, progress) in list(self._working.items())[:_LONGEST]:
            elapsed = duration(now - live.created_at) if live.created_at else ""
            lines.append(Text(f"  … {name}  {live.status}  {elapsed}  {progress}"))
        return Group(*lines)


def sending(name: str, meter: Meter, now: float, width: int) -> str:
    """Return how far an upload is, in one line of a terminal of so many columns: the bar gives way, and then the name."""
    rate = meter.done / max(now - meter.started_at, 0.1)
    share = meter.done / meter.total if meter.total else 1.0
    left = f", {duration((meter.total - meter.done) / rate)} left" if rate and meter.done < meter.total else ""
    numbers = f"{size(meter.done)} of {size(meter.total)}, {size(rate)}/s{left}"
    room = width - len("  ↑  ") - len(numbers)
    if room < len(name):
        name = f"{name[: max(room - 1, 0)]}…"
    columns = min(_BAR, room - len(name) - 2)
    bar = f"  {'━' * round(share * columns):<{columns}}" if columns > 2 else ""
    return f"  ↑ {name}{bar} {numbers}"
