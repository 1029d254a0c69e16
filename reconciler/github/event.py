"""What a workflow says of itself: the event, the repository, and the files through which a step hands on results."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.core.fault import Fault, ReconcilerError
from reconciler.github.answers import text
from reconciler.github.text import SUMMARY_LIMIT, cut


class Event:
    """The run that a command is part of. Outside of a workflow everything is empty."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._payload = _payload(environ.get("GITHUB_EVENT_PATH", ""))

    @property
    def repository(self) -> str:
        """OWNER/NAME."""
        return self._environ.get("GITHUB_REPOSITORY", "")

    @property
    def commit(self) -> str:
        """The commit that the run is of."""
        return self._environ.get("GITHUB_SHA", "")

    @property
    def head(self) -> str:
        """The newest commit of the pull request, else the commit of the run."""
        return text(self._payload, "pull_request", "head", "sha") or self.commit

    @property
    def run_url(self) -> str:
        """The page of the run."""
        server, run = self._environ.get("GITHUB_SERVER_URL", ""), self._environ.get("GITHUB_RUN_ID", "")
        return f"{server}/{self.repository}/actions/runs/{run}" if server and run and self.repository else ""

    def number(self) -> int:
        """Return the number of the pull request; raises ReconcilerError if the event is of none."""
        for told in (self._payload.get("pull_request"), self._payload):
            number = told.get("number") if isinstance(told, dict) else None
            if isinstance(number, int):
                return number
        detail = "The event of this run names none."
        raise ReconcilerError(
            Fault("github-no-pull-request", "The pull request is not known", detail, "Name it:\n  --number N")
        )

    def summarise(self, markdown: str) -> bool:
        """Add to the summary of the job; return whether there is one."""
        where = f"[the log has all of it]({self.run_url})" if self.run_url else "the log has all of it"
        # In bytes a text is at most three times as long as in units of UTF-16.
        return self._append("GITHUB_STEP_SUMMARY", cut(markdown, where, SUMMARY_LIMIT // 3) + "\n")

    def output(self, values: Mapping[str, str]) -> bool:
        """Hand values to later steps and jobs; return whether there are any."""
        end = uuid.uuid4().hex
        return self._append(
            "GITHUB_OUTPUT", "".join(f"{key}<<{end}\n{value}\n{end}\n" for key, value in values.items())
        )

    def _append(self, name: str, text: str) -> bool:
        path = self._environ.get(name)
        if not path:
            return False
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
        return True


def _payload(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        found = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        detail = f"GITHUB_EVENT_PATH: {error}"
        raise ReconcilerError(Fault("github-event", "The event of this run cannot be read", detail)) from error
    return found if isinstance(found, dict) else {}
