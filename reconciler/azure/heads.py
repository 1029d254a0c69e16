"""How long the head of an answer (its status and headers) may take, as a whole, for both SDKs.

The read timeout of httpx and of urllib3 is counted anew with each piece that comes, so a head that drips byte by byte would
be waited for until it has some hundred kilobytes: for months. Here the same timeout holds for the whole head: it is there
within the time that the request allows for an answer, or none came. What follows the head has bounds of its own (bounds.py).
"""

from __future__ import annotations

import http.client
import io
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2
    from urllib3 import PoolManager

_OPENED = (".connect_tcp.complete", ".start_tls.complete")
"""Ends of the names of httpx's events that hand over a new connection, of its own or of a proxy's."""
_HEAD = ".receive_response_headers."


class _Waiting(threading.local):
    """Until when this thread waits for a head, on the machine's steady clock; None while it waits for none."""

    until: float | None = None


_waiting = _Waiting()


def bound_head(request: httpx2.Request) -> None:
    """Have httpx wait for the head of its answer no longer than its read timeout, as a whole: a hook for `request`."""
    timeout = request.extensions.get("timeout", {}).get("read")

    def trace(event: str, info: dict[str, Any]) -> None:
        if event.endswith(_OPENED):
            _watch(info["return_value"])
        elif _HEAD in event:
            starts = event.endswith(".started") and timeout is not None
            _waiting.until = time.monotonic() + timeout if starts else None

    request.extensions["trace"] = trace


def _watch(stream: Any) -> None:
    """Have a new connection end its reads when the head is due."""
    import httpcore2

    plain = stream.read

    def read(max_bytes: int, timeout: float | None = None) -> bytes:
        if _waiting.until is None:
            return bytes(plain(max_bytes, timeout))
        left = _waiting.until - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the head of the answer did not come in time")
        return bytes(plain(max_bytes, left))

    stream.read = read


class _Source(io.RawIOBase):
    """What http.client reads an answer from; until the head is whole, each read ends when it is due."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._timeout: float | None = sock.gettimeout()
        self._until = None if self._timeout is None else time.monotonic() + self._timeout

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any) -> int | None:
        """Read what has come; raises TimeoutError where the head is overdue."""
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the head of the answer did not come in time")
            self._sock.settimeout(left)
        got: int | None = self._raw.readinto(buffer)
        return got

    def head_is_whole(self) -> None:
        """From now on each read has the whole timeout again."""
        if self._until is not None:
            self._sock.settimeout(self._timeout)
        self._until = None

    def close(self) -> None:
        """Let go of the socket, which is closed when its connection is."""
        self._raw.close()
        super().close()


class _Opened:
    """Stands for a socket where http.client asks it for a file."""

    def __init__(self, source: _Source) -> None:
        self._source = source

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(self._source)


class _Answer(http.client.HTTPResponse):
    """An answer whose head, with all interim ones (100 to 199) before it, is there in time."""

    def __init__(self, sock: Any, *args: Any, **options: Any) -> None:
        self._source = _Source(sock)
        super().__init__(_Opened(self._source), *args, **options)  # type: ignore[arg-type]

    def begin(self) -> None:
        """Read the head."""
        super().begin()
        self._source.head_is_whole()


def bound_heads(manager: PoolManager) -> None:
    """Have all connections of a pool manager, which may be one of a proxy, wait no longer for a head."""
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

    class Plain(HTTPConnection):
        response_class = _Answer

    class Tls(HTTPSConnection):
        response_class = _Answer

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    manager.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
