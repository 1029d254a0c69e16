"""A fourth kind is one file and one registry entry: this one lives in the test and goes through every layer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from harness import ACCOUNT, FakeClock
from pydantic import Field

from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Plan, Update, Wait
from reconciler.core.plan import Options, make_plan
from reconciler.core.resource import Address, Desired, Observed, Phase, Ref, Spec
from reconciler.core.runtime import Runtime
from reconciler.engine import Engine, Outcome
from reconciler.kind import Kind
from reconciler.kinds import REGISTRY
from reconciler.manifests import json_schema, load
from reconciler.render.document import dumps, plan_document, read_approval
from reconciler.render.drift import drift_document, drift_text
from reconciler.render.outcome import apply_summary, outcome_line
from reconciler.render.text import plan_text


class LampSpec(Spec):
    """A lamp."""

    immutable: ClassVar[frozenset[str]] = frozenset({"socket"})
    watts: int = Field(description="How bright.")
    socket: str = "E27"
    behind: Annotated[str, Ref("Lamp")] | None = None

    def comparable(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True, exclude_none=True, exclude={"account", "behind"})


class LampKind(Kind):
    """Lamps."""

    name: ClassVar[str] = "Lamp"
    spec: ClassVar[type[Spec]] = LampSpec
    prune: ClassVar[str] = "deployments"

    def __init__(self, house: House) -> None:
        self.house = house

    def connect(self, session: Any) -> House:
        return self.house


class House:
    """Where lamps are: a gateway that keeps them in a dict."""

    def __init__(self) -> None:
        self.lamps: dict[str, Observed] = {}

    def observe(self) -> Sequence[Observed]:
        return list(self.lamps.values())

    def create(self, change: Create, refs: Mapping[Address, Observed]) -> Observed:
        live = Observed(
            "Lamp",
            "acme",
            f"lamp-{change.address.name}",
            change.address.name,
            Phase.READY,
            change.after,
            owner="team-a",
        )
        self.lamps[live.id] = live
        return live

    def update(self, change: Update) -> Observed:
        self.lamps[change.live.id] = replace(change.live, spec=change.after)
        return self.lamps[change.live.id]

    def delete(self, change: Delete) -> Observed:
        return replace(self.lamps.pop(change.live.id), phase=Phase.GONE)

    def refresh(self, live: Observed) -> Observed:
        return self.lamps.get(live.id) or replace(live, phase=Phase.GONE)

    def verify(self, desired: Desired, live: Observed) -> Observed:
        return live

    def progress(self, live: Observed) -> str:
        return ""


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.house = House()
        self.kinds: dict[str, Kind] = {**REGISTRY, "Lamp": LampKind(self.house)}
        (folder / "account.yaml").write_text(ACCOUNT)

    def declare(self, *lamps: str) -> None:
        documents = [f"apiVersion: reconciler/v1\nkind: Lamp\n{lamp}\n" for lamp in lamps]
        (self.folder / "lamps.yaml").write_text("---\n".join(documents))

    def plan(self, **options: Any) -> Plan:
        tree, engine = self._engine()
        return make_plan(tree.desired, tree.accounts, engine.observe(), self.kinds, Options(**options))

    def apply(self, **options: Any) -> list[Outcome]:
        tree, engine = self._engine()
        plan = make_plan(tree.desired, tree.accounts, engine.observe(), self.kinds, Options(**options))
        return list(engine.converge(tree.desired, Options(**options), Approval.of(plan), first=plan))

    def _engine(self) -> tuple[Any, Engine]:
        tree = load(self.folder, self.kinds, {}, None, self.folder)
        gateways = {("acme", "Lamp"): self.house}
        return tree, Engine(self.kinds, tree.accounts, gateways, Runtime(FakeClock()), ThreadPoolExecutor(2))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


HALL = "metadata: {name: hall}\nspec: {watts: 40}"
PORCH = "metadata: {name: porch}\nspec: {watts: 60, behind: hall}"


def test_it_is_created_updated_recreated_and_deleted(home: Home) -> None:
    home.declare(HALL, PORCH)
    assert [type(change) for change in home.plan().changes] == [Create, Create]
    home.apply()
    assert home.plan().converged
    home.declare(HALL.replace("40", "45"), PORCH)
    (update,) = home.plan().actions
    assert isinstance(update, Update)
    assert [(item.path, item.before, item.after) for item in update.changes] == [("watts", 40, 45)]
    home.apply()
    home.declare(HALL.replace("40", "45, socket: E14"), PORCH)
    assert [type(change).__name__ for change in home.plan().actions] == ["Replace"]
    home.apply()
    assert home.plan().converged
    home.declare(HALL.replace("40", "45, socket: E14"))
    assert not home.plan().actions, "nothing is deleted without --prune"
    home.apply(prune=True)
    assert list(home.house.lamps) == ["lamp-hall"]


def test_what_someone_else_made_is_not_touched(home: Home) -> None:
    home.house.lamps["x"] = Observed("Lamp", "acme", "x", "hall", Phase.READY, LampSpec(watts=1), owner="other")
    home.declare(HALL)
    (outcome,) = home.apply(prune=True)
    assert outcome.fault is not None
    assert outcome.fault.code == "name-taken"
    assert home.house.lamps["x"].spec == LampSpec(watts=1)


def test_a_lamp_behind_one_that_is_stuck_waits(home: Home) -> None:
    home.house.lamps["x"] = Observed("Lamp", "acme", "x", "hall", Phase.READY, LampSpec(watts=1), owner="other")
    home.declare(HALL, PORCH)
    (wait,) = [change for change in home.plan().changes if isinstance(change, Wait)]
    assert wait.blocked


def test_every_renderer_knows_it(home: Home) -> None:
    home.declare(HALL, PORCH)
    plan = home.plan()
    text = plan_text(plan, ["Account/acme"], kinds=home.kinds, now=0)
    assert "+ Lamp/hall" in text
    assert text.endswith("Plan: 0 to train, 2 to create, 0 to update, 0 to delete.")
    document = plan_document(
        plan, tool_version="0", accounts=[], emulator=False, created_at="2026-11-27T00:00:00+00:00", kinds=home.kinds
    )
    approval, _ = read_approval(json.loads(dumps(document)))
    assert approval.missing(plan) == []
    outcomes = home.apply()
    assert any("Lamp/hall" in outcome_line(outcome, kinds=home.kinds) for outcome in outcomes)
    assert "2 created" in apply_summary(outcomes, [item for item in outcomes if item.wrote], kinds=home.kinds)
    assert "No drift" in drift_text(home.plan(), [], color=False, emulator=False)
    assert drift_document(home.plan(), accounts=[], emulator=False)
    assert "Lamp" in json.dumps(json_schema(home.kinds))


def test_the_loader_checks_it(home: Home) -> None:
    from reconciler.core.fault import InvalidManifests

    home.declare("metadata: {name: hall}\nspec: {watt: 40, behind: nobody}")
    with pytest.raises(InvalidManifests) as caught:
        home.plan()
    assert "watts" in " ".join(fault.remedy + fault.detail for fault in caught.value.faults)
