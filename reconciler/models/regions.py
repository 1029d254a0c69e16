"""In which regions training and serving are documented, as dated data. Nothing here decides: it only makes warnings.

Sources, read on 2026-11-22 (docs/azure.md, section 21):

- global: `articles/foundry/openai/includes/fine-tune-global-training-regions.md` of `MicrosoftDocs/azure-ai-docs` (9586c84, 2026-10-06)
- standard: `articles/foundry/includes/fine-tune-supported-models.md` (10fd319, 2026-03-05); the newer page has no regions
- standard deployments: `fine-tune-standard-deployment-regions.md` (9586c84, 2026-10-07)

Of data zone and developer training no list of regions is documented.
"""

from __future__ import annotations

from reconciler.models import find

GLOBAL = frozenset(
    [
        "australiaeast",
        "brazilsouth",
        "canadacentral",
        "canadaeast",
        "eastus",
        "eastus2",
        "francecentral",
        "germanywestcentral",
        "italynorth",
        "japaneast",
        "koreacentral",
        "northcentralus",
        "norwayeast",
        "polandcentral",
        "southafricanorth",
        "southcentralus",
        "southindia",
        "southeastasia",
        "spaincentral",
        "swedencentral",
        "switzerlandnorth",
        "switzerlandwest",
        "uksouth",
        "westeurope",
        "westus",
        "westus3",
    ]
)
"""uaenorth is on the page too, for models in preview only."""
_TWO = frozenset({"northcentralus", "swedencentral"})
STANDARD = {
    "gpt-4o-mini": _TWO,
    "gpt-4o": _TWO | {"eastus2"},
    "gpt-4.1": _TWO,
    "gpt-4.1-mini": _TWO,
    "gpt-4.1-nano": _TWO,
    "gpt-5": _TWO,
    "o4-mini": frozenset({"eastus2", "swedencentral"}),
}
STANDARD_SERVING = {**STANDARD, "gpt-4o": frozenset({"eastus2", "swedencentral"})}
"""Where a `Standard` deployment of a trained model is documented: gpt-4o is trained in northcentralus, and not served there."""
_NOT_GLOBAL = {"gpt-4.1-nano": frozenset({"polandcentral"})}


def where_trained(model: str, training_type: str) -> frozenset[str] | None:
    """Return the regions for which training a model in a way is documented; None where no list is."""
    facts = find(model)
    if facts is None or facts.remark == "in preview":
        return None
    if training_type == "standard":
        return STANDARD.get(facts.name)
    return GLOBAL - _NOT_GLOBAL.get(facts.name, frozenset()) if training_type == "global" else None
