"""What a deployment is charged for: the hours that it is there (docs/azure.md, section 20)."""

from __future__ import annotations

from reconciler.core.charges import Charges, Hosting
from reconciler.core.resource import Address, Desired, Observed
from reconciler.kinds.deployment.checkpoint import CHECKPOINT_IDS
from reconciler.kinds.deployment.gate_spec import TRIAL_SKU, CommandGate
from reconciler.kinds.deployment.spec import DeploymentSpec, JobModel


def charges_of(desired: Desired) -> Charges:
    """Return what a declared deployment is charged for."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    model = Address("FineTuneJob", spec.model.job) if isinstance(spec.model, JobModel) else spec.model.name
    tried = any(isinstance(gate, CommandGate) for gate in spec.gates)
    return Charges(hosting=Hosting(model, spec.sku.name, spec.sku.capacity), trial_sku=TRIAL_SKU if tried else "")


def live_charges(live: Observed) -> Charges:
    """Return what a live deployment is charged for; what Azure did not say of it is no charge that can be told."""
    sku = getattr(live.spec, "sku", None)
    model = live.outputs.get("model") or getattr(getattr(live.spec, "model", None), "name", "")
    if sku is None or not model:
        return Charges()
    told = "" if str(model).startswith(CHECKPOINT_IDS) else str(model)
    return Charges(hosting=Hosting(told, str(sku.name), int(getattr(sku, "capacity", None) or 1)))
