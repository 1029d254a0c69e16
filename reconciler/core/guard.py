"""What makes deletion safe: a plan that deletes too much, or what is protected, is refused unless told by address.

`--allow-delete Kind/name` names what may go. What a newer version of its resource supersedes (a file, a former deployment)
is not counted: its manifest is still there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.account import Account
from reconciler.core.change import Change, Delete, account_of
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, World

SHARE, FROM = 0.3, 4
"""More than this share of the objects of a kind, where there are at least so many, is refused."""


@dataclass(frozen=True)
class Guarded:
    """Why deletions of a plan are refused, and what `--allow-delete` must name so that they are not."""

    faults: tuple[Fault, ...] = ()
    to_name: tuple[Address, ...] = ()


def guard(
    changes: Sequence[Change], accounts: Mapping[str, Account], declared: Collection[Address], allowed: Collection[str]
) -> Guarded:
    """Return which deletions of a plan are refused; `declared` is what the manifests declare."""
    going = [
        change for change in changes if isinstance(change, Delete) and change.reason != "duplicate" and not change.held
    ]
    unnamed = [change for change in going if not _named(change.live, allowed)]
    protected = [change for change in unnamed if change.live.facts.get("protect")]
    faults = [_protected(change) for change in protected]
    to_name = [change.address for change in protected]
    names = {str(address).lower() for address in declared}
    gone = [
        change
        for change in unnamed
        if str(change.address).lower() not in names and str(change.declared).lower() not in names
    ]
    for account in accounts:
        mine = [change for change in gone if account_of(change) == account]
        if mine and not _any_resource(changes, account):
            faults.append(_refusal("tree-empty", "The manifests declare nothing for an account", account, mine))
            to_name += [change.address for change in mine]
            continue
        for kind in sorted({change.live.kind for change in mine}):
            group = [change for change in mine if change.live.kind == kind]
            total = len(group) + _matched(changes, account, kind)
            many = total >= FROM and len(group) > SHARE * total
            if many or len(group) == total:
                to_name += [change.address for change in group]
            if len(group) == total:
                faults.append(_refusal("deletes-every", f"Every {kind} of an account would be deleted", account, group))
            elif many:
                summary = f"More than {SHARE:.0%} of the objects of a kind would be deleted"
                faults.append(_refusal("deletes-many", summary, account, group, f"{len(group)} of {total} {kind}s. "))
    return Guarded(tuple(faults), tuple(dict.fromkeys(to_name)))


def named_for_nothing(allowed: Iterable[str], world: World) -> Iterator[Fault]:
    """Warn of what `--allow-delete` names and nobody has; nothing is known of it where part of Azure was not read."""
    if world.failures:
        return
    there = {name for live in world for name in (str(live.address), f"{live.kind}/{live.id}")}
    for name in dict.fromkeys(allowed):
        if name not in there:
            yield Fault(
                "allow-delete-unused",
                "Nothing is called as --allow-delete names it",
                f"`{name}` is at Azure no more, or never was.",
                "Name it as Kind/name or Kind/id, without globs, as a plan lists it. A model goes by its job, which this lists:\n"
                "  reconciler history",
                subject=name,
                severity="warning",
            )


def pin_faults(pins: Iterable[tuple[Desired, Observed]], allowed: Collection[str]) -> tuple[Fault, ...]:
    """Refuse to delete by name what a resource pins."""
    return tuple(
        Fault(
            "model-pinned",
            "A model that a manifest pins would be deleted",
            f"{live.address} ({live.id}) is what {item.address} serves.",
            f"Let {item.address} serve another one first, and apply that; or leave out\n"
            f"  --allow-delete {live.kind}/{live.id}",
            item.place_of("spec.model.pin"),
            str(item.address),
        )
        for item, live in pins
        if _named(live, allowed)
    )


def _named(live: Observed, allowed: Collection[str]) -> bool:
    return str(live.address) in allowed or f"{live.kind}/{live.id}" in allowed


def _any_resource(changes: Sequence[Change], account: str) -> bool:
    return any(not isinstance(change, Delete) and account_of(change) == account for change in changes)


def _matched(changes: Sequence[Change], account: str, kind: str) -> int:
    lives = (getattr(change, "live", None) for change in changes if not isinstance(change, Delete))
    return sum(1 for live in lives if live is not None and live.account == account and live.kind == kind)


def _protected(change: Delete) -> Fault:
    return Fault(
        "protected",
        "A protected object would be deleted",
        f"{change.address} carries the tag `reconciler-protect`.",
        f"If it is to go, name it:\n  --allow-delete {change.address}",
        subject=str(change.address),
    )


def _refusal(code: str, summary: str, account: str, group: Sequence[Delete], detail: str = "") -> Fault:
    listed = ", ".join(str(change.address) for change in group[:10]) + (" …" if len(group) > 10 else "")
    flags = " ".join(f"--allow-delete {change.address}" for change in group[:10])
    return Fault(
        code,
        summary,
        f"Account/{account}: {detail}{listed}.",
        f"If they are to go, name them:\n  {flags}",
        subject=f"Account/{account}",
    )
