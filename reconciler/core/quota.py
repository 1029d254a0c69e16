"""Limits and quota, counted before anything is sent: what is live, what a plan adds, and what Azure says is left.

| what | from where | going beyond it |
|---|---|---|
| files, bytes, jobs, deployments of an account | `reconciler.limits`, or `limits:` of the Account | a warning |
| jobs that run at once | the same | a warning: they wait |
| capacity of a pool | Azure's own usages | an error for what is deployed now, a warning for what is later |
| capacity of a model in a region | Azure's own model capacities | a warning |

Documented numbers are behind and differ by account, so they never refuse anything; Azure's own word does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.account import Account
from reconciler.core.change import Change, Create, Delete, Replace, Update, Wait, account_of, live_of
from reconciler.core.charges import Charges, Hosting
from reconciler.core.cost import base_model
from reconciler.core.fault import Fault, Severity
from reconciler.core.resource import Address, Desired, Observed, Phase, World
from reconciler.core.rules import Rules
from reconciler.limits import AS_OF, NEAR, find
from reconciler.models import base_of
from reconciler.models import find as find_model

QUEUES = {"running_jobs": "queued_jobs", "running_developer_jobs": "queued_developer_jobs"}
"""Of jobs that run at once: where those are counted that wait for one of these places."""
_TOTALS = ("files", "bytes", "jobs", "deployments", "fine_tuned_deployments")
FINE_TUNED = "-finetune"
"""How the name of a pool for fine-tuned models ends; base models have pools of their own (docs/azure.md, section 10)."""
_LETTERS = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class Pool:
    """Quota of a subscription in a region, as Azure names it: `OpenAI.DeveloperTier.gpt4.1-mini-finetune`."""

    name: str
    used: int
    limit: int

    @property
    def left(self) -> int:
        """What is not in use."""
        return max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Free:
    """What Azure has free of a model in a region for fine-tuned deployments of a sku."""

    sku: str
    capacity: int


@dataclass(frozen=True, slots=True)
class Demand:
    """Capacity that a plan asks for in addition: for a model trained from `base`, or for `base` itself.

    `now` is false for what is deployed when something else has ended. `had` is what the deployment has of the pool already.
    """

    desired: Desired
    base: str
    sku: str
    capacity: int
    fine_tuned: bool
    now: bool
    had: int = 0


def limit_of(name: str, account: Account) -> tuple[int, str]:
    """Return a limit of an account, and who says so."""
    own = getattr(account.spec.limits, name, None) if account.spec.limits else None
    if own is not None:
        return int(own), f"`limits.{name}` of Account/{account.name}"
    return find(name).value, f"documented, {AS_OF:%Y-%m}"


def amount(name: str, count: int) -> str:
    """Return how much of a limit, in words: megabytes for bytes."""
    return f"{count / 1e6:,.1f} MB" if name == "bytes" else f"{count:,}"


def counted(world: World, account: str, kinds: Mapping[str, Rules]) -> Counter[str]:
    """Return how much of each limit the live objects of an account take."""
    found: Counter[str] = Counter()
    for kind, rules in kinds.items():
        for live in world.of(account, kind):
            if live.phase is not Phase.GONE:
                found.update(_live(live, rules))
    return found


def limit_faults(
    changes: Sequence[Change],
    world: World,
    accounts: Mapping[str, Account],
    declared: Mapping[Address, Desired],
    kinds: Mapping[str, Rules],
) -> Iterator[Fault]:
    """Return what a plan goes beyond, or comes near to, in each account; only what the plan adds to is told."""
    by_account: dict[str, list[Change]] = {}
    for change in changes:
        by_account.setdefault(account_of(change), []).append(change)
    for name, account in accounts.items():
        if any(failed == name for failed, _ in world.failures):
            continue  # What is there is not known.
        live = counted(world, name, kinds)
        added = _added(by_account.get(name, ()), declared, kinds)
        for key in _TOTALS:
            if added[key] > 0:
                yield from _total(key, live[key], added[key], account)
        yield from _slots(live, added, account)


def demands(
    changes: Iterable[Change], declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]
) -> Iterator[Demand]:
    """Return the capacity that a plan asks for in addition to what is there."""
    for change in changes:
        if isinstance(change, Create | Update | Replace) and not change.held:
            now = True
        elif isinstance(change, Wait) and not change.blocked:
            now = False
        else:
            continue
        rules = kinds[change.address.kind]
        wanted = rules.charges(change.desired, declared).hosting
        base = base_model(wanted.model, declared, kinds) if wanted else ""
        if wanted is None or not base:
            continue
        # What is made beside the live one takes nothing of what that has.
        live = None if isinstance(change, Wait) and change.then == "create" else live_of(change)
        had = rules.live_charges(live).hosting if live is not None else None
        kept = had.capacity if had is not None and _same_pool(wanted, had, base) else 0
        if wanted.capacity > kept:
            yield Demand(change.desired, base, wanted.sku, wanted.capacity - kept, _is_tuned(wanted), now, kept)


def quota_faults(asked: Sequence[Demand], pools: Sequence[Pool], where: str) -> Iterator[Fault]:
    """Return what does not fit into the pools of a region, by Azure's own numbers."""
    together: dict[Pool, list[Demand]] = {}
    for demand in asked:
        pool = pool_of(pools, demand.base, demand.sku, fine_tuned=demand.fine_tuned)
        if pool is not None:
            together.setdefault(pool, []).append(demand)
    for pool, group in together.items():
        at_once = [demand for demand in group if demand.now]
        if sum(demand.capacity for demand in at_once) > pool.left:
            yield _short(at_once, pool, where, pools, "error")
        elif sum(demand.capacity for demand in group) > pool.left:
            yield _short(group, pool, where, pools, "warning")


