"""The objects of all accounts, indexed, and the store behind them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.emulator.catalog import Catalog
from reconciler.emulator.config import Config
from reconciler.emulator.records import (
    NAMES,
    TABLES,
    AccountRecord,
    ClockRecord,
    DeploymentRecord,
    FileRecord,
    JobRecord,
    OperationRecord,
    Record,
    UploadRecord,
)
from reconciler.emulator.results import Curve
from reconciler.emulator.store import Change, Store
from reconciler.emulator.timeline import NEVER, Phase, end_of, phase, plan_starts
from reconciler.emulator.training import Dataset, read_dataset

STOPPED_BY_COST = "Job paused: it has reached the limit of 5000 US dollars."
"""What the events say then; Microsoft's own words are not known."""


@dataclass(slots=True)
class Account:
    """Everything of one account, oldest first."""

    name: str
    files: dict[str, FileRecord] = field(default_factory=dict)
    uploads: dict[str, UploadRecord] = field(default_factory=dict)
    jobs: dict[str, JobRecord] = field(default_factory=dict)
    deployments: dict[str, DeploymentRecord] = field(default_factory=dict)
    place: AccountRecord | None = None
    active: dict[str, JobRecord] = field(default_factory=dict)
    starts: dict[str, float] = field(default_factory=dict)
    stale: bool = True
    place_saved: bool = False
    busy_until: float = 0.0
    calls: list[float] = field(default_factory=list)


