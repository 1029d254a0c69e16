"""Drift as Markdown for an issue or a job's summary, from the document that `drift --format json` prints.

It is made from the document and not from the plan, so that a later step, or another job, can make it of one account alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.render.escape import cell, code, fenced, prose
from reconciler.render.fit import Part, fitted
from reconciler.render.text import EMULATOR_LINE
from reconciler.render.words import lines, plural, shown

LIMIT = 64_000
"""Characters; GitHub takes 65,536, and the issue has lines of its own above this."""
GROUPS = (
    ("changed", "Changed outside git, or not applied yet"),
    ("missing", "Missing"),
    ("left_over", "Left over: no manifest declares it"),
    ("stuck", "Stuck: a person must decide"),
)
"""What a person must look at, in this order."""
_NOT_WHOLE = "**Part of Azure could not be read: this report is not whole.**"


def drift_markdown(document: Mapping[str, Any], account: str | None = None, *, limit: int = LIMIT) -> str:
    """Return the report, of one account or of all."""
    names = [account] if account else [str(one["name"]) for one in document.get("accounts", ())]
    found = findings(document, account)
    stamp = [Part([f"**{EMULATOR_LINE}**"])] if document.get("emulator") else []
    if found:
        heading = f"### {', '.join(map(code, names))}: {counted(found)}"
    else:
        heading = "### No drift. Azure matches the manifests."
    unread = [f"> {prose(fault['summary'])}: {prose(fault['detail'])}" for fault in document.get("unread", ())]
    parts = [
        *stamp,
        Part([heading] if found or not document.get("errored") else ["### What was read shows no drift"]),
        Part(unread, head=f"> [!WARNING]\n> {_NOT_WHOLE}\n>\n") if document.get("errored") else Part([]),
    ]
    for name, title in GROUPS:
        entries = [entry for group, entry in found if group == name]
        parts.append(
            Part([_entry(entry) for entry in entries], head=f"#### {title}\n\n", between="\n\n", rank=1)
            if entries
            else Part([])
        )
    quiet = _quiet(document, account)
    parts += [Part([quiet] if quiet else []), *stamp]
    return fitted([part for part in parts if any(part.items)], limit, f"{code('reconciler drift')} shows all of it")


def findings(document: Mapping[str, Any], account: str | None = None) -> list[tuple[str, Mapping[str, Any]]]:
    """Return what a person must look at, as (group, entry)."""
    return [
        (name, entry)
        for name, _ in GROUPS
        for entry in document.get(name, ())
        if account is None or entry.get("account") == account
    ]


def counted(found: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return `1 changed, 2 missing`."""
    names = [group.replace("_", " ") for group, _ in GROUPS]
    numbers = [sum(group == name for group, _ in found) for name, _ in GROUPS]
    return ", ".join(f"{number} {name}" for name, number in zip(names, numbers, strict=True) if number)


def line_of(group: str, entry: Mapping[str, Any]) -> str:
    """Return one thing in one line of Markdown, the same in every run as long as it is the same."""
    fields = ", ".join(code(field["path"]) for field in entry.get("fields", ()))
    live = code(entry["live_id"]) if group in {"left_over", "stuck"} and entry.get("live_id") else ""
    rest = fields or live
    return f"{group.replace('_', ' ')}: {code(entry['address'])}" + (f" ({rest})" if rest else "")


def _entry(entry: Mapping[str, Any]) -> str:
    said = [f"**{code(entry['address'])}** {prose(entry['title'])}".rstrip()]
    if entry["fields"]:
        said.append("\n".join(["| Field | Values |", "|---|---|", *map(_row, entry["fields"])]))
    elif entry["details"]:
        said.append("<br>".join(prose(text) for text in entry["details"]))
    if entry["cause"]:
        said.append(prose(entry["cause"]))
    said += _steps(str(entry["remedy"]))
    return "\n\n".join(said)


def _row(field: Mapping[str, Any]) -> str:
    """Return a field and its values below each other: four columns would not fit on a phone."""
    last = field["last_applied"]
    applied = "not known what was last applied" if last is None else f"{_value(last)} last applied"
    values = [f"{_value(field['live'])} at Azure", f"{_value(field['declared'])} declared", applied]
    return f"| {cell(code(field['path']), widest=16)} | {cell('<br>'.join(values), widest=22)} |"


def _value(value: Any) -> str:
    return code(shown(value, longest=80))


def _steps(remedy: str) -> list[str]:
    """Return a remedy: sentences as such, what is indented as something to copy."""
    said: list[str] = []
    copied: list[str] = []
    for line in [*lines(remedy), ""]:
        if line.startswith("  "):
            copied.append(line.strip())
            continue
        if copied:
            said.append(fenced(copied, "sh" if copied[0].startswith("reconciler ") else "yaml"))
            copied = []
        if line:
            said.append(prose(line))
    return said


def _quiet(document: Mapping[str, Any], account: str | None) -> str:
    """Return in one line what nobody needs to look at."""
    words = (("in_progress", "in progress"), ("accepted", "left over and kept"))
    said = []
    for name, what in words:
        count = sum(account is None or entry.get("account") == account for entry in document.get(name, ()))
        if count:
            said.append(f"{plural(count, 'resource')} {what}")
    return f"Needs nobody: {', '.join(said)}." if said else ""
