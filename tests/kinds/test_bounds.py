"""Answers without an end: whatever a service sends, what is read into memory and waited for has a bound."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from harness import ACCOUNT, FakeClock

from reconciler.azure import arm as arm_module
from reconciler.azure import bounds, listing
from reconciler.azure import session as session_module
from reconciler.azure.arm import Arm
from reconciler.azure.errors import AzureError
from reconciler.azure.files import Files
from reconciler.azure.jobs import Jobs
from reconciler.azure.session import Session
from reconciler.core.runtime import Runtime
from reconciler.kinds import REGISTRY
from reconciler.manifests import load

MIB = 1 << 20
Answer = Callable[["Hostile"], None]
READS: dict[str, Callable[[Session], object]] = {
    "data plane": lambda session: Jobs(session).all(),
    "control plane": lambda session: Arm(session).list(Arm(session).account + "/deployments", "listing deployments"),
}
both = pytest.mark.parametrize("read", READS.values(), ids=READS.keys())


class Hostile(BaseHTTPRequestHandler):
    """Answers as the test says, and counts what it could send."""

    protocol_version = "HTTP/1.1"
    answer: Answer
    asked = 0
    sent = 0
    connections = 0
    posted = 0

    def setup(self) -> None:
        type(self).connections += 1
        # What the kernel buffers for us counts as sent: without a bound it may grow to megabytes.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MIB)
        super().setup()

    def do_GET(self) -> None:
        type(self).asked += 1
        try:
            type(self).answer(self)
        except OSError:  # the client has hung up
            self.close_connection = True

    def do_POST(self) -> None:
        type(self).posted += 1
        self.json({})

    def head(self, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"content_type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def put(self, data: bytes) -> None:
        self.wfile.write(data)
        type(self).sent += len(data)

    def json(self, body: object) -> None:
        raw = json.dumps(body).encode()
        self.head(content_length=str(len(raw)))
        self.put(raw)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server that expects its clients to hang up."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@pytest.fixture
def session(tmp_path_factory: pytest.TempPathFactory, clock: FakeClock) -> Iterator[Session]:
    server = Server(("127.0.0.1", 0), Hostile)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    folder = tmp_path_factory.mktemp("repo")
    (folder / "account.yaml").write_text(
        f"{ACCOUNT.replace('/s1/', '/a1/')}  endpoint: {url}/acme\n  management_endpoint: {url}\n"
    )
    opened = Session(load(folder, REGISTRY, {}, None, folder).accounts["acme"], Runtime(clock), {})
    Hostile.asked = Hostile.sent = Hostile.connections = Hostile.posted = 0
    yield opened
    opened.close()
    server.shutdown()
    server.server_close()


def refused(session: Session, read: Callable[[Session], object], answer: Answer) -> AzureError:
    Hostile.answer = staticmethod(answer)  # type: ignore[assignment]
    with pytest.raises(AzureError) as caught:
        read(session)
    assert session.data.host in caught.value.fault.detail or "pages" in caught.value.fault.detail
    return caught.value


@both
def test_an_answer_without_an_end_is_not_read_to_the_end(session: Session, read: Callable[[Session], object]) -> None:
    def forever(http: Hostile) -> None:
        http.head(transfer_encoding="chunked")
        http.put(b'2\r\n{"\r\n')
        while True:
            http.put(b"100000\r\n" + b"x" * MIB + b"\r\n")

    error = refused(session, read, forever)
    assert error.fault.code == "answer-too-large"
    assert error.ambiguous, "whatever was asked for may have been done"
    assert Hostile.asked == 1, "it is not asked for again"
    assert Hostile.sent < bounds.ANSWER_BYTES + 8 * MIB


@both
@pytest.mark.parametrize(
    ("packing", "code"),
    [
        ("gzip", "answer-too-large"),
        ("gzip, gzip", "answer-packed"),
        ("br", "answer-packed"),
        ("zstd", "answer-packed"),
    ],
)
def test_an_answer_that_unpacks_to_more_is_refused(
    session: Session, read: Callable[[Session], object], packing: str, code: str
) -> None:
    small = gzip.compress(bytes(bounds.ANSWER_BYTES + 1), 1)
    assert len(small) < MIB

    def packed(http: Hostile) -> None:
        http.head(content_length=str(len(small)), content_encoding=packing)
        http.put(small)

    assert refused(session, read, packed).fault.code == code


@both
@pytest.mark.parametrize(
    "raw",
    [b"\xff\xfe\x00", b"", b"[" * 100_000, b"<html>", b'{"a": 1e999}'],
    ids=["no text", "empty", "deep", "a page", "infinite"],
)
def test_an_answer_that_says_success_and_is_no_list_is_said_to_be_unreadable(
    session: Session, read: Callable[[Session], object], raw: bytes
) -> None:
    def answer(http: Hostile) -> None:
        http.head(content_length=str(len(raw)))
        http.put(raw)

    Hostile.answer = staticmethod(answer)  # type: ignore[assignment]
    with pytest.raises(AzureError) as caught:
        read(session)
    assert caught.value.fault.code == "azure-unreadable"
    assert "bound method" not in caught.value.fault.detail


@both
def test_an_answer_that_drips_is_given_up(
    session: Session, read: Callable[[Session], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "ANSWER", bounds.Bounds(bounds.ANSWER_BYTES, 0.3))

    def drip(http: Hostile) -> None:
        http.head(content_length="100000", content_encoding="gzip")
        for byte in gzip.compress(bytes(range(256))):
            http.put(bytes([byte]))
            http.wfile.flush()
            time.sleep(0.05)

    began = time.monotonic()
    assert refused(session, read, drip).fault.code == "answer-too-slow"
    assert time.monotonic() - began < 3, "a quarter of the time that one whole answer takes"


@both
@pytest.mark.parametrize("piece", [b"x", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=["a header", "interim heads"])
def test_a_head_that_drips_is_given_up(
    session: Session, read: Callable[[Session], object], piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "READ_TIMEOUT", 0.2)

    def drip(http: Hostile) -> None:
        http.put(b"HTTP/1.1 200 OK\r\nX-Slow: " if piece == b"x" else piece)
        for _ in range(60):
            time.sleep(0.05)
            http.put(piece)

    began = time.monotonic()
    error = refused(session, read, drip)
    assert error.fault.code == "azure-no-answer"
    assert error.ambiguous, "whatever was asked for may have been done"
    assert time.monotonic() - began < 3, "less than the first of its answers takes"


@both
def test_a_head_in_time_leaves_the_body_its_own_time(
    session: Session, read: Callable[[Session], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "READ_TIMEOUT", 0.4)

    def slowly(http: Hostile) -> None:
        raw = json.dumps({"data": [], "value": [], "has_more": False}).encode()
        http.head(content_length=str(len(raw)))
        for at in range(0, len(raw), 10):
            time.sleep(0.1)
            http.put(raw[at : at + 10])

    Hostile.answer = staticmethod(slowly)  # type: ignore[assignment]
    for _ in range(2):
        assert not read(session)
    assert Hostile.connections == 1, "and the connection is used again"


@both
def test_a_list_that_leads_on_for_ever_is_an_error_and_no_list(
    session: Session, read: Callable[[Session], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 7)
    monkeypatch.setattr(arm_module, "MOST_PAGES", 7)

    def another(http: Hostile) -> None:
        item = {"id": f"ftjob-{Hostile.asked}"}
        link = f"{session.control.url}/deployments?page={Hostile.asked}"
        http.json({"data": [item], "has_more": True, "value": [item], "nextLink": link})

    assert refused(session, read, another).fault.code == "list-endless"
    assert Hostile.asked == 7


def test_a_next_page_that_is_the_same_page_is_an_error(session: Session) -> None:
    link = f"{session.control.url}/deployments?page=1"
    error = refused(session, READS["control plane"], lambda http: http.json({"value": [], "nextLink": link}))
    assert error.fault.code == "list-endless"
    assert Hostile.asked == 2


@both
def test_a_list_of_large_pages_has_a_bound_too(
    session: Session, read: Callable[[Session], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "LIST_BYTES", 5 * MIB)

    def large(http: Hostile) -> None:
        item = {"id": f"ftjob-{Hostile.asked}", "text": "x" * (MIB // 2)}
        link = f"{session.control.url}/deployments?page={Hostile.asked}"
        http.json({"data": [item], "has_more": True, "value": [item], "nextLink": link})

    assert refused(session, read, large).fault.code == "answer-too-large"
    assert Hostile.asked == 5


@both
@pytest.mark.parametrize("piece", [b"{},", b"[],", b'{"a":1},'], ids=["objects", "lists", "fields"])
def test_an_answer_of_tiny_values_is_not_read_to_the_end(
    session: Session, read: Callable[[Session], object], piece: bytes
) -> None:
    """Each of them takes twenty times the memory that it has bytes, so bytes alone are no bound."""

    def tiny(http: Hostile) -> None:
        body = b'{"data":[' + piece * (bounds.ANSWER_BYTES // 12) + b'{}],"value":[]}'
        http.head(content_length=str(len(body)))
        http.put(body)

    assert refused(session, read, tiny).fault.code == "answer-too-large"


@both
def test_pages_of_tiny_values_have_a_bound_together(
    session: Session, read: Callable[[Session], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "LIST_VALUES", 4000)

    def tiny(http: Hostile) -> None:
        item = {"id": f"ftjob-{Hostile.asked}", "list": [{}] * 500}
        link = f"{session.control.url}/deployments?page={Hostile.asked}"
        http.json({"data": [item], "has_more": True, "value": [item], "nextLink": link})

    assert refused(session, read, tiny).fault.code == "answer-too-large"
    assert Hostile.asked == 2


def test_an_error_without_an_end_in_place_of_a_file_is_not_read_to_the_end(session: Session) -> None:
    def forever(http: Hostile) -> None:
        http.send_response(400)
        http.send_header("transfer-encoding", "chunked")
        http.end_headers()
        while True:
            http.put(b"100000\r\n" + b"x" * MIB + b"\r\n")

    error = refused(session, lambda found: list(Files(found).content("file-1")), forever)
    assert error.fault.code == "answer-too-large"
    assert Hostile.sent < bounds.ANSWER_BYTES + 8 * MIB


@both
@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("charset", ["zlib", "rot13", "undefined", "utf-32", "punycode"])
def test_a_strange_charset_is_no_bug(
    session: Session, read: Callable[[Session], object], charset: str, status: int
) -> None:
    """Python has codecs that are none of text, that raise what no SDK expects, or that take time without a bound."""

    def strange(http: Hostile) -> None:
        body = b"<html>no gateway-" + b"ab" * 1000
        http.send_response(status)
        http.send_header("content-type", f"text/html; charset={charset}")
        http.send_header("content-length", str(len(body)))
        http.end_headers()
        http.put(body)

    Hostile.answer = staticmethod(strange)  # type: ignore[assignment]
    with pytest.raises(AzureError) as caught:
        read(session)
    assert caught.value.fault.code == ("azure-unreadable" if status == 200 else "azure-400")
    assert status == 200 or "no gateway-ab" in caught.value.fault.detail


def test_a_provider_that_is_not_registered_is_said_and_not_registered(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK's own way is a POST for whatever the answer names, even from a plan, and looks every 10 s for ever."""
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("it waits"))

    def missing(http: Hostile) -> None:
        message = "The subscription is not registered to use namespace 'Microsoft.Any'."
        raw = json.dumps({"error": {"code": "MissingSubscriptionRegistration", "message": message}}).encode()
        http.send_response(409)
        http.send_header("content-length", str(len(raw)))
        http.end_headers()
        http.put(raw)

    Hostile.answer = staticmethod(missing)  # type: ignore[assignment]
    with pytest.raises(AzureError) as caught:
        READS["control plane"](session)
    assert (Hostile.asked, Hostile.posted) == (1, 0)
    assert "az provider register --namespace Microsoft.CognitiveServices" in caught.value.fault.remedy


