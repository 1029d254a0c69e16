"""The loader over the real kinds: the first manifest that a user writes, and what users get wrong in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.core.account import AccountSpec
from reconciler.core.fault import Fault, InvalidManifests
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
        "training_file: data/support.train.jsonl",
        "training_file: {path: data/support.train.jsonl}",
        "A path stands without a mapping around it:\n  training_file: data/train.jsonl",
    ),
    (
        "training_file: data/support.train.jsonl",
        "training_file: {url: https://x/y}",
        "Data of that sort is a Dataset, with a `source` of its own, and is named here:\n  training_file: {dataset: NAME}",
    ),
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


RESOURCE_ID = "/subscriptions/1/resourceGroups/ml/providers/Microsoft.CognitiveServices/accounts/acme"
NO_IDS = [
    RESOURCE_ID.replace("/1/", "/…/"),
    RESOURCE_ID.replace("/ml/", "/<group>/"),
    RESOURCE_ID.replace("/ml/", "/../"),
    RESOURCE_ID.replace("/ml/", "/m l/"),
    RESOURCE_ID.replace("/1/", "/\u212a/"),
    RESOURCE_ID.replace("acme", "a"),
    RESOURCE_ID.replace("acme", "-acme"),
    RESOURCE_ID.replace("acme", "acme?x=1"),
    RESOURCE_ID.replace("acme", "a" * 65),
    RESOURCE_ID + "\\n",
]


def account_faults(root: Path, old: str, new: str) -> list[Fault]:
    (root / "manifests/account.yaml").write_text(ACCOUNT.replace(old, new))
    with pytest.raises(InvalidManifests) as caught:
        read(root)
    return list(caught.value.faults)


@pytest.mark.parametrize("text", NO_IDS)
def test_an_example_of_an_id_is_not_taken_for_one(root: Path, text: str) -> None:
    [fault] = account_faults(root, RESOURCE_ID, f'"{text}"')
    assert (fault.code, str(fault.place)) == ("not-allowed", "manifests/account.yaml:5:16")
    assert "Put the id of your own account in the place of the example's: /subscriptions/ID/" in fault.detail


@pytest.mark.parametrize("text", [RESOURCE_ID + "/", RESOURCE_ID.lower(), RESOURCE_ID.replace("ml", "m_l.(2)-x")])
def test_ids_as_azure_spells_them(root: Path, text: str) -> None:
    (root / "manifests/account.yaml").write_text(ACCOUNT.replace(RESOURCE_ID, text))
    account = read(root).accounts["default"]
    assert (account.subscription_id, account.account_name) == ("1", "acme")


@pytest.mark.parametrize("field", ["subscription_id", "resource_group", "account_name"])
def test_parts_of_an_id_are_as_strict(root: Path, field: str) -> None:
    [fault] = account_faults(root, "  owner", f"  {field}: a/b\n  owner")
    assert (fault.code, str(fault.place)) == ("not-allowed", f"manifests/account.yaml:6:{len(field) + 5}")


@pytest.mark.parametrize("key", ["api_key", "apiKey", "api-key"])
def test_a_key_in_a_manifest(root: Path, key: str) -> None:
    [fault] = account_faults(root, "  owner", f"  {key}: hunter2\n  owner")
    assert fault.remedy == "A key has no place in a manifest: write `auth: api_key` and set AZURE_OPENAI_API_KEY."
    assert "hunter2" not in str(fault)


def test_every_key_of_an_account_is_listed(root: Path) -> None:
    [fault] = account_faults(root, "  owner", "  zzz: 1\n  owner")
    assert "more" not in fault.remedy
    assert all(f"`{key}`" in fault.remedy for key in AccountSpec.model_fields)
