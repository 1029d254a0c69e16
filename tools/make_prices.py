"""Make reconciler/prices/prices.json from price meters of Azure: `python tools/make_prices.py FILE DATE SOURCE`.

FILE is what the public Azure Retail Prices API answers, in one of two forms:

- JSON: its answer, or a list of the `Items` of all its pages. docs/cost.md shows how they are fetched.
- CSV with the columns productName, meterName, unitOfMeasure, retailPriceUSD, effectiveStartDate, regions (several in
  one cell, separated by spaces).

DATE is the day on which the meters were read (a price that begins later is left out), SOURCE says where. The names of
meters follow no grammar, so each one is named below; what is about fine-tuning and is not named is listed on stderr.
A meter that is used and has no price above 0 ends it before anything is written: nothing of ours is free by mistake.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

OUT = Path(__file__).parent.parent / "reconciler" / "prices" / "prices.json"
STANDARD, DATA_ZONE, GLOBAL, DEVELOPER = "standard", "data_zone", "global", "developer"
PER_MILLION, PER_HOUR = "1M tokens", "1 hour"


class Meter(NamedTuple):
    """What a meter counts: `scope` is a training type, or for hosting the training type with the same reach."""

    model: str
    what: str
    scope: str


class Row(NamedTuple):
    """A price of a meter in some regions, from a day on. `usd` is None if there is no number above 0."""

    meter: str
    unit: str
    usd: Decimal | None
    since: str
    regions: tuple[str, ...]


def meters() -> dict[str, Meter]:
    """Return every meter that is used, by its name."""
    found: dict[str, Meter] = {}
    for size in ("", "-mini", "-nano"):
        model, spaced = f"gpt-4.1{size}", f"4.1{size.replace('-', ' ')}"
        found[f"{model} FT Training regional Tokens"] = Meter(model, "training", STANDARD)
        found[f"{model} FT Training global Tokens"] = Meter(model, "training", GLOBAL)
        found[f"{spaced} ft training Dz Tokens"] = Meter(model, "training", DATA_ZONE)
        found[f"gpt {spaced} dev ft training glbl Tokens"] = Meter(model, "training", DEVELOPER)
        found[f"{model}-ft hosting regional Unit"] = Meter(model, "hosting", STANDARD)
        found[f"{model}-ft hosting global Unit"] = Meter(model, "hosting", GLOBAL)
        found[f"{spaced} ft hosting Dz Unit"] = Meter(model, "hosting", DATA_ZONE)
        found[f"{model}-ft mdl grdr inpt Tokens"] = Meter(model, "grader", "input")
        found[f"{model}-ft mdl grdr opt Tokens"] = Meter(model, "grader", "output")
    for model, dated, spaced, token in (
        ("gpt-4o", "gpt-4o-0806", "4o 0806", "tkn "),
        ("gpt-4o-mini", "gpt-4o-mini-0718", "4o mini 0718", ""),
    ):
        found[f"{dated}-FT-Trng-regnl {token}Tokens"] = Meter(model, "training", STANDARD)
        found[f"{dated}-FT-Trng-glbl {token}Tokens"] = Meter(model, "training", GLOBAL)
        found[f"{spaced} ft training Dz Tokens"] = Meter(model, "training", DATA_ZONE)
        found[f"{model.replace('-', ' ')} dev ft training glbl Tokens"] = Meter(model, "training", DEVELOPER)
        found[f"{dated}-FT-Hstng-regnl Unit"] = Meter(model, "hosting", STANDARD)
        found[f"{dated}-FT-Hstng-glbl Unit"] = Meter(model, "hosting", GLOBAL)
        found[f"{spaced} ft hosting Dz Unit"] = Meter(model, "hosting", DATA_ZONE)
    for model in ("o4-mini", "o3-mini"):
        spaced = model.replace("-", " ")
        found[f"{model} RFT Training regional Unit"] = Meter(model, "training", STANDARD)
        found[f"{model} RFT Training global Unit"] = Meter(model, "training", GLOBAL)
        found[f"{spaced} rft training Dz Unit"] = Meter(model, "training", DATA_ZONE)
        found[f"{spaced} dev RFT Training glb Unit"] = Meter(model, "training", DEVELOPER)
        found[f"{model}-ft hosting regional Unit"] = Meter(model, "hosting", STANDARD)
        found[f"{model}-ft hosting global Unit"] = Meter(model, "hosting", GLOBAL)
        found[f"{spaced} ft hosting Dz Unit"] = Meter(model, "hosting", DATA_ZONE)
    # That these `Tokens` are those of training follows only from the other meters, which say In-FT and Out-FT.
    for model, regional, dz, everywhere in (
        ("Ministral-3B", "Ministral 3bFTregnl", "Mnstrl 3b FT DZ", "Mnstrl 3B FT"),
        ("gpt-oss-20b", "20b FT regnl", "OSS 20b FT DZ", "OSS-20b FT"),
        ("Llama-3.3-70B-Instruct", "3.3 70b FT regnl", "3.3 70b FT DZ", "3.3 70b FT"),
    ):
        for name, scope in ((regional, STANDARD), (dz, DATA_ZONE), (everywhere, GLOBAL)):
            found[f"{name} Tokens"] = Meter(model, "training", scope)
            found[f"{name} Deployment Hosting Unit"] = Meter(model, "hosting", scope)
    for model in ("gpt-4o", "gpt-4o-mini", "o3-mini", "o4-mini"):
        found[f"{model}-ft model grader input Tokens"] = Meter(model, "grader", "input")
        found[f"{model}-ft model grader output Tokens"] = Meter(model, "grader", "output")
    found["o3-ft mdl grdr inpt Tokens"] = Meter("o3", "grader", "input")
    found["o3-ft mdl grdr opt Tokens"] = Meter("o3", "grader", "output")
    found["o1 model ft grader input Tokens"] = Meter("o1", "grader", "input")
    found["o1 model ft grader output Tokens"] = Meter("o1", "grader", "output")
    found["text-embedding-3-large-grader Tokens"] = Meter("text-embedding-3-large", "grader", "input")
    return found


def dollars(value: Any) -> Decimal | None:
    """Return a price; None if it is missing, or no number above 0."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 else None


