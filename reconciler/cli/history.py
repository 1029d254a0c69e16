"""`history`: past trainings, what changed from one to the next, how well they went, and what serves now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.complete import addresses
from reconciler.cli.exits import ERROR, OK
from reconciler.cli.state import GLOBALS, PathOption, screen_width

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Plan
    from reconciler.core.resource import Observed, World
    from reconciler.results.run import Run

MOST_RESULTS = 20
"""Trainings, newest first, whose results are read: each costs a few calls and a download."""


def history(
    address: Annotated[
        str | None,
        typer.Argument(
            metavar="[ADDR]",
            help="FineTuneJob/name, or the id of a job; all if absent.",
            autocompletion=addresses("FineTuneJob"),
        ),
    ] = None,
    path: PathOption = Path("manifests"),
    results: Annotated[
        bool | None,
        typer.Option(
            "--results/--no-results",
            help="Read the result files: best value and verdict of each training.  [default: with ADDR]",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Show finished jobs and models of ours, those that a manifest matches and those that none does any more."""
    from reconciler.cli.compose import workbench
    from reconciler.cli.look import job_name, no_such_job, print_unread, stamped
    from reconciler.render.table import table

    if results and not address:
        raise typer.BadParameter("needs ADDR: it downloads the results of each training", param_hint="--results")
    results = bool(address) if results is None else results
    with workbench(path, GLOBALS.settings()) as bench, stamped(bench):
        wanted = job_name(address) if address else ""
        world = bench.engine.observe()
        made = bench.plan(bench.options(), world)
        past = _Past(made, world, bench)
        shown = [live for live in past.jobs if not wanted or wanted in {live.name, live.id, past.manifest(live)}]
        if wanted and not shown and not any(past.declares(change.address, wanted) for change in made.changes):
            raise no_such_job(str(address), made)
        runs = _read(bench, made, shown) if results else {}
        heads = ["JOB", "STATUS", "CREATED", "TOKENS", "COST"]
        heads += ["BEST", "VERDICT"] if results else []
        heads += ["CHANGED"] if wanted else []
        rows = [past.row(live, compared=bool(wanted), results=results, run=runs.get(live.id)) for live in shown]
        if rows or made.errored:
            print(table((*heads, "MARK", "MANIFEST", "SERVED BY", "MODEL"), rows, screen_width()))
        else:
            print(f"{address} has no job yet." if address else "No jobs yet.")
        if results and len(shown) > MOST_RESULTS:
            print(f"The results of the newest {MOST_RESULTS} were read.")
        print_unread(made)
    return ERROR if made.errored else OK


class _Past:
    """All jobs of a plan, newest first, and what is to be said of each."""

    def __init__(self, made: Plan, world: World, bench: Workbench) -> None:
        from reconciler.cli.look import is_job, serving
        from reconciler.core.change import live_of

        self._is_job = is_job
        self._bench = bench
        found = [(change, live) for change in made.changes if (live := live_of(change)) is not None]
        past = {live.id for live in made.history}
        self._addresses = {live.id: change.address for change, live in found if live.id not in past}
        self._matched = {live_id: str(address) for live_id, address in self._addresses.items()}
        self._serving = serving(made)
        jobs = {live.id: live for live in (*(live for _, live in found), *made.history) if is_job(live.kind)}
        self.jobs = sorted(jobs.values(), key=lambda live: live.created_at, reverse=True)
        self._files: Mapping[str, str] = {live.id: live.identity for live in world if not is_job(live.kind)}

    def manifest(self, live: Observed) -> str:
        """Return the name of the manifest that a job is claimed by, or ""."""
        return self._matched.get(live.id, "").partition("/")[2]

    def declares(self, address: object, name: str) -> bool:
        """Whether an address is that of a job of this name."""
        kind, _, own = str(address).partition("/")
        return self._is_job(kind) and own == name

    def row(self, live: Observed, *, compared: bool, results: bool, run: Run | None) -> tuple[str, ...]:
        """Return a job as a row."""
        from reconciler.cli.look import tokens, when
        from reconciler.cli.spent import spent
        from reconciler.core.digest import checked

        model = str(live.outputs.get("model", ""))
        recent = any(one is live for one in self.jobs[:MOST_RESULTS])
        cost = spent(self._bench, live, self._addresses.get(live.id), look=recent).removeprefix("cost ")
        cells = [live.id, live.status, when(live.created_at), tokens(live), cost or "-"]
        if results:
            cells += list(_went(run))
        if compared:
            cells.append(self._changed(live))
        name = self._matched.get(live.id, "")
        mark = checked(live.owner, live.identity) if live.owner and live.identity else "-"
        served = ", ".join((*self._serving.get(model, ()), *self._serving.get(live.id, ())))
        cells += [mark, name or f"history of {live.name}", served or "-", _model(live)]
        return tuple(cells)

    def _changed(self, live: Observed) -> str:
        """Return what differs from the training before it, of those that bear the same name."""
        group = self.manifest(live) or live.name
        earlier = [
            other
            for other in self.jobs
            if other.created_at < live.created_at and (self.manifest(other) or other.name) == group
        ]
        if not earlier:
            return "first"
        return ", ".join((*_settings(earlier[0], live), *self._data(earlier[0], live))) or "nothing that Azure shows"

    def _data(self, before: Observed, after: Observed) -> Sequence[str]:
        said = []
        for key, words in (("training_file", "training data"), ("validation_file", "validation data")):
            one, two = str(before.facts.get(key, "")), str(after.facts.get(key, ""))
            if one == two or before.facts.get("model_only") or after.facts.get("model_only"):
                continue
            if not one or not two:
                said.append(f"{words} {'added' if two else 'left out'}")
                continue
            digests = [self._files.get(file_id, "") for file_id in (one, two)]
            if all(digests) and digests[0] == digests[1]:
                continue
            # A file that is gone cannot be compared; a new upload of the same data has a new id too.
            said.append(words if all(digests) else f"{words} (perhaps: another file)")
        return said


def _model(live: Observed) -> str:
    """Return the model of a job, and whether it is still there."""
    model = str(live.outputs.get("model", "")) or "-"
    return f"{model} (deleted)" if live.facts.get("model_gone") else model


def _settings(before: Observed, after: Observed) -> list[str]:
    """Return the settings that differ, where Azure shows both; -1 is one that it chose and does not tell."""
    from reconciler.core.diff import differences
    from reconciler.render.words import field_name, shown

    return [
        f"{field_name(item.path)} {shown(item.before, path=item.path)} -> {shown(item.after, path=item.path)}"
        for item in differences(after.spec, before.spec, echoes_all=False)
        if -1 not in (item.before, item.after)
    ]


def _read(bench: Workbench, made: Plan, lives: Sequence[Observed]) -> Mapping[str, Run]:
    from reconciler.cli.report import read_runs

    return {run.job_id: run for run in read_runs(bench, made, lives[:MOST_RESULTS])}


def _went(run: Run | None) -> tuple[str, str]:
    from reconciler.render.report_words import at_step, metric_rows, verdict_line

    if run is None:
        return "-", "-"
    best = next(iter(metric_rows(run)), None)
    return (f"{best.title} {at_step(best.best)}" if best else "-"), verdict_line(run)
