"""`drift`: what was changed outside git, what is missing, what is left over, and what to do about each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from reconciler.cli.exits import drift_exit
from reconciler.cli.state import GLOBALS, ExcludeOption, ParallelismOption, PathArgument, TargetOption


def drift(
    path: PathArgument = Path("manifests"),
    output_format: Annotated[
        Literal["text", "markdown", "json"], typer.Option("--format", help="How it is printed.")
    ] = "text",
    target: TargetOption = None,
    exclude: ExcludeOption = None,
    parallelism: ParallelismOption = 10,
) -> int:
    """Show what was changed outside git, what is missing and what is left over; exit 2 if a person must act."""
    from reconciler import __version__
    from reconciler.cli.compose import KINDS, workbench
    from reconciler.cli.plan import announce
    from reconciler.render.document import dumps
    from reconciler.render.drift import drift_document, drift_text, needs_person
    from reconciler.render.drift_markdown import drift_markdown

    with workbench(path, GLOBALS.settings(), parallelism=parallelism) as bench:
        made = bench.plan(bench.options(prune=True, targets=tuple(target or ()), excludes=tuple(exclude or ())))
        announce(made, with_refusals=False)
        if output_format == "text":
            now, color = bench.runtime.clock.now(), GLOBALS.color()
            text = drift_text(made, bench.headers(), color=color, emulator=bench.emulated, now=now, kinds=KINDS)
            print(GLOBALS.told(text))
        else:
            document = drift_document(
                made,
                emulator=bench.emulated,
                accounts=bench.described_accounts(),
                kinds=KINDS,
                tool_version=__version__,
            )
            print(dumps(document) if output_format == "json" else drift_markdown(document))
    return drift_exit(made, needs_person=needs_person(made, KINDS))
