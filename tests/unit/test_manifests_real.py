"""The loader over the real kinds: the first manifest that a user writes, and what users get wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.core.fault import InvalidManifests
from reconciler.kinds import REGISTRY
from reconciler.manifests import Tree, load

ACCOUNT = """\
apiVersion: reconciler/v1
kind: Account
metadata: {name: default}
spec:
  resource_id: /subscriptions/1/resourceGroups/ml/providers/Microsoft.CognitiveServices/accounts/acme
  owner: acme-support
"""
FIRST = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: support-tone}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: data/support.train.jsonl
  validation_file: data/support.valid.jsonl
---
apiVersion: reconciler/v1
kind: Deployment
metadata: {name: support-tone}
spec:
  model: {job: support-tone}
  sku: {name: DeveloperTier, capacity: 50}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    data = tmp_path / "manifests/data"
    data.mkdir(parents=True)
    for part in ("train", "valid"):
        turns = [{"role": "user", "content": f"{part}?"}, {"role": "assistant", "content": "Yes."}]
        lines = [json.dumps({"messages": [turns[0] | {"content": f"{part} {n}?"}, turns[1]]}) for n in range(60)]
        (data / f"support.{part}.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "manifests/account.yaml").write_text(ACCOUNT)
    (tmp_path / "manifests/first.yaml").write_text(FIRST)
    return tmp_path


def read(root: Path, change: tuple[str, str] = ("", "")) -> Tree:
    (root / "manifests/first.yaml").write_text(FIRST.replace(*change, 1) if change[0] else FIRST)
    return load(Path("manifests"), REGISTRY, {}, cwd=root)


def test_the_first_manifest_loads(root: Path) -> None:
    tree = read(root)
    assert [str(desired.address) for desired in tree.desired] == [
        "Dataset/support-tone.training",
        "Dataset/support-tone.validation",
        "FineTuneJob/support-tone",
        "Deployment/support-tone",
    ]
    assert [str(ref) for ref in tree.desired[2].refs] == [
        "Dataset/support-tone.training",
        "Dataset/support-tone.validation",
    ]
    assert [str(ref) for ref in tree.desired[3].refs] == ["FineTuneJob/support-tone"]
    assert tree.desired[0].content is not None
    assert tree.desired[0].content.examples == 60


MISTAKES = [
    ("seed: 1", "epochs: 3", "It belongs at `spec.method.hyperparameters.n_epochs`."),
    ("seed: 1", "learning_rate: 0.1", "It belongs at `spec.method.hyperparameters.learning_rate_multiplier`."),
    ("seed: 1", "hyperparameters: {n_epochs: 3}", "It belongs at `spec.method.hyperparameters`."),
    ("seed: 1", "trainingType: global", "Did you mean `training_type`?"),
    ("seed: 1", "validationFile: data/x.jsonl", "Did you mean `validation_file`?"),
    ("seed: 1", "base_model: x", "Did you mean `model`?"),
    ("seed: 1", "method: {n_epochs: 3}", "It belongs at `spec.method.hyperparameters.n_epochs`."),
    ("seed: 1", "seed: '1'", "Remove the quotes."),
    ("seed: 1", "suffix: 5", 'Quote it, if it is text:\n  suffix: "5"'),
    (
        "training_file: data/support.train.jsonl",
        "training_file: data/suport.train.jsonl",
        "Did you mean `data/support.train.jsonl`?",
    ),
    ("training_file: data/support.train.jsonl", "training_file: {data: x}", "Did you mean `dataset`?"),
    (
        "sku: {name: DeveloperTier, capacity: 50}",
        "capacity: 50\n  sku: {name: DeveloperTier}",
        "It belongs at `spec.sku.capacity`.",
    ),
    ("model: {job: support-tone}", "model: {job: suport-tone}", "Did you mean `support-tone`?"),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), MISTAKES)
def test_common_mistakes_name_their_remedy(root: Path, right: str, wrong: str, remedy: str) -> None:
    change = ("  validation_file", f"  {wrong}\n  validation_file") if right == "seed: 1" else (right, wrong)
    with pytest.raises(InvalidManifests) as caught:
        read(root, change)
    assert [fault.remedy for fault in caught.value.faults] == [remedy]


def test_faults_in_the_nested_shape_of_openai_are_placed(root: Path) -> None:
    method = "  method: {type: supervised, supervised: {hyperparameters: {n_epochs: fast}}}\n  validation_file"
    with pytest.raises(InvalidManifests) as caught:
        read(root, ("  validation_file", method))
    [fault] = caught.value.faults
    assert str(fault.place) == "manifests/first.yaml:7:71"
    assert fault.detail == "`spec.method.hyperparameters.n_epochs` is `fast`, expected a whole number or `auto`."


def test_two_jobs_that_would_train_the_same(root: Path) -> None:
    with (root / "manifests/account.yaml").open("a") as file:
        file.write("---\n" + FIRST.partition("---")[0].replace("support-tone", "support-voice"))
    with pytest.raises(InvalidManifests) as caught:
        read(root)
    [fault] = caught.value.faults
    assert (fault.code, fault.subject) == ("same-digest", "FineTuneJob/support-tone")
