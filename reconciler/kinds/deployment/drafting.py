"""A manifest for a deployment that none declares: the model, the size, and what differs from Azure's own defaults."""

from __future__ import annotations

import re
from typing import Any

from reconciler.azure.wire import mapping
from reconciler.core.draft import Draft, Named
from reconciler.core.in_use import CHECKPOINT_IDS
from reconciler.core.resource import Observed, Phase
from reconciler.kinds.deployment.spec import DeploymentSpec, NamedModel

_DEFAULT_FILTER = "microsoft.default"
_AUTOMATIC = "oncenewdefaultversionavailable"
_MANAGED = frozenset({"model", "raiPolicyName", "versionUpgradeOption"})
_CHECKPOINT = re.compile(r"^(?P<model>.+):ckpt-step-(?P<step>\d+)$")


def draft_of(live: Observed, named: Named, writable: tuple[str, ...]) -> Draft | str:
    """Return the manifest of a deployment, or why there can be none; `writable` are properties that a change sends back."""
    if live.phase is Phase.FAILED:
        return f"its provisioning ended as {live.status}"
    if live.phase is not Phase.READY:
        return f"Azure is still busy with it ({live.status}); run this again"
    spec = live.spec
    assert isinstance(spec, DeploymentSpec)
    model = spec.model
    if not isinstance(model, NamedModel) or not model.name or not spec.sku.name or spec.sku.capacity < 1:
        return "Azure does not say its model and its size"
    job = named.get(("FineTuneJob", model.name.lower()))
    given = {"name": model.name, "version": model.version, "format": model.format, "source": model.source}
    fields: dict[str, Any] = {
        "model": {"job": job} if job else {key: value for key, value in given.items() if value},
        "sku": {"name": spec.sku.name, "capacity": spec.sku.capacity},
    }
    if spec.rai_policy_name and not spec.rai_policy_name.lower().startswith(_DEFAULT_FILTER):
        fields["rai_policy_name"] = spec.rai_policy_name
    upgrade = spec.version_upgrade_option or ""
    if upgrade and upgrade.lower() != _AUTOMATIC:
        fields["version_upgrade_option"] = upgrade
    trained = ".ft-" in model.name or model.name.startswith(CHECKPOINT_IDS)
    # Azure moves a base model to its next version by itself: that is no drift (docs/azure.md, section 9).
    upgrades = not job and not trained and upgrade.lower() in {_AUTOMATIC, "oncecurrentversionexpired"}
    return Draft(
        live,
        live.name,
        fields,
        adopt=True,
        ignore=("model.version",) if upgrades else (),
        notes=tuple(_notes(live, model.name, named, writable)),
        live_name="deployment_name",
    )


def _notes(live: Observed, model: str, named: Named, writable: tuple[str, ...]) -> list[str]:
    properties = mapping(live.facts["raw"], "properties")
    others = sorted(key for key in writable if key not in _MANAGED and properties.get(key) is not None)
    notes = [f"kept as they are: {', '.join(others)}"] if others else []
    found = _CHECKPOINT.match(model)
    if found:
        job = named.get(("FineTuneJob", found["model"].lower()))
        notes.append(f"the checkpoint of step {found['step']}" + (f" of FineTuneJob/{job}" if job else ""))
    return notes
