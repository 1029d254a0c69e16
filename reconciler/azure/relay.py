"""A door to one deployment for a program that must hold no credential of ours.

It listens on this machine alone, takes a key that it made for itself, and passes on one thing: chat completions of that one
deployment, in the shape of v1 whatever surface the account has. What the program could do with a token of ours (train, read
data, ask other models) it cannot do with this.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import orjson

from reconciler.azure.errors import hide
from reconciler.azure.session import Session

ROUTE = "/openai/v1/chat/completions"
MOST_BYTES = 32 * 1024 * 1024
"""Bytes of a question: images may stand in it."""
_KEPT = ("content-type", "retry-after", "retry-after-ms", "x-ms-retry-after-ms", "apim-request-id")
"""Headers of an answer that are passed on."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a program that is killed while it asks breaks its connection."""


class Relay:
    """A door to one deployment, open as long as it is entered."""

    def __init__(self, session: Session, deployment: str) -> None:
        self._session = session
        self._deployment = deployment
        self.key = secrets.token_urlsafe(24)
        """What opens it."""
        hide(self.key)
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, given: str, raw: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Return status, headers and body for a request."""
        if not hmac.compare_digest(given.encode(), self.key.encode()):
            return _refused(401, "unauthorized", "The key is not the one in RECONCILER_CANDIDATE_KEY.")
        if urlsplit(path).path != ROUTE:
            return _refused(404, "not_found", f"Only POST {ROUTE} is passed on.")
        try:
            body: Any = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        if not isinstance(body, dict) or body.get("model") != self._deployment:
            return _refused(400, "invalid_request", f"`model` must be {self._deployment}: only that is passed on.")
        return self._passed_on(body)

    def _passed_on(self, body: dict[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        import httpx2
        import openai

        path = "/chat/completions"
        if self._session.api != "v1":
            path = f"/deployments/{quote(self._deployment, safe='')}{path}"
            body = {key: value for key, value in body.items() if key != "model"}
        client: Any = self._session.data_client()
        try:
            response = client.post(path, cast_to=httpx2.Response, body=body)
        except openai.APIStatusError as error:
            response = error.response
        except Exception as error:  # noqa: BLE001  (whatever it is, the program must get an answer)
            return _refused(502, "no_answer", f"Azure did not answer ({type(error).__name__}).")
        kept = {name: value for name in _KEPT if (value := response.headers.get(name))}
        return response.status_code, kept, bytes(response.content)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        relay = self

        class Handler(BaseHTTPRequestHandler):
            """Reads one request, whole."""

            protocol_version = "HTTP/1.1"
            timeout = 60

            def do_POST(self) -> None:
                said = self.headers.get("content-length") or ""
                length = int(said) if said.isdecimal() else 0
                if not 0 < length <= MOST_BYTES:
                    self._send(*_refused(413, "too_large", f"A question has at most {MOST_BYTES} bytes."))
                    self.close_connection = True
                    return
                given = self.headers.get("api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")
                self._send(*relay.answer(self.path, given, self.rfile.read(length)))

            def do_GET(self) -> None:
                self._send(*_refused(404, "not_found", f"Only POST {ROUTE} is passed on."))

            def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name of the base class)
                """Say nothing: what a program asks is content."""

        return Handler


def _refused(status: int, code: str, message: str) -> tuple[int, Mapping[str, str], bytes]:
    body = {"error": {"code": code, "message": message, "type": "relay"}}
    return status, {"content-type": "application/json"}, orjson.dumps(body)
