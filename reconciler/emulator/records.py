"""What the emulator remembers of each object. All times are Unix seconds, as floats.

Records hold facts and points in time, never a status: a status is computed from them and the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class FileRecord:
    """An uploaded file, or the result file of a job."""

    id: str
    account: str
    created: float
    filename: str
    purpose: str
    size: int
    processing_s: float = 0.0
    error: str | None = None
    deleted: float | None = None
    expires: float | None = None
    job: str | None = None
    imported: bool = False


@dataclass(slots=True)
class UploadRecord:
    """A resumable upload; parts are contents named by their ids."""

    id: str
    account: str
    created: float
    filename: str
    purpose: str
    size: int
    mime_type: str
    parts: dict[str, int] = field(default_factory=dict)
    file: str | None = None
    cancelled: bool = False


@dataclass(slots=True)
class JobRecord:
    """A fine-tuning job and the model it makes.

    Attributes:
        model: The base as the service shows it.
        root: Id of the base model at the end of a chain of continuous fine-tuning.
        method: The `method` object of the request.
        hyperparameters: What the request set, by name.
        resolved: What the service uses.
        curve_seed: Decides the learning curves; equal jobs learn equally.
        pending_s: From creation to readiness for a slot.
        running_s: From start to end, pauses not counted.
        total_steps: Training steps over all epochs.
        start: When it took a slot, once that is past.
        pauses: Pairs of (paused at, resumed at or None).
        pause_reason: What the events say of a pause that is the service's own.
        fail: How it will fail: `at` a stage, `code`, `message`, `param`.
        deleted: When it was deleted from the job list.
        model_deleted: When its model was.
    """

    id: str
    account: str
    created: float
    model: str
    root: str
    training_file: str
    validation_file: str | None
    suffix: str | None
    seed: int
    training_type: str
    method_type: str
    method: dict[str, Any] | None
    hyperparameters: dict[str, Any]
    resolved: dict[str, Any]
    integrations: list[Any] | None
    metadata: dict[str, str] | None
    examples: int
    tokens: int
    curve_seed: int
    pending_s: float
    running_s: float
    total_steps: int
    result_file: str
    start: float | None = None
    cancelled: float | None = None
    failed: float | None = None
    pauses: list[list[float | None]] = field(default_factory=list)
    fail: dict[str, Any] | None = None
    deleted: float | None = None
    model_deleted: float | None = None
    pause_reason: str = ""

    @property
    def hex(self) -> str:
        """The 32 hexadecimal digits that job and model share."""
        return self.id.removeprefix("ftjob-")

    @property
    def model_name(self) -> str:
        """Name of the model that the job makes: `<base>.ft-<hex>[-<suffix>]`, as recorded."""
        return f"{self.root}.ft-{self.hex}{f'-{self.suffix}' if self.suffix else ''}"


@dataclass(slots=True)
class DeploymentRecord:
    """A deployment.

    Attributes:
        versions: Triples of (asked for at, serves from, body), oldest first.
        operation: Id of the last operation.
        started: When that operation began.
        ends: When it ends.
        failure: The error it ends with, if any.
        gap: The old model does not answer while the operation runs.
        used: Last call of the model.
    """

    name: str
    account: str
    created: float
    versions: list[tuple[float, float, dict[str, Any]]]
    fine_tuned: bool
    operation: str = ""
    started: float = 0.0
    ends: float = 0.0
    failure: dict[str, str] | None = None
    gap: bool = False
    used: float = 0.0
    deleted: float | None = None


@dataclass(slots=True)
class OperationRecord:
    """A long-running operation of the control plane. `kind` is put, patch or delete."""

    id: str
    account: str
    deployment: str
    kind: str
    started: float
    ends: float
    failure: dict[str, str] | None = None


@dataclass(slots=True)
class AccountRecord:
    """Where an account lives in ARM, as it was first asked for."""

    name: str
    subscription: str
    resource_group: str
    location: str
    kind: str = "AIServices"


@dataclass(slots=True)
class ClockRecord:
    """Seconds added to the clock."""

    offset: float


Record = FileRecord | UploadRecord | JobRecord | DeploymentRecord | OperationRecord | AccountRecord | ClockRecord

TABLES: dict[str, type[Record]] = {
    "file": FileRecord,
    "upload": UploadRecord,
    "job": JobRecord,
    "deployment": DeploymentRecord,
    "operation": OperationRecord,
    "account": AccountRecord,
    "clock": ClockRecord,
}
NAMES = {cls: name for name, cls in TABLES.items()}
