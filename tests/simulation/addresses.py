"""The servers from which Azure fetches data, without servers: what they answer is decided here."""

from __future__ import annotations

import io
from collections import Counter, deque
from contextlib import AbstractContextManager
from http.client import HTTPConnection
from pathlib import Path
from socket import socket
from typing import Any, cast
from unittest.mock import patch
from urllib.parse import urlsplit

from simulation.promises import BOM

from reconciler.emulator import imports

OPEN, BLOBS = "http://127.0.0.1:9/data", "https://acme.blob.core.windows.net/data"
"""Where the data of a tree is said to be: at this machine, or at an address that looks like one of Azure's own."""
SICK = ("404", "403", "302", "half", "nothing", "late", "changed", "grown", "marked", "marked")
"""How an address may be; one that puts a byte-order mark before the data is none the worse for it."""


class Addresses:
    """Answers with the data of a tree, and for some fetches as it is told."""

    def __init__(self, folder: Path, counts: Counter[str]) -> None:
        self._counts = counts
        self._data = folder / "manifests/data"
        self.sick: deque[str] = deque()
        """How the next fetches are answered."""

    def connected(self) -> AbstractContextManager[Any]:
        """Have the emulator reach these, and nothing else."""
        addresses = self

        class Wired(HTTPConnection):
            def connect(self) -> None:
                self.sock = cast("socket", _Socket(addresses))

        return patch.multiple(imports, HTTPConnection=Wired, HTTPSConnection=Wired)

    def answer(self, target: str) -> bytes:
        """Return all bytes of an answer; raises TimeoutError if none comes."""
        sick = self.sick.popleft() if self.sick else ""
        self._counts[f"address {sick}"] += bool(sick)
        if sick == "late":
            raise TimeoutError
        if sick.isdigit():
            code = {"404": "BlobNotFound", "403": "AuthenticationFailed"}.get(sick, "")
            more = f"x-ms-error-code: {code}\r\n" if code else f"location: {OPEN}/elsewhere\r\n"
            return f"HTTP/1.1 {sick} No\r\n{more}content-length: 0\r\n\r\n".encode()
        name = Path(urlsplit(target).path).name
        content = (self._data / name).read_bytes()
        announced = len(content)
        match sick:
            case "half":
                content = content[: len(content) // 2]
            case "nothing":
                content, announced = b"", 0
            case "changed":
                content = self._other(name)
                announced = len(content)
            case "grown":
                content += content[: content.index(b"\n") + 1]
                announced = len(content)
            case "marked":
                content = BOM + content
                announced = len(content)
        return f"HTTP/1.1 200 OK\r\ncontent-length: {announced}\r\n\r\n".encode() + content

    def _other(self, name: str) -> bytes:
        """Return the data of another file."""
        names = sorted(one.name for one in self._data.iterdir() if one.name != name)
        return (self._data / names[0]).read_bytes()


class _Socket:
    """The end of a connection that the emulator holds."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._sent = b""

    def sendall(self, data: bytes) -> None:
        self._sent += data

    def makefile(self, _: str) -> io.BytesIO:
        return io.BytesIO(self._addresses.answer(self._sent.split()[1].decode()))

    def close(self) -> None:
        """Nothing is open."""
