"""The table of prices: what is in it, by whatever name a model is called, and what is not and stays unknown."""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from reconciler.prices import AS_OF, grader_price, hosting_price, is_provisioned, model_key, training_price

TUNED = ".ft-" + "0" * 32 + "-tone"
ROOT = Path(__file__).parents[2]


def document() -> dict[str, Any]:
    return json.loads(resources.files("reconciler.prices").joinpath("prices.json").read_text())


def test_every_row_says_where_it_comes_from() -> None:
    rows = document()["rows"]
    assert document()["as_of"] == AS_OF.isoformat()
    assert document()["source"]
    for row in rows:
        assert row["meter"], row
        assert row["regions"], row
        assert date.fromisoformat(row["since"]) <= AS_OF
        assert Decimal(row["usd"]) > 0
        assert row["unit"] == ("1 hour" if row["what"] == "hosting" or "RFT" in row["meter"].upper() else "1M tokens")


@pytest.mark.parametrize(
    ("model", "training_type", "region", "low", "high", "unit"),
    [
        ("gpt-4.1-mini-2025-04-14", "global", None, "5", "5", "1M tokens"),
        ("gpt-4.1-mini", "global", "italynorth", "5", "5", "1M tokens"),
        ("gpt-4.1-mini", "developer", None, "2.5", "2.5", "1M tokens"),
        ("gpt-4.1-mini", "data_zone", None, "5.5", "5.5", "1M tokens"),
        ("gpt-4.1-mini", "standard", "swedencentral", "6.05", "6.05", "1M tokens"),
        ("gpt-4.1-mini", "standard", "Sweden Central", "6.05", "6.05", "1M tokens"),
        ("gpt-4.1-mini", "standard", "northcentralus", "5.5", "5.5", "1M tokens"),
        ("gpt-4.1-mini", "standard", None, "5.5", "6.6", "1M tokens"),
        ("GPT-4.1" + TUNED, "global", None, "25", "25", "1M tokens"),
        ("gpt-4o-2024-08-06", "standard", "swedencentral", "27.5", "27.5", "1M tokens"),
        ("gpt-4.1-nano", "standard", "swedencentral", "1.815", "1.815", "1M tokens"),
        ("o4-mini", "developer", None, "50", "50", "1 hour"),
        ("o4-mini-2025-04-16", "standard", "swedencentral", "121", "121", "1 hour"),
        ("gpt-oss-20b", "global", None, "3.6", "3.6", "1M tokens"),
        ("Llama-3.3-70B", "data_zone", None, "4.95", "4.95", "1M tokens"),
        ("Ministral-3B", "global", "usgovvirginia", "1.25", "1.25", "1M tokens"),
    ],
)
def test_training(model: str, training_type: str, region: str | None, low: str, high: str, unit: str) -> None:
    price = training_price(model, training_type, region)
    assert price is not None
    assert (price.low, price.high, price.unit) == (Decimal(low), Decimal(high), unit)
    assert price.as_of == AS_OF
    assert "meter" in price.source


@pytest.mark.parametrize(
    ("model", "training_type", "region", "reason"),
    [
        ("gpt-5-2025-08-07", "global", None, "there is no meter of it"),
        ("Qwen3-32B", "global", None, "there is no meter of it"),
        ("gpt-4.1", "standard", "westeurope", "a regional price is of its region only"),
        ("gpt-4.1", "global", "usgovvirginia", "another cloud has prices of its own"),
        ("gpt-4o-2024-11-20", "global", None, "the meters are of another version"),
        ("o3-mini-2025-01-31", "global", "swedencentral", "the price of one region is not that of all"),
        ("somebody's model", "global", None, "nothing is known of it"),
    ],
)
def test_what_is_not_known_is_not_guessed(model: str, training_type: str, region: str | None, reason: str) -> None:
    assert training_price(model, training_type, region) is None, reason


def test_global_is_twice_developer_and_no_dearer_than_the_region() -> None:
    for model in ("gpt-4.1", "gpt-4.1-mini", "gpt-4.1-nano", "gpt-4o", "gpt-4o-mini", "o4-mini"):
        prices = [training_price(model, kind) for kind in ("developer", "global", "standard")]
        developer, everywhere, regional = (price.low if price else None for price in prices)
        assert developer is not None
        assert everywhere is not None
        assert regional is not None
        assert everywhere == 2 * developer
        assert everywhere < regional


