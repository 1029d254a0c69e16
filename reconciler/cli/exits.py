"""Exit codes: one table, decided in one place, from the same values as the text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.core.change import Change, Plan
    from reconciler.engine import Outcome

OK, ERROR, CHANGES, IN_PROGRESS, REFUSED, USAGE, INTERRUPTED, BUG = 0, 1, 2, 3, 4, 64, 130, 70

ALWAYS: Mapping[int, str] = {
    USAGE: "bad usage: an option or an address that is not known",
    BUG: "a bug in reconciler, with a traceback",
    INTERRUPTED: "interrupted (Ctrl-C, SIGTERM); run it again",
}
"""What these mean for every command."""
_REFUSED = "refused: a host that may not be trusted, the emulator in CI without its flag"
_READ: dict[int, str] = {OK: "done", ERROR: "an error, or a part of Azure could not be read", REFUSED: _REFUSED}
_LOCAL: dict[int, str] = {OK: "done", ERROR: "an error"}
_ACTS = "refused, nothing was done: a stale plan, a guard of deletions, a policy, a limit of cost, not approved"
MEANINGS: Mapping[str, Mapping[int, str]] = {
    "init": _LOCAL | {REFUSED: "refused: something else is in the way; nothing was written"},
    "validate": {OK: "valid", ERROR: "an error; with `--warnings-as-errors` a warning too"},
    "plan": {
        OK: "done; with `--detailed-exitcode`: no changes",
        ERROR: "an error, or a part of Azure could not be read",
        CHANGES: "with `--detailed-exitcode`: changes",
        REFUSED: "refused, and so would `apply` be: a guard of deletions, a policy, a quota, a host that may not be trusted",
    },
    "apply": {
        OK: "nothing failed; work may go on at Azure",
        ERROR: "something failed, is blocked or is stuck",
        CHANGES: "with `--continue`: nothing failed, and a person must decide on something, as before this run",
        IN_PROGRESS: "with `--detailed-exitcode`: still in progress at Azure",
        REFUSED: _ACTS,
    },
    "destroy": {OK: "done", ERROR: "something failed or is blocked", REFUSED: _ACTS},
    "cancel": {OK: "done", ERROR: "an error, or the job has ended already", REFUSED: "refused: not approved"},
    "drift": {
        OK: "nothing that a person must do",
        ERROR: "an error, or a part of Azure could not be read",
        CHANGES: "something that a person must do",
        REFUSED: _REFUSED,
    },
    "doctor": {OK: "no error was found; there may be warnings", ERROR: "an error was found", REFUSED: _REFUSED},
    "probe": {OK: "each deployment answered", ERROR: "one did not answer, or an error", REFUSED: _REFUSED},
    "status": _READ,
    "report": _READ,
    "history": _READ,
    "logs": _READ,
    "promote": _READ,
    "import": _LOCAL | {REFUSED: "refused: a file is there already, or the host may not be trusted"},
    "schema": _LOCAL,
    "emulator": {OK: "stopped by Ctrl-C", ERROR: "it could not listen or read its state"},
    "demo": {OK: "each step did what it shows", ERROR: "a step failed"},
    "github": _READ | {REFUSED: "refused: an Account is at another place than the reviewed one"},
}
"""What the exit codes of each command mean, beside those that hold always; a command of a group has those of the group."""


def epilog(command: str) -> str:
    """Return what `--help` of a command says of its exit codes; a backspace keeps the lines as they are."""
    rows = [f"  {code}  {words.replace('`', '')}" for code, words in MEANINGS[command].items()]
    return "\b\n" + "\n".join(["Exit codes:", *rows])


def plan_exit(plan: Plan, *, detailed: bool) -> int:
    """Return the exit code of `plan`."""
    if plan.errored:
        return ERROR
    if plan.refusals:
        return REFUSED
    return CHANGES if detailed and not plan.converged else OK


def apply_exit(
    outcomes: Iterable[Outcome], *, detailed: bool, errored: bool = False, known: Iterable[Change] = ()
) -> int:
    """Return the exit code of `apply`, from the last outcome of each change.

    `errored`: part of Azure was not read. `known` is what a schedule found stuck when it began: it is no failure of this
    run, and nothing that a schedule may be green with.
    """
    stuck = {(type(change), change.address) for change in known}
    found = {(outcome.status, (type(outcome.change), outcome.change.address) in stuck) for outcome in outcomes}
    statuses = {status for status, was_known in found if not was_known}
    if errored or statuses & {"failed", "blocked"}:
        return ERROR
    if "refused" in statuses:
        return REFUSED
    if any(was_known for _, was_known in found):
        return CHANGES
    return IN_PROGRESS if detailed and "pending" in statuses else OK


def drift_exit(plan: Plan, *, needs_person: bool) -> int:
    """Return the exit code of `drift`."""
    if plan.errored:
        return ERROR
    return CHANGES if needs_person else OK
