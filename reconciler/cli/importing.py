"""`import`: manifests for what lives in an account, so that it can go on in git. Nothing at Azure is changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reconciler.cli.exits import OK
from reconciler.cli.state import GLOBALS, ExcludeOption, ParallelismOption, PathArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.compose import Workbench
    from reconciler.cli.import_files import Writing
    from reconciler.core.draft import Draft, LeftOut
    from reconciler.core.resource import World
    from reconciler.manifests.adoption import Survey, Wish

MOST_TOLD = 20
"""Objects that are left out for one reason and named; the rest are counted."""


def import_(
    path: PathArgument = Path("manifests"),
    source: Annotated[
        Literal["azure", "openai"],
        typer.Option("--from", help="openai: data and settings of an organisation, to be trained anew."),
    ] = "azure",
    account: Annotated[
        str | None, typer.Option("--account", metavar="NAME", help="Only this Account; every one if absent.")
    ] = None,
    resource_id: Annotated[
        str | None, typer.Option("--resource-id", metavar="ID", help="Write the Account too: its ARM id.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option("--endpoint", metavar="URL", help="Write the Account too: its data-plane endpoint.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", metavar="NAME", help="Owner of the Account that is written.")
    ] = None,
    into: Annotated[
        str | None,
        typer.Option("--into", metavar="DIR", help="Folder below PATH to write to; named like the Account if absent."),
    ] = None,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Download the files too; without, manifests name them by id.")
    ] = False,
    with_hyperparameters: Annotated[
        bool,
        typer.Option("--with-hyperparameters", help="Declare the hyperparameters that Azure trained with."),
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Also what was made from manifests and is declared no more.")
    ] = False,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", metavar="ADDR", help="Only what gets this address (globs). Repeatable."),
    ] = None,
    exclude: ExcludeOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written; write nothing.")] = False,
    parallelism: ParallelismOption = 10,
) -> int:
    """Write manifests for what lives in an account and no manifest declares; the next plan changes nothing."""
    from reconciler.cli.compose import opened
    from reconciler.cli.import_files import Writing, tree_for
    from reconciler.cli.look import stamped
    from reconciler.manifests.adoption import Wish

    if source == "openai":
        from reconciler.cli.import_openai import import_openai

        if resource_id or endpoint or with_data or history:
            raise typer.BadParameter("goes with none of these", param_hint="--from openai")
        chosen = (tuple(target or ()), tuple(exclude or ()))
        return import_openai(path, account, into, chosen, settings=with_hyperparameters, dry_run=dry_run)
    tree, account_text = tree_for(path, resource_id, endpoint, owner)
    with opened(tree, GLOBALS.settings(), parallelism=parallelism) as bench, stamped(bench):
        for header in bench.headers():
            print(header)
        wish = Wish(_chosen(bench, account), tuple(target or ()), tuple(exclude or ()), history=history)
        world = _observed(bench)
        with Writing(tree, into) as writing:
            found = _survey(bench, world, wish, writing, data=with_data, settings=with_hyperparameters)
            writing.add(found, account_text)
            writing.finish(dry_run=dry_run)
        tell(found.left_out)
        if not writing.names:
            print("\nNothing to import: whatever can be declared is declared.")
        elif not dry_run:
            print(
                f"\nNothing at Azure was changed. Look at the files, then see that a plan changes nothing:\n  {next_plan(path)}"
            )
    return OK


def _chosen(bench: Workbench, account: str | None) -> Sequence[str]:
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.manifests.faults import meant, quoted

    if account is not None and account not in bench.accounts:
        raise ReconcilerError(
            Fault(
                "unknown-account",
                "Unknown account",
                f"There is no Account called {quoted(account)}.",
                meant(account, bench.accounts, what="Accounts"),
            )
        )
    return [account] if account is not None else sorted(bench.accounts)


def _observed(bench: Workbench) -> World:
    """Look at everything, and closer at what may be written."""
    from reconciler.cli.compose import KINDS
    from reconciler.core.plan import Options, make_plan
    from reconciler.manifests.adoption import confirmed

    engine = bench.engine
    world = engine.observe()
    plan = make_plan(bench.tree.desired, bench.accounts, world, KINDS, Options())
    return confirmed(plan, world, engine.gateways)


def _survey(bench: Workbench, world: World, wish: Wish, writing: Writing, *, data: bool, settings: bool) -> Survey:
    """Decide what is written; files that are wanted are downloaded in between, once it is known which these are."""
    from dataclasses import replace

    from reconciler.cli.compose import KINDS
    from reconciler.kind import Workspace
    from reconciler.kinds.fine_tune_job import with_settings
    from reconciler.manifests.adoption import survey

    workspace = Workspace(bench.tree.root)
    refine = with_settings if settings else lambda draft: draft

    def look(chosen: Wish) -> Survey:
        return survey(bench.tree.desired, bench.accounts, world, KINDS, workspace, chosen)

    found = look(replace(wish, refine=refine))
    if not data:
        return found
    from reconciler.azure.files import Files

    fetched = writing.fetch(found, lambda live: Files(bench.sessions[live.account]).content(live.id))

    def with_data(draft: Draft) -> Draft:
        return fetched.get((draft.live.account, draft.live.id), refine(draft))

    return look(replace(wish, refine=with_data))


def tell(left_out: Sequence[LeftOut]) -> None:
    """Say what no manifest was written for, by reason."""
    from reconciler.render.text import printable

    reasons: dict[str, list[str]] = {}
    for one in left_out:
        same = one.live.name.lower() == one.live.id.lower()
        named = one.live.name if same else f"{one.live.name} ({one.live.id})"
        reasons.setdefault(f"{one.live.kind}: {one.reason}", []).append(named)
    if reasons:
        print("\nLeft out:")
    for reason, names in reasons.items():
        print(f"  {printable(reason)}")
        for name in names[:MOST_TOLD]:
            print(f"    {printable(name)}")
        if len(names) > MOST_TOLD:
            print(f"    and {len(names) - MOST_TOLD} more")


def next_plan(path: Path) -> str:
    """Return the command that shows what would happen now."""
    import shlex

    words = ["reconciler", *(["--emulator"] if GLOBALS.emulator else []), "plan"]
    return shlex.join([*words, *([] if path == Path("manifests") else [str(path)])])
