"""Reading what GitHub answers: what is missing or of another type is never taken for something, and never a bug."""

from __future__ import annotations

import re
from typing import Any

from reconciler.core.fault import Fault
from reconciler.github.errors import GitHubError

_COMMIT = re.compile(r"[0-9A-Za-z]{1,64}")


def unreadable(detail: str) -> GitHubError:
    """Return the error for an answer that is not what GitHub documents; the next one may be."""
    fault = Fault("github-unreadable", "GitHub's answer could not be read", detail, "Run the job again.")
    return GitHubError(fault, None, passes=True)


def text(item: Any, *names: str) -> str:
    """Return the text at a path of names, "" where there is none."""
    for name in names:
        item = item.get(name) if isinstance(item, dict) else None
    return item if isinstance(item, str) else ""


def number(item: Any, name: str) -> int:
    """Return the number by which something is addressed; raises GitHubError where it has none."""
    found = item.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and found > 0:
        return found
    raise unreadable(f"`{name}` is no number.")


def number_at_end(item: Any, name: str) -> int:
    """Return the number that an address ends in; raises GitHubError where it does not."""
    last = text(item, name).rpartition("/")[2]
    if last.isascii() and last.isdecimal() and len(last) < 20:
        return int(last)
    raise unreadable(f"`{name}` ends in no number.")


def commit(item: Any, *names: str) -> str:
    """Return the commit at a path of names; raises GitHubError where there is none."""
    found = text(item, *names)
    if _COMMIT.fullmatch(found):
        return found
    raise unreadable(f"`{'.'.join(names)}` is no commit.")
