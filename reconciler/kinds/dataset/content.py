"""The bytes behind a Dataset: read once for everything, and sent without being held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Content, Desired
from reconciler.core.runtime import Meter
from reconciler.datasets import CODES, Chunks, Encoded, Encoding, Finding, Measured, Scan, canonical_chunks, scan
from reconciler.kind import Loaded, Workspace

_COUNTS = {"data-examples-too-few", "data-examples-few"}


class Outgoing(Encoded):
    """The wire form of a data file, metered while it is read. Raises DataChanged if it is not what was planned."""

    def __init__(self, file: BinaryIO, content: Content, encoding: Encoding, meter: Meter) -> None:
        super().__init__(file, Measured(content.digest, content.bytes), encoding=encoding)
        self._meter = meter
        meter.total = self.length

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on, and note how far."""
        data = super().read(size)
        self._meter.done = self.tell()
        return data


def canonical(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Return the canonical form of bytes that arrive in chunks."""
    return canonical_chunks(Chunks(chunks))


def inspect_file(desired: Desired, relative: str, data_format: str | None, workspace: Workspace) -> Loaded:
    """Read and validate a dataset's file, or take from the cache what was found in this very file before."""
    path = workspace.root / relative
    found = workspace.cache.get(path, data_format) if workspace.cache else None
    if found is None:
        try:
            with path.open("rb") as file:
                found = scan(file, file=relative, data_format=data_format)
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
    faults = _faults(found, str(desired.address))
    # How many examples are enough depends on what they are for: the job that trains on them says (FineTuneJobKind.check).
    return Loaded(_content(found, path), tuple(fault for fault in faults if fault.code not in _COUNTS))


def check_lone_file(path: Path, data_format: str | None) -> tuple[str, Sequence[Fault]]:
    """Validate one data file without any manifest; returns a line about it, and what was found."""
    with path.open("rb") as file:
        found = scan(file, file=str(path), data_format=data_format)
    line = f"{path}  {found.format or 'unknown format'}, {found.examples} examples, {found.bytes} bytes, sha256 {found.digest}"
    return line, _faults(found, "")


def _content(found: Scan, path: Path) -> Content:
    return Content(found.digest, found.bytes, found.examples, found.format or "", str(path))


def _faults(found: Scan, subject: str) -> tuple[Fault, ...]:
    faults = [_fault(finding, subject) for finding in found.findings]
    kept: dict[str, int] = {}
    for finding in found.findings:
        kept[finding.code] = kept.get(finding.code, 0) + 1
    for code, total in found.counts.items():
        more = total - kept.get(code, 0)
        if more > 0:
            last = [fault for fault in faults if fault.code == f"data-{code}"][-1]
            meaning = CODES[code].meaning
            summary = f"{more} more of these after this line"
            detail = f"{total} in all: {meaning}."
            faults.append(Fault(last.code, summary, detail, "", last.place, subject, last.severity))
    return tuple(faults)


def _fault(finding: Finding, subject: str) -> Fault:
    inside = f"at {finding.path}" if finding.path else ""
    summary = finding.message[:1].upper() + finding.message[1:]
    place = Place(finding.file, finding.line, finding.column or 0)
    return Fault(f"data-{finding.code}", summary, inside, finding.remedy, place, subject, finding.severity)
