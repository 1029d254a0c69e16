"""Which hosts belong to which Azure cloud, and which hosts a credential may be sent to.

Sources: Microsoft's endpoint lists for the public, US government and China clouds; docs/azure.md,
section 1 (token scope by host). Widened only by RECONCILER_TRUSTED_HOSTS in the environment, never by a manifest.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from reconciler.core.fault import Fault, Place, Refused

TRUSTED_HOSTS = "RECONCILER_TRUSTED_HOSTS"
"""Environment variable: further host names, separated by commas, that credentials may be sent to."""

_PLAIN_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
"""A name, or an address of IPv6."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """One Azure cloud: its sign-in authority, its ARM endpoint and the host suffixes of its data plane."""

    authority: str
    management: str
    management_scope: str
    data_scopes: Mapping[str, str]
    """Host suffix to token scope."""

    @property
    def resource_suffix(self) -> str:
        """The suffix of the endpoint that an account has by default."""
        return next(iter(self.data_scopes))


_COGNITIVE = "https://cognitiveservices.azure.com/.default"
CLOUDS: Mapping[str, Cloud] = {
    "public": Cloud(
        authority="login.microsoftonline.com",
        management="https://management.azure.com",
        management_scope="https://management.azure.com/.default",
        data_scopes={
            ".openai.azure.com": _COGNITIVE,
            ".services.ai.azure.com": "https://ai.azure.com/.default",
            ".cognitiveservices.azure.com": _COGNITIVE,
        },
    ),
    "usgovernment": Cloud(
        authority="login.microsoftonline.us",
        management="https://management.usgovcloudapi.net",
        management_scope="https://management.usgovcloudapi.net/.default",
        data_scopes={
            ".openai.azure.us": "https://cognitiveservices.azure.us/.default",
            ".services.ai.azure.us": "https://ai.azure.us/.default",
            ".cognitiveservices.azure.us": "https://cognitiveservices.azure.us/.default",
        },
    ),
    "china": Cloud(
        authority="login.chinacloudapi.cn",
        management="https://management.chinacloudapi.cn",
        management_scope="https://management.chinacloudapi.cn/.default",
        data_scopes={
            ".openai.azure.cn": "https://cognitiveservices.azure.cn/.default",
            ".services.ai.azure.cn": "https://ai.azure.cn/.default",
            ".cognitiveservices.azure.cn": "https://cognitiveservices.azure.cn/.default",
        },
    ),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint that may be talked to. `scope` is None on loopback, where no credential is looked up."""

    url: str
    host: str
    scope: str | None

    @property
    def is_loopback(self) -> bool:
        """Whether it is this machine, over plain http."""
        return self.scope is None


def data_endpoint(url: str, cloud: Cloud, environ: Mapping[str, str], place: Place | None) -> Endpoint:
    """Return a data-plane endpoint, or refuse it before any credential is made."""
    clean = _clean(url, place)
    for tail in ("/openai/v1", "/openai"):
        clean = clean.removesuffix(tail)
    host = urlsplit(clean).hostname or ""
    if is_loopback(clean, host):
        return Endpoint(clean, host, None)
    for suffix, scope in cloud.data_scopes.items():
        if host.endswith(suffix) and "." not in host.removesuffix(suffix):
            return _https(Endpoint(clean, host, scope), place)
    if host in trusted_hosts(environ):
        return _https(Endpoint(clean, host, next(iter(cloud.data_scopes.values()))), place)
    raise _untrusted(host, place)


def management_endpoint(url: str | None, cloud: Cloud, environ: Mapping[str, str], place: Place | None) -> Endpoint:
    """Return an ARM endpoint, or refuse it before any credential is made."""
    clean = _clean(url or cloud.management, place)
    host = urlsplit(clean).hostname or ""
    if is_loopback(clean, host):
        return Endpoint(clean, host, None)
    if host == urlsplit(cloud.management).hostname or host in trusted_hosts(environ):
        return _https(Endpoint(clean, host, cloud.management_scope), place)
    raise _untrusted(host, place)


def _clean(url: str, place: Place | None) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refused(_fault("endpoint-invalid", "The endpoint is not a URL", "", place)) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(_fault("endpoint-invalid", "The endpoint is not an http(s) URL", "", place))
    if parts.username is not None or parts.password is not None:
        raise Refused(
            _fault("endpoint-userinfo", "The endpoint holds a user name or a password", parts.hostname, place)
        )
    if parts.query or parts.fragment or "\\" in url or any(ord(char) <= 32 for char in url):
        raise Refused(
            _fault("endpoint-invalid", "The endpoint is more than scheme, host and path", parts.hostname, place)
        )
    if not _PLAIN_HOST.fullmatch(parts.hostname):
        # What is contacted is what an HTTP client makes of it: an escape and another script's dot become a dot.
        summary = "The host has other characters than letters, digits, dots and hyphens"
        raise Refused(_fault("endpoint-invalid", summary, "", place))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def is_loopback(url: str, host: str) -> bool:
    """Return whether an address is plain http on this machine, which is given no credential."""
    return url.startswith("http://") and is_this_machine(host)


def is_this_machine(host: str) -> bool:
    """Return whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _https(endpoint: Endpoint, place: Place | None) -> Endpoint:
    if not endpoint.url.startswith("https://"):
        raise Refused(_fault("endpoint-plain-http", "The endpoint is plain http", endpoint.host, place))
    if urlsplit(endpoint.url).port not in {None, 443}:
        raise Refused(_fault("endpoint-port", "The endpoint names another port than 443", endpoint.host, place))
    return endpoint


def trusted_hosts(environ: Mapping[str, str]) -> set[str]:
    """Return the hosts that the environment adds to those of Azure."""
    return {host.strip().lower() for host in environ.get(TRUSTED_HOSTS, "").split(",") if host.strip()}


def _untrusted(host: str, place: Place | None) -> Refused:
    remedy = (
        "Correct `endpoint`, `management_endpoint` or `cloud`. A host outside Azure is trusted only through the "
        f"environment:\n  export {TRUSTED_HOSTS}={host}"
    )
    return Refused(_fault("endpoint-untrusted", "The host is not one that this cloud owns", host, place, remedy))


def _fault(code: str, summary: str, host: str, place: Place | None, remedy: str = "") -> Fault:
    detail = f"{host} was not contacted, and no credential was looked up." if host else "Nothing was contacted."
    return Fault(code, summary, detail, remedy or "Write it as https://NAME.openai.azure.com.", place)
