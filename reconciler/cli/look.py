"""Commands that only look: `status`, `logs`; and what `history` and `report` share with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reconciler.cli.complete import addresses
from reconciler.cli.exits import ERROR, OK
from reconciler.cli.state import (
    GLOBALS,
    ExcludeOption,
    ParallelismOption,
    PathArgument,
    PathOption,
    TargetOption,
    screen_width,
)

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Change, Plan
    from reconciler.core.fault import ReconcilerError
    from reconciler.core.resource import Address, Observed


def status(
    path: PathArgument = Path("manifests"),
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    parallelism: ParallelismOption = 10,
    output_format: Annotated[Literal["text", "json"], typer.Option("--format", help="How it is printed.")] = "text",
) -> int:
    """Show each resource: what it is at Azure, how far it is, and with --format json what other tools may use of it."""
    from reconciler.cli.compose import workbench
    from reconciler.render.table import table

    with workbench(path, GLOBALS.settings(), parallelism=parallelism) as bench, stamped(bench, output_format):
        made = bench.plan(bench.options(targets=tuple(target or ()), excludes=tuple(exclude or ())))
        if output_format == "json":
            _print_status(made, bench)
            return ERROR if made.errored else OK
        rows = _status_rows(made, bench)
        for header in bench.headers():
            print(header)
        print(table(("RESOURCE", "STATE", "SINCE", "AT AZURE", "DETAIL"), rows, screen_width()))
        print_unread(made)
    return ERROR if made.errored else OK


def _print_status(made: Plan, bench: Workbench) -> None:
    from reconciler import __version__
    from reconciler.render.document import dumps
    from reconciler.render.status import status_document

    rows = zip(made.changes, _status_rows(made, bench), strict=True)
    document = status_document(
        made,
        [(change, row[1], row[4]) for change, row in rows],
        accounts=bench.described_accounts(),
        emulator=bench.emulated,
        tool_version=__version__,
    )
    print(dumps(document))


def logs(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDR", help="FineTuneJob/name, or the id of a job.", autocompletion=addresses("FineTuneJob")
        ),
    ],
    path: PathOption = Path("manifests"),
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
) -> int:
    """Print the events of a job, oldest first, and after them what became of it."""
    from reconciler.cli.compose import workbench
    from reconciler.cli.follow import Follower
    from reconciler.core.resource import Phase

    with workbench(path, GLOBALS.settings()) as bench, stamped(bench):
        made, live = looked_up(bench, address)
        gateway: Any = bench.engine.gateways[live.account, live.kind]
        follower = Follower(gateway, live, bench.runtime, _say_trouble)
        for event in follower.events(follow=follow):
            print(_event_line(event), flush=True)
        match follower.live.phase:
            case Phase.READY | Phase.FAILED:
                _print_summary(gateway, follower.live, made)
            case Phase.GONE:
                _say(f"{live.id} does not exist any more: somebody deleted it, or Azure has purged it.")
            case _ if follow and follower.live.halted:
                _say(f"{live.id} is {follower.live.words or follower.live.status}.")
    return OK


def _print_summary(gateway: Any, live: Observed, made: Plan) -> None:
    """Print what became of a job; what cannot be read of it is left out."""
    from reconciler.core.fault import ReconcilerError
    from reconciler.render.text import printable

    try:
        said = gateway.summary(live)
    except ReconcilerError:
        said = ()
    # Events alone are the output: a pipe wants them, and a person sees both.
    if said:
        GLOBALS.log.say("\n".join([f"\n{live.id}:", *(f"  {printable(line)}" for line in said)]))
    if live.outputs.get("model") and (following := _following(made, live)):
        GLOBALS.log.say(following)


def _following(made: Plan, live: Observed) -> str:
    """Return what is to be done so that what follows a job has its model; "" if it has, or nothing follows it."""
    from reconciler.core.change import Keep, Stuck, live_of

    of_job = {change.address for change in made.changes if (one := live_of(change)) is not None and one.id == live.id}
    after = [change for change in made.changes if of_job.intersection(made.needs.get(change.address, ()))]
    going = [str(change.address) for change in after if not isinstance(change, Keep | Stuck)]
    if going:
        return f"Next, for {' and '.join(going)}:\n  reconciler apply"
    stuck = next((change.address for change in after if isinstance(change, Stuck)), None)
    return f"{stuck} follows it, and is stuck. To see why:\n  reconciler plan --target {stuck}" if stuck else ""


def _say_trouble(fault: Any) -> None:
    _say(f"{fault.summary} ({fault.detail}); still trying.")


def _say(text: str) -> None:

    from reconciler.render.text import printable

    GLOBALS.log.say(printable(text))


@contextmanager
def stamped(bench: Workbench, output_format: str = "text") -> Iterator[None]:
    """Say before and after a text that an emulator plays Azure, if one does."""
    from reconciler.render.text import EMULATOR_LINE

    says = bench.emulated and output_format == "text"
    if says:
        print(EMULATOR_LINE)
    yield
    if says:
        print(EMULATOR_LINE)


def looked_up(bench: Workbench, address: str) -> tuple[Plan, Observed]:
    """Make a plan, and return it with the live job that an address or an id names; raises ReconcilerError."""
    job_name(address)  # what is no job is said before Azure is asked
    made = bench.plan(bench.options())
    return made, find_in(made, address)


def train_again(made: Plan, live: Observed) -> str:
    """Return how the job that declares a training is trained again, and on a line of its own what to write; "" if none does."""
    from reconciler.core.change import Create, Delete
    from reconciler.kinds.fine_tune_job.verdicts import next_attempt
    from reconciler.render.words import lines

    for change in made.changes:
        if isinstance(change, Create | Delete) or change.live is None or change.live.id != live.id:
            continue
        if change.desired is not None and is_job(change.address.kind):
            return "\n".join(lines(next_attempt(change.desired, at=True)))
    return ""


def find_in(made: Plan, address: str) -> Observed:
    """Return the live job that an address or an id names in a plan; raises ReconcilerError."""
    from reconciler.core.change import live_of

    name = job_name(address)
    lives: list[Observed] = []
    for change in made.changes:
        live = live_of(change)
        if live is not None and is_job(live.kind) and (name == live.id or _named(change, name)):
            lives.append(live)
    lives += [live for live in made.history if name in {live.id, live.name}]
    if not lives:
        raise no_such_job(address, made)
    return lives[0]


def is_job(kind: str) -> bool:
    """Return whether a kind is that of trainings."""
    from reconciler.cli.compose import KINDS

    return kind in KINDS and KINDS[kind].keeps_history


def job_name(address: str) -> str:
    """Return the name or the id in an address that may leave out its kind; raises ReconcilerError for another kind's."""
    from reconciler.cli.compose import KINDS
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.manifests.faults import quoted

    kind, slash, name = address.partition("/")
    if not slash or kind not in KINDS:
        return address
    if not is_job(kind):
        jobs = next(kind for kind in KINDS if is_job(kind))
        raise ReconcilerError(
            Fault("not-a-job", "This is not a job", f"{quoted(address)} is not a job.", f"Name one as {jobs}/NAME.")
        )
    return name


