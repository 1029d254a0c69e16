"""The repository of a run at its account, by the product's own loader, engine and gateways in this process.

The laws of each kind are written against it (laws.py). An emulator may stand where the account stands: nothing here steers one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from live.account import Place

from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Keep, Plan
from reconciler.core.plan import Options
from reconciler.core.resource import Address, Desired, Observed
from reconciler.engine import Engine, Outcome
from reconciler.kind import Gateway
from reconciler.kinds import REGISTRY
from reconciler.manifests import load

DATASET = """\
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: {name}}}
spec: {{source: {{path: data/{name}.jsonl}}, encoding: {encoding}}}
"""
LATEST = 120.0
"""Seconds within which a list shows what was done."""
SETTLE = 900.0
"""Seconds for which a change is waited for."""


class BrokenLawError(Exception):
    """What the account did is not what the product promises."""


class Ground:
    """Manifests in a folder, and the account that they are of. To be closed."""

    def __init__(self, place: Place, encoding: str = "utf-8-bom") -> None:
        self.place = place
        self.encoding = encoding
        """How this account takes data."""
        self.manifests = place.folder / "manifests"
        self._pool = ThreadPoolExecutor(4)
        self._as_it_was = {file: file.read_bytes() for file in self.manifests.rglob("*") if file.is_file()}

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()

    def write(self, name: str, text: str | bytes) -> None:
        """Write a file below the manifests."""
        (self.manifests / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    def edit(self, old: str, new: str) -> None:
        """Replace the first place of a text in the stack; it must be there."""
        stack = self.manifests / "stack.yaml"
        before = stack.read_text(encoding="utf-8")
        if old not in before:
            raise ValueError(f"{old!r} does not stand in the stack")
        stack.write_text(before.replace(old, new, 1), encoding="utf-8")

    def declared(self, kind: str) -> str:
        """Return the manifest of this kind in the stack."""
        manifests = (self.manifests / "stack.yaml").read_text(encoding="utf-8").split("---\n")
        return next(one for one in manifests if f"\nkind: {kind}\n" in one)

    def tidy(self) -> None:
        """Have the files as they were."""
        for file in [file for file in self.manifests.rglob("*") if file.is_file()]:
            if file not in self._as_it_was:
                file.unlink()
        for file, content in self._as_it_was.items():
            file.write_bytes(content)

    def gateway(self, kind: str) -> Gateway:
        """Return the gateway of a kind."""
        return self._gateways()[self.place.account.name, kind]

    def live(self, kind: str) -> dict[str, Observed]:
        """Return what is observed of a kind, by id."""
        return {one.id: one for one in self.gateway(kind).observe()}

    def plan(self, without: str = "", **options: Any) -> Plan:
        """Make a plan; `without` has it made as if nothing of a kind, or served from it, were there."""
        desired, engine = self._engine()
        world = engine.observe()
        if without:
            hidden = {without, "Deployment"} if without == "FineTuneJob" else {without}
            world = world.without([one for one in world if one.kind in hidden])
        return engine.plan(desired, Options(**options), world)

    def apply(self, **options: Any) -> list[Outcome]:
        """Apply; returns what was written. Raises BrokenLawError before it would train, and if something fails."""
        desired, engine = self._engine()
        first = engine.plan(desired, Options(**options))
        trains = [
            str(one.address) for one in first.changes if isinstance(one, Create) and one.address.kind == "FineTuneJob"
        ]
        if trains:
            raise BrokenLawError(f"it would train {', '.join(trains)}")
        outcomes = list(engine.converge(desired, Options(**options), Approval.of(first), first=first))
        failed = [f"{one.address}: {one.fault}" for one in outcomes if one.fault]
        if failed:
            raise BrokenLawError("; ".join(failed))
        wrote = [one for one in outcomes if one.wrote]
        made = {one.live.id for one in wrote if one.live and not isinstance(one.change, Delete)}
        if wrote:
            self.is_listed(made, {one.change.live.id for one in wrote if isinstance(one.change, Delete)})
        return wrote

    def is_listed(self, made: Collection[str] = (), gone: Collection[str] = ()) -> None:
        """Wait until the lists show what there is, one by one, and not what is gone: how late they are is a question, no law."""
        _, engine = self._engine()

        def is_current() -> bool:
            listed = {one.id: one for one in engine.observe()}
            ours = [one for one in listed.values() if one.owner == self.place.wish.owner or one.id in made]
            return listed.keys() >= set(made) and listed.keys().isdisjoint(gone) and all(map(self._is_so_alone, ours))

        self.place.until(is_current, bool, LATEST)

    def _is_so_alone(self, listed: Observed) -> bool:
        alone = self.gateway(listed.kind).refresh(listed)
        seen, shown = ((one.phase, one.spec, one.owner, one.facts.get("tags")) for one in (alone, listed))
        return seen == shown

    def _engine(self) -> tuple[tuple[Desired, ...], Engine]:
        place = self.place
        tree = load(self.manifests, REGISTRY, place.environ, None, place.folder)
        engine = Engine(REGISTRY, tree.accounts, self._gateways(), place.session.runtime, self._pool, settle=SETTLE)
        return tuple(tree.desired), engine

    def _gateways(self) -> dict[tuple[str, str], Gateway]:
        place = self.place
        return {(place.account.name, kind.name): kind.connect(place.session) for kind in REGISTRY.values()}


def kept_of(plan: Plan) -> Mapping[Address, Observed]:
    """Return the live objects that a plan keeps."""
    return {one.address: one.live for one in plan.changes if isinstance(one, Keep) and one.live}
