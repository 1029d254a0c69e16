"""The route tables: which handler serves which route on which surface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto

from reconciler.emulator.wire import Request, Response, Surface
from reconciler.emulator.world import Account, World


class On(Flag):
    """Where a route exists."""

    GA = auto()
    PREVIEW = auto()
    V1 = auto()
    DATED = GA | PREVIEW
    NEWER = PREVIEW | V1
    ALL = GA | PREVIEW | V1


@dataclass(slots=True)
class Call:
    """One request on its way through a handler.

    Attributes:
        ids: The variable parts of the path, in order.
        on: Where on the data plane the request came in.
        fetched: For an import, the content that was fetched before the lock was taken, or the error text.
    """

    world: World
    request: Request
    surface: Surface
    account: Account
    on: On
    ids: tuple[str, ...]
    now: float
    base_url: str
    fetched: bytes | str = b""


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and what is known about it before it runs."""

    handler: Handler
    on: On
    action: str
    write: bool
