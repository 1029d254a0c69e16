"""How far a training is, from its events; and what a person wants to know of one that has ended. Values in, words out.

Events say a step, and its metrics in `data` or only in their text ("Step 10: training loss=0.69", recorded; docs/azure.md,
section 5). How many steps there will be is said nowhere: it follows from examples, batch size and epochs. Azure's own
`estimated_finish` was seen a month off, so it is told as Azure's, and only while it can be true.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.azure.wire import Json, mapping, moment, number, text
from reconciler.core.resource import Observed
from reconciler.kinds.fine_tune_job.method import Hyperparameters
from reconciler.results.checkpoints import Checkpoint, best, deployable
from reconciler.results.metrics import METRICS, canonical

_STEP = re.compile(r"\bstep (\d+)(?:\s*/\s*(\d+))?", re.IGNORECASE)
_VALUE = re.compile(
    r"\b(training|validation|full validation) (loss|reward)\s*=\s*(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)", re.IGNORECASE
)
_BILLED = re.compile(r"^training tokens billed: ([\d,]+)", re.IGNORECASE)
_BEGAN = re.compile(r"^(job started|training started|finetuning started|job resumed)", re.IGNORECASE)
_IN_TEXT = {
    ("training", "loss"): "train_loss",
    ("validation", "loss"): "valid_loss",
    ("full validation", "loss"): "full_valid_loss",
    ("training", "reward"): "train_mean_reward",
    ("validation", "reward"): "valid_mean_reward",
    ("full validation", "reward"): "full_valid_mean_reward",
}
SHOWN = (
    "train_loss",
    "valid_loss",
    "full_valid_loss",
    "train_mean_reward",
    "valid_mean_reward",
    "full_valid_mean_reward",
)
"""The metrics that a line about progress has, in its order."""
_RATE_OVER = 20
"""How many of the last steps that were told the rate is taken over: it changes while a job trains."""
FAR_OFF = 3.0
"""From this factor between Azure's estimate and the rate of the steps on, one of them is certainly wrong."""


def is_step(event: Json) -> bool:
    """Return whether an event tells that a step was done."""
    return _step_of(event)[0] > 0


@dataclass(frozen=True)
class Progress:
    """How far a training is. What is not known is 0 or empty; rate is in steps a second."""

    step: int = 0
    total: int = 0
    epoch: int = 0
    epochs: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.0

    @property
    def left(self) -> float | None:
        """Seconds until the last step, by the rate; None if that cannot be told."""
        return (self.total - self.step) / self.rate if self.rate and self.total > self.step else None


def measure(events: Iterable[Json], live: Observed) -> Progress:
    """Return how far a job is by its events, in any order; it may be the newest of them only."""
    told: dict[int, tuple[float, int, dict[str, float]]] = {}
    resumed = 0.0
    for event in events:
        at = moment(event, "created_at") or 0.0
        if _BEGAN.match(text(event, "message")):
            resumed = max(resumed, at)
        step, of = _step_of(event)
        if step:
            told[step] = (at, of, _metrics_of(event))
    if not told:
        return Progress(epochs=_epochs(live), total=_total(live))
    last = max(told)
    totals = [of for _, of, _ in told.values() if of] or [_total(live)]
    total = max(totals) if max(totals) >= last else 0
    epochs = _epochs(live)
    epoch = min(epochs, math.ceil(last * epochs / total)) if total and epochs else 0
    metrics: dict[str, float] = {}
    for step in sorted(told):
        metrics.update(told[step][2])
    return Progress(last, total, epoch, epochs, metrics, _rate(told, resumed))


def _rate(told: Mapping[int, tuple[float, int, object]], since: float) -> float:
    """Return steps a second over the last steps that were told since the job began or was resumed."""
    recent = [(step, told[step][0]) for step in sorted(told) if told[step][0] >= since][-_RATE_OVER:]
    if len(recent) < 2:
        return 0.0
    (first, began), (last, ended) = recent[0], recent[-1]
    return (last - first) / (ended - began) if ended > began else 0.0


def describe(progress: Progress, live: Observed, now: float) -> str:
    """Return progress in one line; "" if nothing is known."""
    said: list[str] = []
    if progress.step:
        said.append(f"step {progress.step:,}" + (f" of {progress.total:,}" if progress.total else ""))
    if progress.epoch and progress.epochs:
        said.append(f"epoch {progress.epoch} of {progress.epochs}")
    said += values(progress.metrics)
    if progress.rate:
        said.append(_paced(progress.rate))
    left = progress.left if live.status == "running" else None
    if left is not None:
        said.append(f"about {spell(left)} left")
    said += _estimated(live, now, left)
    return ", ".join(said)


def values(metrics: Mapping[str, float]) -> list[str]:
    """Return the metrics that are shown, in words."""
    known = {canonical(name): value for name, value in metrics.items()}
    return [f"{name} {known[name]:.4g}" for name in SHOWN if name in known]


