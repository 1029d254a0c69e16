"""Everything that can be wrong with one record for reinforcement: a prompt that ends with the user, and a grader's keys.

`messages` is what the model is asked; every other key is free, and is what a grader reads as `item.KEY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats.conversation import MESSAGE_KEYS, RECORD_KEYS, Conversation, Notes, note_system

_ASKING = ("user", "developer", "system")


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether a record looks like it: no answer at its end, and a key that chat data does not have."""
    return is_asking(record) and not RECORD_KEYS.issuperset(record)


def is_asking(record: Mapping[str, Any]) -> bool:
    """Return whether the messages of a record end with a question or instructions."""
    messages = record.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return isinstance(last, dict) and last.get("role") in _ASKING


def check(record: Mapping[str, Any], line: int, out: Collector, notes: Notes) -> None:
    """Add everything that is wrong with a record, and note what only the whole file tells."""
    conversation = Conversation(line, out, message_keys=MESSAGE_KEYS - {"weight"})
    messages = record.get("messages")
    note_system(messages, line, notes)
    if "messages" not in record:
        conversation.add("messages-missing", remedy='Write {"messages": [{"role": "user", "content": …}], …}.')
        return
    notes.item_keys([key for key in record if key not in RECORD_KEYS], line)
    if not isinstance(messages, list) or not messages:
        conversation.add("messages-invalid", "messages", remedy="Give at least one user message.")
        return
    conversation.declare(record)
    conversation.parallel(record)
    objects = conversation.messages(messages, "messages")
    if len(objects) == len(messages):
        conversation.unanswered(objects, "messages")
    last = messages[-1]
    if not isinstance(last, dict) or last.get("role") != "user":
        conversation.add("last-not-user", f"messages[{len(messages) - 1}]")
    notes.example_images(conversation.images)
    if conversation.old_spelling:
        notes.deprecated(line)
