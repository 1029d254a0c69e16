"""What is not known of Azure, and its limits: each switch of the emulator is played here, or named with the reason why not."""

from __future__ import annotations

from typing import Any

SWITCHES: dict[str, tuple[Any, ...]] = {
    "echo_suffix": ("suffix", "user_provided_suffix", "both"),
    "echo_training_type": (True, False),
    "echo_seed": (True, False),
    "echo_method": ("always", "if_sent"),
    "echo_hyperparameters": ("top", "method", "both"),
    "metadata_echo": (True, False),
    "canonical_models": (True, False),
    "v1_status_words": (True, False),
    "keep_bom": (True, False),
    "models_route_lists_fine_tuned": (True, False),
    "result_files_while_running": (True, False),
    "model_change": ("accepted", "accepted_with_gap", "refused"),
    "tags_on_patch": ("merge", "replace"),
    "checkpoint_shown_as": ("name", "id"),
    "serial_control_plane": (True, False),
    "page_size": (1, 2, 100),
    "ready_delay_s": (0.0, 45.0),
    "quota_release_s": (0.0, 60.0),
    "suffix_cut": (None, 18, 31),
    "clock_ahead_s": (0.0, 300.0, -300.0),
    "deployment_seconds": (0.0, 2.0, 30.0, 400.0),
    "file_processing_seconds": (0.0, 2.0, 30.0),
    "quota": (100_000, 60, 120),
    "max_fine_tuned_deployments": (10, 1, 2),
    "max_running": (3, 1),
    "list_delay_s": (0.0, 0.0, 5.0, 20.0, 60.0),
}
"""What is not known of Azure, and what each may be.

Left out: no suffix shown (`echo_suffix`), and one cut to less than a mark (`suffix_cut`). No run would find such a job again, so
each create is taken back and said (tests/kinds/test_safety.py).
"""
MORE_SWITCHES: dict[str, tuple[Any, ...]] = {
    "checkpoint_deploys_by": ("name", "both"),
    "chat_limits": ("max_completion_tokens", "max_tokens"),
    "not_ready_status": (404, 409, 503),
    "result_columns": ("documented", "sample"),
    "result_bom": (True,),
    "estimated_finish_noise": (False,),
    "training_type_exact": (True,),
    "latency_s": (0.5, 5.0),
    "requests_per_second": (10.0, 30.0),
    "max_files": (4, 8),
    "max_queued": (1, 2),
    "max_deployments": (5, 7),
    "finetune_capacity": (60, 120),
}
"""More of it, and limits that fill."""
YET_MORE_SWITCHES: dict[str, tuple[Any, ...]] = {
    "pending_seconds": (0.0, 900.0),
    "running_seconds": (5.0, 7200.0),
    "delete_seconds": (0.0, 30.0, 400.0),
    "job_times": ("text", "none"),
    "model_version": ("number", "none"),
    "echo_hyperparameters": ("none",),
    "dropped_properties": (["raiPolicyName"], ["versionUpgradeOption"], ["raiPolicyName", "versionUpgradeOption"]),
    "suffix_max_v1": (31, 40),
    "suffix_max_dated": (31,),
    "max_jobs": (3, 5),
    "max_total_bytes": (3_000, 6_000),
    "max_running_developer": (1,),
    "idle_days": (0.1, 0.5),
    "developer_hours": (1.0, 2.0),
    "data_zone_training": (False,),
    "ga_ignores_training_type": (True,),
    "ga_files_ignore_after": (True,),
    "training_type_omitted": ("globalStandard", "refused"),
    "refuse_bom": (True,),
    "deployment_outcomes": (
        [{"match": {"name": "tone"}, "then": {"fail": {"code": "Conflict", "message": "Broken."}}}],
    ),
}
"""Those that only some trees meet, and the rest of the limits."""
GA, PREVIEW = "2024-10-21", "2025-04-01-preview"
SHAPES: dict[str, dict[str, Any]] = {
    "max_running_developer": {"training_type": "developer"},
    "developer_hours": {"sku": "DeveloperTier"},
    "data_zone_training": {"training_type": "data_zone"},
    "suffix_max_dated": {"api": PREVIEW},
    "ga_ignores_training_type": {"api": GA},
    "ga_files_ignore_after": {"api": GA},
    "training_type_omitted": {"api": GA},
    "refuse_bom": {"encoding": "utf-8"},
}
"""What the tree declares where a switch is met by that only."""
TOLD = {"refuse_bom"}
"""Those that a run meets first, and is told of, before the tree declares otherwise."""
WITH: dict[str, dict[str, Any]] = {"training_type_omitted": {"ga_ignores_training_type": True}}
"""Another switch without which one is not met: the product always sends a training type."""
ALONE: dict[str, tuple[Any, ...]] = {
    "api": (GA, PREVIEW),
    "encoding": ("utf-8", "utf-8-bom"),
    "training_type": ("standard", "developer", "data_zone"),
    "sku": ("DeveloperTier", "Standard"),
}
"""What a tree may declare without such a switch, too."""
OF_GRADED: dict[str, tuple[Any, ...]] = {
    "echo_grader": ("as_sent", "filled", "none"),
    "reinforcement_stop_seconds": (20.0, 50.0, 3000.0),
    "pausing_seconds": (0.0, 5.0, 90.0),
}
"""Those that a job with a grader meets; these and what follows are of the second family of seeds (wide.py)."""
OF_PARTS: dict[str, tuple[Any, ...]] = {
    "v1_has_uploads": (True, False),
    "dated_has_uploads": (False,),
    "uploads_count_lost_parts": (True,),
    "max_part_bytes": (350, 900),
}
"""Those that a file in parts meets."""
OF_IMPORTS: dict[str, tuple[Any, ...]] = {
    "import_seconds": (0.0, 5.0, 120.0, 900.0),
    "import_error_tells_url": (True,),
    "import_from": ("any",),
}
"""Those that data at an address meets."""
OF_ACCOUNTS: dict[str, tuple[Any, ...]] = {"model_from": ("sourceAccount", "both"), "source_shown": (False,)}
"""Those that a second account meets."""
OF_NAMES: dict[str, tuple[Any, ...]] = {"filename_cut": (10, 30, 39, 45)}
"""Those that are met for a while only: nothing trains where a name that is cut tells no run what is in the file."""
NOT_PLAYED: dict[str, str] = {
    "accounts": "no unknown: which accounts there are; one is declared",
    "projects": "no unknown: which Foundry projects there are; none is declared",
    "location": "no unknown: where the account is",
    "keys": "no unknown: which keys are right; a wrong one is a fault (401 in an answer with secrets)",
    "bad_keys": "no unknown: as `keys`",
    "deny": "no unknown: which rights there are; a refusal is a fault (403)",
    "models": "no unknown: what the emulator has to offer",
    "dated_versions": "no unknown: which versions of the API there are; each tree declares one of them",
    "limits_off": "no unknown: a convenience; each limit is played",
    "quotas": "no unknown: `quota` for single pools",
    "outcomes": "no unknown: which jobs fail; they do by hand, at any request",
    "no_fine_tuning": "nothing can be trained then: every create is refused for good",
    "max_file_bytes": "the files of the tree are smaller than any limit that is plausible; a smaller one refuses all of them",
}
"""Those that no seed plays, and why; what of them can be tried otherwise is in tests/kinds/ and tests/emulator/."""
