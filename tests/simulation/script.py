"""What a seed decides: a list of events, each of which can be left out without making the others meaningless."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from simulation.unknowns import ALONE, MORE_SWITCHES, SHAPES, SWITCHES, TOLD, WITH, YET_MORE_SWITCHES
from simulation.wires import SECRET, SIGNATURE

RARE = 0.12
"""The chance of what is played in a few seeds only."""
_PATHS = (r"/fine_tuning/jobs$", r"/files$", r"/fine_tuning/jobs/", r"/deployments", r"/cancel$", r"/content$", "")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "*")
_STATUSES = (408, 409, 429, 500, 502, 503, 403)
_HANDS = (
    "fail_job", "fail_job", "cancel_job", "clone_job", "vanish_model", "expire_deployment", "strip_tags", "vanish_file", "purge_jobs",
    "stranger",
)  # fmt: skip
_COMMITS = (
    "epochs", "data", "revert", "add", "remove", "rename", "owner", "capacity", "follow", "text",
    "chain", "strategy", "strategy", "pin", "step", "gate", "ready", "retry", "retry",
)  # fmt: skip

_MEANWHILE = (
    "fail_job",
    "cancel_job",
    "clone_job",
    "clone_job",
    "vanish_model",
    "expire_deployment",
    "vanish_file",
    "purge_jobs",
)
"""What people do while a run goes on."""


@dataclass(frozen=True)
class Event:
    """One thing that happens: `do` and what it needs."""

    do: str
    how: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.do, *(f"{name}={value!r}" for name, value in self.how.items())])


def script(seed: int) -> list[Event]:
    """Return the events of a seed."""
    events = _with_more(_first(seed), random.Random(f"more {seed}"))
    return [*_yet_more(random.Random(f"yet more {seed}")), *events]


def _yet_more(chance: random.Random) -> list[Event]:
    """Return further switches, and what the tree declares so that they are met; again by a chance of their own."""
    if chance.random() < 0.5:
        # What was found without them is still to be found.
        return []
    events = [Event("shape", {name: chance.choice(values)}) for name, values in ALONE.items() if chance.random() < RARE]
    for name, values in YET_MORE_SWITCHES.items():
        if chance.random() < RARE:
            events.append(Event("configure", {name: chance.choice(values), **WITH.get(name, {})}))
            if name in TOLD:
                events.append(Event("run", {"mode": "apply"}))
            if name in SHAPES:
                events.append(Event("shape", SHAPES[name]))
    return events


def _with_more(events: list[Event], chance: random.Random) -> list[Event]:
    """Add what would be too rare by itself; it has a chance of its own, so that all else of a seed stays as it was."""
    switches = [(name, values) for name, values in MORE_SWITCHES.items() if chance.random() < RARE]
    more = [Event("configure", {name: chance.choice(values)}) for name, values in switches]
    meanwhile = chance.choice((0.0, 0.0, 0.3))
    held = chance.randrange(len(events)) if chance.random() < 0.15 else -1
    gone = chance.randrange(len(events)) if chance.random() < 0.1 else -1
    for at, event in enumerate(events):
        if at == gone:
            more += _gone(chance)
        if at == held or (event.how.get("change") == "pin" and chance.random() < 0.8):
            more += _pinned(chance)
        elif event.do == "run" and chance.random() < meanwhile:
            hand = (chance.randrange(1, 40), chance.choice(_MEANWHILE), chance.randrange(100))
            more.append(Event("run", {**event.how, "meanwhile": hand}))
            continue
        more.append(event)
    return more


def _pinned(chance: random.Random) -> list[Event]:
    """Return how a newer model comes to be while a deployment is pinned, and perhaps what tempts to serve it."""
    pick, wait = {"pick": chance.randrange(100)}, Event("run", {"mode": "wait"})
    temptations: tuple[list[Event], ...] = (
        [],
        [Event("commit", {"change": "capacity", **pick})],
        [Event("commit", {"change": "strategy", **pick})],
        [Event("hand", {"hand": "expire_deployment", **pick})],
    )
    pinned = [wait, Event("commit", {"change": "pin", **pick}), Event("commit", {"change": "newer", **pick}), wait]
    return [*pinned, *chance.choice(temptations), wait]


def _gone(chance: random.Random) -> list[Event]:
    """Return how a deployment vanishes, or its tags, and a schedule meets that much later."""
    pick = chance.randrange(100)
    return [
        Event("run", {"mode": "wait"}),
        Event("hand", {"hand": "strip_tags" if pick % 3 == 0 else "expire_deployment", "pick": pick}),
        Event("sleep", {"seconds": chance.choice((100_000, 400_000))}),
        Event("run", {"mode": "continue"}),
    ]


def _first(seed: int) -> list[Event]:
    chance = random.Random(seed)
    events = [
        Event("configure", {name: chance.choice(values)}) for name, values in SWITCHES.items() if chance.random() < 0.35
    ]
    if chance.random() < 0.3:
        events.append(Event("lists", {"page": chance.choice((None, 1, 2)), "shuffled": chance.random() < 0.7}))
    if chance.random() < 0.6:
        # Most of what can be lost is there only when something serves.
        events.append(Event("run", {"mode": "wait"}))
    # A few troubles of every sort in one run hide each other: a seed has its own sorts.
    sorts = {"commit": 3, "run": 5, "fault": 0, "hand": 0, "sleep": 2}
    sorts["fault"] = chance.choice((0, 1, 3, 6))
    sorts["hand"] = chance.choice((0, 0, 1, 2))
    crashes = chance.choice((0.0, 0.2, 0.6))
    others = chance.choice((0.0, 0.2, 0.5))
    for _ in range(chance.randint(6, 16)):
        sort = chance.choices(list(sorts), list(sorts.values()))[0]
        event = _event(sort, chance, crashes, others)
        if event.how.get("hand") in {"fail_job", "cancel_job"}:
            # A hand that finds no training under way proves nothing.
            events.append(Event("commit", {"change": "epochs", "pick": chance.randrange(100)}))
            events += [Event("run", {"mode": "apply"}), Event("sleep", {"seconds": 30})]
        events.append(event)
        if sort == "commit" and chance.random() < 0.4:
            events.append(_event("run", chance, crashes, others))
            events.append(Event("sleep", {"seconds": 600}))
        if sort == "fault" and chance.random() < 0.7:
            # A fault that nothing meets proves nothing.
            events.append(_event("run", chance, crashes, others))
    return events


def _event(sort: str, chance: random.Random, crashes: float, others: float) -> Event:
    match sort:
        case "commit":
            return Event("commit", {"change": chance.choice(_COMMITS), "pick": chance.randrange(100)})
        case "hand":
            return Event("hand", {"hand": chance.choice(_HANDS), "pick": chance.randrange(100)})
        case "sleep" if chance.random() < 0.2:
            return Event("jump", {"seconds": chance.choice((-7200, -90, 90, 7200, 200_000))})
        case "sleep":
            return Event("sleep", {"seconds": chance.choice((1, 30, 61, 600, 4000, 90_000))})
        case "fault":
            how: dict[str, Any] = {
                "method": chance.choice(_METHODS),
                "path_regex": chance.choice(_PATHS),
                "count": chance.choice((1, 1, 2, 4, 8)),
                "skip": chance.choice((0, 0, 1, 3)),
                "after_commit": chance.random() < 0.5,
            }
            if chance.random() < 0.3:
                # What costs most: the answer to a paid create.
                how |= {"method": "POST", "path_regex": _PATHS[0], "after_commit": True, "skip": 0}
            sick = chance.choice(("status", "status", "drop", "truncate", "delay", "html", "leak"))
            if sick == "status":
                how |= {"status": chance.choice(_STATUSES)}
                # A server that says no has not carried it out.
                how |= {"after_commit": False} if how["status"] == 403 else {}
            elif sick == "delay":
                how |= {"delay_s": chance.choice((5.0, 59.0, 600.0))}
            elif sick == "leak":
                leak = f"Key {SECRET} is not valid for https://x.blob.core.windows.net/c/d.jsonl?sv=1&sig={SIGNATURE}."
                how |= {"status": chance.choice((401, 400, 500)), "message": leak, "after_commit": False}
            elif sick == "html":
                how |= {"status": 200, "body": "<html>maintenance</html>"}
            else:
                how |= {sick: True}
            return Event("fault", how)
        case _:
            how = {"mode": chance.choices(("apply", "prune", "wait", "continue", "target"), (4, 3, 4, 3, 1))[0]}
            if chance.random() < crashes:
                how |= {"crash": chance.randrange(1, 40), "committed": chance.random() < 0.5}
            if chance.random() < others:
                how |= {"other_mode": chance.choice(("apply", "prune", "continue", "wait"))}
                # At some request so many of the other one, and so on; what is left of it is done at the end.
                starts = sorted(chance.sample(range(1, 60), chance.choice((1, 1, 2, 3, 5))))
                how |= {"other": tuple((at, chance.choice((1, 2, 5, 20, 1000))) for at in starts)}
                if chance.random() < 0.2:
                    how |= {"other_crash": chance.randrange(1, 40)}
            if chance.random() < 0.1:
                how |= {"jump": (chance.randrange(1, 40), chance.choice((-3600, -60, 60, 3600)))}
            if chance.random() < 0.1:
                how |= {"stranger": chance.randrange(1, 40)}
            return Event("run", how)
