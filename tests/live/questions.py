"""What is not confirmed of Azure, as questions: each asks an account and gives a short, stable answer.

The same questions are put to the emulator, and the report says where the two differ. An answer names what was seen and no ids,
so that two runs can be compared. Each question says which switch of the emulator stands for what it asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from live import asked_before, asked_of_models
from live.account import Place
from live.asked_before import PREVIEW

from reconciler.azure.session import GA_API
from reconciler.kinds.fine_tune_job.spec import TRAINING_TYPES

APIS = ("v1", PREVIEW, GA_API)
JOBS = len(TRAINING_TYPES) * len(APIS) + 10
"""Jobs that the questions and the laws make, and cancel at once."""
BYTE_ORDER_MARK = "a byte order mark in front of data"


@dataclass(frozen=True)
class Question:
    """One thing to find out."""

    name: str
    switch: str
    """The emulator's switch, or "" where it has none."""
    ask: Callable[[Place], str]
    needs_model: bool = False
    """Whether it needs a model that was trained in this run."""


def takes_no_mark(answers: Mapping[str, str]) -> bool:
    """Whether an account has refused data with a byte order mark."""
    return answers[BYTE_ORDER_MARK].startswith("with: error")


def _switches(training_type: str, api: str) -> str:
    of_type = ", data_zone_training" if training_type == "data_zone" else ""
    of_api = ", ga_ignores_training_type" if api == GA_API else ""
    return f"suffix_cut, echo_suffix, echo_training_type{of_type}{of_api}"


QUESTIONS = (
    Question(BYTE_ORDER_MARK, "refuse_bom, keep_bom", asked_before.byte_order_mark),
    Question("the name of an uploaded file", "filename_cut", asked_before.name_of_an_upload),
    Question(
        "the name of a file uploaded in parts",
        "filename_cut, v1_has_uploads, dated_has_uploads",
        asked_before.name_of_parts,
    ),
    Question("the name of an imported file", "filename_cut", asked_before.name_of_an_import),
    Question("how late a list is", "list_delay_s", asked_before.delay_of_lists),
    Question("the second page of the older list of files", "ga_files_ignore_after", asked_before.second_page_of_files),
    Question("the Date of answers", "clock_ahead_s", asked_before.clock_of_answers),
    *(
        Question(f"a suffix of 31 characters, {kind}, {api}", _switches(kind, api), asked_before.suffixes(api, kind))
        for kind in TRAINING_TYPES
        for api in APIS
    ),
    Question(
        "a suffix of 64 characters, v1", "suffix_max_v1, suffix_cut, echo_suffix", asked_before.longest_suffix("v1", 64)
    ),
    Question(
        "a suffix of 40 characters, preview",
        "suffix_max_dated, suffix_cut, echo_suffix",
        asked_before.longest_suffix(PREVIEW, 40),
    ),
    Question("no training type, v1", "training_type_omitted", asked_before.no_training_type("v1")),
    Question(
        f"no training type, {GA_API}",
        "training_type_omitted, ga_ignores_training_type",
        asked_before.no_training_type(GA_API),
    ),
    Question("a training type in lower case, preview", "training_type_exact", asked_before.spelt_otherwise),
    Question("a base model in other letters", "canonical_models", asked_before.model_without_date),
    Question("metadata of a job", "metadata_echo", asked_before.metadata),
    Question(
        "a hyperparameter that was not set", "echo_method, echo_hyperparameters", asked_before.unset_hyperparameters
    ),
    Question("what a file shows", "", asked_before.shape_of_a_file),
    Question(
        "what a job shows",
        "echo_suffix, echo_training_type, echo_seed, echo_hyperparameters, job_times, v1_status_words",
        asked_before.shape_of_a_job,
    ),
    Question(
        "what a deployment shows",
        "model_version, dropped_properties",
        asked_of_models.shape_of_a_deployment,
        needs_model=True,
    ),
    Question(
        "a trained model in the list", "models_route_lists_fine_tuned", asked_of_models.list_of_models, needs_model=True
    ),
    Question(
        "the columns of a file of results",
        "result_columns, result_bom",
        asked_of_models.columns_of_results,
        needs_model=True,
    ),
    Question("what a checkpoint shows", "checkpoint_shown_as", asked_of_models.shape_of_a_checkpoint, needs_model=True),
    Question(
        "which string deploys a checkpoint", "checkpoint_deploys_by", asked_of_models.checkpoint_name, needs_model=True
    ),
    Question(
        "when a deployment answers first",
        "ready_delay_s, not_ready_status",
        asked_of_models.first_answer,
        needs_model=True,
    ),
    Question("how an answer is limited", "chat_limits", asked_of_models.limits_of_an_answer, needs_model=True),
    Question("two writes at once", "serial_control_plane", asked_of_models.two_writes_at_once, needs_model=True),
    Question("tags in a PATCH", "tags_on_patch", asked_of_models.tags_on_patch, needs_model=True),
    Question("another model for a live deployment", "model_change", asked_of_models.model_change, needs_model=True),
    Question("deleting a model that is deployed", "", asked_of_models.deleting_what_serves, needs_model=True),
)
_DURATION = "no unknown that decides anything: how long something takes is waited for"
_LIMIT = "a limit is documented, and to meet it an account has to be filled"
_NONE = "no unknown: what the emulator is told to have, or to do"
_SECOND = "needs a second account"
_GRADED = "a reinforcement job costs $100 an hour if it cannot be cancelled"
NOT_ASKED: dict[str, str] = {
    **dict.fromkeys(("file_processing_seconds", "import_seconds", "pending_seconds", "running_seconds"), _DURATION),
    **dict.fromkeys(("deployment_seconds", "delete_seconds", "latency_s", "page_size"), _DURATION),
    **dict.fromkeys(("max_files", "max_file_bytes", "max_part_bytes", "max_total_bytes", "max_jobs"), _LIMIT),
    **dict.fromkeys(("max_running", "max_running_developer", "max_queued", "max_fine_tuned_deployments"), _LIMIT),
    **dict.fromkeys(("max_deployments", "quota", "quotas", "finetune_capacity", "requests_per_second"), _LIMIT),
    **dict.fromkeys(("limits_off", "location", "accounts", "projects", "keys", "bad_keys", "deny"), _NONE),
    **dict.fromkeys(("dated_versions", "outcomes", "deployment_outcomes", "models", "no_fine_tuning"), _NONE),
    **dict.fromkeys(("model_from", "source_shown"), _SECOND),
    **dict.fromkeys(("echo_grader", "reinforcement_stop_seconds", "pausing_seconds"), _GRADED),
    "quota_release_s": "seen only where a quota is full",
    "result_files_while_running": "seen only while it trains, when the command waits; nothing is decided by it",
    "estimated_finish_noise": "the field is shown to people only",
    "uploads_count_lost_parts": "needs an answer that is lost",
    "import_from": "an import may come from anywhere",
    "import_error_tells_url": "needs an address that fails and holds a secret; whatever it says is searched for secrets",
    "idle_days": "needs 15 days",
    "developer_hours": "needs a day",
}
"""Switches of the emulator that no question is about, and why."""