def capacity_faults(asked: Iterable[Demand], free: Mapping[str, Sequence[Free]], where: str) -> Iterator[Fault]:
    """Return what Azure has less of than is asked for; `free` by base model. Quota says what one may have, this what is there."""
    for demand in asked:
        rows = [row for row in free.get(demand.base, ()) if row.sku.lower() == demand.sku.lower()]
        if demand.fine_tuned and rows and demand.capacity > max(row.capacity for row in rows):
            most = max(row.capacity for row in rows)
            yield Fault(
                "capacity-short",
                "Azure has less capacity of the model free than is declared",
                f"{demand.capacity} {'more ' if demand.had else ''}of {demand.sku} is asked for, and Azure says that {most} is free for fine-tuned "
                f"{demand.base} in {where}.",
                f"Lower `sku.capacity` to {most + demand.had}, or choose another sku or region."
                if most + demand.had
                else "Choose another sku or region.",
                demand.desired.place_of("spec.sku.capacity"),
                str(demand.desired.address),
                "warning",
            )


def pool_of(pools: Iterable[Pool], base: str, sku: str, *, fine_tuned: bool) -> Pool | None:
    """Return the pool that a deployment draws on; None if no row is certainly its.

    A name is `OpenAI.SKU.MODEL[-finetune]`, with the model spelled in its own way: `gpt4.1-mini` for gpt-4.1-mini. So
    letters and digits are compared, and the sku by its part of the name.
    """
    facts = find_model(base)
    wanted = _LETTERS.sub("", (facts.name if facts else base).lower())
    found = []
    for pool in pools:
        _, _, rest = pool.name.partition(".")
        word, _, model = rest.partition(".")
        tuned = model.lower().endswith(FINE_TUNED)
        spelled = _LETTERS.sub("", model[: -len(FINE_TUNED)].lower() if tuned else model.lower())
        if tuned == fine_tuned and word.lower() == sku.lower() and spelled == wanted:
            found.append(pool)
    return found[0] if len(found) == 1 else None


def _same_pool(wanted: Hosting, had: Hosting, base: str) -> bool:
    """Whether a deployment stays in its pool; of one that serves a checkpoint by its id, the base is taken to stay the same."""
    same_base = not had.model or (isinstance(had.model, str) and _one_name(had.model) == _one_name(base))
    return same_base and wanted.sku.lower() == had.sku.lower()


def _one_name(model: str) -> str:
    """Return the base of a model in one of its spellings: with and without its version it is one."""
    facts = find_model(model)
    return (facts.name if facts else base_of(model)).lower()


def _is_tuned(hosting: Hosting) -> bool:
    return isinstance(hosting.model, Address) or not hosting.model or base_of(hosting.model) != hosting.model.strip()


