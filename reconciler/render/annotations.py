"""What a plan does, as notes of GitHub beside the manifests that it follows from; made from the saved plan.

A note stands at the first field that differs: on a pull request that is a line which it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from reconciler.core.charges import Cost
from reconciler.render.cost import cost_text
from reconciler.render.fault import workflow_command
from reconciler.render.words import lines, printable

MOST = 10
"""Notes of a sort: GitHub shows no more of one step."""


def plan_annotations(document: Mapping[str, Any]) -> list[str]:
    """Return a line for each refusal, warning and change whose manifest has a place, the first ones if there are many."""
    return [
        *list(_diagnostics("error", document.get("refusals") or ()))[:MOST],
        *list(_diagnostics("warning", document.get("checks") or ()))[:MOST],
        *list(_lines(document))[:MOST],
    ]


def plan_outputs(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what later steps decide by: whether anything is to be applied, and whether the plan is not whole."""
    acts = any(one["change"]["actions"] != ["no-op"] and not one.get("held") for one in document["resource_changes"])
    return {"changes": str(acts).lower(), "errored": str(bool(document["errored"])).lower()}


def _diagnostics(sort: str, found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for one in found:
        place = one.get("place")
        if not place or not place.get("file"):
            continue
        about = f" ({printable(one['subject'])})" if one.get("subject") else ""
        known_by = f" [{printable(one['code'])}]" if one.get("code") else ""
        properties = {"file": printable(place["file"]), "title": f"{printable(one['summary'])}{about}{known_by}"}
        properties |= {"line": str(place["line"])} if place.get("line") else {}
        said = "\n".join(printable(line) for line in (*lines(one["detail"]), *lines(one["remedy"])))
        yield workflow_command(sort, properties, said)


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    for change in document["resource_changes"]:
        actions, fields = change["change"]["actions"], change.get("field_places") or {}
        place = next(iter(fields.values()), change.get("place"))
        if actions == ["no-op"] or change.get("held") or not place or not place.get("file"):
            continue
        training = (change.get("cost") or {}).get("training")
        word = "train" if training is not None else "recreate" if len(actions) > 1 else actions[0]
        properties = {"file": printable(place["file"]), "title": f"{word} {printable(change['address'])}"}
        if place.get("line"):
            properties["line"] = str(place["line"])
        yield workflow_command("notice", properties, _why(change, training))


def _why(change: Mapping[str, Any], training: Mapping[str, Any] | None) -> str:
    reason = str(change.get("action_reason") or "")
    fields = sorted((change["change"].get("before") or {}).keys()) if change["change"].get("after") else []
    said = []
    if reason.startswith("retrain:"):
        said.append(f"Because of {reason.removeprefix('retrain:')}.")
    elif fields:
        said.append(f"Changes {', '.join(fields)}.")
    if training is not None:
        high = Decimal(training["high"])
        cost = cost_text(Cost(Decimal(training["low"]), high)) if high else "unknown"
        said.append(f"Costs {cost}.")
    return printable(" ".join(said) or "See the plan.")