def _named(change: Change, name: str) -> bool:
    return is_job(change.address.kind) and change.address.name == name


def no_such_job(address: str, made: Plan) -> ReconcilerError:
    """Say which jobs there are, or why that is not known."""
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.manifests.faults import nearest, quoted

    if made.errored:
        return ReconcilerError(*made.unread)
    declared = {change.address.name: str(change.address) for change in made.changes if is_job(change.address.kind)}
    name = job_name(address)
    detail = f"{quoted(address)} is not declared, and is no job of ours."
    if name in declared:
        detail = f"{quoted(address)} is declared, and has no job yet."
        remedy = "See what it waits for:\n  reconciler status"
    elif near := nearest(name, declared):
        remedy = f"Did you mean {quoted(declared[near])}?"
    else:
        listed = "\n  ".join(sorted(declared.values()))
        remedy = f"Jobs of these manifests:\n  {listed or 'none'}"
    return ReconcilerError(Fault("no-such-job", "There is no such job at Azure", detail, remedy))


def _progress(bench: Workbench, live: Observed) -> str:
    from reconciler.core.fault import ReconcilerError

    try:
        return bench.engine.gateways[live.account, live.kind].progress(live)
    except ReconcilerError:
        # How far a job is, is not worth the rest of the table.
        return ""


