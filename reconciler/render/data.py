"""Numbers about data: for people as text, for programs as values that JSON can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reconciler.core.change import DataChange
from reconciler.datasets import TOKEN_ENCODING, Distribution, Finding, Scan, for_file
from reconciler.render.words import indented, plural, printable

MINUS = "\u2212"
_LABEL = 18
KEYS_SHOWN = 12


@dataclass(frozen=True)
class DataReport:
    """One checked file: what it is called (`address` is empty for a lone file), what was found, what changed in it."""

    address: str
    file: str
    scan: Scan
    change: DataChange | None = None
    excerpts: Mapping[tuple[int, str], str] = field(default_factory=dict)
    """What stands at the lines and paths of findings, if it was asked for."""


def data_text(report: DataReport) -> str:
    """Return what there is to know of one file: a line that names it, and its numbers below."""
    scan = report.scan
    named = [report.address, report.file] if report.address else [report.file]
    # What holds no example has no format either: `chat` is then only what it was read as.
    checked = f"{scan.format}, " if scan.examples else ""
    facts = (
        f"{checked}{plural_number(scan.examples, 'example')}, {plural_number(scan.bytes, 'byte')}, sha256 {scan.digest}"
    )
    return "\n".join(["  ".join(map(printable, named)), *indented([facts, *_numbers(report)], 2)])


def _numbers(report: DataReport) -> list[str]:
    statistics = report.scan.statistics
    rows = [
        ("tokens", _distribution(statistics.tokens)),
        ("assistant tokens", _distribution(statistics.assistant_tokens)),
        ("messages", ", ".join(f"{role} {count:,}" for role, count in statistics.roles.items())),
    ]
    if statistics.tool_examples or statistics.tool_calls:
        where = plural_number(statistics.tool_examples, "example")
        rows.append(("tools", f"declared in {where}, {plural_number(statistics.tool_calls, 'call')}"))
    if statistics.images:
        rows.append(("images", f"{statistics.images:,} in {plural_number(statistics.image_examples, 'example')}"))
    if statistics.keys:
        rows.append(("keys", _keys(statistics.keys)))
    if report.change:
        rows.append(("changed", change_text(report.change)))
    return [f"{label:{_LABEL}}{text}" for label, text in rows if text]


def _keys(keys: Mapping[str, int]) -> str:
    often = sorted(keys.items(), key=lambda item: (-item[1], item[0]))
    more = f", and {len(often) - KEYS_SHOWN} more" if len(often) > KEYS_SHOWN else ""
    return ", ".join(f"{printable(key)} {count:,}" for key, count in often[:KEYS_SHOWN]) + more


def _distribution(found: Distribution | None) -> str:
    if found is None or not found.total:
        return ""
    return (
        f"{found.total:,} in all; an example has {found.min:,} to {found.max:,}, mean {found.mean:,.1f}, "
        f"median {found.median:,.10g}, p5 {found.p5:,.10g}, p95 {found.p95:,.10g}"
    )


def plural_number(count: int, one: str) -> str:
    """Return `1 example`, `1,234 examples`."""
    return plural(count, one) if count < 1000 else f"{count:,} {one}s"


def change_text(change: DataChange) -> str:
    """Return `+12 −3 ~1 of 449 examples, +4,310 −120 tokens (compared with HEAD)`."""
    if change.unknown:
        return f"not compared with {printable(change.against)}: {printable(change.unknown)}"
    against = f"(compared with {printable(change.against)})"
    if not change.before:
        return f"new: {plural_number(change.after, 'example')} {against}"
    counted = [
        f"{sign}{count:,}"
        for sign, count in (("+", change.added), (MINUS, change.removed), ("~", change.changed))
        if count
    ]
    if not counted:
        how = f"formatting only, in {plural_number(change.reformatted, 'example')}"
        return f"{how if change.reformatted else 'another order only'} {against}"
    parts = [f"{' '.join(counted)} of {plural_number(change.before, 'example')}"]
    if change.reformatted:
        parts.append(f"{change.reformatted:,} formatted anew")
    moved = [
        f"{sign}{count:,}" for sign, count in (("+", change.tokens_added), (MINUS, change.tokens_removed)) if count
    ]
    if moved:
        parts.append(f"{' '.join(moved)} tokens")
    return f"{', '.join(parts)} {against}"


def data_document(report: DataReport) -> dict[str, Any]:
    """Return one file as values that JSON can hold; keys are only ever added within a major `format_version`."""
    scan = report.scan
    statistics = scan.statistics
    return {
        "address": report.address or None,
        "file": report.file,
        "format": scan.format,
        "examples": scan.examples,
        "bytes": scan.bytes,
        "digest": scan.digest,
        "token_encoding": TOKEN_ENCODING,
        "tokens": _values(statistics.tokens),
        "assistant_tokens": _values(statistics.assistant_tokens),
        "roles": dict(statistics.roles),
        "tool_examples": statistics.tool_examples,
        "tool_calls": statistics.tool_calls,
        "images": statistics.images,
        "image_examples": statistics.image_examples,
        "keys": dict(statistics.keys),
        "change": data_change_document(report.change),
        "counts": {f"data-{code}": count for code, count in sorted(scan.counts.items())},
        "findings": [
            {
                "severity": finding.severity,
                "code": f"data-{finding.code}",
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "path": finding.path,
                "message": finding.message,
                "remedy": for_file(finding.remedy, finding.file),
                **_excerpt(report, finding),
            }
            for finding in scan.findings
        ],
    }


def _excerpt(report: DataReport, finding: Finding) -> dict[str, str]:
    text = report.excerpts.get((finding.line, finding.path))
    return {} if text is None else {"content": text}


def _values(found: Distribution | None) -> dict[str, Any] | None:
    return asdict(found) if found else None


def data_change_document(change: DataChange | None) -> Mapping[str, Any] | None:
    """Return what changed as values that JSON can hold."""
    return asdict(change) if change else None
