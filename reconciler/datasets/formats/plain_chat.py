"""The quickest way through chat data: conversations of nothing but text, all messages of a block at once.

No message is looked at by itself here. What is asked of each one is asked by functions written in C, and what the order of
the roles decides is worked out once for each order that occurs. Tools, weights and whatever else an example may hold are
left to `quick_chat`, which tries this first and shares its law: what passes has no findings, and counts the same either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate, chain, compress
from operator import attrgetter
from typing import ClassVar, NamedTuple, TypeVar, cast

import msgspec
from ahocorasick_rs import BytesAhoCorasick, MatchKind
from msgspec import Struct

from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.statistics import Tally
from reconciler.datasets.texts import PER_EXAMPLE, PER_MESSAGE, Texts
from reconciler.datasets.tokens import count

_T = TypeVar("_T")
ROLE_TOKENS = 1
"""Each role of chat data is one token."""
MESSAGE_STRINGS = 4
"""Strings, keys among them, of a message: two keys and two values."""


class System(Struct, tag="system", tag_field="role", gc=False, forbid_unknown_fields=True):
    """What a system message may hold."""

    content: str
    letter: ClassVar[int] = ord("s")


class Developer(Struct, tag="developer", tag_field="role", gc=False, forbid_unknown_fields=True):
    """What a developer message may hold."""

    content: str
    letter: ClassVar[int] = ord("d")


class User(Struct, tag="user", tag_field="role", gc=False, forbid_unknown_fields=True):
    """What a user message of nothing but text may hold."""

    content: str
    letter: ClassVar[int] = ord("u")


class _Assistant(Struct, tag="assistant", tag_field="role", gc=False, forbid_unknown_fields=True):
    content: str
    letter: ClassVar[int] = ord("a")


class _Record(Struct, gc=False, forbid_unknown_fields=True):
    messages: list[System | Developer | User | _Assistant]


_ROLES = {"system": b"s", "user": b"u", "assistant": b"a", "developer": b"d"}
_OPENS = b"sd"
_IS_SHOWN, _IS_LEARNT = bytes.maketrans(b"sdua", b"\1\1\1\0"), bytes.maketrans(b"sdua", b"\0\0\0\1")
_MESSAGES, _CONTENT, _LETTER = attrgetter("messages"), attrgetter("content"), attrgetter("letter")
_ESCAPED_QUOTE = BytesAhoCorasick([b"\\u0022"], matchkind=MatchKind.LeftmostFirst)
"""Finds a quote that no quote mark writes; ten times as fast as `in`."""


class _Order(NamedTuple):
    """What the order of the roles of an example decides."""

    shown: bytes
    """For each message 1 where its text is only read, …"""
    learnt: bytes
    """… and where it is learnt; neither for instructions at the start, which are counted apart."""
    shown_count: int
    learnt_count: int
    """How many there are of both kinds."""
    fixed: int
    """Tokens of the example beside its texts."""


@lru_cache(1000)  # most files have a handful
def _order(roles: bytes) -> _Order | None:
    """Return what an order of roles decides; None for one that is not beyond doubt."""
    if b"u" not in roles or not roles.endswith(b"a"):
        return None
    shown, learnt = roles.translate(_IS_SHOWN), roles.translate(_IS_LEARNT)
    if roles[0] in _OPENS:
        shown = b"\0" + shown[1:]
    fixed = PER_EXAMPLE + (PER_MESSAGE + ROLE_TOKENS) * len(roles)
    return _Order(shown, learnt, shown.count(1), learnt.count(1), fixed)


class PlainChat:
    """Passes blocks of plain conversations."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._decode = msgspec.json.Decoder(_Record).decode_lines
        self._tokens: dict[str | None, int] = {}
        """Of the instructions that examples begin with: in most files all with the same ones."""

    def passes(self, data: bytes, records: int, line: int, texts: Texts, tally: Tally) -> bool:
        """See `QuickChat.passes`."""
        found = decoded(self._decode, data, records)
        if found is None:
            return False
        conversations = [*map(_MESSAGES, found)]
        messages = [*chain.from_iterable(conversations)]
        contents = [*map(_CONTENT, messages)]
        if not (are_written(contents) and is_all(data, MESSAGE_STRINGS * len(messages) + records, contents)):
            return False
        roles = bytes(map(_LETTER, messages))
        starts = [0, *accumulate(map(len, conversations))]
        sequences = [*map(roles.__getitem__, map(slice, starts, starts[1:]))]
        orders = {sequence: _order(sequence) for sequence in {*sequences}}
        if None in orders.values():
            return False
        openings = [contents[start] if roles[start] in _OPENS else None for start in starts[:-1]]
        self._note(openings, line)
        if texts.counted:
            self._add(contents, openings, [cast("_Order", orders[sequence]) for sequence in sequences], texts)
        for role, letter in _ROLES.items():
            if times := roles.count(letter):
                tally.roles[role] += times
        return True

    def _note(self, openings: list[str | None], first: int) -> None:
        before: str | None = ""  # which no opening is
        for number, opening in enumerate(openings, first):
            if opening != before:
                self._notes.system(opening, number)
                before = opening

    def _add(self, contents: list[str], openings: list[str | None], orders: list[_Order], texts: Texts) -> None:
        different = {*openings}
        if not different <= self._tokens.keys():
            told = [opening for opening in different if opening is not None]
            self._tokens = {None: 0, **dict(zip(told, count(told), strict=True))}
        texts.extend(
            compress(contents, b"".join([order.shown for order in orders])),
            compress(contents, b"".join([order.learnt for order in orders])),
            [order.fixed + self._tokens[opening] for order, opening in zip(orders, openings, strict=True)],
            [order.shown_count for order in orders],
            [order.learnt_count for order in orders],
        )


def decoded(decode: Callable[[bytes], list[_T]], data: bytes, records: int) -> list[_T] | None:
    """Return the records of some lines; None unless there are just so many, and all of the expected kind."""
    try:
        found = decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if len(found) == records else None


def are_written(texts: list[str]) -> bool:
    """Return whether no text is empty or blank."""
    return all(texts) and not any(map(str.isspace, texts))


def is_all(data: bytes, strings: int, texts: Iterable[str], *, quotes: int = 0, inside: int = 0) -> bool:
    """Return whether a block holds just so many strings, these texts among them.

    A typed decoder drops a key that stands twice. That leaves more quotes in the block than the strings that it returned
    account for, so counting finds it without a second parse. `quotes` are those in what was not decoded, `inside` those
    in texts that are known and left out here.
    """
    expected = 2 * strings + quotes
    found = data.count(b'"')
    if found == expected and not inside:
        return True
    inside += "".join([text for text in texts if '"' in text]).count('"')
    return found == expected + inside and not _ESCAPED_QUOTE.find_matches_as_indexes(data)
