"""`pin`: a deployment serves one model, named by its mark, until a commit changes that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness import FIVE_EPOCHS, STACK, Azure, FakeClock, Repo, arm, of, trained

from reconciler.core.change import Create, Delete, Keep, Plan, Stuck, Update, Wait
from reconciler.core.fault import InvalidManifests, ReconcilerError
from reconciler.core.plan import Options
from reconciler.core.resource import Address
from reconciler.core.rules import View
from reconciler.kinds import REGISTRY
from reconciler.kinds.deployment.genuine import without_clones
from reconciler.kinds.deployment.promotion import Promotion, promotion
from reconciler.render.drift import needs_person
from reconciler.render.text import plan_text

HOUR = 3600.0
OTHER = """\
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: other}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: data/train.jsonl
  training_type: global
  method: {hyperparameters: {n_epochs: 1}}
"""


def said(repo: Repo, **options: Any) -> str:
    return plan_text(repo.plan(**options), [], kinds=REGISTRY, now=repo.clock.now())


def marks(azure: Azure, name: str = "tone") -> list[str]:
    """The marks of the jobs of a name, oldest first."""
    jobs = sorted(azure.jobs(), key=lambda job: job["created_at"])
    return [job["suffix"][:12] for job in jobs if job["suffix"].endswith(f"-{name}")]


def pinned(mark: str, more: str = "", epochs: int = 2) -> str:
    text = STACK.replace("{job: tone}", f"{{job: tone, pin: {mark}{more}}}")
    return text.replace("n_epochs: 2", f"n_epochs: {epochs}")


def model(azure: Azure) -> str:
    (deployment,) = azure.deployments()
    return str(deployment["properties"]["model"]["name"])


def deployment_of(plan: Plan) -> Any:
    (change,) = [one for one in plan.changes if str(one.address) == "Deployment/tone"]
    return change


def test_a_pinned_deployment_stays_until_a_commit_moves_it(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    first = model(azure)
    (mark,) = marks(azure)
    repo.write("manifests/stack.yaml", pinned(mark))
    assert repo.plan().converged, "pinning what is served changes nothing"
    assert "stays at" not in said(repo)

    repo.write("manifests/stack.yaml", pinned(mark, epochs=3))
    assert len(trained(repo.plan())) == 1
    change = deployment_of(repo.plan())
    assert isinstance(change, Keep), "it waits for no training"
    assert f"stays at {mark}, which it pins" in said(repo)
    assert "\n        reconciler promote Deployment/tone\n" in said(repo)
    repo.apply(wait=True)
    assert model(azure) == first
    second = marks(azure)[-1]
    assert f"FineTuneJob/tone has made another model, {second}" in said(repo)
    plan = repo.plan(prune=True)
    assert plan.converged
    assert not of(plan, Delete)
    assert [live.outputs["model"] for live in plan.history] == [first]
    assert not needs_person(plan, REGISTRY)

    job = plan.history[0].id
    refused = repo.apply(prune=True, allow_delete=(f"FineTuneJob/{job}",))
    (fault,) = [one for one in refused.plan.refusals if one.code == "model-pinned"]
    assert "Deployment/tone" in fault.detail
    assert not [write for write in azure.writes() if "DELETE" in write]

    repo.write("manifests/stack.yaml", pinned(second, epochs=3))
    (update,) = of(repo.plan(), Update)
    assert {item.path for item in update.changes} == {"model.name"}
    repo.until_done()
    assert model(azure) != first
    azure.control("POST", "hand", {"account": "acme", "do": "purge_jobs"})
    repo.write("manifests/stack.yaml", pinned(mark, epochs=3))
    assert isinstance(deployment_of(repo.plan()), Update), "the model alone is enough, its job may have left the list"
    azure.raw("DELETE", f"{arm()}/deployments/tone?api-version=2025-09-01")
    clock.sleep(10)
    (create,) = of(repo.plan(), Create)
    assert create.after.model.name == first
    repo.until_done()
    assert model(azure) == first
    assert repo.plan().converged


def test_a_pin_with_a_checkpoint_and_beside(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    (mark,) = marks(azure)
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    text = pinned(mark, ", checkpoint: {best: train_loss}", epochs=3)
    repo.write("manifests/stack.yaml", text.replace("  sku:", "  strategy: beside\n  sku:"))
    repo.until_done()
    names = {item["name"]: item["properties"]["model"]["name"] for item in azure.deployments()}
    (beside,) = names.keys() - {"tone"}
    assert beside.startswith(f"tone-{mark}-s")
    assert azure.jobs()[-1]["id"].removeprefix("ftjob-") in names[beside] or names[beside].startswith("ftchkpt-")
    assert repo.plan().converged


def test_a_pin_of_the_job_that_trains_now_waits_for_it(repo: Repo, azure: Azure) -> None:
    repo.apply()
    (mark,) = marks(azure)
    repo.write("manifests/stack.yaml", pinned(mark))
    assert isinstance(deployment_of(repo.plan()), Wait)
    repo.until_done()
    assert model(azure)


def test_pins_that_name_nothing_say_what_there_is(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    before = model(azure)
    clock.sleep(HOUR)
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.write("manifests/other.yaml", OTHER)
    repo.until_done()
    served, (first, second), (foreign,) = model(azure), marks(azure), marks(azure, "other")
    assert served != before

    repo.write("manifests/stack.yaml", pinned("a" * 12, epochs=3))
    stuck = deployment_of(repo.plan(prune=True))
    assert isinstance(stuck, Stuck)
    assert stuck.fault.code == "pin-names-nothing"
    assert stuck.fault.remedy.index(f"pin: {second}") < stuck.fault.remedy.index(f"pin: {first}")
    assert foreign not in stuck.fault.remedy

    repo.write("manifests/stack.yaml", pinned(foreign, epochs=3))
    stuck = deployment_of(repo.plan(prune=True))
    assert stuck.fault.code == "pin-of-another-job"
    assert f"{{job: other, pin: {foreign}}}" in stuck.fault.remedy

    gone = next(job for job in azure.jobs() if job["suffix"].startswith(first))
    azure.hand("vanish_model", model=gone["fine_tuned_model"])
    repo.write("manifests/stack.yaml", pinned(first, epochs=3))
    stuck = deployment_of(repo.plan(prune=True))
    assert "is gone" in stuck.fault.detail
    azure.forget()
    assert repo.apply(prune=True).code == 1
    assert azure.writes() == []
    assert model(azure) == served, "the old model serves on"

    repo.write("manifests/stack.yaml", pinned("NOT-A-MARK", epochs=3))
    with pytest.raises(InvalidManifests) as error:
        repo.plan()
    assert "shown by `history`" in next(one for one in error.value.faults if one.severity == "error").remedy


def test_a_pin_never_serves_what_a_colleague_cloned(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    (mark,) = marks(azure)
    (job,) = azure.jobs()
    azure.hand("clone_job", job=job["id"], overrides=FIVE_EPOCHS)
    clock.sleep(2 * HOUR)
    # Superseded: no manifest says any more what the pinned model was trained with, but the first job of the mark does.
    repo.write("manifests/stack.yaml", pinned(mark, epochs=3))
    repo.until_done()
    assert model(azure) == job["fine_tuned_model"]
    azure.hand("vanish_model", model=job["fine_tuned_model"])
    change = deployment_of(repo.plan())
    assert isinstance(change, Stuck)
    assert change.fault.code == "pin-names-nothing"
    assert f"the model of {job['id']} is gone" in change.fault.detail

    # Declared: the job's own evidence decides, also when of the first one nothing is left.
    repo.write("manifests/stack.yaml", pinned(mark, epochs=2))
    assert isinstance(deployment_of(repo.plan()), Stuck)
    azure.hand("purge_jobs", jobs=[job["id"]])
    assert isinstance(deployment_of(repo.plan()), Keep), "what it serves tells of its model"
    azure.hand("expire_deployment", deployment="tone")
    plan = repo.plan()
    assert isinstance(deployment_of(plan), Wait)
    assert [str(change.address) for change in of(plan, Stuck)] == ["FineTuneJob/tone"]


def test_of_two_jobs_from_the_same_second_neither_is_known_to_be_the_first(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    (job,) = azure.jobs()
    azure.hand("clone_job", job=job["id"], overrides=FIVE_EPOCHS)
    tree, engine = repo.engine()
    world = engine.observe()
    (account,) = engine.accounts.values()
    view = View(account, world, {}, {item.address: item for item in tree.desired})
    jobs = world.of(account.name, "FineTuneJob")
    assert [live.id for live in without_clones(jobs, view)] == [job["id"]]
    at_once = [replace(live, created_at=jobs[0].created_at) for live in jobs]
    assert without_clones(at_once, view) == []
    assert without_clones([at_once[0], at_once[0]], view) == [at_once[0], at_once[0]]


def test_a_pin_takes_the_second_attempt_of_azures_own_failure(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", STACK.replace("training_type: global", "training_type: global\n  retry: 1"))
    repo.apply()
    (failed,) = azure.jobs()
    azure.hand("fail_job", job=failed["id"])
    repo.until_done()
    served, mark = model(azure), marks(azure)[0]
    assert len({one["seed"] for one in azure.jobs()}) == 2, "each has the seed that Azure gave it"
    repo.write("manifests/stack.yaml", pinned(mark, epochs=3))
    repo.until_done()
    assert model(azure) == served


def test_a_promotion_names_the_newest_model_of_the_job(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    def found(to: str = "latest") -> Promotion:
        tree, engine = repo.engine()
        world = engine.observe()
        made = engine.plan(tree.desired, Options(), world)
        declared = {item.address: item for item in tree.desired}
        digests = {address: (digest,) for address, digest in made.digests.items()}
        (account,) = engine.accounts.values()
        return promotion(declared[Address("Deployment", "tone")], to, View(account, world, digests, declared))

    with pytest.raises(ReconcilerError) as none:
        found()
    assert none.value.faults[0].code == "nothing-to-promote"
    repo.until_done()
    clock.sleep(HOUR)
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    first, second = marks(azure)
    assert (found().mark, found().notes) == (second, ())
    assert found(first).mark == first
    clone = azure.jobs()[-1]["id"]
    azure.hand("clone_job", job=clone, overrides=FIVE_EPOCHS)
    clock.sleep(2 * HOUR)
    assert found().mark == second, "a clone of the first is the newest model, and no model of ours"
    repo.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 2")
    assert found().mark == second
    assert f"that is --to {first}" in found().notes[0]
    with pytest.raises(ReconcilerError) as unknown:
        found("zzzzzzzzzzzz")
    assert f"  --to {second} " in unknown.value.faults[0].remedy