@pytest.mark.parametrize(
    ("model", "sku", "region", "usd"),
    [
        ("gpt-4.1-mini" + TUNED, "GlobalStandard", None, "1.7"),
        ("gpt-4.1-mini", "globalstandard", None, "1.7"),
        ("gpt-4.1", "DataZoneStandard", None, "1.7"),
        ("gpt-4o", "Standard", "southeastasia", "2.04"),
        ("gpt-oss-20b", "GlobalStandard", None, "0.3"),
        ("anything", "DeveloperTier", None, "0"),
    ],
)
def test_hosting(model: str, sku: str, region: str | None, usd: str) -> None:
    price = hosting_price(model, sku, region)
    assert price is not None
    assert price.low == price.high == Decimal(usd)


def test_provisioned_throughput_has_no_price_here() -> None:
    assert is_provisioned("DataZoneProvisionedManaged")
    assert hosting_price("gpt-4.1", "ProvisionedManaged") is None
    assert hosting_price("gpt-5", "Standard") is None


def test_graders() -> None:
    found = grader_price("o3-mini-2025-01-31")
    assert found is not None
    assert [price.low for price in found] == [Decimal("1.21"), Decimal("4.84")]
    embedding = grader_price("text-embedding-3-large")
    assert embedding is not None
    assert [price.low for price in embedding] == [Decimal("0.13"), 0]
    assert grader_price("gpt-5") is None


def test_a_model_has_one_key() -> None:
    names = ("gpt-4.1-mini", "GPT-4.1-mini-2025-04-14", "gpt-4.1-mini-2025-04-14" + TUNED)
    assert {model_key(name) for name in names} == {"gpt-4.1-mini"}


CSV = """\
productName,meterName,unitOfMeasure,retailPriceUSD,effectiveStartDate,regions
Azure OpenAI,gpt-4.1 FT Training global Tokens,1K,0.03,2025-01-01,eastus westus
Azure OpenAI,gpt-4.1 FT Training global Tokens,1K,0.025,2025-04-01,eastus
Azure OpenAI,gpt-4.1 FT Training global Tokens,1K,0.02,2027-01-01,eastus
Azure OpenAI,gpt-4.1-ft hosting global Unit,1 Hour,1.7,2025-04-01,eastus
Azure OpenAI,gpt-9 FT Training global Tokens,1K,9,2025-04-01,eastus
"""


def test_the_table_can_be_made_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = importlib.util.spec_from_file_location("make_prices", ROOT / "tools" / "make_prices.py")
    assert where is not None
    assert where.loader is not None
    tool = importlib.util.module_from_spec(where)
    where.loader.exec_module(tool)
    as_csv, as_json = tmp_path / "meters.csv", tmp_path / "meters.json"
    as_csv.write_text(CSV)
    items = [
        {
            "meterName": line.split(",")[1],
            "unitOfMeasure": line.split(",")[2],
            "retailPrice": float(line.split(",")[3]),
            "effectiveStartDate": line.split(",")[4] + "T00:00:00Z",
            "armRegionName": region,
            "type": "Consumption",
        }
        for line in CSV.splitlines()[1:]
        for region in line.split(",")[5].split()
    ]
    as_json.write_text(json.dumps({"Items": items}))
    made = []
    for file in (as_csv, as_json):
        tool.OUT = tmp_path / "prices.json"
        tool.main(str(file), "2026-08-11", "a test")
        made.append(tool.OUT.read_text())
    assert made[0] == made[1]
    rows = [(row["usd"], row["since"], row["regions"]) for row in json.loads(made[0])["rows"]]
    assert rows == [("1.7", "2025-04-01", "eastus"), ("25", "2025-04-01", "eastus"), ("30", "2025-01-01", "westus")], (
        "the newest price that holds on the day, region by region"
    )
    assert "not used: gpt-9 FT Training global Tokens" in capsys.readouterr().err
    for wrong in ("-1.7", "", "0", "nan", "free"):
        as_csv.write_text(CSV.replace("1 Hour,1.7", f"1 Hour,{wrong}"))
        with pytest.raises(SystemExit, match="ft hosting global Unit, since 2025-04-01: the price is missing"):
            tool.main(str(as_csv), "2026-08-11", "a test")
        assert tool.OUT.read_text() == made[0], "a price that is none leaves the table as it was"
    as_json.write_text(json.dumps([{key: value for key, value in items[0].items() if key != "retailPrice"}]))
    with pytest.raises(SystemExit, match="FT Training global Tokens"):
        tool.main(str(as_json), "2026-08-11", "a test")


def test_every_price_of_the_table_is_a_number_above_nothing() -> None:
    rows = json.loads((ROOT / "reconciler/prices/prices.json").read_text())["rows"]
    assert [row for row in rows if not Decimal(row["usd"]) > 0] == []
