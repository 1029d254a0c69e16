"""Which request goes wrong, and how it looks from outside."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.emulator.config import Fault
from reconciler.emulator.wire import ApiError, Request, Response, Surface

_TEXTS = {
    401: ("401", "Access denied due to invalid subscription key or wrong API endpoint."),
    404: ("404", "Resource not found"),
    408: ("Timeout", "The operation was timeout."),
    409: ("conflict", "The request conflicts with another one."),
    429: ("429", "Rate limit is exceeded. Try again later."),
    500: ("internalFailure", "A system error was encountered, please try again later."),
    503: ("serviceUnavailable", "The service is temporarily unable to process your request. Please try again later."),
}


@dataclass(slots=True)
class ActiveFault:
    """A fault and how often it was met and has hit."""

    fault: Fault
    seen: int = 0
    hits: int = 0

    @property
    def prevents(self) -> bool:
        """Whether the request is not carried out at all."""
        fault = self.fault
        return not fault.after_commit and (fault.status is not None or fault.drop)

    def answer(self, surface: Surface) -> Response:
        """What the client sees instead of an answer of the service."""
        fault = self.fault
        status = fault.status or 500
        code, message = _TEXTS.get(status, (str(status), "The request failed."))
        error = ApiError(status, fault.code or code, fault.message or message)
        response = error.response(surface)
        if fault.body is not None:
            response.body = fault.body.encode()
        if fault.retry_after is not None:
            response.headers["retry-after"] = f"{fault.retry_after:g}"
        response.headers |= fault.headers
        response.delay_s, response.drop = fault.delay_s, fault.drop
        return response

    def after(self, response: Response, surface: Surface) -> Response:
        """What the client sees of a request that was carried out."""
        fault = self.fault
        if fault.status is not None or fault.drop:
            return self.answer(surface)
        response.delay_s += fault.delay_s
        response.truncate = fault.truncate
        response.headers |= fault.headers
        if fault.body is not None:
            response.body = fault.body.encode()
        return response


class FaultTable:
    """Faults in the order they were added; the first that is due hits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[ActiveFault] = []

    def add(self, fault: Fault) -> None:
        """Let something go wrong from now on.

        Raises:
            ValueError: `path_regex` is no regular expression.
        """
        try:
            re.compile(fault.path_regex)
        except re.error as error:
            raise ValueError(f"path_regex: {error}") from None
        with self._lock:
            self._active.append(ActiveFault(fault))

    def clear(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._active.clear()

    def plain(self) -> list[dict[str, Any]]:
        """All faults with their counters."""
        return [asdict(active.fault) | {"seen": active.seen, "hits": active.hits} for active in self._active]

    def take(self, request: Request) -> ActiveFault | None:
        """The fault that hits this request."""
        if not self._active:
            return None
        with self._lock:
            for active in self._active:
                fault = active.fault
                if fault.count is not None and active.hits >= fault.count:
                    continue
                if fault.method not in ("*", request.method) or not re.search(fault.path_regex, request.path):
                    continue
                active.seen += 1
                if active.seen > fault.skip:
                    active.hits += 1
                    return active
        return None
