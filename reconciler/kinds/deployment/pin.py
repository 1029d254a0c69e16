"""`pin`: a deployment serves one model of a job, named by its mark, until a commit changes that.

The mark is the 12 characters at the front of the job's suffix; `history` shows it. It names a model whatever has become
of its job since: trained anew, superseded, out of the job history. What a pin names is not waited for and not deleted. A
clone of that job bears its mark too, and is never what is meant (genuine.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.digest import MARK_DIGEST_CHARS, TEXT_CHARS, checked, short
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase, Unknown
from reconciler.core.rules import Resolved, View
from reconciler.kinds.deployment.genuine import contradicts, without_clones
from reconciler.kinds.deployment.spec import DeploymentSpec, JobModel

_LISTED = 5
"""Marks that a message lists."""
_JOB = "FineTuneJob"


def pin_of(desired: Desired) -> str:
    """Return the mark that a manifest pins; "" if it pins none."""
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    return spec.model.pin or "" if isinstance(spec.model, JobModel) else ""


def pinned_job(desired: Desired, view: View, refs: Resolved) -> Observed | Fault | None:
    """Return the finished job that a pin names, or why it names none.

    None if nothing is pinned, or if the mark is that of the declared job, which is not finished yet: then that is waited for.
    `refs` says which job is proven to be the declared one, where that is known.
    """
    pin = pin_of(desired)
    if not pin:
        return None
    job = _job_of(desired)
    marked = _marked(job, view).get(pin, [])
    live = newest(finished(_proven(marked, pin, job, view, refs)))
    other = _owner_of(pin, job, live, view)
    if other is not None:
        return _of_another(desired, pin, other)
    if live is not None:
        return live
    if pin[:MARK_DIGEST_CHARS] in _parts(job, view) and not any(one.facts.get("model_gone") for one in marked):
        return None
    return _names_nothing(desired, pin, marked, models_of(job, view))


def _proven(marked: Sequence[Observed], pin: str, job: Address, view: View, refs: Resolved) -> Sequence[Observed]:
    """Return those that what is known of the declared job does not contradict, if the mark is that of the declared one."""
    if job not in refs or pin[:MARK_DIGEST_CHARS] not in _parts(job, view):
        return marked
    declared = refs[job]
    if not isinstance(declared, Observed):
        return ()
    # No list may show it: then what serves its model tells of it.
    known = [declared] if mark_of(declared) == pin and all(live.id != declared.id for live in marked) else []
    return [*known, *(live for live in marked if not contradicts(live, declared, view))]


def models_of(job: Address, view: View) -> list[Observed]:
    """Return the finished jobs that are this job's, by what it declares now or by its text; the newest first."""
    parts, text = _parts(job, view), _text(job, view)
    jobs = (live for mark, found in _marked(job, view).items() if mark for live in found)
    mine = [live for live in finished(jobs) if live.identity in parts or live.name == text]
    return sorted(mine, key=lambda live: (live.created_at, live.id), reverse=True)


def mark_of(live: Observed) -> str:
    """Return the mark of a job of ours; "" if it has none."""
    return checked(live.owner, live.identity) if live.owner and live.identity else ""


def finished(lives: Iterable[Observed]) -> list[Observed]:
    """Return those that have a model."""
    return [
        live
        for live in lives
        if live.phase is Phase.READY and live.outputs.get("model") and not live.facts.get("model_gone")
    ]


def newest(lives: Sequence[Observed]) -> Observed | None:
    """Return which of several jobs of one mark is meant: as everywhere, the one that came first."""
    return min(lives, key=lambda live: (live.created_at, live.id), default=None)


