"""The events of a job as a stream: each once, in order, while new ones arrive between and within the pages.

Azure lists the newest first, in pages that begin after an id (docs/azure.md, sections 2 and 5). Two events may have one
time, so an id and not a time says what was seen. An event that is listed late, behind ones that were seen, is found by
the last look, which reads the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.azure.wire import Json, moment, text

Pages = Callable[[], Iterator[list[Json]]]


class EventStream:
    """The events of one job; `pages` begins to read its list anew, newest first."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._seen: set[str] = set()

    def news(self, *, whole: bool = False) -> list[Json]:
        """Return what was not returned before, oldest first; `whole` reads the list to its end for what came late.

        Raises AzureError if a page cannot be read; what was read before it is then returned by the next call.
        """
        found: dict[str, Json] = {}
        for page in self._pages():
            new = {event_id(event): event for event in page if event_id(event) not in self._seen}
            found.update(new)
            # A page without anything new ends the look: behind it there is only what was seen.
            if not new and not whole:
                break
        self._seen.update(found)
        oldest_first = list(found.values())[::-1]
        return sorted(oldest_first, key=lambda event: moment(event, "created_at") or 0)


def event_id(event: Json) -> str:
    """Return what tells an event from all others of its job."""
    return text(event, "id") or f"{event.get('created_at')} {text(event, 'message')}"