class World:
    """State, time and identifiers. Not thread-safe: the emulator holds a lock around it."""

    def __init__(self, state_dir: Path | None, clock: Callable[[], float], seed: int | None, config: Config) -> None:
        self._clock = clock
        self._offset = 0.0
        self.accounts: dict[str, Account] = {}
        self.operations: dict[str, OperationRecord] = {}
        self.models: dict[str, JobRecord] = {}
        # Stands in for the account of requests that name none.
        self.nowhere = Account("")
        self.store = Store(state_dir)
        self._pending: list[Change] = []
        self._obsolete: list[str] = []
        self._datasets: dict[str, Dataset] = {}
        self._curves: dict[str, Curve] = {}
        self._results: dict[str, tuple[int, bytes]] = {}
        self.config = config
        self.catalog = Catalog(config.models)
        for table, value in self.store.replay():
            self._index(TABLES[table](**value))
        self.store.compact(self._all())
        # A restart with the same seed must not give out the same identifiers again.
        self._random = random.Random(f"{seed}:{self.store.records}" if seed is not None else None)  # noqa: S311 - no secret

    # -- time and identifiers

    def now(self) -> float:
        """The time of the emulated service, in Unix seconds."""
        return self._clock() + self._offset

    def advance(self, seconds: float) -> float:
        """Move the clock forward, for good; returns the offset in all."""
        self._offset += seconds
        self.save(ClockRecord(self._offset))
        return self._offset

    def hex(self) -> str:
        """32 fresh hexadecimal digits."""
        return f"{self._random.getrandbits(128):032x}"

    def seed(self) -> int:
        """A training seed, as the service generates one when none is given."""
        return self._random.randrange(2**31)

    def configure(self, config: Config) -> None:
        """Take on another configuration; jobs that have a timeline keep it."""
        for account in self.accounts.values():
            self.settle(account)
            account.stale = True
        self.config = config
        self.catalog = Catalog(config.models)
        self._results.clear()

    # -- records

    def account(self, name: str) -> Account:
        """An account by name, ignoring case; it comes into being."""
        key = name.lower()
        account = self.accounts.get(key)
        if account is None:
            account = self.accounts[key] = Account(name)
        return account

    def save(self, record: Record) -> None:
        """Index a record and note it for the log."""
        self._index(record)
        self._pending.append((NAMES[type(record)], record))

    def commit(self) -> bool:
        """Write what was noted; true when there was anything."""
        if not self._pending:
            return False
        self.store.commit(self._pending)
        self._pending = []
        for name in self._obsolete:
            self.store.forget(name)
        self._obsolete = []
        return True

    def forget(self, content: str) -> None:
        """Drop a content once the change that makes it obsolete is on disk."""
        self._obsolete.append(content)

    def _index(self, record: Record) -> None:
        match record:
            case FileRecord():
                self.account(record.account).files[record.id] = record
            case UploadRecord():
                self.account(record.account).uploads[record.id] = record
            case JobRecord():
                account = self.account(record.account)
                # A job that has ended is not planned again: its slot, and those of the others, are history.
                if record.id not in account.jobs or record.id in account.active:
                    account.active[record.id] = record
                    account.stale = True
                account.jobs[record.id] = record
                self.models[record.model_name.lower()] = record
                self._curves.pop(record.id, None)
            case DeploymentRecord():
                account = self.account(record.account)
                account.deployments[record.name.lower()] = record
                account.busy_until = max(account.busy_until, record.ends)
            case OperationRecord():
                self.operations[record.id] = record
            case AccountRecord():
                account = self.account(record.name)
                account.place, account.place_saved = record, True
            case ClockRecord():
                self._offset = record.offset

    def _all(self) -> Iterator[Change]:
        yield "clock", ClockRecord(self._offset)
        for account in self.accounts.values():
            if account.place is not None:
                yield "account", account.place
            for table in (account.files, account.uploads, account.jobs, account.deployments):
                for record in table.values():
                    yield NAMES[type(record)], record
        for operation in self.operations.values():
            yield "operation", operation

    def clear(self) -> None:
        """Forget every object and the offset of the clock."""
        self.accounts.clear()
        self.operations.clear()
        self.models.clear()
        self._datasets.clear()
        self._curves.clear()
        self._results.clear()
        self._offset = 0.0
        self._pending = []
        self.store.clear()

    # -- jobs in time

    def start_of(self, job: JobRecord) -> float:
        """When the job takes a slot; never for one that ends before it gets one."""
        if job.start is not None:
            return job.start
        account = self.account(job.account)
        if account.stale:
            off = self.config.limits_off
            limits = {
                False: NEVER if off else float(max(1, self.config.max_running)),
                True: NEVER if off else float(max(1, self.config.max_running_developer)),
            }
            account.starts = plan_starts(account.active.values(), limits)
            account.stale = False
        return account.starts.get(job.id, NEVER)

    def stop_costly(self, account: Account) -> None:
        """Pause reinforcement jobs that have run as long as the service lets them; once for each."""
        allowed, now = self.config.reinforcement_stop_seconds, self.now()
        if allowed is None:
            return
        for job in list(account.active.values()):
            if job.method_type != "reinforcement" or job.pause_reason or (job.pauses and job.pauses[-1][1] is None):
                continue
            at = self.start_of(job) + allowed + sum((ended or 0.0) - (began or 0.0) for began, ended in job.pauses)
            if at <= min(now, end_of(job, self.start_of(job))):
                # Its start is fixed first: a job that has no start yet would wait for a slot, and hold it for ever.
                self.settle(account)
                job.pauses.append([at, None])
                job.pause_reason = STOPPED_BY_COST
                self.save(job)

    def settle(self, account: Account) -> None:
        """Before a job of the account changes: fix what is past, so that no later change can rewrite it."""
        now = self.now()
        for job in list(account.active.values()):
            start = self.start_of(job)
            if job.start is None and start <= now:
                job.start = start
                self._pending.append(("job", job))
            if end_of(job, start) <= now:
                del account.active[job.id]
                account.starts.setdefault(job.id, start)

    def phase(self, job: JobRecord, at: float | None = None) -> Phase:
        """The job now, or at another time."""
        when = self.now() if at is None else at
        return phase(job, self.start_of(job), when, self.config.pausing_seconds)

    def dataset(self, file: FileRecord) -> Dataset:
        """What a file holds; read once."""
        found = self._datasets.get(file.id)
        if found is None:
            found = self._datasets[file.id] = read_dataset(self.store.content(file.id))
        return found

    def results(self, job: JobRecord, at: float) -> bytes:
        """The result file of a job at one time; kept until the job gets further."""
        steps = self.phase(job, at).steps
        kept = self._results.get(job.id)
        if kept is None or kept[0] != steps:
            content = self.curve(job).csv(steps, self.config.result_columns, bom=self.config.result_bom)
            kept = self._results[job.id] = (steps, content)
        return kept[1]

    def curve(self, job: JobRecord) -> Curve:
        """The learning curve of a job."""
        found = self._curves.get(job.id)
        if found is None:
            found = self._curves[job.id] = Curve(job)
        return found
