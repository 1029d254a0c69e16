"""A list of messages, which all formats share: its messages, tools and calls; and what only a whole file tells.

The shape is that of chat completions: `role` and `content`, `tool_calls` and `tools`, and the older `function_call` and
`functions`. What differs between formats is said by whoever calls: which roles and keys there are, and how it must end.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import heapq
from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from reconciler.datasets.findings import Collector
from reconciler.datasets.formats.images import IMAGES_PER_EXAMPLE, Image

ROLES = ("system", "user", "assistant", "tool", "developer", "function")
RECORD_KEYS = frozenset({"messages", "tools", "parallel_tool_calls", "functions"})
"""Keys of what holds messages: a chat record, the input of a preference record."""
MESSAGE_KEYS = frozenset(
    {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call", "refusal"},
)
_ROLES_ELSEWHERE = {"human": "user", "gpt": "assistant", "model": "assistant", "bot": "assistant", "ai": "assistant"}
"""What other tools call the roles."""
INSTEAD_OF_CONTENT = ("tool_calls", "function_call", "refusal")
"""What an assistant message may hold instead of content."""
VARIANTS_REMEMBERED = 1000
"""Different values of one sort (system messages, sets of keys) that are told apart; more are counted as this many."""
IMAGE_EXAMPLES_LIMIT = 50_000
_NAME_LIMIT = 64
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_CALL_KEYS = frozenset({"id", "type", "function"})
_CALLED_KEYS = frozenset({"name", "arguments"})
_TOOL_KEYS = frozenset({"type", "function"})
_FUNCTION_KEYS = frozenset({"name", "description", "parameters", "strict"})
_BELONGS = {"tool_calls": "assistant", "function_call": "assistant", "tool_call_id": "tool"}
_LONGEST_KEY = 32
"""Keys and roles longer than this are no slips of a known one."""


class Variants:
    """The different values of one sort in a file, each with the first line that has it. Mergeable and bounded."""

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}
        self._last: str | None = None
        self._any = False

    def add(self, value: str | None, line: int) -> None:
        """Note a value; lines come in order. None is a value too: none at all."""
        if self._any and value == self._last:
            return
        self._any, self._last = True, value
        if len(self._first) < VARIANTS_REMEMBERED:
            self._first.setdefault(_digest(value), line)

    def merge(self, other: Variants, *, shift: int = 0) -> None:
        """Take over what another part of the file held; `shift` is added to its lines."""
        for value, line in other._first.items():
            self._first[value] = min(self._first.get(value, line + shift), line + shift)
        if len(self._first) > VARIANTS_REMEMBERED:  # the first ones stay, as if the file had been read in one piece
            self._first = dict(heapq.nsmallest(VARIANTS_REMEMBERED, self._first.items(), key=lambda item: item[1]))

    def report(self) -> tuple[str, int] | None:
        """Return how many there are, in words, and the line of the second one; None where all are the same."""
        count = len(self._first)
        if count < 2:
            return None
        return f"{'at least ' if count >= VARIANTS_REMEMBERED else ''}{count}", sorted(self._first.values())[1]

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the last value: it is there for speed, may be large, and another process has one of its own."""
        return {"_first": self._first, "_last": None, "_any": False}


class Notes:
    """What is gathered over a file and judged at its end. Parts of a file are noted apart, and merged in any order."""

    def __init__(self) -> None:
        self.images = 0
        self.image_examples = 0
        self._systems = Variants()
        self._item_keys = Variants()
        self._deprecated: int | None = None

    def system(self, content: str | None, line: int) -> None:
        """Note the system message of one example, None where it has none."""
        self._systems.add(content, line)

    def item_keys(self, keys: Collection[str], line: int) -> None:
        """Note the keys that one example offers to a grader."""
        self._item_keys.add("\0".join(sorted(keys)), line)

    def example_images(self, count: int) -> None:
        """Note how many images one example holds."""
        self.images += count
        self.image_examples += bool(count)

    def deprecated(self, line: int) -> None:
        """Note that an example uses the older spelling of tools."""
        self._deprecated = line if self._deprecated is None else min(line, self._deprecated)

    def merge(self, other: Notes, *, shift: int = 0) -> None:
        """Take over the notes of another part of the file; `shift` is added to its lines."""
        self.images += other.images
        self.image_examples += other.image_examples
        self._systems.merge(other._systems, shift=shift)
        self._item_keys.merge(other._item_keys, shift=shift)
        if other._deprecated is not None:
            self.deprecated(other._deprecated + shift)

    def finish(self, out: Collector) -> None:
        """Add what is to be said about the whole file."""
        if systems := self._systems.report():
            count, line = systems
            message = f"the examples use {count} different system messages (to have none counts as one)"
            out.add("system-differs", line, message=message)
        if keys := self._item_keys.report():
            out.add("item-keys-differ", keys[1])
        if self._deprecated is not None:
            out.add("deprecated-functions", self._deprecated)
        if self.image_examples > IMAGE_EXAMPLES_LIMIT:
            message = f"{self.image_examples:,} examples with images; a file holds at most {IMAGE_EXAMPLES_LIMIT:,}"
            out.add("image-examples-too-many", message=message)


