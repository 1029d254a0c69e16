"""`python -m simulation FIRST LAST`: play seeds, say what was done to them, shrink and print those that fail."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from simulation.play import Report, play
from simulation.shrink import shrunk


def main(first: int, last: int, workers: int = 1) -> int:
    """Play seeds; returns 1 if a promise was broken."""
    _quiet()
    began, counts, broken = time.monotonic(), Counter[str](), dict[int, Report]()
    with ProcessPoolExecutor(workers, initializer=_quiet) as pool:
        for seed, report in zip(range(first, last), pool.map(play, range(first, last), chunksize=10), strict=True):
            counts += report.counts
            if report.broken and len(broken) < 1000:
                broken[seed] = report
    seconds = time.monotonic() - began
    for name, count in sorted((+counts).items()):
        print(f"{count:8} {name}")
    print(f"{last - first} seeds in {seconds:.1f} s ({(last - first) / seconds:.1f} a second), {len(broken)} broken")
    for seed, report in list(broken.items())[:5]:
        events = shrunk(seed)
        print(f"\nseed {seed}: {report.broken}\nshrunk: {play(seed, events).broken}")
        print("\n".join(f"  {event}" for event in events))
    if len(broken) > 5:
        print("also broken:", *list(broken)[5:])
    return 1 if broken else 0


def _quiet() -> None:
    """Hide what azure-core logs of each answer that breaks off: the faults are counted here."""
    logging.getLogger("azure").addHandler(logging.NullHandler())


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
