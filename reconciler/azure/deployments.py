"""Deployments, through the control plane. Returns ARM's own objects as mappings.

Requests go through the management SDK's client (its sign-in, its policies, its API version) as raw JSON and not through
its models: those drop fields that are newer than they are, and fail as a whole on one value of an unexpected type.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson

from reconciler.azure.errors import from_answer, unreadable
from reconciler.azure.listing import MOST_PAGES
from reconciler.azure.session import Session
from reconciler.azure.wire import Json, items, text

API_VERSION = "2025-09-01"
"""The ARM version that azure-mgmt-cognitiveservices 14 is generated from (docs/azure.md, section 8)."""


class Deployments:
    """The deployments of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._calls = session.control_calls
        account = session.account
        self._account = (
            f"/subscriptions/{account.subscription_id}/resourceGroups/{account.resource_group}"
            f"/providers/Microsoft.CognitiveServices/accounts/{account.account_name}"
        )

    def all(self) -> list[Json]:
        """Return all deployments."""
        doing = "listing deployments"
        found: list[Json] = []
        url = f"{self._account}/deployments"
        for _ in range(MOST_PAGES):
            body = self._calls.safely(doing, lambda url=url: self._page(url, doing))  # type: ignore[misc]
            found += items(body, "value")
            url = text(body, "nextLink")
            if not url:
                break
        return found

    def get(self, name: str) -> Json:
        """Return one deployment."""
        doing = f"reading deployment {name}"
        return self._calls.safely(doing, lambda: self._object("GET", self._url(name), doing))

    def put(self, name: str, body: Json) -> Json:
        """Create or replace a deployment; returns what is answered (it may be empty), without waiting for the operation."""
        doing = f"writing deployment {name}"
        return self._calls.safely(doing, lambda: self._send("PUT", self._url(name), doing, body))

    def patch(self, name: str, body: Json) -> Json:
        """Change `sku` and `tags`; ARM takes nothing else in a PATCH (docs/azure.md, section 8)."""
        doing = f"changing deployment {name}"
        return self._calls.safely(doing, lambda: self._send("PATCH", self._url(name), doing, body))

    def delete(self, name: str) -> None:
        """Delete a deployment, without waiting for the operation."""
        doing = f"deleting deployment {name}"
        self._calls.safely(doing, lambda: self._send("DELETE", self._url(name), doing))

    def account(self) -> Json:
        """Return the account itself."""
        doing = "reading the account"
        return self._calls.safely(doing, lambda: self._object("GET", self._account, doing))

    def _url(self, name: str) -> str:
        return f"{self._account}/deployments/{quote(name, safe='')}"

    def _page(self, url: str, doing: str) -> Json:
        body = self._send("GET", url, doing)
        if not isinstance(body.get("value"), list):
            raise unreadable(doing)
        return body

    def _object(self, method: str, url: str, doing: str) -> Json:
        body = self._send(method, url, doing)
        if not body:
            raise unreadable(doing)
        return body

    def _send(self, method: str, url: str, doing: str, body: Json | None = None) -> Json:
        """Send one request; returns the JSON object that is answered, or an empty one. Raises AzureError."""
        from azure.core.rest import HttpRequest

        query = None if url.startswith("http") else {"api-version": API_VERSION}
        request = HttpRequest(method, url, params=query, json=body)
        # The SDK's own way to send a request as it is; its leading underscore stands for "low level".
        response = self._session.control_client()._send_request(request)  # noqa: SLF001
        answer = _json(response)
        if not 200 <= response.status_code < 300:
            said: Any = answer if answer is not None else response.text()
            raise from_answer(response.status_code, said, response.headers, doing)
        return answer if isinstance(answer, dict) else {}


def _json(response: Any) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
