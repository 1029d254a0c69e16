"""What costs money, as values: what a kind says is charged, and amounts that may be ranges or partly unknown.

Amounts are decimals, never binary fractions. What is not known is listed with its reason and is never counted as
nothing. How amounts are rounded is decided here and nowhere else (`dollars`, `cents`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from reconciler.core.resource import Address

NOTHING = Decimal(0)
HOURS_A_DAY, HOURS_A_MONTH = 24, 720
"""A month is 30 days: the same number for every month, and the one that plans name."""
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Training:
    """A training that is charged. `model` is the base, or the resource whose training makes it.

    `tokens` are those of one pass over the data, `epochs` the passes; None where they are not known, or left to Azure.
    `by_hour`: it is charged by the hour, and what it takes is not known before.
    """

    model: str | Address
    training_type: str
    tokens: int | None = None
    epochs: int | None = None
    by_hour: bool = False
    unknown: str = ""
    """Why `tokens` is None."""
    about: bool = False
    """Whether `tokens` leave something out that is billed."""
    graders: tuple[str, ...] = ()
    """Models that grade the answers, and are paid for by token."""


@dataclass(frozen=True, slots=True)
class Hosting:
    """A deployment. `model` is what it serves: a model's name, or the resource whose training makes it.

    "" where the name does not tell the base, as the id of a checkpoint.
    """

    model: str | Address
    sku: str
    capacity: int = 1


@dataclass(frozen=True, slots=True)
class Charges:
    """What one resource, or one live object, is charged for; by default nothing."""

    training: Training | None = None
    hosting: Hosting | None = None
    trial_sku: str = ""
    """Sku of what is made for a short time to try it before; it has no fee, and a policy may forbid it all the same."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of a cost that is not known: of what, why, and what would make it known."""

    subject: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars: at least `low` and at most `high`, and besides what is `unknown`. `about`: counted with an estimate."""

    low: Decimal = NOTHING
    high: Decimal = NOTHING
    unknown: tuple[Missing, ...] = ()
    about: bool = False

    def __add__(self, other: Cost) -> Cost:
        """Return what both cost."""
        unknown = tuple(dict.fromkeys((*self.unknown, *other.unknown)))
        return Cost(self.low + other.low, self.high + other.high, unknown, self.about or other.about)

    def times(self, factor: int | Decimal) -> Cost:
        """Return what a number of these cost."""
        return Cost(self.low * factor, self.high * factor, self.unknown, self.about)

    def __bool__(self) -> bool:
        """Return whether there is anything to pay, or anything that is not known."""
        return bool(self.high or self.unknown)


FREE = Cost()


@dataclass(frozen=True)
class ChangeCost:
    """What one change costs: its training, and what an hour of hosting costs before and after it.

    None where the change is about no training, or no hosting. `tokens` are those that are billed, all epochs together;
    `rate` is the price of a million of them, or of an hour. `later`: it is done when something else has ended.
    """

    training: Cost | None = None
    tokens: tuple[int, int] | None = None
    epochs: tuple[int, int] | None = None
    rate: Cost | None = None
    by_hour: bool = False
    later: bool = False
    resumes: bool = False
    """A training that had stopped goes on: part of it is paid for already."""
    graders: Mapping[str, tuple[Decimal, Decimal] | None] = field(default_factory=dict)
    """Models that grade, with the prices of a million tokens in and out; None where they are not known."""
    before: Cost | None = None
    after: Cost | None = None
    sku: str = ""
    left_over: bool = False
    """It is charged, and no manifest declares it."""

    @property
    def added(self) -> Cost:
        """What an hour of hosting costs more than before; nothing if it costs less or the same."""
        before, after = self.before or FREE, self.after or FREE
        if before == after:
            return FREE
        unknown = tuple(one for one in after.unknown if one not in before.unknown)
        low, high = after.low - before.high, after.high - before.low
        return Cost(max(NOTHING, low), max(NOTHING, high), unknown, after.about)


Key = tuple[str, str, str]
"""Account, address, and for a deletion the id of what is deleted: several objects may have one address."""


@dataclass(frozen=True)
class PlanCost:
    """What a plan costs. Hosting is for an hour, over all deployments of ours, whether the plan touches them or not."""

    now: Cost = FREE
    later: Cost = FREE
    """Trainings that wait for something else, and start in a later run or with --wait."""
    jobs: int = 0
    jobs_later: int = 0
    tokens: tuple[int, int] | None = None
    """Tokens that are billed by the trainings of now; None where not all are known."""
    before: Cost = FREE
    after: Cost = FREE
    left_over: Cost = FREE
    added: Cost = FREE
    prices: tuple[str, ...] = ()
    """Which prices were used, in words."""
    each: Mapping[Key, ChangeCost] = field(default_factory=dict)
    hosting: Mapping[str, Cost] = field(default_factory=dict)
    """By account, after the plan."""

    def __bool__(self) -> bool:
        """Return whether there is anything to say."""
        return bool(self.jobs or self.jobs_later or self.before or self.after)

    @property
    def at_most(self) -> Cost:
        """What the plan spends: its trainings, and 30 days of the hosting that it adds."""
        return self.now + self.later + self.added.times(HOURS_A_MONTH)


def dollars(amount: Decimal) -> str:
    """Return an amount for people: cents below 100 dollars, whole dollars above, halves rounded up.

    An amount that is not nothing is never shown as nothing.
    """
    step = Decimal("0.01") if amount < 100 else Decimal(1)
    rounded = amount.quantize(step, ROUND_HALF_UP)
    if amount and not rounded:
        return "under $0.01"
    return f"${rounded:,.0f}" if rounded == rounded.to_integral_value() else f"${rounded:,.2f}"


def cents(amount: Decimal) -> str:
    """Return an amount that is compared with a limit: to the cent, rounded up, so that 50.001 never reads as 50."""
    rounded = amount.quantize(Decimal("0.01"), ROUND_CEILING)
    return f"${rounded:,.0f}" if rounded == rounded.to_integral_value() else f"${rounded:,.2f}"


def rate_text(amount: Decimal) -> str:
    """Return a price of a unit as it is quoted: in full, with at least cents where it is not whole."""
    plain = amount.normalize()
    places = max(2, -int(plain.as_tuple().exponent)) if plain != plain.to_integral_value() else 0
    return f"${plain:,.{places}f}"
