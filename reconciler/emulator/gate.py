"""What stands before the handlers: which surface, which account, who asks, which version, which route."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.emulator.arm_places import arm_not_found, described
from reconciler.emulator.routes import ARM, DATA_PLANE, find
from reconciler.emulator.routing import Call, On, Route
from reconciler.emulator.wire import ApiError, Request, Response, Surface, not_found_route
from reconciler.emulator.world import World

_ARM_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_V1_VERSIONS = (None, "v1", "preview")
_ANYONE = "00000000-0000-0000-0000-000000000001"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes.

    Attributes:
        surface: The API.
        account: Name of the account, or empty.
        parts: The path below the surface.
        project: The Foundry project, when the path has one.
        write: Whether the request would change something.
    """

    surface: Surface
    account: str
    parts: tuple[str, ...]
    project: str | None = None
    write: bool = False


class Gate:
    """Takes a request to its handler."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._last: tuple[Request, Place] | None = None
        self.action = ""
        """RBAC action of the last request that had a route."""

    def place(self, request: Request) -> Place:
        """Where a request goes, whether or not there is such a route."""
        if self._last is not None and self._last[0] is request:
            return self._last[1]
        write = request.method not in ("GET", "HEAD") and not request.path.endswith("/chat/completions")
        place = _place(request.path, write=write)
        self._last = (request, place)
        return place

    def pass_through(self, request: Request, fetched: bytes | str) -> Response:
        """Check a request and run its handler.

        Raises:
            ApiError: Whatever Azure would answer.
        """
        place = self.place(request)
        self.action = ""
        if place.surface is Surface.ARM:
            call, route = self._arm(request, place)
        elif place.parts:
            call, route = self._data_plane(request, place)
        else:
            raise not_found_route()
        call.fetched = fetched
        self.action = route.action
        self._authorize(call, route)
        return route.handler(call)

    # -- the data plane

    def _data_plane(self, request: Request, place: Place) -> tuple[Call, Route]:
        config = self._world.config
        self._known_account(place.account, not_found_route())
        self._authenticate(request, place)
        if place.project is not None and config.projects is not None and place.project not in config.projects:
            raise ApiError(404, "404", "Project not found", gateway=True)
        on = self._version(request, place)
        parts, method = place.parts, request.method
        ids_at = [2] if parts[0] == "fine_tuning" else [1]
        route = DATA_PLANE.get((method, "/".join(parts))) or find(DATA_PLANE, method, parts, ids_at)
        if route is None or not self._serves(route, place, on):
            raise not_found_route()
        account = self._world.account(place.account)
        self._world.stop_costly(account)
        self._throttle(place.account)
        ids = tuple(parts[n] for n in ids_at if n < len(parts))
        return (
            Call(self._world, request, place.surface, account, on, ids, self._world.now(), _base_url(request)),
            route,
        )

    def _serves(self, route: Route, place: Place, on: On) -> bool:
        if place.parts[0] == "uploads":
            # The project endpoint has no uploads; whether v1 has them is not known.
            on_v1 = place.surface is Surface.V1 and self._world.config.v1_has_uploads
            on_dated = on in route.on and self._world.config.dated_has_uploads
            return place.project is None and (on_dated or on_v1)
        return on in route.on

    def _version(self, request: Request, place: Place) -> On:
        version = request.query.get("api-version")
        if place.surface is Surface.V1:
            if version not in _V1_VERSIONS:
                raise ApiError(400, "BadRequest", "api-version not allowed", gateway=True)
            return On.V1
        if version is None:
            raise not_found_route()
        if version not in self._world.config.dated_versions:
            raise ApiError(400, "BadRequest", "API version not supported", gateway=True)
        return On.PREVIEW if version.endswith("-preview") else On.GA

    def _authenticate(self, request: Request, place: Place) -> None:
        config = self._world.config
        key = request.headers.get("api-key", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token if scheme.lower() == "bearer" else ""
        keys = {name.lower(): known for name, known in (config.keys or {}).items()}
        allowed = keys.get(place.account.lower())
        # The v1 client of the SDK sends an api-key as a bearer token, so a token may be one of the keys, or a real token.
        known = bool(token) or (bool(key) and (allowed is None or key in allowed))
        if not known or key in config.bad_keys or token in config.bad_keys:
            raise ApiError(
                401,
                "401",
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
                "active subscription and use a correct regional API endpoint for your resource.",
                gateway=True,
            )

    def _throttle(self, name: str) -> None:
        limit = self._world.config.requests_per_second
        if limit is None:
            return
        account, now = self._world.account(name), self._world.now()
        account.calls = [at for at in account.calls if at > now - 1]
        if len(account.calls) >= limit:
            headers = {"retry-after": "1", "retry-after-ms": "1000"}
            raise ApiError(429, "429", "Rate limit is exceeded. Try again in 1 seconds.", headers=headers, gateway=True)
        account.calls.append(now)

    # -- the control plane

    def _arm(self, request: Request, place: Place) -> tuple[Call, Route]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or token in self._world.config.bad_keys:
            headers = {"www-authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/emulator"'}
            raise ApiError(
                401,
                "AuthenticationFailed",
                "Authentication failed. The 'Authorization' header is missing or invalid.",
                headers=headers,
            )
        version = request.query.get("api-version")
        if version is None:
            raise ApiError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        if not _ARM_VERSION.fullmatch(version):
            raise ApiError(400, "InvalidApiVersionParameter", f"The api-version '{version}' is invalid.")
        lower = [part.lower() for part in place.parts]
        ids_at = [1, 3, 7, 9] if len(lower) > 2 and lower[2] == "resourcegroups" else [1, 5, 7]
        route = find(ARM, request.method, lower, ids_at)
        if route is None:
            raise ApiError(404, "InvalidResourceType", f"The resource type for '{request.path}' could not be found.")
        ids = tuple(place.parts[n] for n in ids_at if n < len(place.parts))
        account = self._world.account(place.account) if place.account else self._world.nowhere
        call = Call(self._world, request, Surface.ARM, account, On.ALL, ids, self._world.now(), _base_url(request))
        if place.account:
            missing = arm_not_found(call, f"Microsoft.CognitiveServices/accounts/{place.account}")
            self._known_account(place.account, missing, ids)
        return call, route

    # -- both

    def _known_account(self, name: str, error: ApiError, ids: tuple[str, ...] = ()) -> None:
        """Raise the error unless the account exists, and, for ARM, lies where the path says."""
        if self._world.config.accounts is None:
            return
        facts = described(self._world.config, name)
        if facts is None:
            raise error
        for key, asked in zip(("subscription_id", "resource_group"), ids, strict=False):
            if facts.get(key, asked).lower() != asked.lower():
                raise error

    def _authorize(self, call: Call, route: Route) -> None:
        if not any(re.search(pattern, route.action, re.IGNORECASE) for pattern in self._world.config.deny):
            return
        request = call.request
        if call.surface is Surface.ARM:
            scope = request.path
            raise ApiError(
                403,
                "AuthorizationFailed",
                f"The client '{_ANYONE}' with object id '{_ANYONE}' does not have authorization to perform action "
                f"'{route.action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
                "refresh your credentials.",
            )
        raise ApiError(
            403,
            "PermissionDenied",
            f"The principal `{_ANYONE}` lacks the required data action `{route.action}` to perform "
            f"`{request.method} /{'/'.join(request.path.split('/')[2:])}` operation.",
            gateway=True,
        )


def _place(path: str, *, write: bool) -> Place:
    parts = tuple(path.strip("/").split("/"))
    if parts[0].lower() == "subscriptions":
        lower = [part.lower() for part in parts]
        account = parts[7] if len(parts) > 7 and lower[6] == "accounts" else ""
        return Place(Surface.ARM, account, parts, write=write)
    account, rest, project = parts[0], parts[1:], None
    if rest[:2] == ("api", "projects"):
        project, rest = (rest[2] if len(rest) > 2 else ""), rest[3:]
    if rest[:1] != ("openai",):
        return Place(Surface.DATED, account, (), write=write)
    if rest[1:2] == ("v1",):
        return Place(Surface.V1, account, rest[2:], project, write)
    return Place(Surface.DATED, account, rest[1:], project, write)


def _base_url(request: Request) -> str:
    return f"http://{request.headers.get('host', 'localhost')}"
