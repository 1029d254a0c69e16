"""`plan`: what would change, as text or JSON, on the screen or in a file that `apply --plan` takes."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reconciler.cli.exits import plan_exit
from reconciler.cli.state import (
    GLOBALS,
    AllowDeleteOption,
    ExcludeOption,
    ParallelismOption,
    PathArgument,
    PolicyOption,
    PruneOption,
    TargetOption,
)

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.change import Plan
    from reconciler.core.plan import Options

MANIFESTS = Path("manifests")


def plan(
    path: PathArgument = MANIFESTS,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the plan for `apply --plan`.")] = None,
    output_format: Annotated[
        Literal["text", "markdown", "json", "mermaid"],
        typer.Option("--format", help="How it is printed; markdown is for a comment on a pull request."),
    ] = "text",
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 if there are changes.")
    ] = False,
    prune: PruneOption = False,
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    allow_delete: AllowDeleteOption = None,
    policy_from: PolicyOption = None,
    parallelism: ParallelismOption = 10,
) -> int:
    """Show what `apply` would do. Changes nothing."""
    from reconciler.cli.compose import workbench
    from reconciler.cli.preflight import preflight

    with workbench(path, GLOBALS.settings(), parallelism=parallelism) as bench:
        options = bench.options(
            prune=prune,
            targets=tuple(target or ()),
            excludes=tuple(exclude or ()),
            allow_delete=tuple(allow_delete or ()),
            policy_from=policy_from,
        )
        made = with_data(preflight(bench.plan(options), bench), bench)
        announce(made)
        if out:
            write_private(out, saved(made, bench))
        if output_format == "json":
            print(saved(made, bench))
        elif output_format == "markdown":
            print(_markdown(made, bench, tree=tree_word(path), apply=_next(path, options, out), full=_again()))
        elif output_format == "mermaid":
            print(_mermaid(made, emulator=bench.emulated))
        else:
            show(made, bench)
    return plan_exit(made, detailed=detailed_exitcode)


def tree_word(path: Path) -> str:
    """Return a word for a folder of manifests by which several in one repository are told apart; "" for the usual one."""
    from reconciler.manifests.repository import root_of
    from reconciler.render.escape import comment_word

    whole = path.resolve()
    root = root_of(whole, Path.cwd().resolve())
    inside = whole.relative_to(root).as_posix()
    return "" if inside in {str(MANIFESTS), "."} else comment_word(inside)


def _markdown(made: Plan, bench: Workbench, *, tree: str, apply: str, full: str) -> str:
    from reconciler import __version__
    from reconciler.cli.compose import KINDS
    from reconciler.render.cost import cost_words
    from reconciler.render.markdown import plan_markdown

    return plan_markdown(
        made,
        bench.headers(),
        kinds=KINDS,
        now=bench.runtime.clock.now(),
        accounts=list(bench.sessions),
        tree=tree,
        version=__version__,
        apply=apply,
        full=full,
        findings=bench.tree.warnings,
        emulator=bench.emulated,
        cost=cost_words(made.cost),
    )


def _mermaid(made: Plan, *, emulator: bool) -> str:
    from reconciler.cli.compose import KINDS
    from reconciler.render.mermaid import plan_mermaid
    from reconciler.render.text import EMULATOR_LINE

    graph = plan_mermaid(made, KINDS)
    return f"%% {EMULATOR_LINE}\n{graph}" if emulator else graph


def _next(path: Path, options: Options, out: Path | None) -> str:
    """Return the command that makes the plan happen, with what decides about it: to be copied.

    A saved plan outside of the current directory is one that a runner made, and whoever reads this has it not.
    """
    words = ["apply", *([str(path)] if path != MANIFESTS else [])]
    words += ["--prune"] if options.prune else []
    words += [word for address in options.allow_delete for word in ("--allow-delete", address)]
    if out and Path(os.path.relpath(out)).parts[:1] != ("..",):
        words += ["--plan", str(out)]
    else:
        words += [word for address in options.targets for word in ("--target", address)]
        words += [word for address in options.excludes for word in ("--exclude", address)]
    before, _ = _split()
    return shlex.join([*before, *words])


def _again() -> str:
    """Return the command that shows all of this plan on a screen."""
    before, words = _split()
    for form in ("--format", "--out"):
        while form in words[:-1]:
            del words[words.index(form) : words.index(form) + 2]
    return shlex.join([*before, *(word for word in words if not word.startswith(("--format=", "--out=")))])


def _split() -> tuple[list[str], list[str]]:
    """Return the command line of this invocation: what stands before the command, and the rest.

    That an emulator is used stands in it even where a variable said so: copied to another place it must not reach Azure.
    """
    named = "--emulator" in GLOBALS.arguments
    before = ["reconciler", *(["--emulator"] if GLOBALS.emulator and not named else [])]
    rest = list(GLOBALS.arguments)
    while rest and rest[0].startswith("-"):
        before += [rest.pop(0) for _ in range(2 if rest[0] == "--chdir" else 1)]
    return before, rest


def with_data(made: Plan, bench: Workbench) -> Plan:
    """Add to a plan what git tells of it: what changed in the data that it uploads, and what is new."""
    from dataclasses import replace

    from reconciler.cli.changes import in_plan
    from reconciler.cli.newcomers import with_newcomers

    made = with_newcomers(made, bench.tree.root)
    found = in_plan(made, bench.tree.root)
    return replace(made, data=found) if found else made


def announce(made: Plan, *, with_refusals: bool = True) -> None:
    """Tell a machine that follows what a plan holds."""
    from reconciler.cli.compose import KINDS
    from reconciler.render.events import plan_events

    GLOBALS.log.emit(plan_events(made, KINDS, with_refusals=with_refusals))


def show(made: Plan, bench: Workbench) -> None:
    """Print a plan as text."""
    from reconciler.cli.compose import KINDS
    from reconciler.render.text import plan_text

    warn(bench)
    text = plan_text(
        made,
        bench.headers(),
        color=GLOBALS.color(),
        kinds=KINDS,
        emulator=bench.emulated,
        now=bench.runtime.clock.now(),
    )
    print(GLOBALS.told(text))


def warn(bench: Workbench) -> None:
    """Say on stderr that there are warnings about manifests or data; `validate` prints them."""
    count = len(bench.tree.warnings)
    if count:
        said = f"{count} warning{'s'[: count != 1]} about manifests or data. To see {'them' if count != 1 else 'it'}:\n  reconciler validate"
        GLOBALS.log.faults(bench.tree.warnings, lambda: said)


def saved(made: Plan, bench: Workbench) -> str:
    """Return a plan as the JSON document that can be saved."""
    from reconciler import __version__
    from reconciler.cli.compose import KINDS
    from reconciler.render.document import dumps, plan_document

    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(bench.runtime.now()))
    return dumps(
        plan_document(
            made,
            tool_version=__version__,
            accounts=bench.described_accounts(),
            emulator=bench.emulated,
            created_at=created,
            kinds=KINDS,
        )
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a file that cannot be written whole is not left behind.

    A link to a file, or to nothing, is replaced and never followed: what a pull request brings may hold one that leads
    out of it. What is no ordinary file (a device, a pipe) is written to and never replaced.
    """
    import tempfile

    from reconciler.core.fault import Fault, ReconcilerError

    part = None
    try:
        if path.exists() and not path.is_file():
            descriptor = os.open(path, os.O_WRONLY)
        else:
            # A name that nobody can know before, and so nobody can have put a link at.
            descriptor, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        if part:
            Path(part).replace(path)
    except OSError as error:
        if part:
            Path(part).unlink(missing_ok=True)
        raise ReconcilerError(
            Fault(
                "plan-not-written",
                "The plan could not be written",
                f"{path}: {error.strerror}.",
                "Nothing was done. Choose another place, or make room there:\n  --out FILE",
            )
        ) from error
    GLOBALS.log.say(f"Saved: {GLOBALS.shown(path)}")
