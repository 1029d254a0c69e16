"""Uploads in parts and imports: what the specification says of their states, and what a service does with bad input."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from typing import Any

import pytest

DATED = "/acme/openai/{}?api-version=2024-10-21"
HOUR = 3600.0


def begin(direct: Any, size: int, **fields: Any) -> Any:
    body = {"purpose": "fine-tune", "filename": "a.jsonl", "bytes": size, "mime_type": "application/json", **fields}
    return direct("POST", DATED.format("uploads"), body)


def add(direct: Any, upload: str, data: bytes) -> Any:
    body = (
        b'--B\r\nContent-Disposition: form-data; name="data"; filename="p"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + data + b"\r\n--B--\r\n"
    )
    headers = {"content-type": "multipart/form-data; boundary=B"}
    return direct("POST", DATED.format(f"uploads/{upload}/parts"), body, headers)


def complete(direct: Any, upload: str, parts: list[Any], **fields: Any) -> Any:
    return direct("POST", DATED.format(f"uploads/{upload}/complete"), {"part_ids": parts, **fields})


def cancel(direct: Any, upload: str) -> Any:
    return direct("POST", DATED.format(f"uploads/{upload}/cancel"))


@pytest.fixture
def upload(direct: Any) -> str:
    return str(begin(direct, 6).json()["id"])


def two_parts(direct: Any, upload: str) -> list[str]:
    return [add(direct, upload, data).json()["id"] for data in (b"abc", b"def")]


def code(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["code"]


def test_parts_stand_in_the_order_of_the_list(direct, upload):
    first, second = two_parts(direct, upload)
    done = complete(direct, upload, [second, first]).json()
    assert (done["status"], done["file"]["bytes"]) == ("completed", 6)
    direct.emulator.advance(1)
    assert direct("GET", DATED.format(f"files/{done['file']['id']}/content")).body == b"defabc"


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": True}, "bytes"),
        ({"bytes": "6"}, "bytes"),
        ({"bytes": 9 * 1024**3 + 1}, "bytes"),
        ({"purpose": "other"}, "purpose"),
        ({"purpose": None}, "purpose"),
        ({"filename": ""}, "filename"),
        ({"mime_type": ""}, "mime_type"),
    ],
)
def test_what_an_upload_must_say(direct, changes, target):
    answer = begin(direct, 6, **changes)
    assert code(answer) == (400, "invalidPayload")
    assert answer.json()["error"]["target"] == target


@pytest.mark.parametrize(
    ("name", "choose"),
    [
        ("none", lambda first, second: []),
        ("one is missing", lambda first, second: [first]),
        ("one stands twice", lambda first, second: [first, first]),
        ("one is of nobody", lambda first, second: [first, "part-0"]),
        ("one is no text", lambda first, second: [first, {}]),
        ("no list", lambda first, second: first),
    ],
)
def test_a_list_of_parts_that_is_refused_leaves_the_upload_open(direct, upload, name, choose):
    first, second = two_parts(direct, upload)
    assert code(complete(direct, upload, choose(first, second))) == (400, "invalidPayload"), name
    assert complete(direct, upload, [first, second]).status == 200


def test_the_checksum_is_checked(direct, upload):
    parts = two_parts(direct, upload)
    assert code(complete(direct, upload, parts, md5="0" * 32)) == (400, "invalidPayload")
    right = hashlib.md5(b"abcdef").hexdigest()
    assert complete(direct, upload, parts, md5=right).json()["status"] == "completed"


def test_a_part_has_a_largest_size(direct, upload, emulator):
    emulator.configure(max_part_bytes=2)
    assert code(add(direct, upload, b"abc")) == (400, "invalidPayload")


@pytest.mark.parametrize("ended", ["completed", "cancelled", "expired"])
def test_an_upload_that_has_ended_takes_nothing(direct, upload, ended):
    parts = two_parts(direct, upload)
    if ended == "completed":
        complete(direct, upload, parts)
    elif ended == "cancelled":
        assert cancel(direct, upload).json()["status"] == "cancelled"
    else:
        direct.emulator.advance(2 * HOUR)
    for answer in (add(direct, upload, b"x"), complete(direct, upload, parts), cancel(direct, upload)):
        assert code(answer) == (400, "unexpectedEntityState")
        assert ended in answer.json()["error"]["message"]


def test_it_lives_for_two_hours(direct, upload):
    direct.emulator.advance(2 * HOUR - 1)
    assert complete(direct, upload, two_parts(direct, upload)).status == 200


def test_a_lost_part_may_count(direct, upload, emulator):
    emulator.configure(uploads_count_lost_parts=True)
    parts = two_parts(direct, upload)
    add(direct, upload, b"def")
    assert code(complete(direct, upload, parts)) == (400, "invalidPayload")


def test_an_upload_of_nobody(direct):
    assert code(add(direct, "upload-0", b"x")) == (404, "notFound")


def test_the_limit_of_the_direct_way_does_not_apply(direct, upload, emulator):
    emulator.configure(max_file_bytes=5)
    assert complete(direct, upload, two_parts(direct, upload)).status == 200


# Imports


class Site:
    """A server that answers as it is told to, with the length that it is told to announce."""

    def __init__(self) -> None:
        self.status, self.body, self.length = 200, b"{}\n", None
        self.headers: dict[str, str] = {}
        self.asked = 0
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked += 1
                self.send_response(site.status)
                for name, value in site.headers.items():
                    self.send_header(name, value)
                if site.length != -1:
                    self.send_header("Content-Length", str(len(site.body) if site.length is None else site.length))
                self.end_headers()
                self.wfile.write(site.body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/f"


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def imported(direct: Any, url: str) -> Any:
    made = direct(
        "POST", DATED.format("files/import"), {"purpose": "fine-tune", "filename": "a.jsonl", "content_url": url}
    )
    assert made.status == 201
    assert made.json()["status"] == "pending", "the answer comes before the file is there"
    assert made.json()["bytes"] == 0
    direct.emulator.advance(60)
    return direct("GET", DATED.format(f"files/{made.json()['id']}")).json()


def test_an_import_takes_its_time(direct, site, emulator):
    emulator.configure(import_seconds=100.0)
    assert imported(direct, site.url)["status"] == "running"
    emulator.advance(100)
    (file,) = direct("GET", DATED.format("files")).json()["data"]
    assert (file["status"], file["bytes"]) == ("processed", 3)


@pytest.mark.parametrize(
    ("name", "behaviour", "said"),
    [
        ("less than announced", {"length": 10}, "3 bytes came, 10 were announced"),
        ("more than announced", {"length": 1}, "3 bytes came, 1 were announced"),
        ("locked", {"status": 403, "headers": {"x-ms-error-code": "AuthenticationFailed"}}, "403 AuthenticationFailed"),
        ("absent", {"status": 404}, "HTTP 404"),
        ("a redirect", {"status": 302, "headers": {"location": "/elsewhere"}}, "HTTP 302"),
        ("empty and not", {"status": 206}, "HTTP 206"),
        ("announced too large", {"length": 101}, "larger than the maximum"),
        ("too large", {"length": -1, "body": b"x" * 101}, "larger than the maximum"),
    ],
)
def test_what_goes_wrong_is_told_by_the_status(direct, site, emulator, name, behaviour, said):
    emulator.configure(max_file_bytes=100)
    for key, value in behaviour.items():
        setattr(site, key, value)
    file = imported(direct, site.url)
    assert file["status"] == "error", name
    assert said in file["status_details"]
    assert "fileImportFailed" in file["status_details"]
    assert site.url not in file["status_details"]
    assert site.asked == 1


def test_a_length_need_not_be_announced(direct, site):
    site.length = -1
    assert imported(direct, site.url)["status"] == "processed"


@pytest.mark.parametrize("url", ["http://example.org/f", "https://10.0.0.1/f", "http://127.0.0.1.example.org/f"])
def test_only_this_machine_is_contacted(direct, url):
    assert "this machine only" in imported(direct, url)["status_details"]


def test_nobody_answers(direct):
    assert imported(direct, "http://127.0.0.1:1/f")["status"] == "error"


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/f", "http://127.0.0.1:port/", "http:///f", "f"])
def test_what_is_no_address_is_refused(direct, url):
    body = {"purpose": "fine-tune", "filename": "a.jsonl", "content_url": url}
    assert code(direct("POST", DATED.format("files/import"), body)) == (400, "fileImportFailed")


def test_the_address_is_told_only_if_it_is_asked_for(direct, site, emulator):
    emulator.configure(import_error_tells_url=True)
    site.status = 403
    assert f"{site.url}?sig=abc" in imported(direct, f"{site.url}?sig=abc")["status_details"]


def test_a_name_can_be_cut(direct, emulator):
    emulator.configure(filename_cut=3)
    assert direct.file(name="long.jsonl").json()["filename"] == "lon"


def test_a_dated_surface_without_uploads(direct, emulator):
    emulator.configure(dated_has_uploads=False)
    assert begin(direct, 6).status == 404
