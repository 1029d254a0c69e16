"""Every metric of a result file or a checkpoint: one name for each, its spellings, and whether low or high is good.

The columns differ by source (docs/azure.md, section 18), so a spelling is read as a set of words: `validation` is
`valid`, `train_reward_mean` is `train_mean_reward`. A column that is not in the table keeps its own name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Better = Literal["low", "high", ""]
"""Which end of a metric is good; "" where neither is."""
Family = Literal["loss", "accuracy", "reward", "other"]
Split = Literal["train", "valid", "full_valid", ""]
"""What was measured: the batch of the step, a batch of the validation file, or all of it at the end of an epoch."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric."""

    name: str
    better: Better
    family: Family
    split: Split
    title: str


def _of(name: str, better: Better, family: Family, split: Split, title: str) -> tuple[str, Metric]:
    return name, Metric(name, better, family, split, title)


METRICS: Mapping[str, Metric] = dict(
    (
        _of("train_loss", "low", "loss", "train", "training loss"),
        _of("valid_loss", "low", "loss", "valid", "validation loss"),
        _of("full_valid_loss", "low", "loss", "full_valid", "full validation loss"),
        _of("train_mean_token_accuracy", "high", "accuracy", "train", "training token accuracy"),
        _of("valid_mean_token_accuracy", "high", "accuracy", "valid", "validation token accuracy"),
        _of("full_valid_mean_token_accuracy", "high", "accuracy", "full_valid", "full validation token accuracy"),
        _of("train_accuracy", "high", "accuracy", "train", "training accuracy"),
        _of("valid_accuracy", "high", "accuracy", "valid", "validation accuracy"),
        _of("full_valid_accuracy", "high", "accuracy", "full_valid", "full validation accuracy"),
        _of("train_mean_reward", "high", "reward", "train", "training reward"),
        _of("valid_mean_reward", "high", "reward", "valid", "validation reward"),
        _of("full_valid_mean_reward", "high", "reward", "full_valid", "full validation reward"),
        _of("train_reward_accuracy", "high", "accuracy", "train", "training reward accuracy"),
        _of("valid_reward_accuracy", "high", "accuracy", "valid", "validation reward accuracy"),
        _of("full_valid_reward_accuracy", "high", "accuracy", "full_valid", "full validation reward accuracy"),
        _of("train_reward_margin", "high", "reward", "train", "training reward margin"),
        _of("valid_reward_margin", "high", "reward", "valid", "validation reward margin"),
        _of("full_valid_reward_margin", "high", "reward", "full_valid", "full validation reward margin"),
    )
)
"""What a checkpoint may be chosen by, by name: losses low, accuracies and rewards high."""

_SAME = {
    "training": "train",
    "validation": "valid",
    "evaluation": "valid",
    "eval": "valid",
    "val": "valid",
    "accuracies": "accuracy",
    "acc": "accuracy",
    "rewards": "reward",
    "margins": "margin",
    "losses": "loss",
    "average": "mean",
    "avg": "mean",
    "tokens": "token",
}
_WORD = re.compile(r"[a-z0-9]+")
_SETS = {frozenset(name.split("_")): name for name in METRICS}
_LONGEST_NAME = 200
"""Characters of a column's name that are looked at: the file is not ours."""


def _words(spelling: str) -> frozenset[str]:
    return frozenset(_SAME.get(word, word) for word in _WORD.findall(spelling[:_LONGEST_NAME].lower()))


def canonical(spelling: str) -> str:
    """Return the one name of a metric in any of its spellings; a name that is not known comes back as it is."""
    words = _words(spelling)
    # A mean is what a reward or a token accuracy always is, so the word may be missing, or be there in addition.
    for tried in (words, words | {"mean"}, words - {"mean"}):
        if tried in _SETS:
            return _SETS[tried]
    return spelling.strip()


def column_name(spelling: str) -> str:
    """Return the one name of a column of a result file, where what names no split was measured in training."""
    name = canonical(spelling)
    if name in METRICS or split_of(spelling):
        return name
    supposed = canonical(f"train_{spelling}")
    return supposed if supposed in METRICS else name


def metric(spelling: str) -> Metric | None:
    """Return what is known of a metric, or None."""
    return METRICS.get(canonical(spelling))


def named(value: str, *others: str) -> str:
    """Return a metric that a manifest names, as it is written there; it may also be one of `others`.

    Raises ValueError, with what was probably meant, for what is none.
    """
    if value in others or metric(value) is not None:
        return value
    near = _meant(value, others)
    raise ValueError(f"is no metric; did you mean {near}?" if near else f"is no metric; {' or '.join([_ALL, *others])}")


_ALL = (
    "it may be train_, valid_ or full_valid_ before loss, accuracy, mean_token_accuracy, mean_reward, reward_accuracy or "
    "reward_margin"
)


def _meant(value: str, others: Sequence[str]) -> str | None:
    words = _words(value)
    # Most often only what was measured is missing; then all of the validation file is what tells most.
    whole = canonical(f"full_valid_{value}") if words else ""
    if whole in METRICS:
        return whole
    close = get_close_matches(value[:_LONGEST_NAME].lower(), (*METRICS, *others), n=1)
    return close[0] if close else None


def split_of(name: str) -> Split:
    """Return what a column measures, also one that is not in the table."""
    words = _words(name)
    if "valid" in words:
        return "full_valid" if "full" in words else "valid"
    return "train" if "train" in words else ""
