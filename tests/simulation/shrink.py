"""From a seed that breaks a promise to a short list of events that still breaks it, in the same check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from simulation.play import play
from simulation.script import Event
from simulation.wide import script

SIMPLER = {"count": 1, "skip": 0, "mode": "apply", "committed": False}
"""What is as simple as it gets, for what cannot be left out of an event."""
NEEDED = {"commit", "hand", "sleep", "jump", "configure", "shape", "lists", "grade", "parts", "elsewhere", "cut", "far"}
"""Events of which nothing can be left out."""


def shrunk(seed: int, failing: Sequence[Event] | None = None) -> list[Event]:
    """Return the events of a failing seed, or others that fail under its chance, without all that the failure does not need.

    First whole stretches are left out, then single events, then parts of events, until nothing more can be: no event and
    no part of the result can be left out by itself.
    """
    events = list(script(seed) if failing is None else failing)
    check = play(seed, events).check

    def still(fewer: Sequence[Event]) -> bool:
        return play(seed, fewer).check == check

    size = len(events)
    while size:
        fewer = _without(events, size, still)
        # What went may have been what something before it was for.
        size = size // 2 if len(fewer) == len(events) or size > 1 else 1
        events = fewer
    before: list[Event] = []
    while before != events:
        before = events
        for at in range(len(events)):
            for simpler in _simpler(events[at]):
                fewer = [*events[:at], simpler, *events[at + 1 :]]
                if still(fewer):
                    events = fewer
                    break
    return events


def _without(events: list[Event], size: int, still: Callable[[Sequence[Event]], bool]) -> list[Event]:
    at = 0
    while at < len(events):
        fewer = events[:at] + events[at + size :]
        if still(fewer):
            events = fewer
        else:
            at += size
    return events


def _simpler(event: Event) -> Iterator[Event]:
    """Yield an event with one part less, or simpler."""
    if event.do in NEEDED:
        return
    for name, value in event.how.items():
        if name in SIMPLER and value != SIMPLER[name]:
            yield replace(event, how={**event.how, name: SIMPLER[name]})
        elif event.do == "run" and name != "mode":
            yield replace(event, how={key: kept for key, kept in event.how.items() if key != name})
        if name == "other" and len(value) > 1:
            yield from (replace(event, how={**event.how, name: (one,)}) for one in value)
