"""Chat data (supervised fine-tuning): a quick check that passes ordinary records, a careful one for all others.

The quick check decodes a line into typed structs and decides only whether it is beyond doubt; what it does not pass goes
to `chat_record`, which alone says what is wrong. So each rule is written once, and the law between the two is: what
passes quickly has no findings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats.chat_record import ChatRecord, is_json_text
from reconciler.datasets.record import read_object

SYSTEMS_REMEMBERED = 1000
"""Different system messages that are told apart; more are counted as this many."""
TOOLS_REMEMBERED = 64
"""Different `tools` values whose check is remembered: in most files each record repeats the same ones."""


class _System(Struct, tag="system", tag_field="role", gc=False):
    content: str


class _Developer(Struct, tag="developer", tag_field="role", gc=False):
    content: str


class _User(Struct, tag="user", tag_field="role", gc=False):
    content: str


class _Tool(Struct, tag="tool", tag_field="role", gc=False):
    content: str
    tool_call_id: str


class _Function(Struct, gc=False):
    name: str
    arguments: str


class _Call(Struct, gc=False):
    id: str
    type: Literal["function"]
    function: _Function


class _Assistant(Struct, tag="assistant", tag_field="role", gc=False):
    content: str | UnsetType | None = UNSET
    weight: Literal[0, 1] | UnsetType = UNSET
    tool_calls: list[_Call] | UnsetType = UNSET


_Message = _System | _Developer | _User | _Assistant | _Tool


class _Record(Struct, gc=False):
    messages: list[_Message]
    tools: msgspec.Raw | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET


_CALL_STRINGS = 9
"""Strings, keys among them, of one call: five keys and four values."""


class ChatChecker:
    """Checks a file of chat records."""

    def __init__(self, out: Collector) -> None:
        self._out = out
        self._decode = msgspec.json.Decoder(_Record).decode
        self._last_system: str | None = None
        self._systems: dict[int, int] = {}
        self._tools: dict[bytes, _Tools | None] = {}

    def check(self, raw: bytes, line: int, *, plain: bool) -> None:
        """Check one line; see `formats.Checker`."""
        if plain and self._passes(raw, line):
            return
        record = read_object(raw, line, self._out)
        if record is not None:
            ChatRecord(line, self._out).check(record)
            self._note_system(_system_of(record), line)

    def finish(self) -> None:
        """Say once if the system message differs: the guide asks for the same one in training and in use."""
        count = len(self._systems)
        if count > 1:
            at_least = "at least " if count >= SYSTEMS_REMEMBERED else ""
            self._out.add(
                "system-differs",
                list(self._systems.values())[1],
                message=f"the examples use {at_least}{count} different system messages (to have none counts as one)",
            )

    def _passes(self, raw: bytes, line: int) -> bool:
        """Decide whether a record is beyond doubt; False says nothing about it."""
        try:
            record = self._decode(raw)
        except (msgspec.DecodeError, RecursionError):
            return False
        messages = record.messages
        if not messages or type(messages[-1]) is not _Assistant:
            return False
        strings = 1 + 4 * len(messages)  # two keys and two values in each message
        asked = trained = False
        called: list[str] = []
        calls: set[str] = set()
        for message in messages:  # `type() is`: isinstance of a Struct costs five times as much
            content = message.content
            if type(message) is _Assistant:
                if message.weight is UNSET:
                    trained = True
                else:
                    strings += 1
                    trained = trained or message.weight == 1
                if message.tool_calls is not UNSET:
                    if not message.tool_calls:
                        return False
                    strings += 1 + _CALL_STRINGS * len(message.tool_calls)
                    for call in message.tool_calls:
                        if not call.id or not is_json_text(call.function.arguments):
                            return False
                        calls.add(call.id)
                        called.append(call.function.name)
                    if content is UNSET or content is None:
                        strings -= 2 if content is UNSET else 1
                        continue
            elif type(message) is _User:
                asked = True
            elif type(message) is _Tool:
                strings += 2
                if message.tool_call_id not in calls:
                    return False
            if not content or content.isspace():
                return False
        if not asked or not trained:
            return False
        if record.parallel_tool_calls is not UNSET:
            strings += 1
        quotes = raw.count(b'"')
        declared: frozenset[str] = frozenset()
        if record.tools is not UNSET:
            strings += 1
            tools = self._known_tools(bytes(record.tools))
            if tools is None:
                return False
            quotes -= tools.quotes
            declared = tools.names
        if not declared.issuperset(called):
            return False
        # A typed decoder drops keys that stand twice and keys that it does not know. Both leave more quotes on the line
        # than the strings that it returned account for, so counting finds them without a second parse.
        if quotes != 2 * strings and (b"\\u0022" in raw or quotes != 2 * strings + _quotes_inside(messages)):
            return False
        first = messages[0]
        self._note_system(first.content if type(first) is _System or type(first) is _Developer else None, line)
        return True

    def _known_tools(self, raw: bytes) -> _Tools | None:
        if raw not in self._tools:
            if len(self._tools) >= TOOLS_REMEMBERED:
                self._tools.clear()
            scratch = Collector("")
            record = read_object(b'{"tools":' + raw + b"}", 0, scratch)
            names = ChatRecord(0, scratch).declared(record or {})
            self._tools[raw] = None if scratch.counts else _Tools(raw.count(b'"'), names)
        return self._tools[raw]

    def _note_system(self, content: str | None, line: int) -> None:
        if self._systems and content == self._last_system:
            return
        self._last_system = content
        if len(self._systems) < SYSTEMS_REMEMBERED:
            self._systems.setdefault(0 if content is None else hash(content), line)


class _Tools(NamedTuple):
    quotes: int
    names: frozenset[str]


def _quotes_inside(messages: list[_Message]) -> int:
    """Count the quotes in all values; on the line each of them is escaped."""
    count = 0
    for message in messages:
        content = message.content
        if content and '"' in content:
            count += content.count('"')
        if type(message) is _Tool:
            count += message.tool_call_id.count('"')
        elif type(message) is _Assistant and message.tool_calls is not UNSET:
            for call in message.tool_calls:
                function = call.function
                count += call.id.count('"') + function.name.count('"') + function.arguments.count('"')
    return count


def recognises(record: Mapping[str, Any]) -> bool:
    """Return whether a record looks like chat data: it has messages."""
    return "messages" in record


def _system_of(record: Mapping[str, Any]) -> str | None:
    messages = record.get("messages")
    first = messages[0] if isinstance(messages, list) and messages else None
    if (
        isinstance(first, dict)
        and first.get("role") in ("system", "developer")
        and isinstance(first.get("content"), str)
    ):
        return str(first["content"])
    return None
