"""What stands where findings were made: shown only to those who ask for it (`--show-content`)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from reconciler.datasets.findings import Collector, Finding, value_at
from reconciler.datasets.record import read_object
from reconciler.datasets.stream import BLANKS, LongPart, Readable, blocks

WIDTH = 240
"""Characters of an excerpt."""


def excerpts(stream: Readable, findings: Iterable[Finding]) -> Mapping[tuple[int, str], str]:
    """Return what stands at the lines and paths of findings, shortened; reads the stream once.

    Where a line cannot be read as a record, or a path leads nowhere, it is the beginning of the line, from the finding's
    column on if it has one.
    """
    wanted: dict[int, list[Finding]] = defaultdict(list)
    for finding in findings:
        if finding.line:
            wanted[finding.line].append(finding)
    found: dict[tuple[int, str], str] = {}
    for part in blocks(stream):
        if isinstance(part, LongPart):
            continue
        last = part.line + part.data.count(b"\n")
        if not any(part.line <= line < last for line in wanted):
            continue
        for number, line in enumerate(part.data.split(b"\n"), part.line):
            for finding in wanted.get(number, ()):
                found[number, finding.path] = _shown(line.strip(BLANKS), finding)
    return found


def _shown(line: bytes, finding: Finding) -> str:
    if finding.path and (record := read_object(line, 0, Collector(""))) is not None:
        try:
            value = value_at(record, finding.path)
        except LookupError:
            value = None
        if value is not None:
            return _shortened(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
    text = line.decode(errors="replace")
    return _shortened(text[max(0, (finding.column or 1) - 40) :])


def _shortened(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
