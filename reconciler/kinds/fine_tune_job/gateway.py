"""Jobs and models of one account, as observed and as created: where money is spent, so every create looks twice.

It is long because what creates, looks back and cancels shares how a job is found again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.azure.errors import AzureError, scrub, unreadable
from reconciler.azure.events import EventStream
from reconciler.azure.jobs import Jobs
from reconciler.azure.results import Results
from reconciler.azure.session import Session
from reconciler.azure.wire import Json, moment, text
from reconciler.core.change import Create, Delete, Update
from reconciler.core.diff import differences
from reconciler.core.digest import MARK_DIGEST_CHARS, TEXT_CHARS, short, wire_suffix
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Desired, Observed, Phase
from reconciler.kind import CHECKPOINTS, FOUND, RESULTS, UNCLEAR
from reconciler.kinds.fine_tune_job.checks import read_faults
from reconciler.kinds.fine_tune_job.graders import wire
from reconciler.kinds.fine_tune_job.hours import trained_seconds
from reconciler.kinds.fine_tune_job.method import Method
from reconciler.kinds.fine_tune_job.observed import KIND, model_as_job, observed_job, same_base
from reconciler.kinds.fine_tune_job.progress import describe, ended, is_step, kept, measure
from reconciler.kinds.fine_tune_job.result_file import read_results
from reconciler.kinds.fine_tune_job.spec import (
    TRAINING_TYPES,
    FileId,
    FineTuneJobSpec,
    JobRef,
    training_type,
)
from reconciler.kinds.fine_tune_job.states import STOPPABLE, STOPPED
from reconciler.kinds.fine_tune_job.verdicts import order
from reconciler.results.checkpoints import Checkpoint, read

NOT_YET = "Azure pauses no job before its first step: the next look tries again"
UNLISTED = "model_unlisted"
"""Key of `Observed.facts` for a job of others whose model the list does not show: it may be gone, or the list not whole."""
CREATE_ATTEMPTS = 3
"""How often a create that is throttled (429) is sent, each time after a look."""

LOOKS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)
"""Seconds before each look for a job of which it is not known whether it was created; lists may be 60 s late."""
LOOKS_THROTTLED = (0.0, 1.0, 2.0)
"""The same after a 429, which says that nothing was taken in."""
_ALLOWED = "Check the values against what the model and the training type allow."
_OLDER = "Dated versions of the API are reported to ignore some: use `api: v1`."
NOT_LISTED = f"No job with its mark is listed {sum(LOOKS):.0f} s later."


def suffix_text(desired: Desired) -> str:
    """Return the readable part of the wire suffix; Azure takes no dots in it (docs/azure.md, section 4)."""
    spec = desired.spec
    text_ = spec.suffix if isinstance(spec, FineTuneJobSpec) and spec.suffix else desired.address.name
    return text_.replace(".", "-")[:TEXT_CHARS].rstrip("-")


class JobGateway:
    """The jobs and models of one account."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._jobs = Jobs(session)
        self._kept = Results(session)

    def observe(self) -> Sequence[Observed]:
        """List jobs and models: job history is purged by Azure, models stay."""
        bodies, listed = self._session.runtime.both(self._jobs.fresh.get, self._jobs.models)
        models = {text(body, "id").lower(): body for body in listed}
        seen: list[Observed] = []
        for body in bodies:
            live = self._observed(body)
            model = str(live.outputs.get("model", ""))
            if model and model.lower() not in models:
                # What is not ours is asked for only if it is to be adopted: each question is a call.
                live = (
                    self._confirm_model(live, model)
                    if live.owner
                    else replace(live, facts={**live.facts, UNLISTED: True})
                )
            seen.append(live)
        ids = {live.id for live in seen}
        kept = (model_as_job(body, self._session.account) for body in models.values())
        seen.extend(live for live in kept if live and live.id not in ids)
        return seen

    def create(self, change: Create, refs: Mapping[Address, Observed]) -> Observed:
        """Create the job unless one of its digest exists. The call is paid for: it is made once and never repeated blindly."""
        spec = change.after
        assert isinstance(spec, FineTuneJobSpec)
        for fault in read_faults(change.desired, refs):
            raise AzureError(fault)
        body = self._body(change, spec, refs)
        clock = self._session.runtime.clock
        waits = self._session.runtime.backoff(first=1.0, longest=8.0)
        for attempts_left in reversed(range(CREATE_ATTEMPTS)):
            first = attempts_left == CREATE_ATTEMPTS - 1
            found = self._find(change, body)
            if found:
                return replace(found, facts={**found.facts, (FOUND if first else UNCLEAR): True})
            try:
                answer = self._jobs.create(body)
            except AzureError as error:
                if not error.ambiguous:
                    raise
                again = error.status == 429 and attempts_left
                found = self._look_back(change, body, error, LOOKS_THROTTLED if again else LOOKS)
                if found:
                    return found
                # Only throttling says that the request was not taken in; everything else stays unsure.
                if not again:
                    raise self._unsure(change, error) from error
                clock.sleep(max(next(waits), error.retry_after or 0))
            else:
                return self._confirm(change, body, answer)
        raise AssertionError("unreachable")

    def update(self, change: Update) -> Observed:
        """Pause or resume the job; one that cannot be paused yet is returned as it is, and nothing was sent."""
        pause = any(item.path == "suspend" and item.after is True for item in change.changes)
        live = self.refresh(change.live)
        if live.phase is Phase.GONE:
            raise AzureError(_gone(change))
        if live.phase is not Phase.WORKING or (live.status in STOPPED) is pause:
            return live
        if pause and (live.status not in STOPPABLE or not self._has_stepped(live)):
            return replace(live, words=NOT_YET)
        try:
            answered = self._observed((self._jobs.pause if pause else self._jobs.resume)(live.id))
        except AzureError as error:
            # The job may have got there, or have ended, while it was asked to; and a call that was sent twice is refused.
            live = self.refresh(live)
            if live.phase is not Phase.WORKING or (live.status in STOPPED) is pause:
                return live
            if pause and error.status in {400, 409}:
                return replace(live, words=NOT_YET)
            raise
        return answered if answered.id else self.refresh(live)

    def _has_stepped(self, live: Observed) -> bool:
        """Whether the job has done a step, as far as its events tell; if they cannot be read, Azure decides."""
        try:
            return any(is_step(event) for page in self._jobs.event_pages(live.id) for event in page)
        except AzureError:
            return True

    def confirmed(self, live: Observed) -> Observed:
        """Return a job after a look for its model, where the list of models does not show it."""
        return self._confirm_model(live, str(live.outputs["model"])) if live.facts.get(UNLISTED) else live

    def closer(self, live: Observed) -> Observed:
        """Return a job with its checkpoints and its result file, if it has any."""
        more = {CHECKPOINTS: self._checkpoints(live), RESULTS: read_results(self._kept, live)}
        return replace(live, facts={**live.facts, **more})

    def _checkpoints(self, live: Observed) -> tuple[Checkpoint, ...]:
        try:
            listed = self._jobs.checkpoints(live.id)
        except AzureError as error:
            if not error.is_absent:
                raise
            # The job has left the history: its model stays, and its checkpoints cannot be found any more.
            listed = []
        return tuple(sorted((item for body in listed if (item := read(body))), key=lambda item: item.step))

    def delete(self, change: Delete) -> Observed:
        """Cancel a job that has not ended; delete the model of one that has."""
        live = self.refresh(change.live)
        if live.phase is Phase.WORKING:
            if change.duplicate_of and not self._still_wins(change.duplicate_of, live):
                return live
            cancelled = self._after_cancel(live)
            # A cancel may be answered before it is carried out.
            return replace(cancelled, phase=Phase.SETTLING) if cancelled.phase is Phase.WORKING else cancelled
        model = str(live.outputs.get("model") or change.live.outputs.get("model") or "")
        if live.phase is not Phase.READY or not model or change.reason == "duplicate":
            return replace(live, phase=Phase.GONE) if change.reason == "duplicate" else live
        try:
            self._jobs.delete_model(model)
        except AzureError as error:
            if not error.is_absent:
                raise
        return replace(live, phase=Phase.GONE)

    def refresh(self, live: Observed) -> Observed:
        """Look at one job again."""
        try:
            return self._observed(self._jobs.get(live.id))
        except AzureError as error:
            if error.is_absent:
                return live if live.facts.get("model_only") else replace(live, phase=Phase.GONE)
            raise

    def verify(self, desired: Desired, live: Observed) -> Observed:
        """Nothing to prove: evidence is checked when the plan is made."""
        del desired
        return live

    def progress(self, live: Observed) -> str:
        """Return how far the training is: step, epoch, losses, rate and what is left; else the job's last event.

        Of a job that has succeeded: its model, the tokens billed, and the best of its checkpoints.
        """
        if live.phase is Phase.READY:
            return kept(live, self._checkpoints(live))
        newest = next(self._jobs.event_pages(live.id), [])
        said = describe(measure(newest, live), live, self._session.runtime.clock.now())
        latest = max(newest, key=lambda event: moment(event, "created_at") or 0, default={})
        return said or scrub(text(latest, "message"))

    def summary(self, live: Observed) -> Sequence[str]:
        """Return what a person wants to know of a job that has ended, line by line."""
        known = live.facts.get(CHECKPOINTS)
        checkpoints = self._checkpoints(live) if known is None else known
        return ended(live, self.events(live), checkpoints)

    def events(self, live: Observed) -> Sequence[Json]:
        """Return the events of a job, oldest first."""
        return [_readable(event) for event in self._jobs.events(live.id)]

    def trained_seconds(self, live: Observed) -> tuple[float, float] | None:
        """Return for how long a job has trained, at least and at most; None where it is not told, or cannot be read."""
        try:
            return trained_seconds(self._jobs.events(live.id), self._session.runtime.clock.now())
        except AzureError:
            return None

    def stream(self, live: Observed) -> Callable[[bool], Sequence[Json]]:
        """Return a function that returns the events that are new since its last call; True reads the whole list."""
        events = EventStream(lambda: self._jobs.event_pages(live.id))
        return lambda whole: [_readable(event) for event in events.news(whole=whole)]

    def cancel(self, live: Observed) -> Observed:
        """Cancel one job because a person asked for it."""
        return self._after_cancel(live)

    def _after_cancel(self, live: Observed) -> Observed:
        try:
            answered = self._observed(self._jobs.cancel(live.id))
        except AzureError:
            now = self.refresh(live)
            if now.phase is Phase.WORKING:
                raise
            return now
        return answered if answered.id else self.refresh(live)

    def _still_wins(self, job_id: str, other: Observed) -> bool:
        """Read the winner again: both must not be cancelled by two runs that saw different lists."""
        try:
            winner = self._observed(self._jobs.get(job_id))
            return winner.phase in {Phase.WORKING, Phase.READY} and order(winner) < order(other)
        except AzureError:
            # Nothing is known of the winner, so the other one goes on; the next run looks again.
            return False

    def _body(self, change: Create, spec: FineTuneJobSpec, refs: Mapping[Address, Observed]) -> dict[str, Any]:
        declared = change.desired.spec
        assert isinstance(declared, FineTuneJobSpec)
        model = spec.model
        if isinstance(declared.model, JobRef) and declared.model.checkpoint == "final":
            model = str(refs[Address(KIND, declared.model.job)].outputs["model"])
        body: dict[str, Any] = {
            "model": model,
            "training_file": _file_id(declared.training_file, refs),
            "suffix": wire_suffix(self._session.account.spec.owner, change.digest, suffix_text(change.desired)),
            "trainingType": TRAINING_TYPES[training_type(spec.training_type)],
        }
        if declared.validation_file is not None:
            body["validation_file"] = _file_id(declared.validation_file, refs)
        if spec.seed is not None:
            body["seed"] = spec.seed
        if declared.integrations:
            body["integrations"] = [item.model_dump(exclude_none=True) for item in declared.integrations]
        extra = dict(spec.extra_body or {})
        kind = spec.method.type
        settings = spec.method.hyperparameters.chosen()
        more = {**_graded(spec.method), **extra.pop("method", {}).get(kind, {})}
        if self._session.api == "v1" or kind != "supervised" or more:
            method: dict[str, Any] = {**({"hyperparameters": settings} if settings else {}), **more}
            body["method"] = {"type": kind, kind: method}
        elif settings:
            # The dated surfaces read supervised settings at the top level (docs/azure.md, section 4).
            body["hyperparameters"] = settings
        return {**body, **extra}

    def _look_back(
        self, change: Create, body: Mapping[str, Any], error: AzureError, looks: Sequence[float] = LOOKS
    ) -> Observed | None:
        """After an answer that does not say whether the job was created: list by mark, for as long as a list may be late."""
        for wait in looks:
            self._session.runtime.clock.sleep(wait)
            try:
                found = self._find(change, body)
            except AzureError:
                raise self._unsure(change, error, "The list of jobs cannot be read either.") from error
            if found:
                return _unclear(found)
        return None

    def _find(self, change: Create, body: Mapping[str, Any]) -> Observed | None:
        part = short(change.digest, MARK_DIGEST_CHARS)
        wanted = _comparable_body(change, body)
        for raw in self._jobs.fresh.get():
            if not _may_bear(raw, part):
                continue
            live = self._observed(raw)
            marked = live.identity == part and live.owner and live.phase not in {Phase.FAILED, Phase.GONE}
            if marked and not differences(_with_base(wanted, live), live.spec, echoes_all=False):
                return live
        return None

    def _confirm(self, change: Create, body: Mapping[str, Any], raw: Json) -> Observed:
        """Read the answer of a create back: it must carry the mark, and contradict nothing that was sent."""
        live = self._observed(raw)
        if not live.id:
            found = self._look_back(change, body, unreadable("creating the fine-tuning job"))
            if found:
                return found
            raise self._unsure(change, unreadable("creating the fine-tuning job"))
        if live.identity != short(change.digest, MARK_DIGEST_CHARS) or not live.owner:
            came_back = text(raw, "suffix", "user_provided_suffix")
            raise AzureError(
                Fault(
                    "mark-not-echoed",
                    "Azure did not keep the job's mark",
                    f"{live.id} was created and came back with the suffix {came_back!r}, so it could not be found again; "
                    f"{self._taken_back(live)}.",
                    "This account cuts or drops suffixes. Please report it: this is a difference from every known answer of Azure.",
                    subject=str(change.address),
                )
            )
        wrong = differences(_with_base(_comparable_body(change, body), live), live.spec, echoes_all=False)
        if wrong:
            began = live.status in {"running", "succeeded"}
            became = "it has begun and goes on" if began else self._taken_back(live)
            said = ", ".join(f"{item.path}: sent {item.after}, Azure says {item.before}" for item in wrong)
            raise AzureError(
                Fault(
                    "create-not-as-sent",
                    "Azure created the job with other settings than it was sent",
                    f"{live.id}: {said}; {became}.",
                    _ALLOWED if self._session.api == "v1" else f"{_ALLOWED} {_OLDER}",
                    subject=str(change.address),
                )
            )
        return live

    def _taken_back(self, live: Observed) -> str:
        """Cancel a job that must not go on; returns what became of it. Never a reason to create another."""
        try:
            self._after_cancel(live)
        except AzureError:
            return f"it could not be cancelled: cancel {live.id} by hand"
        return "it was cancelled at once"

    def _unsure(self, change: Create, cause: AzureError, seen: str = NOT_LISTED) -> AzureError:
        fault = replace(
            cause.fault,
            code="create-unsure",
            summary="The job may or may not have been created",
            detail=f"{cause.fault.detail} {seen}",
            remedy="Nothing is sent twice. Run the command again: it looks first.",
            subject=str(change.address),
        )
        return AzureError(fault, status=cause.status, code=cause.code, ambiguous=True)

    def _confirm_model(self, live: Observed, model: str) -> Observed:
        """Decide whether a model that the list does not show is gone: lists may be late or not whole, so it is asked for."""
        try:
            self._jobs.model(model)
        except AzureError as error:
            if error.is_absent:
                return replace(live, facts={**live.facts, "model_gone": True})
            # It cannot be told; a model that is really gone is refused when it is deployed.
        return live

    def _observed(self, body: Json) -> Observed:
        return observed_job(body, self._session.account)


