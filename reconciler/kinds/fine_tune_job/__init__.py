"""FineTuneJob: a training, found again by the digest of what decides its weights.

The front of the wire suffix carries 40 bits of the digest and 20 that check the owner. The mark is a hint; that every
declared field which the service echoes agrees is the evidence. A mark without evidence is somebody's clone: stuck.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from reconciler.azure.session import Session
from reconciler.core.account import Account
from reconciler.core.change import Create, Update
from reconciler.core.charges import Charges
from reconciler.core.diff import FieldChange, differences
from reconciler.core.digest import MARK_DIGEST_CHARS, file_digest, short
from reconciler.core.draft import Draft, Named
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase, Spec, Unknown
from reconciler.core.rules import Claim, Digests, Resolved, View
from reconciler.kind import Implied, Kind, Loaded, Workspace
from reconciler.kinds.fine_tune_job.base import based_on, echoes_other_checkpoint
from reconciler.kinds.fine_tune_job.charges import charges_of
from reconciler.kinds.fine_tune_job.checks import FILES, NOTES, check_job, plan_faults
from reconciler.kinds.fine_tune_job.deployed import deployed
from reconciler.kinds.fine_tune_job.drafting import draft_of, with_settings
from reconciler.kinds.fine_tune_job.evidence import edited, edited_since, only_root, other_file, other_size, unshown
from reconciler.kinds.fine_tune_job.gateway import JobGateway, suffix_text
from reconciler.kinds.fine_tune_job.identity import digest_of, digests_spelled_otherwise
from reconciler.kinds.fine_tune_job.lifecycle import needs_person, rests, switches, with_lifecycle
from reconciler.kinds.fine_tune_job.observed import same_base
from reconciler.kinds.fine_tune_job.pieces import put_in
from reconciler.kinds.fine_tune_job.spec import (
    DatasetRef,
    FileId,
    FineTuneJobSpec,
    JobRef,
    training_type,
)
from reconciler.kinds.fine_tune_job.states import WAITING
from reconciler.kinds.fine_tune_job.verdicts import adopt_differs, adopt_missing, clone, first, order

__all__ = ["FineTuneJobKind", "with_settings"]

_INLINE = {"training_file": "training", "validation_file": "validation"}


class FineTuneJobKind(Kind):
    """Fine-tuning jobs and the models they make."""

    name: ClassVar[str] = "FineTuneJob"
    spec: ClassVar[type[Spec]] = FineTuneJobSpec
    word: ClassVar[str] = "train"
    observes: ClassVar[tuple[str, ...]] = ("Dataset", "Deployment")
    long_running: ClassVar[bool] = True
    echoes_all: ClassVar[bool] = False
    updatable: ClassVar[bool] = False
    prune: ClassVar[str] = "jobs"
    keeps_history: ClassVar[bool] = True
    unique_digest: ClassVar[bool] = True
    doubles: ClassVar[bool] = True

    def connect(self, session: Session) -> JobGateway:
        """Return the gateway to one account's jobs and models."""
        return JobGateway(session)

    def implied(self, name: str, spec: Spec) -> tuple[Spec, tuple[Implied, ...]]:
        """Expand file paths to datasets named `NAME.training` and `NAME.validation`."""
        job = _job(spec)
        changes: dict[str, DatasetRef] = {}
        implied: list[Implied] = []
        for field in FILES:
            value = getattr(job, field)
            if isinstance(value, str):
                dataset = f"{name}.{_INLINE[field]}"
                changes[field] = DatasetRef(dataset=dataset)
                implied.append(Implied("Dataset", dataset, {"source": {"path": value}, **_account(job)}, field))
        return (job.model_copy(update=changes) if changes else job), tuple(implied)

    def inspect(self, desired: Desired, workspace: Workspace) -> Loaded:
        """Put in what files hold of the method: graders, their sources, response formats."""
        return put_in(desired, workspace)

    def check(self, desired: Desired, declared: Mapping[Address, Desired], account: Account) -> Sequence[Fault]:
        """Check method, data and base model against each other."""
        return tuple(check_job(desired, declared, account))

    def notes(self, desired: Desired) -> Sequence[str]:
        """Say where data may go, and what grades the answers."""
        job = _job(desired.spec)
        kind = training_type(job.training_type)
        said = (NOTES.get(kind, kind), _graded(job), _answers(job), _retries(job), _reports_to(job))
        return tuple(note for note in said if note)

    def warnings(
        self, desired: Desired, declared: Mapping[Address, Desired], now: float, *, makes: bool
    ) -> Sequence[Fault]:
        """Warn of what the table of models says no to, and of announced ends."""
        return tuple(plan_faults(desired, declared, now, makes=makes))

    def digests(self, desired: Desired, parents: Digests) -> tuple[str, ...]:
        """Return the spec digest under each version of the rule (there is one), newest first."""
        return (digest_of(desired, parents),)

    def claim(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the job of this digest, by mark and evidence; say what it is trained on, and whether it is suspended."""
        claim = based_on(desired, self._found(desired, view, refs), refs)
        claim = with_lifecycle(desired, claim)
        if claim.live is not None and claim.live.phase is Phase.WORKING:
            claim = replace(claim, live=_with_size(desired, claim.live, view))
        return claim

    def _found(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        if isinstance(desired.adopt, Mapping):
            return self._adopt(desired, view, refs)
        proven, clones = self._marked(desired, view.digests[desired.address], view, refs)
        others = tuple(live for live, _ in clones)
        respelt = "" if proven or clones else self._respelt(desired, view, refs)
        if respelt:
            proven, _ = self._marked(desired, (respelt,), view, refs)
            return replace(first(desired, sorted(proven, key=order)), digest=respelt, uses=_file_ids(desired))
        if proven:
            claim = first(desired, sorted(proven, key=order))
        elif clones:
            live, differing = min(clones, key=lambda pair: order(pair[0]))
            claim = Claim(stuck=clone(desired, live, differing))
        else:
            predecessor = self._predecessor(desired, view)
            claim = self._compared(desired, predecessor, view, refs) if predecessor else Claim()
        return replace(claim, not_ours=others, uses=_file_ids(desired))

    def _marked(
        self, desired: Desired, digests: Sequence[str], view: View, refs: Resolved
    ) -> tuple[list[Observed], list[tuple[Observed, tuple[FieldChange, ...]]]]:
        """Return what bears the mark of one of these digests: what is proven, and what contradicts the manifest and how."""
        parts = [short(digest, MARK_DIGEST_CHARS) for digest in digests]
        marked = [
            live
            for part in parts
            for live in (*view.by_identity(self.name, part), *deployed(view, part))
            if live.owner in view.owners and live.phase is not Phase.GONE
        ]
        found = [(live, self._evidence(desired, live, view, refs)) for live in marked]
        return [live for live, differing in found if not differing], [pair for pair in found if pair[1]]

    def _respelt(self, desired: Desired, view: View, refs: Resolved) -> str:
        """Return the digest under which a job was made whose manifest spelled the base in another way; "" if none was."""
        digests = digests_spelled_otherwise(desired, view)
        return next((digest for digest in digests if self._marked(desired, (digest,), view, refs)[0]), "")

    def resolve(self, desired: Desired, refs: Resolved) -> Spec:
        """Put the parent's model name and the files' ids in the place of the references."""
        job = _job(desired.spec)
        update: dict[str, object] = {}
        if isinstance(job.model, JobRef):
            address = Address(self.name, job.model.job)
            final = job.model.checkpoint == "final"
            update["model"] = _output(refs.get(address), "model") if final else Unknown(address)
        for field in FILES:
            value = getattr(job, field)
            if isinstance(value, DatasetRef):
                update[field] = _output(refs.get(Address("Dataset", value.dataset)), "file_id")
        return job.model_copy(update=update) if update else job

    def switches(self, desired: Desired, live: Observed) -> tuple[FieldChange, ...]:
        """Return whether the job is to be paused or resumed."""
        return switches(desired, live)

    def rests(self, desired: Desired, live: Observed) -> bool:
        """Return whether the job is paused because its manifest says so."""
        return rests(desired, live)

    def needs_person(self, change: Create | Update) -> str:
        """A reinforcement job that Azure stopped at its limit of cost has none when it goes on."""
        return needs_person(change) if isinstance(change, Update) else ""

    def draft(self, live: Observed, named: Named) -> Draft | str:
        """Return a manifest for a job that none declares, or why there can be none."""
        return draft_of(live, named)

    def may_continue(self, change: object) -> bool:
        """An unattended run may pause a job, which spends nothing; it never trains or resumes one."""
        return isinstance(change, Update) and bool(_job(change.desired.spec).suspend)

    def charges(self, desired: Desired, declared: Mapping[Address, Desired]) -> Charges:
        """Return what the training is charged for."""
        return charges_of(desired, declared)

    def counts(self, desired: Desired) -> Mapping[str, int]:
        """A job, and a place among those that run."""
        tier = "developer_" if training_type(_job(desired.spec).training_type) == "developer" else ""
        return {"jobs": 1, f"running_{tier}jobs": 1}

    def live_counts(self, live: Observed) -> Mapping[str, int]:
        """A job that is listed, and where it stands; a paused one is counted as running, to be on the safe side."""
        if live.facts.get("model_only"):
            return {}
        tier = "developer_" if live.facts.get("training_type") == "developer" else ""
        stands = "queued" if live.status in WAITING else "running"
        return {"jobs": 1, **({f"{stands}_{tier}jobs": 1} if live.phase is Phase.WORKING else {})}

    def is_ours(self, live: Observed, account: Account) -> bool:
        """Return whether the suffix bears a mark of ours."""
        return bool(live.owner) and live.owner in account.spec.owners

    def _adopt(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        adopted = desired.adopt if isinstance(desired.adopt, Mapping) else {}
        live = view.by_id(str(adopted.get("job", "")))
        if live is None or live.kind != self.name:
            return Claim(stuck=adopt_missing(desired))
        differing = self._evidence(desired, live, view, refs, adopting=True)
        if differing:
            return Claim(stuck=adopt_differs(desired, live, differing))
        # A new job would bear our mark, and the manifest would go on naming the adopted one: so no retry.
        return replace(first(desired, [live], retries=False), uses=_file_ids(desired))

    def _evidence(
        self, desired: Desired, live: Observed, view: View, refs: Resolved, *, adopting: bool = False
    ) -> tuple[FieldChange, ...]:
        """Return what the service echoes that contradicts the manifest; nothing means proven."""
        want = _job(self.resolve(desired, refs))
        have = _job(live.spec)
        ref = _job(desired.spec).model
        if isinstance(ref, JobRef):
            parent = refs.get(Address(self.name, ref.job))
            if echoes_other_checkpoint(ref, parent, have.model):
                declared = f"step {getattr(ref.checkpoint, 'step', '')} of {ref.job}"
                return (FieldChange("model", have.model, declared),)
        if isinstance(want.model, Unknown):
            # The parent has no model (yet): its digest is in the mark, its name is no evidence.
            want = want.model_copy(update={"model": have.model})
        elif (
            isinstance(want.model, str)
            and isinstance(have.model, str)
            and (same_base(want.model, have.model) or only_root(want.model, have.model, live))
        ):
            want = want.model_copy(update={"model": have.model})
        found = differences(want, have, echoes_all=False)
        return (*found, *self._file_changes(desired, live, view, adopting=adopting))

    def _file_changes(
        self, desired: Desired, live: Observed, view: View, *, adopting: bool = False
    ) -> list[FieldChange]:
        job = _job(desired.spec)
        changes: list[FieldChange] = []
        for field in FILES:
            declared = getattr(job, field)
            used = live.facts.get(field)
            if not used:
                if adopting and isinstance(declared, DatasetRef):
                    changes += edited_since(field, view.declared.get(Address("Dataset", declared.dataset)))
                continue
            if declared is None:
                changes.append(FieldChange(field, used, None))
            elif isinstance(declared, FileId):
                if declared.file_id != used:
                    changes.append(FieldChange(field, used, declared.file_id))
            elif isinstance(declared, DatasetRef):
                dataset = Address("Dataset", declared.dataset)
                file = view.by_id(used)
                adopted = view.declared[dataset].adopt if dataset in view.declared else False
                if isinstance(adopted, Mapping) and adopted.get("file") == used:
                    changes += edited(field, file, view.declared[dataset], adopted.get("sha256"))
                    continue
                if file is None:
                    continue
                if adopting and not file.identity:
                    changes += other_file(field, file, view.declared[dataset])
                    continue
                identity = file_digest(view.digests[dataset][0])
                if file.identity != identity:
                    was = f"{file.name} ({file.identity[:8]}…)" if file.identity else file.name
                    changes.append(FieldChange(field, was, f"{dataset.name} ({identity[:8]}…)"))
                elif dataset in view.declared:
                    # A name is soon forged.
                    changes += other_size(field, file, view.declared[dataset])
        return changes

    def _predecessor(self, desired: Desired, view: View) -> Observed | None:
        """Pair a new job with the one it supersedes; the pairing explains, and decides nothing of a plan."""
        declared = view.declared_parts(self.name)
        ours = [
            live
            for live in view.of(self.name)
            if live.owner in view.owners and live.identity not in declared and live.phase is not Phase.GONE
        ]
        if not ours:
            return None
        by_id = {live.id: live for live in ours}
        for item in view.declared.values():
            if item.address.kind == "Deployment" and desired.address in item.refs:
                name = getattr(item.spec, "deployment_name", None) or item.address.name
                for live in view.of("Deployment"):
                    called = {live.name.lower(), str(live.facts.get("name", "")).lower()}
                    if name.lower() in called and live.facts.get("from") in by_id:
                        return by_id[live.facts["from"]]
        text = suffix_text(desired)
        job = _job(desired.spec)
        same_text = [live for live in ours if live.name == text]
        same_data = [
            live
            for live in ours
            if _uses_same_data(job, live, view)
            and isinstance(job.model, str)
            and same_base(job.model, str(_job(live.spec).model))
        ]
        return max(same_text or same_data, key=lambda live: (live.created_at, live.id), default=None)

    def _compared(self, desired: Desired, predecessor: Observed, view: View, refs: Resolved) -> Claim:
        """Claim a new job, with what differs from the one that it supersedes; if nothing does, with what Azure does not show of that."""
        want = _job(self.resolve(desired, refs))
        have = _job(predecessor.spec)
        if isinstance(want.model, str) and isinstance(have.model, str) and same_base(want.model, have.model):
            want = want.model_copy(update={"model": have.model})
        shown = [
            change for change in differences(want, have, echoes_all=False) if not isinstance(change.after, Unknown)
        ]
        why = (*shown, *self._file_changes(desired, predecessor, view))
        return Claim(predecessor=predecessor, why=why, notes=() if why else unshown(want, have))


def _job(spec: Spec) -> FineTuneJobSpec:
    assert isinstance(spec, FineTuneJobSpec)
    return spec


def _graded(job: FineTuneJobSpec) -> str:
    """Return what grades the answers, in a few words."""
    grader = job.method.grading()
    parts = getattr(grader, "graders", None)
    if parts:
        return f"graded by {', '.join(parts)} ({grader.type})"
    kind = getattr(grader, "type", "")
    return f"graded by {kind}" if kind else ""


def _answers(job: FineTuneJobSpec) -> str:
    """Return what form answers must have, in a few words."""
    schema = getattr(job.method.answers(), "json_schema", None)
    return f"answers by the schema {schema.name}" if schema else ""


def _retries(job: FineTuneJobSpec) -> str:
    """Return how often it is trained again by itself, in a few words."""
    again = "once" if job.retry == 1 else "twice"
    return f"trained again {again} at most if Azure itself fails" if job.retry else ""


def _reports_to(job: FineTuneJobSpec) -> str:
    """Return where else the training reports to, in a few words."""
    projects = [item.wandb.project for item in job.integrations or ()]
    return f"reports to W&B project {', '.join(projects)}" if projects else ""


def _with_size(desired: Desired, live: Observed, view: View) -> Observed:
    """Add how many examples a job trains on, where they are at hand: it says how many steps there will be."""
    training = _job(desired.spec).training_file
    dataset = view.declared.get(Address("Dataset", training.dataset)) if isinstance(training, DatasetRef) else None
    if dataset is None or dataset.content is None:
        return live
    return replace(live, facts={**live.facts, "examples": dataset.content.examples})


def _account(job: FineTuneJobSpec) -> dict[str, str]:
    return {"account": job.account} if job.account else {}


def _output(live: Observed | Unknown | None, name: str) -> object:
    if isinstance(live, Observed):
        return live.outputs.get(name) or Unknown(live.address)
    return live


def _file_ids(desired: Desired) -> tuple[str, ...]:
    """Return the files that a job names by id."""
    values = (getattr(desired.spec, field) for field in FILES)
    return tuple(value.file_id for value in values if isinstance(value, FileId))


def _uses_same_data(job: FineTuneJobSpec, live: Observed, view: View) -> bool:
    if not isinstance(job.training_file, DatasetRef):
        return False
    file = view.by_id(str(live.facts.get("training_file", "")))
    return file is not None and file.identity == file_digest(
        view.digests[Address("Dataset", job.training_file.dataset)][0]
    )
