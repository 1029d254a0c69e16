"""One line so long that it must hold images, read without a second copy of it in memory.

Python's own reader tells more of what is wrong, and needs up to eight times the bytes of the line for that.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, NamedTuple

import msgspec

from reconciler.datasets.findings import Collector
from reconciler.datasets.stream import BOM

_PIECE = 1 << 16
_BYTE = re.compile(r"\(byte (\d+)\)")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class _Invalid(NamedTuple):
    byte: int
    column: int


def read_long(raw: bytes | memoryview, line: int, out: Collector, offset: int | None = None) -> dict[str, Any] | None:
    """Do what `record.read_object` does, but for repeated keys; a line that not every reader takes is not read."""
    try:
        found = msgspec.json.decode(raw)
    except RecursionError:
        out.add("json-too-deep", line)
    except msgspec.ValidationError:  # a number that no double holds
        out.add("json-not-portable", line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        _add_why(raw, str(error), line, out, offset)
    else:
        if isinstance(found, dict):
            return found
        out.add("record-not-object", line, 1)
    return None


def _add_why(raw: bytes | memoryview, said: str, line: int, out: Collector, offset: int | None) -> None:
    if bytes(raw[: len(BOM)]) == BOM:
        out.add("bom-inside", line, 1)
        return
    if invalid := _invalid(raw):
        out.add("utf8-invalid", line, invalid.column, message=utf8_message(invalid.byte, offset))
        return
    place = _BYTE.search(said)
    at = int(place[1]) if place else len(raw)
    if at < len(raw) and raw[at] == 0:
        out.add("nul-byte", line, _column(raw, at))
    elif _SURROGATE.search(raw):
        out.add("json-not-portable", line)
    else:
        message = "" if place else "the line is not valid JSON: the line ends before the record does"
        out.add("json-invalid", line, _column(raw, at), message=message)


def utf8_message(byte: int, offset: int | None) -> str:
    """Say where bytes are no UTF-8, counted from 0 in the line; `offset` is how many bytes stand in the file before it."""
    where = f"byte {byte + 1} of the line"
    if offset is not None:
        where += f", byte {offset + byte + 1} of the file,"
    return f"{where} is not valid UTF-8"


def _invalid(raw: bytes | memoryview) -> _Invalid | None:
    """Return where a line stops being UTF-8, piece by piece."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    characters = 0
    for at in range(0, len(raw) + 1, _PIECE):
        piece = raw[at : at + _PIECE]
        try:
            characters += len(decoder.decode(bytes(piece), final=at + _PIECE > len(raw)))
        except UnicodeDecodeError as error:
            pending = len(error.object) - len(piece)  # of a character that the piece before ended in
            return _Invalid(at - pending + error.start, characters + len(error.object[: error.start].decode()) + 1)
    return None


def _column(raw: bytes | memoryview, end: int) -> int:
    decoder = codecs.getincrementaldecoder("utf-8")()
    return sum(len(decoder.decode(bytes(raw[at : min(at + _PIECE, end)]))) for at in range(0, end, _PIECE)) + 1
