"""List prices of fine-tuning, as dated data: training, hosting, graders. Needs no SDK and no network.

```
training_price("gpt-4.1-mini-2025-04-14", "global")   -> Price(5, 5, "1M tokens", …)
training_price("o4-mini", "standard", "swedencentral")  -> Price(121, 121, "1 hour", …)
hosting_price("gpt-4.1-mini", "GlobalStandard")       -> Price(1.70, 1.70, "1 hour", …)
```

`prices.json` is made from Azure's own meters by tools/make_prices.py; each row names its meter. What has no meter is
None and never guessed. docs/azure.md, section 20, has the sources and where they disagree: Microsoft's own example of
the cost of a training is 12.5 times too low.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from reconciler.models import base_of, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["AS_OF", "STOP", "Price", "grader_price", "hosting_price", "is_provisioned", "model_key", "training_price"]

Unit = Literal["1M tokens", "1 hour"]
AS_OF = date(2026, 8, 11)
"""The day of the prices in `prices.json`; a test keeps the two together."""
STOP = Decimal(5000)
"""Dollars at which Azure pauses a reinforcement training; resumed, it has no further stop (docs/azure.md, section 20)."""
FREE_SKU = "developertier"
"""The sku whose deployments are not billed by the hour (documented; there is no meter either)."""
_SCOPES: Mapping[str, str] = {"standard": "standard", "globalstandard": "global", "datazonestandard": "data_zone"}
"""Lower-case sku to the reach whose hosting it pays."""
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_OTHER_CLOUDS = re.compile(r"^(us(gov|dod)|china)")
"""Regions of other clouds: a price that is the same everywhere is so in the public cloud only."""


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars a unit. `low` and `high` differ where the region decides and is not known."""

    low: Decimal
    high: Decimal
    unit: Unit
    as_of: date | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    usd: Decimal
    unit: Unit
    regions: frozenset[str]
    meter: str


def training_price(model: str, training_type: str, region: str | None = None) -> Price | None:
    """Return the price of a million tokens, or of an hour for models that are trained by reinforcement.

    `training_type` is a word of our manifests. Without a region the price is the range over all of the public cloud.
    """
    return _price(model, "training", training_type, region)


def hosting_price(model: str, sku: str, region: str | None = None) -> Price | None:
    """Return the price of an hour of a deployment of a model that was trained from this one.

    Nothing for the developer tier. None for provisioned skus: they are billed by units that other offers share.
    """
    word = sku.lower()
    if word == FREE_SKU:
        return Price(Decimal(0), Decimal(0), "1 hour", AS_OF, "documented: the developer tier has no hosting fee")
    return _price(model, "hosting", _SCOPES[word], region) if word in _SCOPES else None


def grader_price(model: str) -> tuple[Price, Price] | None:
    """Return the prices of a million tokens in and out of a model that grades; None if either is not known.

    An embedding gives nothing out, so what is out costs nothing.
    """
    into, out = _price(model, "grader", "input", None), _price(model, "grader", "output", None)
    if into is not None and out is None and model_key(model).startswith("text-embedding"):
        out = Price(Decimal(0), Decimal(0), "1M tokens", into.as_of, into.source)
    return (into, out) if into is not None and out is not None else None


def is_provisioned(sku: str) -> bool:
    """Return whether a sku is billed by provisioned throughput."""
    return "provisioned" in sku.lower()


def model_key(model: str) -> str:
    """Return the one spelling by which prices of a model are found: without its version, in lower case."""
    facts = find(model)
    return (facts.name if facts else _DATED.sub("", base_of(model))).lower()


@lru_cache(maxsize=1024)
def _price(model: str, what: str, scope: str, region: str | None) -> Price | None:
    rows = _rows().get((model_key(model), what, scope), ())
    if not _same_version(model, what):
        return None
    found = _within(rows, re.sub(r"[^a-z0-9]", "", region.lower()) if region else None, regional=scope == "standard")
    if not found:
        return None
    prices = [row.usd for row in found]
    source = f"{_document()['source']}, meter {found[0].meter!r}"
    return Price(min(prices), max(prices), found[0].unit, AS_OF, source)


def _same_version(model: str, what: str) -> bool:
    """Whether a name with a version means the version that the meters are of: another one may have another price.

    Graders are named by several versions (gpt-4o-2024-08-06, o3-mini-2025-01-31), and their meters by none. Of a
    model that is in no table no version is known to be the wrong one.
    """
    base = base_of(model)
    return what == "grader" or find(base) is not None or find(_DATED.sub("", base)) is None


def _within(rows: Iterable[_Row], region: str | None, *, regional: bool) -> list[_Row]:
    """Return the rows of a region.

    What is not `regional` and costs the same in the whole public cloud costs that in its other regions too: the
    documented regions and those of the meters are not the same, and a row is no promise of availability.
    """
    public = [row for row in rows if not all(_OTHER_CLOUDS.match(name) for name in row.regions)]
    if region is None:
        return public
    here = [row for row in rows if region in row.regions]
    if here or regional or _OTHER_CLOUDS.match(region) or len({row.usd for row in public}) != 1:
        return here
    return public if len({name for row in public for name in row.regions}) > 1 else []


@cache
def _rows() -> Mapping[tuple[str, str, str], tuple[_Row, ...]]:
    found: dict[tuple[str, str, str], list[_Row]] = {}
    for row in _document()["rows"]:
        key = (str(row["model"]), str(row["what"]), str(row["scope"]))
        made = _Row(Decimal(row["usd"]), row["unit"], frozenset(row["regions"].split()), row["meter"])
        found.setdefault((model_key(key[0]), key[1], key[2]), []).append(made)
    return {key: tuple(rows) for key, rows in found.items()}


@cache
def _document() -> dict[str, Any]:
    text = resources.files("reconciler.prices").joinpath("prices.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
