"""The bytes behind a Dataset: read once for everything, and sent without being held in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Content, Desired
from reconciler.core.runtime import Meter
from reconciler.datasets import (
    CODES,
    Chunks,
    Encoded,
    Encoding,
    Finding,
    Measured,
    Scan,
    canonical_chunks,
    for_file,
    scan,
    scan_file,
)
from reconciler.kind import Loaded, Workspace

TOLD = 5
"""Findings of one code that are told; all are counted."""
_TOLD = 3
"""Errors of a remote file that are told."""
_COUNTS = {"data-examples-too-few", "data-examples-few"}


class Outgoing(Encoded):
    """The wire form of a data file, metered while it is read. Raises DataChanged if it is not what was planned.

    With `counts` off somebody else counts what was sent.
    """

    def __init__(
        self, file: BinaryIO, content: Content, encoding: Encoding, meter: Meter, *, counts: bool = True
    ) -> None:
        super().__init__(file, Measured(content.digest, content.bytes), encoding=encoding)
        self.meter = meter
        self._counts = counts
        meter.total = self.length

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on, and note how far."""
        data = super().read(size)
        if self._counts:
            self.meter.done = self.tell()
        return data


def canonical(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return the canonical form of bytes that arrive in chunks."""
    return canonical_chunks(Chunks(chunks))


def read_remote(chunks: Iterator[bytes], name: str, data_format: str | None) -> Scan:
    """Read a file as Azure gives it back, once, for its digest and for what is wrong with it."""
    return scan(Chunks(chunks), file=name, data_format=data_format)


def first_errors(found: Scan) -> str:
    """Return the first errors of a file that was read back, in words; "" if there are none.

    How many examples are enough depends on what they are for, so that is not judged here.
    """
    counts = {code: count for code, count in found.counts.items() if f"data-{code}" not in _COUNTS}
    total = sum(count for code, count in counts.items() if CODES[code].severity == "error")
    errors = [one for one in found.findings if one.severity == "error" and one.code in counts]
    told = [f"line {one.line}: {one.message}" if one.line else one.message for one in errors[:_TOLD]]
    return f"{total} {'error' if total == 1 else 'errors'}; {'; '.join(told)}" if total else ""


def no_data(found: Scan) -> Finding | None:
    """Return what the whole file is instead of examples, such as a page that a server shows in their place."""
    return next((one for one in found.findings if not one.line and one.code.startswith("file-")), None)


def inspect_file(desired: Desired, relative: str, data_format: str | None, workspace: Workspace) -> Loaded:
    """Read and validate a dataset's file, or take from the cache what was found in this very file before."""
    path = workspace.root / relative
    found = workspace.cache.get(path, data_format) if workspace.cache else None
    if found is None:
        try:
            found = scan_file(path, file=relative, data_format=data_format)
        except OSError as error:
            place = desired.place_of("spec.source.path")
            detail = f"{relative}: {error.strerror}"
            return Loaded(
                faults=(
                    Fault("data-unreadable", "The data file cannot be read", detail, "", place, str(desired.address)),
                )
            )
        if workspace.cache:
            workspace.cache.put(path, found, data_format)
    found = found.under(relative)
    workspace.inspected(desired.address, relative, found)
    faults = data_faults(found, str(desired.address))
    # How many examples are enough depends on what they are for: the job that trains on them says (FineTuneJobKind.check).
    return Loaded(_content(found, path), tuple(fault for fault in faults if fault.code not in _COUNTS))


def _content(found: Scan, path: Path) -> Content:
    tokens = found.statistics.tokens
    return Content(
        found.digest,
        found.bytes,
        found.examples,
        found.format,
        str(path),
        tokens.total if tokens else None,
        found.longest,
        found.statistics.keys,
        found.statistics.images,
        found.rows,
        found.statistics.tool_examples,
    )


def data_faults(found: Scan, subject: str) -> tuple[Fault, ...]:
    """Return what was found in data, and for each code how many more there are than are told."""
    faults: list[Fault] = []
    told: Counter[str] = Counter()
    for finding in found.findings:
        told[finding.code] += 1
        if told[finding.code] <= TOLD:
            faults.append(_fault(finding, subject))
    for code, total in found.counts.items():
        more = total - min(told[code], TOLD)
        if more > 0:
            last = [fault for fault in faults if fault.code == f"data-{code}"][-1]
            summary = f"{more:,} more of these after this line"
            detail = f"{total:,} in all: {CODES[code].meaning}."
            faults.append(Fault(last.code, summary, detail, "", last.place, subject, last.severity, more))
    return tuple(faults)


def _fault(finding: Finding, subject: str) -> Fault:
    inside = f"at {finding.path}" if finding.path else ""
    summary = finding.message[:1].upper() + finding.message[1:]
    place = Place(finding.file, finding.line, finding.column or 0)
    remedy = for_file(finding.remedy, finding.file)
    return Fault(f"data-{finding.code}", summary, inside, remedy, place, subject, finding.severity)
