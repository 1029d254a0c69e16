"""The issue that says that an account has drifted: one an account, opened once, brought up to date, closed by itself.

Its invisible first line holds since when, how often and what was seen. To count is to edit, which notifies nobody; only
what is new is said in a comment. Whoever closes it as "not planned" has decided: the same drift opens none again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from reconciler.github.answers import number, text
from reconciler.github.api import PAGE, stamp
from reconciler.github.comments import Comments
from reconciler.github.text import cut, first_line, in_tree, marker_of, state_of

DRIFT = "reconciler:drift"
_REMEMBERED = 3
"""Pages of closed issues, the newest first, in which a decision to leave drift alone is looked for."""

_MOST_KEYS = 1000
"""Things that an issue remembers one by one; of more, what is new is not told."""

Did = Literal["opened", "updated", "closed", "left alone", "nothing to do"]


@dataclass(frozen=True)
class Found:
    """What was seen of one account: `lines` name each thing once, the same way in every run."""

    account: str
    title: str
    body: str
    lines: Sequence[str]
    whole: bool = True
    """Whether all of Azure was read; if not, nothing is called gone."""
    tree: str = ""
    """Which folder of manifests it was compared with; "" for the usual one."""


def report(comments: Comments, found: Found) -> Did:
    """Bring the issue of an account in line with what was seen."""
    return comments.settled(lambda: _report(comments, found))


def _report(comments: Comments, found: Found) -> Did:
    api, marker = comments.api, in_tree(f"{DRIFT}:{found.account}", found.tree)
    issues = list(_ours(comments, marker))
    now = [issue for issue in issues if issue.get("state") == "open"]
    now.sort(key=lambda issue: number(issue, "number"))
    for twin in now[1:]:
        # Two runs at once have opened two.
        api.change(f"issues/{number(twin, 'number')}", {"state": "closed", "state_reason": "completed"})
    issue = now[0] if now else None
    if not found.lines:
        return _close(comments, issue, found) if issue is not None and found.whole else "nothing to do"
    seen = _digest(found.lines)
    if issue is None:
        if _is_decided(issues, seen):
            return "left alone"
        state = {"seen": 1, "since": stamp(api.now), "what": _keys(found.lines), "digest": seen}
        body = _body(marker, state, found)
        api.create_once("issues", {"title": found.title, "body": body})
        return "opened"
    before = state_of(text(issue, "body"))
    times = before.get("seen")
    state = {
        "seen": (times if isinstance(times, int) else 0) + 1,
        "since": str(before.get("since") or stamp(api.now)),
        "what": _keys(found.lines),
        "digest": seen,
    }
    known = before.get("what")
    new = [line for line in found.lines if _key(line) not in known] if isinstance(known, list) else []
    if new and len(known or ()) < _MOST_KEYS:
        listed = "\n".join(f"- {line}" for line in new)
        mark = first_line(f"{DRIFT}:news-{_digest(new)[:12]}")
        comments.add(number(issue, "number"), f"{mark}\n\nNew:\n\n{listed}")
    api.change(f"issues/{number(issue, 'number')}", {"title": found.title, "body": _body(marker, state, found)})
    return "updated"


def _body(marker: str, state: dict[str, Any], found: Found) -> str:
    times = state["seen"]
    since = f"{state['since'][:16].replace('T', ' ')}Z"
    said = f"Seen {times} time{'s'[: times != 1]} since {since}."
    return cut(f"{first_line(marker, state)}\n\n{said}\n\n{found.body}", "the log of the job has all of it")


def _close(comments: Comments, issue: Any, found: Found) -> Did:
    state = state_of(text(issue, "body"))
    times, since = state.get("seen", 1), str(state.get("since", ""))[:10]
    mark = first_line(f"{DRIFT}:closed-{found.account}")
    said = (
        f"`{found.account}` matches the manifests again. This was seen {times} time{'s'[: times != 1]} since {since}."
    )
    comments.add(number(issue, "number"), f"{mark}\n\n{said}")
    comments.api.change(f"issues/{number(issue, 'number')}", {"state": "closed", "state_reason": "completed"})
    return "closed"


def _ours(comments: Comments, marker: str) -> Iterator[Any]:
    """Go through the issues of an account: all that are open, then of the closed ones the newest."""
    opened, closed = (
        comments.api.pages("issues", state=state, sort="created", direction="desc") for state in ("open", "closed")
    )
    for issue in (*opened, *islice(closed, _REMEMBERED * PAGE)):
        if "pull_request" in issue or not comments.is_ours(issue):
            continue
        if marker_of(text(issue, "body")) == marker:
            yield issue


def _is_decided(issues: Sequence[Any], seen: str) -> bool:
    """Whether the newest issue was closed by a person who wants this very drift to be left alone."""
    closed = next(iter(issues), None)
    if closed is None or closed.get("state_reason") != "not_planned":
        return False
    return state_of(text(closed, "body")).get("digest") == seen


def _keys(lines: Sequence[str]) -> list[str]:
    return [_key(line) for line in lines[:_MOST_KEYS]]


def _key(line: str) -> str:
    return hashlib.sha256(line.encode()).hexdigest()[:10]


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()
