"""Checkpoints: trained on and deployed by step or by metric, read only while something is open, then pinned."""

from __future__ import annotations

from decimal import Decimal

import pytest
from harness import Azure, FakeClock, Repo, addresses, of, trained

from reconciler.core.change import Create, Keep, Stuck, Update, Wait
from reconciler.core.fault import InvalidManifests

STEPS = (20, 40, 60)
"""The ends of three epochs over 20 examples, one a step."""
THREE = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: data/train.jsonl
  validation_file: data/valid.jsonl
  training_type: global
  method: {hyperparameters: {n_epochs: 3, batch_size: 1}}
---
apiVersion: reconciler/v1
kind: Deployment
metadata: {name: tone}
spec:
  model: {job: tone, checkpoint: {best: full_valid_loss}}
  sku: {name: GlobalStandard, capacity: 50}
"""


@pytest.fixture
def three(repo: Repo) -> Repo:
    repo.write("manifests/stack.yaml", THREE)
    return repo


def serving(azure: Azure) -> str:
    return str(azure.deployments()[0]["properties"]["model"]["name"])


def checkpoints(azure: Azure) -> list[dict[str, object]]:
    job = azure.jobs()[0]["id"]
    return list(azure.raw("GET", f"/acme/openai/v1/fine_tuning/jobs/{job}/checkpoints?limit=100")["data"])


def looks(azure: Azure) -> list[str]:
    return [item["path"] for item in azure.emulator.requests() if "checkpoints" in item["path"]]


@pytest.mark.parametrize("form", ["id", "name", "both"])
@pytest.mark.parametrize("shown", ["name", "id"])
def test_the_best_checkpoint_is_deployed_whichever_string_azure_takes(
    three: Repo, azure: Azure, form: str, shown: str
) -> None:
    azure.configure(checkpoint_deploys_by=form, checkpoint_shown_as=shown)
    three.until_done()
    found = {item["step_number"]: item for item in checkpoints(azure)}
    assert sorted(found) == list(STEPS)
    lowest = min(STEPS, key=lambda step: found[step]["metrics"]["full_valid_loss"])
    name = f"{azure.jobs()[0]['fine_tuned_model']}:ckpt-step-{lowest}"
    assert serving(azure) in {found[lowest]["id"], found[lowest]["fine_tuned_model_checkpoint"], name}
    tags = azure.deployments()[0]["tags"]
    job = azure.jobs()[0]["id"]
    assert tags["reconciler-from"] == f"{job}:step-{lowest}:best-full_valid_loss"
    assert tags["reconciler-model"] == serving(azure)
    azure.forget()
    assert three.plan().converged
    assert looks(azure) == [], "what is pinned is not read again"


def test_the_plan_says_which_step_and_how_to_pin_it_and_asks_once(three: Repo, azure: Azure, clock: FakeClock) -> None:
    three.apply()
    (wait,) = of(three.plan(), Wait)
    assert addresses([wait]) == ["Deployment/tone"]
    assert wait.notes == ("best checkpoint by full_valid_loss: (known after apply)",)
    clock.sleep(2 * 3600)
    azure.forget()
    (create,) = of(three.plan(), Create)
    assert len(looks(azure)) == 1
    job = azure.jobs()[0]["id"]
    step = create.after.model.step
    assert step in STEPS
    assert create.notes[0].startswith(f"step {step} of {job}, the best by full_valid_loss (")
    assert create.notes[1] == f"  checkpoint: {{step: {step}}}"
    three.until_done()
    three.edit("manifests/stack.yaml", "{best: full_valid_loss}", f"{{step: {step}}}")
    azure.forget()
    assert three.plan().converged, "writing down what is served changes nothing"
    assert looks(azure) == []


def test_best_never_flips_by_reading_again(three: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.emulator import job_view

    three.until_done()
    before = serving(azure)
    real = job_view.checkpoint_objects

    def reversed_metrics(*args: object) -> list[dict[str, object]]:
        found = real(*args)
        for item in found:
            item["metrics"] = {"full_valid_loss": 1.0 / (1.0 + item["metrics"]["full_valid_loss"])}
        return found

    monkeypatch.setattr("reconciler.emulator.jobs.checkpoint_objects", reversed_metrics)
    three.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    three.until_done()
    assert serving(azure) == before
    assert three.plan().converged


def test_a_portal_edit_of_a_pinned_checkpoint_is_drift(three: Repo, azure: Azure) -> None:
    three.until_done()
    before = serving(azure)
    final = azure.jobs()[0]["fine_tuned_model"]
    properties = {"model": {"format": "OpenAI", "name": final, "version": "1"}}
    azure.hand("edit_deployment", deployment="tone", properties=properties)
    (update,) = of(three.plan(), Update)
    assert [(item.path, item.after) for item in update.changes] == [("model.name", before)]
    three.until_done()
    assert serving(azure) == before


def test_from_a_checkpoint_to_the_final_model_and_back(three: Repo, azure: Azure) -> None:
    three.until_done()
    three.edit("manifests/stack.yaml", "{best: full_valid_loss}", "final")
    three.until_done()
    assert serving(azure) == azure.jobs()[0]["fine_tuned_model"]
    assert "reconciler-model" not in azure.deployments()[0]["tags"]
    assert azure.deployments()[0]["tags"]["reconciler-from"] == azure.jobs()[0]["id"]
    three.edit("manifests/stack.yaml", "final", "{step: 40}")
    three.until_done()
    assert azure.deployments()[0]["tags"]["reconciler-from"].endswith(":step-40")
    assert three.plan().converged


def test_a_step_that_does_not_exist_is_stuck_with_those_that_do(three: Repo, azure: Azure) -> None:
    three.edit("manifests/stack.yaml", "{best: full_valid_loss}", "{step: 7}")
    result = three.apply(wait=True)
    assert result.code == 1
    assert azure.deployments() == []
    (stuck,) = of(three.plan(), Stuck)
    assert stuck.fault.code == "checkpoint-missing"
    assert "20, 40, 60" in stuck.fault.detail
    assert "checkpoint: {step: 60}" in stuck.fault.remedy
    assert stuck.fault.place
    assert stuck.fault.place.line


@pytest.mark.parametrize(
    ("reason", "edits", "code", "words"),
    [
        (
            "nothing is validated",
            [("  validation_file: data/valid.jsonl\n", "")],
            "metric-impossible",
            "validation_file",
        ),
        (
            "a reward of supervised training",
            [("full_valid_loss", "full_valid_mean_reward")],
            "metric-impossible",
            "no rewards",
        ),
        ("no metric at all", [("full_valid_loss", "full_valid_los")], "", "did you mean full_valid_loss?"),
        (
            "a chain by metric",
            [("model: gpt-4.1-mini-2025-04-14", "model: {job: other, checkpoint: {best: valid_loss}}")],
            "",
            "",
        ),
    ],
)
def test_a_metric_that_cannot_be_is_an_error_at_load(
    three: Repo, reason: str, edits: list[tuple[str, str]], code: str, words: str
) -> None:
    for old, new in edits:
        three.edit("manifests/stack.yaml", old, new)
    with pytest.raises(InvalidManifests) as caught:
        three.plan()
    faults = [fault for fault in caught.value.faults if fault.severity == "error"]
    assert any((not code or fault.code == code) and words in str(fault) + fault.remedy for fault in faults), faults
    assert all(fault.place for fault in faults)


def test_without_validation_the_training_loss_can_choose(three: Repo, azure: Azure) -> None:
    three.edit("manifests/stack.yaml", "  validation_file: data/valid.jsonl\n", "")
    three.edit("manifests/stack.yaml", "full_valid_loss", "train_loss")
    three.until_done()
    assert "best-train_loss" in azure.deployments()[0]["tags"]["reconciler-from"]


def test_a_metric_that_no_checkpoint_carries_is_stuck(
    three: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    three.edit("manifests/stack.yaml", "full_valid_loss", "train_accuracy")
    assert three.apply(wait=True).code == 1
    (stuck,) = of(three.plan(), Stuck)
    assert stuck.fault.code == "checkpoint-metric-missing"
    assert "train_loss" in stuck.fault.detail


def test_checkpoints_that_cannot_be_read_stop_only_what_needs_them(three: Repo, azure: Azure) -> None:
    azure.fault(method="GET", path_regex="/checkpoints", status=403, code="Forbidden", message="no", count=None)
    result = three.apply(wait=True)
    assert result.code == 1
    assert result.statuses()["FineTuneJob/tone"] == "unchanged"
    assert result.statuses()["Deployment/tone"] == "failed"
    azure.control("DELETE", "faults")
    three.until_done()


def test_of_many_epochs_only_what_azure_deploys_is_chosen(three: Repo, azure: Azure) -> None:
    three.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 8")
    three.until_done()
    step = int(azure.deployments()[0]["tags"]["reconciler-from"].split(":step-")[1].split(":")[0])
    assert step in {120, 140, 160}
    assert three.plan().converged


def test_no_manifest_with_a_checkpoint_no_call(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    azure.forget()
    assert repo.plan().converged
    assert looks(azure) == []


CHILD = """\
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: more}
spec:
  model: {job: tone, checkpoint: {step: 40}}
  training_file: data/more.jsonl
  training_type: global
