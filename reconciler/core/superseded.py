"""Which finished models an Account keeps of those that newer ones have taken the place of: `keep_models`.

A model is superseded if a manifest has its own finished model, another one, and both bear the same name. What anything
needs is none: what is served or trained on, by whomever, and what a manifest names or pins. The last model of a manifest
that is gone is superseded by nothing. Nothing is deleted by this: it says what a plan lists, and a model goes only by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.account import Account
from reconciler.core.change import Change, Create, Delete, Keep, account_of, live_of
from reconciler.core.in_use import CHECKPOINT_IDS, named_models
from reconciler.core.resource import Address, Desired, Observed, Phase, World
from reconciler.core.rules import Rules


@dataclass(frozen=True)
class Retention:
    """Ids of superseded models: those that the Account keeps, and those that it does not."""

    kept: frozenset[str] = frozenset()
    surplus: frozenset[str] = frozenset()


EVERYTHING = Retention()


def retention(
    unmatched: Sequence[Observed],
    names: Collection[str],
    account: Account,
    world: World,
    declared: Mapping[Address, Desired],
    kinds: Mapping[str, Rules],
) -> Retention:
    """Return what becomes of the unmatched objects of a kind; `names` are those of which newer ones are there (`superseding`).

    Where something cannot be told (an account that could not be read, a checkpoint that is named by its id), all is kept.
    """
    most = account.spec.keep_models
    if most is None or world.failures or _serves_something_unknown(world, declared, kinds):
        return EVERYTHING
    needed, trained_by = _needed(world, declared, kinds)
    lines: dict[str, list[Observed]] = {}
    for live in sorted(unmatched, key=lambda live: (live.created_at, live.id), reverse=True):
        free = has_model(live) and _whole(live.outputs["model"]) not in needed and live.id not in trained_by
        if free and live.name in names:
            lines.setdefault(live.name, []).append(live)
    return Retention(
        frozenset(live.id for line in lines.values() for live in line[:most]),
        frozenset(live.id for line in lines.values() for live in line[most:]),
    )


def superseding(changes: Iterable[Change], kind: str, account: str) -> set[str]:
    """Return the names of which every manifest has its finished model: one that still trains, or is stuck, may need the old."""
    ready: set[str] = set()
    unsettled: set[str] = set()
    for change in changes:
        if change.address.kind != kind or account_of(change) != account:
            continue
        live = change.supersedes if isinstance(change, Create) else live_of(change)
        if live is not None:
            is_ready = isinstance(change, Keep) and live.phase is Phase.READY
            (ready if is_ready else unsettled).add(live.name)
    return ready - unsettled


def has_model(live: Observed) -> bool:
    """Return whether a finished object has a model that can be deleted."""
    return live.phase is Phase.READY and bool(live.outputs.get("model")) and not live.facts.get("model_gone")


def listed(live: Observed, account: Account) -> Delete:
    """Return how a plan lists a model that the Account does not keep: not to be deleted, and how to name it."""
    kept = f"beyond `keep_models: {account.spec.keep_models}` of Account/{account.name}"
    command = f"  reconciler apply --prune --allow-delete {live.kind}/{live.id}"
    notes = (f"made by {live.id}; to delete it, name it:", command)
    return Delete(live, "left_over", held=f"left over, not deleted: {kept}, and a model goes only by name", notes=notes)


def _needed(world: World, declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]) -> tuple[set[str], set[str]]:
    """Return the models that are served, trained on or named, and the ids of the jobs of which a checkpoint is served."""
    models: set[str] = set()
    jobs: set[str] = set()
    for live in world:
        served = str(live.outputs.get("model") or "")
        base = getattr(live.spec, "model", None)
        if live.phase is Phase.WORKING and isinstance(base, str):
            models.add(_whole(base))
        if live.phase is Phase.GONE or kinds[live.kind].keeps_history:
            continue
        models.add(_whole(served))
        if served.startswith(CHECKPOINT_IDS):
            jobs.add(str(live.facts.get("from") or ""))
    for item in declared.values():
        models.update(_whole(name) for name in named_models(item, declared, kinds))
    return models, jobs


def _whole(model: str) -> str:
    """Return the model that a name is of: its own, or that of one of its checkpoints."""
    return str(model).lower().partition(":")[0]


def _serves_something_unknown(world: World, declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]) -> bool:
    """Whether something serves a checkpoint by an id, which does not say whose checkpoint it is."""
    live = (
        str(one.outputs.get("model") or "")
        for one in world
        if one.phase is not Phase.GONE and not one.facts.get("from")
    )
    hosted = (kinds[item.address.kind].charges(item, declared).hosting for item in declared.values())
    named = (one.model for one in hosted if one is not None and isinstance(one.model, str))
    return any(name.startswith(CHECKPOINT_IDS) for name in live) or not all(named)
