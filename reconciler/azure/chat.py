"""Chat completions: what a deployed model answers, and whether it answers at all.

That ARM says Succeeded does not mean that the data plane knows a deployment yet (docs/azure.md, section 11).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconciler.azure.caller import read_object
from reconciler.azure.errors import AzureError
from reconciler.azure.session import Session
from reconciler.azure.wire import Json, items, mapping, number, text

READY_TOKENS = 16
"""Tokens that an answer may have where only that there is one counts."""
_PING = ({"role": "user", "content": "ping"},)
_NOT_YET = re.compile(
    r"DeploymentNotReady|DeploymentNotFound|DeploymentError.*not ready|is not ready", re.IGNORECASE | re.DOTALL
)
_SPOKE = re.compile(r"content_?filter|max_tokens or model output limit|finish the message because", re.IGNORECASE)
"""Refusals that only a model that was reached can give: of the question, and of so short an answer."""
_NEWER, _OLDER = "max_completion_tokens", "max_tokens"


@dataclass(frozen=True)
class Answer:
    """One chat completion. `seconds` from sending the question to the whole answer; None for a count that Azure left out."""

    text: str
    finish_reason: str
    model: str
    seconds: float
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None


class Chat:
    """The chat completions of the deployments of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def ask(self, deployment: str, messages: Sequence[Mapping[str, Any]], limit: int) -> Answer:
        """Ask once; `limit` is in tokens, reasoning included. Raises AzureError.

        Reasoning models take only `max_completion_tokens`; what does not know it yet is asked with `max_tokens`
        (docs/azure.md, section 22).
        """
        try:
            return self._ask(deployment, {"messages": list(messages), _NEWER: limit})
        except AzureError as error:
            if error.status != 400 or _NEWER not in error.fault.detail:
                raise
        return self._ask(deployment, {"messages": list(messages), _OLDER: limit})

    def not_ready(self, deployment: str) -> str:
        """Ask for a few tokens and return why there is no answer yet; "" if there is one. Raises AzureError for the rest."""
        try:
            self.ask(deployment, _PING, READY_TOKENS)
        except AzureError as error:
            said = f"{error.code} {error.fault.detail}"
            if _SPOKE.search(said):
                return ""
            if error.passes or _NOT_YET.search(said):
                return error.fault.detail
            raise
        return ""

    def _ask(self, deployment: str, body: dict[str, Any]) -> Answer:
        import httpx2

        api, clock = self._session.api, self._session.runtime.clock
        path = "/chat/completions"
        if api == "v1":
            body = {"model": deployment, **body}
        else:
            path = f"/deployments/{quote(deployment, safe='')}{path}"
        client: Any = self._session.data_client()
        doing = f"asking {deployment}"
        began = clock.now()
        read = self._session.data_calls.once(
            doing, lambda: read_object(client.post(path, cast_to=httpx2.Response, body=body), doing, key="choices")
        )
        return _answer(read, clock.now() - began)


def _answer(body: Json, seconds: float) -> Answer:
    choice = next(iter(items(body, "choices")), {})
    message, usage = mapping(choice, "message"), mapping(body, "usage")
    return Answer(
        text=text(message, "content", "refusal"),
        finish_reason=text(choice, "finish_reason"),
        model=text(body, "model"),
        seconds=seconds,
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        reasoning_tokens=_count(mapping(usage, "completion_tokens_details"), "reasoning_tokens"),
    )


def _count(body: Json, key: str) -> int | None:
    value = number(body, key)
    return None if value is None else int(value)
