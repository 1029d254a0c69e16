"""Deployment: a model that answers, found by its name and owned by its ARM tags.

| tag | what it says |
|---|---|
| reconciler-owner | whose it is (Account.owner) |
| reconciler-source | which repository and folder declares it |
| reconciler-digest | digest of what was applied |
| reconciler-deployment | the name that it was made under: tags that were copied to another one make it no one's |
| reconciler-from | the job whose model it serves; of a checkpoint also the step and how it was chosen |
| reconciler-model | of a checkpoint: its name, as Azure took it |
| reconciler-adopted | "true": it was made elsewhere and taken over, so it is never deleted |
| reconciler-answered | the model whose first answer was seen, where the manifest has `readiness` |
| reconciler-protect | "true" keeps it from being deleted |
| reconciler-name, reconciler-since | of a version of `strategy: beside`: see `beside.py` |

A name that is taken by an object without our tags is never written over.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import ClassVar

from reconciler.azure.session import Session
from reconciler.core.account import Account
from reconciler.core.change import Create, Update
from reconciler.core.charges import Charges
from reconciler.core.diff import FieldChange
from reconciler.core.digest import spec_digest
from reconciler.core.draft import Draft, Named
from reconciler.core.fault import Fault
from reconciler.core.not_ours import adopts_from, not_ours
from reconciler.core.resource import Address, Desired, Observed, Phase, Spec, Unknown
from reconciler.core.rules import Claim, Digests, Resolved, View
from reconciler.kind import Kind, Loaded, Workspace
from reconciler.kinds.deployment.beside import Versions, check_name, stable_name, taken, takes_over, version_name
from reconciler.kinds.deployment.candidate import check_candidate, with_candidates
from reconciler.kinds.deployment.charges import charges_of, live_charges
from reconciler.kinds.deployment.checkpoint import as_served, check_metric, pin_changes, pinned_among, with_checkpoint
from reconciler.kinds.deployment.drafting import draft_of
from reconciler.kinds.deployment.elsewhere import as_told, completed, unreachable, with_source
from reconciler.kinds.deployment.failed import failed_notes
from reconciler.kinds.deployment.gate_files import found
from reconciler.kinds.deployment.gates import check_gates, judged
from reconciler.kinds.deployment.gateway import DeploymentGateway
from reconciler.kinds.deployment.lifetime import (
    check_lifetime,
    expired,
    may_have_vanished,
    missing,
    needs_review,
    protected_notes,
    protection,
)
from reconciler.kinds.deployment.named import format_of
from reconciler.kinds.deployment.offered import check_offered
from reconciler.kinds.deployment.ownership import DEPLOYMENT, copied_from, is_marked
from reconciler.kinds.deployment.pin import pin_notes, pinned_job
from reconciler.kinds.deployment.properties import WRITABLE
from reconciler.kinds.deployment.readiness import READINESS, readiness_changes
from reconciler.kinds.deployment.spec import DeploymentSpec, JobModel, NamedModel
from reconciler.kinds.deployment.strategy import word_of
from reconciler.models.table import SKUS
from reconciler.prices import is_provisioned

USEFUL_CAPACITY = 10
"""Thousands of tokens a minute below which a fine-tuned model answers about once a minute (docs/azure.md, section 11)."""


class DeploymentKind(Kind):
    """Deployments of models."""

    name: ClassVar[str] = "Deployment"
    spec: ClassVar[type[Spec]] = DeploymentSpec
    observes: ClassVar[tuple[str, ...]] = ("FineTuneJob",)
    control_plane: ClassVar[bool] = True
    prune: ClassVar[str] = "deployments"
    gone_for: ClassVar[str] = "nothing serves for about 5 minutes, longer if Azure is slow to free its name and quota"

    def connect(self, session: Session) -> DeploymentGateway:
        """Return the gateway to one account's deployments."""
        return DeploymentGateway(session)

    def check(self, desired: Desired, declared: Mapping[Address, Desired], account: Account) -> Sequence[Fault]:
        """Deployments need the control plane."""
        if account.has_control_plane:
            faults = (
                *_unknown_sku(desired),
                *_little(desired),
                *check_offered(desired, declared, account),
                *check_lifetime(desired),
                *check_metric(desired, declared),
                *check_name(desired),
            )
            return (*faults, *check_gates(desired, declared), *check_candidate(desired, declared))
        fault = Fault(
            "account-without-control-plane",
            "Deployments need the account's `resource_id`",
            f"Account/{account.name} has only an endpoint.",
            "Add `resource_id: /subscriptions/…/accounts/NAME` to the Account.",
            desired.place,
            str(desired.address),
        )
        return (fault,)

    def inspect(self, desired: Desired, workspace: Workspace) -> Loaded:
        """Find the programs that its gates run."""
        return found(desired, workspace)

    def live_name(self, desired: Desired) -> str:
        """Return the deployment's name in Azure, which takes no two that differ only in case."""
        return stable_name(desired).lower()

    def digests(self, desired: Desired, parents: Digests) -> tuple[str, ...]:
        """Return the digest of what is declared, the job's identity included."""
        spec = _spec(desired)
        model: object = spec.model.model_dump()
        if isinstance(spec.model, JobModel):
            job = Address("FineTuneJob", spec.model.job)
            model = {"pin": spec.model.pin} if spec.model.pin else {"job": parents.get(job, ("",))[0]}
            if spec.model.checkpoint != "final":
                model = {**model, "checkpoint": spec.model.selector}
        folded = {"model": None, "rai_policy_name": (spec.rai_policy_name or "").lower() or None}
        fields = {**spec.model_copy(update=folded).comparable(), "model": model, "name": stable_name(desired)}
        if spec.gates:
            # A plan that was approved with other gates is another plan.
            fields["gates"] = [gate.model_dump(exclude_none=True) for gate in spec.gates]
        return (spec_digest(fields),)

    def claim(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the deployment, and have its gates judge what it is to serve."""
        claim = self._claimed(desired, view, refs)
        claim = with_candidates(desired, claim, view, lambda live: is_marked(live, view.account))
        claim = expired(desired, claim, refs, view)
        if not _spec(desired).gates or claim.stuck or claim.parked:
            return self._noted(desired, claim)
        claim = judged(desired, claim, view, claim.after or self.resolve(desired, refs))
        # What would have been followed goes on being the deployment.
        claim = replace(claim, live=claim.live or claim.predecessor) if claim.refused else claim
        return self._noted(desired, claim)

    @staticmethod
    def _noted(desired: Desired, claim: Claim) -> Claim:
        notes = (*failed_notes(claim.live), *protected_notes(_spec(desired), claim.live))
        return replace(claim, notes=(*claim.notes, *notes)) if notes else claim

    def _claimed(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the deployment by its name, or of several versions the one that serves, if its tags say that it is ours."""
        versions = Versions.of(desired, view, is_marked)
        stuck = unreachable(desired, view)
        if stuck:
            return versions.completed(replace(stuck, live=versions.current))
        pinned = pinned_job(desired, view, refs)
        if isinstance(pinned, Fault):
            return versions.completed(Claim(live=versions.current, stuck=pinned))
        if pinned is None:
            made_by = next((live for live in refs.values() if isinstance(live, Observed)), None)
            return completed(self._found(desired, view, refs, versions), desired, made_by)
        (job,) = desired.refs
        claim = self._found(desired, view, {job: pinned}, versions)
        after = with_source(desired, claim.after, pinned) or self.resolve(desired, {job: pinned})
        notes = (*claim.notes, *pin_notes(desired, pinned, refs.get(job)))
        return replace(claim, pinned=pinned, after=after, notes=notes)

    def _found(self, desired: Desired, view: View, refs: Resolved, versions: Versions) -> Claim:
        if word_of(_spec(desired).strategy) == "beside" and not self._is_adopted(desired, view):
            return self._beside(desired, view, refs, versions)
        claim = self._by_name(desired, view, refs)
        if claim.live is None and not claim.stuck and versions.current:
            return versions.create(claim, claim.after or self.resolve(desired, refs), stable_name(desired))
        claim = versions.completed(claim)
        recreates = word_of(_spec(desired).strategy) == "recreate"
        return replace(claim, then="replace") if recreates else claim

    def _beside(self, desired: Desired, view: View, refs: Resolved, versions: Versions) -> Claim:
        """Find the version that serves the declared model; while that is not known, the one that is current."""
        current = versions.current
        absent = Claim() if versions.found else missing(desired, refs, view)
        live = pinned_among(desired, versions.found, refs)
        claim = with_checkpoint(desired, replace(absent, live=live), refs, format_of)
        after = claim.after or self.resolve(desired, refs)
        model = getattr(after, "model", None)
        if claim.stuck or claim.asks or not isinstance(model, NamedModel):
            return versions.completed(replace(claim, live=current, then="create"))
        job = next((live for live in refs.values() if isinstance(live, Observed)), None)
        name = version_name(desired, model, job)
        live = versions.serving(model) or versions.named(name)
        if live is not None:
            return versions.completed(replace(claim, live=live))
        other = _named(view, name)
        if other is not None:
            return versions.completed(replace(claim, live=current, stuck=taken(desired, other)))
        return versions.create(replace(claim, late=may_have_vanished(desired, refs, view)), after, name)

    def _is_adopted(self, desired: Desired, view: View) -> bool:
        """Whether the manifest takes over a deployment of its name that is not ours yet."""
        live = _named(view, stable_name(desired))
        return bool(desired.adopt) and live is not None and not is_marked(live, view.account)

    def _by_name(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the deployment by its name, if its tags say that it is ours."""
        live = _named(view, stable_name(desired))
        if live is None:
            return with_checkpoint(desired, missing(desired, refs, view), refs, format_of)
        if is_marked(live, view.account):
            return with_checkpoint(desired, Claim(live=live), refs, format_of)
        if desired.adopt:
            claim = with_checkpoint(desired, Claim(live=live, notes=adopts_from(live)), refs, format_of)
            differing = self._differing(desired, claim.after or self.resolve(desired, refs), live)
            known = [change for change in differing if not isinstance(change.after, Unknown)]
            return Claim(live=live, stuck=_adopt_differs(desired, known)) if known else claim
        return Claim(live=live, stuck=not_ours(desired, live))

    def resolve(self, desired: Desired, refs: Resolved) -> Spec:
        """Put the job's model in the place of the reference."""
        spec = _spec(desired)
        if not isinstance(spec.model, JobModel):
            return spec
        address = Address("FineTuneJob", spec.model.job)
        live = refs.get(address)
        final = spec.model.checkpoint == "final"
        if final and isinstance(live, Observed) and live.phase is Phase.READY and _has_model(live):
            base = str(live.facts.get("base") or live.outputs["model"])
            named = NamedModel(name=live.outputs["model"], version="1", format=format_of(base))
            resolved = with_source(desired, spec.model_copy(update={"model": named}), live)
            assert resolved is not None
            return resolved
        return spec.model_copy(update={"model": Unknown(address)})

    def _differing(self, desired: Desired, after: Spec, live: Observed) -> Iterator[FieldChange]:
        """Yield where a deployment contradicts its manifest; ARM answers names of content filters in other capitals."""
        for item in super().compare(desired, after, live):
            if item.path != "rai_policy_name" or str(item.before).lower() != str(item.after).lower():
                yield item

    def compare(self, desired: Desired, after: Spec, live: Observed) -> tuple[FieldChange, ...]:
        """Compare the declared fields and the tags that say whose it is."""
        after = as_told(as_served(after, live), live)
        changes = list(self._differing(desired, after, live))
        for tag, value in live.facts["wanted_tags"].items():
            if live.facts["tags"].get(tag) != value:
                changes.append(FieldChange(f"tags.{tag}", live.facts["tags"].get(tag), value))
        copied = copied_from(live)
        if copied:
            changes.append(FieldChange(f"tags.{DEPLOYMENT}", copied, live.name))
        spec = _spec(desired)
        said = (pin_changes(after, live), takes_over(live), readiness_changes(spec, live), protection(spec, live))
        return (*changes, *chain.from_iterable(said))

    def charges(self, desired: Desired, declared: Mapping[Address, Desired]) -> Charges:
        """Return what an hour of it is charged for."""
        del declared
        return charges_of(desired)

    def live_charges(self, live: Observed) -> Charges:
        """Return what an hour of a live one is charged for."""
        return live_charges(live)

    def is_ours(self, live: Observed, account: Account) -> bool:
        """Return whether we made it: the tags name one of our owners and this source, and nobody else made it before.

        What was adopted is ours only as long as a manifest declares it: it is never left over.
        """
        return is_marked(live, account) and not live.facts.get("adopted")

    def draft(self, live: Observed, named: Named) -> Draft | str:
        """Return a manifest for a deployment that none declares, or why there can be none."""
        return draft_of(live, named, WRITABLE)

    def needs_person(self, change: Create | Update) -> str:
        """What may have vanished is made when somebody has looked at the plan, or has said so in the manifest."""
        return needs_review(change)

    def may_continue(self, change: object) -> bool:
        """An unattended run may make a first deployment, and let one follow its job."""
        match change:
            case Create(reason="new" | "beside", late=False, desired=desired):
                return isinstance(_spec(desired).model, JobModel)
            case Update(changes=changes, desired=desired):
                follows = isinstance(_spec(desired).model, JobModel)
                return follows and all(item.path.startswith(("model", "tags.", READINESS)) for item in changes)
            case _:
                return False


def _has_model(job: Observed) -> bool:
    """Whether a job has made a model that is still there."""
    return bool(job.outputs.get("model")) and not job.facts.get("model_gone")


def _unknown_sku(desired: Desired) -> Sequence[Fault]:
    """Warn about a sku that is not known: Azure would refuse it only after the training was paid for."""
    name = _spec(desired).sku.name
    if name.lower() in SKUS:
        return ()
    close = difflib.get_close_matches(name.lower(), SKUS, n=1)
    remedy = f"Did you mean {SKUS[close[0]]}?" if close else f"Known ones: {', '.join(SKUS.values())}."
    place = desired.place_of("spec.sku.name")
    detail = "Azure may refuse it, and does so only when the model is deployed."
    return (Fault("sku-unknown", "Unknown sku", detail, remedy, place, str(desired.address), "warning"),)


def _little(desired: Desired) -> Sequence[Fault]:
    """Warn about a capacity that serves next to nothing; throughput that is bought is counted in other units."""
    sku = _spec(desired).sku
    if sku.capacity >= USEFUL_CAPACITY or is_provisioned(sku.name):
        return ()
    place = desired.place_of("spec.sku.capacity")
    detail = (
        f"Capacity {sku.capacity} answers about one request a minute: enough to try it, not to evaluate or to serve."
    )
    remedy = "For an evaluation, for example:\n  sku: {name: " + sku.name + ", capacity: 100}"
    return (Fault("capacity-small", "Very little capacity", detail, remedy, place, str(desired.address), "warning"),)


def _named(view: View, name: str) -> Observed | None:
    """Return the deployment of a name, whoever made it; Azure tells capital letters from small ones in none."""
    names = view.index("names of deployments", lambda: {live.name.lower(): live for live in view.of("Deployment")})
    return names.get(name.lower())


def _spec(desired: Desired) -> DeploymentSpec:
    assert isinstance(desired.spec, DeploymentSpec)
    return desired.spec


def _adopt_differs(desired: Desired, changes: Sequence[FieldChange]) -> Fault:
    said = ", ".join(f"{change.path} is {change.before}, declared {change.after}" for change in changes)
    return Fault(
        "adopt-differs",
        "The deployment differs from the manifest that adopts it",
        f"{said}.",
        "Declare what is live first and apply that, which marks it as ours; change it in a second step.",
        desired.place,
        str(desired.address),
    )
