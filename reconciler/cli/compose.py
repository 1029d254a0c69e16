"""The composition root: everything that a command works with is put together here and nowhere else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from reconciler.azure.session import Session
from reconciler.azure.tenants import Tenants
from reconciler.cli.state import GLOBALS
from reconciler.core.account import Account
from reconciler.core.change import Plan
from reconciler.core.fault import Fault, ReconcilerError
from reconciler.core.plan import Options, matches
from reconciler.core.policy import Judges, judged_by
from reconciler.core.resource import Address, World
from reconciler.core.runtime import Meters, Runtime
from reconciler.engine import Engine
from reconciler.kind import Gateway
from reconciler.kinds import REGISTRY
from reconciler.manifests import Tree, load, load_accounts
from reconciler.manifests.faults import meant, quoted
from reconciler.manifests.repository import root_of

KINDS = REGISTRY


class SystemClock:
    """The machine's own time as it was when the process began, and what has passed since.

    So a clock that is set while a command runs, by hours or by days, neither ends a wait early nor draws it out. What
    passes counts while the machine sleeps too, where the system can tell.
    """

    def __init__(self) -> None:
        self._began = time.time() - _passed()

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._began + _passed()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def _passed() -> float:
    """Return seconds since some moment: Linux has a clock that nobody sets and that goes on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True)
class Settings:
    """What the global options and the environment say."""

    emulator: bool = False
    emulator_state: Path = Path(".reconciler/emulator")
    color: bool = False


@dataclass
class Workbench:
    """A loaded tree and the means to look at and change what it describes."""

    tree: Tree
    accounts: Mapping[str, Account]
    sessions: Mapping[str, Session]
    engine: Engine
    meters: Meters
    runtime: Runtime
    emulated: bool

    def plan(self, options: Options, world: World | None = None) -> Plan:
        """Look at Azure and make a plan."""
        return self.engine.plan(self.tree.desired, options, world)

    def options(
        self,
        *,
        prune: bool = False,
        targets: tuple[str, ...] = (),
        excludes: tuple[str, ...] = (),
        allow_delete: tuple[str, ...] = (),
        unattended: bool = False,
        max_cost: Decimal | None = None,
        policy_from: Path | None = None,
    ) -> Options:
        """Return planning options for this tree; raises ReconcilerError for an address that names nothing in it."""
        addresses = [item.address for item in self.tree.desired]
        unknown = [
            (flag, pattern)
            for flag, patterns in (("--target", targets), ("--exclude", excludes))
            for pattern in patterns
            if not any(matches((pattern,), address) for address in addresses)
        ]
        if unknown:
            raise ReconcilerError(*(_names_nothing(flag, pattern, addresses) for flag, pattern in unknown))
        whole = all(self.tree.is_whole(name) for name in self.accounts)
        judges, refused = self._judges(policy_from) if policy_from else (None, ())
        return Options(
            prune,
            targets,
            excludes,
            allow_delete,
            unattended=unattended,
            whole_tree=whole,
            max_cost=max_cost,
            judges=judges,
            refused=refused,
        )

    def _judges(self, other: Path) -> tuple[Judges, tuple[Fault, ...]]:
        """Return the Accounts of another tree that judge these, and which of these have none there."""
        return judged_by(self.tree.accounts, load_accounts(other, KINDS, os.environ))

    def headers(self) -> list[str]:
        """Return a line for each account: which one, where, and with what credential."""
        return [
            f"Account/{name}  {session.data.url}  {session.api}  {session.credential_kind}"
            for name, session in self.sessions.items()
        ]

    def described_accounts(self) -> list[dict[str, str]]:
        """Return what binds a saved plan to its accounts."""
        return [
            {
                "name": name,
                "endpoint": "emulator" if self.emulated else session.data.url,
                "resource_id": session.account.spec.resource_id or "",
                "owner": session.account.spec.owner,
            }
            for name, session in self.sessions.items()
        ]


def _names_nothing(flag: str, pattern: str, addresses: Sequence[Address]) -> Fault:
    return Fault(
        "no-such-address",
        "The address names no resource of these manifests",
        f"{flag} {quoted(pattern)} matches nothing. Nothing was looked at or done.",
        meant(pattern, map(str, addresses), what="Declared"),
    )


def load_tree(
    path: Path,
    environ: Mapping[str, str] | None = None,
    inspected: Callable[[Address, str, Any], None] | None = None,
) -> Tree:
    """Load the manifests below a path, with the cache of what was found in unchanged files.

    `inspected` is told what was found in the data of each resource, even where the tree does not load.
    """
    from reconciler.cli.cache import open_cache

    environ = os.environ if environ is None else environ
    names: set[str] = set()
    GLOBALS.tree = str(path)
    try:
        with open_cache(environ) as cache:
            return load(path, KINDS, environ, cache, inspected=inspected, names=names)
    finally:
        GLOBALS.open_from_here(names, root_of(path.resolve(), Path.cwd().resolve()))


@contextmanager
def workbench(
    path: Path, settings: Settings, *, parallelism: int = 10, settle: float = 300.0, trust_files: bool = False
) -> Iterator[Workbench]:
    """Put together what a command needs; the embedded emulator runs as long as it is open."""
    with opened(load_tree(path), settings, parallelism=parallelism, settle=settle, trust_files=trust_files) as bench:
        yield bench


@contextmanager
def opened(
    tree: Tree, settings: Settings, *, parallelism: int = 10, settle: float = 300.0, trust_files: bool = False
) -> Iterator[Workbench]:
    """Put together what a command needs for a tree that is loaded; connections are closed in the end."""
    with ExitStack() as stack:
        accounts = tree.accounts
        if settings.emulator:
            from reconciler.cli.emulated import emulated_accounts

            accounts = stack.enter_context(emulated_accounts(accounts, settings.emulator_state))
        bench = _assemble(tree, accounts, parallelism, settle, trust_files, emulated=settings.emulator)
        for session in bench.sessions.values():
            stack.callback(session.close)
        yield bench


def _assemble(
    tree: Tree, accounts: Mapping[str, Account], parallelism: int, settle: float, trust_files: bool, *, emulated: bool
) -> Workbench:
    runtime = Runtime(SystemClock())
    meters = Meters()
    tenants = Tenants(accounts.values())
    sessions = {
        name: Session(account, runtime, os.environ, meters=meters, trust_files=trust_files, tenants=tenants)
        for name, account in accounts.items()
    }
    gateways: dict[tuple[str, str], Gateway] = {
        (name, kind.name): kind.connect(session) for name, session in sessions.items() for kind in KINDS.values()
    }
    executor = ThreadPoolExecutor(max_workers=max(1, parallelism), thread_name_prefix="reconciler")
    engine = Engine(KINDS, accounts, gateways, runtime, executor, settle=settle)
    return Workbench(tree, accounts, sessions, engine, meters, runtime, emulated)
