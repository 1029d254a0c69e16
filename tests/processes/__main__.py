"""`python -m processes FIRST LAST`: real processes and SIGKILL by seed; say what was done, and print what broke."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from processes.play import Service, play


def main(first: int, last: int) -> int:
    """Play seeds; returns 1 if a promise was broken."""
    began, counts, broken = time.monotonic(), Counter[str](), 0
    said = began
    with tempfile.TemporaryDirectory(prefix="reconciler-kill-") as name:
        service = Service(Path(name) / "service")
        try:
            for seed in range(first, last):
                service.revive()  # a seed that is broken may leave it killed
                report = play(seed, Path(name) / str(seed), service)
                counts += report.counts
                if report.broken:
                    broken += 1
                    print(f"seed {seed}: {report.broken}\n{report.said}", flush=True)
                if time.monotonic() - said > 60:
                    said = time.monotonic()
                    print(f"… {seed + 1 - first} of {last - first} seeds, {broken} broken", flush=True)
        finally:
            service.close()
    for what, count in sorted(counts.items()):
        print(f"{count:8} {what}")
    print(f"{last - first} seeds in {time.monotonic() - began:.0f} s, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(*(int(word) for word in sys.argv[1:])))
