"""`validate`: manifests and data, offline. No SDK is imported, and nothing but the files named is read."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reconciler.cli.exits import ERROR, OK
from reconciler.cli.state import GLOBALS, PathArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.core.fault import Fault
    from reconciler.core.resource import Address
    from reconciler.datasets import Scan
    from reconciler.kind import DigestCache
    from reconciler.render.data import DataReport

MANIFESTS = frozenset({".yaml", ".yml"})


def validate(
    path: PathArgument = Path("manifests"),
    output_format: Annotated[
        Literal["text", "json", "github", "markdown"], typer.Option("--format", help="How it is printed.")
    ] = "text",
    data_format: Annotated[
        Literal["chat", "preference", "reinforcement"] | None,
        typer.Option("--data-format", help="For a lone data file: what it must be. Detected if absent."),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base",
            metavar="REF",
            help="Say what changed in the data since this branch, tag or commit; for a lone data file also another file.",
        ),
    ] = None,
    warnings_as_errors: Annotated[bool, typer.Option("--warnings-as-errors", help="Exit 1 on warnings too.")] = False,
    show_content: Annotated[
        bool, typer.Option("--show-content", help="Show what stands in the data where something was found.")
    ] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Read all data again.", envvar="RECONCILER_NO_CACHE")
    ] = False,
) -> int:
    """Check manifests and data, offline. PATH may also be a lone data file, or - for standard input."""
    if str(path) == "-":
        checked = _standard_input(data_format)
    elif (path.is_file() and path.suffix not in MANIFESTS) or (path.suffix == ".jsonl" and not path.exists()):
        checked = _lone_file(path, data_format, no_cache=no_cache)
        GLOBALS.open_from_here([str(path)], Path.cwd())
    else:
        if data_format:
            raise typer.BadParameter("is for a lone data file; a manifest says `format`", param_hint="--data-format")
        checked = _tree(path, no_cache=no_cache)
    if base is not None:
        checked.compare(base)
    if show_content:
        checked.excerpt()
    if output_format in {"github", "markdown"}:
        checked.name_from_root()
    failed = any(fault.severity == "error" for fault in checked.faults) or (warnings_as_errors and bool(checked.faults))
    checked.report(output_format, valid=not failed)
    return ERROR if failed else OK


class _Checked:
    """What was checked, and what was found: of each data file, and of all manifests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reports: list[DataReport] = []
        self.faults: Sequence[Fault] = ()
        self.lines: list[str] = []

    def found(self, address: Address | None, file: str, scan: Scan) -> None:
        """Take what was found in the data of a resource."""
        from reconciler.render.data import DataReport

        self.reports.append(DataReport(str(address or ""), file, scan))

    def compare(self, base: str) -> None:
        """Compare each file with an earlier version of it, or with another file."""
        from reconciler.cli.changes import Base

        self._must_be_files("--base")
        origin = Base(self.root, base)
        self.reports = [replace(report, change=origin.change(report.file, report.scan)) for report in self.reports]

    def excerpt(self) -> None:
        """Add what stands where something was found."""
        from reconciler.datasets import excerpts

        self._must_be_files("--show-content")
        shown: dict[tuple[str, int, str], str] = {}
        for index, report in enumerate(self.reports):
            with (self.root / report.file).open("rb") as stream:
                texts = excerpts(stream, report.scan.findings)
            self.reports[index] = replace(report, excerpts=texts)
            for (line, inside), text in texts.items():
                shown[report.file, line, f"at {inside}" if inside else ""] = text
        self.faults = [_with_excerpt(fault, shown) for fault in self.faults]

    def _must_be_files(self, option: str) -> None:
        if any(report.file == "-" for report in self.reports):
            raise typer.BadParameter("needs a file: what comes through a pipe is read once", param_hint=option)

    def name_from_root(self) -> None:
        """Call files as git does, from the root of the repository: a lone one was named from the current directory."""
        from reconciler.manifests.repository import root_of

        def named(file: str) -> str:
            whole = (self.root / file).resolve()
            root = root_of(whole, self.root.resolve())
            return whole.relative_to(root).as_posix() if file != "-" and whole.is_relative_to(root) else file

        def moved(fault: Fault) -> Fault:
            return replace(fault, place=replace(fault.place, file=named(fault.place.file))) if fault.place else fault

        self.faults = [moved(fault) for fault in self.faults]
        self.reports = [replace(report, file=named(report.file)) for report in self.reports]

    def report(self, output_format: str, *, valid: bool) -> None:
        """Print it."""
        if output_format == "json":
            print(_document(self.reports, self.faults, valid=valid))
            return
        if output_format == "markdown":
            from reconciler.render.markdown_data import data_markdown

            print(data_markdown(self.reports, self.faults, valid=valid, notes=self.lines))
            return
        from reconciler.render.data import data_text
        from reconciler.render.fault import faults_github, faults_text

        if self.faults:
            github = output_format == "github"
            if github:
                print(faults_github(self.faults))
            else:
                GLOBALS.log.faults(self.faults, lambda: faults_text(self.faults, color=GLOBALS.color(sys.stderr)))
        for report in self.reports:
            print(GLOBALS.told(data_text(report)))
        for line in self.lines:
            print(line)


