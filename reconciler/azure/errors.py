"""One kind of error for everything that talking to Azure can end in, with secrets taken out.

`AzureError` tells the gateways what they must know to decide (the status, whether a write may have happened) and
people what to do. The texts for known answers are in `messages.py`: one row each.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.azure.messages import explain
from reconciler.azure.wire import items, text
from reconciler.core.fault import Fault, ReconcilerError

_SECRETS = (
    re.compile(r"(?i)(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(
        r"(?i)((?:api[-_]?key|authorization|access[-_]?key|client[-_]?secret|password)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;]{6,}"
    ),
    re.compile(r"(?i)([?&](?:sig|se|sp|sv|skoid|sktid|code|key|token)=)[^&\s\"']+"),
    # Of a run of such characters only the first `eyJ` is tried, once: to try each to the run's end takes hours.
    re.compile(
        r"(?<![A-Za-z0-9_-])((?>[A-Za-z0-9_-]*?\beyJ))[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{10,}(?:\.[A-Za-z0-9_-]*)?"
    ),
    re.compile(r"\b(sk-)[A-Za-z0-9_-]{16,}"),
)
_HIDDEN: set[str] = set()
"""Secrets that this process knows: a server may echo one where no pattern would find it."""
_OTHERS_404 = frozenset(
    {"404", "ResourceGroupNotFound", "SubscriptionNotFound", "ParentResourceNotFound", "InvalidSubscriptionId"}
)
"""Codes of a 404 that is about the endpoint or a parent, not about the object that was asked for."""
CHECK_THE_WAY = "Check `endpoint` of the Account, and what stands between here and Azure."
"""What to do about an answer that no Azure gives."""
_LONGEST, _LONGEST_CODE = 600, 80
"""Characters of Azure's own words, and of a code, that are shown."""
_MOST_DETAILS = 5
"""Of the details of an error, so many are read."""
_LOOKED_AT = 1 << 16
"""Characters of a text that are looked at."""


def hide(secret: str) -> None:
    """Keep a secret out of every text that Azure says from now on."""
    if len(secret) >= 8:
        _HIDDEN.add(secret)


def scrub(text: str) -> str:
    """Take keys, tokens and SAS signatures out of a text, and cap its length."""
    if len(text) > _LOOKED_AT:
        # The last word goes as a whole: of half a secret nobody would see that it is one.
        words = text[:_LOOKED_AT].rsplit(maxsplit=1)
        text = f"{words[0]} …" if len(words) > 1 else "…"
    for secret in sorted(_HIDDEN, key=len, reverse=True):
        text = text.replace(secret, "[hidden]")
    for pattern in _SECRETS:
        text = pattern.sub(r"\1[hidden]", text)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


