"""Images in messages: an address, or the image itself in a data URL, which is checked without decoding all of it.

Limits are those of Azure's page on fine-tuning with images: JPEG, PNG or WEBP, 10 MB each, 64 in an example.
"""

from __future__ import annotations

import base64
import re
from typing import Any, Protocol

IMAGES_PER_EXAMPLE = 64
IMAGE_LIMIT = 10 * 1024 * 1024
"""Decoded bytes of one image. Azure says "10 MB" and not which; the larger reading refuses nobody."""
TYPES = ("image/jpeg", "image/png", "image/webp")
DETAILS = ("low", "high", "auto")

_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_PIECE = 1 << 16
"""Characters of base64 that are looked at together, so that a large image is never copied whole."""
_INVALID = "image-data-invalid"
_HEAD = 24
"""Characters of base64 that hold the bytes by which a type is told."""
_ADDRESS = re.compile(r"https?://[^\s/?#\\]+(?P<path>.*)", re.IGNORECASE | re.DOTALL)
_UNESCAPED = re.compile(r"[\s\\]")
_BARE = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD")
"""How the base64 of a PNG, JPEG, WEBP or GIF begins."""


class Add(Protocol):
    """Adds a finding."""

    def __call__(self, code: str, path: str = "", message: str = "", remedy: str = "") -> None:
        """Add a finding with this code; empty texts are the code's own."""


class Image:
    """Checks the value of one `image_url`."""

    def __init__(self, add: Add, path: str) -> None:
        self._add = add
        self._path = path

    def check(self, value: Any) -> None:
        """Add what is wrong with the value."""
        if not isinstance(value, dict):
            self._add("image-invalid", self._path)
            return
        detail = value.get("detail")
        if detail is not None and detail not in DETAILS:
            self._add("image-detail-unknown", f"{self._path}.detail")
        url = value.get("url")
        if not isinstance(url, str):
            self._add("image-invalid", f"{self._path}.url", "`url` is not text")
        elif url[:5].lower() == "data:":
            self._data(url)
        elif not (address := _ADDRESS.fullmatch(url)):
            remedy = "Put data:image/png;base64, before it (or the type it has)." if url.startswith(_BARE) else ""
            self._add("image-url-invalid", f"{self._path}.url", remedy=remedy)
        else:
            if url[:5].lower() == "http:":
                self._add("image-url-plain", f"{self._path}.url")
            if _UNESCAPED.search(address["path"]):
                self._add("image-url-unescaped", f"{self._path}.url")

    def _data(self, url: str) -> None:
        path = f"{self._path}.url"
        comma = url.find(",", 0, 256)
        head = url[5:comma].lower().split(";") if comma >= 0 else []
        if len(head) < 2 or head[-1].strip() != "base64":
            self._add(
                "image-data-invalid", path, "the data URL does not say base64", "Write data:image/png;base64,DATA."
            )
            return
        named = head[0].strip()
        if named == "image/jpg":
            self._add(
                "image-type-differs", path, "the type is image/jpg, which is no registered one", "Write image/jpeg."
            )
            named = "image/jpeg"
        elif named not in TYPES:
            self._add("image-type-unsupported", path)
        size, code, message, remedy = measured(url, comma + 1)
        if code:
            self._add(code, path, message, remedy)
            if code == _INVALID:
                return
        if size > IMAGE_LIMIT:
            self._add("image-too-large", path, f"the image is {size:,} bytes; at most {IMAGE_LIMIT:,} are allowed")
        if not code and named in TYPES and told(url[comma + 1 : comma + 1 + _HEAD]) != named:
            self._add("image-type-differs", path)


def measured(text: str, start: int = 0) -> tuple[int, str, str, str]:
    """Return how many bytes the base64 from `start` on holds, the code of what is wrong with it, a message and a remedy.

    Where it holds line breaks the number is a little too high.
    """
    unusual = ""
    end = len(text)
    while end > start and end > len(text) - 2 and text[end - 1] == "=":
        end -= 1
    for at in range(start, end, _PIECE):
        try:
            other = text[at : min(at + _PIECE, end)].encode("ascii").translate(None, _ALPHABET)
        except UnicodeEncodeError:
            return 0, _INVALID, "the data URL holds characters that base64 does not have", ""
        if other:
            if not other.strip(b" \t\r\n"):
                unusual = "the base64 holds line breaks or spaces; not every reader takes them"
                continue
            if not other.strip(b"-_"):
                return 0, _INVALID, "the base64 has the alphabet for addresses", "Write + for - and / for _."
            return 0, _INVALID, "the data URL holds characters that base64 does not have", ""
    if end == start:
        return 0, _INVALID, "the data URL holds no data", ""
    if not unusual and (len(text) - start) % 4:
        if (end - start) % 4 == 1:
            return 0, _INVALID, "the base64 is cut short", ""
        unusual = "the base64 lacks the = at its end, or is cut short"
    return (end - start) * 3 // 4, "image-data-unusual" if unusual else "", unusual, ""


def told(head: str) -> str | None:
    """Return the type that the first bytes of an image show; `head` is base64, of a length that four divides."""
    data = base64.b64decode(head)
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None
