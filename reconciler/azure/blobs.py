"""Addresses of data that Azure fetches itself: which are allowed, and how one in Blob Storage is opened for an hour.

A signature (SAS) is a secret. It comes from the environment, or is made here from a *user delegation key*, and goes
nowhere but into the one request that starts an import. It is added only to addresses of Blob Storage (or of a host that
RECONCILER_TRUSTED_HOSTS names), so that a manifest cannot have it sent elsewhere. The signing is written out because the
SDK for Blob Storage would be a dependency for these few lines; tests compare the two.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from reconciler.azure.bounds import PACKED, bound_answer
from reconciler.azure.caller import Caller
from reconciler.azure.clouds import TRUSTED_HOSTS, is_this_machine, trusted_hosts
from reconciler.azure.errors import AzureError, from_answer, hide, no_answer
from reconciler.azure.heads import bound_head
from reconciler.azure.session import READ_TIMEOUT, Session
from reconciler.core.fault import Fault

STORAGE_VERSION = "2022-11-02"
"""Of the REST API and of the signature's form, which is the same for 2020-12-06 to 2025-05-05."""
BEFORE, LIFETIME = 15 * 60, 60 * 60
"""Seconds that a signature is valid before it is made, as clocks differ, and after."""
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "public": (
        ".blob.core.windows.net",
        ".dfs.core.windows.net",
        ".blob.storage.azure.net",
        ".dfs.storage.azure.net",
    ),
    "usgovernment": (".blob.core.usgovcloudapi.net", ".dfs.core.usgovcloudapi.net"),
    "china": (".blob.core.chinacloudapi.cn", ".dfs.core.chinacloudapi.cn"),
}
_VARIABLE = re.compile(r"\$\{env:(RECONCILER_VAR_[A-Z0-9_]+)\}")


