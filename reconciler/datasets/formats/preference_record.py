"""Everything that can be wrong with one preference record (DPO): an input and two ways to answer it.

`input` holds what chat data holds without the answer; `preferred_output` and `non_preferred_output` are lists of messages
of the assistant, and of its tools. Weights are not part of this format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats.conversation import (
    MESSAGE_KEYS,
    RECORD_KEYS,
    ROLES,
    Conversation,
    Notes,
    close_to,
    note_system,
)

KEYS = frozenset({"input", "preferred_output", "non_preferred_output"})
OUTPUTS = ("preferred_output", "non_preferred_output")
INSTEAD = {
    "input": ("prompt", "question", "inputs", "messages"),
    "preferred_output": (
        "chosen",
        "preferred",
        "accepted",
        "prefered_output",
        "preferred_outputs",
        "preferred_completion",
    ),
    "non_preferred_output": (
        "rejected",
        "non_preferred",
        "dispreferred_output",
        "unpreferred_output",
        "non_prefered_output",
        "nonpreferred_output",
        "non_preferred_outputs",
        "non_preferred_completion",
    ),
}
"""What other tools, and slips of the pen, call the keys of this format."""


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether a record looks like preference data: it has one of the outputs, under its own or a usual name."""
    if any(key in record for key in OUTPUTS):
        return True
    return all(any(key in record for key in INSTEAD[output]) for output in OUTPUTS)


def check(record: Mapping[str, Any], line: int, out: Collector, notes: Notes) -> None:
    """Add everything that is wrong with a record, and note what only the whole file tells."""
    given = Conversation(line, out, message_keys=MESSAGE_KEYS - {"weight"})
    meant = {key: _meant(record, key) for key in sorted(KEYS - record.keys())}
    given.unknown_keys({key: None for key in record if key not in meant.values()}, KEYS, "")
    _input(record, given, meant, notes, line)
    images, old_spelling = given.images, given.old_spelling
    for key in OUTPUTS:
        if key not in record:
            message = f"the preference record has no `{key}`"
            given.add("output-missing", message=message, remedy=_rename(meant[key], key))
            continue
        branch = given.fork()
        _output(record[key], key, branch)
        images += branch.images
        old_spelling |= branch.old_spelling
    if all(isinstance(record.get(key), list) and record[key] for key in OUTPUTS) and (
        record["preferred_output"] == record["non_preferred_output"]
    ):
        given.add("outputs-identical", "preferred_output")
    notes.example_images(images)
    if old_spelling:
        notes.deprecated(line)


def _input(record: Mapping[str, Any], given: Conversation, meant: Mapping[str, str], notes: Notes, line: int) -> None:
    if "input" not in record:
        inside = (
            "Put `messages` and `tools` inside `input`." if "messages" in record else _rename(meant["input"], "input")
        )
        given.add("input-missing", remedy=inside)
        note_system(record.get("messages"), line, notes)
        return
    value = record["input"]
    if not isinstance(value, dict):
        remedy = 'Write "input": {"messages": […]}: the list goes into `messages`.' if isinstance(value, list) else ""
        given.add("input-invalid", "input", remedy=remedy)
        return
    given.unknown_keys(value, RECORD_KEYS, "input")
    messages = value.get("messages")
    note_system(messages, line, notes)
    given.declare(value, "input.")
    given.parallel(value, "input.")
    if "messages" not in value:
        given.add("messages-missing", "input", "`input` has no `messages`", 'Write "input": {"messages": […]}.')
        return
    if not isinstance(messages, list) or not messages:
        given.add("messages-invalid", "input.messages", remedy="Give at least one user message.")
        return
    objects = given.messages(messages, "input.messages")
    if len(objects) == len(messages):
        given.unanswered(objects, "input.messages")
    if not any(message.get("role") == "user" for message in objects):
        given.add("input-user-missing", "input.messages")  # unlike for chat, nothing says that one is required
    if isinstance(messages[-1], dict) and messages[-1].get("role") == "assistant" and not _calls(messages[-1]):
        given.add("input-last-assistant", f"input.messages[{len(messages) - 1}]")


def _calls(message: Mapping[str, Any]) -> bool:
    """Return whether a message calls a tool: an output may then begin with what the tool answered."""
    return bool(message.get("tool_calls"))


def _output(value: Any, path: str, branch: Conversation) -> None:
    if not isinstance(value, list) or not value:
        message = "the output is an empty list" if value == [] else ""
        branch.add("output-invalid", path, message)
        return
    if all(isinstance(each, list) for each in value):
        message = "the output is a list of lists: each record holds exactly one preferred and one other output"
        branch.add("output-invalid", path, message, "Write one record for each pair of outputs.")
        return
    objects = branch.messages(value, path)
    if len(objects) == len(value):
        branch.unanswered(objects, path)
    for index, message in enumerate(value):
        if isinstance(message, dict) and message.get("role") in ("system", "developer", "user", "function"):
            branch.add("output-role-invalid", f"{path}[{index}].role")
    roles = [message.get("role") for message in objects]
    misspelt = any(role not in ROLES for role in roles if isinstance(role, str))
    if "assistant" not in roles and not misspelt:
        branch.add("assistant-missing", path, "the output has no assistant message")


def _meant(record: Mapping[str, Any], key: str) -> str:
    """Return the key of a record that was probably meant to be this one, or an empty string."""
    for other in INSTEAD[key]:
        if other in record:
            return other
    return next((each for each in record if each not in KEYS and close_to(each, KEYS, 0.85) == key), "")


def _rename(other: str, key: str) -> str:
    # A key that only resembles the right one is data, and is not named.
    return f"Rename `{other}` to `{key}`." if other in INSTEAD[key] else f"Did you mean {key}?" if other else ""
