"""What was made without manifests and is taken over by them: nothing is changed, trained or deleted for it."""

from __future__ import annotations

import hashlib
from typing import Any

import portal
import pytest
from harness import STACK, Azure, Repo, addresses, examples, of

from reconciler.core.change import Create, Delete, Keep, Stuck, Update
from reconciler.core.plan import make_plan
from reconciler.core.resource import Address
from reconciler.kind import Workspace
from reconciler.kinds import REGISTRY
from reconciler.manifests.adoption import Survey, Wish, confirmed, survey
from reconciler.render.manifest import manifest_text


def imported(repo: Repo, **wish: Any) -> Survey:
    """Write what an import would, in one file."""
    tree, engine = repo.engine()
    world = engine.observe()
    plan = make_plan(tree.desired, engine.accounts, world, REGISTRY)
    world = confirmed(plan, world, engine.gateways)
    found = survey(tree.desired, engine.accounts, world, REGISTRY, Workspace(tree.root), Wish(["acme"], **wish))
    text = "---\n".join(manifest_text(item.manifest(), item.draft.notes) for item in found.adopted)
    repo.write("manifests/imported.yaml", text)
    return found


@pytest.fixture
def made(repo: Repo, azure: Azure) -> dict[str, str]:
    (repo.folder / "manifests/stack.yaml").unlink()
    return portal.busy_account(azure)


SWITCHES: list[dict[str, Any]] = [
    {},
    {"echo_suffix": "user_provided_suffix", "echo_training_type": False, "echo_seed": False},
    {"echo_method": "always", "echo_hyperparameters": "method", "v1_status_words": True},
    {"models_route_lists_fine_tuned": False, "canonical_models": False},
]


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_after_an_import_a_plan_changes_nothing(
    repo: Repo, azure: Azure, made: dict[str, str], switches: dict[str, Any]
) -> None:
    azure.configure(**switches)
    imported(repo)
    azure.forget()
    plan = repo.plan(prune=True)
    kept = {change.live.id for change in of(plan, Keep)}
    assert {made[name] for name in ("tone", "twin", "plain", "lost", "runs")} <= kept
    assert addresses(of(plan, Update)) == ["Deployment/chat", "Deployment/old", "Deployment/tone-prod"]
    assert all(change.adopts for change in of(plan, Update))
    assert not of(plan, Create) + of(plan, Delete) + of(plan, Stuck)
    result = repo.apply()
    assert result.code == 0, result.faults()
    assert [write.partition(" ")[0] for write in azure.writes()] == ["PATCH"] * 3, "only the marks are written"
    azure.forget()
    assert repo.apply().code == 0
    assert azure.writes() == [], "the second apply writes nothing"


def test_what_was_adopted_is_managed_and_never_deleted(repo: Repo, azure: Azure, made: dict[str, str]) -> None:
    imported(repo)
    repo.until_done()
    azure.hand("purge_jobs")
    assert repo.plan().converged, "an adopted job whose history Azure has purged is known by its model"
    text = (repo.folder / "manifests/imported.yaml").read_text()
    repo.write("manifests/imported.yaml", text.replace("capacity: 5", "capacity: 7", 1))
    (update,) = of(repo.plan(), Update)
    assert [change.path for change in update.changes] == ["sku.capacity"]
    repo.until_done()
    repo.write("manifests/imported.yaml", "# nothing\n")
    repo.write("manifests/stack.yaml", STACK)
    azure.forget()
    repo.until_done(prune=True)
    assert not [write for write in azure.writes() if "DELETE" in write or "cancel" in write]


