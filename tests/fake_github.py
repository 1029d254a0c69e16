"""The part of GitHub's REST API that is used here, on this machine: it keeps comments and issues, and fails as it is told."""

from __future__ import annotations

import json
import re
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local_server import LocalServer, SilentHandler

BOT = "github-actions[bot]"
LONGEST = 65_536
"""Characters of a body; GitHub answers 422 to more."""


@dataclass
class Failure:
    """What the next requests meet: a status (None drops the connection), before or `after` they are carried out."""

    method: str
    part: str
    status: int | None
    after: bool = False
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"message": "told to fail"}'
    page: int | None = None
    """Of a list, the page that fails; any if None."""

    def meets(self, method: str, path: str, asked: dict[str, str]) -> bool:
        page = self.page is None or asked.get("page") == str(self.page)
        return page and self.method == method and re.search(self.part, path) is not None


class GitHub(LocalServer):
    """One repository, `acme/models`. `token` is the only one that is let in, and writes as `login`."""

    def __init__(self, now: Callable[[], str] = lambda: "2026-01-01T00:00:00Z") -> None:
        self.now = now
        self.token = "t0ken"
        self.login = BOT
        self.comments: list[dict[str, Any]] = []
        self.issues: dict[int, dict[str, Any]] = {}
        self.pulls: dict[int, dict[str, Any]] = {}
        self.commits: dict[str, list[int]] = {}
        """Commit to the pull requests that GitHub says it belongs to."""
        self.history: list[str] = []
        """Commits of main, oldest first."""
        self.head = "abc123def4567"
        """The newest commit of each pull request."""
        self.failures: list[Failure] = []
        self.date = ""
        """The Date of its answers, if they have one."""
        self.asked: list[str] = []
        self._next = 100
        self._lock = threading.Lock()
        outer = self

        class Handler(SilentHandler):
            def _any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                with outer._lock:
                    status, answer, headers = outer._answer(
                        self.command, self.path, body, self.headers.get("Authorization", "")
                    )
                if status is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                raw = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                raw = b"" if status == 204 else raw
                # Without the time of this machine: a test says what GitHub's clock shows.
                self.send_response_only(status)
                for name, value in {**({"date": outer.date} if outer.date else {}), **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = do_PATCH = do_DELETE = _any

        super().__init__(Handler)

    def pull(self, number: int, *, merged: str = "") -> None:
        """Have a pull request, merged as a commit of main or not."""
        self.pulls[number] = {
            "number": number,
            "merged_at": self.now() if merged else None,
            "merge_commit_sha": merged,
            "head": {"sha": self.head},
        }
        if merged:
            self.history.append(merged)

    def bodies(self, number: int, start: str = "<!-- reconciler") -> list[str]:
        return [one["body"] for one in self.comments if one["number"] == number and one["body"].startswith(start)]

    def writes(self) -> list[str]:
        return [line for line in self.asked if not line.startswith("GET")]

    def say(self, number: int, body: str, login: str) -> dict[str, Any]:
        """Write a comment as somebody."""
        self._next += 1
        comment = {
            "id": self._next,
            "number": number,
            "body": body.replace("\n", "\r\n"),
            "user": {"login": login},
            "updated_at": self.now(),
            "issue_url": f"{self.url}/repos/acme/models/issues/{number}",
            "html_url": f"https://github.test/acme/models/pull/{number}#issuecomment-{self._next}",
        }
        self.comments.append(comment)
        return comment

    def _answer(self, method: str, target: str, body: Any, token: str) -> tuple[int | None, Any, dict[str, str]]:
        path, _, query = target.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        assert path.startswith("/repos/acme/models/"), path
        path = path.removeprefix("/repos/acme/models/")
        self.asked.append(f"{method} {path}")
        if token != f"Bearer {self.token}":
            return 401, {"message": "Bad credentials"}, {}
        failure = next((one for one in self.failures if one.meets(method, path, asked)), None)
        if failure:
            failure.times -= 1
            if not failure.times:
                self.failures.remove(failure)
            if failure.after:
                self._carried_out(method, path, asked, body)
            return failure.status, failure.body, failure.headers
        if body and len(str(body.get("body", "")).encode("utf-16-le")) // 2 > LONGEST:
            return 422, {"message": "body is too long"}, {}
        return (*self._carried_out(method, path, asked, body), {})

    def _carried_out(self, method: str, path: str, asked: dict[str, str], body: Any) -> tuple[int, Any]:
        match method, path.split("/"):
            case "GET", ["issues", "comments"]:
                since = asked.get("since", "")
                found = [one for one in self.comments if one["updated_at"] >= since]
                return 200, _page(sorted(found, key=lambda one: str(one["updated_at"]), reverse=True), asked)
            case "GET", ["issues", number, "comments"]:
                return 200, _page([one for one in self.comments if one["number"] == int(number)], asked)
            case "POST", ["issues", number, "comments"]:
                return 201, self.say(int(number), body["body"], self.login)
            case "PATCH" | "DELETE", ["issues", "comments", found]:
                comment = next((one for one in self.comments if one["id"] == int(found)), None)
                if comment is None:
                    return 404, {"message": "Not Found"}
                if method == "DELETE":
                    self.comments.remove(comment)
                    return 204, ""
                comment.update(body={**body}["body"].replace("\n", "\r\n"), updated_at=self.now())
                return 200, comment
            case "GET", ["issues"]:
                states = {"open", "closed"} if asked.get("state") == "all" else {asked.get("state", "open")}
                found = [one for one in self.issues.values() if one["state"] in states]
                return 200, _page(sorted(found, key=lambda one: -int(one["number"])), asked)
            case "POST", ["issues"]:
                self._next += 1
                issue = {**body, "number": self._next, "state": "open", "user": {"login": self.login}}
                self.issues[self._next] = issue
                return 201, issue
            case "PATCH", ["issues", number]:
                self.issues[int(number)].update(body)
                return 200, self.issues[int(number)]
            case "GET", ["pulls", number]:
                found_pull = self.pulls.get(int(number))
                return (200, found_pull) if found_pull else (404, {"message": "Not Found"})
            case "GET", ["branches", "main"]:
                return 200, {"name": "main", "commit": {"sha": self.history[-1]}}
            case "GET", ["commits", commit, "pulls"]:
                return 200, [self.pulls[number] for number in self.commits.get(commit, [])]
            case "GET", ["compare", both]:
                base, _, head = both.partition("...")
                order = [*self.history, ""]
                status = "identical" if base == head else "ahead" if order.index(base) < order.index(head) else "behind"
                return 200, {"status": status}
        raise AssertionError(f"{method} {path} is not known here")


def _page(found: list[Any], asked: dict[str, str]) -> list[Any]:
    size, page = int(asked.get("per_page", 30)), int(asked.get("page", 1))
    return found[(page - 1) * size : page * size]
