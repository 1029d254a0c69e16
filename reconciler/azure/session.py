"""One account's clients, made on first use: importing an SDK costs more than a whole `validate`.

Endpoints are checked when the session is made, before any credential exists (design: hosts). Redirects are off in both
SDKs: openai would resend the training data, and a key given as a default header, to another origin.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.azure.bounds import PACKED, bound_answer, bounded_session
from reconciler.azure.caller import Caller
from reconciler.azure.clouds import CLOUDS, Endpoint, data_endpoint, management_endpoint
from reconciler.azure.errors import CHECK_THE_WAY, AzureError, hide, no_credential
from reconciler.azure.heads import bound_head
from reconciler.azure.pipeline import control_client
from reconciler.azure.tenants import InTenant, Tenants
from reconciler.core.account import Account
from reconciler.core.fault import Fault
from reconciler.core.runtime import Meters, Runtime

if TYPE_CHECKING:
    import ssl

    from azure.mgmt.cognitiveservices import CognitiveServicesManagementClient
    from openai import OpenAI

LOOPBACK_CREDENTIAL = "loopback"
"""What is sent to a loopback endpoint in place of a credential."""
GA_API = "2024-10-21"
"""The dated surface that serves what v1 lacks (docs/azure.md, section 2)."""
STORAGE_SCOPE = "https://storage.azure.com/.default"
_PROJECTS = "/api/projects/"
"""What stands between a resource's address and the name of a project."""
READ_TIMEOUT, TRANSFER_TIMEOUT = 60.0, 900.0
"""Seconds without an answer: for ordinary calls, and for file contents."""


_IMPORTING = threading.RLock()
"""The SDKs' modules import each other in circles: two threads that begin at different ends would wait for each other."""
_UNUSED = "unused"
"""The openai client insists on a bearer token; where there is a key instead, this stands for it and is never sent."""


