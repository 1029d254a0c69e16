"""Laws of the planner over a world as the real gateways read it: any part of the tree, in any order, with any options.

The world is read once, over the real SDKs; planning is pure, so each example costs about a millisecond.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import pytest
from harness import FIVE_EPOCHS, STACK, Azure, FakeClock, Repo, arm
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.change import Change, Create, Delete, Plan, Replace, Stuck, Update, Wait
from reconciler.core.plan import Options, make_plan
from reconciler.core.resource import Address, Desired, Observed, World
from reconciler.kinds import REGISTRY

PATTERNS = (
    "FineTuneJob/*",
    "Deployment/*",
    "Dataset/*",
    "*/tone",
    "Deployment/calm",
    "FineTuneJob/fresh",
    "Deployment/old",
    "Nothing/*",
)
FOREIGN = ("handmade", "others")


@dataclass(frozen=True)
class Scene:
    """What is declared, who may do it, and what is live."""

    desired: tuple[Desired, ...]
    accounts: Any
    world: World
    clone: str

    def plan(self, desired: Sequence[Desired] | None = None, world: World | None = None, **options: Any) -> Plan:
        return make_plan(
            self.desired if desired is None else desired,
            self.accounts,
            world or self.world,
            REGISTRY,
            Options(**options),
        )


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scene, Scene]:
    """A world at rest, and the same with everything in it: what is new, changed, left over, failed, cloned, others'."""
    clock = FakeClock()
    azure = Azure(clock)
    repo = Repo(tmp_path_factory.mktemp("repo"), azure, clock)
    _stack(repo, "tone", "calm", "old", "sick")
    repo.until_done()
    at_rest = _scene(repo, "")
    theirs = {
        "sku": {"name": "GlobalStandard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
    }
    for name, tags in zip(FOREIGN, ({}, {"reconciler-owner": "team-z", "reconciler-source": "x"}), strict=True):
        azure.raw("PUT", f"{arm()}/deployments/{name}?api-version=2025-09-01", {**theirs, "tags": tags})
        clock.sleep(70)
    _stack(repo, "tone", "calm", "fresh", "sick")
    repo.edit(
        "manifests/stack.yaml", "name: tone}\nspec:\n  model: {job: tone}", "name: tone}\nspec:\n  model: {job: calm}"
    )
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    jobs = {job["suffix"].rpartition("-")[2]: job for job in azure.jobs()}
    clone = azure.hand("clone_job", job=jobs["tone"]["id"], overrides=FIVE_EPOCHS)["id"]
    azure.hand("vanish_model", model=jobs["sick"]["fine_tuned_model"])
    clock.sleep(10_000)
    full = _scene(repo, clone)
    repo.close()
    azure.close()
    return at_rest, full


def _stack(repo: Repo, *names: str) -> None:
    parts = [
        STACK.replace("tone", name).replace("  training_type", f"  seed: {len(name)}{ord(name[0])}\n  training_type")
        for name in names
    ]
    repo.write("manifests/stack.yaml", "---\n".join(parts))


def _scene(repo: Repo, clone: str) -> Scene:
    tree, engine = repo.engine(parallelism=2)
    plan = engine.plan(tree.desired, Options())
    assert not plan.errored
    return Scene(tuple(tree.desired), engine.accounts, engine.observe(), clone)


RARELY = st.sampled_from((False, False, False, True))
"""An option that forbids most of what the others allow."""
options = st.fixed_dictionaries(
    {
        "prune": st.booleans(),
        "unattended": RARELY,
        "whole_tree": RARELY.map(lambda narrow: not narrow),
        "targets": st.just(()) | st.lists(st.sampled_from(PATTERNS), max_size=2).map(tuple),
        "excludes": st.just(()) | st.lists(st.sampled_from(PATTERNS), max_size=1).map(tuple),
        "allow_delete": st.lists(st.sampled_from(PATTERNS), max_size=2).map(tuple),
    }
)


def told(change: Change) -> tuple[Any, ...]:
    """What a change is, whatever it was compared with on the way."""
    live = getattr(change, "live", None)
    return (
        type(change).__name__,
        str(change.address),
        live.id if live else "",
        getattr(change, "held", ""),
        getattr(change, "reason", ""),
        getattr(change, "digest", ""),
        tuple(str(item) for item in getattr(change, "changes", ())),
        getattr(change, "fault", None),
        getattr(change, "on", ()),
    )


def mixed(scene: Scene, seed: int) -> tuple[list[Desired], World]:
    """The same scene, everything in another order."""
    chance = random.Random(seed)
    desired = list(scene.desired)
    chance.shuffle(desired)
    groups = list(scene.world.objects.items())
    chance.shuffle(groups)
    objects = {key: tuple(chance.sample(group, len(group))) for key, group in groups}
    return desired, replace(scene.world, objects=objects)


def test_the_scene_has_a_change_of_every_sort(scenes: tuple[Scene, Scene]) -> None:
    _, full = scenes
    sorts = {type(change) for change in full.plan(prune=True).changes}
    assert {Create, Update, Delete, Wait, Stuck} <= sorts


@settings(max_examples=50)
@given(options)
def test_nothing_is_to_do_where_everything_is_done(scenes: tuple[Scene, Scene], chosen: dict[str, Any]) -> None:
    at_rest, _ = scenes
    assert not at_rest.plan(**chosen).actions
    assert at_rest.plan(prune=True).converged


@settings(max_examples=50)
@given(options, st.integers(0, 10_000))
def test_the_order_of_what_comes_in_does_not_matter(
    scenes: tuple[Scene, Scene], chosen: dict[str, Any], seed: int
) -> None:
    _, full = scenes
    desired, world = mixed(full, seed)
    plain, other = full.plan(**chosen), full.plan(desired, world, **chosen)
    assert sorted(map(told, plain.changes), key=str) == sorted(map(told, other.changes), key=str)
    assert plain.tree_digest == other.tree_digest
    assert set(plain.refusals) == set(other.refusals)
    assert {live.id for live in plain.history} == {live.id for live in other.history}


@settings(max_examples=50)
@given(options, st.sets(st.integers(0, 31)))
def test_what_is_not_ours_is_in_no_plan(scenes: tuple[Scene, Scene], chosen: dict[str, Any], kept: set[int]) -> None:
    """Even if any part of the manifests goes away."""
    _, full = scenes
    plan = full.plan(_some(full.desired, kept), **chosen)
    for change in plan.changes:
        live: Observed | None = getattr(change, "live", None)
        if isinstance(change, Update | Replace | Delete):
            assert live is not None
            assert live.name not in FOREIGN
            assert live.id != full.clone
            assert REGISTRY[live.kind].is_ours(live, full.accounts[live.account])


def _some(desired: Sequence[Desired], numbers: set[int]) -> list[Desired]:
    """Return what has one of these numbers, and what that needs."""
    return _closed(desired, {item.address for number, item in enumerate(desired) if number in numbers})


def _closed(desired: Sequence[Desired], kept: set[Address]) -> list[Desired]:
    by_address = {item.address: item for item in desired}
    while more := {ref for address in kept for ref in by_address[address].refs} - kept:
        kept |= more
    return [item for item in desired if item.address in kept]


@settings(max_examples=50)
@given(options, st.sets(st.integers(0, 31)))
def test_nothing_is_deleted_without_leave(scenes: tuple[Scene, Scene], chosen: dict[str, Any], kept: set[int]) -> None:
    _, full = scenes
    plan = full.plan(_some(full.desired, kept), **chosen)
    leave = (
        chosen["prune"]
        and chosen["whole_tree"]
        and not (chosen["targets"] or chosen["excludes"] or chosen["unattended"])
    )
    gone = [change for change in plan.actions if isinstance(change, Delete) and change.reason != "duplicate"]
    assert leave or not gone
    assert not [change for change in gone if change.live.kind == "FineTuneJob"], "a model is deleted by its name alone"
    if chosen["unattended"]:
        for change in plan.actions:
            assert isinstance(change, Delete) or REGISTRY[change.address.kind].may_continue(change)


@settings(max_examples=50)
@given(options)
def test_a_narrower_plan_is_a_part_of_the_whole(scenes: tuple[Scene, Scene], chosen: dict[str, Any]) -> None:
    _, full = scenes
    whole = full.plan(**{**chosen, "targets": (), "excludes": ()})
    narrow = full.plan(**chosen)
    every = {told(change)[:3] for change in whole.changes}
    assert {told(change)[:3] for change in narrow.changes} <= every
    if chosen["targets"] or chosen["excludes"]:
        named = {item.address for item in full.desired if _named(item.address, chosen["targets"] or ("*",))}
        allowed = {item.address for item in _closed(full.desired, named)}
        dropped = {item.address for item in full.desired if _named(item.address, chosen["excludes"])}
        assert {change.address for change in narrow.actions} <= allowed - dropped
        assert {told(change) for change in narrow.actions} <= {told(change) for change in whole.actions}


def _named(address: Address, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(str(address), pattern) for pattern in patterns)