"""


@pytest.mark.parametrize("shown", ["name", "id"])
def test_a_training_builds_on_a_checkpoint(three: Repo, azure: Azure, shown: str) -> None:
    azure.configure(checkpoint_shown_as=shown)
    three.write("manifests/stack.yaml", THREE + CHILD)
    three.write(
        "manifests/data/more.jsonl", (three.folder / "manifests/data/train.jsonl").read_text().replace("row", "other")
    )
    three.until_done()
    base = next(job["model"] for job in azure.jobs() if "more" in job["suffix"])
    found = {
        item["step_number"]: item
        for item in azure.raw("GET", f"/acme/openai/v1/fine_tuning/jobs/{parent(azure)}/checkpoints?limit=9")["data"]
    }
    assert base == found[40]["fine_tuned_model_checkpoint"]
    azure.forget()
    plan = three.plan()
    assert plan.converged
    assert looks(azure) == [], "what a live job was trained on is not asked again"
    three.edit("manifests/stack.yaml", "{step: 40}", "{step: 60}")
    (create,) = trained(three.plan())
    assert create.reason == "retrain"
    assert any("step 60" in note for note in create.notes)
    assert [(item.path, item.before, item.after) for item in create.why] == [
        ("model", base, found[60]["fine_tuned_model_checkpoint"])
    ]


def parent(azure: Azure) -> str:
    return next(str(job["id"]) for job in azure.jobs() if "tone" in job["suffix"])


def test_a_clone_on_another_checkpoint_is_no_evidence(three: Repo, azure: Azure) -> None:
    three.write("manifests/stack.yaml", THREE + CHILD)
    three.write(
        "manifests/data/more.jsonl", (three.folder / "manifests/data/train.jsonl").read_text().replace("row", "other")
    )
    three.until_done()
    child = next(job for job in azure.jobs() if "more" in job["suffix"])
    azure.hand("clone_job", job=child["id"], overrides={"model": child["model"].replace("step-40", "step-20")})
    plan = three.plan()
    kept = [change.live.id for change in of(plan, Keep) if change.live and change.address.name == "more"]
    assert kept == [child["id"]]
    assert not trained(plan)


def test_a_purged_job_keeps_what_is_served_and_says_what_cannot_be_found(
    three: Repo, azure: Azure, clock: FakeClock
) -> None:
    three.until_done()
    azure.hand("purge_jobs")
    clock.sleep(60)
    assert three.plan().converged
    azure.hand("expire_deployment", deployment="tone")
    (stuck,) = of(three.plan(), Stuck)
    assert stuck.fault.code == "checkpoint-metric-missing"
    assert "0 checkpoints" in stuck.fault.detail


def test_another_checkpoint_of_a_job_that_only_its_deployment_tells_of_is_not_waited_for(
    three: Repo, azure: Azure, clock: FakeClock
) -> None:
    three.edit("manifests/stack.yaml", "{best: full_valid_loss}", "final")
    three.until_done()
    azure.configure(models_route_lists_fine_tuned=False)
    azure.hand("purge_jobs")
    clock.sleep(60)
    three.edit("manifests/stack.yaml", "checkpoint: final", "checkpoint: {step: 20}")
    (stuck,) = of(three.plan(), Stuck)
    assert stuck.fault.code == "checkpoint-missing"
    assert "it has none at all" in stuck.fault.detail


def test_a_training_that_only_its_served_checkpoint_tells_of_is_not_paid_for_again(
    three: Repo, azure: Azure, clock: FakeClock
) -> None:
    azure.configure(checkpoint_deploys_by="name", checkpoint_shown_as="name")
    three.until_done()
    azure.configure(models_route_lists_fine_tuned=False)
    azure.hand("purge_jobs")
    clock.sleep(60)
    assert three.plan().converged
    three.edit("manifests/stack.yaml", "{best: full_valid_loss}", "final")
    plan = three.plan()
    assert not trained(plan)
    assert [change.address.kind for change in of(plan, Update)] == ["Deployment"]


def test_an_unattended_run_deploys_the_checkpoint_too(three: Repo, azure: Azure, clock: FakeClock) -> None:
    three.apply()
    clock.sleep(2 * 3600)
    assert three.apply(unattended=True).code == 0
    assert "best-full_valid_loss" in azure.deployments()[0]["tags"]["reconciler-from"]
    three.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 4")
    before = serving(azure)
    three.apply()
    assert serving(azure) == before, "the old checkpoint serves until the new one is there"
    clock.sleep(2 * 3600)
    three.apply(unattended=True)
    assert serving(azure) != before
    assert three.plan().converged


@pytest.mark.parametrize("form", ["id", "name"])
def test_a_new_training_moves_the_deployment_in_one_call_and_at_once(
    three: Repo, azure: Azure, clock: FakeClock, form: str
) -> None:
    azure.configure(checkpoint_deploys_by=form)
    three.until_done()
    three.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 4")
    three.apply()
    clock.sleep(2 * 3600)
    (update,) = of(three.plan(), Update)
    assert [item.path for item in update.changes] == ["model.name"]
    began = clock.now()
    three.until_done()
    assert clock.now() - began < 60, "what Azure took under its other name is not waited for"
    assert three.plan().converged


@pytest.mark.parametrize("answer", [{"status": 500}, {"drop": True}, {"status": 429}], ids=str)
def test_a_deployment_of_a_checkpoint_survives_lost_answers(
    three: Repo, azure: Azure, answer: dict[str, object]
) -> None:
    azure.fault(method="PUT", path_regex="/deployments/", after_commit=True, count=2, **answer)
    three.apply(wait=True)
    three.until_done()
    assert three.plan().converged


def test_a_deployed_checkpoint_costs_what_its_base_costs(three: Repo, azure: Azure) -> None:
    """The id of a checkpoint names no base, and is no base model that is paid by use."""
    three.until_done()
    assert azure.deployments()[0]["properties"]["model"]["name"].startswith("ftchkpt-")
    cost = three.plan().cost
    assert cost is not None
    assert (cost.hosting["acme"].low, cost.hosting["acme"].unknown) == (Decimal("1.7"), ())
