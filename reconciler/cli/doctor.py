"""`doctor`: whether an account is fit for what is declared, before anybody spends money. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from reconciler.cli.complete import accounts
from reconciler.cli.exits import ERROR, OK
from reconciler.cli.state import GLOBALS, ParallelismOption, PathOption

if TYPE_CHECKING:
    from reconciler.azure.session import Session
    from reconciler.cli.compose import Workbench
    from reconciler.core.account import Account
    from reconciler.core.checkup import Line, ModelSays, Wanted
    from reconciler.core.fault import Fault
    from reconciler.core.resource import World
    from reconciler.engine import Engine

_SILENT = "azure-no-answer"
_SAID_BY_ARM = {"MaxFineTuneCount": "jobs", "MaxRunningFineTuneCount": "running_jobs"}
"""Capabilities of an account that are limits (docs/azure.md, section 21)."""


def doctor(
    accounts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ACCOUNT]…", help="Names of Accounts; all of them if absent.", autocompletion=accounts),
    ] = None,
    path: PathOption = Path("manifests"),
    output_format: Annotated[Literal["text", "json"], typer.Option("--format", help="How it is printed.")] = "text",
    print_role: Annotated[
        Literal["plan", "apply"] | None,
        typer.Option("--print-role", help="Print the custom role that this needs, for `az role definition create`."),
    ] = None,
    parallelism: ParallelismOption = 10,
) -> int:
    """Check each account before money is spent: identity, rights, models, limits, quota, retirements, clock."""
    if print_role:
        return _print_role(print_role, path)
    with _clinic(path, accounts or (), parallelism) as clinic:
        found = clinic.look()
        _print(found, clinic, output_format)
    return ERROR if any(line.level == "error" for _, _, lines in found for line in lines) else OK


def _print_role(purpose: Literal["plan", "apply"], path: Path) -> int:
    """Print a role; without Accounts it names a subscription to be filled in."""
    from reconciler.azure.roles import role_document
    from reconciler.cli.compose import KINDS
    from reconciler.core.fault import ReconcilerError
    from reconciler.manifests import load_accounts
    from reconciler.render.document import dumps

    declared: Mapping[str, Account] = {}
    with suppress(ReconcilerError):
        declared = load_accounts(path, KINDS, os.environ)
    known = [account.subscription_id for account in declared.values() if account.subscription_id]
    print(dumps(role_document(purpose, [f"/subscriptions/{one}" for one in known])))
    return OK


Checked = tuple[str, str, "list[Line]"]
"""Name of an account, a heading, and what was found."""


@dataclass
class _Clinic:
    """Accounts, and the means to look at them."""

    bench: Workbench
    parallelism: int
    broken: tuple[Fault, ...] = ()
    """Why the manifests beside the Accounts could not be read."""

    @property
    def sessions(self) -> Mapping[str, Session]:
        return self.bench.sessions

    @property
    def engine(self) -> Engine:
        return self.bench.engine

    def wanted(self, account: str) -> list[Wanted]:
        """Return the trainings that the manifests declare for an account."""
        from reconciler.core.checkup import wanted

        return wanted({item.address: item for item in self.bench.tree.desired}, account, self.engine.kinds)

    def look(self) -> list[Checked]:
        """Look at all accounts, in parallel."""
        world = self.engine.observe()
        with ThreadPoolExecutor(max(1, min(self.parallelism, len(self.sessions)))) as pool:
            looked = list(pool.map(lambda session: _Patient(session, self, world).lines(), self.sessions.values()))
        return [
            (name, f"Account/{name}  {session.data.url}  {session.api}  {session.credential_kind}", lines)
            for (name, session), lines in zip(self.sessions.items(), looked, strict=True)
        ]


@dataclass
class _Patient:
    """One account under examination; what one part finds, the next ones use."""

    session: Session
    clinic: _Clinic
    world: World
    says: list[ModelSays] | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    region: str = ""

    @property
    def account(self) -> Account:
        return self.session.account

    def lines(self) -> list[Line]:
        """Check everything; a part that fails is said to be unknown, and the others go on."""
        found: list[Line] = []
        parts: tuple[tuple[str, Callable[[], Iterable[Line]]], ...] = (
            ("credential", self._credential),
            ("surface", self._surface),
            ("region", self._region),
            ("action", self._actions),
            ("model", self._models),
            ("limit", self._limits),
            ("quota", self._quota),
            ("retirement", self._retirement),
            ("job", self._jobs),
        )
        for topic, part in parts:
            found += self._guarded(topic, part)
            if found[-1].code == _SILENT:
                # Each further call would wait as long for nothing.
                return found
        return found

    def _guarded(self, topic: str, part: Callable[[], Iterable[Line]]) -> list[Line]:
        from reconciler.core.checkup import trouble
        from reconciler.core.fault import ReconcilerError

        found: list[Line] = []
        try:
            found.extend(part())
        except ReconcilerError as error:
            found.append(trouble(topic, error.faults[0]))
        return found

    def _credential(self) -> Iterator[Line]:
        from reconciler.azure.errors import AzureError
        from reconciler.azure.identity import signed_in
        from reconciler.core.checkup import EXPIRES_SOON, Line

        try:
            who = signed_in(self.session)
        except AzureError as error:
            fault = error.fault
            yield Line("error", "credential", f"{fault.summary}: {fault.detail}", fault.remedy, fault.code)
            return
        if who is None:
            kind = self.session.credential_kind
            key = self.account.spec.auth == "api_key"
            words = f"{kind}: it has all rights of the data plane, and says of whom it is to nobody" if key else kind
            yield Line("ok", "credential", words)
            return
        left = who.expires - self.clinic.bench.runtime.clock.now() if who.expires else None
        until = "" if left is None else f", token for {max(0, left) // 60:.0f} min more"
        late = left is not None and left < EXPIRES_SOON
        remedy = "Sign in again, unless the credential renews it by itself." if late else ""
        yield Line("warning" if late else "ok", "credential", f"{who}{until}", remedy, "token-ends" if late else "")

    def _surface(self) -> Iterator[Line]:
        from reconciler.azure.catalog import Catalog
        from reconciler.core.checkup import Line, skew_line

        catalog = Catalog(self.session)
        where = "Foundry project" if self.session.is_project else "resource"
        failed = [fault for (name, _), fault in self.world.failures.items() if name == self.account.name]
        if failed and failed[0].code in {_SILENT, "azure-unreadable", "azure-404", "azure-401"}:
            yield Line(
                "error",
                "surface",
                f"{where}, {self.session.api}: {failed[0].summary}",
                failed[0].remedy,
                failed[0].code,
            )
            if failed[0].code == _SILENT:
                return
        else:
            yield Line("ok", "surface", f"{where}, {self.session.api}")
        self.says = catalog.base_models()
        ahead = catalog.ahead()
        yield Line("unknown", "clock", "not checked: the answer has no Date") if ahead is None else skew_line(ahead)

    def _region(self) -> Iterator[Line]:
        from reconciler.azure.deployments import Deployments
        from reconciler.azure.wire import text
        from reconciler.core.checkup import Line, region_line

        spec = self.account.spec
        if not self.account.has_control_plane:
            yield Line(
                "warning",
                "region",
                "not checked: the Account has no `resource_id`",
                "Without it nothing can be deployed, and no quota read. Add it:\n  resource_id: /subscriptions/…/accounts/NAME",
                "account-without-control-plane",
            )
            return
        self.body = Deployments(self.session).account()
        self.region = text(self.body, "location").replace(" ", "").lower()
        jobs = self.clinic.wanted(self.account.name)
        yield from region_line(self.region, spec.location, jobs)

    def _actions(self) -> Iterable[Line]:
        from reconciler.azure.probes import Probes
        from reconciler.core.checkup import action_lines

        probes = Probes(self.session)
        return action_lines([*probes.data(), *probes.control()])

    def _models(self) -> Iterator[Line]:
        from reconciler.core.checkup import Line, model_lines

        if self.clinic.broken:
            first = self.clinic.broken[0]
            yield Line(
                "unknown",
                "model",
                f"not checked: the manifests do not load ({first.summary})",
                "See what is wrong with them:\n  reconciler validate",
            )
            return
        jobs = self.clinic.wanted(self.account.name)
        yield from model_lines(jobs, self.says)

    def _limits(self) -> Iterator[Line]:
        from reconciler.azure.wire import items, mapping, number, text
        from reconciler.core.checkup import Line, limit_lines

        unread = [kind for name, kind in self.world.failures if name == self.account.name]
        if unread:
            yield Line("unknown", "limit", f"not counted: {', '.join(unread)}, which could not be read")
        said: dict[str, int] = {}
        for one in items(mapping(self.body, "properties"), "capabilities"):
            limit, value = _SAID_BY_ARM.get(text(one, "name")), number(one, "value")
            if limit and value is not None and value >= 0:
                said[limit] = int(value)
        yield from limit_lines(self.world, self.account, self.clinic.engine.kinds, said)

    def _quota(self) -> Iterable[Line]:
        from reconciler.azure.capacity import Capacity
        from reconciler.core.checkup import quota_lines

        if not self.account.has_control_plane:
            return ()
        capacity = Capacity(self.session)
        region = self.region or capacity.region()
        return quota_lines(capacity.pools(region), region)

    def _retirement(self) -> Iterable[Line]:
        from reconciler.core.checkup import retirement_lines

        today = datetime.fromtimestamp(self.clinic.bench.runtime.clock.now(), UTC).date()
        return retirement_lines(self.world, self.account.name, self.clinic.engine.kinds, self.says or (), today)

    def _jobs(self) -> Iterable[Line]:
        from reconciler.core.checkup import job_lines

        return job_lines(live for live in self.world if live.account == self.account.name)


def _print(found: list[Checked], clinic: _Clinic, output_format: str) -> None:
    from reconciler.render.doctor import doctor_document, doctor_text
    from reconciler.render.document import dumps
    from reconciler.render.text import framed

    if output_format == "json":
        print(dumps(doctor_document(found, emulator=clinic.bench.emulated)))
        return
    text = doctor_text([(header, lines) for _, header, lines in found], color=GLOBALS.color())
    print(GLOBALS.told(framed(text, color=GLOBALS.color(), emulator=clinic.bench.emulated)))


@contextmanager
def _clinic(path: Path, names: Iterable[str], parallelism: int) -> Iterator[_Clinic]:
    """Put together what is needed; the Accounts alone must load."""
    from reconciler.cli.compose import KINDS, load_tree, opened
    from reconciler.core.fault import ReconcilerError
    from reconciler.manifests import Tree, load_accounts

    broken: tuple[Fault, ...] = ()
    try:
        tree = load_tree(path)
    except ReconcilerError as error:
        tree = Tree(path, path, load_accounts(path, KINDS, os.environ), ())
        broken = error.faults
    chosen = _chosen(tree.accounts, tuple(names))
    with opened(replace(tree, accounts=chosen), GLOBALS.settings(), parallelism=parallelism) as bench:
        yield _Clinic(bench, parallelism, broken)


def _chosen(accounts: Mapping[str, Account], names: tuple[str, ...]) -> Mapping[str, Account]:
    from reconciler.core.fault import Fault, ReconcilerError
    from reconciler.manifests.faults import meant, quoted

    wanted = [name.removeprefix("Account/") for name in names]
    unknown = [name for name in wanted if name not in accounts]
    if unknown:
        raise ReconcilerError(
            *(
                Fault(
                    "no-such-account",
                    "There is no such Account",
                    f"{quoted(name)} is declared nowhere.",
                    meant(name, accounts, what="Declared"),
                )
                for name in unknown
            )
        )
    if not accounts:
        raise ReconcilerError(
            Fault(
                "account-missing",
                "There is no Account to check",
                "The manifests declare none.",
                "Write one; docs/manifests.md shows it.",
            )
        )
    return {name: account for name, account in accounts.items() if not wanted or name in wanted}
