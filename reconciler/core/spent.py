"""What a training has cost: by the tokens that Azure billed, or by the hours that it has trained. Pure.

It is counted with the prices of today's table, whatever they were on the day of the training.
"""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

from reconciler.core.account import Account
from reconciler.core.charges import MILLION, Cost, Missing
from reconciler.core.cost import Tariff, no_training_price, rate_of
from reconciler.core.resource import Observed
from reconciler.models import base_of


def actual(
    trained_tokens: int, model: str, training_type: str, region: str | None = None, account: Account | None = None
) -> Cost:
    """Return what a finished training by tokens cost, from the tokens that Azure billed; with an Account by its prices.

    `model` may be the base or the model that was made.
    """
    from reconciler.prices import training_price

    price = (
        Tariff(account).training(model, training_type, by_hour=False)
        if account
        else training_price(model, training_type, region)
    )
    if price is None or price.unit != "1M tokens":
        return Cost(unknown=(no_training_price(model, base_of(model), training_type, account, by_hour=False),))
    return rate_of(price).times(Decimal(max(0, trained_tokens)) / MILLION)


def is_by_hour(live: Observed, account: Account) -> bool:
    """Return whether a training is paid by the hour: as its method says, or (it is not always echoed) the price of its base."""
    model, training_type = _trained(live)
    if live.facts.get("method"):
        return str(live.facts["method"]) == "reinforcement"
    return Tariff(account).training(model, training_type, by_hour=True) is not None


def actual_by_hour(
    seconds: tuple[float, float] | None, live: Observed, account: Account, graders: Collection[str] = ()
) -> Cost:
    """Return what a training by the hour has cost, from the seconds that it has trained, at least and at most.

    What the models that grade have cost is told by nothing that Azure answers, so it is unknown.
    """
    model, training_type = _trained(live)
    price = Tariff(account).training(model, training_type, by_hour=True)
    missing = []
    if price is None:
        missing.append(no_training_price(live.id, base_of(model), training_type, account, by_hour=True))
    if seconds is None:
        missing.append(Missing(live.id, "its events do not say for how long it has trained"))
    if graders:
        missing.append(Missing(live.id, f"Azure does not say how many tokens {', '.join(graders)} graded with"))
    if price is None or seconds is None:
        return Cost(unknown=tuple(missing))
    least, most = (Decimal(str(one)) / 3600 for one in seconds)
    return Cost(price.low * least, price.high * most, tuple(missing), about=bool(most))


def _trained(live: Observed) -> tuple[str, str]:
    """Return the base of a live training, and its type."""
    values = live.spec.comparable()
    return str(live.facts.get("base") or values.get("model") or ""), str(values.get("training_type") or "")
