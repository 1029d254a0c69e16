"""`report`: how a training went, from its result file, its checkpoints and its events."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reconciler.cli.complete import addresses
from reconciler.cli.exits import ERROR, OK
from reconciler.cli.state import GLOBALS, PathOption, screen_width

if TYPE_CHECKING:
    from reconciler.azure.results import Results
    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Plan
    from reconciler.core.resource import Observed
    from reconciler.results.run import Run, Source
    from reconciler.results.table import Table

FORMS = (".html", ".md", ".csv")
MOST_JOBS = 12
"""Jobs in one report: a chart with more curves cannot be read."""


def report(
    addresses: Annotated[
        list[str],
        typer.Argument(
            metavar="ADDR...",
            help="FineTuneJob/name (globs), or the id of a job; several are compared.",
            autocompletion=addresses("FineTuneJob"),
        ),
    ],
    path: PathOption = Path("manifests"),
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write a page (.html, .md), or the result file itself (.csv)."),
    ] = None,
    output_format: Annotated[Literal["text", "json"], typer.Option("--format", help="How it is printed.")] = "text",
) -> int:
    """Show how a training went: curves, what they mean, the best checkpoint, what to do next."""
    from reconciler.cli.compose import workbench
    from reconciler.cli.look import job_name, print_unread, stamped

    form = _form(out)
    with workbench(path, GLOBALS.settings()) as bench:
        for address in addresses:
            job_name(address)  # what is no job is said before Azure is asked
        made = bench.plan(bench.options())
        lives = named_jobs(made, addresses)
        if form == ".csv" and out is not None:
            written = _write_csv(bench, lives, out)
            print(written)
            return OK
        runs = read_runs(bench, made, lives)
        if output_format == "json":
            _print_json(bench, runs)
            if out is not None:
                _write_page(bench, runs, out, form)
        else:
            with stamped(bench):
                if out is None:
                    _print_text(runs)
                else:
                    _write_page(bench, runs, out, form)
                    _print_short(runs)
                    print(f"Wrote {GLOBALS.shown(out)}.")
        print_unread(made)
    return ERROR if made.errored else OK


def named_jobs(made: Plan, addresses: Sequence[str]) -> list[Observed]:
    """Return the live jobs that addresses, globs or ids name, each once; raises ReconcilerError."""
    from reconciler.cli.look import find_in, is_job
    from reconciler.core.change import live_of
    from reconciler.core.fault import Fault, ReconcilerError

    found: dict[str, Observed] = {}
    for address in addresses:
        if not any(char in address for char in "*?["):
            live = find_in(made, address)
            found.setdefault(live.id, live)
            continue
        declared = [(change.address, one) for change in made.changes if (one := live_of(change)) is not None]
        matching = [
            one
            for name, one in declared
            if is_job(one.kind) and (fnmatch.fnmatchcase(str(name), address) or fnmatch.fnmatchcase(name.name, address))
        ]
        if not matching:
            find_in(made, address)  # says which jobs there are
        for one in matching:
            found.setdefault(one.id, one)
    if len(found) > MOST_JOBS:
        raise ReconcilerError(
            Fault(
                "too-many-jobs",
                "These are too many jobs for one report",
                f"{len(found)} jobs are named; {MOST_JOBS} can be compared.",
                "Name fewer of them.",
            )
        )
    return list(found.values())


def read_runs(bench: Workbench, made: Plan, lives: Sequence[Observed]) -> list[Run]:
    """Read what there is of several jobs, a few of them at a time."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(lambda live: read_run(bench, made, live), lives))


