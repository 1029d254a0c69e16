"""The check of data as Markdown: a row for each file, and below it what was found."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.fault import Fault, by_place
from reconciler.render.data import DataReport, change_text, plural_number
from reconciler.render.escape import cell, code, prose
from reconciler.render.fault import tally
from reconciler.render.fit import Part, fitted
from reconciler.render.markdown import LIMIT
from reconciler.render.markdown_change import fault_item
from reconciler.render.words import size

MARKER = "<!-- reconciler:validate -->"


def data_markdown(
    reports: Sequence[DataReport],
    faults: Sequence[Fault],
    *,
    valid: bool,
    notes: Sequence[str] = (),
    full: str = "reconciler validate",
    limit: int = LIMIT,
) -> str:
    """Return what was checked as Markdown for GitHub, at most `limit` characters long.

    `notes` are further lines that the terminal shows, `full` is the command that shows everything.
    """
    verdict = "Valid" if valid else "Not valid"
    found = tally(faults) if faults else "nothing found"
    ordered = sorted(faults, key=lambda fault: (fault.severity, by_place(fault)))
    parts = [
        Part([MARKER]),
        Part([f"### {verdict}: {plural_number(len(reports), 'data file')} read, {found}"]),
        Part(
            [_row(report) for report in reports],
            head="| Data | Examples and tokens |\n|---|---|\n",
            noun=("file", "files"),
            rank=1,
        ),
        Part([fault_item(fault) for fault in ordered], head="#### Findings\n\n", noun=("finding", "findings"), rank=2),
        Part([prose(note) for note in notes[:20]]),
    ]
    return fitted([part for part in parts if part.items], limit, f"the job's log has it, or {code(full)}")


def _row(report: DataReport) -> str:
    scan = report.scan
    tokens = scan.statistics.tokens
    named = code(report.address or report.file, 56) + (f"<br>{code(report.file, 56)}" if report.address else "")
    facts = [
        plural_number(scan.examples, "example"),
        *([f"{tokens.total:,} tokens"] if tokens else []),
        size(scan.bytes),
    ]
    changed = f"<br>{prose(change_text(report.change))}" if report.change else ""
    return f"| {cell(named)} | {', '.join(facts)}{cell(changed)} |"
