"""Every knob of the emulator, as data.

What is not known of Azure is a switch with each plausible behaviour; the default is what was recorded or is most likely.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from reconciler.emulator.catalog import DEFAULT_MODELS, BaseModel
from reconciler.emulator.results import ResultColumns

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Config:
    """How the emulated service behaves. Durations are seconds, sizes bytes.

    Attributes:
        file_processing_seconds: From upload to `processed`.
        import_seconds: What the download of an import takes, before that.
        pending_seconds: From job creation to the moment it may take a slot.
        running_seconds: From start to success.
        pausing_seconds: How long `pausing` and `resuming` last.
        reinforcement_stop_seconds: After so long of running a reinforcement job is paused by the service, once, as at 5,000
            dollars; None: never. Resumed, it has no further stop.
        deployment_seconds: Length of an ARM create or update; 0 answers `Succeeded` at once.
        delete_seconds: Length of an ARM delete.
        ready_delay_s: After ARM says Succeeded, the data plane answers DeploymentNotReady for so long.
        not_ready_status: HTTP status of that answer (not recorded anywhere).
        chat_limits: By which field a chat completion may be limited: both, or only one of them. Reasoning models take only
            `max_completion_tokens`, whatever this says.
        quota_release_s: How long a deleted deployment keeps its quota.
        latency_s: Added to every answer.
        clock_ahead_s: How far the Date header of each answer is ahead of the clock.
        list_delay_s: Lists show the state of so long ago; reads by id are current.
        suffix_cut: Keep only so many characters of a suffix.
        suffix_max_dated: Longest suffix on the dated surface (REST reference: 40).
        suffix_max_v1: Longest suffix on the v1 surface (specification: 64).
        echo_suffix: Under which key a job shows its suffix.
        echo_training_type: Whether a job shows `trainingType`.
        echo_seed: Whether a job shows its seed.
        echo_method: Whether a job shows `method` when the request had none.
        echo_hyperparameters: Where a job shows the values, if it does.
        echo_grader: How a job shows its grader and response format: as sent, with null for what is not set and messages in
            parts, or not at all.
        job_times: How jobs and their events show when: in seconds, as a text in ISO 8601, or not at all.
        metadata_echo: Whether a job shows its metadata; recordings show null.
        model_version: How a deployment shows the version of its model: as a text, as a number, or not at all.
        canonical_models: Whether a job shows the model id re-cased and dated, or as it was sent.
        v1_status_words: Use the words of the v1 specification (`validating_files`, `queued`) instead of `pending`.
        result_files_while_running: `result_files` is filled as soon as the job runs.
        result_columns: How the columns of result files are spelled, and which there are (see `emulator.results`).
        result_bom: Result files begin with a byte-order mark.
        estimated_finish_noise: `estimated_finish` stays set after the end and is far off, as recorded.
        training_type_omitted: What a job without `trainingType` gets.
        data_zone_training: Whether `dataZoneStandard` is a training type; the real value is not known.
        training_type_exact: The dated surface takes only the exact spelling (one report).
        ga_ignores_training_type: The dated GA versions ignore `trainingType` (one report).
        ga_files_ignore_after: GET files on GA ignores `after` as its specification would have it; the SDK's automatic paging
            then never ends, so the default is that the rest after that file is answered, which is nothing.
        refuse_bom: A file that starts with a byte-order mark ends in `error`.
        keep_bom: Content comes back byte for byte; false strips the mark.
        models_route_lists_fine_tuned: GET models lists fine-tuned models.
        v1_has_uploads: `/uploads` exists on v1 (not in its specification).
        dated_has_uploads: `/uploads` exists on the dated surface (in its specification).
        uploads_count_lost_parts: All parts that were taken count against the announced size, also those not listed at the end.
        filename_cut: Keep only so many characters of a filename.
        import_from: Which hosts an import may download from.
        import_error_tells_url: `status_details` of a failed import repeats the URL, signature and all.
        model_change: What a PUT of another model name on a live deployment does.
        checkpoint_deploys_by: Which string ARM takes for a checkpoint.
        checkpoint_shown_as: Which of the two stands in `fine_tuned_model_checkpoint`.
        model_from: By which field ARM takes the account of a model that another one trained.
        source_shown: Whether a deployment shows that account.
        no_fine_tuning: Regions in which nothing fine-tuned is trained or deployed.
        dropped_properties: Properties of a deployment that are taken and not kept, as an API version does that does not know them.
        tags_on_patch: Whether PATCH merges the tags or replaces them.
        serial_control_plane: One control-plane write at a time per account, else 409.
        limits_off: Ignore all limits and quotas below.
        max_files: Fine-tune files of an account.
        max_file_bytes: One file through POST files or import.
        max_part_bytes: One part of an upload.
        max_total_bytes: All fine-tune files of an account.
        max_jobs: Jobs of an account, in any state.
        max_running: Running jobs, standard and global together.
        max_running_developer: Running developer-tier jobs.
        max_queued: Jobs waiting.
        max_fine_tuned_deployments: Deployments of fine-tuned models of an account.
        max_deployments: All deployments of an account.
        quota: Capacity of each pool (subscription, region, sku, model).
        quotas: Other limits, by usage name.
        finetune_capacity: What a region has free of each model and sku for fine-tuned deployments; None: what the quota leaves.
        requests_per_second: Above it the data plane answers 429, for each account.
        page_size: Deployments on a page of an ARM list.
        idle_days: A fine-tuned deployment without a call for so long is deleted.
        developer_hours: Lifetime of a DeveloperTier deployment.
        location: Region of accounts that `accounts` does not describe.
        accounts: None lets any account exist; else only these, each with optional `location`, `subscription_id`,
            `resource_group`, `kind`, `tenant`.
        projects: Project names of every account; None lets any exist.
        keys: None accepts any credential; else account name to the api-keys that it accepts (bearer tokens pass).
        bad_keys: Credentials (keys or tokens) that are refused with 401.
        deny: Regular expressions; a request whose action matches one is refused with 403.
        dated_versions: Versions of the dated data plane; those ending in -preview have the preview routes.
        outcomes: Rules `{"match": {field: value}, "then": {"fail": {"code", "message"}, "at": stage}}` for jobs, stage one
            of validating, running, moderation. A text value matches as a prefix of suffix and model, else exactly.
        deployment_outcomes: Rules `{"match": {"name"|"model": prefix}, "then": {"fail": {"code", "message"}}}`: the
            operation is accepted and ends in Failed.
        models: The base models.
    """

    file_processing_seconds: float = 0.2
    import_seconds: float = 0.3
    pending_seconds: float = 0.5
    running_seconds: float = 3.0
    pausing_seconds: float = 0.2
    reinforcement_stop_seconds: float | None = None
    deployment_seconds: float = 0.6
    delete_seconds: float = 0.3
    ready_delay_s: float = 0.0
    not_ready_status: int = 400
    chat_limits: Literal["either", "max_completion_tokens", "max_tokens"] = "either"
    quota_release_s: float = 0.0
    latency_s: float = 0.0
    clock_ahead_s: float = 0.0
    list_delay_s: float = 0.0
    suffix_cut: int | None = None
    suffix_max_dated: int = 40
    suffix_max_v1: int = 64
    echo_suffix: Literal["suffix", "user_provided_suffix", "both", "none"] = "suffix"
    echo_training_type: bool = True
    echo_seed: bool = True
    echo_method: Literal["always", "if_sent"] = "if_sent"
    echo_hyperparameters: Literal["top", "method", "both", "none"] = "both"
    echo_grader: Literal["as_sent", "filled", "none"] = "as_sent"
    job_times: Literal["seconds", "text", "none"] = "seconds"
    metadata_echo: bool = False
    model_version: Literal["text", "number", "none"] = "text"
    canonical_models: bool = True
    v1_status_words: bool = False
    result_files_while_running: bool = True
    result_columns: ResultColumns = "recorded"
    result_bom: bool = False
    estimated_finish_noise: bool = True
    training_type_omitted: Literal["standard", "globalStandard", "refused"] = "standard"
    data_zone_training: bool = True
    training_type_exact: bool = False
    ga_ignores_training_type: bool = False
    ga_files_ignore_after: bool = False
    refuse_bom: bool = False
    keep_bom: bool = True
    models_route_lists_fine_tuned: bool = True
    v1_has_uploads: bool = False
    dated_has_uploads: bool = True
    uploads_count_lost_parts: bool = False
    filename_cut: int | None = None
    import_from: Literal["loopback", "any"] = "loopback"
    import_error_tells_url: bool = False
    model_change: Literal["accepted", "accepted_with_gap", "refused"] = "accepted"
    checkpoint_deploys_by: Literal["id", "name", "both"] = "id"
    checkpoint_shown_as: Literal["name", "id"] = "name"
    model_from: Literal["source", "sourceAccount", "both"] = "source"
    source_shown: bool = True
    no_fine_tuning: list[str] = field(default_factory=list)
    dropped_properties: list[str] = field(default_factory=list)
    tags_on_patch: Literal["merge", "replace"] = "replace"
    serial_control_plane: bool = True
    limits_off: bool = False
    max_files: int = 100
    max_file_bytes: int = 512 * 1024 * 1024
    max_part_bytes: int = 64 * 1024 * 1024
    max_total_bytes: int = 1024 * 1024 * 1024
    max_jobs: int = 100
    max_running: int = 3
    max_running_developer: int = 5
    max_queued: int = 20
    max_fine_tuned_deployments: int = 10
    max_deployments: int = 32
    quota: int = 500
    quotas: dict[str, int] = field(default_factory=dict)
    finetune_capacity: int | None = None
    requests_per_second: float | None = None
    page_size: int = 100
    idle_days: float = 15.0
    developer_hours: float = 24.0
    location: str = "swedencentral"
    accounts: dict[str, dict[str, str]] | None = None
    projects: list[str] | None = None
    keys: dict[str, list[str]] | None = None
    bad_keys: list[str] = field(default_factory=list)
    deny: list[str] = field(default_factory=list)
    dated_versions: list[str] = field(
        default_factory=lambda: [
            "2024-02-01",
            "2024-06-01",
            "2024-10-21",
            "2024-10-01-preview",
            "2024-12-01-preview",
            "2025-01-01-preview",
            "2025-02-01-preview",
            "2025-03-01-preview",
            "2025-04-01-preview",
            "2025-11-15-preview",
        ]
    )
    outcomes: list[dict[str, Any]] = field(default_factory=list)
    deployment_outcomes: list[dict[str, Any]] = field(default_factory=list)
    models: tuple[BaseModel, ...] = DEFAULT_MODELS

    def changed(self, changes: Mapping[str, Any]) -> Config:
        """This configuration with some fields replaced by plain JSON values.

        Raises:
            ValueError: An unknown field, or a value of the wrong type.
        """
        known = _hints()
        values: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown field {name!r}")
            if name == "models" and isinstance(value, list | tuple):
                values[name] = tuple(_base_model(row) for row in value)
            elif not _fits(value, known[name]):
                raise ValueError(f"{name}: {value!r} is no {known[name]}")
            else:
                values[name] = value
        return replace(self, **values)

    def plain(self) -> dict[str, Any]:
        """All fields as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong on matching requests.

    Without `status`, `drop` or `truncate` the request is carried out as usual, only later (`delay_s`).

    Attributes:
        method: HTTP method, or `*`.
        path_regex: Searched in the path (no query).
        status: Answer this status.
        code: Error code in the answer.
        message: Error text in the answer.
        retry_after: Seconds in a Retry-After header.
        delay_s: Seconds before the answer.
        drop: Close the connection without an answer.
        after_commit: First carry the request out; else it never happens.
        count: How many requests it hits; None for all.
        skip: How many matching requests pass before it hits.
        body: Raw body instead of an error object.
        headers: Further response headers, for example a Location with status 307.
        truncate: Carry the request out, then send only half of the answer.
    """

    method: str = "*"
    path_regex: str = ""
    status: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None
    delay_s: float = 0.0
    drop: bool = False
    after_commit: bool = False
    count: int | None = 1
    skip: int = 0
    body: str | None = None
    headers: Headers = field(default_factory=dict)
    truncate: bool = False

    @classmethod
    def from_plain(cls, value: Mapping[str, Any]) -> Fault:
        """A fault from JSON.

        Raises:
            ValueError: An unknown field.
        """
        unknown = set(value) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"unknown field {min(unknown)!r}")
        return cls(**value)


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Config)


def _base_model(row: Any) -> BaseModel:
    if isinstance(row, BaseModel):
        return row
    if not isinstance(row, Mapping):
        raise ValueError(f"models: {row!r} is no object")  # noqa: TRY004 - all faults of a configuration are one type
    fields_of_row: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    try:
        return BaseModel(**fields_of_row)
    except TypeError as error:
        raise ValueError(f"models: {error}") from None


def _fits(value: Any, hint: Any) -> bool:
    """Whether a JSON value is of the type of a field."""
    origin = get_origin(hint)
    if origin is Literal:
        return value in get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, part) for part in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is type(None):
        return value is None
    return isinstance(value, origin or hint)
