"""Deployments, through the control plane. Returns ARM's own objects as mappings."""

from __future__ import annotations

from urllib.parse import quote

from reconciler.azure.arm import Arm
from reconciler.azure.session import Session
from reconciler.azure.wire import Json, mapping, text


class Deployments:
    """The deployments of one account."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)

    def all(self) -> list[Json]:
        """Return all deployments."""
        return self._arm.list(f"{self._arm.account}/deployments", "listing deployments")

    def get(self, name: str) -> Json:
        """Return one deployment."""
        return self._arm.get(self._url(name), f"reading deployment {name}")

    def put(self, name: str, body: Json) -> Json:
        """Create or replace a deployment; returns what is answered (it may be empty), without waiting for the operation."""
        model = mapping(mapping(body, "properties"), "model")
        source = text(model, "source", "sourceAccount")
        return self._arm.write("PUT", self._url(name), f"writing deployment {name}", body, source)

    def patch(self, name: str, body: Json) -> Json:
        """Change `sku` and `tags`; ARM takes nothing else in a PATCH (docs/azure.md, section 8)."""
        return self._arm.write("PATCH", self._url(name), f"changing deployment {name}", body)

    def delete(self, name: str) -> None:
        """Delete a deployment, without waiting for the operation."""
        self._arm.write("DELETE", self._url(name), f"deleting deployment {name}")

    def why_failed(self, name: str) -> str:
        """Return why the last write of this process to a deployment has failed; "" if Azure does not say."""
        return self._arm.why_failed(self._url(name))

    def has_written(self, name: str) -> bool:
        """Return whether this process has changed a deployment: what Azure does not tell it, Azure tells nobody."""
        return self._arm.has_written(self._url(name))

    def account(self) -> Json:
        """Return the account itself."""
        return self._arm.get(self._arm.account, "reading the account")

    def _url(self, name: str) -> str:
        return f"{self._arm.account}/deployments/{quote(name, safe='')}"
