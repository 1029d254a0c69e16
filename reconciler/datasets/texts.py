"""What of an example is text that a model reads or learns, gathered so that the tokens of many are counted in one call.

Counted as in the fine-tuning tutorial of Azure's documentation (docs/azure.md, section 7): three tokens for each message, the
tokens of each value in it, one more for a `name`, three for the example. What the tutorial leaves open is counted by the
text that the model sees: of a tool call the function's name and its arguments, of content in parts the text parts. Not
counted are numbers such as `weight`, images, and `tools`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, islice
from operator import add, sub
from typing import Any, NamedTuple

from reconciler.datasets.tokens import count, count_word

PER_MESSAGE, PER_NAME, PER_EXAMPLE = 3, 1, 3


class Lengths(NamedTuple):
    """Tokens of a number of examples, in order: of each as a whole, and of what of it is learnt."""

    whole: list[int]
    learnt: list[int]


class Texts:
    """The texts of a number of examples. A quick check appends to its parts itself; `end` closes an example."""

    __slots__ = ("counted", "fixed", "learnt", "learnt_ends", "shown", "shown_ends")

    def __init__(self, *, counted: bool = True) -> None:
        self.counted = counted
        """Whether anybody will ask for the lengths."""
        self.shown: list[str] = []
        """What the model only reads …"""
        self.learnt: list[str] = []
        """… and what it learns to say."""
        self.fixed: list[int] = []
        """For each example its tokens beside the texts, …"""
        self.shown_ends: list[int] = []
        self.learnt_ends: list[int] = []
        """… and how many texts of both kinds there are at its end."""

    def end(self, fixed: int) -> None:
        """Close an example."""
        self.fixed.append(fixed)
        self.shown_ends.append(len(self.shown))
        self.learnt_ends.append(len(self.learnt))

    def extend(
        self,
        shown: Iterable[str],
        learnt: Iterable[str],
        fixed: Iterable[int],
        shown_counts: Iterable[int],
        learnt_counts: Iterable[int],
    ) -> None:
        """Add many examples at once: their texts, and for each the tokens beside them and how many texts of both kinds."""
        self.shown_ends += islice(accumulate(shown_counts, initial=len(self.shown)), 1, None)
        self.learnt_ends += islice(accumulate(learnt_counts, initial=len(self.learnt)), 1, None)
        self.shown += shown
        self.learnt += learnt
        self.fixed += fixed

    def truncate(self, examples: int) -> None:
        """Forget all but the first so many examples."""
        shown = self.shown_ends[examples - 1] if examples else 0
        learnt = self.learnt_ends[examples - 1] if examples else 0
        del self.shown[shown:], self.learnt[learnt:], self.fixed[examples:]
        del self.shown_ends[examples:], self.learnt_ends[examples:]

    def lengths(self) -> Lengths:
        """Count the tokens of all examples."""
        counts = count(self.learnt + self.shown)  # in one call: each begins with nothing remembered
        answers = _sums(counts[: len(self.learnt)], self.learnt_ends)
        asked = _sums(counts[len(self.learnt) :], self.shown_ends)
        return Lengths([*map(add, map(add, self.fixed, asked), answers)], answers)

    def add_record(self, record: Mapping[str, Any]) -> None:
        """Add the example that a record of any format is, however broken it is."""
        fixed = PER_EXAMPLE
        outer = record.get("input")
        prompt = outer.get("messages") if isinstance(outer, Mapping) else None
        # What is asked of the model in preference data is never learnt; all of both answers is.
        fixed += self._messages(prompt, learn=False)
        fixed += self._messages(record.get("preferred_output"), learn=True)
        fixed += self._messages(record.get("non_preferred_output"), learn=True)
        messages = record.get("messages")
        # Data for reinforcement ends with the question: nothing in it is learnt by heart.
        last = messages[-1] if isinstance(messages, list) and messages else None
        asks = isinstance(last, Mapping) and last.get("role") == "user"
        fixed += self._messages(messages, learn=not asks)
        self.end(fixed)

    def _messages(self, messages: Any, *, learn: bool) -> int:
        if not isinstance(messages, Sequence) or isinstance(messages, str):
            return 0
        return sum(self._message(message, learn=learn) for message in messages if isinstance(message, Mapping))

    def _message(self, message: Mapping[str, Any], *, learn: bool) -> int:
        fixed = PER_MESSAGE
        weight = message.get("weight")
        learnt = learn and message.get("role") == "assistant" and (weight is None or weight != 0)
        texts = self.learnt if learnt else self.shown
        for key, value in message.items():
            if key == "role":
                fixed += count_word(value) if isinstance(value, str) and len(value) < 32 else 0
            elif key == "name":
                fixed += PER_NAME
                self.shown.extend(_strings(value))
            elif key == "content":
                texts.extend(_content(value))
            elif key in {"tool_calls", "function_call"}:
                for call in value if isinstance(value, list) else [value]:
                    texts.extend(_call(call))
            else:
                self.shown.extend(_strings(value))
        return fixed


def _sums(counts: list[int], ends: list[int]) -> list[int]:
    """Return the sums of consecutive groups, each given by where it ends."""
    before = [0, *accumulate(counts)]
    reached = [0, *map(before.__getitem__, ends)]
    return [*map(sub, islice(reached, 1, None), reached)]


def _strings(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else []


def _content(value: Any) -> list[str]:
    if isinstance(value, list):
        return [text for part in value if isinstance(part, Mapping) for text in _strings(part.get("text"))]
    return _strings(value)


def _call(call: Any) -> list[str]:
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        return []
    return [*_strings(function.get("name")), *_strings(function.get("arguments"))]
