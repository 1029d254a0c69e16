"""How much and how long an answer may be, counted while it comes in, after decompression, for both SDKs.

An answer is read into memory as a whole, so one without an end, a small one that unpacks to gigabytes, or one that drips for
days would take the runner with it. File contents are streamed and may be as large as they like; they too must come on.
Heads of answers have their bounds in heads.py. Time is the machine's own and not the injected clock, as with the timeouts
of a connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.azure.errors import CHECK_THE_WAY, AzureError
from reconciler.azure.heads import bound_heads
from reconciler.core.fault import Fault

if TYPE_CHECKING:
    import httpx2
    from requests import Session as RequestsSession

ANSWER_BYTES = 32 * 1024 * 1024
"""Bytes that an answer may have. The largest page seen (a hundred jobs with graders) has less than one hundredth."""
VALUES = 1_000_000
"""Values that an answer may have: `{},` takes three bytes on the wire and more than sixty in memory."""
LIST_BYTES, LIST_VALUES = 8 * ANSWER_BYTES, 4 * VALUES
"""What all pages of a list may have together."""
PACKED = "gzip, deflate"
"""How an answer may be packed. Other ways, and layers of layers, can grow without a bound in one step."""
_UNPACKED = frozenset({"", "identity", *PACKED.split(", ")})
_PIECE = 1 << 16
_LEFT_OUT = frozenset({"content-encoding", "content-length", "content-type", "location", "transfer-encoding"})
"""Headers that do not hold of the body as it was read, or that nothing may act on."""


@dataclass(frozen=True)
class Bounds:
    """What one answer may have: bytes and values (None: any number), and seconds of waiting, more of it for `pace` bytes a second."""

    most: int | None
    seconds: float
    pace: float = float("inf")
    values: int | None = None


ANSWER = Bounds(ANSWER_BYTES, 300.0, values=VALUES)
CONTENT = Bounds(None, 900.0, 16 * 1024.0)
"""Of a file: after a quarter of an hour, at least 16 kB a second."""


def bounded(
    pieces: Iterable[bytes], bounds: Bounds, host: str, status: int, now: Callable[[], float] = time.monotonic
) -> Iterator[bytes]:
    """Pass pieces on; raises AzureError as soon as there are too many bytes, or they took too long to come."""
    source, got, values, waited = iter(pieces), 0, 0, 0.0
    while True:
        began = now()
        piece = next(source, None)
        waited += now() - began
        if piece is None:
            return
        got += len(piece)
        if bounds.most is not None and got > bounds.most:
            raise too_large(host, status, bounds.most)
        if bounds.values is not None and (values := values + values_in(piece)) > bounds.values:
            raise too_many(host, status, bounds.values)
        if waited > bounds.seconds + got / bounds.pace:
            raise _too_slow(host, status, waited, got)
        yield piece


def values_in(raw: bytes) -> int:
    """Return how many values a piece of JSON has at most, without reading it; signs inside texts count too."""
    return raw.count(b",") + raw.count(b"{") + raw.count(b"[")


class Allowance:
    """What is left of what all pages of a list may have together."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._bytes, self._values = LIST_BYTES, LIST_VALUES

    def spend(self, page: bytes) -> None:
        """Take a page from it; raises AzureError if the list had too much."""
        self._bytes -= len(page)
        self._values -= values_in(page)
        if self._bytes < 0:
            raise too_large(self._host, 200, LIST_BYTES)
        if self._values < 0:
            raise too_many(self._host, 200, LIST_VALUES)


def too_large(host: str, status: int, most: int) -> AzureError:
    """Describe an answer that is larger than any that can be meant; the rest of it was not read."""
    return _not_read(host, status, f"{most // (1024 * 1024)} MiB")


def too_many(host: str, status: int, most: int) -> AzureError:
    """Describe an answer of more values than any that can be meant has."""
    return _not_read(host, status, f"{most:,} values")


def _not_read(host: str, status: int, most: str) -> AzureError:
    return AzureError(
        Fault(
            "answer-too-large",
            "The answer is too large to be read",
            f"{host} answered {status} with more than {most}; the rest was not read.",
            CHECK_THE_WAY,
        ),
        status=status,
        ambiguous=True,
    )


