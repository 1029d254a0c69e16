"""Calling an SDK: every answer becomes a value or an `AzureError`, and waiting uses the injected clock.

The SDKs' own retries are off: openai repeats a POST after 408, 409, 429, 5xx and timeouts without an idempotency key
(docs/azure.md, section 13), so a create that was carried out and then answered 500 would be paid for three times.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from reconciler.azure.errors import AzureError, from_answer, no_answer, no_credential, unreadable
from reconciler.azure.wire import Json, parsed, text
from reconciler.core.runtime import Runtime

T = TypeVar("T")

ATTEMPTS = 6
"""How often a call that is safe to repeat is tried."""
ATTEMPTS_UNANSWERED = 3
"""How often, if nothing answers at all: a wrong name does not become right by waiting."""
CONFLICT_PATIENCE = 120.0
"""Seconds in which another operation on the account is waited for: Azure takes one at a time, and each takes a minute."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 20.0
"""Seconds between tries, where Azure does not say."""


class Caller:
    """Makes calls to one host."""

    def __init__(self, host: str, runtime: Runtime) -> None:
        self.host = host
        self.runtime = runtime

    def once(self, doing: str, call: Callable[[], T]) -> T:
        """Make a call that must not be repeated blindly; raises AzureError."""
        try:
            return call()
        except AzureError:
            raise
        except Exception as error:
            translated = self._translate(error, doing)
            if translated is None:
                raise
            raise translated from error

    def safely(self, doing: str, call: Callable[[], T]) -> T:
        """Make a call that may be repeated (a read, an idempotent write); raises AzureError in the end."""
        attempts, patience = 0, CONFLICT_PATIENCE
        for pause in self.runtime.backoff(first=FIRST_WAIT, longest=LONGEST_WAIT):
            try:
                return self.once(doing, call)
            except AzureError as error:
                wait = max(pause, error.retry_after or 0)
                if error.is_conflict:
                    patience -= wait
                    ends = patience < 0
                else:
                    attempts += 1
                    ends = attempts >= (ATTEMPTS if error.status else ATTEMPTS_UNANSWERED)
                if ends or not error.passes:
                    raise
                self.runtime.clock.sleep(wait)
        raise AssertionError("unreachable")

    def _translate(self, error: Exception, doing: str) -> AzureError | None:
        import sys

        openai = sys.modules.get("openai")
        if openai is not None:
            if isinstance(error, openai.APIStatusError):
                return from_answer(error.status_code, _body(error.response), error.response.headers, doing)
            if isinstance(error, openai.APIConnectionError):
                return self._credential_behind(error) or no_answer(doing, error, self.host)
            # Reading a streamed body fails in the words of openai's HTTP library.
            if type(error).__module__.partition(".")[0] in {"httpx2", "httpcore2", "httpx", "httpcore"}:
                return no_answer(doing, error, self.host)
        core = sys.modules.get("azure.core.exceptions")
        if core is not None:
            if isinstance(error, core.ClientAuthenticationError) and getattr(error, "response", None) is None:
                return no_credential(error)
            if isinstance(error, core.HttpResponseError) and error.response is not None:
                if 200 <= (error.status_code or 0) < 300:
                    return unreadable(doing)
                return from_answer(error.status_code or 0, _body(error.response), error.response.headers, doing)
            if isinstance(error, (core.ServiceRequestError, core.ServiceResponseError, core.HttpResponseError)):
                return no_answer(doing, error, self.host)
        return None

    @staticmethod
    def _credential_behind(error: BaseException) -> AzureError | None:
        cause = error.__cause__
        return cause if isinstance(cause, AzureError) else None


def read_object(response: Any, doing: str, *, key: str = "id") -> Json:
    """Return the JSON object of a successful answer; raises AzureError if it is anything else, or lacks `key`.

    An id is a text: with anything else nothing could be asked about the object again.
    """
    body = parsed(response.content)
    if not isinstance(body, dict) or not (text(body, key) if key == "id" else isinstance(body.get(key), list)):
        raise unreadable(doing)
    return body


def _body(response: object) -> object:
    try:
        return response.json()  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001  (any body that is not JSON, in any SDK's own way of saying so)
        try:
            said = response.text  # type: ignore[attr-defined]
            return str(said() if callable(said) else said)
        except Exception:  # noqa: BLE001  (same)
            return None
