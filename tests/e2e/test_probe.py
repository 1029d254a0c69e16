"""`probe` as it is typed: one real answer of each deployment, asked as its model was trained."""

from __future__ import annotations

import json
from typing import Any

import pytest
from command import Site
from harness import STACK, Azure

SYSTEM = "You are the support of Acme."
OTHER = "You are somebody else."


def example(number: int, system: str) -> str:
    turns = [
        {"role": "system", "content": system},
        {"role": "user", "content": f"question {number}"},
        {"role": "assistant", "content": f"the secret answer {number}"},
    ]
    return json.dumps({"messages": turns}) + "\n"


@pytest.fixture
def serving(site: Site) -> Site:
    lines = [example(n, OTHER if n in {3, 7} else SYSTEM) for n in range(60)]
    site.write("manifests/data/train.jsonl", "".join(lines))
    site.write("manifests/stack.yaml", STACK)
    site.run("apply", "--auto-approve", "--wait", code=0)
    return site


def bodies(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what will be sent to models from now on."""
    from reconciler.emulator import inference

    sent: list[dict[str, Any]] = []
    real = inference._chat

    def seen(call: Any, name: str, body: dict[str, Any]) -> Any:
        sent.append(body)
        return real(call, name, body)

    monkeypatch.setattr(inference, "_chat", seen)
    return sent


def test_a_probe_asks_as_the_model_was_trained_and_keeps_the_answer_to_itself(
    serving: Site, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = bodies(azure, monkeypatch)
    ran = serving.run("probe", "tone", code=0)
    (body,) = sent
    assert [turn["content"] for turn in body["messages"]] == [SYSTEM, "question 0"]
    assert "= Deployment/tone  answered in " in ran.out
    assert "finish reason stop" in ran.out
    assert "tokens in, 4 out, 19 characters" in ran.out
    data = "manifests/data/train.jsonl"
    assert f"system message of {data} (58 of 60 examples have it, the most frequent of 2)" in ran.out
    assert f"asked the first question of {data}" in ran.out
    assert "secret" not in ran.text
    assert SYSTEM not in ran.text
    shown = serving.run("probe", "Deployment/*", "--prompt", "question 5", "--show-answer", code=0)
    assert "    | the secret answer 5" in shown.out
    made = json.loads(serving.run("probe", "tone", "--format", "json", code=0).out)
    (one,) = made["probes"]
    assert one["answered"] is True
    assert (one["finish_reason"], one["completion_tokens"], one["answer_characters"]) == ("stop", 4, 19)
    assert one["system_message"]["examples_having_it"] == 58
    assert "answer" not in one


def test_what_cannot_be_asked_is_said_for_each_and_ends_with_1(serving: Site, azure: Azure) -> None:
    more = "---\napiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: other}\nspec:\n  model: {name: gpt-4.1, version: '2025-04-14'}\n  sku: {name: Standard, capacity: 1}\n"
    serving.write("manifests/more.yaml", more)
    ran = serving.run("probe", "tone", "other", code=1)
    assert "= Deployment/tone  answered" in ran.out
    assert "! Deployment/other  It is not deployed" in ran.out
    serving.run("apply", "--auto-approve", code=0)
    assert "no system message: the manifest names a model and no job" in serving.run("probe", "other", code=0).out
    azure.fault(method="POST", path_regex="chat/completions", status=429, count=None, message="Too many\x1b[31m tokens")
    ran = serving.run("probe", "tone", "--format", "json", code=1)
    assert json.loads(ran.out)["probes"][0]["error"]["code"].startswith("azure-")
    ran = serving.run("probe", "tome", code=1)
    assert "Did you mean" in ran.err
    serving.run("probe", code=64)
    azure.fault(method="GET", path_regex="/deployments$", status=403, count=None)
    ran = serving.run("probe", "other", code=1)
    assert "! Deployment/other  The identity lacks a role" in ran.out, "whether it is deployed could not be read"
    assert "does not exist" not in ran.out


def test_a_reasoning_model_is_asked_too(bare: Site) -> None:
    bare.write(
        "manifests/o4.yaml",
        "apiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: thinks}\nspec:\n"
        "  model: {name: o4-mini, version: '2025-04-16'}\n  sku: {name: GlobalStandard, capacity: 10}\n  readiness: true\n",
    )
    ran = bare.run("apply", "--auto-approve", code=0)
    assert "it answers" in ran.out
    assert "64 of them reasoning" in bare.run("probe", "thinks", code=0).out