def pin_notes(desired: Desired, pinned: Observed, job: Observed | Unknown | None) -> tuple[str, ...]:
    """Say that a deployment stays where it is pinned although its job goes on, and how to promote."""
    if isinstance(job, Observed) and (job.id == pinned.id or job.phase is Phase.FAILED):
        return ()
    name, pin = _job_of(desired), pin_of(desired)
    if isinstance(job, Observed) and job.phase is Phase.READY:
        newer = mark_of(job) or job.id
        said, then = f"stays at {pin}, which it pins; {name} has made another model, {newer}", "to serve that:"
    else:
        said = f"stays at {pin}, which it pins, whatever {name} is trained to"
        then = "to serve the new model once it is there:"
    return (said, then, f"  reconciler promote {desired.address}")


def _job_of(desired: Desired) -> Address:
    spec = desired.spec
    assert isinstance(spec, DeploymentSpec)
    assert isinstance(spec.model, JobModel)
    return Address(_JOB, spec.model.job)


def _jobs(job: Address, view: View) -> tuple[Observed, ...]:
    declared = view.declared.get(job)
    return view.world.of(declared.account if declared else view.account.name, _JOB)


def _marked(job: Address, view: View) -> Mapping[str, Sequence[Observed]]:
    """Return the jobs of a job's account by their marks, without clones."""

    def make() -> Mapping[str, Sequence[Observed]]:
        found: dict[str, list[Observed]] = {}
        for live in _jobs(job, view):
            found.setdefault(mark_of(live), []).append(live)
        return {mark: without_clones(marked, view) if mark else marked for mark, marked in found.items()}

    declared = view.declared.get(job)
    return view.index(f"marks in {declared.account if declared else view.account.name}", make)


def _parts(job: Address, view: View) -> frozenset[str]:
    return frozenset(short(digest, MARK_DIGEST_CHARS) for digest in view.digests.get(job, ()))


def _text(job: Address, view: View) -> str:
    """Return the text that a job's suffix has behind the mark."""
    declared = view.declared.get(job)
    written = getattr(declared.spec, "suffix", None) if declared else None
    return str(written or job.name).replace(".", "-")[:TEXT_CHARS].rstrip("-")


def _owner_of(pin: str, job: Address, live: Observed | None, view: View) -> Address | None:
    """Return another declared job whose mark this is, by its digest or else by its text; None if it is not known to be."""
    part = pin[:MARK_DIGEST_CHARS]
    if part in _parts(job, view) or (live is not None and live.name == _text(job, view)):
        return None
    jobs = [address for address in view.declared if address.kind == _JOB]
    by_digest = view.index(
        "jobs by digest", lambda: {one: address for address in jobs for one in _parts(address, view)}
    )
    by_text = view.index("jobs by text", lambda: {_text(address, view): address for address in jobs})
    return by_digest.get(part) or (by_text.get(live.name) if live is not None else None)


def _of_another(desired: Desired, pin: str, other: Address) -> Fault:
    return Fault(
        "pin-of-another-job",
        "The pinned mark is that of another job",
        f"{pin} is a model of {other}, not of {_job_of(desired)}.",
        f"Name its job, or pin a mark of {_job_of(desired)}:\n  model: {{job: {other.name}, pin: {pin}}}",
        desired.place_of("spec.model.pin"),
        str(desired.address),
    )


def _names_nothing(desired: Desired, pin: str, marked: Sequence[Observed], there: Sequence[Observed]) -> Fault:
    job = _job_of(desired)
    gone = next((live for live in marked if live.facts.get("model_gone")), None)
    what = next(iter(marked), None)
    why = (
        f"the model of {gone.id} is gone"
        if gone
        else f"{what.id} is {what.status}"
        if what
        else f"no job of {job} bears this mark"
    )
    listed = "\n".join(f"  pin: {mark_of(live)}    # {_when(live)}, {live.id}" for live in there[:_LISTED])
    remedy = f"Pin one of these (newest first):\n{listed}" if there else f"{job} has made no model yet: remove `pin`."
    return Fault(
        "pin-names-nothing",
        "The pinned model does not exist",
        f"{pin}: {why}.",
        remedy,
        desired.place_of("spec.model.pin"),
        str(desired.address),
    )


def _when(live: Observed) -> str:
    at = live.finished_at or live.created_at
    return time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(at)) if at else "long ago"