def _estimated(live: Observed, now: float, left: float | None) -> list[str]:
    estimate = live.facts.get("estimated_finish")
    if live.status != "running" or not isinstance(estimate, int | float) or estimate <= now:
        return []
    when = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(estimate))
    doubtful = left is not None and not left / FAR_OFF <= estimate - now <= max(left, 60.0) * FAR_OFF
    caution = ", which its steps contradict" if doubtful else ", often far off" if left is None else ""
    return [f"Azure estimates {when}{caution}"]


def _paced(rate: float) -> str:
    return f"{rate:.2g} steps/s" if rate >= 1 else f"{1 / rate:.3g} s/step"


def spell(seconds: float) -> str:
    """Return a duration in its two largest units."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def ended(live: Observed, events: Sequence[Json], checkpoints: Sequence[Checkpoint]) -> list[str]:
    """Return what a person wants to know of a job that has ended, line by line. `events` are oldest first."""
    said: list[str] = []
    times = [at for event in events if (at := moment(event, "created_at"))]
    began = next((moment(e, "created_at") for e in events if _BEGAN.match(text(e, "message"))), None)
    # `finished_at` was recorded months after the last event of a job (docs/azure.md, section 5).
    end = min((at for at in (live.finished_at, max(times, default=None)) if at), default=None)
    if began and end and end >= began:
        queued = f", after {spell(began - live.created_at)} in the queue" if began > live.created_at else ""
        said.append(f"{live.status} after {spell(end - began)}{queued}")
    said += billed(live, events)
    final = measure(events, live)
    if final.metrics:
        said.append(f"at the end (step {final.step:,}): {', '.join(values(final.metrics)) or 'no losses'}")
    said += _best(checkpoints, final)
    if live.outputs.get("model"):
        said.append(f"model {live.outputs['model']}")
        said += ["its curves and what they mean:", f"  reconciler report {live.id}"]
    if live.reason:
        said.append(f"reason: {live.reason}")
    return said


def billed(live: Observed, events: Iterable[Json] = ()) -> list[str]:
    """Return how many tokens were billed, as the job says or else its events; nothing if neither does."""
    told = (found for event in events if (found := _BILLED.match(text(event, "message"))))
    tokens = live.facts.get("trained_tokens") or next((int(found[1].replace(",", "")) for found in told), 0)
    return [f"{int(tokens):,} tokens billed"] if tokens > 0 else []


def kept(live: Observed, checkpoints: Sequence[Checkpoint]) -> str:
    """Return what became of a job that succeeded, in one line: its model, the tokens billed, the best checkpoint."""
    said = [str(live.outputs.get("model", "")), *billed(live)]
    last = max((item.step for item in checkpoints), default=0)
    return ", ".join(part for part in (*said, *_best(checkpoints, Progress(last))) if part)


def _best(checkpoints: Sequence[Checkpoint], final: Progress) -> list[str]:
    """Say which checkpoint that can be deployed is the best by what was validated, and how to take it."""
    for name in ("full_valid_loss", "valid_loss", "full_valid_mean_reward", "valid_mean_reward"):
        found = best(deployable(checkpoints), name)
        if found is None:
            continue
        end = METRICS[name].better
        is_last = found.step >= final.step
        more = "the last one" if is_last else f"to serve it:  checkpoint: {{step: {found.step}}}"
        return [
            f"{'lowest' if end == 'low' else 'highest'} {name}: {found.value(name):.4g} at step {found.step:,}, {more}"
        ]
    return []


def _step_of(event: Json) -> tuple[int, int]:
    """Return the step that an event tells, and of how many, 0 for what it does not say."""
    data = mapping(event, "data")
    found = _STEP.search(text(event, "message"))
    if text(event, "type") != "metrics" and not (found and _VALUE.search(text(event, "message"))):
        return 0, 0
    said = number(data, "step")
    step = int(said) if said else int(found[1]) if found else 0
    of = number(data, "total_steps") or (float(found[2]) if found and found[2] else 0.0)
    return step, int(of)


def _metrics_of(event: Json) -> dict[str, float]:
    found = {_IN_TEXT[a.lower(), b.lower()]: float(value) for a, b, value in _VALUE.findall(text(event, "message"))}
    data = mapping(event, "data")
    nested = mapping(data, "metrics")
    for source in (data, nested):
        found |= {canonical(key): value for key in source if (value := number(source, key)) is not None}
    return {name: value for name, value in found.items() if name in METRICS}


def _chosen(live: Observed) -> Mapping[str, object]:
    settings = getattr(getattr(live.spec, "method", None), "hyperparameters", None)
    return settings.chosen() if isinstance(settings, Hyperparameters) else {}


def _epochs(live: Observed) -> int:
    value = _chosen(live).get("n_epochs")
    return int(value) if isinstance(value, int | float) and value > 0 else 0


def _total(live: Observed) -> int:
    """Return how many steps there will be: as many batches as the examples fill, in each epoch."""
    examples, batch = live.facts.get("examples"), _chosen(live).get("batch_size")
    if not isinstance(examples, int) or not isinstance(batch, int | float) or batch < 1:
        return 0
    return math.ceil(examples / int(batch)) * _epochs(live)
