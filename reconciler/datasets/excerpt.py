"""What stands where findings were made: shown only to those who ask for it (`--show-content`)."""

from __future__ import annotations

import codecs
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from reconciler.datasets.findings import Collector, Finding, value_at
from reconciler.datasets.record import read_object
from reconciler.datasets.stream import BLANKS, LongPart, Readable, blocks

WIDTH = 240
"""Characters of an excerpt."""
_PIECE = 1 << 16


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
    return _shortened(_from(line, max(0, (finding.column or 1) - 40)))


def _from(line: bytes, first: int) -> str:
    """Return a little more than is shown of a line from a character on; a line of images is not decoded as a whole."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    passed, text = 0, ""
    for at in range(0, len(line) + 1, _PIECE):
        text += decoder.decode(line[at : at + _PIECE], final=at + _PIECE > len(line))
        if passed + len(text) > first + WIDTH:
            break
        dropped = min(len(text), max(0, first - passed))
        passed, text = passed + dropped, text[dropped:]
    return text[max(0, first - passed) :]


def _shortened(text: str) -> str:
    return text if len(text) <= WIDTH else f"{text[:WIDTH]}…"
