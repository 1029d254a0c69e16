"""Whether a sku is documented for what is to be served: said before a training is paid for that could not be deployed so.

The tables are dated, so this only warns. Azure's own word is asked for when a plan is made (`cli.preflight`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconciler.core.account import Account
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired
from reconciler.kinds.deployment.spec import DeploymentSpec, JobModel
from reconciler.models import base_of, find
from reconciler.models.regions import STANDARD_SERVING
from reconciler.models.table import SKUS, SUPPORT_AS_OF
from reconciler.prices import FREE_SKU

_IN_US = re.compile(r"us\d?$")
"""Regions in the United States, by how their names end."""


def check_offered(desired: Desired, declared: Mapping[Address, Desired], account: Account) -> Iterator[Fault]:
    """Warn of a sku that is not documented for a model, or not in the region that the Account says."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    sku = spec.sku.name.lower()
    if sku not in SKUS:
        return
    model = _trained_model(spec, declared)
    base, tuned = base_of(model), isinstance(spec.model, JobModel) or base_of(model) != model.strip()
    facts = find(base)
    if facts is None:
        return
    if not tuned:
        if sku == FREE_SKU:
            yield _warning(desired, f"{SKUS[sku]} serves fine-tuned models only, and {model} is a base model.", ())
        return
    here = (account.spec.location or "").replace(" ", "").lower()
    offered = {name.lower() for name in facts.skus}
    if not offered:
        served = "managed compute or Fireworks serve it, which are not deployments of an account"
        yield _warning(desired, f"No sku is documented for {facts.name}: {served}.", ())
    elif sku not in offered:
        yield _warning(desired, f"{SKUS[sku]} is not documented for models trained from {facts.name}.", facts.skus)
    elif sku == "datazonestandard" and here and not _IN_US.search(here):
        told = f"DataZoneStandard is documented for trained models in the United States only, and not in {here}."
        yield _warning(desired, told, tuple(name for name in facts.skus if name != "DataZoneStandard"))
    elif sku == "standard" and here:
        regions = STANDARD_SERVING.get(facts.name)
        if regions and here not in regions:
            listed = " and ".join(sorted(regions))
            told = f"Standard is documented for models trained from {facts.name} in {listed}, and not in {here}."
            yield _warning(desired, told, tuple(name for name in facts.skus if name != "Standard"))


def _trained_model(spec: DeploymentSpec, declared: Mapping[Address, Desired]) -> str:
    """Return what is served, or the model at the beginning of the chain of jobs that makes it; "" if it cannot be told."""
    model: object = spec.model
    seen: set[str] = set()
    while (job := getattr(model, "job", None)) is not None and job not in seen:
        seen.add(job)
        item = declared.get(Address("FineTuneJob", job))
        model = getattr(item.spec, "model", None) if item else None
    return model if isinstance(model, str) else str(getattr(model, "name", "") or "")


def _warning(desired: Desired, told: str, others: tuple[str, ...]) -> Fault:
    others = tuple(name for name in others if not name.startswith("Provisioned")) or others
    return Fault(
        "sku-undocumented",
        "The sku is not documented for this model",
        f"{told} Azure may refuse it, and does so only when the model is deployed (table of {SUPPORT_AS_OF}).",
        f"Documented are: {', '.join(others)}." if others else "",
        desired.place_of("spec.sku.name"),
        str(desired.address),
        "warning",
    )
