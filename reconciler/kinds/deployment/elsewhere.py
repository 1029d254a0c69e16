"""A model that a job in another account made: ARM has to be told where it comes from.

Documentation says the account's ARM id stands in `model.source`, one of its examples has `model.sourceAccount`, and which of
the two an API version needs is not confirmed (docs/azure.md, section 11). So both spellings are a table: the first is sent,
and where Azure does not know the model by it, nothing was made, and the next one is tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Spec
from reconciler.core.rules import Claim, View
from reconciler.kinds.deployment.spec import CheckpointModel, DeploymentSpec, JobModel, NamedModel

SPELLINGS = ("source", "sourceAccount")
"""How ARM may want to be told the account of a model, most likely first."""


def with_source(desired: Desired, after: Spec | None, job: Observed | None) -> Spec | None:
    """Return the resolved spec with the account of the job, if that is another one than the deployment's."""
    model = getattr(after, "model", None)
    if after is None or job is None or job.account == desired.account or not isinstance(model, NamedModel):
        return after
    source = str(job.facts.get("account_id") or "") or None
    return after.model_copy(update={"model": model.model_copy(update={"source": source})})


def unreachable(desired: Desired, view: View) -> Claim | None:
    """Return a claim that is stuck, if the model is to come from an account whose ARM id nobody has said."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    if not isinstance(spec.model, JobModel):
        return None
    job = view.declared.get(Address("FineTuneJob", spec.model.job))
    account = view.accounts.get(job.account) if job and job.account != desired.account else None
    if job is None or account is None or account.arm_id:
        return None
    fault = Fault(
        "source-unknown",
        "Nobody has said where the model's account is in Azure",
        f"{job.address} trains in Account/{account.name}, which has only an endpoint; {desired.account} needs its ARM id to deploy "
        "what it makes.",
        f"Add it to Account/{account.name} ({account.place}):\n  resource_id: /subscriptions/…/accounts/NAME",
        desired.place_of("spec.model.job"),
        str(desired.address),
    )
    return Claim(stuck=fault)


def completed(claim: Claim, desired: Desired, job: Observed | None) -> Claim:
    """Return a claim whose resolved spec says the account of the job."""
    after = with_source(desired, claim.after, job)
    return claim if after is claim.after else replace(claim, after=after)


def as_told(after: Spec, live: Observed) -> Spec:
    """Return the spec without what Azure does not tell of the model: its name has the job's id in it, which says the rest."""
    model, told = getattr(after, "model", None), getattr(live.spec, "model", None)
    if not isinstance(model, NamedModel) or not isinstance(told, NamedModel):
        return after
    untold: dict[str, str | None] = {} if getattr(told, "source", None) else {"source": None}
    if told.name == model.name:
        untold |= {field: "" for field in ("version", "format") if not getattr(told, field)}
    return after.model_copy(update={"model": model.model_copy(update=untold)})


def spellings(model: Mapping[str, Any], named: object) -> Iterator[dict[str, Any]]:
    """Return each way in which ARM may want to be told of a model, most likely first.

    Of a checkpoint it takes the model's name or the checkpoint's id: documentation says the id, the specification shows a
    name. The name goes first, as the service gave it; where it gave only the id, the name as the specification forms it is last.
    """
    others = (named.checkpoint_id, named.documented_name) if isinstance(named, CheckpointModel) else ()
    source = model.get("source")
    rest = {key: value for key, value in model.items() if key != "source"}
    for name in dict.fromkeys(filter(None, (str(model["name"]), *others))):
        for word in SPELLINGS if source else ("",):
            yield {**rest, "name": name, **({word: source} if word else {})}