def _unclear(found: Observed) -> Observed:
    """Mark what was found after an answer that did not say what was made: another run may have made it."""
    return replace(found, facts={**found.facts, UNCLEAR: True})


def _gone(change: Update) -> Fault:
    return Fault(
        "job-gone",
        "The job was deleted while it was to be paused or resumed",
        f"{change.live.id} is gone.",
        "Run the command again: the plan says what is to be done without it.",
        change.desired.place,
        str(change.address),
    )


def _readable(event: Json) -> Json:
    words = {name: scrub(text(event, name)) for name in ("level", "message")}
    return {**event, **words, "created_at": moment(event, "created_at") or 0}


def _graded(method: Method) -> dict[str, Any]:
    """Return what else than hyperparameters a method is sent with."""
    parts = {"grader": method.grading(), "response_format": method.answers()}
    return {key: wire(value) for key, value in parts.items() if value is not None}


def _may_bear(body: Json, part: str) -> bool:
    """Whether the mark of a digest can stand in what is answered; this looks at every job for each that is created."""
    return any(part in text(body, key).lower() for key in ("suffix", "user_provided_suffix", "fine_tuned_model"))


def _comparable_body(change: Create, body: Mapping[str, Any]) -> FineTuneJobSpec:
    spec = change.after
    assert isinstance(spec, FineTuneJobSpec)
    return spec.model_copy(update={"model": body["model"], "extra_body": None})


def _with_base(wanted: FineTuneJobSpec, live: Observed) -> FineTuneJobSpec:
    have = live.spec
    assert isinstance(have, FineTuneJobSpec)
    same = isinstance(have.model, str) and isinstance(wanted.model, str) and same_base(wanted.model, have.model)
    return wanted.model_copy(update={"model": have.model}) if same else wanted


def _file_id(value: object, refs: Mapping[Address, Observed]) -> str:
    if isinstance(value, FileId):
        return value.file_id
    return str(refs[Address("Dataset", value.dataset)].outputs["file_id"])  # type: ignore[attr-defined]
