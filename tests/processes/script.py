"""What a seed decides: commits, the processes that run, and the moments at which they are killed."""

from __future__ import annotations

import random
from dataclasses import dataclass

COMMITS = ("epochs", "data", "revert", "add", "rename", "capacity", "text", "remove")
APPLY = ("apply", "--auto-approve")
PRUNE = (*APPLY, "--prune", "--allow-delete", "Deployment/*", "--allow-delete", "Dataset/*")
PLAN = ("plan", "--out", "plan.json")
COMMANDS: tuple[tuple[str, ...], ...] = (APPLY, PRUNE, (*APPLY, "--parallelism", "1"), PLAN)
MOMENTS = ("request", "request+")
"""What a death is counted by: requests, of which the last is not carried out, or (+) is; or changes of files."""


@dataclass(frozen=True)
class Death:
    """SIGKILL at the N-th request that the service sees, or at the N-th change of a file; `service`: of the service itself."""

    moment: str
    number: int
    service: bool = False

    def __str__(self) -> str:
        who = "the service" if self.service else "it"
        if self.moment == "file":
            return f"{who} is killed at change {self.number} of a file"
        return f"{who} is killed {'after' if self.moment.endswith('+') else 'before'} request {self.number}"


@dataclass(frozen=True)
class Round:
    """A commit (perhaps), processes that start together, and what kills the first of them (or the service)."""

    commit: str
    pick: int
    commands: tuple[tuple[str, ...], ...]
    death: Death | None

    def __str__(self) -> str:
        runs = " and ".join(" ".join(command) for command in self.commands)
        commit = f"commit {self.commit} {self.pick}; " if self.commit else ""
        return f"{commit}{runs}{f'; {self.death}' if self.death else ''}"


@dataclass(frozen=True)
class Script:
    """`embedded`: the emulator lives in the command's own process, with its state on disk."""

    embedded: bool
    rounds: tuple[Round, ...]


def script(seed: int) -> Script:
    """Return what a seed decides. Every round but the first begins with a commit, and most end with a death."""
    chance = random.Random(f"kill {seed}")
    embedded = chance.random() < 0.2
    rounds = []
    for number in range(chance.choice((1, 1, 2, 3))):
        commit = chance.choice(COMMITS) if number else ""
        commands = [chance.choices(COMMANDS, (5, 3, 2, 1))[0]]
        if not embedded and chance.random() < 0.3:
            commands.append(chance.choice((APPLY, PRUNE)))
        death = _death(chance, embedded, len(commands))
        if death and death.moment == "file" and chance.random() < 0.6:
            commands[0] = PLAN  # an apply changes few files, and none if the data is as fresh as in a first round
        rounds.append(Round(commit, chance.randrange(100), tuple(commands), death))
    return Script(embedded, tuple(rounds))


def _death(chance: random.Random, embedded: bool, processes: int) -> Death | None:
    drawn = chance.random()
    if drawn < 0.1:
        return None
    if drawn < 0.3:
        return Death("file", chance.randrange(1, 5))
    service = not embedded and drawn < 0.5
    # A first apply of two jobs sends about thirty requests, a later one ten; two at once send twice as many.
    most = 12 if service else chance.choice((10, 28))
    return Death(chance.choice(MOMENTS), chance.randrange(1, most * processes), service)