class AzureError(ReconcilerError):
    """An answer of Azure (or none at all) that ends a call.

    status: HTTP status, 0 if there was no answer. code: Azure's code. retry_after: seconds, if Azure said so.
    ambiguous: a write may or may not have been carried out. is_structured: the answer was an error object.
    """

    def __init__(
        self,
        fault: Fault,
        *,
        status: int = 0,
        code: str = "",
        retry_after: float | None = None,
        ambiguous: bool = False,
        is_structured: bool = False,
    ) -> None:
        super().__init__(fault)
        self.status = status
        self.code = code
        self.retry_after = retry_after
        self.ambiguous = ambiguous
        self.is_structured = is_structured

    @property
    def fault(self) -> Fault:
        """What is shown."""
        return self.faults[0]

    @property
    def passes(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.status in {0, 408, 429} or self.status >= 500 or self.is_conflict

    @property
    def is_conflict(self) -> bool:
        """Whether another operation holds the account (docs/azure.md, section 8)."""
        said = self.fault.detail.lower()
        unsettled = self.code == "AccountProvisioningStateInvalid" or "provisioning state is not terminal" in said
        busy = self.code in {"RequestConflict", "AnotherOperationInProgress"} or "another operation" in said
        # Of an account that is still being made or changed it is not known whether that is a 400 or a 409.
        return (self.status in {400, 409} and unsettled) or (self.status == 409 and busy)

    @property
    def frees_up(self) -> bool:
        """Whether it is about quota, which Azure frees some seconds after a deletion (docs/azure.md, section 11)."""
        return self.code == "InsufficientQuota"

    @property
    def is_absent(self) -> bool:
        """Whether the object itself does not exist.

        A gateway's own 404 ("404: Resource not found"), a page that is no JSON, or a missing parent is not that.
        """
        return self.status == 404 and self.is_structured and self.code not in _OTHERS_404


def from_answer(status: int, body: Any, headers: Any, doing: str) -> AzureError:
    """Read an error answer of either surface or of ARM; tolerates any body."""
    error = body.get("error") if isinstance(body, dict) else None
    is_structured = isinstance(error, dict) and bool(error)
    if isinstance(error, str):
        error = {"message": error}
    if not isinstance(error, dict):
        error = body if isinstance(body, dict) else {}
    inner = error.get("innererror") or error.get("inner_error")
    code = scrub(str(error.get("code") or (inner.get("code") if isinstance(inner, dict) else "") or ""))[:_LONGEST_CODE]
    message = _words(error) or scrub(body if isinstance(body, str) else "")
    summary, remedy = explain(status, code, message)
    said = f"Azure answered {status}{f' {code}' if code and code != str(status) else ''}"
    fault = Fault(
        code=f"azure-{_kebab(code) or status}",
        summary=summary,
        detail=f"{doing}: {said}" + (f": {message}" if message else "."),
        remedy=remedy,
    )
    ambiguous = status in {408, 409, 429} or status >= 500
    return AzureError(
        fault,
        status=status,
        code=code,
        retry_after=_retry_after(headers),
        ambiguous=ambiguous,
        is_structured=is_structured,
    )


def _words(error: Mapping[str, Any]) -> str:
    """Return the message of an error, and of its `details` what it does not say itself: the cause often stands only there."""
    words = scrub(str(error.get("message") or ""))
    for code, message in itertools.islice(_details(error), _MOST_DETAILS):
        said = ": ".join(part for part in (scrub(code), scrub(message)) if part and part not in words)
        words = "; ".join(part for part in (words.rstrip("."), said) if part) if said else words
    return words[:_LONGEST]


def _details(error: Mapping[str, Any], depth: int = 3) -> Iterator[tuple[str, str]]:
    for item in items(error, "details") if depth else ():
        yield text(item, "code"), text(item, "message")
        yield from _details(item, depth - 1)


def told(error: Mapping[str, Any]) -> str:
    """Return what an error object says that no call ended in: its code, its words, and what to do where that is known."""
    code, message = scrub(str(error.get("code") or "")), _words(error)
    words = ": ".join(part for part in (code, message) if part)
    return " ".join(part for part in (words, explain(400, code, message)[1]) if part) if words else ""


def no_answer(doing: str, cause: BaseException, host: str) -> AzureError:
    """Describe a connection that gave no answer."""
    words = scrub(str(cause.__cause__ or cause)) or type(cause).__name__
    unresolved = any(
        sign in words.lower() for sign in ("name or service", "getaddrinfo", "nodename", "name resolution")
    )
    summary = "The host name does not resolve" if unresolved else "Azure did not answer"
    remedy = (
        "Check `endpoint` and `resource_id` of the Account, and DNS or the private endpoint."
        if unresolved
        else "Check the network and run the command again: it goes on where this one stopped."
    )
    return AzureError(Fault("azure-no-answer", summary, f"{doing} at {host}: {words}", remedy), ambiguous=True)


def unreadable(doing: str) -> AzureError:
    """Describe an answer that says success and is not what was asked for: a page of a proxy, an empty body."""
    return AzureError(
        Fault(
            "azure-unreadable",
            "Azure's answer could not be read",
            f"{doing}: the answer is not the expected JSON.",
            "Check `endpoint` of the Account, and whether a proxy answers in its place; then run the command again.",
        ),
        ambiguous=True,
    )


def endless(doing: str, pages: int) -> AzureError:
    """Describe a list that leads on and on: it was not read to its end, and a part of it is no list."""
    return AzureError(
        Fault(
            "list-endless",
            "The list does not end",
            f"{doing}: {pages} pages were read, and there would be more.",
            CHECK_THE_WAY,
        ),
        status=200,
        ambiguous=True,
    )


def no_credential(cause: BaseException) -> AzureError:
    """Describe that no token could be had."""
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    words = scrub(lines[0]) if lines else type(cause).__name__
    return AzureError(
        Fault(
            "azure-no-credential",
            "No credential for Azure was found",
            words,
            "Sign in, or in CI set up workload identity (OIDC):\n  az login",
        ),
        status=401,
        code="no-credential",
    )


def _retry_after(headers: Any) -> float | None:
    for name, unit in (("retry-after-ms", 0.001), ("x-ms-retry-after-ms", 0.001), ("retry-after", 1.0)):
        value: Any = headers.get(name) if headers is not None else None
        try:
            seconds = float(value) * unit
        except (TypeError, ValueError):
            continue
        if seconds == seconds and seconds >= 0:  # noqa: PLR0124  (NaN)
            return min(seconds, 300.0)
    return None


def _kebab(code: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", code).lower()).strip("-")[:60]
