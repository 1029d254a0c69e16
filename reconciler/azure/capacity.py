"""Quota and capacity as ARM tells them: how much of each pool of a region is in use, and what is free for a model.

Both are routes of the subscription, so a role on the account alone does not let them be read (docs/azure.md, section 21).
"""

from __future__ import annotations

from reconciler.azure.arm import Arm
from reconciler.azure.session import Session
from reconciler.azure.wire import mapping, number, text
from reconciler.core.quota import Free, Pool


class Capacity:
    """What is left for deployments in the region of one account."""

    def __init__(self, session: Session) -> None:
        self._arm = Arm(session)
        self._declared = session.account.spec.location

    def region(self) -> str:
        """Return the region of the account, in the spelling of ARM's routes: from its manifest, else from ARM."""
        found = self._declared or text(self._arm.get(self._arm.account, "reading the account"), "location")
        return found.replace(" ", "").lower()

    def pools(self, region: str) -> list[Pool]:
        """Return the quota pools of the subscription in a region; what has no number is left out."""
        rows = self._arm.list(f"{self._arm.provider}/locations/{region}/usages", "reading the quota")
        found: list[Pool] = []
        for row in rows:
            name, used, limit = text(mapping(row, "name"), "value"), number(row, "currentValue"), number(row, "limit")
            if name and used is not None and limit is not None:
                found.append(Pool(name, int(used), int(limit)))
        return found

    def free(self, region: str, model_format: str, name: str, version: str) -> list[Free]:
        """Return what is free of one model in a region, for fine-tuned deployments, by sku."""
        query = {"modelFormat": model_format, "modelName": name, "modelVersion": version}
        rows = self._arm.list(
            f"{self._arm.provider}/locations/{region}/modelCapacities", "reading the model's capacity", query
        )
        found: list[Free] = []
        for row in rows:
            properties = mapping(row, "properties")
            amount = number(properties, "availableFinetuneCapacity")
            if text(properties, "skuName") and amount is not None:
                found.append(Free(text(properties, "skuName"), int(amount)))
        return found