def _too_slow(host: str, status: int, waited: float, got: int) -> AzureError:
    return AzureError(
        Fault(
            "answer-too-slow",
            "The answer came too slowly",
            f"{host} answered {status} and then sent {got} bytes in {waited:.0f} s.",
            "Check the network, and run the command again: it goes on where this one stopped.",
        ),
        status=status,
        ambiguous=True,
    )


def bound_answer(response: httpx2.Response) -> None:
    """Put bounds on an answer of httpx whose body has not been read yet: a hook for `response`."""
    host, status = response.request.url.netloc.decode("ascii", "replace"), response.status_code
    _unpackable(response.headers, host, status)
    is_content = response.is_success and response.request.url.path.endswith("/content")
    bounds = CONTENT if is_content else ANSWER
    # Bodies are UTF-8. A charset may name a codec that fails in a way of its own or takes time without a bound, and where
    # a redirect leads is not even read, since none is followed.
    response.encoding = "utf-8"
    response.headers.pop("location", None)
    raw, unpacked = response.iter_raw, response.iter_bytes
    # Bytes that unpack to nothing are seen only below, and what bytes unpack to only above.
    response.iter_raw = lambda chunk_size=None: bounded(raw(chunk_size), replace(bounds, values=None), host, status)  # type: ignore[method-assign]
    response.iter_bytes = lambda chunk_size=None: bounded(unpacked(chunk_size), bounds, host, status)  # type: ignore[method-assign]


def _unpackable(headers: Mapping[str, str], host: str, status: int) -> None:
    packing = str(headers.get("content-encoding") or "").strip().lower()
    if packing not in _UNPACKED:
        raise AzureError(
            Fault(
                "answer-packed",
                "The answer is packed in a way that was not asked for",
                f"{host} answered {status} with `Content-Encoding: {packing[:40]}`.",
                "Check what stands between here and Azure.",
            ),
            status=status,
            ambiguous=True,
        )


def bounded_session(*, use_environment: bool) -> RequestsSession:
    """Return a `requests` session for azure-core that reads every answer within bounds, and repeats and redirects nothing."""
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter
    from requests.exceptions import ChunkedEncodingError, ContentDecodingError, ReadTimeout

    class Bounded(HTTPAdapter):
        """Reads the body itself: what azure-core is given has it in memory."""

        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            """Make the pool of connections without a proxy."""
            super().init_poolmanager(*args, **options)
            bound_heads(self.poolmanager)

        def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
            """Return the pool of connections through a proxy."""
            manager = super().proxy_manager_for(*args, **options)
            bound_heads(manager)
            return manager

        def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
            """Send a request and return the whole answer."""
            answer = super().send(request, *args, **{**options, "stream": True})
            raw, host = answer.raw, str(request.url).partition("//")[2].partition("/")[0]
            try:
                _unpackable(raw.headers, host, raw.status)
                body = b"".join(bounded(_pieces(raw), ANSWER, host, raw.status))
            except urllib3.exceptions.ReadTimeoutError as error:
                raise ReadTimeout(error, request=request) from error
            except urllib3.exceptions.ProtocolError as error:
                raise ChunkedEncodingError(error, request=request) from error
            except urllib3.exceptions.DecodeError as error:
                raise ContentDecodingError(error, request=request) from error
            finally:
                # A connection that was read to its end is in its pool again; any other must not get there.
                raw.close()
            return self.build_response(request, _whole(raw, body, str(request.method)))

    session = requests.Session()
    session.trust_env = use_environment
    session.headers["Accept-Encoding"] = PACKED
    never = urllib3.Retry(total=False, redirect=False, raise_on_status=False)
    session.mount("https://", Bounded(max_retries=never))
    session.mount("http://", Bounded(max_retries=never))
    return session


def _pieces(raw: Any) -> Iterator[bytes]:
    """Yield what has come in, as soon as anything has; `stream` would wait for a block to be full."""
    while piece := raw.read1(_PIECE, decode_content=True):
        yield piece


def _whole(raw: Any, body: bytes, method: str) -> Any:
    import io

    import urllib3

    kept = {name: value for name, value in raw.headers.items() if name.lower() not in _LEFT_OUT}
    # As in `bound_answer`: the charset of an answer, and where a redirect leads, are not looked at.
    if kind := raw.headers.get("content-type"):
        kept["content-type"] = kind.partition(";")[0]
    return urllib3.HTTPResponse(
        io.BytesIO(body), kept, raw.status, reason=raw.reason, preload_content=False, request_method=method
    )
