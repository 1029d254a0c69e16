"""Deployments, through the control plane. Returns ARM's own objects as mappings.

Answers are read as JSON and not through the SDK's models: those drop fields that are newer than they are.
"""

from __future__ import annotations

import io
from typing import Any

import orjson

from reconciler.azure.session import Session
from reconciler.azure.wire import Json, items


class Deployments:
    """The deployments of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = session.control_calls
        account = session.account
        self._where = (str(account.resource_group), str(account.account_name))

    def _operations(self) -> Any:
        return self._session.control_client().deployments

    def all(self) -> list[Json]:
        """Return all deployments."""

        def fetch() -> list[Json]:
            found: list[Json] = []

            def keep(response: Any) -> None:
                found.extend(items(_json(response.http_response), "value"))

            for _ in self._operations().list(*self._where, raw_response_hook=keep).by_page():
                pass
            return found

        return self._calls.safely("listing deployments", fetch)

    def get(self, name: str) -> Json:
        """Return one deployment."""
        return self._calls.safely(f"reading deployment {name}", lambda: self._get(name))

    def _get(self, name: str) -> Json:
        seen: list[Json] = []
        self._operations().get(
            *self._where, name, raw_response_hook=lambda answer: seen.append(_json(answer.http_response))
        )
        return seen[-1] if seen else {}

    def put(self, name: str, body: Json) -> Json:
        """Create or replace a deployment and return it as answered, without waiting for the operation."""

        def call() -> Json:
            poller = self._operations().begin_create_or_update(
                *self._where, name, io.BytesIO(orjson.dumps(body)), polling=False, cls=_answer
            )
            return _mapping(poller.result())

        return self._calls.safely(f"writing deployment {name}", call)

    def patch(self, name: str, body: Json) -> Json:
        """Change `sku` and `tags`; ARM takes nothing else in a PATCH (contract, section 2.1)."""

        def call() -> Json:
            poller = self._operations().begin_update(
                *self._where, name, io.BytesIO(orjson.dumps(body)), polling=False, cls=_answer
            )
            return _mapping(poller.result())

        return self._calls.safely(f"changing deployment {name}", call)

    def delete(self, name: str) -> None:
        """Delete a deployment, without waiting for the operation."""
        self._calls.safely(
            f"deleting deployment {name}", lambda: self._operations().begin_delete(*self._where, name, polling=False)
        )

    def account(self) -> Json:
        """Return the account itself."""
        return self._calls.safely("reading the account", self._account)

    def _account(self) -> Json:
        seen: list[Json] = []
        accounts = self._session.control_client().accounts
        accounts.get(*self._where, raw_response_hook=lambda answer: seen.append(_json(answer.http_response)))
        return seen[-1] if seen else {}


def _answer(pipeline_response: Any, _model: Any, _headers: Any) -> Json:
    return _json(pipeline_response.http_response)


def _json(response: Any) -> Json:
    try:
        return _mapping(orjson.loads(response.content))
    except orjson.JSONDecodeError:
        return {}


def _mapping(value: Any) -> Json:
    return value if isinstance(value, dict) else {}