_SECRETS = ("AZURE_OPENAI_API_KEY", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD")
"""Beginnings of the names of variables whose values are never shown."""


def _at(host: str, url: str) -> None:
    """Refuse to send anything to another host, wherever its address came from (a link in an answer, for one)."""
    asked = urlsplit(url).netloc.rpartition("@")[2].lower()
    if asked != host.lower():
        raise AzureError(
            Fault(
                "endpoint-elsewhere",
                "An answer leads to another host",
                f"{asked} was not contacted; requests go to {host} only.",
                CHECK_THE_WAY,
            )
        )


@dataclass(frozen=True)
class Transports:
    """What replaces the network and the credential, for a simulation; None is the real thing.

    data: an httpx transport for openai. control: an azure-core transport. credential: an azure-core TokenCredential.
    storage: an httpx transport for Blob Storage.
    """

    data: Any = None
    control: Any = None
    credential: Any = None
    storage: Any = None


class Session:
    """The clients of one account. Safe to share between threads."""

    def __init__(
        self,
        account: Account,
        runtime: Runtime,
        environ: Mapping[str, str],
        *,
        transports: Transports | None = None,
        meters: Meters | None = None,
        trust_files: bool = False,
        tenants: Tenants | None = None,
    ) -> None:
        self.account = account
        self._tenants = tenants or Tenants([account])
        self.runtime = runtime
        self.meters = meters or Meters()
        self.trust_files = trust_files
        self._environ = environ
        for name, value in environ.items():
            if name.startswith(_SECRETS):
                hide(value)
        self._transports = transports or Transports()
        self._lock = threading.RLock()
        self._to_abandon: list[Callable[[], None]] = []
        self._cloud = CLOUDS[account.spec.cloud]
        self.data: Endpoint = self._data_endpoint()
        self.control: Endpoint = management_endpoint(
            account.spec.management_endpoint, self._cloud, environ, account.place_of("management_endpoint")
        )
        self.data_calls = Caller(self.data.host, runtime)
        self.control_calls = Caller(self.control.host, runtime)

    def _data_endpoint(self) -> Endpoint:
        url = self.account.spec.endpoint or f"https://{self.account.account_name}{self._cloud.resource_suffix}"
        return data_endpoint(url, self._cloud, self._environ, self.account.place_of("endpoint"))

    @property
    def api(self) -> str:
        """The configured data-plane surface: `v1` or a dated version."""
        return self.account.spec.api

    @property
    def is_project(self) -> bool:
        """Whether the endpoint is one of a Foundry project."""
        return _PROJECTS in self.data.url

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that this session was given."""
        return self._environ

    @property
    def storage_transport(self) -> Any:
        """What replaces the network to Blob Storage; None is the real thing."""
        return self._transports.storage

    def storage_token(self) -> str:
        """Return a token of the account's identity for Blob Storage; its audience is the same in every cloud."""
        return self._token(STORAGE_SCOPE)()

    def data_token(self) -> str:
        """Return the token that goes to the data plane; "" where a key is sent in its place, or nothing (this machine)."""
        if self.data.scope is None or self.account.spec.auth == "api_key":
            return ""
        return self._token(self.data.scope)()

    def auxiliary_token(self, source: str) -> str:
        """Return a token of the tenant of the account that a model comes from; "" if that is this account's own tenant."""
        tenant = self._tenants.of(source)
        if tenant == self._tenants.of(self.account.arm_id):
            return ""
        if self.control.scope is None:
            return LOOPBACK_CREDENTIAL
        # Without a name it is the tenant that is signed in, which the credential knows.
        return self._token(self.control.scope, InTenant(self._signed_in, tenant) if tenant else self._signed_in)()

    def when_abandoned(self, callback: Callable[[], None]) -> None:
        """Have something done when a run is broken off: a last word to Azure about what is half done."""
        self._to_abandon.append(callback)

    def abandon(self) -> None:
        """Say the last words of what is under way; never raises what Azure answers."""
        for callback in self._to_abandon:
            with suppress(AzureError):
                callback()

    @property
    def credential_kind(self) -> str:
        """What is sent to the data plane, in words."""
        if self.data.is_loopback:
            return "no credential (loopback)"
        return "API key" if self.account.spec.auth == "api_key" else "Entra ID"

    @cached_property
    def _credential(self) -> Any:
        tenant = self.account.spec.tenant_id
        return InTenant(self._signed_in, tenant) if tenant else self._signed_in

    @cached_property
    def _signed_in(self) -> Any:
        if self._transports.credential is not None:
            return self._transports.credential
        import logging

        with _IMPORTING:
            from azure.identity import DefaultAzureCredential

        # It logs each credential that it tried; what failed is said once, by the error.
        logging.getLogger("azure").addHandler(logging.NullHandler())
        try:
            return DefaultAzureCredential(
                authority=self._cloud.authority, additionally_allowed_tenants=self._tenants.all()
            )
        except (ValueError, OSError) as error:  # a variable that is set and empty, a certificate that is not there
            raise no_credential(error) from error

    def _token(self, scope: str, credential: Any = None) -> Callable[[], str]:
        def token() -> str:
            with _IMPORTING:
                from azure.core.exceptions import AzureError as CoreError

            try:
                with self._lock:
                    found = str((credential or self._credential).get_token(scope).token)
                hide(found)
            except CoreError as error:
                raise no_credential(error) from error
            return found

        return token

    def _api_key(self) -> str:
        own = "AZURE_OPENAI_API_KEY_" + re.sub(r"[^A-Z0-9]", "_", self.account.name.upper())
        key = self._environ.get(own) or self._environ.get("AZURE_OPENAI_API_KEY")
        if not key:
            raise AzureError(
                Fault(
                    "azure-no-credential",
                    "No API key is set",
                    f"Account/{self.account.name} has `auth: api_key`, and neither {own} nor AZURE_OPENAI_API_KEY is set.",
                    "Set one of them, or use `auth: entra`.",
                    self.account.place,
                ),
                status=401,
                code="no-credential",
            )
        return key

    def data_client(self, api: str | None = None, *, at_resource: bool = False) -> OpenAI:
        """Return the openai client of a surface (the configured one by default), or of the resource around a project."""
        with self._lock:
            return self._data_client(api or self.api, at_resource=at_resource and self.is_project)

    def _data_client(self, api: str, *, at_resource: bool) -> OpenAI:
        clients: dict[tuple[str, bool], OpenAI] = self.__dict__.setdefault("_clients", {})
        if (api, at_resource) not in clients:
            root = self.data.url.partition(_PROJECTS)[0] if at_resource else self.data.url
            import openai

            headers: dict[str, Any] = {"Accept-Encoding": PACKED}
            key: str | Callable[[], str]
            if self.data.scope is None:
                key = LOOPBACK_CREDENTIAL
                headers["api-key"] = LOOPBACK_CREDENTIAL
            elif self.account.spec.auth == "api_key":
                key = _UNUSED
                headers["api-key"] = self._api_key()
            else:
                key = self._token(self.data.scope)
            clients[api, at_resource] = openai.OpenAI(
                base_url=f"{root}/openai/v1" if api == "v1" else f"{root}/openai",
                api_key=key,
                default_headers=headers,
                default_query=None if api == "v1" else {"api-version": api},
                max_retries=0,
                timeout=READ_TIMEOUT,
                http_client=openai.DefaultHttpxClient(
                    follow_redirects=False,
                    # A proxy of the environment must not see what stays on this machine.
                    trust_env=not self.data.is_loopback,
                    verify=_trusted(environment=not self.data.is_loopback),
                    transport=self._transports.data,
                    event_hooks={"request": [self._before_data, bound_head], "response": [self._hear, bound_answer]},
                ),
            )
        return clients[api, at_resource]

    def _before_data(self, request: Any) -> None:
        _at(urlsplit(self.data.url).netloc, str(request.url))
        if request.headers.get("Authorization") == f"Bearer {_UNUSED}":
            del request.headers["Authorization"]

    def _hear(self, response: Any) -> None:
        """Learn from the Date of an answer how far the clock of this machine is off."""
        with suppress(ValueError, TypeError):
            theirs = parsedate_to_datetime(response.headers.get("date")).timestamp()
            self.runtime.elsewhere.heard(theirs - self.runtime.clock.now())

    @cached_property
    def _control_client(self) -> CognitiveServicesManagementClient:
        transport = self._transports.control
        with _IMPORTING:
            if transport is None:
                from azure.core.pipeline.transport import RequestsTransport

                transport = RequestsTransport(
                    session=bounded_session(use_environment=not self.control.is_loopback),
                    connection_timeout=20,
                    read_timeout=READ_TIMEOUT,
                )
            return control_client(
                self.control.url,
                str(self.account.subscription_id),
                transport,
                partial(_at, urlsplit(self.control.url).netloc),
                LOOPBACK_CREDENTIAL if self.control.scope is None else self._credential,
                self.control.scope,
            )

    def control_client(self) -> CognitiveServicesManagementClient:
        """Return the client of the control plane."""
        with self._lock:
            return self._control_client

    def close(self) -> None:
        """Close the connections of the clients that were made."""
        for client in self.__dict__.get("_clients", {}).values():
            client.close()
        if "_control_client" in self.__dict__:
            self._control_client.close()


@cache
def _trusted(*, environment: bool) -> ssl.SSLContext:
    """Return whom TLS trusts, as httpx decides it; reading the certificates is dear, so it is done once for all accounts."""
    import httpx2

    return httpx2.create_ssl_context(trust_env=environment)
