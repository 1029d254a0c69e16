"""A manifest for a job that none declares: what its echo says, without what Azure may have chosen by itself.

A finished job does not tell which of its hyperparameters were set and which were left to Azure: it answers numbers for
both (docs/azure.md, section 5). So they are noted and not declared, unless the caller says that they are wanted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.core.digest import TEXT_CHARS, number
from reconciler.core.draft import Draft, Named
from reconciler.core.resource import Observed, Phase
from reconciler.kinds.fine_tune_job.method import METHODS
from reconciler.kinds.fine_tune_job.observed import KIND
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec

_FILES = ("training_file", "validation_file")
_SUFFIX = re.compile(rf"[A-Za-z0-9_-]{{1,{TEXT_CHARS}}}")


def draft_of(live: Observed, named: Named) -> Draft | str:
    """Return the manifest of a job, or why there can be none."""
    if live.facts.get("model_only"):
        return "its job is no longer listed, only its model: a Deployment can name the model itself"
    if live.phase is Phase.FAILED:
        return f"{live.status}: it made no model"
    if live.phase is Phase.SETTLING:
        return "it has only just succeeded and names no model yet; run this again"
    if live.facts.get("model_gone"):
        return f"its model {live.outputs.get('model')} does not exist any more"
    spec = live.spec
    assert isinstance(spec, FineTuneJobSpec)
    if not live.facts.get("training_file") or not spec.model:
        return "Azure does not say what it was trained from"
    method = spec.method.type
    fields: dict[str, Any] = {"model": spec.model}
    for field in _FILES:
        if live.facts.get(field):
            fields[field] = _file(str(live.facts[field]), named)
    graded = {"grader": _plain(spec.method.grading()), "response_format": _plain(spec.method.answers())}
    declared = {key: value for key, value in graded.items() if value}
    if declared or (method not in {"", "supervised"}):
        fields["method"] = {"type": method, **declared}
    if spec.seed is not None:
        fields["seed"] = spec.seed
    if spec.training_type:
        fields["training_type"] = str(live.facts["training_type"])
    suffix = str(live.facts.get("suffix") or "")
    if _SUFFIX.fullmatch(suffix) and not live.owner:
        fields["suffix"] = suffix
    if live.facts.get("integrations"):
        fields["integrations"] = _plain(live.facts["integrations"])
    if method not in {"", *METHODS}:
        return f"it was trained by {method}, which this release does not know"
    name = (live.name if live.owner else suffix) or f"{spec.model}-{live.id.removeprefix('ftjob-')[:8]}"
    return Draft(live, name, fields, {"job": live.id}, notes=tuple(_notes(live, spec, named)))


def with_settings(draft: Draft) -> Draft:
    """Return a draft that declares the hyperparameters that Azure trained with, whoever chose them."""
    live = draft.live.spec
    settings = _settings(live) if isinstance(live, FineTuneJobSpec) else {}
    if not settings:
        return draft
    method = {"type": "supervised", **draft.spec.get("method", {}), "hyperparameters": settings}
    return Draft(draft.live, draft.name, {**draft.spec, "method": method}, draft.adopt, draft.ignore, draft.notes)


def _notes(live: Observed, spec: FineTuneJobSpec, named: Named) -> list[str]:
    notes = [f"{live.id}, {live.status}"]
    if live.outputs.get("model"):
        notes.append(f"model: {live.outputs['model']}")
    parent = named.get((KIND, str(spec.model).lower()))
    if parent:
        notes.append(f"trained from the model of {KIND}/{parent}")
    settings = ", ".join(
        f"{key} {value if isinstance(value, str) else number(value)}" for key, value in _settings(spec).items()
    )
    if settings:
        notes.append(f"trained with {settings}; Azure does not tell which of these were set")
    if not spec.training_type:
        notes.append("Azure does not tell the training type")
    return notes


def _settings(spec: FineTuneJobSpec) -> dict[str, Any]:
    """Return the hyperparameters that are numbers or words of their own: -1 stands for auto (recorded)."""
    settings = spec.method.hyperparameters.chosen()
    return {key: value for key, value in settings.items() if isinstance(value, str) or value >= 0}


def _file(file_id: str, named: Named) -> dict[str, str]:
    name = named.get(("Dataset", file_id))
    return {"dataset": name} if name else {"file_id": file_id}


def _plain(value: Any) -> Any:
    """Return an echoed value without what is null in it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
