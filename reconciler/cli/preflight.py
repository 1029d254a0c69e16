"""What Azure itself says about a plan before anything is sent: quota, capacity, and whether a base model is trained.

Asked only for what the plan makes: a plan without a new training or more capacity costs no call. What cannot be read is a
warning of the plan, and stops nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from reconciler.core.fault import Fault, ReconcilerError

if TYPE_CHECKING:
    from reconciler.azure.session import Session
    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Plan
    from reconciler.core.checkup import Wanted
    from reconciler.core.quota import Demand, Pool
    from reconciler.core.resource import Address, Desired


@dataclass
class _Asked:
    """What a plan makes in one account."""

    trainings: list[Wanted] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    pools: tuple[str, str, Sequence[Pool]] | None = None
    """Subscription, region and pools that the demands draw on, if they fit for themselves."""


def preflight(made: Plan, bench: Workbench) -> Plan:
    """Return the plan with what Azure says of it: an error refuses it, the rest are warnings."""
    asked = _asked(made, bench)
    tasks = {
        name: bench.engine.executor.submit(partial(_look, bench.sessions[name], what, bench))
        for name, what in asked.items()
    }
    found = [fault for task in tasks.values() for fault in task.result()]
    found += _together(asked)
    if not found:
        return made
    # Azure's own word takes the place of the table's about the same thing.
    said = {(fault.code, fault.subject) for fault in found}
    kept = tuple(fault for fault in made.warnings if (fault.code, fault.subject) not in said)
    return replace(
        made,
        warnings=(*kept, *(fault for fault in found if fault.severity == "warning")),
        refusals=(*made.refusals, *(fault for fault in found if fault.severity == "error")),
    )


def _asked(made: Plan, bench: Workbench) -> dict[str, _Asked]:
    from reconciler.cli.compose import KINDS
    from reconciler.core.change import Create, Wait
    from reconciler.core.checkup import wanted
    from reconciler.core.quota import demands

    declared = _declared(bench)
    new: dict[Address, Desired] = {}
    for change in made.changes:
        match change:
            case Create(held="", desired=item) | Wait(live=None, blocked=False, desired=item):
                new[item.address] = item
            case _:
                continue
    asked: dict[str, _Asked] = {}
    for name in bench.accounts:
        trainings = [one for one in wanted(declared, name, KINDS) if one.address in new]
        if trainings:
            asked.setdefault(name, _Asked()).trainings = trainings
    for demand in demands(made.changes, declared, KINDS):
        asked.setdefault(demand.desired.account, _Asked()).demands.append(demand)
    return asked


def _declared(bench: Workbench) -> dict[Address, Desired]:
    return {item.address: item for item in bench.tree.desired}


def _look(session: Session, asked: _Asked, bench: Workbench) -> list[Fault]:
    found: list[Fault] = []
    for part in (_trainings, _capacity):
        try:
            found += part(session, asked, bench)
        except ReconcilerError as error:
            found.append(_unread(session, error.faults[0], asked, part is _capacity))
    return found


def _trainings(session: Session, asked: _Asked, bench: Workbench) -> Iterable[Fault]:
    from reconciler.azure.catalog import Catalog
    from reconciler.core.checkup import said_of, training_faults

    if not asked.trainings:
        return []
    listed = Catalog(session).base_models()
    if not listed:
        return []  # it speaks of no base model at all, so that it lacks one says nothing
    found = {base: said_of(base, listed) for base in {one.base for one in asked.trainings}}
    declared, now = _declared(bench), bench.runtime.clock.now()
    return [
        fault
        for one in asked.trainings
        for fault in training_faults(declared[one.address], one.base, one.training_type, found[one.base], now)
    ]


def _capacity(session: Session, asked: _Asked, bench: Workbench) -> Iterable[Fault]:
    from reconciler.azure.capacity import Capacity
    from reconciler.core.quota import capacity_faults, quota_faults
    from reconciler.models import find

    del bench
    if not asked.demands or not session.account.has_control_plane:
        return []
    capacity = Capacity(session)
    region = capacity.region()
    pools = capacity.pools(region)
    short = list(quota_faults(asked.demands, pools, region))
    if short:
        return short
    asked.pools = (str(session.account.subscription_id).lower(), region, pools)
    free = {}
    for base in dict.fromkeys(demand.base for demand in asked.demands if demand.fine_tuned):
        facts = find(base)
        if facts is not None and facts.format and facts.version:
            free[base] = capacity.free(region, facts.format, facts.name, facts.version)
    return list(capacity_faults(asked.demands, free, region))


def _together(asked: Mapping[str, _Asked]) -> list[Fault]:
    """Return what fits into no pool although each account's part does: a pool is that of a subscription in a region."""
    from reconciler.core.quota import quota_faults

    places: dict[tuple[str, str], list[_Asked]] = {}
    for one in asked.values():
        if one.pools is not None:
            places.setdefault(one.pools[:2], []).append(one)
    found: list[Fault] = []
    for (_, region), group in places.items():
        pools = group[0].pools[2] if group[0].pools is not None else ()
        if len(group) > 1:
            found += quota_faults([demand for one in group for demand in one.demands], pools, region)
    return found


def _unread(session: Session, fault: Fault, asked: _Asked, is_capacity: bool) -> Fault:
    what, code = ("quota and capacity", "quota-unread") if is_capacity else ("list of base models", "models-unread")
    addresses = (
        [one.desired.address for one in asked.demands] if is_capacity else [one.address for one in asked.trainings]
    )
    return Fault(
        code,
        f"Azure's {what} could not be read, so nothing was compared with it",
        f"{', '.join(map(str, addresses[:3]))}: {fault.detail or fault.summary}",
        "A role that can read it:\n  reconciler doctor --print-role plan",
        session.account.place,
        f"Account/{session.account.name}",
        "warning",
    )
