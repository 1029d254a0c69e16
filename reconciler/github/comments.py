"""Comments on issues and pull requests that are brought up to date in place of being repeated.

A comment is ours if it begins with our invisible line *and* our account wrote it: anyone may write the line. To write
one means to look first, so that a failure halfway, whose outcome nobody knows, is followed by another look and not by a
second comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from reconciler.github import BOT
from reconciler.github.answers import number as number_of
from reconciler.github.answers import text
from reconciler.github.api import ATTEMPTS, Api, earlier
from reconciler.github.errors import GitHubError
from reconciler.github.text import cut, marker_of, outdated, tree_of

T = TypeVar("T")


class Comments:
    """The comments of one account of GitHub in a repository."""

    def __init__(self, api: Api, author: str = BOT, *, run_url: str = "") -> None:
        self.api = api
        self._author = author
        self._where = f"[the run has all of it]({run_url})" if run_url else "the log of the job has all of it"

    def write(self, number: int, body: str) -> str:
        """Write the comment that begins with this marker, or bring it up to date; return its address."""
        marker, body = marker_of(body), cut(body, self._where)
        if not marker:
            raise ValueError("a comment without a marker cannot be found again")
        return text(self.settled(lambda: self._write(number, marker, body)), "html_url")

    def _write(self, number: int, marker: str, body: str) -> Any:
        found = list(self.of(number, marker))
        if not found:
            return self.api.create_once(f"issues/{number}/comments", {"body": body})
        first, *others = found
        for other in others:
            self.api.remove(f"issues/comments/{number_of(other, 'id')}")
        if _same(text(first, "body"), body):
            return first
        return self.api.change(f"issues/comments/{number_of(first, 'id')}", {"body": body})

    def add(self, number: int, body: str) -> bool:
        """Write a comment unless the one with its marker is there; return whether it was written."""
        marker, body = marker_of(body), cut(body, self._where)

        def added() -> bool:
            if next(self.of(number, marker), None) is not None:
                return False
            self.api.create_once(f"issues/{number}/comments", {"body": body})
            return True

        return self.settled(added)

    def outdate(self, number: int, prefix: str, note: str, *, tree: str = "", but: str = "") -> int:
        """Say in the comments of a tree whose marker begins so, but for one, that they are not the newest; count them."""
        count = 0
        for comment in list(self.of(number, prefix, exact=False)):
            marker = marker_of(text(comment, "body"))
            if marker == but or tree_of(marker) != tree:
                continue
            count += 1
            body = cut(outdated(text(comment, "body"), note), self._where)
            if not _same(text(comment, "body"), body):
                self.api.change(f"issues/comments/{number_of(comment, 'id')}", {"body": body})
        return count

    def of(self, number: int, marker: str, *, exact: bool = True) -> Iterator[Any]:
        """Go through our comments with a marker (or whose marker begins so), the oldest first."""
        for comment in self.api.pages(f"issues/{number}/comments"):
            said = self.is_ours(comment) and marker_of(text(comment, "body"))
            if said and (said == marker if exact else said.startswith(marker)):
                yield comment

    def recent(self, seconds: float) -> Iterator[Any]:
        """Go through our comments in the whole repository that were changed in so many seconds, the newest first.

        They are counted back from the newest comment, so that a wrong clock hides nothing.
        """
        oldest = ""
        for comment in self.api.pages("issues/comments", sort="updated", direction="desc"):
            changed = text(comment, "updated_at")
            oldest = oldest or earlier(changed, seconds)
            if changed < oldest:
                return
            if self.is_ours(comment) and marker_of(text(comment, "body")):
                yield comment

    def is_ours(self, item: Any) -> bool:
        """Return whether our account wrote a comment or an issue."""
        return text(item, "user", "login").lower() == self._author.lower()

    def settled(self, act: Callable[[], T]) -> T:
        """Do what looks before it writes, again where it failed in passing; raises GitHubError in the end."""
        waits = self.api.waits()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return act()
            except GitHubError as error:
                # A comment that was deleted between the look and the change is written anew.
                if not (error.passes or error.status == 404) or attempt == ATTEMPTS:
                    raise
                self.api.pause(error, waits)
        raise AssertionError("unreachable")


def _same(one: str, other: str) -> bool:
    """Whether two bodies are equal as GitHub keeps them."""
    return one.replace("\r\n", "\n").strip() == other.strip()
