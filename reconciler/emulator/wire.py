"""What goes over the wire: requests, responses, and the three error shapes of Azure.

The dated data plane, the v1 data plane and the control plane (ARM) each wrap an error differently; a handler raises one
`ApiError` and the surface of the request decides how it looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

JSON_TYPE = "application/json"


class Surface(Enum):
    """One of Azure's three APIs (and the emulator's own control API)."""

    DATED = "dated"
    V1 = "v1"
    ARM = "arm"
    CONTROL = "control"


@dataclass(slots=True)
class Request:
    """One HTTP request. Header names are lower case; `query` is already decoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def from_target(
        cls, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Request:
        """A request for `target`, a path with an optional query string, as it stands on an HTTP request line."""
        path, _, query = target.partition("?")
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        return cls(method.upper(), unquote(path), dict(parse_qsl(query, keep_blank_values=True)), lowered, body)

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ApiError: 400, when the body is no JSON object.
        """
        try:
            value = orjson.loads(self.body) if self.body else {}
        except orjson.JSONDecodeError as error:
            raise ApiError(400, "invalidPayload", f"The request body is not valid JSON: {error}.") from None
        if not isinstance(value, dict):
            raise ApiError(400, "invalidPayload", "The request body must be a JSON object.")
        return value


@dataclass(slots=True)
class Response:
    """One HTTP response, and what the transport is to do with it.

    Attributes:
        status: HTTP status code.
        headers: Response headers, without Content-Length.
        body: The bytes of the body.
        delay_s: Seconds the transport waits before it sends the answer.
        drop: Close the connection instead of answering.
        truncate: Announce the whole body, send half of it, close the connection.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay_s: float = 0.0
    drop: bool = False
    truncate: bool = False

    def json(self) -> Any:
        """The body, decoded."""
        return orjson.loads(self.body)


class ApiError(Exception):
    """An error that Azure would answer, before its surface gives it a shape.

    Args:
        status: HTTP status code.
        code: Azure's error code.
        message: Azure's text.
        target: The field or resource at fault, when Azure names one.
        headers: Headers of the answer.
        gateway: True for the short shape of the gateway in front of the service, the same on both data planes.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        headers: dict[str, str] | None = None,
        gateway: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.headers = headers or {}
        self.gateway = gateway

    def response(self, surface: Surface) -> Response:
        """This error in the shape of one surface."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if not self.gateway:
            match surface:
                case Surface.V1:
                    error |= {"param": self.target, "type": "error", "inner_error": None}
                case Surface.DATED:
                    if self.target is not None:
                        error["target"] = self.target
                    error["innererror"] = {"code": self.code}
                case Surface.ARM | Surface.CONTROL:
                    if self.target is not None:
                        error["target"] = self.target
        return json_response({"error": error}, self.status, dict(self.headers))


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    named = headers if headers is not None else {}
    named["content-type"] = JSON_TYPE
    return Response(status, named, orjson.dumps(value))


def not_found_route() -> ApiError:
    """What the gateway answers for a route that the surface does not have."""
    return ApiError(404, "404", "Resource not found", gateway=True)


def whole_number(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    """An integer query parameter.

    Raises:
        ApiError: 400, when it is no integer or out of its range.
    """
    text = query.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise ApiError(400, "invalidPayload", f"The value of '{name}' must be between {low} and {high}.", target=name)
    return number