@pytest.mark.parametrize("kind", ["", "application/octet-stream", "image/png", "application/json, text/html", "\xff"])
def test_whatever_an_answer_calls_itself_it_is_read(session: Session, kind: str) -> None:
    def answer(http: Hostile) -> None:
        raw = json.dumps({"value": [{"id": "one"}]}).encode()
        http.head(content_length=str(len(raw)), content_type=kind)
        http.put(raw)

    Hostile.answer = staticmethod(answer)  # type: ignore[assignment]
    assert READS["control plane"](session) == [{"id": "one"}]


@both
@pytest.mark.parametrize("location", ["http://[::1", "http://a:99999999", "//"])
def test_a_redirect_to_no_address_is_no_bug(session: Session, read: Callable[[Session], object], location: str) -> None:
    def away(http: Hostile) -> None:
        http.send_response(302)
        http.send_header("location", location)
        http.send_header("content-length", "0")
        http.end_headers()

    Hostile.answer = staticmethod(away)  # type: ignore[assignment]
    with pytest.raises(AzureError) as caught:
        read(session)
    assert caught.value.fault.code == "azure-302"


def test_the_content_of_a_file_may_be_larger_and_is_streamed(session: Session) -> None:
    size = bounds.ANSWER_BYTES + 2 * MIB

    def content(http: Hostile) -> None:
        http.head(content_length=str(size))
        for _ in range(size // MIB):
            http.put(bytes(MIB))

    Hostile.answer = staticmethod(content)  # type: ignore[assignment]
    pieces = [len(piece) for piece in Files(session).content("file-1")]
    assert sum(pieces) == size
    assert max(pieces) <= MIB


def test_a_file_must_come_on_but_may_take_its_time() -> None:
    """At 20 kB a second for an hour it is let through; at 10 kB a second it is not. Only waiting counts."""

    clock = FakeClock()

    def pieces(pace: int) -> Iterator[bytes]:
        for _ in range(3600):
            clock.sleep(1)
            yield bytes(pace)

    def read(pace: int) -> int:
        got = 0
        for piece in bounds.bounded(pieces(pace), bounds.CONTENT, "h", 200, clock.now):
            got += len(piece)
            clock.sleep(5)  # whoever reads does something with it
        return got

    assert read(20 * 1024) == 3600 * 20 * 1024
    with pytest.raises(AzureError, match="too slowly"):
        read(10 * 1024)
