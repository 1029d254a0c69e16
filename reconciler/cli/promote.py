"""`promote`: write into a manifest which model its deployment serves, so that a commit and nothing else changes it."""

from __future__ import annotations

import difflib
import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.complete import addresses
from reconciler.cli.exits import OK
from reconciler.cli.state import GLOBALS, PathArgument

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.fault import Fault
    from reconciler.core.resource import Desired
    from reconciler.kinds.deployment.promotion import Promotion


def promote(
    address: Annotated[
        str,
        typer.Argument(
            metavar="Deployment/NAME",
            help="The Deployment that is to serve it.",
            autocompletion=addresses("Deployment"),
        ),
    ],
    path: PathArgument = Path("manifests"),
    to: Annotated[
        str, typer.Option("--to", metavar="MARK|latest", help="A mark of its job, or its newest model.")
    ] = "latest",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the edit, and write nothing.")] = False,
) -> int:
    """Pin a Deployment to a model of its job: edits one value of its manifest, for you to commit."""
    from reconciler.cli.compose import workbench
    from reconciler.cli.look import stamped
    from reconciler.render.words import printable

    with workbench(path, GLOBALS.settings()) as bench, stamped(bench):
        desired = _named(bench, address)
        found = _promotion(bench, desired, to.strip().lower())
        file = bench.tree.root / desired.place.file
        before, after = _edit(file, desired, found.mark)
        model = found.live.outputs.get("model") if found.live else "(known when its training has succeeded)"
        print(printable(f"{desired.address} -> {found.mark}  {model}"))
        for note in found.notes:
            print(printable(note))
        if before == after:
            print(printable(f"It pins {found.mark} already; nothing was written."))
            return OK
        print(_diff(before, after, desired.place.file))
        if not dry_run:
            _write(file, after, desired.place.file)
        done = "Dry run: nothing was written. To write it, leave out --dry-run." if dry_run else "Written. Next:"
        print(done)
        if not dry_run:
            print(GLOBALS.told(printable(f"  reconciler plan --target {shlex.quote(str(desired.address))}")))
    return OK


def _named(bench: Workbench, address: str) -> Desired:
    """Return the declared Deployment of an address; its kind may be left out."""
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.kinds.deployment.spec import DeploymentSpec
    from reconciler.manifests.faults import meant, quoted

    there = {str(item.address): item for item in bench.tree.desired if isinstance(item.spec, DeploymentSpec)}
    wanted = address if "/" in address else f"Deployment/{address}"
    if wanted in there:
        return there[wanted]
    raise ReconcilerError(
        Fault(
            "not-a-deployment",
            "There is no such deployment in these manifests",
            f"{quoted(address)} is not declared.",
            meant(wanted, there, what="Declared"),
        )
    )


def _promotion(bench: Workbench, desired: Desired, to: str) -> Promotion:
    """Look at Azure for what can be pinned; raises ReconcilerError."""
    from reconciler.core.fault import ReconcilerError
    from reconciler.core.rules import View
    from reconciler.kinds.deployment.promotion import promotion

    world = bench.engine.observe()
    if world.failures:
        raise ReconcilerError(*dict.fromkeys(world.failures.values()))
    made = bench.plan(bench.options(), world)
    # What bears the mark of a job and contradicts it is nothing to serve.
    world = world.without(made.not_ours)
    declared = {item.address: item for item in bench.tree.desired}
    return promotion(desired, to, View(bench.accounts[desired.account], world, made.known_by, declared))


def _edit(file: Path, desired: Desired, mark: str) -> tuple[str, str]:
    """Return the text of a manifest before and after; raises ReconcilerError where it cannot be edited."""
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.manifests.editing import Setting, edited

    try:
        before = file.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise ReconcilerError(_unwritable(desired.place.file, error)) from error
    setting = Setting(desired.address, ("spec", "model"), "job", "pin", mark)
    after = edited(before, desired.place.file, setting)
    if isinstance(after, Fault):
        raise ReconcilerError(after)
    return before, after


def _diff(before: str, after: str, name: str) -> str:
    from reconciler.render.words import printable

    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), f"a/{name}", f"b/{name}", lineterm="", n=2)
    return "\n".join(printable(line) for line in lines)


def _write(file: Path, text: str, name: str) -> None:
    """Put the text in the place of the file at once, so that nobody reads half of it; its mode stays."""
    from reconciler.core.fault import ReconcilerError

    real = Path(os.path.realpath(file))
    # root may write what nobody is meant to write.
    if not os.access(real, os.W_OK) or not real.stat().st_mode & 0o222:
        raise ReconcilerError(_unwritable(name, PermissionError("it is read-only")))
    try:
        handle, staged = tempfile.mkstemp(dir=real.parent, prefix=f".{real.name}.")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(text.encode())
            shutil.copymode(real, staged)
            Path(staged).replace(real)
        except BaseException:
            Path(staged).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise ReconcilerError(_unwritable(name, error)) from error


def _unwritable(name: str, error: Exception) -> Fault:
    from reconciler.core.fault import Fault, Place

    why = getattr(error, "strerror", None) or str(error)
    summary = "The manifest cannot be written"
    return Fault(
        "manifest-unwritable", summary, f"{why}.", "Nothing was changed. Make it writable and run again.", Place(name)
    )