class Conversation:
    """Checks the messages and tools of one record and adds what is found; made anew for each record.

    Messages are given list by list, in the order in which they are said: later ones may answer calls of earlier ones.
    """

    def __init__(self, line: int, out: Collector, *, message_keys: frozenset[str] = MESSAGE_KEYS) -> None:
        self.images = 0
        self.old_spelling = False
        self._line = line
        self._out = out
        self._keys = message_keys
        self._calls: set[str] = set()
        self._declared: frozenset[str] = frozenset()

    def add(self, code: str, path: str = "", message: str = "", remedy: str = "") -> None:
        """Add a finding in this record."""
        self._out.add(code, self._line, path=path, message=message, remedy=remedy)

    def fork(self) -> Conversation:
        """Return the same conversation at this point, for one of several ways in which it goes on."""
        other = Conversation(self._line, self._out, message_keys=self._keys)
        other._calls, other._declared = set(self._calls), self._declared
        return other

    def unknown_keys(self, mapping: Mapping[str, Any], known: frozenset[str], path: str) -> None:
        """Add each key that is not known, by its number: its name may be data."""
        for number, key in enumerate(mapping, 1):
            if key not in known:
                message = f"the format does not know key {number} of the object; Azure may ignore or refuse it"
                self.add("key-unknown", path, message, _did_you_mean(key, known, 0.75))

    def messages(self, messages: list[Any], path: str) -> list[dict[str, Any]]:
        """Check each message on its own, and return those that are objects."""
        for index, message in enumerate(messages):
            where = f"{path}[{index}]"
            if isinstance(message, dict):
                self._message(message, where)
            else:
                self.add("message-not-object", where)
        if self.images > IMAGES_PER_EXAMPLE:
            self.add("images-too-many", path, f"{self.images} images; an example holds at most {IMAGES_PER_EXAMPLE}")
        return [message for message in messages if isinstance(message, dict)]

    def _message(self, message: dict[str, Any], path: str) -> None:
        self.unknown_keys(message, self._keys, path)
        role = message.get("role")
        if "role" not in message:
            self.add("role-missing", path)
        elif not isinstance(role, str) or role not in ROLES:
            remedy = _role_meant(role) if isinstance(role, str) else ""
            self.add("role-unknown", f"{path}.role", remedy=remedy)
        self.old_spelling |= role == "function" or message.get("function_call") is not None
        self._content(message, path)
        if message.get("weight") is not None and "weight" in self._keys:
            if role != "assistant":
                self.add("weight-misplaced", f"{path}.weight")
            elif not is_number(message["weight"]) or message["weight"] not in {0, 1}:
                self.add("weight-invalid", f"{path}.weight")
        if not isinstance(message.get("name"), str) and (message.get("name") is not None or role == "function"):
            self.add("name-invalid", f"{path}.name")
        for key, owner in _BELONGS.items():
            if message.get(key) is not None and role in ROLES and role != owner:
                self.add("key-misplaced", f"{path}.{key}", f"`{key}` stands on a message that is not the {owner}'s")
        if message.get("tool_calls") is not None:
            self._tool_calls(message["tool_calls"], f"{path}.tool_calls")
        if message.get("function_call") is not None:
            self._function(message["function_call"], f"{path}.function_call")
        if role == "tool":
            answered = message.get("tool_call_id")
            if not isinstance(answered, str) or not answered:
                self.add("tool-call-id-missing", path)
            elif answered not in self._calls:
                self.add("tool-call-unmatched", f"{path}.tool_call_id")

    def _content(self, message: dict[str, Any], path: str) -> None:
        content = message.get("content")
        instead = message.get("role") == "assistant" and any(
            message.get(key) not in (None, []) for key in INSTEAD_OF_CONTENT
        )
        if content is None:
            if not instead:
                self.add("content-missing", path)
        elif isinstance(content, str):
            if (not content or content.isspace()) and not instead:
                self.add("content-empty", f"{path}.content")
        elif isinstance(content, list):
            if not content:
                self.add("content-empty", f"{path}.content")
            for index, part in enumerate(content):
                self._part(part, f"{path}.content[{index}]", message.get("role"))
        else:
            self.add("content-invalid", f"{path}.content")

    def _part(self, part: Any, path: str, role: Any) -> None:
        if not isinstance(part, dict) or not isinstance(part.get("type"), str):
            self.add("content-invalid", path, "the part is not an object with a `type`")
        elif part["type"] == "text":
            text = part.get("text")
            if not isinstance(text, str):
                self.add("content-invalid", path, "the text part holds no `text`")
            elif not text or text.isspace():
                self.add("content-empty", f"{path}.text", "`text` is empty")
            self.unknown_keys(part, frozenset({"type", "text"}), path)
        elif part["type"] == "image_url":
            self.images += 1
            if role == "assistant":
                self.add("image-in-answer", path)
            elif role != "user":
                self.add("image-misplaced", path)
            self.unknown_keys(part, frozenset({"type", "image_url"}), path)
            if isinstance(part.get("image_url"), dict):
                self.unknown_keys(part["image_url"], frozenset({"url", "detail"}), f"{path}.image_url")
            Image(self.add, f"{path}.image_url").check(part.get("image_url"))
        elif part["type"] != "refusal" or role != "assistant":
            remedy = _did_you_mean(part["type"].removeprefix("input_"), ("text", "image_url"), 0.6)
            self.add("part-unknown", f"{path}.type", remedy=remedy)

    def _tool_calls(self, calls: Any, path: str) -> None:
        if not isinstance(calls, list):
            self.add("tool-calls-invalid", path, "`tool_calls` is not a list")
            return
        if not calls:
            self.add("tool-calls-empty", path)
        for index, call in enumerate(calls):
            where = f"{path}[{index}]"
            if not isinstance(call, dict):
                self.add("tool-calls-invalid", where, "the call is not an object")
                continue
            self.unknown_keys(call, _CALL_KEYS, where)
            identifier = call.get("id")
            if isinstance(identifier, str) and identifier:
                self._calls.add(identifier)
            else:
                self.add("tool-calls-invalid", f"{where}.id", "the call has no `id`")
            if call.get("type") != "function":
                self.add("tool-calls-invalid", f"{where}.type", '`type` is not "function"')
            self._function(call.get("function"), f"{where}.function")

    def _function(self, function: Any, path: str) -> None:
        if not isinstance(function, dict):
            self.add("tool-calls-invalid", path, "`function` is not an object")
            return
        self.unknown_keys(function, _CALLED_KEYS, path)
        name = function.get("name")
        if not isinstance(name, str) or not name:
            self.add("tool-calls-invalid", f"{path}.name", "`function` has no `name`")
        elif name not in self._declared:
            self.add("tool-undeclared", f"{path}.name")
        arguments = function.get("arguments")
        if not isinstance(arguments, str):
            self.add("tool-arguments-invalid", f"{path}.arguments")
        elif not is_json_text(arguments):
            self.add("tool-arguments-not-json", f"{path}.arguments")

    def unanswered(self, messages: list[dict[str, Any]], path: str) -> None:
        """Add calls that the conversation passes over: tool messages follow at once, or the call is the end."""
        for index, message in enumerate(messages[:-1]):
            calls = message.get("tool_calls")
            if message.get("role") != "assistant" or not isinstance(calls, list):
                continue
            answers: set[str] = set()
            after = index + 1
            while after < len(messages) and messages[after].get("role") == "tool":
                answers.add(str(messages[after].get("tool_call_id")))
                after += 1
            for number, call in enumerate(calls):
                if isinstance(call, dict) and isinstance(call.get("id"), str) and call["id"] not in answers:
                    self.add("tool-call-unanswered", f"{path}[{index}].tool_calls[{number}]")

    def parallel(self, record: Mapping[str, Any], path: str = "") -> None:
        """Check `parallel_tool_calls`, where it is given."""
        if not isinstance(record.get("parallel_tool_calls"), (bool, type(None))):
            self.add("parallel-tool-calls-invalid", f"{path}parallel_tool_calls")

    def declare(self, record: Mapping[str, Any], path: str = "") -> frozenset[str]:
        """Check `tools` and `functions`, and return the names that they declare, which calls are compared with."""
        names: set[str] = set()
        for key, function_of in _DECLARATIONS:
            entries = record.get(key)
            if entries is None:
                continue
            self.old_spelling |= key == "functions"
            if not isinstance(entries, list):
                self.add("tools-invalid", f"{path}{key}")
                continue
            for index, entry in enumerate(entries):
                where = f"{path}{key}[{index}]"
                function = function_of(entry) if isinstance(entry, dict) else None
                name = function.get("name") if isinstance(function, dict) else None
                if not isinstance(function, dict) or not isinstance(name, str) or not name:
                    self.add("tools-invalid", where)
                    continue
                inside = where if function is entry else f"{where}.function"
                self._declaration(function, name, inside, repeated=name in names)
                if function is not entry:
                    self.unknown_keys(entry, _TOOL_KEYS, where)
                names.add(name)
        self._declared = frozenset(names)
        return self._declared

    def _declaration(self, function: dict[str, Any], name: str, path: str, *, repeated: bool) -> None:
        self.unknown_keys(function, _FUNCTION_KEYS, path)
        if repeated:
            self.add("tool-duplicate", f"{path}.name")
        if len(name) > _NAME_LIMIT or not _NAME_CHARACTERS.issuperset(name):
            self.add("tool-name-invalid", f"{path}.name")
        if not isinstance(function.get("parameters"), (dict, type(None))):
            self.add("tool-parameters-invalid", f"{path}.parameters")


