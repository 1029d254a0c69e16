"""A saved plan is a file that people can edit: whatever it holds, it is read or refused, and lets through no more than it shows."""

from __future__ import annotations

import os
import random
from pathlib import Path

import orjson
import pytest
from fuzz.mangle import RAW, spoiled
from harness import NOW, STACK, Repo

from reconciler.cli.apply import refuse_if_stale
from reconciler.cli.documents import MOST_BYTES, json_document
from reconciler.cli.github_input import estimates_of, out_of_plan, plan_of
from reconciler.core.fault import ReconcilerError, Refused
from reconciler.github.api import stamp
from reconciler.kinds import REGISTRY
from reconciler.render.annotations import plan_annotations, plan_outputs
from reconciler.render.document import _hash, dumps, plan_document, read_approval

FILES = 400


def test_a_plan_file_with_anything_in_it(repo: Repo) -> None:
    repo.write("manifests/more.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4"))
    plan = repo.plan()
    whole = dumps(
        plan_document(plan, tool_version="0", accounts=[], emulator=True, created_at=stamp(NOW), kinds=REGISTRY)
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
    assert read > 50
    assert refused > 50


def test_what_a_workflow_reads_out_of_a_plan_file_with_anything_in_it(repo: Repo, tmp_path: Path) -> None:
    whole = dumps(
        plan_document(repo.plan(), tool_version="0", accounts=[], emulator=True, created_at=stamp(NOW), kinds=REGISTRY)
    ).encode()
    chance, file = random.Random(7), tmp_path / "plan.json"
    read = refused = 0
    for _ in range(FILES // 2):
        try:
            document = orjson.loads(spoiled(whole, chance)[0])
            if isinstance(document, dict):
                document["sha256"] = _hash({key: value for key, value in document.items() if key != "sha256"})
            file.write_bytes(orjson.dumps(document))
        except (orjson.JSONDecodeError, TypeError):  # no JSON, or nested deeper than can be written again
            continue
        estimates_of(file)
        try:
            notes, outputs = out_of_plan(file, lambda found: (plan_annotations(found), plan_outputs(found)))
        except ReconcilerError:
            refused += 1
            continue
        read += 1
        assert set(outputs.values()) <= {"true", "false"}
        assert all(note.startswith("::") and note.isprintable() for note in notes)
    assert read > 50
    assert refused > 40


def test_no_field_of_a_plan_file_orders_the_log_of_a_workflow_about(repo: Repo) -> None:
    plan = plan_document(
        repo.plan(), tool_version="0", accounts=[], emulator=True, created_at=stamp(NOW), kinds=REGISTRY
    )
    document = orjson.loads(dumps(plan))
    for change in document["resource_changes"]:
        change |= {"place": {"file": "a", "line": "\x1b[31m"}, "field_places": {}}
        change["change"]["actions"] = ["\x1b[31m"]
    notes = plan_annotations(document)
    assert len(notes) == 4
    assert all(note.isprintable() for note in notes)


def test_a_plan_file_cut_anywhere_or_replaced(repo: Repo) -> None:
    whole = dumps(
        plan_document(repo.plan(), tool_version="0", accounts=[], emulator=True, created_at=stamp(NOW), kinds=REGISTRY)
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


@pytest.mark.parametrize(
    ("reason", "raw"),
    [
        ("nothing", b""),
        ("nested deeper than any stack", b"[" * 100_000),
        ("the same, closed", b'{"a":' * 50_000 + b"1" + b"}" * 50_000),
        ("no text", b"\xff\xfe\x00\x00"),
        ("zeros", bytes(1000)),
        ("a number that Python refuses", b"9" * 5000),
        ("a number that is none", b'{"format_version": NaN}'),
        ("half a surrogate", b'{"format_version": "\\ud800"}'),
    ],
)
def test_a_file_that_is_no_plan_is_refused_in_words(tmp_path: Path, reason: str, raw: bytes) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(raw)
    with pytest.raises(ReconcilerError):
        plan_of(file)


def test_no_more_is_read_of_a_file_than_a_plan_can_have(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    with file.open("wb") as opened:
        opened.truncate(MOST_BYTES + 1)
    with pytest.raises(ValueError, match="more than 64 MiB"):
        json_document(file)
    os.mkfifo(tmp_path / "pipe")
    for unending in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ValueError, match="no ordinary file"):
            json_document(unending)
