"""`--emulator`: every endpoint and credential is replaced by the embedded server, and no other host is reached."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.core.account import Account
from reconciler.core.fault import Fault, ReconcilerError
from reconciler.emulator import Emulator, Server, StateLockedError


def opened(state: Path | None) -> Emulator:
    """Open the emulator with its state, in memory if that is None; raises ReconcilerError if another command has it."""
    if state is not None:
        _keep_out_of_git(state.absolute().parent)
    try:
        return Emulator(state)
    except StateLockedError as error:
        raise ReconcilerError(
            Fault(
                "emulator-busy",
                "Another command uses the emulator's state",
                f"{state}: {error}",
                "Wait until it has ended, or choose another folder with RECONCILER_EMULATOR_STATE.",
            )
        ) from error


def _keep_out_of_git(folder: Path) -> None:
    """Have git ignore our own folder: what is uploaded to the emulator lies there, and is nothing to commit."""
    if folder.name == ".reconciler":
        folder.mkdir(parents=True, exist_ok=True)
        ignored = folder / ".gitignore"
        if not ignored.exists():
            # Moved into its place as a whole: one that a crash left empty would ignore nothing from then on.
            part = folder / f".gitignore.{os.getpid()}"
            part.write_text("*\n", encoding="utf-8")
            part.replace(ignored)


@contextmanager
def emulated_accounts(accounts: Mapping[str, Account], state: Path) -> Iterator[dict[str, Account]]:
    """Serve the emulator and yield the accounts pointed at it; its state stays on disk between commands."""
    emulator = opened(state)
    server = Server(emulator)
    server.start()
    try:
        yield {name: redirected(account, server.url) for name, account in accounts.items()}
    finally:
        server.stop()
        emulator.close()


def redirected(account: Account, url: str) -> Account:
    """Return the account as the emulator serves it."""
    name = account.account_name or account.name
    spec = account.spec.model_copy(
        update={"endpoint": f"{url}/{name}", "management_endpoint": url, "auth": "entra", "cloud": "public"}
    )
    return Account(account.name, spec, account.place, account.source, account.places)
