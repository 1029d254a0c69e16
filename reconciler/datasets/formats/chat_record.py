"""Everything that can be wrong with one chat record; the quick check in `chat` only decides whether this is needed.

The shape is that of Azure's fine-tuning guide: `messages` with `role` and `content`, `weight` 0 or 1 on assistant
messages, `tool_calls` and `tools` as in chat completions, and the older `function_call` and `functions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats import preference_record, reinforcement_record
from reconciler.datasets.formats.conversation import (
    RECORD_KEYS,
    ROLES,
    Conversation,
    Notes,
    close_to,
    is_json_text,
    is_number,
    note_system,
)

__all__ = ["RECORD_KEYS", "ChatRecord", "check", "is_json_text", "recognises"]
_MESSAGES = ("messages",)


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether a record looks like chat data: it has messages."""
    return "messages" in record


def check(record: Mapping[str, Any], line: int, out: Collector, notes: Notes) -> None:
    """Add everything that is wrong with a record, and note what only the whole file tells."""
    whole = ChatRecord(line, out)
    whole.check(record)
    whole.unanswered(record)
    whole.note(record, notes)


class ChatRecord:
    """Checks one record and adds what is found; made anew for each record."""

    def __init__(self, line: int, out: Collector) -> None:
        self._line = line
        self._conversation = Conversation(line, out)

    def check(self, record: Mapping[str, Any]) -> None:
        """Check the record as a whole."""
        conversation = self._conversation
        add = conversation.add
        messages = record.get("messages")
        if "messages" not in record:  # then it is another format, of which no key is known
            add("messages-missing", remedy=_other_format(record))
            return
        conversation.unknown_keys(record, RECORD_KEYS, "")
        if not isinstance(messages, list) or not messages:
            encoded = isinstance(messages, str) and messages[:1] == "["
            add("messages-invalid", "messages", remedy="Decode it: it is text that holds JSON." if encoded else "")
            return
        self.declared(record)
        conversation.parallel(record)
        objects = conversation.messages(messages, "messages")
        roles = [message.get("role") for message in objects]
        if any(role not in ROLES for role in roles if isinstance(role, str)):
            return  # that is said already: whose message it was meant to be decides about the rest
        if "user" not in roles:
            add("user-missing", "messages")
        if "assistant" not in roles:
            add("assistant-missing", "messages", remedy=_other_format(record))
            return
        last = messages[-1]
        if not isinstance(last, dict) or last.get("role") != "assistant":
            add("last-not-assistant", f"messages[{len(messages) - 1}]")
        weights = [message.get("weight") for message in objects if message.get("role") == "assistant"]
        if all(is_number(weight) and weight == 0 for weight in weights):
            add("weights-zero", "messages")

    def declared(self, record: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the functions that `tools` and `functions` declare; add what is malformed in them."""
        return self._conversation.declare(record)

    def unanswered(self, record: Mapping[str, Any]) -> None:
        """Add calls that are passed over. Apart from `check`, since it needs the whole conversation at once."""
        messages = record.get("messages")
        if isinstance(messages, list) and all(isinstance(message, dict) for message in messages):
            self._conversation.unanswered(messages, "messages")

    def note(self, record: Mapping[str, Any], notes: Notes) -> None:
        """Note what only the whole file tells; to be called after `check`."""
        note_system(record.get("messages"), self._line, notes)
        notes.example_images(self._conversation.images)
        if self._conversation.old_spelling:
            notes.deprecated(self._line)


def _other_format(record: Mapping[str, Any]) -> str:
    """Say what the record looks like instead, by well-known keys."""
    if preference_record.recognises(record):
        return "This looks like preference data (DPO); a file holds records of one format."
    if reinforcement_record.recognises(record):
        return "This looks like reinforcement data, which has no answer; for supervised training add the answer to be learned."
    if "conversations" in record:
        return "Rename `conversations` to `messages`, `from` to `role` (user, assistant) and `value` to `content`."
    if "prompt" in record and ("completion" in record or "response" in record):
        return "This is the older completion format: write the prompt as a user message, the answer as an assistant message."
    if "instruction" in record and "output" in record:
        return "Write `instruction` (and `input`) as a user message, and `output` as an assistant message."
    if "contents" in record:
        return (
            "Rename `contents` to `messages`, the role model to assistant, and put the text of `parts` into `content`."
        )
    if any(isinstance(value, dict) and "messages" in value for value in record.values()):
        return "`messages` stands one level deeper: write the inner object alone on the line."
    if any(close_to(key, _MESSAGES, 0.8) for key in record if key not in RECORD_KEYS) and "messages" not in record:
        return "Did you mean messages?"
    if reinforcement_record.is_asking(record):
        return (
            "Add the answer to be learned. If the records are for reinforcement, whose grader needs no key, say so: "
            "`format: reinforcement` in a Dataset, for a lone file `--data-format reinforcement`."
        )
    return ""
