"""GitHub's REST API over the standard library: retries with the injected clock, no redirects, and readable failures."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Any

from reconciler.core.fault import Fault, ReconcilerError
from reconciler.core.runtime import Runtime
from reconciler.github.answers import text, unreadable
from reconciler.github.errors import GitHubError

API = "https://api.github.com"
ATTEMPTS = 6
"""How often a request that is safe to repeat is sent."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0
"""Seconds between two tries, where GitHub does not say."""
LONGEST_ASKED = 300.0
"""Seconds that GitHub may ask to wait; a job that waits for more is better run again."""
UNSAID = 60.0
"""Seconds to wait where GitHub finds too many requests and does not say until when; it wants a minute at least."""
PATIENCE = 600.0
"""Seconds that one command waits in all: less than a job has, so that it ends with a message and is not cut off."""
PAGE = 100
"""Items on a page: the most that GitHub gives."""
MOST_PAGES = 100
"""Pages of a list that are read: a token of a workflow has 1,000 requests an hour."""
_TIMEOUT = 30.0
_MOST_BYTES = 50_000_000
_LONGEST = 120.0
"""Seconds for the body of an answer, however it drips."""
_PASSING = {408, 429, 500, 502, 503, 504}


class Api:
    """The API of one repository. The token goes to this host alone."""

    def __init__(self, repository: str, token: str, runtime: Runtime, *, url: str = API) -> None:
        """Take the repository as OWNER/NAME; raises ReconcilerError for what is none, or an address that is not safe."""
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "localhost", "::1"}:
            detail = "GITHUB_API_URL is not https; the token is not sent there."
            raise ReconcilerError(Fault("github-address", "This address of GitHub is not safe", detail))
        owner, slash, name = repository.partition("/")
        if not (owner and slash and name) or "/" in name:
            detail = f"{repository!r} is not OWNER/NAME."
            remedy = "In a workflow GITHUB_REPOSITORY says it; elsewhere name it with --repository."
            raise ReconcilerError(Fault("github-repository", "The repository is not known", detail, remedy))
        self.repository = repository
        self._base = f"{url.rstrip('/')}/repos/{urllib.parse.quote(repository)}"
        self._token = token
        self._runtime = runtime
        self._opener = urllib.request.build_opener(_NoRedirect())
        self._patience = PATIENCE

    def get(self, path: str, **query: object) -> dict[str, Any]:
        """Read something below the repository; raises GitHubError."""
        return _whole(f"GET {path}", self._safely("GET", path, query))

    def pages(self, path: str, **query: object) -> Iterator[Any]:
        """Go through a list, page by page."""
        for page in range(1, MOST_PAGES + 1):
            found = self._safely("GET", path, {**query, "per_page": PAGE, "page": page})
            if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
                raise unreadable(f"GET {path}: the answer is no list.")
            yield from found
            if len(found) < PAGE:
                return

    def change(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change something; to do so twice is the same as once. Raises GitHubError."""
        return _whole(f"PATCH {path}", self._safely("PATCH", path, {}, body))

    def remove(self, path: str) -> None:
        """Delete something; what is gone already is fine."""
        try:
            self._safely("DELETE", path, {})
        except GitHubError as error:
            if error.status != 404:
                raise

    def create_once(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make something, without a second try: a failure may have made it. Raises GitHubError."""
        return _whole(f"POST {path}", self._once("POST", path, {}, body))

    def pause(self, error: GitHubError, waits: Iterator[float]) -> None:
        """Wait before the next try; raises the error where this command has waited enough."""
        seconds = max(next(waits), error.wait)
        if seconds > self._patience:
            raise error
        self._patience -= seconds
        self._runtime.clock.sleep(seconds)

    def waits(self) -> Iterator[float]:
        """Return how long to wait between tries, in seconds."""
        return self._runtime.backoff(first=FIRST_WAIT, longest=LONGEST_WAIT)

    @property
    def now(self) -> float:
        """The time as GitHub has it, in seconds since the epoch, once it has answered."""
        return self._runtime.now()

    def _safely(
        self, method: str, path: str, query: Mapping[str, object], body: Mapping[str, Any] | None = None
    ) -> Any:
        waits = self.waits()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(method, path, query, body)
            except GitHubError as error:
                if not error.passes or attempt == ATTEMPTS:
                    raise
                self.pause(error, waits)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, query: Mapping[str, object], body: Mapping[str, Any] | None = None) -> Any:
        url = f"{self._base}/{path}"
        if query:
            url += "?" + urllib.parse.urlencode({key: str(value) for key, value in query.items()})
        request = urllib.request.Request(url, method=method)  # noqa: S310  (https or loopback: __init__)
        request.add_header("Accept", "application/vnd.github+json")
        request.add_header("X-GitHub-Api-Version", "2022-11-28")
        request.add_header("User-Agent", "reconciler")
        # Unredirected: it is never copied to another request.
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        doing = f"{method} {path}"
        try:
            with self._opener.open(request, timeout=_TIMEOUT) as answer:
                if (theirs := _date(answer.headers)) is not None:
                    self._runtime.elsewhere.heard(theirs - self._runtime.clock.now())
                raw = _read(answer)
                return json.loads(raw) if raw else None
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(doing, error) from error
        except (ValueError, RecursionError) as error:
            raise unreadable(f"{doing}: the answer is not JSON.") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            detail = f"{doing}: {type(reason).__name__}: {reason}"
            fault = Fault("github-unreachable", "GitHub did not answer", detail, "Run the job again.")
            raise GitHubError(fault, None, passes=True) from error

    def _refused(self, doing: str, error: urllib.error.HTTPError) -> GitHubError:
        said = _message(error).replace(self._token, "***")[:300]
        wait = self._asked(error.headers)
        limited = error.code == 429 or (
            error.code == 403
            and (wait > 0 or "rate limit" in said.lower() or error.headers.get("x-ratelimit-remaining") == "0")
        )
        passes = (limited or error.code in _PASSING) and wait <= LONGEST_ASKED
        remedy = "Run the job again." if limited or error.code in _PASSING else _REMEDIES.get(error.code, "")
        fault = Fault("github-refused", "GitHub refused", f"{doing}: {error.code} {said}".rstrip(), remedy)
        return GitHubError(fault, error.code, passes=passes, wait=wait or (UNSAID if limited else 0.0))

    def _asked(self, headers: Message) -> float:
        """Return how many seconds GitHub asks to wait."""
        after = headers.get("retry-after") or ""
        if after.isdecimal():
            return float(after)
        reset = headers.get("x-ratelimit-reset") or ""
        if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
            # Measured by GitHub's own clock: this machine's may be wrong.
            return max(0.0, float(reset) - (_date(headers) or self._runtime.clock.now()))
        return 0.0


