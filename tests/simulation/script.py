"""What a seed decides: a list of events, each of which can be left out without making the others meaningless."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

SWITCHES: dict[str, tuple[Any, ...]] = {
    "echo_suffix": ("suffix", "user_provided_suffix", "both"),
    "echo_training_type": (True, False),
    "echo_seed": (True, False),
    "echo_method": ("always", "if_sent"),
    "echo_hyperparameters": ("top", "method", "both"),
    "metadata_echo": (True, False),
    "canonical_models": (True, False),
    "v1_status_words": (True, False),
    "keep_bom": (True, False),
    "models_route_lists_fine_tuned": (True, False),
    "result_files_while_running": (True, False),
    "model_change": ("accepted", "accepted_with_gap"),
    "tags_on_patch": ("merge", "replace"),
    "checkpoint_shown_as": ("name", "id"),
    "serial_control_plane": (True, False),
    "page_size": (1, 2, 100),
    "ready_delay_s": (0.0, 45.0),
    "quota_release_s": (0.0, 60.0),
    "suffix_cut": (None, 18, 31),
    "clock_ahead_s": (0.0, 300.0, -300.0),
    "deployment_seconds": (0.0, 2.0, 400.0),
    "file_processing_seconds": (0.0, 2.0, 120.0),
    "list_delay_s": (0.0, 0.0, 5.0, 20.0, 60.0),
}
"""What is not known of Azure, and what each may be."""
_PATHS = (r"/fine_tuning/jobs$", r"/files$", r"/fine_tuning/jobs/", r"/deployments", r"/cancel$", r"/content$", "")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "*")
_STATUSES = (408, 409, 429, 500, 502, 503, 403)
_HANDS = ("fail_job", "cancel_job", "clone_job", "vanish_model", "expire_deployment", "strip_tags", "vanish_file")
_COMMITS = ("epochs", "data", "revert", "add", "remove", "rename", "owner", "capacity", "follow", "text")


@dataclass(frozen=True)
class Event:
    """One thing that happens: `do` and what it needs."""

    do: str
    how: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([self.do, *(f"{name}={value!r}" for name, value in self.how.items())])


def script(seed: int) -> list[Event]:
    """Return the events of a seed."""
    chance = random.Random(seed)
    events = [
        Event("configure", {name: chance.choice(values)}) for name, values in SWITCHES.items() if chance.random() < 0.35
    ]
    # A few troubles of every sort in one run hide each other: a seed has its own sorts.
    sorts = {"commit": 3, "run": 5, "fault": 0, "hand": 0, "sleep": 2}
    sorts["fault"] = chance.choice((0, 1, 3, 6))
    sorts["hand"] = chance.choice((0, 0, 1, 2))
    crashes = chance.choice((0.0, 0.2, 0.6))
    others = chance.choice((0.0, 0.2, 0.5))
    for _ in range(chance.randint(6, 16)):
        sort = chance.choices(list(sorts), list(sorts.values()))[0]
        events.append(_event(sort, chance, crashes, others))
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
            sick = chance.choice(("status", "status", "drop", "truncate", "delay", "html"))
            if sick == "status":
                how |= {"status": chance.choice(_STATUSES)}
            elif sick == "delay":
                how |= {"delay_s": chance.choice((5.0, 59.0, 600.0))}
            elif sick == "html":
                how |= {"status": 200, "body": "<html>maintenance</html>"}
            else:
                how |= {sick: True}
            return Event("fault", how)
        case _:
            how = {"mode": chance.choices(("apply", "prune", "wait", "continue", "target"), (4, 3, 3, 2, 1))[0]}
            if chance.random() < crashes:
                how |= {"crash": chance.randrange(1, 40), "committed": chance.random() < 0.5}
            if chance.random() < others:
                how |= {"other": chance.randrange(1, 40), "other_mode": chance.choice(("apply", "prune", "continue"))}
            return Event("run", how)