def read_run(bench: Workbench, made: Plan, live: Observed) -> Run:
    """Read what there is of one job. What cannot be read becomes a note."""
    from reconciler.azure.results import Results
    from reconciler.cli.look import train_again
    from reconciler.cli.spent import spent
    from reconciler.core.change import live_of
    from reconciler.core.resource import Phase
    from reconciler.results import checkpoints as points
    from reconciler.results.run import Run, started_at

    results = Results(bench.sessions[live.account])
    notes: list[str] = []
    matched = next((change.address for change in made.changes if (one := live_of(change)) and one.id == live.id), None)
    if live.facts.get("model_only"):
        notes.append("Azure does not list this job any more; its model is all that is left of it.")
        events: Sequence[Any] = ()
        listed: Sequence[Any] = ()
    else:
        gateway: Any = bench.engine.gateways[live.account, live.kind]
        seen = gateway.refresh(live)
        live = seen if seen.phase is not Phase.GONE else live
        events = _or_note(lambda: results.events(live.id), "events", notes)
        listed = _or_note(lambda: results.checkpoints(live.id), "checkpoints", notes)
    table, source, file_id = _table(results, live, events, notes)
    model = str(live.outputs.get("model", ""))
    read = [found for body in listed if (found := points.read(body)) is not None]
    tokens = live.facts.get("trained_tokens")
    cost = spent(bench, live, matched, why=True)
    if cost:
        notes.append(f"{cost[:1].upper()}{cost[1:]}.")
    return Run(
        address=str(matched or _address(live)),
        job_id=live.id,
        status=live.status,
        manifest=matched.name if matched else "",
        account=live.account,
        reason=live.reason,
        base=str(live.facts.get("base") or ""),
        model=model,
        declared_method=_method(live),
        settings=_settings(live),
        created_at=live.created_at,
        started_at=started_at(events),
        finished_at=live.finished_at,
        seen_at=bench.runtime.clock.now(),
        ended=live.phase not in {Phase.WORKING, Phase.SETTLING},
        validated=bool(live.facts.get("validation_file")),
        tokens=int(tokens) if tokens is not None else None,
        table=table,
        source=source,
        result_file=file_id,
        notes=(*table.notes, *notes),
        listed_checkpoints=tuple(read),
        deployments=_refer_to(bench, str(matched or "")),
        serving=_serve(made, model),
        serving_steps={
            where: point.step for point in read for name in (point.model, point.id) for where in _serve(made, name)
        },
        again=train_again(made, live),
    )


def _table(results: Results, live: Observed, events: Iterable[Any], notes: list[str]) -> tuple[Table, Source, str]:
    """Read the result file; where none can be read, what the events tell of the steps."""
    from reconciler.azure.errors import AzureError
    from reconciler.results.table import Table, from_events, read

    first = Table()
    files = live.facts.get("result_files", ())
    for file_id in files:
        content = results.content(file_id)
        try:
            table = read(content, cut_off=lambda content=content: content.cut_off)  # type: ignore[misc]
        except AzureError as error:
            notes.append(f"The result file {file_id} could not be read: {error.fault.clause}.")
            continue
        if table:
            return table, "file", file_id
        first = first if first.notes else table
    told = from_events(events)
    if told:
        return replace(told, notes=(*first.notes, *told.notes)), "events", ""
    if not files and not live.facts.get("model_only"):
        notes.append("The job has no result file yet." if live.status != "failed" else "The job left no result file.")
    return first, "none", ""


def _write_csv(bench: Workbench, lives: Sequence[Observed], out: Path) -> str:
    """Write the result file as Azure gave it, byte for byte."""
    from reconciler.azure.results import MOST_BYTES, Results
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.render.words import size

    if len(lives) > 1:
        raise typer.BadParameter(f"a .csv holds one job, and {len(lives)} are named", param_hint="--out")
    (live,) = lives
    files = live.facts.get("result_files", ())
    if not files:
        raise ReconcilerError(
            Fault(
                "no-result-file",
                "The job has no result file",
                f"{live.id} is {live.status}, and Azure names no result file of it.",
                "Azure makes it when the training starts; a deleted job takes it along.",
            )
        )
    content = Results(bench.sessions[live.account]).content(files[0])
    data = b"".join(content)
    if content.cut_off:
        raise ReconcilerError(
            Fault(
                "result-file-too-large",
                "The result file is too large",
                f"{files[0]} has more than {size(MOST_BYTES)}. Nothing was written.",
                "Download it in the portal.",
            )
        )
    _write(out, data)
    return f"Wrote {GLOBALS.shown(out)}: {files[0]} as Azure gave it, {size(len(data))}."


