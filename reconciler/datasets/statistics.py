"""Numbers about a dataset: how many tokens its examples have, who speaks in them, what they use."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
KEYS_REMEMBERED = 200
"""Different keys of records that are counted; data with more has rows for keys."""
_KEY = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
"""What a grader can refer to. Any other key might be data, which is not told."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """How a count per example is distributed over the examples; all zero where there are none.

    Quantiles are interpolated linearly between the two nearest examples, as numpy and spreadsheets do by default.
    """

    total: int = 0
    min: int = 0
    max: int = 0
    mean: float = 0.0
    median: float = 0.0
    p5: float = 0.0
    p95: float = 0.0

    @classmethod
    def of(cls, histogram: Mapping[int, int]) -> Distribution:
        """Return the distribution of a histogram: how many examples have which count."""
        if not histogram:
            return cls()
        values = sorted(histogram.items())
        examples = sum(histogram.values())
        total = sum(value * times for value, times in values)
        low, median, high = _quantiles(values, examples, (0.05, 0.5, 0.95))
        return cls(total, values[0][0], values[-1][0], round(total / examples, 2), median, low, high)


def _quantiles(values: list[tuple[int, int]], examples: int, fractions: tuple[float, ...]) -> Iterator[float]:
    for fraction in fractions:
        position = fraction * (examples - 1)
        below = int(position)
        first, second = _ranked(values, below), _ranked(values, min(below + 1, examples - 1))
        yield round(first + (second - first) * (position - below), 2)


def _ranked(values: list[tuple[int, int]], rank: int) -> int:
    passed = 0
    for value, times in values:
        passed += times
        if rank < passed:
            return value
    return values[-1][0]


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one dataset holds, in numbers.

    `tokens` counts a whole example, `assistant_tokens` what of it is learnt; both are None where tokens were not
    counted. `roles` counts messages by role. `tool_calls` are calls in messages, `tool_examples` the examples that
    declare tools, `images` the images referred to, `image_examples` the examples that hold one. `keys` counts in how many
    records a key beside the format's own stands (reinforcement only: graders refer to them).
    """

    tokens: Distribution | None = None
    assistant_tokens: Distribution | None = None
    roles: Mapping[str, int] = field(default_factory=dict)
    tool_examples: int = 0
    tool_calls: int = 0
    images: int = 0
    image_examples: int = 0
    keys: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """Statistics while they are gathered; parts of one file are gathered apart and added up."""

    tokens: Counter[int] = field(default_factory=Counter)
    assistant_tokens: Counter[int] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    tool_examples: int = 0
    tool_calls: int = 0
    images: int = 0
    image_examples: int = 0

    def add_record(self, record: Mapping[str, Any], *, items: bool) -> None:
        """Count what a record of any format holds, however broken it is; `items` says whether its own keys count."""
        outer = record.get("input")
        prompt = outer if isinstance(outer, Mapping) else {}
        answers = (record.get("preferred_output"), record.get("non_preferred_output"))
        images = self.images
        for messages in (record.get("messages"), prompt.get("messages"), *answers):
            for message in messages if isinstance(messages, list) else ():
                if isinstance(message, Mapping):
                    self._add_message(message)
        if any(each.get(key) for each in (record, prompt) for key in ("tools", "functions")):
            self.tool_examples += 1
        self.image_examples += self.images > images
        if items:
            for key in record:
                known = key in self.keys or (len(self.keys) < KEYS_REMEMBERED and _KEY.fullmatch(key))
                if known and key != "messages":
                    self.keys[key] += 1

    def _add_message(self, message: Mapping[str, Any]) -> None:
        role = message.get("role")
        self.roles[role if isinstance(role, str) and role in ROLES else "other"] += 1
        called = message.get("tool_calls")
        self.tool_calls += len(called) if isinstance(called, list) else message.get("function_call") is not None
        content = message.get("content")
        for part in content if isinstance(content, list) else ():
            self.images += isinstance(part, Mapping) and part.get("type") == "image_url"

    def add(self, other: Tally) -> None:
        """Add what was gathered from another part."""
        self.tokens.update(other.tokens)
        self.assistant_tokens.update(other.assistant_tokens)
        self.roles.update(other.roles)
        self.keys.update(other.keys)
        self.tool_examples += other.tool_examples
        self.tool_calls += other.tool_calls
        self.images += other.images
        self.image_examples += other.image_examples

    def result(self, *, counted: bool) -> Statistics:
        """Return the statistics; `counted` says whether tokens were counted."""
        return Statistics(
            Distribution.of(self.tokens) if counted else None,
            Distribution.of(self.assistant_tokens) if counted else None,
            dict(sorted(self.roles.items())),
            self.tool_examples,
            self.tool_calls,
            self.images,
            self.image_examples,
            dict(sorted(self.keys.items())),
        )
