"""Accounts of several Entra tenants: which tenant a token is asked of, and whose token a write needs besides its own.

A model whose account is in another tenant than the deployment's is deployed with a second token, of the model's tenant, in
the header `x-ms-authorization-auxiliary` (docs/azure.md, section 11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.core.account import Account

AUXILIARY = "x-ms-authorization-auxiliary"
"""The header in which ARM takes the token of a second tenant."""


class Tenants:
    """The tenants that the Accounts of a tree name, by the ARM ids of the accounts."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self._of: Mapping[str, str] = {
            account.arm_id.lower(): account.spec.tenant_id
            for account in accounts
            if account.arm_id and account.spec.tenant_id
        }

    def of(self, arm_id: str | None) -> str:
        """Return the tenant of an account; "" if no manifest says it: then it is the one that is signed in."""
        return self._of.get((arm_id or "").rstrip("/").lower(), "")

    def all(self) -> list[str]:
        """Return every tenant that is named: those that a credential may be asked for besides its own."""
        return sorted(set(self._of.values()))


class InTenant:
    """A credential whose tokens are of one tenant, whichever tenant it is signed in to."""

    def __init__(self, credential: Any, tenant: str) -> None:
        self._credential = credential
        self._tenant = tenant

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Return a token; a tenant that the caller names goes before. Raises what the credential raises."""
        return self._credential.get_token(*scopes, **{**options, "tenant_id": options.get("tenant_id") or self._tenant})
