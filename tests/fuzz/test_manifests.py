"""Manifests of the real kinds with anything in them: a tree or faults with places, never a traceback, a hang or a flood."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import yaml
from fuzz.mangle import RAW, spoiled
from harness import ACCOUNT, examples

from reconciler.core.fault import Fault, InvalidManifests
from reconciler.kinds import REGISTRY
from reconciler.manifests import load
from reconciler.render.fault import fault_text

TREE = """\
apiVersion: reconciler/v1
kind: Account
metadata: {name: acme, labels: {team: a}}
spec:
  resource_id: /subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme
  owner: team-a
  previous_owners: [team-b]
  policy: {max_usd: {per_job: 100}}
  limits: {jobs: 500}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: shared}
spec:
  source: {path: data/train.jsonl}
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: {dataset: shared}
  validation_file: data/valid.jsonl
  training_type: global
  seed: 7
  method: {type: supervised, hyperparameters: {n_epochs: 3, batch_size: auto}}
  integrations: [{type: wandb, wandb: {project: p, tags: [a]}}]
  extra_body: {x: [1, 2.5]}
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: more}
spec:
  model: {job: tone, checkpoint: {step: 10}}
  training_file: data/train.jsonl
  retry: 1
---
apiVersion: reconciler/v1
kind: Deployment
metadata: {name: tone}
spec:
  model: {job: tone, checkpoint: {best: valid_loss}}
  sku: {name: GlobalStandard, capacity: 50}
  gates: [{metric: full_valid_loss, at_most: 1.5}]
  strategy: {type: beside, keep_old: 7d}
  readiness: true
  protect: true
  tags: {cost: "12"}
"""
PIECES = (
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\t",
    b"\r",
    b"&a [*a]",
    b"*a",
    b"&a ",
    b"<<: *a",
    b"!!python/object/apply:os.system [id]",
    b"{" * 70,
    b"- " * 70,
    b"9" * 5000,
    b"1e999",
    b".nan",
    b"x" * 100_000,
    b"\n---\n",
    b"...\n%YAML 9.9\n---\n",
    b": ",
    b"#",
    b"'",
    b"|\n",
    b"? ",
    b"\xe2\x80\xa8",
    b"\x1b[2J",
    b"${env:AZURE_CLIENT_SECRET}",
    b"../../../../etc/passwd",
)
LOADS = 150
SECONDS, MEMORY = 2.0, 80_000_000
"""That one load may take at most; an ordinary one takes some milliseconds."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    data = tmp_path / "manifests/data"
    data.mkdir(parents=True)
    (data / "train.jsonl").write_text(examples(12))
    (data / "valid.jsonl").write_text(examples(12, "check"))
    return tmp_path


def outcome(root: Path, raw: bytes) -> list[str]:
    """Load a tree; what is wrong is told in words, with a place."""
    (root / "manifests/all.yaml").write_bytes(raw)
    began = time.process_time()
    faults: tuple[Fault, ...] = ()
    try:
        load(Path("manifests"), REGISTRY, {"AZURE_CLIENT_SECRET": "hidden"}, cwd=root)
    except InvalidManifests as error:
        faults = tuple(error.faults)
    said = [fault_text(fault) for fault in faults]
    assert all(fault.place and fault.summary and fault.code != "bug" for fault in faults)
    assert all(line.isprintable() for text in said for line in text.split("\n"))
    assert "hidden" not in "".join(said)
    assert "root:" not in "".join(said)
    assert time.process_time() - began < SECONDS
    return said


def test_the_tree_that_is_spoiled_is_a_good_one(root: Path) -> None:
    assert outcome(root, TREE.encode()) == []


def test_any_value_of_a_manifest_may_be_anything(root: Path) -> None:
    chance = random.Random(11)
    documents: list[Any] = list(yaml.safe_load_all(TREE))
    faulty = 0
    for _ in range(LOADS):
        number = chance.randrange(len(documents))
        raw, _ = spoiled(json.dumps(documents[number]).encode(), chance)
        parts = [raw if at == number else json.dumps(one).encode() for at, one in enumerate(documents)]
        faulty += bool(outcome(root, b"\n---\n".join(parts)))
    assert LOADS * 0.7 < faulty < LOADS, (
        "most of what is spoiled is noticed; what may be left out or is tolerated is not"
    )


def test_any_bytes_may_stand_anywhere_in_a_manifest(root: Path) -> None:
    chance = random.Random(12)
    whole = TREE.encode()
    tracemalloc.start()
    try:
        for _ in range(LOADS // 3):
            at = chance.randrange(len(whole))
            outcome(root, whole[:at] + chance.choice(PIECES) + whole[at + chance.choice((0, 0, 1, 40)) :])
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


GRADED = """\
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec:
  model: o4-mini-2025-04-16
  training_file: data/rft.jsonl
  validation_file: data/rft.jsonl
  training_type: global
  method: {type: reinforcement, grader: {path: NAME}, response_format: {path: format.json}}
"""
GRADER = {
    "type": "multi",
    "name": "both",
    "graders": {
        "same": {
            "type": "string_check",
            "name": "g",
            "input": "{{ sample.output_text }}",
            "reference": "{{ item.answer }}",
            "operation": "eq",
        }
    },
    "calculate_output": "same",
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object", "properties": {}}}}
DEEP = (
    b"[" * 100_000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    b"9" * 5000,
    b'{"a": 1, "a": 2}',
    b"\xff",
    b"\x00",
    b"&a [*a]",
)


@pytest.mark.parametrize("name", ["grader.json", "grader.yaml"])
def test_any_bytes_may_stand_in_a_file_that_holds_a_piece(root: Path, name: str) -> None:
    chance = random.Random(13)
    row = '{"messages": [{"role": "user", "content": "N?"}], "answer": "N"}\n'
    (root / "manifests/data/rft.jsonl").write_text("".join(row.replace("N", str(number)) for number in range(12)))
    grader, form = root / f"manifests/{name}", root / "manifests/format.json"
    tree = (ACCOUNT + GRADED.replace("NAME", name)).encode()
    grader.write_text(json.dumps(GRADER))
    form.write_text(json.dumps(FORMAT))
    assert outcome(root, tree) == []
    faulty, pieces = 0, [*RAW, *DEEP, *(spoiled(json.dumps(GRADER).encode(), chance)[0] for _ in range(LOADS // 5))]
    for raw in pieces:
        grader.write_bytes(raw)
        faulty += bool(outcome(root, tree))
    assert faulty > len(pieces) * 0.7
    grader.write_text(json.dumps(GRADER))
    for raw in (*RAW, *DEEP, *(spoiled(json.dumps(FORMAT).encode(), chance)[0] for _ in range(LOADS // 5))):
        form.write_bytes(raw)
        outcome(root, tree)
