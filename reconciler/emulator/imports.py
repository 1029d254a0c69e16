"""`POST /files/import`: the service itself downloads the file, and says in the file's status when it could not.

As at Azure the answer comes before the file is there: what goes wrong with the download is told by the status of the
file, never by the answer. Only loopback is contacted unless the configuration says otherwise; redirects are not
followed, and no proxy is used.
"""

from __future__ import annotations

import ipaddress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import SplitResult, urlsplit

from reconciler.emulator.config import Config
from reconciler.emulator.files import add_file, created
from reconciler.emulator.routing import Call
from reconciler.emulator.wire import ApiError, Response

_TIMEOUT_S = 30.0
_CHUNK = 1 << 20
_ERROR_CODE = "x-ms-error-code"
"""The header in which Blob Storage names what is wrong: AuthenticationFailed, BlobNotFound."""


def fetch_import(body: dict[str, Any], config: Config) -> bytes | str:
    """The content at `content_url`, why there is none, or "" for no URL at all.

    Runs without the lock: it may take long, or ask this very server.
    """
    url = body.get("content_url")
    parts = _split(url) if isinstance(url, str) else None
    if parts is None:
        return ""
    try:
        return _download(parts, config)
    except _Failed as failed:
        said = f" {url}" if config.import_error_tells_url else ""
        return f"fileImportFailed: the file could not be downloaded from the given URL{said} ({failed})."


class _Failed(Exception):  # noqa: N818  (reads as what it is in an except clause)
    """Why there is no content."""


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def _download(parts: SplitResult, config: Config) -> bytes:
    host = parts.hostname or ""
    if config.import_from == "loopback" and not _is_loopback(host):
        raise _Failed("the emulator contacts this machine only")
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(host, parts.port, timeout=_TIMEOUT_S)
    try:
        # Without a word about the connection a server keeps it open, and bytes beyond the length could not be told.
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        connection.request("GET", target, headers={"connection": "close"})
        answer = connection.getresponse()
        if answer.status != 200:
            raise _Failed(" ".join(filter(None, [f"HTTP {answer.status}", answer.getheader(_ERROR_CODE)])))
        return _body(answer, config.max_file_bytes)
    except (OSError, HTTPException, ValueError) as error:
        raise _Failed(type(error).__name__) from error
    finally:
        connection.close()


def _body(answer: HTTPResponse, most: int) -> bytes:
    """All that is really sent, which must be what was announced."""
    announced = None if answer.chunked else answer.length
    if announced is not None and announced > most:
        raise _Failed("it is larger than the maximum")
    answer.length = None
    found = bytearray()
    try:
        while chunk := answer.read(_CHUNK):
            found += chunk
            if len(found) > most:
                raise _Failed("it is larger than the maximum")
    except TimeoutError:
        # A server that keeps the connection open against our word; what was announced may be here all the same.
        if len(found) != announced:
            raise
    if announced is not None and len(found) != announced:
        raise _Failed(f"{len(found)} bytes came, {announced} were announced")
    return bytes(found)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def import_file(call: Call) -> Response:
    """Make the file; what it holds is known only when it is processed."""
    body = call.request.json()
    for name in ("purpose", "filename", "content_url"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise ApiError(400, "invalidPayload", f"The {name} field is required.", target=name)
    if call.fetched == "":
        raise ApiError(
            400, "fileImportFailed", "The content URL must be an http or https address.", target="content_url"
        )
    error = call.fetched if isinstance(call.fetched, str) else None
    content = call.fetched if isinstance(call.fetched, bytes) else b""
    file = add_file(call, body["filename"], body["purpose"], content, error=error, imported=True)
    return created(call, file)
