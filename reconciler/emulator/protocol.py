"""Uvicorn's HTTP protocol without uvicorn's server.

The server part ticks ten times a second and takes as long to stop; here a socket, a loop and an event are enough. A
connection can be broken from outside, which an ASGI application alone cannot do. Imports uvicorn, so this is loaded only
when a server starts.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from reconciler.emulator.asgi import Application
from reconciler.emulator.service import Emulator

# A client that keeps a connection in its pool must not find it closed just as it sends a request that is not repeated.
_KEEP_ALIVE_S = 3600


class _Connections:
    """Open transports by the address of their client."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], asyncio.Transport] = {}

    def add(self, client: tuple[str, int], transport: asyncio.Transport) -> None:
        self._open[client] = transport

    def remove(self, client: tuple[str, int]) -> None:
        self._open.pop(client, None)

    def abort(self, client: tuple[str, int]) -> None:
        transport = self._open.get(client)
        if transport is not None:
            transport.abort()

    def abort_all(self) -> None:
        for transport in list(self._open.values()):
            transport.abort()


class _Protocol(H11Protocol):
    """One connection."""

    def __init__(self, config: Config, state: ServerState, connections: _Connections) -> None:
        super().__init__(config, state, {})
        self._open = connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            self._open.add(self.client, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            self._open.remove(self.client)
        super().connection_lost(exc)


async def serve(emulator: Emulator, listener: socket.socket, ready: threading.Event, stop: asyncio.Event) -> None:
    """Answer requests until `stop` is set."""
    connections = _Connections()
    config = Config(
        Application(emulator, connections.abort),
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
    config.load()
    state = ServerState()

    def protocol() -> Any:
        return _Protocol(config, state, connections)

    server = await asyncio.get_running_loop().create_server(protocol, sock=listener, backlog=1024)
    ready.set()
    await stop.wait()
    server.close()
    connections.abort_all()
    for task in list(state.tasks):
        task.cancel()
    await asyncio.gather(*state.tasks, return_exceptions=True)
