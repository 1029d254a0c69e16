"""Lists that Azure may answer in other forms than it documents: none may be taken for shorter than it is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import FakeClock

from reconciler.azure.caller import Caller
from reconciler.azure.listing import PAGE, all_pages
from reconciler.core.runtime import Runtime

WHOLE, MISSING = 2 * PAGE + 3, object()


@pytest.mark.parametrize(
    ("more", "asked", "why"),
    [
        ((True, False), 3, "as specified"),
        ((None, None), 3, "null says nothing: a full page is no end"),
        ((MISSING, MISSING), 3, "nor does a list that does not speak of it"),
        (("true", "false"), 3, "nor a word in the place of a truth value"),
        ((True, True), 4, "always more: ended by a page without anything new"),
    ],
)
def test_a_list_is_read_to_its_end_whatever_it_says_of_more(more: tuple[Any, Any], asked: int, why: str) -> None:
    ids = [f"ftjob-{number}" for number in range(WHOLE)]
    queries: list[dict[str, Any]] = []

    def fetch(query: dict[str, Any]) -> bytes:
        queries.append(query)
        first = ids.index(query["after"]) + 1 if query else 0
        page = ids[first : first + PAGE]
        said = more[0] if first + PAGE < WHOLE else more[1]
        body = {"data": [{"id": one} for one in page], "has_more": said}
        if said is MISSING:
            del body["has_more"]
        return b"\xef\xbb\xbf" + json.dumps(body).encode()

    found = all_pages(Caller("host", Runtime(FakeClock())), "listing", fetch)
    assert ([item["id"] for item in found], len(queries)) == (ids, asked), why


def test_a_full_list_without_pages_ends_where_it_repeats_itself() -> None:
    body = json.dumps({"data": [{"id": f"file-{number}"} for number in range(PAGE)]}).encode()
    queries: list[dict[str, Any]] = []

    def fetch(query: dict[str, Any]) -> bytes:
        queries.append(query)
        return body

    assert len(all_pages(Caller("host", Runtime(FakeClock())), "listing", fetch)) == PAGE
    assert len(queries) == 2
