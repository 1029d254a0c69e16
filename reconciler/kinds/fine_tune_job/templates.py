"""The references in a grader's templates, checked against what a reference may name and what the data really holds.

`{{ item.KEY }}` is a key of the example that stands beside its messages; `{{ sample.output_text }}` is the model's
answer, `{{ sample.output_json.KEY }}` a part of it if it is JSON (docs/azure.md, section 17). A reference to nothing
would make every score the same, and the training would be paid for all the same.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.fault import Severity
from reconciler.kinds.fine_tune_job.graders import (
    Multi,
    OneGrader,
    PythonGrader,
    ScoreModel,
    StringCheck,
    TextSimilarity,
    pieces,
)

SAMPLE = ("output_text", "output_json", "output_tools", "choices")
"""What a sample has: the first two by Microsoft's page, the others by OpenAI's, whose shape it says it follows."""
ALWAYS = frozenset({"messages"})
"""Keys that every example has."""

_PATH = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+|\[\d+\])*$")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a grader; `path` is the field below the grader, `line` one of a python source."""

    path: str
    code: str
    summary: str
    detail: str
    remedy: str = ""
    severity: Severity = "error"
    line: int = 0


def check_templates(grader: OneGrader | Multi, keys: Mapping[str, int] | None, examples: int) -> list[Finding]:
    """Return what is wrong with the references of a grader.

    keys: in how many of the examples each key beside the messages stands; None if that is not known, and then keys are
    not looked at.
    """
    return [found for path, text in texts(grader) for found in _check(path, text, keys, examples)]


def texts(grader: OneGrader | Multi, path: str = "") -> Iterator[tuple[str, str]]:
    """Go through the texts of a grader that may hold templates, with their fields."""
    match grader:
        case Multi():
            for name, part in grader.graders.items():
                yield from texts(part, f"{path}graders.{name}.")
        case StringCheck() | TextSimilarity():
            yield f"{path}input", grader.input
            yield f"{path}reference", grader.reference
        case ScoreModel():
            for index, message in enumerate(grader.input):
                if isinstance(message.content, str):
                    yield f"{path}input.{index}.content", message.content
                else:
                    for part_index, said in enumerate(message.content):
                        if isinstance(said.get("text"), str):
                            yield f"{path}input.{index}.content.{part_index}.text", said["text"]
        case PythonGrader():
            pass


def _check(path: str, text: str, keys: Mapping[str, int] | None, examples: int) -> Iterator[Finding]:
    around, inside = pieces(text)
    mark = next((mark for mark in ("{{", "}}") for rest in around if mark in rest), "")
    if mark:
        detail = f"`{_short(text)}` has `{mark}` without its counterpart."
        yield Finding(path, "template-open", "A template is not closed", detail, "Write {{ item.KEY }}.")
    for inner in dict.fromkeys(inside):
        yield from _reference(path, inner, keys, examples)


def _reference(path: str, inner: str, keys: Mapping[str, int] | None, examples: int) -> Iterator[Finding]:
    named = f"`{{{{ {_short(inner)} }}}}`"
    if not _PATH.match(inner):
        detail = f"{named} is not a name such as item.KEY."
        yield Finding(path, "template-unknown", "A template names nothing", detail, _HOW)
        return
    root, *below = re.split(r"[.\[]", inner)
    first = below[0].rstrip("]") if below else ""
    if root not in {"item", "sample"}:
        near = difflib.get_close_matches(root, ("item", "sample"), n=1)
        remedy = f"Did you mean {{{{ {near[0]}{inner[len(root) :]} }}}}?" if near else _likely(root, keys)
        detail = f"{named} begins with neither `item` nor `sample`."
        yield Finding(path, "template-unknown", "A template names nothing", detail, remedy)
    elif not first:
        remedy = _HOW if root == "item" else "Write {{ sample.output_text }}."
        yield Finding(path, "template-unknown", "A template names nothing", f"{named} names no part of it.", remedy)
    elif root == "sample":
        if first not in SAMPLE:
            near = difflib.get_close_matches(first, SAMPLE, n=1)
            remedy = f"Did you mean {{{{ sample.{near[0]} }}}}?" if near else "Write {{ sample.output_text }}."
            detail = f"{named}: a sample has {', '.join(SAMPLE)}."
            yield Finding(path, "template-unknown", "A template names nothing", detail, remedy)
    elif keys is not None and examples and first not in ALWAYS:
        yield from key_findings(path, named, first, keys, examples)
    if "[" in inner:
        detail = f"{named} takes one of a list by its number; Microsoft's sources disagree whether that works."
        yield Finding(path, "template-index", "A template indexes a list", detail, _FLATTEN, "warning")


def key_findings(
    path: str, named: str, key: str, keys: Mapping[str, int], examples: int, *, line: int = 0, sure: bool = True
) -> Iterator[Finding]:
    """Return what is wrong with a key that is expected in every example."""
    count = keys.get(key, 0)
    if not count:
        near = difflib.get_close_matches(key, keys, n=1)
        known = ", ".join(f"`{name}`" for name in sorted(keys)[:8]) or "no key beside `messages`"
        remedy = f"Did you mean `{near[0]}`?" if near else f"The examples have {known}."
        yield Finding(
            path,
            "grader-key-unknown",
            "The grader reads a key that no example has",
            f"{named} reads `{key}`.",
            remedy,
            "error" if sure else "warning",
            line,
        )
    elif count < examples:
        yield Finding(
            path,
            "grader-key-rare",
            "The grader reads a key that some examples lack",
            f"{named} reads `{key}`, which {examples - count} of {examples} examples lack.",
            "Add the key to these examples.",
            "warning",
            line,
        )


_HOW = "Write {{ item.KEY }}, where KEY stands in the examples beside `messages`."
_FLATTEN = "Put what is graded under a key of its own, or use a python grader."


def _likely(root: str, keys: Mapping[str, int] | None) -> str:
    return f"Did you mean {{{{ item.{root} }}}}?" if keys and root in keys else _HOW


def _short(text: str, longest: int = 60) -> str:
    line = " ".join(text.split())
    line = line if line.isprintable() else line.encode("unicode_escape").decode()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
