r"""Text that is not ours inside Markdown, HTML and Mermaid: it is shown, and never obeyed.

Names, values, file names and Azure's messages come from people and machines that a reviewer does not know. GitHub acts
on text in two steps: Markdown is parsed, and then filters go over the text of the result and link mentions (`@team`),
issues (`#123`), commits, addresses and emoji. Backslashes and entities are undone by the first step, so they do not stop
the second. Both steps leave the content of code alone. So whatever is not a plain word or a number stands in a code span
whose fence is longer than any run of backticks in it, or in a fenced block of that sort. A plain word is one that neither
step can act on; that is an allow-list, because what GitHub links grows. An invisible joiner would do too, but it breaks
what people copy.

A table is cut into cells before code spans are looked for, and renderers disagree on `\|` after a backslash. So a bar in
a cell is shown as a broken bar; the details show it as it is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from reconciler.render.words import printable, shorten

LONGEST = 300
"""Characters of one text that are shown; both ends of a longer one."""
BROKEN_BAR = "\u00a6"
_LONGEST_WORD = 28
"""A longer word is an id or a name, and not read as a word."""
WIDEST = 28
"""Characters without a break that fit in the wide column of two on a phone."""
_BACKTICKS = re.compile(r"`+")
_SPAN = re.compile(r"(?<!`)(?P<fence>`+)(?!`)(?P<said>.+?)(?<!`)(?P=fence)(?!`)")
_RUN = re.compile(r"[^\s\u2026-]*(?:[\s\u2026-]|$)")
_TOKEN = re.compile(r"""(?P<lead>[("']*)`(?P<quoted>[^`]+)`(?P<trail>[.,;:!?)"']*)(?=\s|$)|\S+""")
_WORD = re.compile(r"""(?P<lead>[("']*)(?P<core>.*?)(?P<trail>[.,;:!?)"']*)""")
_LETTERS = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_NUMBER = re.compile(r"[+\u2212]?\d+(?:[.,]\d+)*%?")
_COMMIT = re.compile(r"[0-9a-fA-F]{7,}")
# A hyphen or a full stop inside a word means nothing; at its start or end either may begin a list.
_UNMEANT = re.compile(r"(?<![A-Za-z0-9])[-.]|[-.](?![A-Za-z0-9])|[^\w /.-]|_")
_READ_AGAIN = str.maketrans({"$": "\uff04", "\ufb02": "fl"})
_SIGNS = {"->": "\u2192", "\u2192": "\u2192", "\u2026": "\u2026", "\u2013": "\u2013", "\u2014": "\u2014"}


def code(text: object, longest: int = LONGEST) -> str:
    """Return a text as a code span of Markdown, on one line."""
    return _span(shorten(printable(text), longest) or '""')


def _span(said: str) -> str:
    """Return a text that can be printed as a code span."""
    runs = {len(run) for run in _BACKTICKS.findall(said)}
    fence = "`" * next(length for length in range(1, len(runs) + 2) if length not in runs)
    # One space at both ends is taken away again by Markdown, and keeps a backtick from joining the fence.
    touching = "`" in (said[0], said[-1]) or (said[0] == said[-1] == " " and said.strip())
    return f"{fence} {said} {fence}" if touching else f"{fence}{said}{fence}"


def prose(text: object, longest: int = LONGEST, *, widest: int = LONGEST) -> str:
    """Return running text: plain words and numbers as they are, what is in backticks and everything else as code.

    It is cut to `longest` characters, and what stands as code to `widest` each.
    """
    said = shorten(printable(text), longest)
    tokens = []
    for number, found in enumerate(_TOKEN.finditer(said)):
        if found["quoted"] is not None:
            tokens.append(f"{found['lead']}{code(found['quoted'], widest)}{found['trail']}")
        else:
            tokens.append(_word(found[0], widest, first=number == 0))
    return " ".join(tokens)


def _word(word: str, widest: int, *, first: bool) -> str:
    if word in _SIGNS:
        return _SIGNS[word]
    parts = _WORD.fullmatch(word)
    assert parts is not None
    lead, core, trail = parts["lead"], parts["core"], parts["trail"]
    if not core:
        return code(word, widest)
    if first and not lead and trail[:1] in {".", ")"} and core.isdecimal():
        # At the start of a line it would begin a numbered list.
        return code(core) + trail
    if core[0] == "~" and _NUMBER.fullmatch(core[1:]):
        # Two single tildes strike out what is between them.
        return f"{lead}\\{core}{trail}"
    return f"{lead}{core if is_plain(core) else code(core, widest)}{trail}"


def is_plain(word: str) -> bool:
    """Return whether a word means nothing but itself: to Markdown, and to what GitHub does to text afterwards."""
    if len(word) > _LONGEST_WORD or _COMMIT.fullmatch(word):
        return False
    # Addresses are linked from these words on.
    return bool(_NUMBER.fullmatch(word) or (_LETTERS.fullmatch(word) and word.lower() not in {"http", "https", "www"}))


def value(text: str, longest: int = LONGEST) -> str:
    """Return a value: a plain word or number as it is, everything else as code."""
    return text if is_plain(text) else code(text, longest)


def cell(markdown: str, widest: int = WIDEST) -> str:
    """Return Markdown of ours as the content of a cell of a table that a phone need not scroll sideways.

    A cell is as wide as the longest piece of it that does not break, and code breaks at spaces, hyphens and `\u2026` only.
    So what is longer than `widest` characters stands as several spans, between which a line may end. Unlike an invisible
    space, that is not copied with the name.
    """
    return _SPAN.sub(lambda span: _breakable(span, widest), markdown).replace("|", BROKEN_BAR)


def _breakable(span: re.Match[str], widest: int) -> str:
    said = span["said"]
    text = said[1:-1] if said[0] == said[-1] == " " and said.strip() else said
    pieces = [""]
    for run in _RUN.findall(text):
        parts = _cut(run, widest)
        pieces[-1] += parts[0]
        pieces += parts[1:]
    return span[0] if len(pieces) == 1 else "<wbr>".join(map(_span, pieces))


def _cut(run: str, widest: int) -> list[str]:
    """Return a run that does not break in pieces of at most `widest`, cut behind a sign where there is one."""
    if len(run) <= widest:
        return [run]
    sign = max(map(run[:widest].rfind, "/._:=")) + 1
    at = sign or widest
    return [run[:at], *_cut(run[at:], widest)]


def fenced(lines: Iterable[str], language: str = "text") -> str:
    """Return lines as a block of code, with a fence that none of them closes."""
    body = [printable(line) for line in lines]
    longest = max((len(run) for line in body for run in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *body, fence])


def html_code(text: object, longest: int = LONGEST) -> str:
    """Return a text as code of HTML, for where Markdown is not parsed: inside `<summary>`."""
    return f"<code>{html.escape(shorten(printable(text), longest))}</code>"


def comment_word(text: str) -> str:
    """Return a text that may stand in an HTML comment and cannot end it."""
    return re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", text))


def mermaid(text: object, longest: int = 60) -> str:
    """Return a text for inside a quoted label of Mermaid; what may mean anything is written as its number.

    Mermaid takes labels for Markdown and HTML, and reads `#`, `;`, quotes and brackets itself; `#NNN;` is its own way of
    writing a character that it must not read. Two things it reads even so, after it has put the characters in their
    places: `$$` for a formula, and the ligature that its own numbers begin with in between. Both are shown by another
    character that looks like it.
    """
    said = shorten(printable(text), longest).translate(_READ_AGAIN)
    return _UNMEANT.sub(lambda found: f"#{ord(found[0])};", said)
