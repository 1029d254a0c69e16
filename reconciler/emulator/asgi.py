"""The emulator as an ASGI application. The state machine is synchronous and quick; only waiting is asynchronous."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from urllib.parse import parse_qsl, quote

from starlette.types import Receive, Scope, Send

from reconciler.emulator.service import Emulator
from reconciler.emulator.wire import Request, Response

Abort = Callable[[tuple[str, int]], None]


class Application:
    """Reads a request, lets the emulator answer, sends the answer.

    Args:
        emulator: Answers.
        abort: Closes the connection of a client at once, given its address.
    """

    def __init__(self, emulator: Emulator, abort: Abort) -> None:
        self._emulator = emulator
        self._abort = abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, as ASGI defines it."""
        if scope["type"] != "http":
            return
        chunks = []
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            chunks.append(message.get("body", b""))
            more = message.get("more_body", False)
        request = Request(
            scope["method"],
            scope["path"],
            dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            chunks[0] if len(chunks) == 1 else b"".join(chunks),
        )
        # An import fetches a URL, perhaps from this very server, which must stay responsive meanwhile.
        if request.path.endswith("/files/import"):
            response = await asyncio.to_thread(self._emulator.handle, request)
        else:
            response = self._emulator.handle(request)
        if response.delay_s > 0:
            await asyncio.sleep(response.delay_s)
        await self._send(response, scope["client"], send)

    async def _send(self, response: Response, client: tuple[str, int], send: Send) -> None:
        if response.drop:
            self._abort(client)
            return
        headers = [(name.encode("latin-1"), _header(value)) for name, value in response.headers.items()]
        if response.status != 204:
            headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if response.truncate:
            await send(
                {"type": "http.response.body", "body": response.body[: len(response.body) // 2], "more_body": True}
            )
            # Let the first half leave before the connection breaks.
            await asyncio.sleep(0.01)
            self._abort(client)
            return
        await send({"type": "http.response.body", "body": response.body})


def _header(value: str) -> bytes:
    """Return a header's value as it is sent: a Location repeats a decoded path, and a header carries ASCII only."""
    return re.sub(r"[^\x20-\x7e]", lambda found: quote(found[0]), value).encode("ascii")
