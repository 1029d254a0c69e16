"""Reports of trainings as versioned JSON (docs/results.md has the shape)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.render.words import plain_value
from reconciler.results.checkpoints import Checkpoint, Choice
from reconciler.results.metrics import METRICS
from reconciler.results.run import Run, next_step

FORMAT_VERSION = "1.0"


def report_document(runs: Sequence[Run], *, tool_version: str, created_at: str, emulator: bool) -> dict[str, Any]:
    """Return reports as values that JSON can hold. A new minor version adds keys, which readers ignore."""
    document = {
        "format_version": FORMAT_VERSION,
        "tool_version": tool_version,
        "created_at": created_at,
        "emulator": emulator,
        "jobs": [_job(run) for run in runs],
    }
    made: dict[str, Any] = plain_value(document)
    return made


def _job(run: Run) -> dict[str, Any]:
    step = next_step(run)
    found = run.diagnosis
    return {
        "address": run.address,
        "id": run.job_id,
        "account": run.account,
        "manifest": run.manifest or None,
        "status": run.status,
        "ended": run.ended,
        "reason": run.reason or None,
        "base": run.base or None,
        "method": run.method,
        "hyperparameters": dict(run.settings),
        "model": run.model or None,
        "served_by": [*run.serving, *run.serving_steps],
        "created_at": run.created_at or None,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration_seconds": run.duration,
        "trained_tokens": run.tokens,
        "result_file": run.result_file or None,
        "source": run.source,
        "rows": run.table.rows,
        "last_step": run.table.last_step,
        "metrics": {curve.name: _metric(run, curve.name) for curve in run.curves()},
        "diagnosis": {
            "verdict": found.verdict,
            "headline": found.headline,
            "text": found.text,
            "numbers": dict(found.numbers),
            "training_metric": found.train or None,
            "validation_metric": found.valid or None,
            "notes": [{"code": note.code, "text": note.text, "numbers": dict(note.numbers)} for note in found.notes],
            "advice": list(found.advice),
        },
        "checkpoints": [_checkpoint(item, kept=item in run.kept) for item in run.checkpoints],
        "best_checkpoint": _choice(run.choice),
        "chosen_checkpoint": _choice(run.pick),
        "next": {"text": step.text, "lines": step.lines or None},
        "notes": [*run.table.notes, *(note for note in run.notes if note not in run.table.notes)],
    }


def _metric(run: Run, name: str) -> dict[str, Any]:
    curve = run.table.curves[name]
    better = METRICS[name].better if name in METRICS else ""
    best = curve.best(better)
    return {
        "column": run.table.spelled.get(name, name),
        "better": better or None,
        "count": curve.count,
        "first": _point(curve.first),
        "best": _point(best) if best else None,
        "last": _point(curve.last),
        "lowest": _point(curve.low),
        "highest": _point(curve.high),
        "points": [[point.step, point.value] for point in curve.points],
    }


def _point(point: Any) -> dict[str, Any]:
    return {"step": point.step, "value": point.value}


def _checkpoint(item: Checkpoint, *, kept: bool) -> dict[str, Any]:
    return {
        "step": item.step,
        "id": item.id,
        "model": item.model,
        "created_at": item.created_at or None,
        "deployable": kept,
        "metrics": dict(item.metrics),
    }


def _choice(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    return {
        "step": choice.checkpoint.step,
        "id": choice.checkpoint.id,
        "by": choice.metric or None,
        "value": choice.value,
    }
