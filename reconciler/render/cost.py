"""What a plan costs, in words and as values that JSON can hold. How amounts are rounded is decided in `core.charges`."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from reconciler.core.change import Change, Create, Delete, Plan
from reconciler.core.charges import (
    FREE,
    HOURS_A_DAY,
    HOURS_A_MONTH,
    MILLION,
    ChangeCost,
    Cost,
    Missing,
    PlanCost,
    dollars,
    rate_text,
)
from reconciler.core.cost import key_of
from reconciler.render.words import plural, printable

ARROW = "->"
HALF_A_CENT = Decimal("0.005")
"""Below this an amount is shown as `under $0.01`, which begins no range that reads well."""
TOLD = 3
"""Things whose cost is unknown that one line names."""


def cost_text(cost: Cost) -> str:
    """Return a cost: `$36`, `$12 to $120`, `up to $5,000`, `under $0.01`, `about $3`, `unknown`, `$36 + unknown`."""
    low, high = dollars(cost.low), dollars(cost.high)
    text = high if low == high else f"up to {high}" if cost.low < HALF_A_CENT else f"{low} to {high}"
    if cost.about:
        text = f"about {text}"
    if not cost.unknown:
        return text
    return f"{text} + unknown" if cost.high else "unknown"


def cost_line(cost: PlanCost | None) -> str:
    """Return the line of a plan that says what it costs; "" if it neither trains nor hosts anything."""
    words = cost_words(cost)
    return f"Cost: {words}" if words else ""


def cost_words(cost: PlanCost | None) -> str:
    """Return what a plan costs in one sentence; "" if it neither trains nor hosts anything."""
    if not cost:
        return ""
    parts = []
    if cost.jobs:
        jobs = plural(cost.jobs, "job") + (f", {_tokens(cost.tokens)}" if cost.tokens else "")
        parts.append(f"now {cost_text(cost.now)} to train ({jobs})")
    if cost.jobs_later:
        parts.append(f"later {cost_text(cost.later)} to train ({plural(cost.jobs_later, 'job')})")
    if cost.before or cost.after:
        before, after = (cost_text(one.times(HOURS_A_MONTH)) for one in (cost.before, cost.after))
        hosting = after if cost.before == cost.after else f"{before} {ARROW} {after}"
        left = f" (left over: {cost_text(cost.left_over.times(HOURS_A_DAY))} a day)" if cost.left_over else ""
        parts.append(f"hosting {hosting} in 30 days{left}")
    unknown = (cost.now + cost.later + cost.before + cost.after).unknown
    return "; ".join(
        part
        for part in (
            ", ".join(parts),
            " and ".join(map(printable, cost.prices)),
            _unknown(unknown),
        )
        if part
    )


def _unknown(unknown: Sequence[Missing]) -> str:
    told = ", ".join(printable(f"{one.subject} ({one.reason})") for one in unknown[:TOLD])
    more = f" and {len(unknown) - TOLD} more" if len(unknown) > TOLD else ""
    return f"unknown: {told}{more}" if unknown else ""


def change_lines(change: Change, plan: Plan) -> list[str]:
    """Return what a change costs, line by line; nothing if it costs nothing, or no more than before."""
    cost = plan.cost.each.get(key_of(change)) if plan.cost else None
    if cost is None:
        return []
    if cost.training is not None:
        return _training(cost, cost.training)
    if isinstance(change, Delete):
        day = cost_text((cost.before or FREE).times(HOURS_A_DAY))
        return [f"{'costs' if cost.after else 'saves'} {day} a day"] if cost.before else []
    before, after = cost.before or FREE, cost.after or FREE
    if before == after:
        is_free = isinstance(change, Create) and not after
        return [f"hosting is free ({printable(cost.sku)})"] if is_free else []
    if not before:
        each = _why(after) or f"{_rate(after)} an hour, {cost_text(after.times(HOURS_A_MONTH))} in 30 days"
        return [f"hosting {each}"]
    head = f"hosting {_an_hour(before)} {ARROW} "
    return [head + (_why(after) or f"{_an_hour(after)}, {cost_text(after.times(HOURS_A_MONTH))} in 30 days")]


def _an_hour(cost: Cost) -> str:
    return f"{_rate(cost)} an hour" if not cost.unknown else cost_text(cost)


def _training(cost: ChangeCost, training: Cost) -> list[str]:
    rate = f"{_rate(cost.rate)} {'an hour' if cost.by_hour else 'a million'}" if cost.rate is not None else ""
    if cost.by_hour:
        if training.unknown:
            return [f"costs {cost_text(training)}: {training.unknown[0].reason}"]
        each = rate or "the price of an hour is not known"
        line = f"costs {cost_text(training)}, where Azure pauses it: {each}, for hours that are not known before"
        return [line, *_graders(cost)]
    epochs = ""
    if cost.epochs:
        low, high = cost.epochs
        epochs = f" in {plural(high, 'epoch')}" if low == high else f" in {low} to {high} epochs, as Azure chooses"
    tokens = f"{_tokens(cost.tokens)}{epochs}" if cost.tokens else ""
    head = f"costs {cost_text(training)}"
    if cost.resumes:
        head += " more, as part of it is paid for"
    told = ", ".join(part for part in (tokens, f"at {rate}" if rate else "") if part)
    unknown = "; ".join(printable(one.reason) for one in training.unknown)
    return [": ".join(part for part in (head, "; ".join(part for part in (told, unknown) if part)) if part)]


def _graders(cost: ChangeCost) -> list[str]:
    """Say what grading is paid for; whether that is within the stop is not documented (docs/azure.md, section 20)."""
    priced = [
        f"{printable(name)} at {rate_text(rate[0])} a million tokens in and {rate_text(rate[1])} out"
        if rate
        else f"{printable(name)}, whose price is not known"
        for name, rate in cost.graders.items()
    ]
    return [f"graded by {', '.join(priced)}: Azure does not say whether that is within it"] if priced else []


def _why(cost: Cost) -> str:
    """Return why a cost is not known at all; "" if some of it is."""
    if not cost.unknown or cost.high:
        return ""
    return f"unknown: {'; '.join(printable(one.reason) for one in cost.unknown)}"


def _rate(rate: Cost) -> str:
    low, high = rate_text(rate.low), rate_text(rate.high)
    return low if low == high else f"{low} to {high}" if rate.low else f"up to {high}"


def _tokens(tokens: tuple[int, int]) -> str:
    low, high = (_count(one) for one in tokens)
    return f"{high} tokens" if low == high else f"{low} to {high} tokens"


def _count(tokens: int) -> str:
    """Return a number of tokens: in full below a million, then in millions."""
    return f"{tokens:,}" if tokens < MILLION else f"{tokens / MILLION:,.1f} M"


def cost_document(cost: PlanCost | None) -> dict[str, Any] | None:
    """Return what a plan costs as values: amounts are texts with all their digits, None where nothing is charged."""
    if not cost:
        return None
    return {
        "currency": "USD",
        "training_now": _document(cost.now),
        "training_later": _document(cost.later),
        "jobs_now": cost.jobs,
        "jobs_later": cost.jobs_later,
        "tokens": list(cost.tokens) if cost.tokens else None,
        "hosting_hour_before": _document(cost.before),
        "hosting_hour_after": _document(cost.after),
        "hosting_hour_left_over": _document(cost.left_over),
        "at_most": _document(cost.at_most),
        "prices": list(cost.prices),
        "text": cost_words(cost),
    }


def change_cost_document(change: Change, plan: Plan) -> dict[str, Any] | None:
    """Return what a change costs as values; None if it is about nothing that is charged."""
    cost = plan.cost.each.get(key_of(change)) if plan.cost else None
    if cost is None:
        return None
    return {
        "training": _document(cost.training),
        "tokens": list(cost.tokens) if cost.tokens else None,
        "epochs": list(cost.epochs) if cost.epochs else None,
        "rate": {**(_document(cost.rate) or {}), "unit": "1 hour" if cost.by_hour else "1M tokens"}
        if cost.rate
        else None,
        "graders": [
            {"model": name, "input": _exact(rate[0]) if rate else None, "output": _exact(rate[1]) if rate else None}
            for name, rate in cost.graders.items()
        ],
        "later": cost.later,
        "hosting_hour_before": _document(cost.before),
        "hosting_hour_after": _document(cost.after),
    }


def _document(cost: Cost | None) -> dict[str, Any] | None:
    if cost is None:
        return None
    unknown = [{"subject": one.subject, "reason": one.reason} for one in cost.unknown]
    return {"low": _exact(cost.low), "high": _exact(cost.high), "estimated": cost.about, "unknown": unknown}


def _exact(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
