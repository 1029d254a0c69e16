"""The `reconciler` command: global options, the one error handler, exit codes.

Only light modules are imported here; each command imports what it needs when it runs, so that `--help` is instant.
"""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer
import typer.core

from reconciler import __version__
from reconciler.cli import (
    act,
    apply,
    doctor,
    drift,
    github,
    history,
    importing,
    init,
    look,
    plan,
    probe,
    promote,
    report,
    schema,
    tools,
    validate,
)
from reconciler.cli.events import OPTION, VARIABLE, Log, asked_for
from reconciler.cli.exits import BUG, CHANGES, ERROR, IN_PROGRESS, INTERRUPTED, OK, REFUSED, USAGE, epilog
from reconciler.cli.state import GLOBALS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

EVERY_DAY, LOOK, RARE = "Every day", "Look", "Rare"


class _Interrupted(Exception):  # noqa: N818  (reads as what it is in an except clause)
    """Ctrl-C in a command that has nothing of its own to say about it."""


def _print_version(asked: bool) -> None:
    if asked:
        print(f"reconciler {__version__}")
        raise typer.Exit(OK)


class _Grouped(typer.core.TyperGroup):
    """Lists the commands in three groups, by how often they are used."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, group by group, in the order in which they are registered."""
        del ctx
        groups: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            group = getattr(command, "rich_help_panel", None) or RARE
            groups.setdefault(str(group), []).append((name, command.get_short_help_str(limit=200)))
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what Ctrl-C means is said here, and not by typer, which ends in silence."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted from error

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the commands in the order in which they are registered."""
        del ctx
        return list(self.commands)


app = typer.Typer(
    name="reconciler",
    cls=_Grouped,
    help="Declarative reconciler for Azure OpenAI fine-tuning: datasets, jobs and deployments from YAML in git.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    chdir: Annotated[
        str | None, typer.Option("--chdir", metavar="DIR", help="Go to this folder first.", envvar="RECONCILER_CHDIR")
    ] = None,
    emulator: Annotated[
        bool,
        typer.Option("--emulator", help="Use the embedded emulator instead of Azure.", envvar="RECONCILER_EMULATOR"),
    ] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colours (also: NO_COLOR).")] = False,
    log_format: Annotated[
        Literal["text", "json"],
        typer.Option(OPTION, help="json: what happens as one JSON object a line on stderr.", envvar=VARIABLE),
    ] = "text",
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Set what holds for every command."""
    del version, log_format  # which format was asked for is known from the start: see `run`
    if chdir:
        GLOBALS.chdir = chdir
        try:
            os.chdir(chdir)
        except OSError as error:
            raise typer.BadParameter(f"{chdir}: {error.strerror}", param_hint="--chdir") from error
    GLOBALS.emulator = GLOBALS.log.emulator = emulator
    if emulator:
        _refuse_emulator_in_ci(os.environ)
    GLOBALS.no_color = no_color


_COMMANDS_BY_GROUP: Mapping[str, Mapping[str, Callable[..., int]]] = {
    EVERY_DAY: {
        "init": init.init,
        "validate": validate.validate,
        "plan": plan.plan,
        "apply": apply.apply,
        "status": look.status,
    },
    LOOK: {
        "report": report.report,
        "drift": drift.drift,
        "history": history.history,
        "logs": look.logs,
        "probe": probe.probe,
        "doctor": doctor.doctor,
    },
    RARE: {
        "import": importing.import_,
        "promote": promote.promote,
        "cancel": act.cancel,
        "destroy": act.destroy,
        "schema": schema.schema,
        "emulator": tools.emulator,
        "demo": tools.demo,
    },
}
for _group, _members in _COMMANDS_BY_GROUP.items():
    for _name, _function in _members.items():
        app.command(_name, rich_help_panel=_group, epilog=epilog(_name))(_function)
app.add_typer(github.app, name="github", rich_help_panel=RARE)

_COMMANDS = {str(one.name) for one in app.registered_commands} | {"github"}
ANYWHERE = {"--emulator", "--no-color"}
"""Global switches that are accepted after the command too; so is --log-format with its value."""


