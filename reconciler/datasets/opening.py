"""How the examples of a file begin: their system messages, and the first question. For asking a model as it was trained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from reconciler.datasets.stream import Block, Readable, blocks

_SYSTEM = ("system", "developer")
_MOST = 1_000
"""Different system messages that are told apart, which bounds the memory; further ones count as others."""


@dataclass(frozen=True)
class Opening:
    """What the examples of a file begin with.

    `system` is the system message that most examples have (the first of equals), or None; `having` how many have it,
    `kinds` how many different ones there are, `examples` how many examples. `question` is the first user message.
    """

    system: Mapping[str, Any] | None
    having: int
    kinds: int
    examples: int
    question: Mapping[str, Any] | None


def opening(source: Readable) -> Opening:
    """Read a file of examples in any format. Lines that are no examples are passed over: they are somebody else's to report."""
    counts: Counter[bytes] = Counter()
    examples, question = 0, None
    for part in blocks(source):
        if not isinstance(part, Block):
            continue
        for line in part.data.split(b"\n"):
            turns = _turns(line)
            if not turns:
                continue
            examples += 1
            first = turns[0]
            if first.get("role") in _SYSTEM:
                message = orjson.dumps({"role": first["role"], "content": first.get("content")})
                if message in counts or len(counts) < _MOST:
                    counts[message] += 1
            if question is None:
                question = next((turn for turn in turns if turn.get("role") == "user"), None)
    if not counts:
        return Opening(None, 0, 0, examples, question)
    # Of equals the one that was counted first.
    message, having = counts.most_common(1)[0]
    return Opening(orjson.loads(message), having, len(counts), examples, question)


def _turns(line: bytes) -> list[dict[str, Any]]:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError:
        return []
    if not isinstance(record, dict):
        return []
    held = record.get("input")
    turns = held.get("messages") if isinstance(held, dict) else record.get("messages")
    return [turn for turn in turns if isinstance(turn, dict)] if isinstance(turns, list) else []
