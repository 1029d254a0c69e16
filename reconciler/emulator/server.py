"""The emulator as an HTTP server on the loopback interface, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Self

from reconciler.emulator.service import Emulator

if TYPE_CHECKING:
    import asyncio

_START_TIMEOUT_S = 10.0
_STOP_TIMEOUT_S = 5.0


class Server:
    """Serves an emulator.

    Args:
        emulator: Answers the requests; it stays open when the server stops.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
    """

    def __init__(self, emulator: Emulator, host: str = "127.0.0.1", port: int = 0) -> None:
        self.emulator = emulator
        self.host = host
        self.port = port
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Where the server listens; known once it has started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> Self:
        """Listen; returns when requests are answered.

        Raises:
            OSError: The port is taken.
            TimeoutError: The server did not come up.
        """
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        # Named as TCP, because asyncio turns Nagle's algorithm off only for such sockets; with it, each answer takes 40 ms.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self.host, self.port))
        except OSError:
            listener.close()
            raise
        self.port = listener.getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listener, ready), name="emulator", daemon=True)
        self._thread.start()
        if not ready.wait(_START_TIMEOUT_S):
            raise TimeoutError("the emulator did not start")
        return self

    def _run(self, listener: socket.socket, ready: threading.Event) -> None:
        import asyncio

        from reconciler.emulator.protocol import serve

        async def main() -> None:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            await serve(self.emulator, listener, ready, self._stop)

        asyncio.run(main())

    def stop(self) -> None:
        """Close all connections and stop listening."""
        if self._thread is None or self._loop is None or self._stop is None:
            return
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_STOP_TIMEOUT_S)
        self._thread = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