_DECLARATIONS: tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...] = (
    ("tools", lambda entry: entry.get("function") if entry.get("type") == "function" else None),
    ("functions", lambda entry: entry),
)


def note_system(messages: Any, line: int, notes: Notes) -> None:
    """Note the system or developer message that a list of messages begins with, or that it begins with none.

    Where the first message cannot be read, nothing is known and nothing is noted: what is wrong there is said already.
    """
    first = messages[0] if isinstance(messages, list) and messages else None
    role = first.get("role") if isinstance(first, dict) else None
    if not isinstance(first, dict) or not isinstance(role, str) or role not in ROLES:
        return
    if role not in {"system", "developer"}:
        notes.system(None, line)
        return
    content = first.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    if isinstance(content, str):
        notes.system(content, line)


def is_json_text(value: str) -> bool:
    """Return whether a string holds JSON, as a call's arguments should."""
    try:
        msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
    return True


def is_number(value: Any) -> bool:
    """Return whether a value was a number in JSON: true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def close_to(word: str, known: frozenset[str] | tuple[str, ...], cutoff: float) -> str:
    """Return the known word that was probably meant, or an empty string."""
    return _close_to(word, known, cutoff) if len(word) < _LONGEST_KEY else ""


@functools.lru_cache(maxsize=1024)  # a file repeats its slips in each record, and comparing takes long
def _close_to(word: str, known: frozenset[str] | tuple[str, ...], cutoff: float) -> str:
    close = difflib.get_close_matches(word.lower(), sorted(known), 1, cutoff)
    return close[0] if close else ""


def _did_you_mean(word: str, known: frozenset[str] | tuple[str, ...], cutoff: float) -> str:
    close = close_to(word, known, cutoff)
    return f"Did you mean {close}?" if close else ""


def _role_meant(role: str) -> str:
    other = _ROLES_ELSEWHERE.get(role.lower())
    return f"Did you mean {other}?" if other else _did_you_mean(role, ROLES, 0.7)


def _digest(value: str | None) -> bytes:
    """Return a hash that is the same in every process; a lone surrogate is no reason to fail."""
    return b"" if value is None else hashlib.blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).digest()
