"""The base models that the emulated service knows, as data.

Methods, training types and skus: Microsoft's support table of 2026-10-06. Retirement days: the schedule of 2026-07-07. The
`fine_tune_flag` is false for open-weight models although they can be fine-tuned, as the real service reports it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

STANDARD = "Standard"
GLOBAL = "globalStandard"
DEVELOPER = "developerTier"
# How the service calls data zone training is not known; the switch `data_zone_training` says whether this is it.
DATA_ZONE = "dataZoneStandard"

# The spellings that the service was seen to accept, in lower case, and the one it echoes. `1` stands for GlobalStandard.
TRAINING_TYPES = {
    "standard": STANDARD,
    "globalstandard": GLOBAL,
    "developertier": DEVELOPER,
    "datazonestandard": DATA_ZONE,
    "1": GLOBAL,
}

# Skus a deployment may have, by their lower-case name; the service echoes the spelling on the right.
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


@dataclass(frozen=True, slots=True)
class BaseModel:
    """One base model.

    Attributes:
        name: ARM model name.
        version: ARM model version.
        format: ARM model format (the publisher).
        methods: Fine-tuning methods; empty for a model that cannot be fine-tuned.
        training_types: Training types, in the spelling the service echoes.
        skus: Skus that a deployment of a fine-tuned model of this base may have.
        base_skus: Skus that a deployment of the base model itself may have.
        fine_tune_flag: What `capabilities.fine_tune` says, which is not always the truth.
        learning_rate: The learning rate multiplier that the service fills in when none is given.
        aliases: Further names that are accepted.
        lifecycle: `preview`, `generally-available`.
        training_retires: Day (UTC) after which nobody can train it, or empty.
        deployment_retires: Day (UTC) after which a fine-tuned deployment stops, or empty.
    """

    name: str
    version: str
    format: str = "OpenAI"
    methods: tuple[str, ...] = ("supervised",)
    training_types: tuple[str, ...] = (STANDARD, DATA_ZONE, GLOBAL, DEVELOPER)
    skus: tuple[str, ...] = ("Standard", "GlobalStandard", "DataZoneStandard", "ProvisionedManaged", "DeveloperTier")
    base_skus: tuple[str, ...] = ("Standard", "GlobalStandard", "DataZoneStandard", "ProvisionedManaged", "GlobalBatch")
    fine_tune_flag: bool = True
    learning_rate: float = 1.0
    aliases: tuple[str, ...] = ()
    lifecycle: str = "generally-available"
    training_retires: str = ""
    deployment_retires: str = ""

    @property
    def id(self) -> str:
        """The id on the data plane: name and version for OpenAI models, the bare name for open-weight ones."""
        return f"{self.name}-{self.version}" if self.format == "OpenAI" else self.name

    @property
    def quota_key(self) -> str:
        """The model's part of a quota name: `gpt-4.1-mini` is `gpt4.1-mini` there."""
        return self.name.replace("gpt-", "gpt", 1) if self.format == "OpenAI" else self.name


_NO_DEV = ("Standard", "GlobalStandard", "DataZoneStandard", "ProvisionedManaged")
_SFT_DPO = ("supervised", "dpo")


def _open_weight(name: str, version: str, publisher: str, *aliases: str) -> BaseModel:
    return BaseModel(
        name,
        version,
        publisher,
        training_types=(DATA_ZONE, GLOBAL),
        skus=("GlobalStandard",),
        base_skus=("GlobalStandard",),
        fine_tune_flag=False,
        aliases=aliases,
    )


DEFAULT_MODELS: tuple[BaseModel, ...] = (
    BaseModel(
        "gpt-4o-mini", "2024-07-18", skus=_NO_DEV, training_retires="2027-04-01", deployment_retires="2027-10-01"
    ),
    BaseModel(
        "gpt-4o",
        "2024-08-06",
        methods=_SFT_DPO,
        skus=_NO_DEV,
        training_retires="2027-04-01",
        deployment_retires="2027-10-01",
    ),
    BaseModel(
        "gpt-4.1", "2025-04-14", methods=_SFT_DPO, training_retires="2027-04-14", deployment_retires="2027-10-14"
    ),
    BaseModel(
        "gpt-4.1-mini", "2025-04-14", methods=_SFT_DPO, training_retires="2027-04-14", deployment_retires="2027-10-14"
    ),
    BaseModel(
        "gpt-4.1-nano",
        "2025-04-14",
        methods=_SFT_DPO,
        learning_rate=0.1,
        training_retires="2027-04-14",
        deployment_retires="2027-10-14",
    ),
    BaseModel(
        "o4-mini",
        "2025-04-16",
        methods=("reinforcement",),
        training_retires="2027-04-16",
        deployment_retires="2027-10-16",
    ),
    BaseModel(
        "gpt-5",
        "2025-08-07",
        methods=("reinforcement",),
        training_types=(STANDARD, DATA_ZONE, GLOBAL),
        skus=("Standard",),
    ),
    _open_weight("Ministral-3B", "2411", "Mistral AI"),
    _open_weight("Qwen3-32B", "1", "Alibaba", "Qwen-32B", "Qwen-3-32B"),
    _open_weight("Llama-3.3-70B-Instruct", "9", "Meta", "Llama-3.3-70B"),
    _open_weight("gpt-oss-20b", "1", "Microsoft"),
    # In no support table, yet the live service names it as a model for reinforcement only.
    BaseModel("gpt-5.4-mini", "2026-03-17", methods=("reinforcement",), training_types=(STANDARD, GLOBAL)),
    # Deployable and not fine-tunable: a base that Azure refuses for training.
    BaseModel("gpt-5-mini", "2025-08-07", methods=(), fine_tune_flag=False),
)


class Catalog:
    """Finds base models by any of their names, ignoring case."""

    def __init__(self, models: Iterable[BaseModel]) -> None:
        self.models = tuple(models)
        self._by_name: dict[str, BaseModel] = {}
        for model in self.models:
            for name in (model.name, model.id, *model.aliases):
                self._by_name.setdefault(name.lower(), model)

    def find(self, name: str) -> BaseModel | None:
        """The base model that this name means, if any."""
        return self._by_name.get(name.lower())


def unix_day(day: str) -> int | None:
    """Unix seconds of the start of an ISO day, UTC; None for an empty text."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) if day else None


def usage_name(model: BaseModel, sku: str, *, fine_tuned: bool) -> str:
    """The quota pool of a deployment: `OpenAI.<Sku>.<key>[-finetune]`, scoped to subscription and region.

    Base and fine-tuned deployments draw on separate pools.
    """
    family = "OpenAI" if model.format == "OpenAI" else "AIServices"
    return f"{family}.{sku}.{model.quota_key}{'-finetune' if fine_tuned else ''}"