_MOVED = "It has another address now. If the repository was renamed, run the job again, or name it with --repository."
_REMEDIES = {
    301: _MOVED,
    302: _MOVED,
    307: _MOVED,
    308: _MOVED,
    401: "The token is not valid. In a workflow:\n  env: {GITHUB_TOKEN: ${{ github.token }}}",
    403: "The token may not do this. The job needs `permissions:` with `pull-requests: write`, or `issues: write`.",
    404: "It does not exist, or the token may not see it. The job needs `permissions:` for it.",
    410: "Issues are turned off in the settings of the repository. Turn them on, or take the step out of the workflow.",
}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows nothing: the token is for one host."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Refuse."""


def _read(answer: http.client.HTTPResponse) -> bytes:
    """Return the body; raises TimeoutError for one that does not end, in bytes or in time."""
    parts, left, until = [], _MOST_BYTES, time.monotonic() + _LONGEST
    while part := answer.read1(1 << 16):
        parts.append(part)
        left -= len(part)
        if left < 0 or time.monotonic() > until:
            raise TimeoutError("the answer does not end")
    return b"".join(parts)


def _whole(doing: str, found: Any) -> dict[str, Any]:
    if isinstance(found, dict):
        return found
    raise unreadable(f"{doing}: the answer is no object.")


def _date(headers: Message) -> float | None:
    """Return when GitHub says that it answered, in seconds since the epoch."""
    try:
        return parsedate_to_datetime(headers.get("date") or "").timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        body = json.loads(error.read(100_000))
    except (ValueError, RecursionError, OSError, http.client.HTTPException):
        return ""
    return text(body, "message")


def stamp(seconds: float) -> str:
    """Return a time as GitHub spells it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def earlier(moment: str, seconds: float) -> str:
    """Return a time of GitHub's so many seconds before another one; "" where that is none."""
    try:
        return stamp(datetime.fromisoformat(moment).timestamp() - seconds)
    except (ValueError, OverflowError, OSError):
        return ""
