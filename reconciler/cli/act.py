"""Rare commands that change Azure: `cancel` a job, `destroy` what we own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.complete import addresses
from reconciler.cli.exits import OK
from reconciler.cli.state import (
    GLOBALS,
    AllowDeleteOption,
    ApproveOption,
    ExcludeOption,
    ParallelismOption,
    PathArgument,
    PathOption,
    SettleOption,
    TargetOption,
    seconds,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.fault import Fault
    from reconciler.core.resource import Observed


def cancel(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDR",
            help="FineTuneJob/name, or the id of one of our jobs.",
            autocompletion=addresses("FineTuneJob"),
        ),
    ],
    path: PathOption = Path("manifests"),
    auto_approve: ApproveOption = False,
) -> int:
    """Cancel a job that has not ended. What it has trained so far is billed."""
    from reconciler.cli.apply import confirm
    from reconciler.cli.compose import workbench
    from reconciler.cli.look import looked_up, stamped, train_again
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.core.resource import Phase

    with workbench(path, GLOBALS.settings()) as bench, stamped(bench):
        made, live = looked_up(bench, address)
        if not bench.engine.kinds[live.kind].is_ours(live, bench.accounts[live.account]):
            raise ReconcilerError(Fault("not-ours", "The job does not bear our mark", f"{live.id} is not touched."))
        if live.phase is not Phase.WORKING:
            raise ReconcilerError(Fault("job-ended", "The job has ended already", f"{live.id} is {live.status}."))
        print(f"- {live.address}  cancel {live.id} ({live.status}); what it has trained so far is billed")
        if not auto_approve:
            confirm("cancel")
        gateway: Any = bench.engine.gateways[live.account, live.kind]
        ended = gateway.cancel(live)
        print(f"{live.id} is {ended.status}. It is not started again by itself.")
        if again := train_again(made, live):
            print(GLOBALS.told(again))
    return OK


def destroy(
    path: PathArgument = Path("manifests"),
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    allow_delete: AllowDeleteOption = None,
    auto_approve: ApproveOption = False,
    settle: SettleOption = "5m",
    parallelism: ParallelismOption = 10,
) -> int:
    """Delete everything of ours in the accounts: deployments, unfinished jobs, files. Models only if named."""
    from reconciler.cli.apply import carry_out
    from reconciler.cli.compose import KINDS, workbench
    from reconciler.cli.look import stamped
    from reconciler.core.plan import Options, make_plan
    from reconciler.core.superseded import has_model
    from reconciler.render.fault import fault_text

    options = Options(
        prune=True,
        targets=tuple(target or ()),
        excludes=tuple(exclude or ()),
        allow_delete=tuple(allow_delete or ()),
        destroy=True,
    )
    with workbench(path, GLOBALS.settings(), parallelism=parallelism, settle=seconds(settle, "--settle")) as bench:
        world = bench.engine.observe()
        # Whether what bears our mark is ours, only the manifests tell.
        foreign = make_plan(bench.tree.desired, bench.accounts, world, KINDS, Options()).not_ours
        options = replace(options, not_ours=frozenset(live.id for live in foreign))
        first = make_plan((), bench.accounts, world, KINDS, options)
        models = [live for live in first.history if has_model(live)]
        warnings = (*([_left_alone(foreign)] if foreign else ()), *([_kept(models)] if models else ()))
        if warnings:
            first = replace(first, warnings=warnings)
        if not first.changes and not first.errored:
            with stamped(bench):
                for warning in first.warnings:
                    print(GLOBALS.told(fault_text(warning, color=GLOBALS.color())))
                print("Nothing to destroy: the accounts hold nothing else of ours.")
            return OK
        return carry_out(
            bench, (), options, first, None, wait=False, detailed=False, ask=not auto_approve, word="destroy"
        )


def _left_alone(foreign: Sequence[Observed]) -> Fault:
    from reconciler.core.fault import Fault

    ids = ", ".join(dict.fromkeys(live.id for live in foreign))
    summary = "A job carries our mark and other settings"
    detail = f"{ids}: not what the manifests declare. It is not cancelled, and its model is not deleted."
    remedy = "See how it differs, and cancel or delete it by hand if it is yours:\n  reconciler plan"
    return Fault("mark-without-evidence", summary, detail, remedy, severity="warning")


def _kept(models: Sequence[Observed]) -> Fault:
    from reconciler.core.fault import Fault

    count = f"{len(models)} models" if len(models) > 1 else "1 model"
    named = "\n".join(f"  --allow-delete {model.kind}/{model.id}" for model in models)
    remedy = f"To delete one, name it:\n{named}"
    return Fault("models-kept", "Models are kept", f"{count} of ours.", remedy, severity="warning")