def test_nothing_of_others_or_of_ours_is_imported(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    assert imported(repo).adopted == (), "what is declared is ours already"
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    (left,) = imported(repo).left_out
    assert "declared no more" in left.reason
    (job,) = imported(repo, history=True).adopted
    assert job.draft.live.id == left.live.id
    assert repo.plan().converged
    portal.deploy(azure, "theirs", "gpt-4.1-mini", version="2025-04-14", tags={"reconciler-owner": "other-team"})
    azure.clock.sleep(60)
    assert [item.reason for item in imported(repo).left_out] == ["it belongs to other-team"]


def test_names_stay_when_more_is_found(repo: Repo, azure: Azure, made: dict[str, str]) -> None:
    first = {item.draft.live.id: item.address for item in imported(repo).adopted}
    portal.train(azure, made["lone file"], suffix="support-tone")
    azure.clock.sleep(600)
    (new,) = imported(repo, targets=("FineTuneJob/*",)).adopted
    assert new.address == Address("FineTuneJob", "support-tone-3")
    assert new.address not in first.values()


@pytest.mark.parametrize(
    ("rows", "code"), [(20, ""), (21, "adopt-differs")], ids=["the data that was uploaded", "one example more"]
)
def test_the_size_of_an_adopted_jobs_file_is_evidence(
    repo: Repo, azure: Azure, made: dict[str, str], rows: int, code: str
) -> None:
    repo.write("manifests/data/train.jsonl", examples(rows))
    repo.write(
        "manifests/stack.yaml",
        f"apiVersion: reconciler/v1\nkind: FineTuneJob\nmetadata: {{name: tone, adopt: {{job: {made['tone']}}}}}\n"
        "spec: {model: gpt-4.1-mini, training_file: data/train.jsonl, training_type: global}\n",
    )
    azure.forget()
    plan = repo.plan()
    assert [change.fault.code for change in of(plan, Stuck)] == ([code] if code else [])
    assert repo.apply().code == (1 if code else 0)
    assert azure.writes() == []


@pytest.mark.parametrize(
    ("after", "told", "purged"),
    [("row 4?", True, False), ("row 4?", True, True), ("row 3, and so on?", False, False)],
    ids=["the digest says so", "the digest says so, and the file is gone", "the size says so"],
)
def test_an_edit_of_downloaded_data_is_not_ignored(
    repo: Repo, azure: Azure, made: dict[str, str], after: str, *, told: bool, purged: bool
) -> None:
    """The job and the file are found by their ids: neither may hide that the data is another one by now."""
    data = examples(20)
    digest = f", sha256: {hashlib.sha256(data.encode()).hexdigest()}" if told else ""
    repo.write("manifests/data/train.jsonl", data)
    repo.write(
        "manifests/stack.yaml",
        "apiVersion: reconciler/v1\nkind: Dataset\n"
        f"metadata: {{name: d, adopt: {{file: {made['file of tone']}{digest}}}}}\n"
        "spec: {source: {path: data/train.jsonl}}\n---\n"
        f"apiVersion: reconciler/v1\nkind: FineTuneJob\nmetadata: {{name: tone, adopt: {{job: {made['tone']}}}}}\n"
        "spec: {model: gpt-4.1-mini, training_file: {dataset: d}, training_type: global}\n",
    )
    if purged:
        azure.hand("vanish_file", file=made["file of tone"])
    assert repo.plan().converged
    repo.write("manifests/data/train.jsonl", data.replace("row 3?", after, 1))
    stuck = {str(change.address): change.fault.code for change in of(repo.plan(), Stuck)}
    assert stuck["FineTuneJob/tone"] == "adopt-differs"


def test_what_was_trained_further_stays_adopted_when_its_history_is_purged(
    repo: Repo, azure: Azure, made: dict[str, str]
) -> None:
    """Its model's name tells only the base that all began from; an edit of its data is noticed all the same."""
    job = portal.train(azure, made["file of tone"], model=made["model of tone"], suffix="further")
    portal.settle(azure)
    data = examples(20)
    repo.write("manifests/data/train.jsonl", data)
    repo.write(
        "manifests/stack.yaml",
        "apiVersion: reconciler/v1\nkind: Dataset\nmetadata: {name: d, adopt: {file: "
        f"{made['file of tone']}, sha256: {hashlib.sha256(data.encode()).hexdigest()}}}}}\n"
        "spec: {source: {path: data/train.jsonl}}\n---\n"
        f"apiVersion: reconciler/v1\nkind: FineTuneJob\nmetadata: {{name: tone, adopt: {{job: {job}}}}}\n"
        f"spec: {{model: {made['model of tone']}, training_file: {{dataset: d}}}}\n",
    )
    azure.hand("purge_jobs")
    plan = repo.plan()
    assert plan.converged, of(plan, Stuck)
    repo.write("manifests/data/train.jsonl", data.replace("row 3?", "row 4?", 1))
    assert [str(change.address) for change in of(repo.plan(), Stuck)][-1:] == ["FineTuneJob/tone"]
    repo.write("manifests/data/train.jsonl", data)
    repo.edit("manifests/stack.yaml", f"model: {made['model of tone']}", "model: gpt-4o-2024-08-06")
    assert [change.fault.code for change in of(repo.plan(), Stuck)] == ["adopt-differs"], "another base is none"


def test_a_tag_that_the_manifest_declares_is_a_change(repo: Repo, azure: Azure, made: dict[str, str]) -> None:
    imported(repo, targets=("Deployment/chat",))
    repo.until_done()
    repo.edit("manifests/imported.yaml", "  sku:", "  tags: {team: blue}\n  sku:")
    (update,) = of(repo.plan(), Update)
    assert not update.adopts, "only our own marks count as none"
    assert not repo.plan().converged
    repo.until_done()
    (chat,) = [item for item in azure.deployments() if item["name"] == "chat"]
    assert chat["tags"]["team"] == "blue"


def test_where_a_model_of_another_account_comes_from_is_written(repo: Repo, azure: Azure, made: dict[str, str]) -> None:
    model = {"format": "OpenAI", "name": made["model of tone"], "version": "1", "source": portal.arm("acme")}
    azure.hand(
        "edit_deployment", deployment="chat", properties={"model": {**model, "name": "gpt-4.1-mini.ft-elsewhere"}}
    )
    found = imported(repo, targets=("Deployment/chat",))
    assert found.adopted[0].spec["model"]["source"] == portal.arm("acme")
    assert repo.plan().converged
