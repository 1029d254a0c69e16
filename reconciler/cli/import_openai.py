"""`import --from openai`: data and settings of an organisation at OpenAI, as manifests that train anew at Azure.

Models cannot be moved from one service to the other. What is written has no `adopt`: the next plan shows the trainings and
what they cost, as for any other manifest.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from reconciler.cli.exits import OK
from reconciler.cli.state import GLOBALS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.azure.errors import AzureError
    from reconciler.azure.openai_org import Organisation
    from reconciler.core.account import Account
    from reconciler.core.draft import Draft
    from reconciler.core.fault import ReconcilerError
    from reconciler.core.resource import World

NO_TYPE = "OpenAI has no training types: absent, it is standard"


def import_openai(
    path: Path,
    account: str | None,
    into: str | None,
    chosen: tuple[tuple[str, ...], tuple[str, ...]],
    *,
    settings: bool,
    dry_run: bool,
) -> int:
    """Write Datasets with their data, and FineTuneJobs, for what an organisation has trained."""
    from reconciler.azure.errors import AzureError
    from reconciler.azure.openai_org import Organisation
    from reconciler.cli.compose import KINDS, SystemClock, load_tree
    from reconciler.cli.import_files import Writing
    from reconciler.cli.importing import next_plan, tell
    from reconciler.core.runtime import Runtime
    from reconciler.kind import Workspace
    from reconciler.manifests.adoption import Wish, survey

    if GLOBALS.emulator:
        raise typer.BadParameter("plays Azure; it is no organisation at OpenAI", param_hint="--emulator")
    tree = load_tree(path)
    target = _account(tree.accounts, account)
    try:
        organisation = Organisation(Runtime(SystemClock()), os.environ)
    except AzureError as error:
        raise _of_openai(error) from error
    try:
        print(f"{organisation.url}  ->  Account/{target.name}")
        world, bases = _world(organisation, target)
        with Writing(tree, into, "openai") as writing:
            got: dict[str, Any] = {}
            for live in world.of(target.name, "Dataset"):
                got[live.id] = writing.stage(live, lambda one: organisation.content(one.id))

            def refine(draft: Draft) -> Draft | str:
                if "source" in draft.spec:
                    staged = got[draft.live.id]
                    wrong = f"its data has errors ({', '.join(staged.errors)})"
                    return wrong if staged.errors else replace(draft, spec={"source": {"path": staged.path}})
                return _anew(draft, bases, settings=settings)

            wish = Wish([target.name], *chosen, anew=True, refine=refine)
            found = survey(tree.desired, tree.accounts, world, KINDS, Workspace(tree.root), wish)
            writing.add(found, "")
            writing.finish(dry_run=dry_run)
    except AzureError as error:
        raise _of_openai(error) from error
    finally:
        organisation.close()
    tell(found.left_out)
    unknown = _unknown(found.adopted)
    if unknown:
        print(f"\nNot known to be trained at Azure: {', '.join(unknown)}. `reconciler doctor` asks your account.")
    if not writing.names:
        print("\nNothing to import: no job has succeeded, or all is declared.")
    elif not dry_run:
        print(f"\nNothing was trained or sent to Azure. See what training anew would do and cost:\n  {next_plan(path)}")
    return OK


def _account(accounts: Mapping[str, Account], name: str | None) -> Account:
    from reconciler.manifests.faults import listed, quoted

    if name is None and len(accounts) == 1:
        return next(iter(accounts.values()))
    if name is not None and name in accounts:
        return accounts[name]
    known = listed([quoted(one) for one in sorted(accounts)], joint="or")
    raise typer.BadParameter(f"name the Account to train in: {known or 'there is none'}", param_hint="--account")


def _world(organisation: Organisation, account: Account) -> tuple[World, Mapping[str, str]]:
    """Return what an organisation has as if it lived in the account: succeeded jobs, and the files that they read."""
    from reconciler.core.resource import Phase, World
    from reconciler.kinds.dataset.gateway import observed_file
    from reconciler.kinds.fine_tune_job.observed import observed_job

    jobs = [observed_job(body, account) for body in organisation.jobs()]
    done = [live for live in jobs if live.phase is Phase.READY]
    wanted = {file for live in done for file in live.facts["files"]}
    files = [observed_file(body, account.name) for body in organisation.files()]
    world = World(
        {
            (account.name, "Dataset"): tuple(live for live in files if live.id in wanted),
            (account.name, "FineTuneJob"): tuple(live for live in jobs if live.phase is not Phase.WORKING),
        }
    )
    return world, {str(live.outputs["model"]).lower(): live.id for live in done}


def _anew(draft: Draft, bases: Mapping[str, str], *, settings: bool) -> Draft | str:
    """Return a job that trains anew, or why it cannot."""
    from reconciler.kinds.fine_tune_job import with_settings

    files = [draft.spec.get(field, {}) for field in ("training_file", "validation_file")]
    gone = [file["file_id"] for file in files if "file_id" in file]
    if gone:
        return f"its file {gone[0]} is gone, or has errors"
    model = str(draft.spec["model"])
    if model.lower() in bases or model.startswith("ft:"):
        return f"it was trained further from {model}, which is only at OpenAI; declare it with `model: {{job: NAME}}`"
    draft = with_settings(draft) if settings else draft
    spec = {key: value for key, value in draft.spec.items() if key != "integrations"}
    notes = [note.replace("Azure", "OpenAI") for note in draft.notes if "training type" not in note]
    if "training_type" not in spec:
        notes.append(NO_TYPE)
    return replace(draft, spec=spec, adopt=False, notes=tuple(notes))


def _of_openai(error: AzureError) -> ReconcilerError:
    """Return an error in the name of who answered: the SDK is the same, the service is not."""
    from reconciler.core.fault import Fault, ReconcilerError

    fault = error.fault
    detail = fault.detail.replace("Azure answered", "OpenAI answered")
    remedy = "Set OPENAI_API_KEY to a key that may read files and fine-tuning jobs, and run the command again."
    code = fault.code.replace("azure-", "openai-")
    return ReconcilerError(Fault(code, "OpenAI could not be read", detail, remedy))


def _unknown(adopted: Sequence[Any]) -> list[str]:
    from reconciler.models import find

    models = {str(item.spec["model"]) for item in adopted if "model" in item.spec}
    return sorted(model for model in models if find(model) is None)
