"""Who a token says that it is of. Only claims that name an identity are read; the token itself goes nowhere."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.azure.session import Session
from reconciler.azure.wire import Json, moment, text


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is signed in. `kind` is user, application or identity; `expires` in seconds since the epoch, 0 if not said."""

    kind: str
    name: str = ""
    object_id: str = ""
    tenant: str = ""
    expires: float = 0

    def __str__(self) -> str:
        """Return it in words: `user ann@contoso.com, object …, tenant …`."""
        parts = (
            f"{self.kind} {self.name}".strip(),
            f"object {self.object_id}" if self.object_id else "",
            f"tenant {self.tenant}" if self.tenant else "",
        )
        return ", ".join(part for part in parts if part)


def identity_of(token: str) -> Identity | None:
    """Read the claims of a token of Entra ID; None for one that holds none. They are shown, and nothing is decided by them."""
    claims = _claims(token)
    if not claims:
        return None
    is_app = text(claims, "idtyp") == "app" or not text(claims, "upn", "preferred_username", "unique_name", "email")
    managed = text(claims, "xms_mirid").rpartition("/")[2]
    name = managed or text(claims, "app_displayname", "appid", "azp")
    if not is_app:
        name = text(claims, "upn", "preferred_username", "unique_name", "email")
    kind = "managed identity" if managed else "application" if is_app else "user"
    return Identity(kind, name, text(claims, "oid", "sub"), text(claims, "tid"), moment(claims, "exp") or 0)


def signed_in(session: Session) -> Identity | None:
    """Return who talks to the data plane of an account; None where a key or nothing is sent. Raises AzureError."""
    token = session.data_token()
    return identity_of(token) if token else None


def _claims(token: str) -> Json:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        body: Any = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return body if isinstance(body, dict) else {}
