"""The emulator without sockets: both SDKs send through these, and what happens to a request is decided here.

Data goes over an httpx transport of openai's client, ARM over the adapter of a `requests` session inside azure-core's
own transport, so that everything above the socket is the real thing: retries, redirects, bodies that break off.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson
import requests
import urllib3
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from reconciler.azure.session import Transports
from reconciler.emulator import Emulator, Request, Response

HOST = "127.0.0.1:1"
"""Nobody listens there: what went past the transports would fail."""
READ_TIMEOUT = 60.0
"""Seconds after which a client gives up; what was asked for is done nevertheless."""


SECRET = "5d2f7be1c09a4e63b8d41f7a90c3e6fb"
"""The account's key, which stands in the environment; it has the form of Azure's own, which no pattern tells."""
SIGNATURE = "s1gN4tur3Th4tN0b0dyM4yS33"
"""A signature of a link to a file, which errors of a server repeat."""

GRANT = "gR4nTt0ReAd0neBl0bF0rAnH0ur"
"""The signature in the environment that opens the data at an address."""

LISTED = ("/jobs", "/files", "/models", "/deployments")


@dataclass
class Lists:
    """How lists come: `page` objects a page on the data plane, in an order of their own."""

    page: int | None = None
    shuffled: bool = False


class Crash(BaseException):
    """The process is killed: nothing catches it, nothing is tidied up."""


class Wire:
    """One process's connection. `before` and `after` are told of each request, and may raise Crash."""

    def __init__(
        self,
        emulator: Emulator,
        sleep: Callable[[float], None],
        before: Callable[[Request], None] = lambda _: None,
        after: Callable[[Request, Response], None] = lambda _, __: None,
        lists: Lists | None = None,
        chance: random.Random | None = None,
    ) -> None:
        self.emulator = emulator
        self.lists = lists or Lists()
        self.chance = chance or random.Random(0)
        self.sleep = sleep
        self.before = before
        self.after = after
        self._killed: BaseException | None = None

    def send(self, request: Request) -> Response | None:
        """Return the answer; None if there is none in time. A process that was killed sends nothing more."""
        if self._killed:
            raise self._killed
        try:
            return self._send(request)
        except Exception:
            raise
        except BaseException as error:
            self._killed = error
            raise

    def _send(self, request: Request) -> Response | None:
        self.before(request)
        if self.lists.page and "limit" in request.query:
            request.query = {**request.query, "limit": str(self.lists.page)}
        answer = self.emulator.handle(request)
        self.after(request, answer)
        if self.lists.shuffled and request.method == "GET" and request.path.endswith(LISTED):
            self._shuffle(answer)
        self.sleep(min(answer.delay_s, READ_TIMEOUT))
        if answer.delay_s >= READ_TIMEOUT or answer.drop:
            return None
        return answer

    def _shuffle(self, answer: Response) -> None:
        """Put the objects of a page into another order; what says how it goes on stays."""
        if answer.status != 200 or not answer.body.startswith(b"{"):
            return
        body = answer.json()
        for key in ("data", "value"):
            if isinstance(body.get(key), list):
                self.chance.shuffle(body[key])
                answer.body = orjson.dumps(body)

    def transports(self) -> Transports:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", _Adapter(self))
        return Transports(
            data=_Data(self), control=RequestsTransport(session=session, session_owner=False, use_env_settings=False)
        )


class _Broken(httpx2.SyncByteStream):
    """Half of an answer, then nothing."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx2.RemoteProtocolError("peer closed connection without sending complete message body")


class _Data(httpx2.BaseTransport):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = Request.from_target(
            request.method, request.url.raw_path.decode(), dict(request.headers.items()), request.read()
        )
        answer = self._wire.send(sent)
        if answer is None:
            raise httpx2.ReadTimeout("timed out", request=request)
        headers = dict(answer.headers)
        if answer.truncate:
            headers["content-length"] = str(len(answer.body))
            return httpx2.Response(answer.status, headers=headers, stream=_Broken(answer.body), request=request)
        return httpx2.Response(answer.status, headers=headers, content=answer.body, request=request)


class _Adapter(HTTPAdapter):
    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        sent = Request.from_target(str(request.method), request.path_url, {"host": HOST, **request.headers}, raw)
        answer = self._wire.send(sent)
        if answer is None:
            raise requests.exceptions.ReadTimeout("timed out", request=request)
        length = len(answer.body)
        shown = answer.body[: length // 2] if answer.truncate else answer.body
        response = urllib3.HTTPResponse(
            body=io.BytesIO(shown),
            headers={**answer.headers, "content-length": str(length)},
            status=answer.status,
            preload_content=False,
            enforce_content_length=True,
            request_method=request.method,
        )
        return self.build_response(request, response)
