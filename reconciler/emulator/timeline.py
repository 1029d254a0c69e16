"""When a job does what: pure functions of its record, its start and a point in time.

A job is ready `pending_s` after its creation, takes the first free slot of its account, runs for `running_s` without
counting pauses, and ends. Nothing ticks: asking at a time gives the state at that time.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.emulator.catalog import DEVELOPER
from reconciler.emulator.records import JobRecord

NEVER = math.inf

TERMINAL = frozenset({"succeeded", "failed", "cancelled"})

# Parts of the running time: data preparation comes before the first step, the safety evaluation after the last one.
_TRAINING_FROM = 0.1
_TRAINING_TO = 0.9
# A job that fails while running does so here.
_RUNNING_FAILURE = 0.6


@dataclass(frozen=True, slots=True)
class Phase:
    """A job at one time.

    Attributes:
        status: Azure's word for it.
        steps: Training steps that are done.
        started: Whether it has begun to run.
        finished: When it ended, None before.
    """

    status: str
    steps: int
    started: bool
    finished: float | None


def ready(job: JobRecord) -> float:
    """When the job may take a slot."""
    return job.created + job.pending_s


def duration(job: JobRecord) -> float:
    """Seconds of running until the job ends by itself."""
    if job.fail is not None and job.fail["at"] == "running":
        return job.running_s * _RUNNING_FAILURE
    return job.running_s


def natural_end(job: JobRecord, start: float) -> float:
    """When the job ends unless someone cancels it; never while it is paused."""
    if fails_validation(job):
        return ready(job)
    end = start + duration(job)
    for began, resumed in job.pauses:
        if resumed is None:
            return NEVER
        end += resumed - (began or 0.0)
    return end


def fails_validation(job: JobRecord) -> bool:
    """Whether the job ends before it takes a slot."""
    return job.fail is not None and job.fail["at"] == "validating"


def end_of(job: JobRecord, start: float) -> float:
    """When the job ends, however it does."""
    end = natural_end(job, start)
    for other in (job.cancelled, job.failed):
        if other is not None:
            end = min(end, other)
    return end


def plan_starts(jobs: Iterable[JobRecord], limits: Mapping[bool, float]) -> dict[str, float]:
    """The start of each job, first come first served over the slots of an account.

    Args:
        jobs: Jobs that have not ended, oldest first.
        limits: Number of slots, by whether they are for the developer tier.
    """
    starts: dict[str, float] = {}
    busy: dict[bool, list[float]] = {True: [], False: []}
    waiting: list[tuple[float, int, JobRecord]] = []
    for number, job in enumerate(jobs):
        if job.start is not None:
            starts[job.id] = job.start
            if not (job.pauses and job.pauses[-1][1] is None):
                heapq.heappush(busy[job.training_type == DEVELOPER], end_of(job, job.start))
        else:
            waiting.append((ready(job), number, job))
    for at, _, job in sorted(waiting, key=lambda item: item[:2]):
        if fails_validation(job):
            starts[job.id] = NEVER
            continue
        developer = job.training_type == DEVELOPER
        slots, limit = busy[developer], limits[developer]
        begin = at
        if len(slots) >= limit:
            # More jobs than slots run only after a resume; the surplus has to end first.
            surplus = len(slots) - int(limit) + 1
            begin = max(at, heapq.nsmallest(surplus, slots)[-1])
        stopped = min(t for t in (job.cancelled, job.failed, NEVER) if t is not None)
        if stopped <= begin:
            starts[job.id] = NEVER
            continue
        starts[job.id] = begin
        while len(slots) >= limit:
            heapq.heappop(slots)
        heapq.heappush(slots, end_of(job, begin))
    return starts


def phase(job: JobRecord, start: float, now: float, pausing_s: float) -> Phase:
    """The job at `now`."""
    stop = min(
        ((t, s) for t, s in ((job.cancelled, "cancelled"), (job.failed, "failed")) if t is not None), default=None
    )
    end = natural_end(job, start)
    if stop is not None and stop[0] <= now and stop[0] <= end:
        return Phase(stop[1], _steps(job, start, stop[0]), start <= stop[0], stop[0])
    if end <= now:
        if job.fail is not None:
            return Phase("failed", _steps(job, start, end), not fails_validation(job), end)
        return Phase("succeeded", job.total_steps, started=True, finished=end)
    if now < start:
        return Phase("pending", 0, started=False, finished=None)
    return Phase(_pause_word(job, now, pausing_s), _steps(job, start, now), started=True, finished=None)


def _pause_word(job: JobRecord, now: float, pausing_s: float) -> str:
    for began, resumed in reversed(job.pauses):
        if began is None or began > now:
            continue
        if resumed is not None and resumed <= now:
            return "resuming" if now < resumed + pausing_s else "running"
        return "pausing" if now < began + pausing_s else "paused"
    return "running"


def _steps(job: JobRecord, start: float, now: float) -> int:
    """Training steps done by `now`."""
    if now < start:
        return 0
    run = now - start
    for began, resumed in job.pauses:
        if began is not None and began < now:
            run -= (now if resumed is None or resumed > now else resumed) - began
    if job.running_s <= 0:
        return job.total_steps
    part = (run / job.running_s - _TRAINING_FROM) / (_TRAINING_TO - _TRAINING_FROM)
    return max(0, min(job.total_steps, math.floor(job.total_steps * part + 1e-9)))


def step_time(job: JobRecord, start: float, step: int) -> float:
    """When a training step was done."""
    part = step / job.total_steps if job.total_steps else 1.0
    at = start + job.running_s * (_TRAINING_FROM + part * (_TRAINING_TO - _TRAINING_FROM))
    for began, resumed in job.pauses:
        if began is not None and began < at:
            at += (resumed - began) if resumed is not None else 0.0
    return at