def _told(bench: Workbench, live: Observed, address: Address) -> str:
    """Return how far a job is or what it has made, and what it has cost beside its estimate."""
    from reconciler.cli.spent import spent

    return ", ".join(part for part in (_progress(bench, live), spent(bench, live, address)) if part)


def _status_rows(made: Plan, bench: Workbench) -> list[tuple[str, ...]]:
    """Return a row for each change, asked for in parallel: each job that is there costs a call."""
    tasks = [bench.engine.executor.submit(partial(_status_row, change, bench, made)) for change in made.changes]
    return [task.result() for task in tasks]


def _status_row(change: Change, bench: Workbench, made: Plan) -> tuple[str, ...]:
    from reconciler.core.change import Create, Delete, Keep, Replace, Stuck, Update, Wait, live_of
    from reconciler.core.resource import Phase
    from reconciler.render.cost import change_lines
    from reconciler.render.describe import ADOPTED

    live = live_of(change)
    since = _ago(bench.runtime.clock.now() - live.created_at) if live is not None and live.created_at else "-"
    at = live.id.rpartition("/")[2] if live is not None else "-"
    state, detail = "", ""
    match change:
        case Stuck():
            state, detail = "stuck", f"{change.fault.summary}: {change.fault.detail}"
            if not made.knows(change):
                state, detail = "unknown", ""
        case Wait():
            state, detail = "waiting", "for " + ", ".join(map(str, change.on))
        case Create():
            state = "missing" if change.reason == "missing" else "to be made"
        case Update() if change.adopts:
            state, detail = change.live.status, ADOPTED
        case Update() | Replace():
            state, detail = "differs", ", ".join(item.path for item in change.changes)
        case Delete():
            state, detail = (
                ("kept", change.held) if change.kept else ("left over", "; ".join(change_lines(change, made)))
            )
        case Keep():
            state = change.live.status if change.live else "suspended" if change.rests else "not needed"
            if change.live and change.live.phase is Phase.WORKING:
                detail = _told(bench, change.live, change.address)
                detail = ": ".join(part for part in (change.live.words, detail) if part)
            elif change.live:
                detail = _told(bench, change.live, change.address) if is_job(change.address.kind) else ""
                pin = str(change.live.facts.get("pin", ""))
                served = f" ({pin})" if ":" in pin else ""
                detail = detail or str(change.live.outputs.get("model", "")) + served
    return (str(change.address), state, since, at, detail)


def serving(made: Plan) -> dict[str, list[str]]:
    """Return what serves each model, by the model; what serves a checkpoint, by the id of its job."""
    from reconciler.core.change import live_of
    from reconciler.core.resource import Phase

    found: dict[str, list[str]] = {}
    for change in made.changes:
        live = live_of(change)
        if live is None or not live.outputs.get("model") or is_job(live.kind):
            continue
        job, _, step = str(live.facts.get("pin", "")).partition(":")
        key, words = (
            (job, f"{live.name} ({step.partition(':')[0]})") if step else (str(live.outputs["model"]), live.name)
        )
        if live.phase is Phase.FAILED:
            words += f" ({live.status})"
        found.setdefault(key, []).append(words)
    return found


def print_unread(made: Plan) -> None:
    """Say which parts of Azure could not be read."""
    import sys

    from reconciler.render.fault import unread_texts

    if made.unread:
        GLOBALS.log.faults(made.unread, lambda: "\n".join(unread_texts(made.unread, color=GLOBALS.color(sys.stderr))))


def when(moment: float, *, seconds: bool = False) -> str:
    """Return a moment in UTC."""
    import time

    return time.strftime(f"%Y-%m-%d %H:%M{':%S' if seconds else ''}Z", time.gmtime(moment)) if moment else "-"


def _ago(elapsed: float) -> str:
    minutes = int(max(elapsed, 0) // 60)
    if minutes < 120:
        return f"{minutes} min" if minutes else f"{int(max(elapsed, 0))} s"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def tokens(live: Observed) -> str:
    """Return how many tokens were billed."""
    billed = live.facts.get("trained_tokens")
    return f"{int(billed):,}" if billed else "-"


def _event_line(event: Any) -> str:
    from reconciler.render.text import printable

    level = str(event.get("level") or "info")
    prefix = "" if level == "info" else f"{level}: "
    said = printable(f"{prefix}{event.get('message') or ''}")
    return f"{when(float(event.get('created_at') or 0), seconds=True)}  {said}"
