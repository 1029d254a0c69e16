"""What our check of data is compared with: `data_peers.py loads|typed|plain FILE` prints the seconds of one way through it, and of the processor."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from typing import Literal

import msgspec


class _Function(msgspec.Struct):
    name: str
    arguments: str


class _Call(msgspec.Struct):
    id: str
    type: str
    function: _Function


class _Message(msgspec.Struct):
    role: Literal["system", "user", "assistant", "tool", "developer"]
    content: str | None = None
    weight: int | None = None
    name: str | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _Record(msgspec.Struct):
    messages: list[_Message]
    tools: list[dict[str, object]] | None = None
    parallel_tool_calls: bool | None = None


def loads(path: str) -> None:
    """Read each line as JSON, and do nothing with it."""
    with open(path, "rb") as file:  # noqa: PTH123
        for line in file:
            json.loads(line)


def typed(path: str) -> None:
    """Decode each line into typed structs, and do nothing with them."""
    decode = msgspec.json.Decoder(_Record).decode
    with open(path, "rb") as file:  # noqa: PTH123
        for line in file:
            decode(line)


def plain(path: str) -> None:
    """Do what people do by the guides: one pass of format checks over all records, one pass that counts tokens."""
    import tiktoken

    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        records = [json.loads(line) for line in file]
    errors: dict[str, int] = defaultdict(int)
    for record in records:
        messages = record.get("messages") if isinstance(record, dict) else None
        if not messages:
            errors["no messages"] += 1
            continue
        for message in messages:
            if "role" not in message or "content" not in message:
                errors["a key is missing"] += 1
            if any(key not in ("role", "content", "name", "function_call", "weight") for key in message):
                errors["a key is not known"] += 1
            if message.get("role") not in ("system", "user", "assistant", "function"):
                errors["the role is not known"] += 1
            if not isinstance(message.get("content"), str):
                errors["there is no content"] += 1
        if not any(message.get("role") == "assistant" for message in messages):
            errors["nothing is learnt"] += 1
    assert not errors, errors
    encoding = tiktoken.get_encoding("o200k_base")
    whole, learnt = [], []
    for record in records:
        tokens = 3
        answer = 0
        for message in record["messages"]:
            tokens += 3
            for key, value in message.items():
                count = len(encoding.encode(value, disallowed_special=()))
                tokens += count + (key == "name")
                if key == "content" and message["role"] == "assistant":
                    answer += count
        whole.append(tokens)
        learnt.append(answer)
    assert sum(whole) > sum(learnt) > 0


if __name__ == "__main__":
    way = {"loads": loads, "typed": typed, "plain": plain}[sys.argv[1]]
    start, spent = time.perf_counter(), time.process_time()
    way(sys.argv[2])
    print(time.perf_counter() - start, time.process_time() - spent)
