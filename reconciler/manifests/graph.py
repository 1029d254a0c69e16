"""References between resources: an order in which what is needed comes first, and the cycles that allow none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.resource import Address

Needs = Mapping[Address, Sequence[Address]]
"""The resources that each resource refers to; all of them are keys too."""


def ordered(needs: Needs) -> tuple[list[Address], list[list[Address]]]:
    """Return the resources, needed ones first, and the cycles. What is in a cycle or needs one is in no order."""
    waiting = {address: len(set(refs)) for address, refs in needs.items()}
    needed_by: dict[Address, list[Address]] = {}
    for address, refs in needs.items():
        for ref in set(refs):
            needed_by.setdefault(ref, []).append(address)
    order = [address for address, count in waiting.items() if not count]
    for address in order:  # grows while it is gone through
        for user in needed_by.get(address, ()):
            waiting[user] -= 1
            if not waiting[user]:
                order.append(user)
    return order, _cycles({address: needs[address] for address, count in waiting.items() if count})


def _cycles(rest: Needs) -> list[list[Address]]:
    """Return one cycle of each knot; every resource in `rest` refers to another one in it."""
    found: list[list[Address]] = []
    seen: set[Address] = set()
    for start in rest:
        trail: dict[Address, int] = {}
        here = start
        while here not in seen:
            seen.add(here)
            trail[here] = len(trail)
            here = next(ref for ref in rest[here] if ref in rest)
        if here in trail:
            cycle = list(trail)[trail[here] :]
            first = cycle.index(min(cycle))
            found.append([*cycle[first:], *cycle[:first]])
    return found
