"""The base models that Azure documents as fine-tunable, as dated data. Nothing here decides: it only makes warnings.

Sources, read on 2026-11-22 (docs/azure.md, section 16):

- methods, training types, deployments: `articles/foundry/includes/fine-tune-supported-models.md` of
  `MicrosoftDocs/azure-ai-docs` (9586c84, 2026-10-06), and its pages of standard and provisioned regions (2026-10-07)
- ends: `articles/foundry/openai/includes/concepts-model-retirement-schedule-content.md` (00bb554, 2026-07-07)
- tokens an example: the table of models of 2025 (eb893425); an ARM catalog of 2025 said 131,072 for gpt-4o
- vision: the table of 2026-03-05 (10fd319); the newer one has no such column
- encodings: PyPI `tiktoken` 0.12, `model.py`
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

SUPPORT_AS_OF = date(2026, 10, 6)
"""Date of the table of methods, training types and deployments."""
RETIREMENT_AS_OF = date(2026, 7, 7)
"""Date of the schedule of retirements."""

STANDARD, DATA_ZONE, GLOBAL, DEVELOPER = "standard", "data_zone", "global", "developer"
O200K, HARMONY, OTHER = "o200k_base", "o200k_harmony", "other"
DOCUMENTED_CONTEXT = 65_536
SKUS = {
    name.lower(): name
    for name in (
        "Standard",
        "GlobalStandard",
        "DataZoneStandard",
        "ProvisionedManaged",
        "GlobalProvisionedManaged",
        "DataZoneProvisionedManaged",
        "GlobalBatch",
        "DataZoneBatch",
        "DeveloperTier",
    )
}
"""Lower-case name of each known sku to its spelling (docs/azure.md, section 10)."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is documented of one base model.

    `methods` and `training_types` are the words of our manifests. `skus` are those of a deployment of a model that was
    trained from it; empty if it is served in another way than by a deployment of the account. `context` is the most
    tokens of one training example, None if that is not documented. `training_ends` is the first day on which existing
    customers may not train any more, as far as it is announced ("not before"); `deployment_ends` the same for serving.
    """

    name: str
    version: str
    format: str = "OpenAI"
    methods: tuple[str, ...] = ("supervised",)
    training_types: tuple[str, ...] = (STANDARD, DATA_ZONE, GLOBAL, DEVELOPER)
    skus: tuple[str, ...] = ("Standard", "GlobalStandard", "DataZoneStandard", "DeveloperTier")
    context: int | None = None
    vision: bool = False
    encoding: str = O200K
    training_ends: date | None = None
    deployment_ends: date | None = None
    aliases: tuple[str, ...] = ()
    remark: str = ""

    @property
    def id(self) -> str:
        """Return the id on the data plane: with the version for OpenAI's models, the bare name for open-weight ones."""
        return f"{self.name}-{self.version}" if self.format == "OpenAI" and self.version else self.name


_SFT_DPO = ("supervised", "dpo")
_SFT_RFT = ("supervised", "reinforcement")
_4O_TRAINING, _4O_SERVING = date(2027, 4, 1), date(2027, 10, 1)
_41_TRAINING, _41_SERVING = date(2027, 4, 14), date(2027, 10, 14)


def _open_weight(name: str, version: str, publisher: str, *aliases: str, encoding: str = OTHER) -> ModelFacts:
    return ModelFacts(
        name, version, publisher, ("supervised",), (DATA_ZONE, GLOBAL), ("GlobalStandard",),
        encoding=encoding, aliases=aliases,
    )  # fmt: skip


def _preview(name: str, methods: tuple[str, ...], skus: tuple[str, ...] = (), encoding: str = OTHER) -> ModelFacts:
    """Return a model in preview; the format of its deployments is documented nowhere."""
    return ModelFacts(name, "", "", methods, (GLOBAL, DEVELOPER), skus, encoding=encoding, remark="in preview")


MODELS: tuple[ModelFacts, ...] = (
    ModelFacts(
        "gpt-4o-mini", "2024-07-18", skus=("Standard", "GlobalStandard", "DataZoneStandard", "ProvisionedManaged"),
        context=DOCUMENTED_CONTEXT, training_ends=_4O_TRAINING, deployment_ends=_4O_SERVING,
    ),
    ModelFacts(
        "gpt-4o", "2024-08-06", methods=_SFT_DPO,
        skus=("Standard", "GlobalStandard", "DataZoneStandard", "ProvisionedManaged"),
        context=DOCUMENTED_CONTEXT, vision=True, training_ends=_4O_TRAINING, deployment_ends=_4O_SERVING,
    ),
    ModelFacts(
        "gpt-4.1", "2025-04-14", methods=_SFT_DPO,
        skus=("Standard", "GlobalStandard", "DataZoneStandard", "DeveloperTier", "ProvisionedManaged"),
        context=DOCUMENTED_CONTEXT, vision=True, training_ends=_41_TRAINING, deployment_ends=_41_SERVING,
    ),
    ModelFacts(
        "gpt-4.1-mini", "2025-04-14", methods=_SFT_DPO, context=DOCUMENTED_CONTEXT,
        training_ends=_41_TRAINING, deployment_ends=_41_SERVING,
    ),
    ModelFacts(
        "gpt-4.1-nano", "2025-04-14", methods=_SFT_DPO, context=DOCUMENTED_CONTEXT,
        training_ends=_41_TRAINING, deployment_ends=_41_SERVING,
    ),
    ModelFacts(
        "o4-mini", "2025-04-16", methods=("reinforcement",),
        training_ends=date(2027, 4, 16), deployment_ends=date(2027, 10, 16),
    ),
    ModelFacts(
        "gpt-5", "2025-08-07", methods=("reinforcement",), training_types=(STANDARD, DATA_ZONE, GLOBAL),
        skus=("Standard",), remark="by invitation only",
    ),
    _open_weight("Ministral-3B", "2411", "Mistral AI"),
    # Four spellings of one model, by source and date.
    _open_weight("Qwen3-32B", "1", "Alibaba", "Qwen-32B", "Qwen-3-32B"),
    _open_weight("Llama-3.3-70B-Instruct", "9", "Meta", "Llama-3.3-70B"),
    _open_weight("gpt-oss-20b", "1", "Microsoft", encoding=HARMONY),
    _preview("gpt-oss-120b", _SFT_RFT, encoding=HARMONY),
    _preview("Qwen3.6-35B-A3B", _SFT_RFT),
    _preview("Qwen3.8-27B", _SFT_RFT),
    _preview("Muse-Glimmer-30B", _SFT_RFT),
    _preview("MAI-Code-1.1-Flash", ("reinforcement",), ("GlobalStandard",)),
    ModelFacts(
        "MedImageInsight-Premium", "", "Microsoft", training_types=(GLOBAL,), skus=("GlobalStandard",), vision=True,
        encoding=OTHER, remark="in preview",
    ),
    ModelFacts(
        "CXRReportgen-Premium", "", "Microsoft", training_types=(GLOBAL,), skus=("GlobalStandard",), vision=True,
        encoding=OTHER, remark="in preview",
    ),
    # In no table; the service itself named reinforcement as the method that it requires (docs/azure.md, section 16).
    ModelFacts(
        "gpt-5.4-mini", "2026-03-17", methods=("reinforcement",), training_types=(STANDARD, DATA_ZONE, GLOBAL, DEVELOPER),
        remark="in no table of Microsoft",
    ),
)  # fmt: skip
