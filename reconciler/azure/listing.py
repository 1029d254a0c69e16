"""Lists: whole, page by page, and shared by all who ask for one that is fresh."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from reconciler.azure.bounds import Allowance
from reconciler.azure.caller import Caller
from reconciler.azure.errors import endless, unreadable
from reconciler.azure.wire import Json, items, parsed, text
from reconciler.core.runtime import Clock

T = TypeVar("T")

PAGE = 100
"""Objects asked for in one page."""
MOST_PAGES = 1000
"""A server that pages on for ever is not followed further than this: an error, since a part taken for the whole would cost."""


def all_pages(caller: Caller, doing: str, fetch: Callable[[dict[str, Any]], bytes]) -> list[Json]:
    """Read a list to its end. Pages may shift while they are read: an object seen twice counts once."""
    return [item for page in pages(caller, doing, fetch) for item in page]


def pages(caller: Caller, doing: str, fetch: Callable[[dict[str, Any]], bytes]) -> Iterator[list[Json]]:
    """Yield the pages of a list as they are read, each object once; whoever has enough stops asking."""
    seen: set[str] = set()
    query: dict[str, Any] = {}
    allowance = Allowance(caller.host)
    for _ in range(MOST_PAGES):
        body, raw = caller.safely(doing, lambda query=query: _page(fetch(query), doing))  # type: ignore[misc]
        allowance.spend(raw)
        page = items(body)
        new = {name: item for item in page if (name := text(item, "id")) and name not in seen}
        seen.update(new)
        yield list(new.values())
        if not new or not _goes_on(body, len(page)):
            return
        query = {"after": text(body, "last_id") or text(page[-1], "id")}
    raise endless(doing, MOST_PAGES)


def _goes_on(body: Json, count: int) -> bool:
    """Return whether more may follow. A full page that does not say is no end: a job that is not seen is trained twice."""
    more = body.get("has_more")
    return more if isinstance(more, bool) else count >= PAGE


def _page(raw: bytes, doing: str) -> tuple[Json, bytes]:
    """Read one page, and return also its bytes. An answer without a list is an error: taken for an empty list it would cost a second training."""
    body = parsed(raw)
    if isinstance(body, list):
        return {"data": body}, raw
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise unreadable(doing)
    return body, raw


LINGER, LONGEST_LINGER = 1 / 20, 0.1
"""How long a list waits for others who want it too: a share of the time that the last one took, and at most seconds."""


class FreshList(Generic[T]):
    """A list that many writers ask for at once: each gets one that was *begun* after it asked.

    Callers that arrive while a list is being read share the next one, so a hundred creates in parallel cost a few
    lists and each is still preceded and followed by its own look. A list that is slow is begun a moment later, so that
    writers who start together need one and not two.
    """

    def __init__(self, read: Callable[[], Sequence[T]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._took = 0.0
        self._condition = threading.Condition()
        self._begun = 0
        self._reading = False
        self._result: tuple[int, Sequence[T] | BaseException] = (0, ())

    def get(self) -> Sequence[T]:
        """Return a list begun after this call; raises what reading it raised."""
        with self._condition:
            wanted = self._begun + 1
            while self._reading and self._result[0] < wanted:
                self._condition.wait()
            if self._result[0] >= wanted:
                return self._unwrap()
            self._reading = True
        result: Sequence[T] | BaseException
        try:
            self._clock.sleep(min(LONGEST_LINGER, self._took * LINGER))
            began = self._clock.now()
            with self._condition:
                self._begun = wanted
            result = self._read()
            self._took = max(0.0, self._clock.now() - began)
        except BaseException as error:  # noqa: BLE001  (handed to every waiting caller)
            result = error
        with self._condition:
            self._reading = False
            self._begun = wanted
            self._result = (wanted, result)
            self._condition.notify_all()
            return self._unwrap()

    def _unwrap(self) -> Sequence[T]:
        result = self._result[1]
        if isinstance(result, BaseException):
            raise result
        return result
