"""Reading `multipart/form-data`, with what Azure wants to know of each part."""

from __future__ import annotations

from dataclasses import dataclass, field

from python_multipart import MultipartParser
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import parse_options_header

from reconciler.emulator.wire import ApiError, Request


@dataclass(slots=True)
class Part:
    """One part of a form. `filename` is None for a plain field."""

    name: str = ""
    filename: str | None = None
    content_type: str = ""
    data: bytearray = field(default_factory=bytearray)

    def text(self) -> str:
        """The value of a plain field."""
        return self.data.decode(errors="replace")


class _Reader:
    """Collects the callbacks of the parser."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._name = bytearray()
        self._value = bytearray()

    def begin(self) -> None:
        self.parts.append(Part())

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        name, value = self._name.decode("latin-1").lower(), bytes(self._value)
        self._name.clear()
        self._value.clear()
        part = self.parts[-1]
        if name == "content-type":
            part.content_type = value.decode("latin-1").strip()
        elif name == "content-disposition":
            _, options = parse_options_header(value)
            part.name = options.get(b"name", b"").decode(errors="replace")
            filename = options.get(b"filename")
            part.filename = None if filename is None else filename.decode(errors="replace")

    def data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += data[start:end]


def read_form(request: Request) -> dict[str, Part]:
    """The parts of a form by name.

    Raises:
        ApiError: 400, when the body is no form.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ApiError(415, "invalidPayload", "The request must be multipart/form-data.")
    reader = _Reader()
    parser = MultipartParser(
        boundary,
        callbacks={
            "on_part_begin": reader.begin,
            "on_header_field": reader.header_name,
            "on_header_value": reader.header_value,
            "on_header_end": reader.header_end,
            "on_part_data": reader.data,
        },
    )
    try:
        parser.write(request.body)
        parser.finalize()
    except MultipartParseError as error:
        raise ApiError(400, "invalidPayload", f"The form cannot be read: {error}.") from None
    return {part.name: part for part in reader.parts}
