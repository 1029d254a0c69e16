"""`apply`: carry out what was approved, as far as Azure lets it go now."""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.exits import INTERRUPTED, apply_exit
from reconciler.cli.state import (
    GLOBALS,
    AllowDeleteOption,
    ApproveOption,
    ExcludeOption,
    ParallelismOption,
    PathArgument,
    PolicyOption,
    PruneOption,
    SettleOption,
    TargetOption,
    dollars,
    is_interactive,
    seconds,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconciler.cli.compose import Workbench
    from reconciler.core.approval import Approval
    from reconciler.core.change import Change, Plan
    from reconciler.core.plan import Options
    from reconciler.core.resource import Desired


def apply(
    path: PathArgument = Path("manifests"),
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="FILE", help="Do only what this saved plan shows.")
    ] = None,
    auto_approve: ApproveOption = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Wait until training has ended (minutes to days), and go on.", envvar="RECONCILER_WAIT"
        ),
    ] = False,
    settle: SettleOption = "5m",
    continue_: Annotated[
        bool, typer.Option("--continue", help="Only go on with what an apply began (for schedules).")
    ] = False,
    prune: PruneOption = False,
    allow_delete: AllowDeleteOption = None,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    max_cost: Annotated[
        str | None,
        typer.Option(
            "--max-cost",
            metavar="USD",
            help="Refuse a plan whose trainings, and 30 days of the hosting that it adds, may cost more.",
        ),
    ] = None,
    policy_from: PolicyOption = None,
    allow_commands: Annotated[
        bool, typer.Option("--allow-commands", help="Run the programs that gates name (docs/gates.md).")
    ] = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the plan that is applied.")] = None,
    parallelism: ParallelismOption = 10,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 3 if work goes on at Azure.")
    ] = False,
    trust_files: Annotated[
        bool, typer.Option("--trust-files", help="Do not read files back before training on them.")
    ] = False,
) -> int:
    """Make Azure match the manifests, as far as it can go now; run it again to go on."""
    from reconciler.cli.compose import workbench
    from reconciler.cli.plan import with_data
    from reconciler.cli.preflight import preflight

    time_to_settle = seconds(settle, "--settle")
    if plan and (target or exclude):
        raise typer.BadParameter("a saved plan already says what is done", param_hint="--target/--exclude with --plan")
    if continue_ and (prune or allow_delete):
        flag = "--prune" if prune else "--allow-delete"
        raise typer.BadParameter("--continue never deletes anything", param_hint=f"{flag} with --continue")
    with (
        told_how_to_make_anew(plan, prune=prune),
        workbench(
            path, GLOBALS.settings(), parallelism=parallelism, settle=time_to_settle, trust_files=trust_files
        ) as bench,
    ):
        options = bench.options(
            prune=prune,
            targets=tuple(target or ()),
            excludes=tuple(exclude or ()),
            allow_delete=tuple(allow_delete or ()),
            unattended=continue_,
            max_cost=dollars(max_cost, "--max-cost"),
            policy_from=policy_from,
        )
        # A saved plan was looked at; what is approved by a flag was not.
        options = replace(options, auto_approved=auto_approve and plan is None, allow_commands=allow_commands)
        approved = saved_approval(plan, bench) if plan else None
        first = with_data(preflight(bench.plan(options), bench), bench)
        if out:
            from reconciler.cli.plan import saved, write_private

            write_private(out, saved(first, bench))
        return carry_out(
            bench,
            bench.tree.desired,
            options,
            first,
            approved,
            wait=wait,
            detailed=detailed_exitcode,
            ask=not (auto_approve or continue_ or plan),
        )


def carry_out(
    bench: Workbench,
    desired: Sequence[Desired],
    options: Options,
    first: Plan,
    approved: Approval | None,
    *,
    wait: bool,
    detailed: bool,
    ask: bool,
    word: str = "apply",
) -> int:
    """Show a plan, have it approved, carry it out, and say what became of it."""
    from reconciler.cli.plan import announce, show
    from reconciler.cli.reporter import Reporter
    from reconciler.core.approval import Approval
    from reconciler.core.fault import Refused
    from reconciler.render.text import EMULATOR_LINE

    announce(first, with_refusals=False)
    if approved is None:
        show(replace(first, refusals=()), bench)  # why it is refused stands last, with the error
    else:
        refuse_if_stale(first, approved)
        print("\n".join([*([EMULATOR_LINE] if bench.emulated else []), *bench.headers()]), flush=True)
    if first.refusals:
        raise Refused(*first.refusals)
    if first.actions and ask:
        confirm(word)
    with Reporter(bench, shown=first.changes if approved is None else (), errored=first.errored) as reporter:
        try:
            outcomes = bench.engine.converge(desired, options, approved or Approval.of(first), first=first, wait=wait)
            for outcome in outcomes:
                reporter.note(outcome)
        except KeyboardInterrupt:
            reporter.interrupted(first)
            for session in bench.sessions.values():
                session.abandon()
            return INTERRUPTED
        except Refused:
            reporter.summarise()
            raise
    reporter.summarise()
    known = [change for change in first.changes if options.unattended and _needs_person(change)]
    return apply_exit(reporter.final(), detailed=detailed, errored=first.errored, known=known)


