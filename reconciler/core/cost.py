"""What a plan costs: pure, over what the kinds say is charged (`Charges`) and what the prices say of it.

| what | how it is counted |
|---|---|
| training by tokens | tokens of the data, times epochs, times the price of a million |
| epochs left to Azure | 1 to 10, as a range (see `AUTO_EPOCHS`) |
| reinforcement training | up to the 5,000 dollars at which Azure pauses it; how long it takes is not known before |
| hosting | dollars an hour of each deployment, before and after the plan |
| hosting of one whose last change failed | from nothing to all of it: it may serve on as it was before |

Prices are those of the Account, then the list prices of `reconciler.prices`. docs/cost.md says it for users.

It is long because each form of a change has its own sum, and they are read side by side.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, TypeVar, assert_never

from reconciler.core.account import Account
from reconciler.core.account_terms import TrainingPrices
from reconciler.core.change import Change, Create, Delete, Keep, Replace, Stuck, Update, Wait, account_of
from reconciler.core.charges import (
    FREE,
    MILLION,
    NOTHING,
    ChangeCost,
    Charges,
    Cost,
    Hosting,
    Key,
    Missing,
    PlanCost,
    Training,
)
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase
from reconciler.core.rules import Rules
from reconciler.models import base_of, encoding_of

if TYPE_CHECKING:
    from reconciler.prices import Price

T = TypeVar("T")

AUTO_EPOCHS = (1, 10)
"""Epochs that `auto` may mean. Azure documents none. OpenAI's published recipe aims at 3 epochs, at 100 examples at the
least and at 25,000 at the most; with the 10 examples that Azure needs, it gives 1 to 10 (docs/azure.md, section 20)."""
COUNTED = "o200k_base"
"""The encoding of `Content.tokens`; for models of another one it is an estimate."""


@dataclass(frozen=True)
class Tariff:
    """The prices of one account: its own first, then the list prices."""

    account: Account

    def training(self, model: str, training_type: str, *, by_hour: bool) -> Price | None:
        """Return the price of a million tokens, or of an hour of training; None if it is not known."""
        from reconciler.prices import Price, training_price

        prices = self.account.spec.prices
        unit = "1 hour" if by_hour else "1M tokens"
        if prices:
            own = _of_model(prices.training_hour if by_hour else prices.training, model)
            found = own.of(training_type) if isinstance(own, TrainingPrices) else None
            if found is not None:
                return Price(found, found, "1 hour" if by_hour else "1M tokens", prices.as_of, self._own)
        listed = training_price(model, training_type, self._region)
        return listed if listed is not None and listed.unit == unit else None

    def hosting(self, model: str, sku: str, capacity: int = 1) -> Price | None:
        """Return the price of an hour of a deployment of a model trained from this one; None if it is not known."""
        from reconciler.prices import Price, hosting_price, is_provisioned

        prices = self.account.spec.prices
        own = _of_model(prices.hosting, model) if prices else None
        for name, amount in (own or {}).items():
            if name.lower() == sku.lower():
                each = amount * (capacity if is_provisioned(sku) else 1)
                return Price(each, each, "1 hour", prices.as_of if prices else None, self._own)
        return hosting_price(model, sku, self._region)

    @property
    def _own(self) -> str:
        return f"Account/{self.account.name}"

    @property
    def _region(self) -> str | None:
        """Where the account is. Another cloud has prices of its own, so its name stands in for an unknown region."""
        spec = self.account.spec
        return spec.location or {"public": None, "usgovernment": "usgov", "china": "china"}[spec.cloud]


def plan_cost(
    changes: Sequence[Change],
    others: Iterable[Change],
    accounts: Mapping[str, Account],
    declared: Mapping[Address, Desired],
    kinds: Mapping[str, Rules],
    unread: Collection[Fault] = (),
) -> PlanCost:
    """Return what changes cost, in the light of the prices of the accounts.

    `others` are left as they are in this run (--target, --exclude): they count as hosted and as nothing else. `unread`
    says what of Azure could not be read.
    """
    teller = _Teller(accounts, declared, kinds, unread)
    each = {key_of(change): cost for change in changes if (cost := teller.change(change)) is not None}
    hosted = list(each.items())
    hosted += [(key_of(change), cost) for change in others if (cost := teller.untouched(change)) is not None]
    trained = [cost for cost in each.values() if cost.training is not None]
    now = [cost for cost in trained if not cost.later]
    after: dict[str, list[Cost]] = {}
    for (account, _, _), cost in hosted:
        if cost.after:
            after.setdefault(account, []).append(cost.after)
    return PlanCost(
        now=_sum(cost.training for cost in now),
        later=_sum(cost.training for cost in trained if cost.later),
        jobs=len(now),
        jobs_later=len(trained) - len(now),
        tokens=_tokens(now),
        before=_sum(cost.before for _, cost in hosted),
        after=_sum(cost.after for _, cost in hosted),
        left_over=_sum(cost.after for _, cost in hosted if cost.left_over),
        added=_sum(cost.added for cost in each.values()),
        prices=tuple(teller.used),
        each=each,
        hosting={name: _sum(costs) for name, costs in after.items()},
    )


def estimate(
    item: Desired, accounts: Mapping[str, Account], declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]
) -> Cost | None:
    """Return what training a declared resource is estimated to cost, whether it is done or not; None if it trains nothing."""
    training = kinds[item.address.kind].charges(item, declared).training
    return (
        None if training is None else _Teller(accounts, declared, kinds).training(item, training, later=False).training
    )


def key_of(change: Change) -> Key:
    """Return by what the cost of a change is found in a plan."""
    return account_of(change), str(change.address), change.live.id if isinstance(change, Delete) else ""


def base_model(model: str | Address, declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]) -> str:
    """Return the base at the end of a chain of trainings; "" if it cannot be told."""
    seen: set[Address] = set()
    while isinstance(model, Address):
        item = declared.get(model)
        if item is None or model in seen or model.kind not in kinds:
            return ""
        seen.add(model)
        training = kinds[model.kind].charges(item, declared).training
        if training is None:
            return ""
        model = training.model
    return base_of(model)


@dataclass
class _Teller:
    accounts: Mapping[str, Account]
    declared: Mapping[Address, Desired]
    kinds: Mapping[str, Rules]
    unread: Collection[Fault] = ()
    used: dict[str, None] = field(default_factory=dict)
    """The prices that were used, in words."""
    known: dict[Address, Charges] = field(default_factory=dict)

    def change(self, change: Change) -> ChangeCost | None:
        """Return what a change costs; None if it is about nothing that is charged."""
        match change:
            case Delete(live=live):
                before = self._live(change)
                if before is None:
                    return None
                kept = change.held or change.reason == "duplicate"
                left_over = bool(change.held) and change.reason == "left_over" and not change.kept
                return ChangeCost(
                    before=before, after=before if kept else FREE, left_over=left_over, sku=self._sku(live)
                )
            case Keep() | Stuck():
                return self.untouched(change)
            case Create() | Update() | Replace() if change.held:
                return self.untouched(change)
            case Wait() if change.blocked:
                return self.untouched(change)
            case Create() | Wait(live=None):
                return self._made(change, self._declared(change.desired))
            case Wait(live=Observed(), then="create"):
                return self._beside(change)
            case Update() | Replace() | Wait():
                return self._changed(change, self._declared(change.desired))
        assert_never(change)

    def untouched(self, change: Change) -> ChangeCost | None:
        """Return what the live object of a change costs if nothing is done to it; None if nothing is known to be."""
        if isinstance(change, Stuck) and change.fault in self.unread:
            if change.desired is None or self._declared(change.desired).hosting is None:
                return None
            cost = Cost(unknown=(Missing(str(change.address), "whether it is there could not be read"),))
            return ChangeCost(before=cost, after=cost)
        before = self._live(change)
        return None if before is None else ChangeCost(before=before, after=before)

    def _made(self, change: Create | Wait, charges: Charges) -> ChangeCost | None:
        later = isinstance(change, Wait)
        if charges.training is not None:
            return self.training(change.desired, charges.training, later=later)
        if charges.hosting is None:
            return None
        cost = self._hosting(change.desired.account, str(change.address), charges.hosting)
        return None if cost is None else ChangeCost(before=FREE, after=cost, later=later, sku=charges.hosting.sku)

    def _changed(self, change: Update | Replace | Wait, charges: Charges) -> ChangeCost | None:
        if charges.training is not None and isinstance(change, Update):
            # A switch that is turned off: what had stopped goes on.
            goes_on = any(item.before is True and item.after is False for item in change.changes)
            return self._resumed(change.desired, charges.training) if goes_on else None
        before = self._live(change)
        if charges.hosting is None:
            return None if before is None else ChangeCost(before=before, after=before)
        after = self._hosting(change.desired.account, str(change.address), charges.hosting)
        if before is None and after is None:
            return None
        return ChangeCost(before=before or FREE, after=after or FREE, sku=charges.hosting.sku)

    def _beside(self, change: Wait) -> ChangeCost | None:
        """Return what it costs when another one is made next to the live one, which is kept for a time."""
        made, before = self._made(change, self._declared(change.desired)), self._live(change) or FREE
        if made is None:
            return None
        return replace(made, before=before, after=before + (made.after or FREE))

    def _declared(self, item: Desired) -> Charges:
        if item.address not in self.known:
            self.known[item.address] = self.kinds[item.address.kind].charges(item, self.declared)
        return self.known[item.address]

    def _base(self, model: str | Address) -> str:
        """Return the base of a model; what refers to a resource that was asked already goes on from what it said."""
        if isinstance(model, Address) and model in self.known:
            training = self.known[model].training
            model = training.model if training else model
        return base_model(model, self.declared, self.kinds)

    def _sku(self, live: Observed) -> str:
        hosting = self.kinds[live.kind].live_charges(live).hosting
        return hosting.sku if hosting else ""

    def _live(self, change: Change) -> Cost | None:
        live = None if isinstance(change, Create) else change.live
        if live is None or live.phase is Phase.GONE:
            return None
        rules = self.kinds[live.kind]
        if isinstance(change, Stuck) and not rules.is_ours(live, self.accounts[live.account]):
            return None
        hosting = rules.live_charges(live).hosting
        if hosting is not None and not hosting.model:
            hosting = replace(hosting, model=self._declared_model(change))
        cost = None if hosting is None else self._hosting(live.account, str(change.address), hosting)
        return _perhaps(cost) if cost is not None and live.phase is Phase.FAILED else cost

    def _declared_model(self, change: Change) -> str | Address:
        """Return what the manifest of a live object serves: its own name does not tell the base, which is the same."""
        address = change.declared if isinstance(change, Delete) else change.address
        item = self.declared.get(address) if address else None
        declared = self._declared(item).hosting if item else None
        return declared.model if declared else ""

    def _hosting(self, account: str, subject: str, hosting: Hosting) -> Cost | None:
        """Return what an hour costs; None for what is not charged by the hour: a base model that is paid by use."""
        from reconciler.prices import is_provisioned

        provisioned = is_provisioned(hosting.sku)
        named = hosting.model.strip() if isinstance(hosting.model, str) else ""
        if named and base_of(named) == named and not provisioned:
            return None
        model = self._base(hosting.model)
        if not model:
            return Cost(unknown=(Missing(subject, "its base model cannot be told"),))
        price = self._tariff(account).hosting(model, hosting.sku, hosting.capacity)
        if price is None:
            reason = (
                f"{hosting.sku} is billed by provisioned throughput"
                if provisioned
                else f"no price is known of hosting {model} as {hosting.sku}" + self._where(account)
            )
            return Cost(unknown=(Missing(subject, reason, _own_price(account, "hosting", model, hosting.sku)),))
        self._note(price)
        return rate_of(price)

    def _resumed(self, item: Desired, training: Training) -> ChangeCost:
        """What a training that goes on still costs: at most all of it; by the hour there is no stop any more."""
        if training.by_hour:
            reason = "resumed, it has no stop at 5,000 dollars"
            return ChangeCost(Cost(unknown=(Missing(str(item.address), reason),)), by_hour=True, resumes=True)
        whole = self.training(item, training, later=False)
        cost = whole.training or FREE
        rest = Cost(NOTHING, cost.high, cost.unknown, cost.about)
        tokens = (0, whole.tokens[1]) if whole.tokens else None
        return ChangeCost(rest, tokens, whole.epochs, whole.rate, resumes=True)

    def training(self, item: Desired, training: Training, *, later: bool) -> ChangeCost:
        """Return what a training costs, by its tokens or by the hour."""
        subject = str(item.address)
        model = self._base(training.model)
        price = self._tariff(item.account).training(model, training.training_type, by_hour=training.by_hour)
        if training.by_hour:
            from reconciler.prices import STOP

            rate = None if price is None else rate_of(price)
            if price is not None:
                self._note(price)
            graders = {name: _grader_rate(name) for name in training.graders}
            return ChangeCost(Cost(NOTHING, STOP), rate=rate, by_hour=True, later=later, graders=graders)
        epochs = (training.epochs, training.epochs) if training.epochs is not None else AUTO_EPOCHS
        tokens = None if training.tokens is None else (training.tokens * epochs[0], training.tokens * epochs[1])
        missing: list[Missing] = []
        if price is None:
            account = self.accounts.get(item.account)
            missing.append(no_training_price(subject, model, training.training_type, account, by_hour=False))
        else:
            self._note(price)
        if tokens is None or training.unknown:
            missing.append(Missing(subject, training.unknown or "its tokens are not counted"))
        if price is None or tokens is None:
            rate = None if price is None else rate_of(price)
            return ChangeCost(Cost(unknown=tuple(missing)), tokens, epochs, rate, later=later)
        rate = rate_of(price)
        low, high = rate.low * tokens[0] / MILLION, rate.high * tokens[1] / MILLION
        about = training.about or encoding_of(model) != COUNTED
        return ChangeCost(Cost(low, high, tuple(missing), about), tokens, epochs, rate, later=later)

    def _tariff(self, account: str) -> Tariff:
        return Tariff(self.accounts[account])

    def _where(self, account: str) -> str:
        location = self.accounts[account].spec.location
        return f" in {location}" if location else ""

    def _note(self, price: Price) -> None:
        own = price.source.startswith("Account/")
        day = f" of {price.as_of.isoformat()}" if price.as_of else ""
        if price.high or own:
            self.used[f"prices{day} in {price.source}" if own else f"list prices{day}"] = None


def _perhaps(cost: Cost) -> Cost:
    """Return the cost of what may serve or not: from nothing on, so that no limit takes it for paid already."""
    doubt = "its last change failed, so whether it serves is not known"
    unknown = tuple(replace(one, reason=f"{doubt}; {one.reason}") for one in cost.unknown)
    return Cost(NOTHING, cost.high, unknown, cost.about)


def rate_of(price: Price) -> Cost:
    """Return a price as the cost of one unit."""
    return Cost(price.low, price.high)


def _grader_rate(model: str) -> tuple[Decimal, Decimal] | None:
    from reconciler.prices import grader_price

    found = grader_price(model)
    return (found[0].high, found[1].high) if found else None


def no_training_price(
    subject: str, model: str, training_type: str, account: Account | None, *, by_hour: bool
) -> Missing:
    """Say that a training has no price, and where it would be said."""
    if not model:
        return Missing(subject, "its base model cannot be told")
    location = account.spec.location if account else None
    where = f" in {location}" if location else ""
    remedy = _own_price(
        account.name if account else "NAME", "training_hour" if by_hour else "training", model, training_type
    )
    return Missing(subject, f"no price is known of {training_type} training of {model}{where}", remedy)


def _own_price(account: str, sort: str, model: str, word: str) -> str:
    return f"Say the price in Account/{account}:\n  prices: {{{sort}: {{{model}: {{{word}: DOLLARS}}}}}}"


def _of_model(prices: Mapping[str, T], model: str) -> T | None:
    from reconciler.prices import model_key

    wanted = model_key(model)
    return next((found for name, found in prices.items() if _key(name) == wanted), None)


@cache
def _key(name: str) -> str:
    from reconciler.prices import model_key

    return model_key(name)


def _sum(costs: Iterable[Cost | None]) -> Cost:
    there = [cost for cost in costs if cost is not None]
    unknown = dict.fromkeys(one for cost in there for one in cost.unknown)
    low, high = (sum(amounts, NOTHING) for amounts in ((c.low for c in there), (c.high for c in there)))
    return Cost(low, high, tuple(unknown), any(cost.about for cost in there))


def _tokens(costs: Sequence[ChangeCost]) -> tuple[int, int] | None:
    known = [cost.tokens for cost in costs]
    if not known or any(one is None for one in known):
        return None
    return sum(one[0] for one in known if one), sum(one[1] for one in known if one)
