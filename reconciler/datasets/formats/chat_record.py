"""Everything that can be wrong with one chat record; the quick check in `chat` only decides whether this is needed.

The shape is that of Azure's fine-tuning guide: `messages` with `role` and `content`, `weight` 0 or 1 on assistant
messages, `tool_calls` and `tools` as in chat completions, and the older `function_call` and `functions`.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from reconciler.datasets.findings import Collector

ROLES = ("system", "user", "assistant", "tool", "developer", "function")
RECORD_KEYS = frozenset({"messages", "tools", "parallel_tool_calls", "functions"})
MESSAGE_KEYS = frozenset(
    {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"},
)
INSTEAD_OF_CONTENT = ("tool_calls", "function_call", "refusal")
"""What an assistant message may hold instead of content."""


class ChatRecord:
    """Checks one record and adds what is found; made anew for each record."""

    def __init__(self, line: int, out: Collector) -> None:
        self._line = line
        self._out = out
        self._calls: set[str] = set()

    def _add(self, code: str, path: str = "", message: str = "", remedy: str = "") -> None:
        self._out.add(code, self._line, path=path, message=message, remedy=remedy)

    def check(self, record: Mapping[str, Any]) -> None:
        """Check the record as a whole."""
        self._unknown_keys(record, RECORD_KEYS, "")
        messages = record.get("messages")
        if "messages" not in record:
            self._add("messages-missing", remedy=_other_format(record))
            return
        if not isinstance(messages, list) or not messages:
            self._add("messages-invalid", "messages")
            return
        declared = self.declared(record)
        for index, message in enumerate(messages):
            path = f"messages[{index}]"
            if isinstance(message, dict):
                self._message(message, path, declared)
            else:
                self._add("message-not-object", path)
        self._conversation([message for message in messages if isinstance(message, dict)], messages)

    def _conversation(self, messages: list[dict[str, Any]], everything: list[Any]) -> None:
        roles = [message.get("role") for message in messages]
        if "user" not in roles:
            self._add("user-missing", "messages")
        if "assistant" not in roles:
            self._add("assistant-missing", "messages")
            return
        last = everything[-1]
        if not isinstance(last, dict) or last.get("role") != "assistant":
            self._add("last-not-assistant", f"messages[{len(everything) - 1}]")
        weights = [message.get("weight") for message in messages if message.get("role") == "assistant"]
        if all(_is_number(weight) and weight == 0 for weight in weights):
            self._add("weights-zero", "messages")

    def _message(self, message: dict[str, Any], path: str, declared: frozenset[str]) -> None:
        self._unknown_keys(message, MESSAGE_KEYS, path)
        role = message.get("role")
        if "role" not in message:
            self._add("role-missing", path)
        elif not isinstance(role, str) or role not in ROLES:
            close = (
                difflib.get_close_matches(role.lower(), ROLES, 1, 0.7)
                if isinstance(role, str) and len(role) < 32
                else []
            )
            self._add("role-unknown", f"{path}.role", remedy=f"Did you mean {close[0]}?" if close else "")
        self._content(message, path)
        if "weight" in message:
            if role != "assistant":
                self._add("weight-misplaced", f"{path}.weight")
            elif not _is_number(message["weight"]) or message["weight"] not in {0, 1}:
                self._add("weight-invalid", f"{path}.weight")
        if message.get("tool_calls") is not None:
            self._tool_calls(message["tool_calls"], f"{path}.tool_calls", declared)
        if message.get("function_call") is not None:
            self._function(message["function_call"], f"{path}.function_call", declared)
        if role == "tool":
            answered = message.get("tool_call_id")
            if not isinstance(answered, str) or not answered:
                self._add("tool-call-id-missing", path)
            elif answered not in self._calls:
                self._add("tool-call-unmatched", f"{path}.tool_call_id")

    def _content(self, message: dict[str, Any], path: str) -> None:
        content = message.get("content")
        if content is None:
            instead = message.get("role") == "assistant" and any(
                message.get(key) is not None for key in INSTEAD_OF_CONTENT
            )
            if not instead:
                self._add("content-missing", path)
        elif isinstance(content, str):
            if not content or content.isspace():
                self._add("content-empty", f"{path}.content")
        elif isinstance(content, list):
            if not content:
                self._add("content-empty", f"{path}.content")
            for index, part in enumerate(content):
                self._part(part, f"{path}.content[{index}]")
        else:
            self._add("content-invalid", f"{path}.content")

    def _part(self, part: Any, path: str) -> None:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            self._add("content-invalid", path, "the part is not an object with a `type`")
        elif part["type"] == "text" and not isinstance(part.get("text"), str):
            self._add("content-invalid", path, "the text part holds no `text`")

    def _tool_calls(self, calls: Any, path: str, declared: frozenset[str]) -> None:
        if not isinstance(calls, list) or not calls:
            self._add("tool-calls-invalid", path, "`tool_calls` is not a list with calls in it")
            return
        for index, call in enumerate(calls):
            where = f"{path}[{index}]"
            if not isinstance(call, dict):
                self._add("tool-calls-invalid", where, "the call is not an object")
                continue
            identifier = call.get("id")
            if isinstance(identifier, str) and identifier:
                self._calls.add(identifier)
            else:
                self._add("tool-calls-invalid", f"{where}.id", "the call has no `id`")
            if call.get("type") != "function":
                self._add("tool-calls-invalid", f"{where}.type", '`type` is not "function"')
            self._function(call.get("function"), f"{where}.function", declared)

    def _function(self, function: Any, path: str, declared: frozenset[str]) -> None:
        if not isinstance(function, dict):
            self._add("tool-calls-invalid", path, "`function` is not an object")
            return
        name = function.get("name")
        if not isinstance(name, str) or not name:
            self._add("tool-calls-invalid", f"{path}.name", "`function` has no `name`")
        elif name not in declared:
            self._add("tool-undeclared", f"{path}.name")
        if not is_json_text(function.get("arguments")):
            self._add("tool-arguments-invalid", f"{path}.arguments")

    def declared(self, record: Mapping[str, Any]) -> frozenset[str]:
        """Return the names of the functions that `tools` and `functions` declare; add what is malformed in them."""
        names: set[str] = set()
        for key, function_of in _DECLARATIONS:
            entries = record.get(key)
            if entries is None:
                continue
            if not isinstance(entries, list):
                self._add("tools-invalid", key)
                continue
            for index, entry in enumerate(entries):
                function = function_of(entry) if isinstance(entry, dict) else None
                name = function.get("name") if isinstance(function, dict) else None
                if isinstance(name, str) and name:
                    names.add(name)
                else:
                    self._add("tools-invalid", f"{key}[{index}]")
        return frozenset(names)

    def _unknown_keys(self, mapping: Mapping[str, Any], known: frozenset[str], path: str) -> None:
        for number, key in enumerate(mapping, 1):
            if key not in known:
                close = difflib.get_close_matches(key.lower(), sorted(known), 1, 0.75) if len(key) < 32 else []
                message = f"the format does not know key {number} of the object; Azure may ignore or refuse it"
                self._add("key-unknown", path, message, f"Did you mean {close[0]}?" if close else "")


_DECLARATIONS: tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...] = (
    ("tools", lambda entry: entry.get("function") if entry.get("type") == "function" else None),
    ("functions", lambda entry: entry),
)


def is_json_text(value: Any) -> bool:
    """Return whether a value is a string that holds JSON, as a call's arguments must."""
    if not isinstance(value, str):
        return False
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _other_format(record: Mapping[str, Any]) -> str:
    """Say what the record looks like instead, by well-known keys."""
    if "preferred_output" in record:
        return "This looks like preference data (DPO), which this version does not train on."
    if "conversations" in record:
        return "Rename `conversations` to `messages`, `from` to `role` (user, assistant) and `value` to `content`."
    if "prompt" in record and ("completion" in record or "response" in record):
        return "This is the older completion format: write the prompt as a user message, the answer as an assistant message."
    return ""
