"""The global options of this invocation, and the arguments that several commands share."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from reconciler.cli.complete import addresses
from reconciler.cli.events import Log

if TYPE_CHECKING:
    from reconciler.cli.compose import Settings


@dataclass
class Globals:
    """What the options before the command say."""

    emulator: bool = False
    no_color: bool = False
    arguments: tuple[str, ...] = ()
    """What the command was called with."""
    log: Log = field(default_factory=Log)
    """Where events for machines go, and what is said on stderr."""
    chdir: str = ""
    started_in: str = ""
    """Where the command was typed: `chdir` leads away from it."""
    tree: str = ""
    """The PATH of the manifests that were read, as it was typed."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Their files, as they are opened from where the command was typed."""

    def begin(self, log: Log) -> None:
        """Forget what an earlier command in this process was told."""
        self.log, self.emulator, self.chdir, self.tree, self.names = log, False, "", "", {}
        try:
            self.started_in = os.getcwd()  # noqa: PTH109  (a text; and the folder may be gone)
        except OSError:
            self.started_in = ""

    def again(self, *more: str) -> str:
        """Return the command line that does the same with further flags, to be copied."""
        return shlex.join(["reconciler", *self.arguments, *more])

    def told(self, text: str) -> str:
        """Return a text for a person, whose commands and files are those of the place where this command was typed."""
        from reconciler.render.here import Here

        path = "" if self.tree in {"", "manifests"} else self.tree
        return Here(self.emulator or self.log.emulator, self.chdir, path, self.names).told(text)

    def shown(self, file: Path) -> str:
        """Return a file as it was named, or with --chdir as it is opened from where the command was typed."""
        return os.path.relpath(file, self.started_in) if self.chdir and self.started_in else str(file)

    def open_from_here(self, names: Collection[str], root: Path) -> None:
        """Take up what files are called below a root, for what is told of them."""
        if self.started_in and os.path.realpath(self.started_in) != os.path.realpath(root):
            from reconciler.datasets.sniff import mended

            names = [*names, *map(mended, names)]
            # A name that could be a word of a sentence is none that is looked for in one.
            named = (name for name in names if "/" in name or "." in name)
            self.names = {name: os.path.relpath(root / name, self.started_in) for name in named}

    def color(self, stream: IO[str] | None = None) -> bool:
        """Return whether a stream wants colours (NO_COLOR, dumb terminals and non-terminals are honoured)."""
        unwanted = self.no_color or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
        return not unwanted and (stream or sys.stdout).isatty()

    def settings(self) -> Settings:
        """Return them as the composition root wants them."""
        from reconciler.cli.compose import Settings

        state = Path(os.environ.get("RECONCILER_EMULATOR_STATE") or ".reconciler/emulator")
        return Settings(emulator=self.emulator, emulator_state=state, color=self.color())


GLOBALS = Globals()


def screen_width() -> int:
    """Return how many columns there are for a table (COLUMNS is honoured); 0 in a pipe or a file, where lines stay whole."""
    import shutil

    return shutil.get_terminal_size((0, 0)).columns


def is_interactive() -> bool:
    """Return whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()


PathArgument = Annotated[
    Path,
    typer.Argument(
        metavar="[PATH]", help="Folder (or file) of manifests.", envvar="RECONCILER_PATH", show_default=True
    ),
]
PathOption = Annotated[
    Path, typer.Option("--path", metavar="PATH", help="Folder of manifests.", envvar="RECONCILER_PATH")
]
"""The same, for commands whose argument is what they look at."""
TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        metavar="ADDR",
        help="Only this resource (Kind/name, globs) and what it needs. Repeatable.",
        autocompletion=addresses(),
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="ADDR",
        help="Not this resource, nor what needs it, nor data that only these need. Repeatable.",
        autocompletion=addresses(),
    ),
]
PruneOption = Annotated[
    bool, typer.Option("--prune", help="Delete what is left over: ours, and declared by no manifest.")
]
AllowDeleteOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-delete",
        metavar="ADDR",
        help="Allow the deletion of this object by name. Repeatable.",
        autocompletion=addresses(),
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy-from",
        metavar="DIR",
        help="Judge by the policies and prices of the Accounts in this other tree, for example of the base branch.",
    ),
]
ApproveOption = Annotated[bool, typer.Option("--auto-approve", help="Do not ask.")]
ParallelismOption = Annotated[
    int,
    typer.Option(
        "--parallelism",
        metavar="N",
        min=1,
        max=100,
        help="Requests to Azure at the same time.",
        envvar="RECONCILER_PARALLELISM",
    ),
]
SettleOption = Annotated[
    str,
    typer.Option(
        "--settle",
        metavar="DURATION",
        help="How long to wait for each object that takes Azure seconds to minutes: 90s, 5m, 2h.",
        envvar="RECONCILER_SETTLE",
    ),
]


def dollars(text: str | None, option: str) -> Decimal | None:
    """Read an amount of US dollars such as 50 or 12.50."""
    if text is None:
        return None
    try:
        value = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise typer.BadParameter(f"{text!r} is not an amount of US dollars such as 50 or 12.50", param_hint=option)
    return value


def seconds(text: str, option: str) -> float:
    """Read a duration such as 90, 90s, 5m or 2h."""
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        value = float(number) * unit
    except ValueError:
        value = -1
    if not 0 <= value < 1e7:
        raise typer.BadParameter(f"{text!r} is not a duration such as 90s, 5m or 2h", param_hint=option)
    return value