def _hosted(charges: Charges) -> Mapping[str, int]:
    if charges.hosting is None:
        return {}
    return {"deployments": 1, **({"fine_tuned_deployments": 1} if _is_tuned(charges.hosting) else {})}


def _live(live: Observed, rules: Rules) -> Mapping[str, int]:
    return {**rules.live_counts(live), **_hosted(rules.live_charges(live))}


def _added(changes: Iterable[Change], declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]) -> Counter[str]:
    """Return what a plan adds, with what it takes away first: deletions come last, so only replaced objects count less."""
    found: Counter[str] = Counter()
    for change in changes:
        match change:
            case Create(held="") | Wait(live=None, blocked=False) | Wait(then="create", blocked=False):
                rules = kinds[change.address.kind]
                found.update(rules.counts(change.desired))
                found.update(_hosted(rules.charges(change.desired, declared)))
            case Delete(held="", reason="duplicate", live=live):
                found.subtract({key: n for key, n in _live(live, kinds[live.kind]).items() if key not in _TOTALS})
            case _:
                continue
    return found


def _total(key: str, live: int, added: int, account: Account) -> Iterator[Fault]:
    limit, said = limit_of(key, account)
    sum_ = live + added
    if sum_ <= limit * NEAR:
        return
    detail = (
        f"Account/{account.name} has {amount(key, live)} {find(key).words}, and the plan adds {amount(key, added)}; "
        f"the limit is {amount(key, limit)} ({said})."
    )
    if sum_ > limit:
        remedy = (
            f"{find(key).frees} If the account has another limit, say it in its manifest:\n  limits: {{{key}: NUMBER}}"
        )
        code, summary = "limit-reached", "The plan goes beyond a limit of the account"
    else:
        remedy, code, summary = find(key).frees, "limit-near", "A limit of the account is near"
    yield Fault(code, summary, detail, remedy, account.place, f"Account/{account.name}", "warning")


def _slots(live: Counter[str], added: Counter[str], account: Account) -> Iterator[Fault]:
    """Say how many jobs will wait, and whether so many may wait."""
    waiting = 0
    for running, queued in QUEUES.items():
        limit, said = limit_of(running, account)
        wanted = live[running] + live[queued] + added[running]
        over = max(0, wanted - limit)
        waiting += over
        if added[running] > 0 and over:
            yield Fault(
                "jobs-wait",
                "More jobs than run at once: some wait for others",
                f"Account/{account.name}: {live[running]} of {limit} {find(running).words} ({said}), {live[queued]} waiting, "
                f"and the plan adds {added[running]}: {over} wait.",
                "Nothing needs to be done: they start by themselves. Waiting is not billed.",
                account.place,
                f"Account/{account.name}",
                "warning",
            )
    most, said = limit_of("queued_jobs", account)
    if waiting > most and any(added[running] > 0 for running in QUEUES):
        yield Fault(
            "limit-reached",
            "The plan goes beyond a limit of the account",
            f"Account/{account.name}: {waiting} jobs would wait; {most} may ({said}).",
            "Azure refuses those beyond it. Make fewer at once:\n  reconciler apply --target FineTuneJob/NAME",
            account.place,
            f"Account/{account.name}",
            "warning",
        )


def _short(part: Sequence[Demand], pool: Pool, where: str, pools: Sequence[Pool], severity: Severity) -> Fault:
    wanted = sum(demand.capacity for demand in part)
    first = part[0]
    who = ", ".join(f"{demand.desired.address} {demand.capacity}" for demand in part)
    detail = (
        f"{pool.name} in {where}: Azure says that {pool.used} of {pool.limit} is in use, so {pool.left} is left; "
        f"{wanted} more is asked for ({who})."
    )
    other = pool_of(pools, first.base, first.sku, fine_tuned=not first.fine_tuned)
    if first.fine_tuned and other is not None:
        detail += f" {other.name} has {other.left} left, for base models only."
    room = pool.left + first.had
    lower = f"Lower `sku.capacity` to {room}, delete" if room and len(part) == 1 else "Delete"
    remedy = f"{lower} deployments that are not needed, or ask for more quota. A deleted account that was not purged holds quota too."
    return Fault(
        "quota-short",
        "The quota is too small for what is declared",
        detail,
        remedy,
        first.desired.place_of("spec.sku.capacity"),
        str(first.desired.address),
        severity,
    )
