"""What is told on merged pull requests: what an apply did with them, and what became of the trainings that it left running.

No list is kept anywhere. That a merged pull request waits to be told follows from its comments: it has a plan of ours
and nothing of an apply that worked. Which trainings are awaited stands in the invisible first line of what an apply told. So a run
that was cancelled in the queue, or failed before it told anything, is made good by the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.github.answers import commit as commit_of
from reconciler.github.answers import number as number_of
from reconciler.github.answers import number_at_end, text
from reconciler.github.comments import Comments
from reconciler.github.errors import GitHubError
from reconciler.github.text import accounts_of, first_line, in_tree, marker_of, state_of, tree_of

PLAN, APPLY, ENDED = "reconciler:plan", "reconciler:apply", "reconciler:ended"
MEMORY = 30 * 86_400.0
"""Seconds for which a comment is looked for: longer than any training, the queue included."""
NO_CHANGES = "### No changes."
"""How a plan begins that has nothing to tell of later (`render.markdown`)."""
_HEAD = 500
_JOB_ID = re.compile(r"[A-Za-z0-9._-]{1,100}")
"""What may be the id of a job. Every workflow of a repository writes as the same author, and one of them may repeat what
a stranger said: what is read back is no order to write something else."""
_CONTAINS = {"ahead", "identical"}


@dataclass(frozen=True)
class Awaited:
    """A training that a pull request waits to hear of."""

    number: int
    job_id: str
    estimate: str = field(default="", compare=False)
    """What the plan said that it would cost."""
    accounts: tuple[str, ...] = field(default=(), compare=False)
    """Those of the apply that began it, one of which has it."""


def untold(comments: Comments, commit: str, tree: str = "") -> list[int]:
    """Return the merged pull requests that this commit holds and that no apply of the tree was told on."""
    api = comments.api
    numbers: dict[int, None] = {}
    for pull in api.pages(f"commits/{commit}/pulls"):
        if pull.get("merged_at"):
            numbers[number_of(pull, "number")] = None
    planned: dict[int, None] = {}
    told: set[int] = set()
    for comment in comments.recent(MEMORY):
        marker = marker_of(text(comment, "body"))
        if marker.startswith((APPLY, PLAN)) and tree_of(marker) != tree:
            continue
        if marker.startswith(APPLY):
            # One that was told of a failure is told again: a later apply made it good, or did not.
            told |= set() if state_of(text(comment, "body")).get("failed") else {_number(comment)}
        elif marker.startswith(PLAN) and NO_CHANGES not in text(comment, "body")[:_HEAD]:
            planned[_number(comment)] = None
    for number in planned:
        if number not in told and number not in numbers and _holds(comments, commit, number):
            numbers[number] = None
    return list(numbers)


def _holds(comments: Comments, commit: str, number: int) -> bool:
    """Whether a pull request was merged, and a commit contains it."""
    api = comments.api
    try:
        pull = api.get(f"pulls/{number}")
        if not pull.get("merged_at") or not pull.get("merge_commit_sha"):
            return False
        merge = commit_of(pull, "merge_commit_sha")
        return text(api.get(f"compare/{merge}...{commit}"), "status") in _CONTAINS
    except GitHubError as error:
        if error.status == 404:  # an issue, or history that was written anew
            return False
        raise


def tell_applied(
    comments: Comments,
    number: int,
    accounts: str,
    commit: str,
    jobs: Mapping[str, str],
    body: str,
    *,
    tree: str = "",
    worked: bool = True,
) -> str:
    """Tell a pull request what an apply did, and remember which trainings it left running; return the address.

    `jobs` maps the id of each to what it was said to cost, in words.
    """
    marker = in_tree(f"{APPLY}:{accounts}", tree)
    earlier = {job: cost for old in comments.of(number, marker) for job, cost in _jobs(old).items()}
    state = {"commit": commit, "jobs": {**jobs, **earlier}, **({} if worked else {"failed": True})}
    return comments.write(number, f"{first_line(marker, state)}\n\n{body}")


def awaited(comments: Comments, tree: str = "") -> Iterator[Awaited]:
    """Go through the trainings of a tree that pull requests wait to hear of, each once."""
    told: set[Awaited] = set()
    waits: dict[Awaited, None] = {}
    for comment in comments.recent(MEMORY):
        marker, number = marker_of(text(comment, "body")), _number(comment)
        if marker.startswith(APPLY) and tree_of(marker) == tree:
            waits.update(
                {Awaited(number, job, cost, accounts_of(marker)): None for job, cost in _jobs(comment).items()}
            )
        elif marker.startswith(ENDED):
            told.add(Awaited(number, marker.removeprefix(f"{ENDED}:")))
    return (one for one in waits if one not in told)


def tell_ended(comments: Comments, one: Awaited, body: str) -> bool:
    """Tell a pull request how a training ended, once; return whether it had not been told."""
    return comments.add(one.number, f"{first_line(f'{ENDED}:{one.job_id}')}\n\n{body}")


def _jobs(comment: Any) -> dict[str, str]:
    listed = state_of(text(comment, "body")).get("jobs")
    known = listed if isinstance(listed, dict) else {}
    return {job: str(cost) for job, cost in known.items() if _JOB_ID.fullmatch(job)}


def _number(comment: Any) -> int:
    return number_at_end(comment, "issue_url")
