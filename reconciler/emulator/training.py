"""Pretend training: what a dataset holds, and the learning curves that a job on it shows.

Everything is a pure function of the job's content, so the same data, seed and hyperparameters always give the same curve.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.emulator.records import JobRecord

BOM = b"\xef\xbb\xbf"
MIN_EXAMPLES = 10
"""No job starts with fewer examples (REST reference)."""

_BYTES_PER_TOKEN = 4
_MAX_BATCH = 256
_MAX_ROWS = 20_000  # rows of a result file; longer trainings show every n-th step

SUPERVISED_COLUMNS = (
    "step",
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
    "full_valid_loss",
    "full_valid_mean_token_accuracy",
)
REINFORCEMENT_COLUMNS = (
    "step",
    "train_mean_reward",
    "full_valid_mean_reward",
    "pg_loss_sum",
    "total_loss_sum",
    "entropy_loss_sum",
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """What one file holds.

    Attributes:
        examples: Lines that are not blank.
        tokens: A rough count, four bytes each.
        digest: Of the content without a byte-order mark.
        problems: By method, what is wrong with it as training data; absent when nothing is.
    """

    examples: int
    tokens: int
    digest: str
    problems: dict[str, str]


def read_dataset(content: bytes) -> Dataset:
    """Look through a file once, for every method."""
    plain = content.removeprefix(BOM)
    problems: dict[str, str] = {}
    count = 0
    for number, line in enumerate(plain.split(b"\n"), 1):
        if not line.strip():
            continue
        count += 1
        if len(problems) == len(_CHECKS):
            continue
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        for method, check in _CHECKS.items():
            fault = "is not a valid JSON object" if not isinstance(row, dict) else check(row)
            if fault and method not in problems:
                problems[method] = f"Invalid file format. Input file is not in valid JSONL: line {number} {fault}."
    if count < MIN_EXAMPLES:
        few = f"Training file has {count} example(s), but must have at least {MIN_EXAMPLES} examples."
        for method in _CHECKS:
            problems.setdefault(method, few)
    return Dataset(count, max(1, len(plain) // _BYTES_PER_TOKEN), hashlib.sha256(plain).hexdigest(), problems)


def _messages(row: dict[str, Any]) -> str:
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return "has no 'messages'"
    for message in messages:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            return "has a message without 'role'"
    return ""


def _supervised(row: dict[str, Any]) -> str:
    fault = _messages(row)
    if not fault and not any(message["role"] == "assistant" for message in row["messages"]):
        return "has no assistant message"
    return fault


def _dpo(row: dict[str, Any]) -> str:
    if not isinstance(row.get("input"), dict):
        return "has no 'input'"
    for key in ("preferred_output", "non_preferred_output"):
        if not isinstance(row.get(key), list) or not row[key]:
            return f"has no '{key}'"
    return _messages(row["input"])


def _reinforcement(row: dict[str, Any]) -> str:
    fault = _messages(row)
    if not fault and row["messages"][-1]["role"] != "user":
        return "does not end with a user message"
    return fault


_CHECKS: dict[str, Callable[[dict[str, Any]], str]] = {
    "supervised": _supervised,
    "dpo": _dpo,
    "reinforcement": _reinforcement,
}


def resolve_hyperparameters(sent: dict[str, Any], method: str, examples: int, learning_rate: float) -> dict[str, Any]:
    """The numbers that the service chooses for what is unset; batch size is about 0.2 % of the examples."""
    chosen: dict[str, Any] = {
        "n_epochs": 3,
        "batch_size": max(1, min(_MAX_BATCH, round(examples * 0.002))),
        "learning_rate_multiplier": learning_rate,
    }
    if method == "dpo":
        chosen |= {"beta": 0.1, "l2_multiplier": 0.1}
    elif method == "reinforcement":
        chosen |= {"reasoning_effort": "medium", "compute_multiplier": 1.0, "eval_interval": 5, "eval_samples": 3}
    return chosen | {name: value for name, value in sent.items() if value not in (None, "auto", "default", -1)}


def steps_per_epoch(examples: int, resolved: dict[str, Any]) -> int:
    """Training steps of one pass over the data."""
    return max(1, math.ceil(examples / max(1, int(resolved["batch_size"]))))


def _noise(seed: int, step: int, salt: int) -> float:
    """A repeatable number in -1..1 (one round of splitmix64)."""
    z = (seed + (step * 4 + salt) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return ((z ^ (z >> 31)) / 2**63) - 1.0


@dataclass(frozen=True, slots=True)
class Point:
    """One training step. Validation values are on some steps only; `full_*` at the end of an epoch."""

    step: int
    train_loss: float
    train_accuracy: float
    valid_loss: float | None = None
    valid_accuracy: float | None = None
    full_valid_loss: float | None = None
    full_valid_accuracy: float | None = None


class Curve:
    """The learning curve of a job.

    Training loss falls towards a floor; validation loss follows it until about the third epoch at learning rate multiplier
    1, then rises: more epochs or a larger multiplier overfit, as they do in the document.
    """

    def __init__(self, job: JobRecord) -> None:
        self._job = job
        self.total = job.total_steps
        self.per_epoch = max(1, self.total // max(1, int(job.resolved["n_epochs"])))
        self._start_loss = math.log(2) if job.method_type == "dpo" else 2.2 + 0.4 * _noise(job.curve_seed, 0, 3)
        self._pace = float(job.resolved["learning_rate_multiplier"]) ** 0.35
        self._eval_every = max(1, self.per_epoch // 5)

    def epoch_ends(self) -> list[int]:
        """The last step of each epoch."""
        epochs = max(1, int(self._job.resolved["n_epochs"]))
        return sorted({self.total if n == epochs else self.per_epoch * n for n in range(1, epochs + 1)})

    def point(self, step: int) -> Point:
        """The values at one step, from 1."""
        job, seed = self._job, self._job.curve_seed
        epochs = step / self.per_epoch * self._pace
        floor = 0.05 * self._start_loss
        clean = floor + (self._start_loss - floor) * math.exp(-1.1 * epochs)
        loss = max(0.0001, clean * (1 + 0.08 * _noise(seed, step, 0)))
        if job.validation_file is None:
            return Point(step, loss, _accuracy(loss))
        over = max(0.0, epochs - 2.5)
        held = clean + 0.06 * self._start_loss + 0.09 * self._start_loss * over
        end = step == self.total or step % self.per_epoch == 0
        valid = full = None
        if step == 1 or end or step % self._eval_every == 0:
            valid = held * (1 + 0.1 * _noise(seed, step, 1))
        if end:
            full = held * (1 + 0.02 * _noise(seed, step, 2))
        return Point(step, loss, _accuracy(loss), valid, _optional_accuracy(valid), full, _optional_accuracy(full))

    def rows(self, steps: int) -> Iterator[Point]:
        """The points of the result file up to a step."""
        stride = max(1, self.total // _MAX_ROWS)
        return (self.point(step) for step in range(1, steps + 1) if step % stride == 0 or step in (1, self.total))

    def metrics(self, step: int) -> dict[str, float]:
        """What a checkpoint or a metrics event carries, under the names of the result file."""
        point = self.point(step)
        return {
            name: value for name, value in zip(self.columns(), self._cells(point), strict=False) if value is not None
        }

    def columns(self) -> tuple[str, ...]:
        """The header of the result file. That of a DPO job is not recorded; it is taken to be the supervised one."""
        return REINFORCEMENT_COLUMNS if self._job.method_type == "reinforcement" else SUPERVISED_COLUMNS

    def _cells(self, point: Point) -> tuple[float | None, ...]:
        if self._job.method_type == "reinforcement":
            reward = point.train_accuracy
            valid = point.full_valid_accuracy
            return (point.step, reward, valid, point.train_loss * 1000, point.train_loss * 1010, point.train_loss * 10)
        return (
            point.step,
            point.train_loss,
            point.train_accuracy,
            point.valid_loss,
            point.valid_accuracy,
            point.full_valid_loss,
            point.full_valid_accuracy,
        )

    def csv(self, steps: int) -> bytes:
        """The result file up to a step; cells without a value are empty."""
        lines = [",".join(self.columns())]
        for point in self.rows(steps):
            cells = self._cells(point)
            lines.append(",".join(["" if cell is None else str(cell) for cell in cells]))
        return ("\n".join(lines) + "\n").encode()


def _accuracy(loss: float) -> float:
    return math.exp(-0.45 * loss)


def _optional_accuracy(loss: float | None) -> float | None:
    return None if loss is None else _accuracy(loss)
