"""Which seed notices each bug that is planted on purpose (planted.py). Run: `make simulate-bugs`.

What no seed notices is a gap in the simulation. `noticed.json` says which seed notices which bug; a test plays just those.
After a change of what seeds decide, the command above looks for new ones.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path

from simulation.planted import BUGS, Bug
from simulation.planted_wide import WIDE_BUGS
from simulation.play import play
from simulation.wide import WIDE

ALL = BUGS | WIDE_BUGS
"""The bugs of both families of seeds."""

WITHIN = 300
"""Seeds of its family within which a planted bug is found."""
NOTICED = Path(__file__).parent / "noticed.json"


def broken_by(bug: Bug, seed: int) -> str:
    """Return what a seed says with a bug planted; "" if the check that is to notice it does not."""
    with bug.planted():
        broken = play(seed).broken
    return broken if bug.said in broken else ""


def is_noticed_by(bug: Bug, seed: int) -> bool:
    """Whether the right check of a seed fails with the bug, and none without it."""
    return bool(broken_by(bug, seed)) and not play(seed).broken


def noticed() -> dict[str, int | None]:
    """Return which seed noticed each bug when this was last looked at; `main` writes it."""
    found: dict[str, int | None] = json.loads(NOTICED.read_text())
    return found


def main(words: list[str]) -> int:
    """Say for each bug which seed notices, and write it down for the test; returns 1 if one is not noticed.

    With `words`, only for the bugs whose name holds one of them.
    """
    before = noticed() if NOTICED.exists() else {}
    found: dict[str, int | None] = {name: before.get(name) for name in ALL}
    for name, bug in ALL.items():
        if words and not any(word in name for word in words):
            continue
        last = before.get(name)
        # The seed that noticed last time does so again, unless what seeds decide has changed.
        if last is None or not is_noticed_by(bug, last):
            first = WIDE if name in WIDE_BUGS else 0
            found[name] = next((seed for seed in range(first, first + WITHIN) if is_noticed_by(bug, seed)), None)
        seed = found[name]
        print(f"{name}: {'NOT FOUND' if seed is None else f'seed {seed}: {broken_by(bug, seed)[:110]}'}", flush=True)
        NOTICED.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if None in found.values() else 0


if __name__ == "__main__":
    logging.getLogger("azure").addHandler(logging.NullHandler())
    sys.exit(main(sys.argv[1:]))
