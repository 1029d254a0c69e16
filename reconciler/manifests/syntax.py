"""A YAML syntax error in one line, with what to do about it, instead of PyYAML's dump of the file."""

from __future__ import annotations

import re
from typing import Any

import yaml

from reconciler.core.fault import Fault, Place
from reconciler.manifests.faults import printable, quoted

_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REMEDIES = (
    (
        "mapping values are not allowed",
        "Quote a value that contains `: `, and indent the keys of one mapping evenly.",
    ),
    ("could not find expected ':'", "Each line of a mapping is `key: value`."),
    ("did not find expected key", "Indent the keys of one mapping evenly, and put nothing behind a closing quote."),
    ("did not find expected '-' indicator", "Indent the items of one list evenly, each after `- `."),
    ("cannot start any token", "Quote a value that begins with `@`, `%` or a backtick."),
    ("unexpected end of stream", "Close the quote that was opened."),
    ("document indicator", "Close the quote that was opened."),
    ("did not find expected ',' or", "Close the bracket that was opened, and separate its items with commas."),
    ("did not find expected node content", "Close the bracket that was opened."),
    ("found a tab character", "Indent with spaces."),
    ("incompatible YAML document", "Remove the %YAML line."),
)
"""Parts of the parser's own words, and what a person should do."""


def syntax_fault(error: yaml.MarkedYAMLError, text: str, file: str, offset: int) -> Fault:
    """Return the fault for an error of the parser; `text` begins after `offset` lines of the file."""
    mark: Any = error.problem_mark or error.context_mark
    problem = str(error.problem)
    remedy = next((remedy for words, remedy in _REMEDIES if words in problem), "")
    if "cannot start any token" in problem and _line(text, mark.line)[mark.column : mark.column + 1] == "\t":
        problem, remedy = "found a tab where spaces are expected", "Indent with spaces."
    context = f", {error.context}" if error.context else ""
    detail = printable(f"{problem[:1].upper()}{problem[1:]}{context}.".replace("\n", " "))
    return _fault(detail, remedy, Place(file, mark.line + 1 + offset, mark.column + 1))


def control_fault(text: str, file: str, offset: int) -> Fault:
    """Return the fault for a text with a character that no YAML may hold."""
    found = _CONTROL.search(text)
    position = found.start() if found else 0
    line = text.count("\n", 0, position) + 1 + offset
    column = position - text.rfind("\n", 0, position)
    detail = f"The character {quoted(text[position : position + 1])} may not stand in YAML."
    return _fault(detail, "Remove it.", Place(file, line, column))


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number] if number < len(lines) else ""


def _fault(detail: str, remedy: str, place: Place) -> Fault:
    return Fault("yaml-syntax", "The YAML cannot be read", detail, remedy, place)
