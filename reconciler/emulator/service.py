"""The emulated service: one synchronous `handle`, whatever the transport."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

from reconciler.emulator import control
from reconciler.emulator.config import Config, Fault
from reconciler.emulator.faults import FaultTable
from reconciler.emulator.gate import Gate
from reconciler.emulator.imports import fetch_import
from reconciler.emulator.wire import ApiError, Request, Response, Surface, json_response
from reconciler.emulator.world import World

_LOG_LENGTH = 100_000
_SECRET_QUERY = re.compile(r"^(sig|code|api-key|key|token)$", re.IGNORECASE)

_LOGGER = logging.getLogger(__name__)


class Emulator:
    """Azure's data plane and control plane for fine-tuning, in one object.

    Args:
        state_dir: Where the state is kept between runs; None keeps it in memory.
        clock: The time in Unix seconds.
        seed: Makes identifiers and generated seeds repeatable.
        config: How the service behaves; None takes the defaults.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        seed: int | None = None,
        config: Config | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self.world = World(state_dir, clock, seed, config or Config())
        self.faults = FaultTable()
        self._gate = Gate(self.world)
        self.log: deque[dict[str, Any]] = deque(maxlen=_LOG_LENGTH)
        self._count = 0

    @property
    def config(self) -> Config:
        """How the service behaves now."""
        return self.world.config

    def configure(self, **changes: Any) -> Config:
        """Change fields of the configuration.

        Raises:
            ValueError: An unknown field or a wrong value.
        """
        with self._lock:
            return control.configure(self, changes)

    def add_fault(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self.faults.add(fault)

    def advance(self, seconds: float) -> None:
        """Move the clock of the service forward."""
        with self._lock:
            self.world.advance(seconds)
            self.world.commit()

    def requests(self) -> list[dict[str, Any]]:
        """The requests so far, oldest first: n, time, method, path, query, account, action, status, committed, write, bytes."""
        with self._lock:
            return list(self.log)

    def forget_requests(self) -> None:
        """Empty the request log."""
        self.log.clear()

    def close(self) -> None:
        """Let go of the state directory."""
        with self._lock:
            self.world.store.close()

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        fetched: bytes | str = b""
        if request.method == "POST" and request.path.endswith("/openai/files/import"):
            try:
                fetched = fetch_import(request.json(), self.world.config)
            except ApiError as error:
                return error.response(Surface.DATED)
        with self._lock:
            if request.path.startswith(control.PREFIX):
                return self._control(request)
            return self._answer(request, fetched)

    def _control(self, request: Request) -> Response:
        try:
            response = control.handle(self, request)
        except ApiError as error:
            response = error.response(Surface.CONTROL)
        except (ValueError, TypeError, KeyError) as error:
            response = ApiError(400, "badRequest", str(error)).response(Surface.CONTROL)
        self.world.commit()
        return response

    def _answer(self, request: Request, fetched: bytes | str) -> Response:
        world = self.world
        fault = self.faults.take(request)
        committed = False
        action = ""
        place = self._gate.place(request)
        if fault is not None and fault.prevents:
            response = fault.answer(place.surface)
        else:
            response = self._serve(request, fetched)
            action = self._gate.action
            committed = world.commit()
            if fault is not None:
                response = fault.after(response, place.surface)
        identifier = world.hex()
        response.headers["x-request-id"] = identifier
        response.headers["x-ms-request-id" if place.surface is Surface.ARM else "apim-request-id"] = identifier
        response.headers["date"] = formatdate(world.now() + world.config.clock_ahead_s, usegmt=True)
        response.delay_s += world.config.latency_s
        self._count += 1
        self.log.append(
            {
                "n": self._count,
                "time": world.now(),
                "method": request.method,
                "path": request.path,
                "query": {name: "***" if _SECRET_QUERY.match(name) else text for name, text in request.query.items()},
                "account": place.account,
                "action": action,
                "status": None if response.drop else response.status,
                "committed": committed and place.write,
                "write": place.write,
                "bytes": len(request.body),
            }
        )
        return response

    def _serve(self, request: Request, fetched: bytes | str) -> Response:
        surface = self._gate.place(request).surface
        try:
            return self._gate.pass_through(request, fetched)
        except ApiError as error:
            return error.response(surface)
        except Exception:
            # A fault of the emulator is an answer, not a dead connection; the traceback goes to its log.
            _LOGGER.exception("%s %s", request.method, request.path)
            return json_response(
                {"error": {"code": "internalFailure", "message": "The emulator failed; see its log."}}, 500
            )