@dataclass(frozen=True)
class Secret:
    """A value that is shown nowhere."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        """Return a stand-in, whoever prints it."""
        return "(secret)"


def wrong_with(url: str) -> str:
    """Return why an address cannot be a source, as the rest of a sentence that does not repeat it; "" if it can be."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    host = parts.hostname or ""
    if not url.isascii():
        return "holds characters that are written as %XX in an address"
    if not host or any(ord(char) <= 32 or char == "\\" or ord(char) == 127 for char in url):
        return "is not a URL"
    if parts.username is not None or parts.password is not None:
        return "holds a user name or a password, which have no place in a manifest"
    if parts.scheme != "https" and not (parts.scheme == "http" and is_this_machine(host)):
        return "must begin with https:// (http:// only on this machine)"
    if "#" in url:
        return "holds a fragment (#…), which no server sees: remove it"
    if any(name.lower() == "sig" for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return (
            "holds a signature, which has no place in git. Revoke it, remove what follows the `?`, put it into an "
            "environment variable, and name that: sas: ${env:RECONCILER_VAR_NAME}"
        )
    return ""


def variable_in(reference: str) -> str | None:
    """Return the name of the environment variable that a text consists of, if it is exactly one."""
    found = _VARIABLE.fullmatch(reference)
    return found[1] if found else None


def content_url(session: Session, url: str, reference: str | None) -> Secret:
    """Return the address that the service is told to fetch; `reference` names the variable that holds a signature.

    Without one, data in Blob Storage of the account's cloud is opened for an hour with the identity that is signed in; an
    account with an API key has none, so there, as anywhere else, the address is told as it is.
    """
    if reference is not None:
        return _with_signature(session, url, reference)
    if (
        session.data.is_loopback
        or session.account.spec.auth != "entra"
        or not _is_blob(url, session.account.spec.cloud)
    ):
        return Secret(url)
    return _delegated(session, url)


def _with_signature(session: Session, url: str, reference: str) -> Secret:
    host = urlsplit(url).hostname or ""
    known = any(_is_blob(url, cloud) for cloud in _SUFFIXES) or is_this_machine(host)
    if not known and host not in trusted_hosts(session.environ):
        detail = f"{host} is no host of Blob Storage; the signature was not sent, and nothing was imported."
        remedy = f"Correct `source.url`, or trust the host through the environment:\n  export {TRUSTED_HOSTS}={host}"
        raise AzureError(Fault("sas-untrusted-host", "The signature may not be sent to this host", detail, remedy))
    name = variable_in(reference) or ""
    value = session.environ.get(name, "").strip().removeprefix("?").removeprefix("&")
    if not value:
        detail = f"`source.sas` needs `{name}`, which is not set or empty."
        raise AzureError(
            Fault(
                "variable-unset", "A variable is not set", detail, f"Set it, for example:\n  export {name}='sv=…&sig=…'"
            )
        )
    _hide(value)
    fields = dict(parse_qsl(value, keep_blank_values=True))
    if not fields.get("sig") or any(ord(char) <= 32 or char == "#" for char in value):
        detail = f"The value of `{name}` is not of the form sv=…&se=…&sig=…"
        remedy = "Put the SAS itself into it: what follows the `?` of a signed address."
        raise AzureError(Fault("sas-invalid", "The variable holds no SAS", detail, remedy))
    if useless := _useless(fields, session.runtime.clock.now()):
        remedy = f"Make a new one that grants reading (sp=r) for long enough, and put it into `{name}`."
        raise AzureError(
            Fault("sas-useless", "The SAS does not open the data", f"The one in `{name}` {useless}.", remedy)
        )
    return Secret(f"{url}{'&' if urlsplit(url).query else '?'}{value}")


def _useless(fields: Mapping[str, str], now: float) -> str:
    """Return why a SAS is certain to be refused, as the rest of a sentence; "" for one that may be good."""
    if (ends := _expiry(fields.get("se", ""))) and ends.timestamp() <= now:
        return f"expired at {ends:%Y-%m-%d %H:%M} UTC"
    if "r" not in fields.get("sp", "r"):
        return "does not grant reading"
    return ""


def _expiry(written: str) -> datetime | None:
    """Read a time as a SAS has it: a date, or ISO 8601 with minutes or seconds."""
    try:
        ends = datetime.fromisoformat(written)
    except ValueError:
        return None
    return ends if ends.tzinfo else ends.replace(tzinfo=UTC)


def _hide(signature: str) -> None:
    """Keep a signature out of every text, in each spelling that a server may repeat it in."""
    hide(signature)
    hide(unquote(signature))
    for part in signature.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "sig":
            hide(value)
            hide(unquote(value))
            hide(quote(unquote(value), safe=""))


def _is_blob(url: str, cloud: str) -> bool:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "https" and parts.port in {None, 443} and any(host.endswith(one) for one in _SUFFIXES[cloud])


# A user delegation SAS: https://learn.microsoft.com/rest/api/storageservices/create-user-delegation-sas


@dataclass(frozen=True)
class DelegationKey:
    """A key that Blob Storage gives an identity for a while, to sign in its name."""

    oid: str
    tid: str
    start: str
    expiry: str
    service: str
    version: str
    value: str = field(repr=False)


def _delegated(session: Session, url: str) -> Secret:
    parts = urlsplit(url)
    if parts.query:
        detail = (
            f"{parts.hostname}{parts.path} has a query; an identity can only be used for the newest version of a blob."
        )
        raise AzureError(
            Fault(
                "blob-query", "The blob cannot be opened", detail, "Remove the query from `source.url`, or set `sas`."
            )
        )
    now = session.runtime.clock.now()
    start, expiry = _time(now - BEFORE), _time(now + LIFETIME)
    host = (parts.hostname or "").replace(".dfs.", ".blob.", 1)
    caller = Caller(host, session.runtime)
    doing = "asking for a user delegation key"
    key = caller.safely(doing, lambda: delegation_key(session, f"https://{host}", start, expiry))
    account = host.partition(".")[0].removesuffix("-secondary")
    signature = sign(key, account, unquote(parts.path), start, expiry)
    _hide(signature)
    return Secret(f"{url}?{signature}")


def delegation_key(session: Session, root: str, start: str, expiry: str) -> DelegationKey:
    """Ask Blob Storage for a key; the identity needs the action `generateUserDelegationKey`."""
    import httpx2

    host = urlsplit(root).netloc
    doing = f"asking {host} for a user delegation key"
    headers = {
        "Authorization": f"Bearer {session.storage_token()}",
        "x-ms-version": STORAGE_VERSION,
        "Content-Type": "application/xml",
        "Accept-Encoding": PACKED,
    }
    body = f'<?xml version="1.0" encoding="utf-8"?><KeyInfo><Start>{start}</Start><Expiry>{expiry}</Expiry></KeyInfo>'
    try:
        with httpx2.Client(
            follow_redirects=False,
            timeout=READ_TIMEOUT,
            transport=session.storage_transport,
            event_hooks={"request": [bound_head], "response": [bound_answer]},
        ) as client:
            answer = client.post(
                f"{root}/", params={"restype": "service", "comp": "userdelegationkey"}, headers=headers, content=body
            )
    except httpx2.HTTPError as error:
        raise no_answer(doing, error, host) from error
    fields = dict(re.findall(r"<(\w+)>([^<]+)</\1>", answer.text))
    if answer.status_code in {401, 403}:
        raise _may_not_sign(host, answer.status_code, _code(fields, answer.headers))
    if answer.status_code != 200:
        code = _code(fields, answer.headers)
        raise from_answer(answer.status_code, {"error": {"code": code}}, answer.headers, doing)
    try:
        key = DelegationKey(
            fields["SignedOid"],
            fields["SignedTid"],
            fields["SignedStart"],
            fields["SignedExpiry"],
            fields["SignedService"],
            fields["SignedVersion"],
            fields["Value"],
        )
        base64.b64decode(key.value, validate=True)
    except (KeyError, ValueError):
        detail = f"{doing}: the answer is not the expected XML."
        remedy = "Check `source.url`, and whether a proxy answers in its place."
        raise AzureError(Fault("azure-unreadable", "Azure's answer could not be read", detail, remedy)) from None
    hide(key.value)
    return key


def _code(fields: Mapping[str, str], headers: Mapping[str, str]) -> str:
    return fields.get("Code") or headers.get("x-ms-error-code") or ""


def _may_not_sign(host: str, status: int, code: str) -> AzureError:
    return AzureError(
        Fault(
            "blob-not-delegated",
            "The identity may not open the blob for Azure",
            f"{host} answered {status}{f' {code}' if code else ''} to the request for a user delegation key; nothing was imported.",
            "Ask for the roles Storage Blob Delegator on the storage account and Storage Blob Data Reader on its container, "
            "or put a SAS into an environment variable and name it:\n  sas: ${env:RECONCILER_VAR_NAME}",
        ),
        status=status,
        code=code,
    )


def sign(key: DelegationKey, account: str, path: str, start: str, expiry: str, protocol: str = "https") -> str:
    """Return the query that lets its bearer read one blob; `path` is `/container/blob`, not encoded."""
    signed = {
        "sp": "r",
        "st": start,
        "se": expiry,
        "skoid": key.oid,
        "sktid": key.tid,
        "skt": key.start,
        "ske": key.expiry,
        "sks": key.service,
        "skv": key.version,
        "spr": protocol,
        "sv": STORAGE_VERSION,
        "sr": "b",
    }
    text = "\n".join(
        (
            *(signed["sp"], signed["st"], signed["se"], f"/blob/{account}/{path.lstrip('/')}"),
            *(key.oid, key.tid, key.start, key.expiry, key.service, key.version),
            *("", "", ""),  # agents that the identity vouches for, and a correlation id
            *("", signed["spr"], signed["sv"], signed["sr"]),  # the first: addresses that may use it
            *("", "", "", "", "", "", ""),  # snapshot, encryption scope, and headers of the answer
        )
    )
    digest = hmac.new(base64.b64decode(key.value), text.encode(), hashlib.sha256).digest()
    signed["sig"] = base64.b64encode(digest).decode()
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in signed.items())


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
