"""The quickest way through chat data: conversations of nothing but text, all messages of a block at once.

No message is looked at by itself here. What is asked of each one is asked by functions written in C, and what the order of
the roles decides is worked out once for each order that occurs. Tools, weights and whatever else an example may hold are
left to `quick_chat`, which tries this first and shares its law: what passes has no findings, and counts the same either way.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate, chain, compress, pairwise
from operator import attrgetter, itemgetter
from typing import NamedTuple, cast

import msgspec
from ahocorasick_rs import BytesAhoCorasick, MatchKind
from msgspec import Struct

from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.statistics import Tally
from reconciler.datasets.texts import PER_EXAMPLE, PER_MESSAGE, Texts
from reconciler.datasets.tokens import count

ROLE_TOKENS = 1
"""Each role of chat data is one token."""
MESSAGE_STRINGS = 4
"""Strings, keys among them, of a message: two keys and two values."""


class System(Struct, tag="system", tag_field="role", gc=False, forbid_unknown_fields=True):
    """What a system message may hold."""

    content: str


class Developer(Struct, tag="developer", tag_field="role", gc=False, forbid_unknown_fields=True):
    """What a developer message may hold."""

    content: str


class User(Struct, tag="user", tag_field="role", gc=False, forbid_unknown_fields=True):
    """What a user message of nothing but text may hold."""

    content: str


class _Assistant(Struct, tag="assistant", tag_field="role", gc=False, forbid_unknown_fields=True):
    content: str


class _Record(Struct, gc=False, forbid_unknown_fields=True):
    messages: list[System | Developer | User | _Assistant]


_LETTERS: dict[type, int] = {System: ord("s"), Developer: ord("d"), User: ord("u"), _Assistant: ord("a")}
_ROLES = {"system": b"s", "user": b"u", "assistant": b"a", "developer": b"d"}
_OPENS = b"sd"
_IS_SHOWN, _IS_LEARNT = bytes.maketrans(b"sdua", b"\1\1\1\0"), bytes.maketrans(b"sdua", b"\0\0\0\1")
_MESSAGES, _CONTENT = attrgetter("messages"), attrgetter("content")
_FIRST, _LAST = itemgetter(0), itemgetter(-1)
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

    def passes(self, data: bytes, lines: list[bytes], line: int, texts: Texts, tally: Tally) -> bool:
        """See `QuickChat.passes`."""
        try:
            records = self._decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if not are_records(len(records), lines):
            return False
        messages = [*chain.from_iterable(map(_MESSAGES, records))]
        contents = [*map(_CONTENT, messages)]
        strings = MESSAGE_STRINGS * len(messages) + len(records)
        if not (are_written(contents) and is_all(data, strings, contents)):
            return False
        roles = bytes(map(_LETTERS.__getitem__, map(type, messages)))
        starts = [0, *accumulate(map(len, map(_MESSAGES, records)))]
        orders = [_order(roles[start:end]) for start, end in pairwise(starts)]
        if None in orders:
            return False
        openings = [contents[start] if roles[start] in _OPENS else None for start in starts[:-1]]
        self._note(openings, line)
        if texts.counted:
            self._add(contents, openings, cast("list[_Order]", orders), texts)
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


def are_records(records: int, lines: list[bytes]) -> bool:
    """Return whether each line holds one of so many records.

    A decoder does not mind where lines end. A record that starts and ends on its line can only share it with another one, and
    then there are more records than lines. (`map`, because there are many lines.)
    """
    return (
        records == len(lines)
        and b"" not in lines
        and bytes(map(_FIRST, lines)).count(b"{") == records == bytes(map(_LAST, lines)).count(b"}")
    )


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
