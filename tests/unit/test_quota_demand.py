"""What a plan asks for of quota and limits: only what is added to what a deployment has, in each way of changing one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.change import Update, Wait
from reconciler.core.quota import Demand, Free, Pool, capacity_faults, counted, demands, limit_faults, quota_faults
from reconciler.core.resource import Desired, Observed, Phase, World
from reconciler.kinds import REGISTRY
from reconciler.kinds.deployment.offered import check_offered

from .cost_toys import MINI, account, cost, data, deployment, job, live, rft

TUNED = f"{MINI}.ft-{'a' * 32}-x"
CHECKPOINT = "ftchkpt-" + "a" * 32
POOL = "OpenAI.GlobalStandard.gpt4.1-mini-finetune"


def asked(there: Observed, item: Desired, *more: Desired) -> list[Demand]:
    declared = {one.address: one for one in (item, *more)}
    update = Update(item, there, item.spec, (), "")
    return list(demands([update], declared, REGISTRY))


@pytest.mark.parametrize(
    ("reason", "there", "item", "base", "more", "had"),
    [
        ("only what is added", live("tone"), deployment(capacity=80), MINI, 30, 50),
        (
            "the base without its version is the same base",
            live("tone"),
            deployment(capacity=80),
            "gpt-4.1-mini",
            30,
            50,
        ),
        ("a checkpoint by its id stays in its pool", live("tone", model=CHECKPOINT), deployment(), MINI, 0, 0),
        ("another base is another pool", live("tone"), deployment(), "gpt-4.1", 50, 0),
        ("another sku is another pool", live("tone", "Standard"), deployment(), MINI, 50, 0),
        ("less is nothing", live("tone"), deployment(capacity=10), MINI, 0, 0),
    ],
)
def test_only_what_is_added_is_asked_for(
    reason: str, there: Observed, item: Desired, base: str, more: int, had: int
) -> None:
    found = asked(there, item, data(1), job(model=base))
    assert [(one.capacity, one.had) for one in found] == ([(more, had)] if more else []), reason


def test_the_capacity_to_go_down_to_is_that_of_the_deployment_and_not_what_is_added() -> None:
    found = asked(live("tone"), deployment(capacity=80), data(1), job())
    (short,) = quota_faults(found, [Pool(POOL, 50, 60)], "swedencentral")
    assert "30 more is asked for" in short.detail
    assert short.remedy.startswith("Lower `sku.capacity` to 60, delete")
    (short,) = capacity_faults(found, {MINI: [Free("GlobalStandard", 5)]}, "swedencentral")
    assert short.remedy.startswith("Lower `sku.capacity` to 55,")


def test_what_is_made_beside_another_one_is_one_more() -> None:
    item, there = deployment(), live("tone")
    waits = Wait(item, there, (job().address,), "create")
    declared = {one.address: one for one in (data(1), job(), item)}
    (demand,) = demands([waits], declared, REGISTRY)
    assert (demand.capacity, demand.had, demand.now) == (50, 0, False)
    own = account(limits={"fine_tuned_deployments": 1})
    world = World({("acme", "Deployment"): (there,)})
    (fault,) = limit_faults([waits], world, {"acme": own}, declared, REGISTRY)
    assert "has 1 deployments of fine-tuned models, and the plan adds 1; the limit is 1" in fault.detail
    stays = replace(waits, then="update")
    assert list(limit_faults([stays], world, {"acme": own}, declared, REGISTRY)) == []


def test_what_serves_a_checkpoint_is_fine_tuned_and_what_its_hosting_costs_is_not_known() -> None:
    there = live("tone", model=CHECKPOINT)
    found = counted(World({("acme", "Deployment"): (there, live("base", model=MINI))}), "acme", REGISTRY)
    assert found == {"deployments": 2, "fine_tuned_deployments": 1}
    named = deployment(model={"name": CHECKPOINT})
    for lives in ([], [there]):
        unknown = cost(named, there=lives).after.unknown
        assert [one.reason for one in unknown] == ["its base model cannot be told"], "a checkpoint is not free"


def test_a_job_in_the_queue_and_one_that_trains_are_counted_apart() -> None:
    from .test_job_answers import live as trained

    jobs = tuple(
        replace(trained(status=status, trainingType=kind, fine_tuned_model=None), id=f"{status}-{kind}")
        for status in ("queued", "pending", "running", "paused", "succeeded", "failed")
        for kind in ("globalStandard", "developerTier")
    )
    gone = replace(jobs[0], phase=Phase.GONE)
    assert counted(World({("acme", "FineTuneJob"): (*jobs, gone)}), "acme", REGISTRY) == {
        "jobs": 12,
        "queued_jobs": 2,
        "running_jobs": 2,
        "queued_developer_jobs": 2,
        "running_developer_jobs": 2,
    }


@pytest.mark.parametrize(
    ("item", "made_from", "location", "said"),
    [
        (deployment(sku="DeveloperTier"), job(model="gpt-4o"), None, "trained from gpt-4o"),
        (deployment(sku="GLOBALSTANDARD"), job(model="gpt-4o"), None, None),
        (deployment(sku="DataZoneStandard"), job(model="Ministral-3B"), None, "GlobalStandard."),
        (deployment(sku="GlobalStandard"), job(model="gpt-oss-120b"), None, "No sku is documented"),
        (deployment(sku="DeveloperTier"), rft(), None, None),
        (deployment(sku="DeveloperTier"), job(model="something-new"), None, None),
        (deployment(sku="DeveloperTier", model={"name": "gpt-4.1"}), job(), None, "fine-tuned models only"),
        (deployment(sku="DeveloperTier", model={"name": f"gpt-4o-2024-08-06.ft-{'a' * 32}"}), job(), None, "gpt-4o"),
        (deployment(sku="GlobalStandard", model={"name": "gpt-4.1"}), job(), None, None),
        (deployment(sku="Standard"), job(model="gpt-4o"), "North Central US", "in eastus2 and swedencentral, and not in"),
        (deployment(sku="Standard"), job(model="gpt-4o"), "swedencentral", None),
        (deployment(sku="Standard"), job(), "northcentralus", None),
        (deployment(sku="Standard"), job(), None, None),
        (deployment(sku="DataZoneStandard"), job(), "Sweden Central", "in the United States only, and not in swedencentral"),
        (deployment(sku="datazonestandard"), job(), "eastus2", None),
        (deployment(sku="DataZoneStandard"), job(), None, None),
        (deployment(sku="DataZoneStandard", model={"name": "gpt-4.1"}), job(), "swedencentral", None),
        (deployment(sku="GlobalBatch"), job(), None, "GlobalBatch is not documented for models trained from"),
        (deployment(sku="DataZoneBatch", model={"name": "gpt-4.1"}), job(), None, None),
    ],
)  # fmt: skip
def test_a_sku_that_is_not_documented_is_told_before_the_training(
    item: Desired, made_from: Desired, location: str | None, said: str | None
) -> None:
    declared = {one.address: one for one in (data(1), made_from, item)}
    found = list(check_offered(item, declared, account(**({"location": location} if location else {}))))
    assert [fault.severity for fault in found] == (["warning"] if said else [])
    assert all(said in f"{fault.detail} {fault.remedy}" for fault in found if said)


def test_a_chain_counts_as_its_first_base() -> None:
    item = deployment(sku="DeveloperTier", model={"job": "second"})
    chain = (job("first", model="gpt-4o"), job("second", model={"job": "first"}))
    declared = {one.address: one for one in (item, *chain)}
    assert len(list(check_offered(item, declared, account()))) == 1
    circle = {one.address: one for one in (item, job("second", model={"job": "second"}))}
    assert list(check_offered(item, circle, account())) == []