def rows(file: Path) -> Iterator[Row]:
    """Read meters, in either form."""
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix == ".json":
        items: Any = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        for item in items["Items"] if isinstance(items, dict) else items:
            if item.get("type", "Consumption") == "Consumption":
                since = str(item["effectiveStartDate"])[:10]
                regions = (str(item["armRegionName"]),)
                yield Row(item["meterName"], item["unitOfMeasure"], dollars(item.get("retailPrice")), since, regions)
        return
    for line in csv.DictReader(text.splitlines()):
        since, regions = line["effectiveStartDate"][:10], tuple(line["regions"].split())
        yield Row(line["meterName"], line["unitOfMeasure"], dollars(line.get("retailPriceUSD")), since, regions)


def newest(found: Iterator[Row], day: str) -> dict[tuple[str, str], Row]:
    """Return for each meter and region the price that holds on a day; the feed keeps superseded ones."""
    kept: dict[tuple[str, str], Row] = {}
    for row in found:
        for region in row.regions:
            known = kept.get((row.meter, region))
            if row.since <= day and (known is None or row.since > known.since):
                kept[row.meter, region] = row
    return kept


def price(row: Row) -> tuple[str, str]:
    """Return the unit and the price in it; raises ValueError for a unit that is not known, or without a price."""
    if row.usd is None:
        raise ValueError(f"{row.meter}, since {row.since}: the price is missing, or no number above 0")
    factor, unit = {"1K": (1000, PER_MILLION), "1 Hour": (1, PER_HOUR), "1/Hour": (1, PER_HOUR)}.get(row.unit, (0, ""))
    if not factor:
        raise ValueError(f"{row.meter}: the unit {row.unit!r} is not known")
    return unit, f"{(row.usd * factor).normalize():f}"


def main(file: str, day: str, source: str) -> None:
    """Write the file of prices."""
    named = meters()
    grouped: dict[tuple[str, ...], set[str]] = {}
    unused: set[str] = set()
    wrong: set[str] = set()
    for (name, region), row in newest(rows(Path(file)), day).items():
        if name in named:
            try:
                grouped.setdefault((*named[name], *price(row), name, row.since), set()).add(region)
            except ValueError as error:
                wrong.add(str(error))
        elif any(word in name.lower() for word in ("training", "trng", "hosting", "hstng", "grader", "grdr")):
            unused.add(name)
    for name in sorted(unused):
        print(f"not used: {name}", file=sys.stderr)
    if wrong:
        sys.exit("\n".join([*sorted(wrong), f"Nothing was written to {OUT.name}."]))
    keys = ("model", "what", "scope", "unit", "usd", "meter", "since")
    lines = [
        json.dumps({**dict(zip(keys, key, strict=True)), "regions": " ".join(sorted(regions))})
        for key, regions in sorted(grouped.items())
    ]
    head = json.dumps({"as_of": day, "source": source})[1:-1]
    OUT.write_text("{" + head + ', "rows": [\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")
    print(f"{OUT.name}: {len(lines)} prices")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
