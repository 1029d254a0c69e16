"""`--target` and `--exclude`: a part of the manifests, and what that part needs."""

from __future__ import annotations

from harness import Azure, Repo, addresses

DATASET = """\
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: shared}
spec: {source: {path: data/train.jsonl}}
"""
SECOND = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: second}
spec: {model: gpt-4.1-mini-2025-04-14, training_file: {dataset: shared}}
"""


def test_what_only_an_excluded_training_needs_is_not_sent(repo: Repo, azure: Azure) -> None:
    without = ("FineTuneJob/tone",)
    assert repo.plan(excludes=without).changes == ()
    repo.apply(excludes=without)
    assert azure.writes() == []
    # What is named for itself is meant; and what a second training needs, too, is sent for it.
    assert addresses(repo.plan(targets=("Dataset/tone.training",), excludes=without).actions) == [
        "Dataset/tone.training"
    ]
    repo.write("manifests/dataset.yaml", DATASET)
    repo.edit("manifests/stack.yaml", "training_file: data/train.jsonl", "training_file: {dataset: shared}")
    repo.write("manifests/more.yaml", SECOND)
    assert addresses(repo.plan(excludes=without).actions) == ["Dataset/shared", "FineTuneJob/second"]
    assert repo.plan(excludes=("FineTuneJob/*",)).changes == ()
    # Nor for the sake of a second one that is made already.
    repo.until_done(targets=("FineTuneJob/second",))
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    azure.hand("vanish_file", file=azure.files()[0]["id"])
    assert addresses(repo.plan(excludes=without).actions) == []
