"""The quick way through ordinary chat data: many lines in one go, decoded into typed structs.

It only decides whether lines are beyond doubt and takes their statistics; what it does not pass is read again with care by
the format's own check, which alone says what is wrong. So each rule is written once, and the law between the two is:
what passes quickly has no findings, and counts the same either way.
"""

from __future__ import annotations

from functools import cached_property
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats.chat_record import ChatRecord, is_json_text
from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.formats.plain_chat import (
    MESSAGE_STRINGS,
    ROLE_TOKENS,
    Developer,
    PlainChat,
    System,
    User,
    are_written,
    decoded,
    is_all,
)
from reconciler.datasets.record import read_object
from reconciler.datasets.statistics import Tally
from reconciler.datasets.texts import PER_EXAMPLE, PER_MESSAGE, Texts
from reconciler.datasets.tokens import count

TOOLS_REMEMBERED = 64
"""Different `tools` values whose check is remembered: in most files each record repeats the same ones."""


class _Tool(Struct, tag="tool", tag_field="role", gc=False, forbid_unknown_fields=True):
    content: str
    tool_call_id: str


class _Function(Struct, gc=False, forbid_unknown_fields=True):
    name: str
    arguments: str


class _Call(Struct, gc=False, forbid_unknown_fields=True):
    id: str
    type: Literal["function"]
    function: _Function


class _Assistant(Struct, tag="assistant", tag_field="role", gc=False, forbid_unknown_fields=True):
    content: str | UnsetType | None = UNSET
    weight: Literal[0, 1] | UnsetType = UNSET
    tool_calls: list[_Call] | UnsetType = UNSET


class _Record(Struct, gc=False, forbid_unknown_fields=True):
    messages: list[System | User | _Assistant | _Tool | Developer]
    tools: msgspec.Raw | UnsetType = UNSET
    parallel_tool_calls: bool | UnsetType = UNSET


_CALL_STRINGS = 9
"""Strings, keys among them, of one call: five keys and four values."""


class QuickChat:
    """Passes blocks of ordinary chat records."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._plain: PlainChat | None = PlainChat(notes)
        self._decode = msgspec.json.Decoder(_Record).decode_lines
        self._system: str | None = None
        self._started = False
        self._tools: dict[bytes, _Tools | None] = {}
        self._prompt: _Prompt | None = None

    def passes(self, data: bytes, records: int, line: int, texts: Texts, tally: Tally) -> bool:
        """Decide whether all records of some lines are beyond doubt; take their texts and numbers if so, and nothing if not.

        `data` are so many lines as there shall be `records`, none of which goes on in the next line; `line` is the number of
        the first.
        """
        if self._plain is not None:
            if self._plain.passes(data, records, line, texts, tally):
                return True
            self._plain = None  # what comes next is most probably of the same kind
        found = decoded(self._decode, data, records)
        if found is None:
            return False
        before = len(texts.fixed)
        if self._take(data, found, line, texts, tally):
            return True
        texts.truncate(before)
        return False

    def _take(self, data: bytes, records: list[_Record], first: int, texts: Texts, tally: Tally) -> bool:
        shown, learnt, close = texts.shown, texts.learnt, texts.end
        shown_from, learnt_from = len(shown), len(learnt)
        show, learn, counted = shown.append, learnt.append, texts.counted
        systems = users = assistants = tools = developers = 0
        calls = declaring = 0
        strings = 0  # that stand on the lines, keys among them
        quotes = 0  # that stand there in what was not decoded
        inside = 0  # quotes in texts
        prompt = self._prompt
        for number, record in enumerate(records, first):
            messages = record.messages
            if not messages or type(messages[-1]) is not _Assistant:
                return False
            strings += MESSAGE_STRINGS * len(messages)
            asked, answered = users, len(learnt)
            told = 0  # tokens of a prompt that is not counted again
            open_calls: set[str] | None = None  # made by the message before, and not answered yet
            called: list[str] | None = None
            for message in messages:  # `type() is`: isinstance of a Struct costs five times as much
                content = message.content
                kind = type(message)
                if open_calls and kind is not _Tool:
                    return False
                if kind is User:
                    users += 1
                    show(content)  # type: ignore[arg-type]
                elif kind is _Assistant:
                    assistants += 1
                    weight = message.weight  # type: ignore[union-attr]
                    say = show if weight == 0 else learn
                    if weight is not UNSET:
                        strings += 1
                    asking = message.tool_calls  # type: ignore[union-attr]
                    if asking is not UNSET:
                        if not asking:
                            return False
                        open_calls, called = set(), called or []
                        strings += 1 + _CALL_STRINGS * len(asking)
                        calls += len(asking)
                        for call in asking:
                            function = call.function
                            if not call.id or '"' in call.id or not is_json_text(function.arguments):
                                return False
                            open_calls.add(call.id)
                            called.append(function.name)
                            say(function.name)
                            say(function.arguments)
                        if content is UNSET or content is None:
                            strings -= 2 if content is UNSET else 1
                            continue
                    if content is UNSET or content is None:
                        return False
                    say(content)
                elif kind is System:
                    systems += 1
                    if prompt is not None and content == prompt.text:
                        inside += prompt.quotes
                        told += prompt.tokens if counted else 0
                    else:
                        show(content)  # type: ignore[arg-type]
                        if not content or content.isspace():
                            return False
                        prompt = self._prompt = _Prompt(content)
                elif kind is _Tool:
                    tools += 1
                    strings += 2
                    answers = message.tool_call_id  # type: ignore[union-attr]
                    if open_calls is None or answers not in open_calls:
                        return False
                    open_calls.discard(answers)
                    show(content)  # type: ignore[arg-type]
                    show(answers)
                else:
                    developers += 1
                    show(content)  # type: ignore[arg-type]
            if users == asked or len(learnt) == answered:
                return False
            if record.parallel_tool_calls is not UNSET:
                strings += 1
            if record.tools is not UNSET:
                known = self._known_tools(bytes(record.tools))
                if known is None:
                    return False
                declaring += 1
                strings += 1
                quotes += known.quotes
                if called and not known.names.issuperset(called):
                    return False
            elif called:
                return False
            if counted:
                close(PER_EXAMPLE + (PER_MESSAGE + ROLE_TOKENS) * len(messages) + told)
            opening = messages[0]
            kind = type(opening)
            system = opening.content if kind is System or kind is Developer else None
            if system != self._system or not self._started:
                self._system, self._started = system, True  # type: ignore[assignment]
                self._notes.system(self._system, number)
        said = shown[shown_from:] + learnt[learnt_from:]
        if not are_written(said) or not is_all(data, strings + len(records), said, quotes=quotes, inside=inside):
            return False
        roles = tally.roles
        for role, times in (
            ("system", systems), ("user", users), ("assistant", assistants), ("tool", tools), ("developer", developers)
        ):  # fmt: skip
            if times:
                roles[role] += times
        tally.tool_calls += calls
        tally.tool_examples += declaring
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


class _Prompt:
    """A system message that stood before: in most files each record begins with the same one."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def quotes(self) -> int:
        return self.text.count('"')

    @cached_property
    def tokens(self) -> int:
        return count([self.text])[0]


class _Tools(NamedTuple):
    quotes: int
    names: frozenset[str]
