"""Chains: a child waits for its parent, is trained anew with it, and is blocked where its parent is stuck."""

from __future__ import annotations

import pytest
from harness import Azure, FakeClock, Repo, addresses, examples, of, trained

from reconciler.core.change import Keep, Stuck, Wait
from reconciler.core.fault import InvalidManifests
from reconciler.kinds import REGISTRY
from reconciler.render.text import plan_text

LINK = """\
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: NAME}
spec:
  model: {job: BASE}
  training_file: data/NAME.jsonl
  training_type: global
"""
CHAIN = (
    LINK.replace("{job: BASE}", "gpt-4.1-mini-2025-04-14").replace("NAME", "first").removeprefix("---\n")
    + LINK.replace("BASE", "first").replace("NAME", "second")
    + LINK.replace("BASE", "second").replace("NAME", "third")
    + "---\napiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: tone}\n"
    + "spec:\n  model: {job: third}\n  sku: {name: GlobalStandard, capacity: 50}\n"
)


@pytest.fixture
def chain(repo: Repo) -> Repo:
    repo.write("manifests/stack.yaml", CHAIN)
    for name in ("first", "second", "third"):
        repo.write(f"manifests/data/{name}.jsonl", examples(20, name))
    return repo


def said(repo: Repo) -> str:
    return plan_text(repo.plan(), [], kinds=REGISTRY, now=repo.clock.now())


def test_the_plan_shows_the_whole_chain_and_one_apply_makes_it(chain: Repo, azure: Azure) -> None:
    text = said(chain)
    assert "+ FineTuneJob/first  train gpt-4.1-mini-2025-04-14" in text
    assert "… FineTuneJob/second  waits for FineTuneJob/first, then train" in text
    assert "… FineTuneJob/third  waits for FineTuneJob/second, then train" in text
    chain.until_done()
    models = {job["suffix"].partition("-")[2]: job for job in azure.jobs()}
    assert models["second"]["model"] == models["first"]["fine_tuned_model"]
    assert models["third"]["model"] == models["second"]["fine_tuned_model"]
    assert chain.plan().converged


def test_without_waiting_each_run_goes_one_further(chain: Repo, azure: Azure, clock: FakeClock) -> None:
    for count in (1, 2, 3):
        assert chain.apply().code == 0
        assert len(azure.jobs()) == count
        clock.sleep(2 * 3600)
    assert chain.apply().code == 0
    assert chain.plan().converged


def test_a_changed_parent_trains_its_children_anew_and_says_why(chain: Repo, azure: Azure, clock: FakeClock) -> None:
    chain.until_done()
    chain.edit("manifests/data/first.jsonl", "first 3?", "first 4!")
    text = said(chain)
    assert [str(change.address) for change in trained(chain.plan())] == ["FineTuneJob/first"]
    assert addresses(of(chain.plan(), Wait)) == ["Deployment/tone", "FineTuneJob/second", "FineTuneJob/third"]
    assert "its base FineTuneJob/first is trained anew" in text
    assert "its base FineTuneJob/second is trained anew" in text
    assert "still serving" in text
    chain.apply()
    clock.sleep(2 * 3600)
    (create,) = trained(chain.plan())
    assert create.address.name == "second"
    assert "its base FineTuneJob/first was trained anew" in create.notes
    chain.until_done()
    assert len(azure.jobs()) == 6
    chain.edit("manifests/data/first.jsonl", "first 4!", "first 3?")
    assert not trained(chain.plan()), "a revert finds the whole chain again"


def test_a_chain_on_a_failed_parent_is_blocked_with_the_reason(chain: Repo, azure: Azure) -> None:
    azure.configure(outcomes=[{"match": {}, "then": {"fail": {"code": "x", "message": "bad luck"}, "at": "running"}}])
    result = chain.apply(wait=True)
    assert result.code == 1
    assert len(azure.jobs()) == 1
    text = said(chain)
    assert "FineTuneJob/second  waits for FineTuneJob/first (which needs a person first), then train" in text
    assert "FineTuneJob/first is stuck: the job failed" in text
    assert all(change.blocked for change in of(chain.plan(), Wait))
    azure.configure(outcomes=[])
    chain.edit(
        "manifests/stack.yaml", "training_file: data/first.jsonl\n", "training_file: data/first.jsonl\n  attempt: 2\n"
    )
    chain.until_done()


def test_a_parent_whose_model_vanished_leaves_its_children_alone(chain: Repo, azure: Azure) -> None:
    chain.until_done()
    first = next(job for job in azure.jobs() if job["suffix"].endswith("first"))
    azure.hand("vanish_model", model=first["fine_tuned_model"])
    plan = chain.plan()
    assert addresses(of(plan, Stuck)) == ["FineTuneJob/first"]
    kept = [change.address.name for change in of(plan, Keep) if change.address.kind == "FineTuneJob"]
    assert sorted(kept) == ["second", "third"]
    assert not plan.actions


def test_a_suspended_parent_holds_its_chain(chain: Repo, azure: Azure) -> None:
    chain.edit(
        "manifests/stack.yaml",
        "training_file: data/first.jsonl\n",
        "training_file: data/first.jsonl\n  suspend: true\n",
    )
    plan = chain.plan()
    assert addresses(of(plan, Wait)) == ["Deployment/tone", "FineTuneJob/second", "FineTuneJob/third"]
    assert chain.apply(wait=True).code == 0
    assert azure.jobs() == []


def test_an_adopted_job_whose_manifest_was_edited_spends_nothing(chain: Repo, azure: Azure) -> None:
    chain.until_done()
    first = next(job["id"] for job in azure.jobs() if job["suffix"].endswith("first"))
    chain.edit("manifests/stack.yaml", "{name: first}", f"{{name: first, adopt: {{job: {first}}}}}")
    assert not chain.plan().actions
    chain.edit(
        "manifests/stack.yaml", "training_file: data/first.jsonl\n", "training_file: data/first.jsonl\n  seed: 9\n"
    )
    azure.forget()
    assert chain.apply(wait=True).code == 1
    assert not azure.committed("POST")
    assert "adopt-differs" in {change.fault.code for change in of(chain.plan(), Stuck)}


def test_a_circle_is_an_error(chain: Repo) -> None:
    chain.edit("manifests/stack.yaml", "model: gpt-4.1-mini-2025-04-14", "model: {job: third, checkpoint: {step: 20}}")
    with pytest.raises(InvalidManifests):
        chain.plan()


def test_a_child_is_paused_whatever_became_of_its_parent(chain: Repo, azure: Azure, clock: FakeClock) -> None:
    chain.apply()
    clock.sleep(2 * 3600)
    chain.apply()
    clock.sleep(1800)
    first, second = (next(job for job in azure.jobs() if job["suffix"].endswith(name)) for name in ("first", "second"))
    assert second["status"] == "running"
    azure.hand("vanish_model", model=first["fine_tuned_model"])
    data = "training_file: data/second.jsonl\n"
    chain.edit("manifests/stack.yaml", data, f"{data}  suspend: true\n")
    chain.apply()
    clock.sleep(60)
    assert next(job["status"] for job in azure.jobs() if job["id"] == second["id"]) == "paused"