def _refuse_emulator_in_ci(environ: Mapping[str, str]) -> None:
    """In CI only a flag that somebody typed makes an emulator of Azure: a variable is inherited, and forgotten."""
    from reconciler.core.fault import Fault, Refused

    if environ.get("CI", "").lower() in {"", "0", "false"} or "--emulator" in GLOBALS.arguments:
        return
    raise Refused(
        Fault(
            "emulator-in-ci",
            "In CI the emulator is used only where its flag is typed",
            "RECONCILER_EMULATOR is set, and CI too: nothing would be done at Azure, and the job would succeed.",
            f"Unset RECONCILER_EMULATOR, or mean it:\n  reconciler --emulator {shlex.join(GLOBALS.arguments)}",
        )
    )


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; expected failures are shown without a traceback."""
    GLOBALS.begin(Log(asked_for(arguments, os.environ), "--emulator" in arguments, GLOBALS.told))
    began = time.monotonic()
    code = _run(_globals_first(arguments))
    if GLOBALS.log.is_json:
        from reconciler.render.events import event

        level = "info" if code in {OK, CHANGES, IN_PROGRESS} else "error"
        GLOBALS.log.emit([event("end", level=level, exit_code=code, seconds=round(time.monotonic() - began, 3))])
    return code


def _globals_first(arguments: list[str]) -> list[str]:
    """Put the global options before the command: fingers put them after it, too."""
    moved: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word in ANYWHERE or word.startswith(f"{OPTION}="):
            moved.append(word)
        elif word == OPTION:
            moved += [word, *([following] if (following := next(words, None)) is not None else [])]
        else:
            rest.append(word)
    return [*moved, *rest]


def _run(arguments: list[str]) -> int:
    # What is printed to be copied is for people: it does without the log.
    words = [word for word in arguments if not word.startswith(f"{OPTION}=")]
    while OPTION in words:
        at = words.index(OPTION)
        del words[at : at + 2]
    GLOBALS.arguments = tuple(words)
    if GLOBALS.log.is_json:
        from reconciler.render.events import event

        GLOBALS.log.emit([event("begin", command=_command(arguments), version=__version__)])
    try:
        result = app(arguments, prog_name="reconciler", standalone_mode=False)
    except (KeyboardInterrupt, _Interrupted):
        goes_on = "Nothing is lost: run the command again, it goes on where this one stopped."
        GLOBALS.log.say(f"\nInterrupted. {'Nothing was sent.' if 'validate' in arguments else goes_on}")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  (nobody reads any more; the interpreter closes it)
        return ERROR
    except Exception as error:  # noqa: BLE001  (the one place where every failure becomes a text and a code)
        return _failed(error)
    return result if isinstance(result, int) else OK


def _command(words: Iterable[str]) -> str:
    return next((word for word in words if word in _COMMANDS), "")


def _failed(error: Exception) -> int:
    from reconciler.core.fault import ReconcilerError, Refused

    if isinstance(error, ReconcilerError):
        from reconciler.render.fault import fault_text, faults_text

        color = GLOBALS.color(sys.stderr)
        only = error.faults[0] if len(error.faults) == 1 else None  # one needs no count
        GLOBALS.log.faults(
            error.faults,
            lambda: fault_text(only, color=color) if only else faults_text(error.faults, color=color),
        )
        return REFUSED if isinstance(error, Refused) else ERROR
    if type(error).__name__ == "NoArgsIsHelpError":
        GLOBALS.log.say(str(error))
        return USAGE
    if hasattr(error, "exit_code") and hasattr(error, "format_message"):  # click's usage errors
        context = getattr(error, "ctx", None)
        # An option without its argument is told by the parser, which does not say of which command.
        path = context.command_path if context is not None else f"reconciler {_command(GLOBALS.arguments)}".rstrip()
        _tell("usage", error.format_message().replace("Value error, ", ""), remedy=f"  {path} --help")
        return USAGE
    if type(error).__name__ == "Abort":
        GLOBALS.log.say("\nInterrupted.")
        return INTERRUPTED
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        _tell("io", f"{name}{error.strerror or error}")
        return ERROR
    import traceback

    if GLOBALS.log.is_json:
        _tell("bug", "This is a bug in reconciler", detail=traceback.format_exc().strip())
        return BUG
    traceback.print_exc()
    print("\nThis is a bug in reconciler. Please report it with the lines above.", file=sys.stderr)
    return BUG


def _tell(code: str, said: str, *, detail: str = "", remedy: str = "") -> None:
    """Say what no Fault says: bad usage, a failure of the machine."""
    from reconciler.core.fault import Fault

    fault = Fault(code, said, detail, remedy)
    GLOBALS.log.faults([fault], lambda: "\n\n".join(filter(None, [f"error: {said} [{code}]", remedy])))


def main() -> NoReturn:
    """Run the command line and end the process.

    The process ends without tearing the interpreter down: freeing a few hundred thousand objects one by one costs
    more than most commands. For the same reason garbage is looked for rarely: what is loaded at first stays.
    """
    # CI ends a job with SIGTERM: it is told the same as a person who presses Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    gc.freeze()
    gc.set_threshold(400_000, 20, 20)
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or ERROR
    os._exit(code)


if __name__ == "__main__":
    main()
