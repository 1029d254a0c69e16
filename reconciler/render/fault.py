"""Diagnostics: all of them at once, sorted by place, as text, as GitHub annotations and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from reconciler.core.fault import Fault, by_place
from reconciler.render.words import Paint, Tone, indented, lines, plural, printable


def faults_text(faults: Iterable[Fault], *, color: bool = False) -> str:
    """Return `severity: place: summary` with detail and remedy below, and a last line that counts; "" for none.

    What to do is said once for neighbours of one code: data has the same slip in many rows.
    """
    ordered = sorted(faults, key=by_place)
    if not ordered:
        return ""
    blocks: list[str] = []
    said = ("", "")
    for fault in ordered:
        again = (fault.code, fault.remedy) == said
        said = fault.code, fault.remedy
        blocks.append(fault_text(replace(fault, remedy="") if again else fault, color=color))
    return "\n\n".join([*blocks, tally(ordered)])


def fault_text(fault: Fault, *, color: bool = False) -> str:
    """Return one diagnostic."""
    paint = Paint(color=color)
    tone = Tone.ALARM if fault.severity == "error" else Tone.CHANGE
    place = f" {printable(fault.place)}:" if fault.place else ""
    subject = f" ({printable(fault.subject)})" if fault.subject else ""
    head = f"{paint(tone, fault.severity + ':')}{place} {printable(fault.summary)}{subject}{known_by(fault)}"
    return "\n".join([head, *indented(explanation(fault), 2)])


def known_by(fault: Fault) -> str:
    """Return the code in brackets, which never changes: people look it up, and list the findings that they accept."""
    return f" [{printable(fault.code)}]" if fault.code else ""


def unread_texts(unread: Iterable[Fault], *, color: bool = False) -> list[str]:
    """Return each cause once, with everything that it kept from being read."""
    return [fault_text(fault, color=color) for fault in merged(unread)]


def merged(faults: Iterable[Fault]) -> list[Fault]:
    """Return each cause once, with the details of all faults that it caused."""
    causes: dict[tuple[str, str, str], list[Fault]] = {}
    for fault in faults:
        causes.setdefault((fault.code, fault.summary, fault.remedy), []).append(fault)
    return [
        replace(group[0], detail="\n".join(dict.fromkeys(fault.detail for fault in group))) for group in causes.values()
    ]


def explanation(fault: Fault) -> list[str]:
    """Return detail and remedy as lines; a command in the remedy keeps its own line and indentation."""
    return [*lines(fault.detail), *lines(fault.remedy)]


def tally(faults: Iterable[Fault]) -> str:
    """Return `3 errors, 1 warning`."""
    counts = {"error": 0, "warning": 0}
    for fault in faults:
        counts[fault.severity] += fault.times
    errors, warnings = counts["error"], counts["warning"]
    parts = [plural(errors, "error")] if errors or not warnings else []
    return ", ".join([*parts, plural(warnings, "warning")] if warnings else parts)


def faults_github(faults: Iterable[Fault]) -> str:
    """Return the diagnostics as workflow commands: GitHub shows them beside the lines of a pull request."""
    return "\n".join(_annotation(fault) for fault in sorted(faults, key=by_place))


def _annotation(fault: Fault) -> str:
    properties: dict[str, str] = {}
    if fault.place:
        properties["file"] = printable(fault.place.file)
        if fault.place.line:
            properties["line"] = str(fault.place.line)
        if fault.place.column:
            properties["col"] = str(fault.place.column)
    subject = f" ({printable(fault.subject)})" if fault.subject else ""
    properties["title"] = printable(fault.summary) + subject + known_by(fault)
    said = "\n".join(explanation(fault)) or printable(fault.summary)
    return workflow_command(fault.severity, properties, said)


def workflow_command(sort: str, properties: Mapping[str, str], text: str) -> str:
    """Return a line by which GitHub shows a text beside a line of a file; nothing in it can begin another command."""
    pairs = ",".join(f"{key}={_property(printable(value))}" for key, value in properties.items())
    return f"::{sort} {pairs}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def faults_document(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    """Return the diagnostics as values that JSON can hold."""
    return [fault_document(fault) for fault in sorted(faults, key=by_place)]


def fault_document(fault: Fault) -> dict[str, Any]:
    """Return one diagnostic as values that JSON can hold."""
    place = fault.place
    return {
        "severity": fault.severity,
        "code": fault.code,
        "summary": fault.summary,
        "detail": fault.detail,
        "remedy": fault.remedy,
        "subject": fault.subject,
        "place": {"file": place.file, "line": place.line, "column": place.column} if place else None,
    }
