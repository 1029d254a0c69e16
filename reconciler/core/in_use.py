"""A model that something needs is not deleted: what serves it, whoever made that and in whichever account, or a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.change import Change, Delete
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase, World
from reconciler.core.rules import Rules

CHECKPOINT_IDS = ("ftchkpt-", "ftckpt_", "ftckpt-")
"""How the id of a checkpoint begins, by source; it names neither its job nor its base (docs/azure.md, section 18)."""


def model_faults(
    changes: Sequence[Change], world: World, declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]
) -> tuple[Fault, ...]:
    """Return why deletions of models are refused, naming what needs each; what the plan deletes too does not count."""
    going = [change for change in changes if isinstance(change, Delete) and not change.held]
    gone = {_identity(change.live) for change in going}
    faults: list[Fault] = []
    for change in going:
        model = str(change.live.outputs.get("model") or "")
        if not change.live.outputs.get("job_id") or not model or change.live.phase is not Phase.READY:
            continue
        users = [live for live in world if _identity(live) not in gone and _serves(live, change.live, model)]
        named = list(declared_users(model, declared, kinds))
        if users:
            listed = ", ".join(f"{live.address} in Account/{live.account}" for live in users)
            faults.append(
                Fault(
                    "model-in-use",
                    "A model that is served would be deleted",
                    f"{change.address} made {model}, and {listed} serves it.",
                    "Have that deleted first, or serve another model; whoever made it. Or leave out\n"
                    f"  --allow-delete {change.address}",
                    subject=str(change.address),
                )
            )
        elif named:
            faults.append(
                Fault(
                    "model-declared",
                    "A model that a manifest names would be deleted",
                    f"{change.address} made {model}, and {named[0].address} names it.",
                    f"Let {named[0].address} name another one, or leave out\n"
                    f"  --allow-delete {change.live.kind}/{change.live.id}",
                    named[0].place_of("spec.model"),
                    str(named[0].address),
                )
            )
    return tuple(faults)


def _serves(live: Observed, job: Observed, model: str) -> bool:
    """Return whether a live object serves the model of a job, or one of its checkpoints."""
    if live.kind == job.kind or live.phase is Phase.GONE:
        return False
    served = str(live.outputs.get("model") or "").lower()
    of_job = bool(job.id) and live.facts.get("from") == job.id and served.startswith(CHECKPOINT_IDS)
    return of_job or _is_of(served, model)


def _is_of(name: str, model: str) -> bool:
    """Return whether a name is that of a model, or of one of its checkpoints."""
    name, model = name.lower(), model.lower()
    return name == model or name.startswith(f"{model}:")


def declared_users(model: str, declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]) -> Iterator[Desired]:
    """Return the manifests that name a model: to serve it, or to train on from it."""
    for item in declared.values():
        if any(_is_of(name, model) for name in named_models(item, declared, kinds)):
            yield item


def named_models(item: Desired, declared: Mapping[Address, Desired], kinds: Mapping[str, Rules]) -> list[str]:
    """Return the models that a resource names by their own names, to serve them or to train on from them."""
    charges = kinds[item.address.kind].charges(item, declared)
    named = (one.model for one in (charges.training, charges.hosting) if one is not None)
    return [name for name in named if isinstance(name, str)]


def _identity(live: Observed) -> tuple[str, str, str]:
    return live.account, live.kind, live.id
