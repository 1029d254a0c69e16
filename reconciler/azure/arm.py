"""ARM as raw JSON: sending, pages, objects.

Requests go through the management SDK's client (its sign-in, its policies, its API version) and not through its models:
those drop fields that are newer than they are, and fail as a whole on one value of an unexpected type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.azure.bounds import Allowance
from reconciler.azure.errors import AzureError, endless, from_answer, told, unreadable
from reconciler.azure.listing import MOST_PAGES
from reconciler.azure.session import Session
from reconciler.azure.tenants import AUXILIARY
from reconciler.azure.wire import Json, items, mapping, parsed, text

API_VERSION = "2025-09-01"
"""The ARM version that azure-mgmt-cognitiveservices 14 is generated from (docs/azure.md, section 8)."""


class Arm:
    """The control plane of one account."""

    def __init__(self, session: Session) -> None:
        account = session.account
        self._session = session
        self._calls = session.control_calls
        self._operations: dict[str, str] = {}
        self.subscription = f"/subscriptions/{account.subscription_id}"
        self.account = (
            f"{self.subscription}/resourceGroups/{account.resource_group}"
            f"/providers/Microsoft.CognitiveServices/accounts/{account.account_name}"
        )
        self.provider = f"{self.subscription}/providers/Microsoft.CognitiveServices"

    def list(self, url: str, doing: str, query: Mapping[str, str] | None = None) -> list[Json]:
        """Return all objects of a list, page by page."""
        found: list[Json] = []
        asked: set[str] = set()
        allowance = Allowance(self._calls.host)
        while url and url not in asked and len(asked) < MOST_PAGES:
            asked.add(url)
            body, raw = self._calls.safely(doing, lambda url=url: self._page(url, doing, query))  # type: ignore[misc]
            allowance.spend(raw)
            found += items(body, "value")
            url = text(body, "nextLink")
        if url:
            raise endless(doing, len(asked))
        return found

    def get(self, url: str, doing: str) -> Json:
        """Return one object."""
        return self._calls.safely(doing, lambda: self._object(url, doing))

    def write(self, method: str, url: str, doing: str, body: Json | None = None, source: str = "") -> Json:
        """Send a write that may be repeated; returns what is answered (it may be empty), without waiting for the operation.

        `source` is the ARM id of another account that the write reaches into: if it is of another tenant, a token of that
        tenant goes along.
        """
        return self._calls.safely(doing, lambda: self._exchange(method, url, doing, body, source=source)[0])

    def why_failed(self, url: str) -> str:
        """Return why the operation that this object's last write began has failed; "" if Azure does not say.

        The object itself shows only that it failed: the reason is where the answer to the write pointed
        (docs/azure.md, section 8). Of a write of an earlier process that place is not known.
        """
        operation = self._operations.get(url)
        if not operation:
            return ""
        try:
            body = self.get(operation, "reading why it failed")
        except AzureError:
            return ""  # that it failed is told all the same
        return told(mapping(body, "error"))

    def has_written(self, url: str) -> bool:
        """Return whether this process was the last, as far as it knows, to write an object."""
        return url in self._operations

    def _page(self, url: str, doing: str, query: Mapping[str, str] | None) -> tuple[Json, bytes]:
        body, raw = self._exchange("GET", url, doing, query=query)
        if not isinstance(body.get("value"), list):
            raise unreadable(doing)
        return body, raw

    def _object(self, url: str, doing: str) -> Json:
        body = self.send("GET", url, doing)
        if not body:
            raise unreadable(doing)
        return body

    def send(self, method: str, url: str, doing: str, body: Json | None = None) -> Json:
        """Send one request, once; returns the JSON object that is answered, or an empty one. Raises AzureError."""
        return self._exchange(method, url, doing, body)[0]

    def _exchange(
        self,
        method: str,
        url: str,
        doing: str,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
        source: str = "",
    ) -> tuple[Json, bytes]:
        """Send one request, and return also the bytes of the answer."""
        from azure.core.rest import HttpRequest

        # The address of a next page carries its query already.
        parameters = None if url.startswith("http") else {"api-version": API_VERSION, **(query or {})}
        second = self._session.auxiliary_token(source) if source else ""
        headers = {AUXILIARY: f"Bearer {second}"} if second else {}
        request = HttpRequest(method, url, params=parameters, json=body, headers=headers)
        # The SDK's own way to send a request as it is; its leading underscore stands for "low level".
        response = self._session.control_client()._send_request(request)  # noqa: SLF001
        answer = parsed(response.content)
        if not 200 <= response.status_code < 300:
            said: Any = answer if answer is not None else response.text()
            raise from_answer(response.status_code, said, response.headers, doing)
        if method != "GET":
            self._operations[url] = str(response.headers.get("azure-asyncoperation") or "")
        return answer if isinstance(answer, dict) else {}, response.content
