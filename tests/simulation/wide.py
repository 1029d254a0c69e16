"""The second family of seeds, from WIDE on: the same histories, and what a repository or Azure has besides.

Each of these is an event or a few of their own, decided by a chance of their own, so that the seeds below WIDE do what
they always did, and so that each can be left out by itself.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from simulation import script as first
from simulation.addresses import BLOBS, OPEN, SICK
from simulation.script import RARE, Event
from simulation.unknowns import GA, OF_ACCOUNTS, OF_GRADED, OF_IMPORTS, OF_NAMES, OF_PARTS

_BEGINS = {"shape", "grade", "elsewhere", "far"}
"""Events that make another first commit."""
WIDE = 1_000_000
"""The first seed of the family."""
_UPLOADS = (
    r"/uploads$",
    r"/parts$",
    r"/complete$",
    r"/complete$",
    r"/uploads/.*/cancel$",
    r"/uploads",
    r"/files$",
    r"/files$",
)
_FETCHED = (r"/files/import$", r"/files/import$", r"/files/import$", r"/files/file-[^/]*$", r"/files/.*/content$")


def script(seed: int) -> list[Event]:
    """Return the events of a seed of either family."""
    events = first.script(seed)
    if seed < WIDE:
        return events
    for name, (share, add) in _BESIDES.items():
        if random.Random(f"has {name} {seed}").random() < share:
            events = add(events, random.Random(f"{name} {seed}"))
    return events


def _with_base(events: list[Event], chance: random.Random) -> list[Event]:
    """Have jobs trained on checkpoints of others."""
    for _ in range(chance.choice((1, 2, 3))):
        based = [Event("commit", {"change": "base", "pick": chance.randrange(100)}), Event("run", {"mode": "wait"})]
        if chance.random() < 0.3:
            based.insert(1, _fault(r"/checkpoints", chance))
        if chance.random() < 0.5:
            based += [
                Event("commit", {"change": chance.choice(("epochs", "data", "base")), "pick": chance.randrange(100)}),
                _run(chance),
            ]
        events = _inserted(events, based, chance)
    return events


def _with_graded(events: list[Event], chance: random.Random) -> list[Event]:
    """Add a job that is trained by reinforcement, with a grader, and that is paused and resumed."""
    begun = [Event("grade"), *_switches(OF_GRADED, chance)]
    # This surface knows no method but one.
    events = [event for event in events if GA not in event.how.values()]
    for _ in range(chance.choice((1, 1, 2, 3))):
        events = _inserted(events, _suspended(chance), chance)
    if chance.random() < 0.3:
        events = _inserted(events, [_fault(r"/(pause|resume)$", chance), *_suspended(chance)], chance)
    return [*begun, *events]


def _with_parts(events: list[Event], chance: random.Random) -> list[Event]:
    """Have files sent in parts, with faults on the way."""
    part = chance.choice((350, 500, 900, 5000))
    begun = [Event("parts", {"large": chance.choice((100, 1200)), "part": part}), *_switches(OF_PARTS, chance)]
    for _ in range(chance.choice((1, 2, 3))):
        sent = [Event("commit", {"change": "data", "pick": chance.randrange(100)}), _run(chance)]
        if chance.random() < 0.7:
            sent.insert(1, _fault(chance.choice(_UPLOADS), chance, "POST"))
        events = _inserted(events, sent, chance)
    return [*begun, *events]


def _with_imports(events: list[Event], chance: random.Random) -> list[Event]:
    """Have Azure fetch all data from an address, which may not answer, or with something else."""
    switches = _switches(OF_IMPORTS, chance)
    is_anywhere = any("import_from" in event.how for event in switches)
    for _ in range(chance.choice((1, 2, 3))):
        fetched = [
            Event("commit", {"change": "data", "pick": chance.randrange(100)}),
            Event("address", {"sick": chance.choice(SICK), "count": chance.choice((1, 1, 2, 4))}),
            _run(chance),
        ]
        if chance.random() < 0.4:
            fetched.insert(1, _fault(chance.choice(_FETCHED), chance))
        events = _inserted(events, fetched, chance)
    return [*switches, Event("elsewhere", {"at": BLOBS if is_anywhere else OPEN}), *events]


def _with_cut(events: list[Event], chance: random.Random) -> list[Event]:
    """Have names of files cut for a while: it is met, told, and mended, at the latest when the troubles are over."""
    met = [Event("cut", {name: chance.choice(values)}) for name, values in OF_NAMES.items()]
    for _ in range(2):
        met.append(Event("commit", {"change": "data", "pick": chance.randrange(100)}))
        if chance.random() < 0.3:
            path, method = chance.choice(((r"/files$", "POST"), (r"/files/", "DELETE")))
            met.append(_fault(path, chance, method))
        met.append(_run(chance))
    if chance.random() < 0.7:
        met.append(Event("configure", dict.fromkeys(OF_NAMES)))
    return _inserted(events, met, chance)


def _with_far(events: list[Event], chance: random.Random) -> list[Event]:
    """Have a second account serve what the first one trains."""
    for _ in range(chance.choice((2, 3, 4))):
        served = [Event("commit", {"change": "far", "pick": chance.randrange(100)}), _run(chance)]
        if chance.random() < 0.3:
            served.insert(1, _fault(r"/accounts/west/deployments", chance, chance.choice(("*", "PUT"))))
        if chance.random() < 0.5:
            served += [Event("sleep", {"seconds": chance.choice((30, 600, 4000))}), Event("run", {"mode": "wait"})]
        events = _inserted(events, served, chance)
    return [Event("far"), *_switches(OF_ACCOUNTS, chance), *events]


def _suspended(chance: random.Random) -> list[Event]:
    """Return how the job comes to train, is suspended or paused, and perhaps goes on."""
    trains = [
        Event("commit", {"change": "regrade", "pick": chance.randrange(100)}),
        Event("run", {"mode": "apply"}),
        Event("sleep", {"seconds": chance.choice((100, 115, 130, 160))}),
    ]
    pauses = [Event("commit", {"change": "suspend", "pick": 0}), _run(chance)]
    if chance.random() < 0.25:
        pauses = [Event("hand", {"hand": "pause_job", "pick": chance.randrange(100)}), _run(chance)]
    elif chance.random() < 0.15:
        # It is suspended before it is ever made.
        trains, pauses = [], [Event("commit", {"change": "suspend", "pick": 0}), trains[0], _run(chance)]
    rests = [Event("sleep", {"seconds": chance.choice((1, 600, 90_000))}), _run(chance)]
    goes_on: list[list[Event]] = [
        [],
        [Event("commit", {"change": "suspend", "pick": 1})],
        [Event("commit", {"change": "suspend", "pick": 1})],
        [Event("commit", {"change": "suspend", "pick": 2})],
        [Event("hand", {"hand": "resume_job", "pick": chance.randrange(100)})],
        [Event("commit", {"change": "regrade", "pick": chance.randrange(100)})],
    ]
    return [*trains, *pauses, *rests, *chance.choice(goes_on), _run(chance)]


def _run(chance: random.Random) -> Event:
    """Return a run of any mode, which may be killed."""
    how: dict[str, Any] = {"mode": chance.choice(("apply", "prune", "wait", "continue", "continue"))}
    if chance.random() < 0.2:
        how |= {"crash": chance.randrange(1, 30), "committed": chance.random() < 0.5}
    return Event("run", how)


def _fault(path: str, chance: random.Random, method: str = "*") -> Event:
    how: dict[str, Any] = {"method": method, "path_regex": path, "count": chance.choice((1, 2, 4))}
    how |= {"skip": chance.choice((0, 0, 1)), "after_commit": chance.random() < 0.5}
    sick: tuple[dict[str, Any], ...] = (
        {"status": 500},
        {"status": 409},
        {"status": 429},
        {"drop": True},
        {"truncate": True},
        {"delay_s": 600.0},
        {"status": 200, "body": "<html>maintenance</html>"},
    )
    return Event("fault", how | chance.choice(sick))


def _switches(known: dict[str, tuple[Any, ...]], chance: random.Random) -> list[Event]:
    met = [(name, values) for name, values in known.items() if chance.random() < 3 * RARE]
    return [Event("configure", {name: chance.choice(values)}) for name, values in met]


def _inserted(events: list[Event], more: Iterable[Event], chance: random.Random) -> list[Event]:
    """Put a few events, in a row, somewhere among the others, behind what a tree begins with."""
    last = max((at for at, event in enumerate(events) if event.do in _BEGINS), default=-1)
    at = chance.randint(last + 1, len(events))
    return [*events[:at], *more, *events[at:]]


_BESIDES = {
    "graded": (0.5, _with_graded),
    "base": (0.4, _with_base),
    "parts": (0.4, _with_parts),
    "imports": (0.35, _with_imports),
    "cut": (0.15, _with_cut),
    "far": (0.25, _with_far),
}
"""What a seed of this family may have besides, and in which share of them: all at once would hide each other."""
