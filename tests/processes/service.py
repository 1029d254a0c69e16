"""The emulator in a process of its own, which can end a process at an exact request: `python service.py STATE PORT`.

Orders are lines of JSON on stdin. `{"hold": true}` lets requests wait; `{"at": N, "victim": PID, "carried_out": BOOL}` lets
them go and ends a process by SIGKILL at the N-th request from now, before or after that request is carried out; without
`at` none is ended. The victim may be the service itself: PID 0.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from reconciler.emulator import Config, Emulator, Request, Response, Server

CONFIG = Config(
    file_processing_seconds=0.0,
    deployment_seconds=0.0,
    delete_seconds=0.0,
    pending_seconds=90.0,
    running_seconds=90.0,
    quota=100_000,
)
"""Only a training takes time, and that is moved on by hand: whoever looks before it starts can still cancel it."""


class Trap:
    """Stands before the emulator, counts, and ends a process."""

    def __init__(self, emulator: Emulator) -> None:
        self._handle = emulator.handle
        self._go = threading.Event()
        self._go.set()
        self._seen = self._at = self._victim = 0
        self._carried_out = False

    def obey(self, order: dict[str, Any]) -> None:
        """Do what a line says."""
        if order.get("hold"):
            self._go.clear()
            return
        self._seen, self._at = 0, int(order.get("at", 0))
        self._victim = int(order.get("victim", 0)) or os.getpid()
        self._carried_out = bool(order.get("carried_out"))
        self._go.set()

    def __call__(self, request: Request) -> Response:
        """Answer a request as the emulator does, unless it is the one."""
        if request.path.startswith("/_emulator/"):
            return self._handle(request)
        self._go.wait()
        self._seen += 1
        if self._seen != self._at:
            return self._handle(request)
        answer = self._handle(request) if self._carried_out else Response(503)
        os.kill(self._victim, signal.SIGKILL)
        answer.drop = True
        return answer


def main(state: Path, port: int) -> None:
    """Serve until stdin ends."""
    # The server complains of each connection that is broken off on purpose.
    logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())
    emulator = Emulator(state, seed=7, config=CONFIG)
    trap = Trap(emulator)
    emulator.handle = trap  # type: ignore[method-assign]
    with Server(emulator, port=port) as server:
        print(server.url, flush=True)
        for line in sys.stdin:
            trap.obey(json.loads(line))
            print("ok", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
