"""Any answer of GitHub may be wrong in any way: what is told is told once GitHub answers again, and nothing is a bug."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from fake_github import BOT, GitHub
from fuzz.mangle import spoiled
from harness import FakeClock

from reconciler.core.fault import ReconcilerError
from reconciler.core.runtime import Runtime
from reconciler.github.api import Api, stamp
from reconciler.github.comments import Comments
from reconciler.github.issues import Found, report
from reconciler.github.merged import APPLY, Awaited, awaited, tell_applied, tell_ended, untold
from reconciler.github.newest import head, tip

PLAN = "<!-- reconciler:plan:acme -->\n\nnew"
RUNS = 25
"""Of each action; one takes some milliseconds."""
SHARE = 0.6
"""Of the answers that are spoiled."""
ACTIONS: dict[str, Callable[[Comments], Any]] = {
    "newest commit of a branch": lambda comments: tip(comments.api, "main"),
    "newest commit of a pull request": lambda comments: head(comments.api, 7),
    "plan": lambda comments: comments.write(7, PLAN),
    "plan that is outdated": lambda comments: comments.outdate(7, "reconciler:plan", "old"),
    "merged pull requests": lambda comments: untold(comments, "c7"),
    "what was applied": lambda comments: tell_applied(comments, 7, "acme", "c7", {"ftjob-1": "$1"}, "done"),
    "trainings that are awaited": lambda comments: list(awaited(comments)),
    "how a training ended": lambda comments: tell_ended(comments, Awaited(7, "ftjob-1"), "ended"),
    "drift": lambda comments: report(comments, Found("acme", "Drift in acme: 1", "it is", ["Deployment/tone"])),
    "no drift": lambda comments: report(comments, Found("acme", "", "", [])),
}


class Spoiling(GitHub):
    """A GitHub that spoils a share of its answers, and the headers that say when to come back."""

    def __init__(self, now: Callable[[], str], seed: str) -> None:
        super().__init__(now)
        self.chance = random.Random(seed)
        self.share = SHARE
        self.done: list[str] = []

    def _answer(self, method: str, target: str, body: Any, token: str) -> tuple[int | None, Any, dict[str, str]]:
        status, answer, headers = super()._answer(method, target, body, token)
        if self.chance.random() >= self.share:
            return status, answer, headers
        raw, what = spoiled(json.dumps(answer).encode(), self.chance)
        self.done.append(f"{method} {target}: {what}")
        if self.chance.random() < 0.2:
            status = self.chance.choice((200, 201, 202, 204, 301, 403, 404, 429, 500))
            names = ("retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "date")
            headers = {
                name: self.chance.choice(("", "0", "-1", "x", "²", "9" * 400, "1e400", "Mon, 01 Jan 0001 00:00:00 GMT"))
                for name in names
            }
            self.done[-1] += f", {status} {headers}"
        return status, raw.decode("latin-1"), headers


@pytest.mark.parametrize("action", ACTIONS, ids=lambda name: name.replace(" ", "-"))
def test_no_answer_of_github_is_a_bug(action: str, clock: FakeClock) -> None:
    codes: set[str] = set()
    with Spoiling(lambda: stamp(clock.now()), action) as github:
        for _ in range(RUNS):
            github.comments.clear()
            github.issues.clear()
            github.pull(7, merged="c7")
            github.commits["c7"] = [7]
            github.say(7, "<!-- reconciler:plan:acme -->\n\nold", BOT)
            github.say(7, f'<!-- {APPLY}:acme {{"jobs": {{"ftjob-1": "$1"}}}} -->\n\napplied', BOT)
            github.say(7, "a stranger's", "somebody")
            github.done.clear()
            comments = Comments(Api("acme/models", github.token, Runtime(clock, random.Random(1)), url=github.url))
            try:
                ACTIONS[action](comments)
            except ReconcilerError as error:
                codes.update(
                    fault.code if fault.remedy else f"{fault.code} without a way out" for fault in error.faults
                )
            except Exception as error:
                raise AssertionError(f"{error!r} after {github.done}") from error
            github.share = 0
            ACTIONS[action](comments)
            github.share = SHARE
            assert [item["body"] for item in github.comments].count("a stranger's") == 1, github.done
            assert len(github.bodies(7, "<!-- reconciler:plan")) == 1, github.done
            assert len([1 for issue in github.issues.values() if issue["state"] == "open"]) == (action == "drift")
    assert codes <= {"github-unreadable", "github-refused", "github-unreachable"}