def _tree(path: Path, *, no_cache: bool) -> _Checked:
    from reconciler.cli.compose import KINDS, load_tree
    from reconciler.core.fault import InvalidManifests
    from reconciler.manifests.repository import root_of

    whole = path.resolve()
    checked = _Checked(root_of(whole, Path.cwd()))
    try:
        tree = load_tree(path, _environ(no_cache=no_cache), checked.found)
    except InvalidManifests as error:
        checked.faults = error.faults
        return checked
    checked.faults = tree.warnings
    notes = ((item.address, KINDS[item.address.kind].unchecked(item)) for item in tree.desired)
    checked.lines = [f"{address}  not checked: {note}" for address, note in notes if note]
    accounts = len(tree.accounts)
    checked.lines.append(f"Valid: {len(tree.desired)} resources in {accounts} account{'s'[: accounts != 1]}.")
    return checked


def _lone_file(path: Path, data_format: str | None, *, no_cache: bool) -> _Checked:
    from reconciler.cli.cache import open_cache
    from reconciler.core.fault import Fault, Place
    from reconciler.kinds.dataset.content import data_faults

    checked = _Checked(Path.cwd())
    try:
        with open_cache(_environ(no_cache=no_cache)) as cache:
            scan = _scanned(path, data_format, cache)
    except OSError as error:
        detail = f"{error.strerror or error}."
        remedy = "Correct the path, or make the file readable."
        checked.faults = [Fault("data-unreadable", "The data file cannot be read", detail, remedy, Place(str(path)))]
        return checked
    checked.found(None, str(path), scan)
    checked.faults = data_faults(scan, "")
    return checked


def _standard_input(data_format: str | None) -> _Checked:
    from reconciler.datasets import scan
    from reconciler.kinds.dataset.content import data_faults

    checked = _Checked(Path.cwd())
    found = scan(sys.stdin.buffer, file="-", data_format=data_format)
    checked.found(None, "-", found)
    checked.faults = data_faults(found, "")
    return checked


def _scanned(path: Path, data_format: str | None, cache: DigestCache | None) -> Scan:
    from reconciler.datasets import scan_file

    known: Scan | None = cache.get(path, data_format) if cache else None
    found = known or scan_file(path, file=str(path), data_format=data_format)
    if cache and not known:
        cache.put(path, found, data_format)
    return found.under(str(path))


def _environ(*, no_cache: bool) -> Mapping[str, str]:
    return {**os.environ, "RECONCILER_NO_CACHE": "1" if no_cache else os.environ.get("RECONCILER_NO_CACHE", "")}


def _with_excerpt(fault: Fault, shown: Mapping[tuple[str, int, str], str]) -> Fault:
    if fault.place is None or not fault.code.startswith("data-"):
        return fault
    text = shown.get((fault.place.file, fault.place.line, fault.detail))
    return replace(fault, detail=f"{fault.detail}\n  content: {text}".lstrip("\n")) if text is not None else fault


def _document(reports: Iterable[DataReport], faults: Sequence[Fault], *, valid: bool) -> str:
    from reconciler.render.data import data_document
    from reconciler.render.document import dumps
    from reconciler.render.fault import faults_document
    from reconciler.render.words import plain_value

    return dumps(
        plain_value(
            {
                "format_version": "1.2",
                "valid": valid,
                "datasets": [data_document(report) for report in reports],
                # Those in data stand with their file.
                "findings": faults_document(fault for fault in faults if not fault.code.startswith("data-")),
            }
        )
    )
