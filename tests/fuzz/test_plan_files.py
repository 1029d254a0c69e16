"""A saved plan is a file that people can edit: whatever it holds, it is read or refused, and lets through no more than it shows."""

from __future__ import annotations

import random

import orjson
from fuzz.mangle import RAW, spoiled
from harness import NOW, STACK, Repo

from reconciler.cli.apply import refuse_if_stale
from reconciler.core.fault import Refused
from reconciler.kinds import REGISTRY
from reconciler.render.document import _hash, dumps, plan_document, read_approval

FILES = 800


def test_a_plan_file_with_anything_in_it(repo: Repo) -> None:
    repo.write("manifests/more.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    plan = repo.plan()
    whole = dumps(
        plan_document(plan, tool_version="0", accounts=[], emulator=True, created_at=str(NOW), kinds=REGISTRY)
    )
    shown = {str(change.address) for change in plan.actions}
    chance = random.Random(5)
    read = refused = 0
    for _ in range(FILES):
        raw, what = spoiled(whole.encode(), chance)
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            continue
        if isinstance(document, dict):
            document["sha256"] = _hash({key: value for key, value in document.items() if key != "sha256"})
        try:
            approval, _ = read_approval(document)
            read += 1
        except Refused:
            refused += 1
            continue
        try:
            refuse_if_stale(plan, approval)
        except Refused:
            continue
        # It was let through whole: then every change of the plan still stands in the file.
        assert shown <= {item.get("address") for item in document["resource_changes"]}, what
    assert read > 100
    assert refused > 100


def test_a_plan_file_cut_anywhere_or_replaced(repo: Repo) -> None:
    whole = dumps(
        plan_document(repo.plan(), tool_version="0", accounts=[], emulator=True, created_at=str(NOW), kinds=REGISTRY)
    ).encode()
    documents = [*RAW, *(whole[:end] for end in range(0, len(whole), 97))]
    for raw in documents:
        try:
            document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            continue
        try:
            read_approval(document)
        except Refused:
            continue
        raise AssertionError(raw[:60])
