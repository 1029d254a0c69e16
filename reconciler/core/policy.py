"""What an Account lets its manifests ask for, and what a run may spend: pure, over a plan before anything is written.

Only what a plan makes or changes is judged, now or when what it waits for has ended: what is there already stays, and
to delete is never refused here. Each refusal names the manifest's line and the rule's.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from reconciler.core.account import Account
from reconciler.core.account_terms import MaxUsd
from reconciler.core.change import Change, Create, Replace, Update, Wait, account_of
from reconciler.core.charges import FREE, HOURS_A_MONTH, Charges, Cost, Missing, PlanCost, cents, rate_text
from reconciler.core.cost import base_model, key_of
from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Address, Desired
from reconciler.core.rules import Rules
from reconciler.models import base_of, find

_LABELS = "metadata.labels."
Judges = Mapping[str, tuple[Account, ...]]
"""By account: the Accounts whose policy judges it, and whose prices count (the first one's)."""


def own(accounts: Mapping[str, Account]) -> Judges:
    """Let each Account be its own judge."""
    return {name: (account,) for name, account in accounts.items()}


def judged_by(accounts: Mapping[str, Account], others: Mapping[str, Account]) -> tuple[Judges, tuple[Fault, ...]]:
    """Return the judges from another tree, and what is wrong with that.

    An Account is judged by what the other tree says of the same place in Azure, whatever it is called: to rename it, or
    to point another one there, loosens nothing. A place that the other tree does not have is refused.
    """
    judges: dict[str, tuple[Account, ...]] = {}
    faults: list[Fault] = []
    for name, account in accounts.items():
        found = tuple(other for other in others.values() if _where(other) == _where(account))
        judges[name] = found or (account,)
        if not found:
            faults.append(
                Fault(
                    "policy-missing",
                    "An Account has no policy to be judged by",
                    "The tree of --policy-from has no Account at this place in Azure (resource_id and endpoints).",
                    "Have the Account reviewed and merged first, and what uses it after that.",
                    account.place,
                    f"Account/{name}",
                )
            )
    return judges, tuple(faults)


def judge(
    changes: Sequence[Change],
    cost: PlanCost,
    judges: Judges,
    declared: Mapping[Address, Desired],
    kinds: Mapping[str, Rules],
    max_cost: Decimal | None = None,
) -> tuple[Fault, ...]:
    """Return why a plan is refused."""
    made = [item for change in changes if (item := _made(change)) is not None]
    found: list[Fault] = []
    for name, accounts in judges.items():
        mine = [item for item in made if item.account == name]
        for account in accounts:
            if account.spec.policy is not None:
                found += _Judge(account, declared, kinds).judge(mine)
        limits = [
            (account, policy.max_usd) for account in accounts if (policy := account.spec.policy) and policy.max_usd
        ]
        here = [change for change in changes if account_of(change) == name]
        for account, limit in limits:
            found += _too_dear(account, limit, here, cost)
    if max_cost is not None:
        found += _above(max_cost, changes, cost)
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True)
class _Judge:
    account: Account
    declared: Mapping[Address, Desired]
    kinds: Mapping[str, Rules]

    def judge(self, items: Iterable[Desired]) -> Iterator[Fault]:
        for item in items:
            charges = self.kinds[item.address.kind].charges(item, self.declared)
            yield from self._words(item, charges)
            yield from self._required(item)

    def _words(self, item: Desired, charges: Charges) -> Iterator[Fault]:
        policy = self.account.spec.policy
        assert policy is not None
        training, hosting = charges.training, charges.hosting
        if training and policy.training_types is not None and training.training_type not in policy.training_types:
            yield self._refused(item, "training_type", "training_types", training.training_type, policy.training_types)
        if hosting and policy.skus is not None and not _matches(policy.skus, hosting.sku):
            yield self._refused(item, "sku.name", "skus", hosting.sku, policy.skus)
        if charges.trial_sku and policy.skus is not None and not _matches(policy.skus, charges.trial_sku):
            yield self._refused(item, "gates", "skus", f"tried on {charges.trial_sku}", policy.skus)
        asked = training.model if training else hosting.model if hosting else None
        if asked is not None and policy.models is not None:
            model = base_model(asked, self.declared, self.kinds)
            if not any(_matches(policy.models, name) for name in _names(model)):
                yield self._refused(item, "model", "models", model or "a model that cannot be told", policy.models)

    def _refused(self, item: Desired, field: str, rule: str, value: str, allowed: Sequence[str]) -> Fault:
        listed = ", ".join(allowed) or "nothing"
        return Fault(
            f"policy-{rule.replace('_', '-')}",
            "The policy of the account does not allow this",
            f"`{field}` is {value}; Account/{self.account.name} allows {listed} ({self._line(f'policy.{rule}')}).",
            f"Choose what is allowed, or have `policy.{rule}` changed by whoever decides on it.",
            item.place_of(field),
            str(item.address),
        )

    def _required(self, item: Desired) -> Iterator[Fault]:
        policy = self.account.spec.policy
        assert policy is not None
        if item.origin is not None:
            # Declared inside another manifest, where these fields cannot be written.
            return
        for rule in policy.required:
            kind, _, field = rule.partition(".")
            if kind != item.address.kind:
                continue
            known, is_set = _is_set(item, field)
            line = self._line("policy.required")
            if not known:
                yield Fault(
                    "policy-field-unknown",
                    "The policy requires a field that does not exist",
                    f"Account/{self.account.name} requires {rule} ({line}); a {kind} has no such field.",
                    "Correct `policy.required`: Kind, then the field of its spec, or metadata.labels.NAME.",
                    self.account.place_of("policy.required"),
                    str(item.address),
                )
            elif not is_set:
                yield Fault(
                    "policy-required",
                    "The policy of the account requires a field that is not set",
                    f"Account/{self.account.name} requires {rule} ({line}).",
                    f"Set `{field}`.",
                    item.place,
                    str(item.address),
                )

    def _line(self, field: str) -> Place:
        return self.account.place_of(field)