def _needs_person(change: Change) -> bool:
    """Whether a person must decide before anything goes on."""
    from reconciler.core.change import Stuck, Wait

    return isinstance(change, Stuck) or (isinstance(change, Wait) and change.blocked)


def confirm(word: str) -> None:
    """Ask a person; without a terminal to ask on, refuse."""
    from reconciler.core.fault import Fault, Refused

    if not is_interactive():
        raise Refused(
            Fault(
                "not-approved-here",
                "This is not approved, and there is no terminal to ask on",
                "Nothing was done.",
                f"Review the above, then run:\n  {GLOBALS.again('--auto-approve')}",
            )
        )
    try:
        answer = input(f"\nDo you want to {word} this? Only 'yes' is accepted: ")
    except EOFError:
        print()
        answer = ""
    if answer.strip() != "yes":
        raise Refused(Fault("declined", "This was not approved", "Nothing was done."))


@contextlib.contextmanager
def told_how_to_make_anew(file: Path | None, *, prune: bool) -> Iterator[None]:
    """Have what refuses a saved plan end with the command that makes this very file, of the same sort, anew."""
    from reconciler.core.approval import MAKE_ANEW
    from reconciler.core.fault import ReconcilerError

    try:
        yield
    except ReconcilerError as error:
        if not file:
            raise
        # A folder, a pipe or a device is no place for a plan.
        out = str(file) if file.is_file() or not file.exists() else "plan.json"
        command = f"reconciler plan {'--prune ' if prune else ''}--out {shlex.quote(out)}"
        faults = (replace(fault, remedy=fault.remedy.replace(MAKE_ANEW, command)) for fault in error.faults)
        raise type(error)(*faults) from error


def saved_approval(file: Path, bench: Workbench) -> Approval:
    """Read a saved plan and check that it is of this tree, these accounts and this kind of Azure."""
    from reconciler.cli.documents import json_document
    from reconciler.core.approval import MAKE_ANEW
    from reconciler.core.fault import Fault, ReconcilerError, Refused
    from reconciler.render.document import read_approval

    remedy = f"Make and review a new plan:\n  {MAKE_ANEW}"

    def refused(code: str, summary: str, detail: str) -> Refused:
        return Refused(Fault(code, summary, detail, remedy))

    try:
        document = json_document(file)
    except OSError as error:
        detail = f"{file}: {error.strerror}."
        raise ReconcilerError(Fault("plan-missing", "The saved plan cannot be read", detail, remedy)) from error
    except ValueError as error:
        raise refused("plan-unreadable", "The saved plan is not a whole JSON document", f"{file}: {error}") from error
    approval, meta = read_approval(document)
    if meta.emulator != bench.emulated:
        made, here = ("the emulator", "Azure") if meta.emulator else ("Azure", "the emulator")
        detail = f"{file} was made against {made}, and this would apply it to {here}."
        raise refused("plan-elsewhere", "The saved plan was made for another Azure", detail)
    accounts = bench.described_accounts()
    if meta.accounts != accounts:
        detail = f"{file} is of {_accounts(meta.accounts)}; the manifests are of {_accounts(accounts)}."
        raise refused("plan-accounts", "The saved plan is of other accounts", detail)
    if meta.tree_digest != _tree_digest(bench):
        summary = "The manifests or the data are not those of the saved plan"
        raise refused("plan-stale", summary, f"{file} was made from another tree.")
    return approval


def _accounts(described: list[dict[str, Any]]) -> str:
    """Name accounts so that two of them can be told apart."""
    return " and ".join(
        f"{one.get('name')} ({', '.join(str(one[key]) for key in ('resource_id', 'endpoint', 'owner') if one.get(key))})"
        for one in described
    )


def _tree_digest(bench: Workbench) -> str:
    from reconciler.cli.compose import KINDS
    from reconciler.core.plan import Options, make_plan
    from reconciler.core.resource import World

    return make_plan(bench.tree.desired, bench.accounts, World({}), KINDS, Options()).tree_digest


def refuse_if_stale(first: Plan, approved: Approval) -> None:
    """Refuse a fresh plan that wants what the saved one does not show."""
    from reconciler.core.fault import Refused
    from reconciler.engine import not_approved

    missing = approved.missing(first)
    if missing:
        raise Refused(not_approved(missing))
