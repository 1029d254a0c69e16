"""The emulator in a process of its own: prints its address, then serves until its standard input is closed.

Service limits are off and nothing takes time, so that what is measured is the client. `--latency` adds seconds to every
answer.
"""

from __future__ import annotations

import argparse
import sys

from reconciler.emulator import Config, Emulator, Server

NO_TIME = {
    "file_processing_seconds": 0.0,
    "pending_seconds": 0.0,
    "running_seconds": 0.0,
    "deployment_seconds": 0.0,
    "delete_seconds": 0.0,
}


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.0)
    latency = parser.parse_args().latency
    emulator = Emulator(None, config=Config(limits_off=True, latency_s=latency, **NO_TIME))
    with Server(emulator) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
