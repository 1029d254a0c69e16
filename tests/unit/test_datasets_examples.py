"""The data that the repository ships: it is what a first user trains on, so it is held to its own checks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.datasets import scan

DATA = Path(__file__).parents[2] / "manifests" / "data"
QUEUES = (
    "orders",
    "delivery",
    "returns",
    "repairs",
    "product-advice",
    "payments",
    "account-privacy",
    "complaints",
    "other",
)


def records(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["support", "triage"])
def test_shipped_data_is_valid(name: str) -> None:
    for part, least, allowed in (("train", 60, {}), ("valid", 20, {"examples-few": 1})):
        file = DATA / f"{name}.{part}.jsonl"
        with file.open("rb") as stream:
            found = scan(stream, file=file.name)
        assert found.counts == allowed
        assert found.examples >= least


@pytest.mark.parametrize("name", ["support", "triage"])
def test_training_and_validation_share_no_question(name: str) -> None:
    questions = [
        {row["messages"][1]["content"] for row in records(f"{name}.{part}.jsonl")} for part in ("train", "valid")
    ]
    assert not questions[0] & questions[1]


@pytest.mark.parametrize("part", ["train", "valid"])
def test_triage_answers_are_what_their_system_message_promises(part: str) -> None:
    for row in records(f"triage.{part}.jsonl"):
        answer = json.loads(row["messages"][-1]["content"])
        assert list(answer) == ["queue", "urgency", "summary"]
        assert answer["queue"] in QUEUES
        assert answer["urgency"] in {"low", "normal", "high"}
        assert len(answer["summary"].split()) <= 15


@pytest.mark.parametrize("part", ["train", "valid"])
def test_support_answers_that_are_learned_have_one_form(part: str) -> None:
    for row in records(f"support.{part}.jsonl"):
        for message in row["messages"]:
            if message["role"] == "assistant" and message.get("weight", 1) == 1:
                assert "\n\nNext step: " in message["content"]
                assert message["content"].count("\n- ") <= 4
