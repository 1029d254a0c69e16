"""Pretend training: what a dataset holds, and the numbers that the service chooses. The curves are in `results`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

BOM = b"\xef\xbb\xbf"
MIN_EXAMPLES = 10
"""No job starts with fewer examples (REST reference)."""

_BYTES_PER_TOKEN = 4
_MAX_BATCH = 256


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
