"""What a deployment is charged for: the hours that it is there (docs/azure.md, section 20)."""

from __future__ import annotations

from reconciler.azure.wire import mapping, text
from reconciler.core.charges import Charges, Hosting
from reconciler.core.in_use import CHECKPOINT_IDS
from reconciler.core.resource import Address, Desired, Observed, Phase
from reconciler.kinds.deployment.gate_spec import TRIAL_SKU, CommandGate
from reconciler.kinds.deployment.spec import DeploymentSpec, JobModel


def charges_of(desired: Desired) -> Charges:
    """Return what a declared deployment is charged for."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    model = Address("FineTuneJob", spec.model.job) if isinstance(spec.model, JobModel) else _named(spec.model.name)
    tried = any(isinstance(gate, CommandGate) for gate in spec.gates)
    return Charges(hosting=Hosting(model, spec.sku.name, spec.sku.capacity), trial_sku=TRIAL_SKU if tried else "")


def live_charges(live: Observed) -> Charges:
    """Return what a live deployment is charged for; what Azure did not say of it is no charge that can be told."""
    if _never_served(live):
        return Charges()
    sku = getattr(live.spec, "sku", None)
    model = live.outputs.get("model") or getattr(getattr(live.spec, "model", None), "name", "")
    if sku is None or not model:
        return Charges()
    return Charges(hosting=Hosting(_named(str(model)), str(sku.name), int(getattr(sku, "capacity", None) or 1)))


def _never_served(live: Observed) -> bool:
    """Return whether it failed as it was made: no write came after the one that made it (docs/azure.md, section 9).

    What Azure disabled may have served, whatever was written last.
    """
    dates = mapping(mapping(live.facts, "raw"), "systemData")
    made = text(dates, "createdAt")
    is_first = bool(made) and made == text(dates, "lastModifiedAt")
    return is_first and live.phase is Phase.FAILED and live.status.lower() != "disabled"


def _named(model: str) -> str:
    """Return what is served by its name, "" for the id of a checkpoint: it does not tell the base."""
    return "" if model.startswith(CHECKPOINT_IDS) else model