def _write_page(bench: Workbench, runs: Sequence[Run], out: Path, form: str) -> None:
    now = bench.runtime.clock.now()
    if form == ".html":
        from reconciler.render.report_html import report_html

        text = report_html(runs, now=now, emulator=bench.emulated)
    else:
        from reconciler.render.report_markdown import report_markdown

        text = report_markdown(runs, now=now, emulator=bench.emulated)
    _write(out, text.encode(errors="backslashreplace"))


def _write(out: Path, data: bytes) -> None:
    """Write a file whole or not at all: one that is interrupted leaves the earlier one."""
    import os
    import tempfile

    handle, name = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _print_text(runs: Sequence[Run]) -> None:
    from reconciler.render.report_text import report_text

    text = report_text(runs, color=GLOBALS.color(), width=screen_width())
    print(GLOBALS.told(text))


def _print_short(runs: Sequence[Run]) -> None:
    """Print the verdicts alone: the rest is in the page."""
    from reconciler.render.report_words import verdict_line
    from reconciler.render.text import printable

    for run in runs:
        print(printable(f"{run.address}  {run.status}  {verdict_line(run)}. {run.diagnosis.text}"))


def _print_json(bench: Workbench, runs: Sequence[Run]) -> None:
    import time

    from reconciler import __version__
    from reconciler.render.document import dumps
    from reconciler.render.report_document import report_document

    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(bench.runtime.clock.now()))
    print(dumps(report_document(runs, tool_version=__version__, created_at=at, emulator=bench.emulated)))


def _form(out: Path | None) -> str:
    if out is None:
        return ""
    form = out.suffix.lower()
    if form not in FORMS:
        raise typer.BadParameter(f"{out} ends in none of {', '.join(FORMS)}", param_hint="--out")
    if not out.parent.is_dir():
        raise typer.BadParameter(f"the folder {out.parent} does not exist", param_hint="--out")
    return form


def _or_note(read: Any, what: str, notes: list[str]) -> Sequence[Any]:
    from reconciler.azure.errors import AzureError

    try:
        found: Sequence[Any] = read()
    except AzureError as error:
        notes.append(f"Its {what} could not be read: {error.fault.clause}.")
        return ()
    return found


def _address(live: Observed) -> str:
    return f"{live.kind}/{live.id}"


def _method(live: Observed) -> str:
    return str(live.spec.comparable().get("method") or "")


def _settings(live: Observed) -> dict[str, Any]:
    """Return the hyperparameters that Azure shows; -1 is one that it has not chosen yet."""
    values = live.spec.comparable().get("hyperparameters") or {}
    plain = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value for name, value in values.items()
    }
    return {name: value for name, value in plain.items() if value != -1}


def _refer_to(bench: Workbench, address: str) -> tuple[str, ...]:
    """Return the declared resources that use a job's model, other jobs aside."""
    from reconciler.cli.look import is_job

    users = (item for item in bench.tree.desired if address in map(str, item.refs))
    return tuple(str(item.address) for item in users if not is_job(item.address.kind))


def _serve(made: Plan, model: str) -> tuple[str, ...]:
    """Return what serves a model of this name in Azure, by the addresses that manifests and commands know it by.

    One that Azure has failed is none of it: it may serve, and it is not done with.
    """
    from reconciler.cli.look import is_job
    from reconciler.core.change import live_of
    from reconciler.core.resource import Phase

    lives = [
        (change.address, live)
        for change in made.changes
        if (live := live_of(change)) is not None and live.phase is not Phase.FAILED
    ]
    found = [one for one, live in lives if model and live.outputs.get("model") == model and not is_job(live.kind)]
    return tuple(sorted(map(str, set(found))))