def _made(change: Change) -> Desired | None:
    """Return what a change makes or alters, now or when it can; None if it leaves things as they are."""
    match change:
        case Create(held="", desired=item) | Update(held="", desired=item) | Replace(held="", desired=item):
            return item
        case Wait(blocked=False, desired=item):
            return item
        case _:
            return None


def _too_dear(account: Account, limit: MaxUsd, changes: Sequence[Change], cost: PlanCost) -> Iterator[Fault]:
    for change in changes:
        told = cost.each.get(key_of(change))
        if limit.per_job is not None and told is not None and told.training is not None:
            line = account.place_of("policy.max_usd.per_job")
            what = f"{{}} to train; Account/{account.name} allows {rate_text(limit.per_job)} for a job ({line})"
            remedy = "Train on less data or for fewer epochs, or have `policy.max_usd.per_job` raised."
            yield from _over(told.training, limit.per_job, what, remedy, _place(change), str(change.address))
    most = limit.hosting_per_month
    name = changes and account_of(changes[0])
    raising = [change for change in changes if (told := cost.each.get(key_of(change))) is not None and told.added]
    if most is None or not raising:
        return
    line = account.place_of("policy.max_usd.hosting_per_month")
    dearest = ", ".join(str(change.address) for change in raising)
    what = f"{{}} for hosting in 30 days, with {dearest}; Account/{account.name} allows {rate_text(most)} ({line})"
    remedy = "Delete a deployment that is not needed, or have `policy.max_usd.hosting_per_month` raised."
    month = cost.hosting.get(name or "", FREE).times(HOURS_A_MONTH)
    yield from _over(month, most, what, remedy, _place(raising[0]), str(raising[0].address))


def _above(limit: Decimal, changes: Sequence[Change], cost: PlanCost) -> Iterator[Fault]:
    """Refuse a plan that spends more than a flag allows: trainings, and 30 days of the hosting that it adds."""
    whole = cost.at_most
    parts: list[tuple[Decimal, Change, str]] = []
    for change in changes:
        told = cost.each.get(key_of(change))
        spent = FREE if told is None else (told.training or FREE) + told.added.times(HOURS_A_MONTH)
        if spent:
            parts.append((spent.high, change, f"{change.address} {_amount(spent)}"))
    if not parts:
        return
    parts.sort(key=lambda part: part[0], reverse=True)
    listed = ", ".join(text for _, _, text in parts[:5]) + (" …" if len(parts) > 5 else "")
    what = f"{{}}, of which {listed}; --max-cost allows {rate_text(limit)}"
    remedy = "Narrow the run with --target, or raise --max-cost."
    yield from _over(whole, limit, what, remedy, _place(parts[0][1]), str(parts[0][1].address))


def _over(cost: Cost, limit: Decimal, what: str, remedy: str, place: Place | None, subject: str) -> Iterator[Fault]:
    if cost.high > limit:
        detail = f"It costs {what.format(_amount(cost))}."
        yield Fault("cost-above-limit", "This costs more than is allowed", detail, remedy, place, subject)
    for missing in cost.unknown:
        yield _unknown(missing, what, place, subject)


def _unknown(missing: Missing, what: str, place: Place | None, subject: str) -> Fault:
    return Fault(
        "cost-unknown",
        "What this costs is not known, and a limit is set",
        f"{missing.subject}: {missing.reason}. It costs {what.format('an unknown amount')}.",
        missing.remedy or "Have what is not known made known, or the limit lifted.",
        place,
        subject,
    )


def _amount(cost: Cost) -> str:
    """Return a cost as it is compared with a limit: what is not known is said, the rest to the cent."""
    low, high = cents(cost.low), cents(cost.high)
    text = high if low == high else f"up to {high}" if not cost.low else f"{low} to {high}"
    if not cost.unknown:
        return text
    return f"{text} and an unknown amount" if cost.high else "an unknown amount"


def _place(change: Change) -> Place | None:
    item = _made(change)
    return item.place if item else None


def _names(model: str) -> tuple[str, ...]:
    """Return the names by which a policy may name a model: as written, and with and without its version."""
    base = base_of(model)
    facts = find(base)
    return (base, facts.name, facts.id) if facts else (base,)


def _matches(globs: Iterable[str], text: str) -> bool:
    return any(fnmatch.fnmatchcase(text.lower(), glob.lower()) for glob in globs)


def _is_set(item: Desired, field: str) -> tuple[bool, bool]:
    """Return whether a field exists, and whether it is set; `auto` leaves a setting to Azure, so it is not."""
    if field.startswith(_LABELS):
        return True, bool(item.labels.get(field.removeprefix(_LABELS)))
    value: Any = item.spec
    for part in field.split("."):
        if isinstance(value, BaseModel):
            if part not in type(value).model_fields:
                return False, False
            value = getattr(value, part) if part in value.model_fields_set else None
        elif isinstance(value, Mapping):
            value = value.get(part)
        elif value is None:
            return True, False
        else:
            return False, False
    return True, value not in (None, "", "auto", (), [], {})


def _where(account: Account) -> tuple[str, ...]:
    """Return everything that decides where requests go, in one spelling."""
    spec = account.spec
    parts = (account.subscription_id, account.resource_group, account.account_name, spec.endpoint)
    return tuple((part or "").rstrip("/").lower() for part in (*parts, spec.management_endpoint, spec.cloud))
