"""Gates on numbers: what was not trained well enough does not serve, and what serves goes on."""

from __future__ import annotations

from typing import Any

import pytest
from harness import Azure, FakeClock, Repo, of

from reconciler.core.approval import Approval
from reconciler.core.change import Create, Stuck, Update
from reconciler.core.fault import InvalidManifests

SKU = "sku: {name: GlobalStandard, capacity: 50}"
OTHER = """\
apiVersion: reconciler/v1
kind: Deployment
metadata: {name: other}
spec:
  model: {name: gpt-4.1, version: "2025-04-14"}
  sku: {name: Standard, capacity: 1}
"""


def gates(repo: Repo, *lines: str) -> None:
    """Have the deployment's gates be these, in place of what they are."""
    path = repo.folder / "manifests/stack.yaml"
    head, sku, _ = path.read_text().partition(SKU)
    path.write_text(head + sku + "\n" + ("  gates:\n" + "".join(f"    - {line}\n" for line in lines) if lines else ""))


def job(azure: Azure, number: int) -> dict[str, Any]:
    return sorted(azure.jobs(), key=lambda item: item["created_at"])[number]


def last(azure: Azure, number: int) -> dict[str, float]:
    """Return the metrics of the final model of a job, the oldest job first."""
    found = azure.raw("GET", f"/acme/openai/v1/fine_tuning/jobs/{job(azure, number)['id']}/checkpoints?limit=100")[
        "data"
    ]
    return dict(max(found, key=lambda item: item["step_number"])["metrics"])


def serving(azure: Azure) -> str:
    (found,) = [item for item in azure.deployments() if item["name"] == "tone"]
    return str(found["properties"]["model"]["name"])


def reads(azure: Azure) -> list[str]:
    return [path for item in azure.emulator.requests() if (path := item["path"]).endswith(("checkpoints", "content"))]


def test_a_failed_gate_keeps_the_model_back_and_nothing_else(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    gates(repo, "{metric: full_valid_loss, at_most: 0.0001}", "{metric: train_loss, at_most: 99}")
    assert repo.apply().code == 0
    clock.sleep(2 * 3600)
    repo.write("manifests/other.yaml", OTHER)
    (stuck,) = of(repo.plan(), Stuck)
    assert stuck.refused
    value = f"{last(azure, 0)['full_valid_loss']:.4g}"
    assert f"full_valid_loss is {value} (step " in stuck.fault.detail
    assert "not at most 0.0001" in stuck.fault.detail
    assert "train_loss" not in stuck.fault.detail, "only what failed is said"
    assert stuck.fault.place.line == (repo.folder / "manifests/stack.yaml").read_text().count("\n") - 1
    result = repo.apply(approved=Approval.of(repo.plan()))
    assert (result.code, set(result.faults())) == (4, {"gate-failed"})
    assert [item["name"] for item in azure.deployments()] == ["other"], "what has nothing to do with it is done"
    assert repo.apply(unattended=True).code == 4, "a schedule judges too"
    gates(repo, "{metric: full_valid_loss, at_most: 99}", "{metric: full_valid_loss, at_most: serving}")
    (create,) = of(repo.plan(), Create)
    assert create.notes[0].startswith(f"gate passed: full_valid_loss is {value} (step ")
    assert create.notes[1].endswith(": nothing serves yet")
    assert repo.apply().code == 0
    azure.forget()
    assert repo.plan().converged
    gates(repo, "{metric: full_valid_loss, at_most: 0.0001}")
    assert repo.plan().converged, "what serves already is not judged"
    assert reads(azure) == []


@pytest.mark.parametrize("metric", ["full_valid_loss", "train_mean_token_accuracy", "overfit_ratio"])
def test_a_gate_against_what_serves(repo: Repo, azure: Azure, metric: str) -> None:
    repo.until_done()
    old = serving(azure)
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 6")
    word = "at_least" if metric.endswith("accuracy") else "at_most"
    gates(repo, f"{{metric: {metric}, {word}: serving}}")
    result = repo.apply(wait=True)
    first, second = last(azure, 0), last(azure, 1)
    if metric == "overfit_ratio":
        better = result.code == 0
    elif word == "at_most":
        better = second[metric] <= first[metric]
    else:
        better = second[metric] >= first[metric]
    assert result.code == (0 if better else 4)
    assert (serving(azure) != old) is better
    said = [note for one in result.outcomes for note in getattr(one.change, "notes", ())]
    said += [one.fault.detail for one in result.outcomes if one.fault]
    assert any(", which step " in line and job(azure, 0)["id"] in line for line in said)


def test_beside_what_serves_nothing_is_made_that_fails(repo: Repo, azure: Azure) -> None:
    repo.edit("manifests/stack.yaml", SKU, f"strategy: beside\n  {SKU}")
    repo.until_done()
    (old,) = azure.deployments()
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    gates(repo, "{metric: full_valid_loss, at_most: 0.0001}")
    assert repo.apply(wait=True, prune=True).code == 4
    assert [item["name"] for item in azure.deployments()] == [old["name"]]
    gates(repo, "{metric: train_loss, at_most: serving}", "{metric: full_valid_loss, at_most: 99}")
    (change,) = [one for one in repo.plan().changes if str(one.address) == "Deployment/tone"]
    against = change.fault.detail if isinstance(change, Stuck) else change.notes[-2]
    assert ", which step " in against
    assert job(azure, 0)["id"] in against


def test_what_cannot_be_read_fails_closed_and_says_why(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    old, first = serving(azure), job(azure, 0)["id"]
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    gates(repo, "{metric: train_loss, at_most: serving}")
    azure.fault(method="GET", path_regex=f"{first}/checkpoints", status=403, count=None)
    result = repo.apply(wait=True)
    assert (result.code, serving(azure)) == (4, old)
    assert f"the results of {first} could not be read" in next(one.fault.detail for one in result.outcomes if one.fault)
    azure.control("DELETE", "faults")
    azure.hand("purge_jobs")
    (stuck,) = of(repo.plan(), Stuck)
    assert "has left Azure's job history" in stuck.fault.detail
    assert f"{old} goes on serving." in stuck.fault.detail


def test_a_plan_that_was_approved_lets_no_gate_be_left_out(repo: Repo, azure: Azure) -> None:
    gates(repo, "{metric: full_valid_loss, at_most: 0.0001}")
    repo.apply()
    approved = Approval.of(repo.plan())
    result = repo.apply(wait=True, approved=approved)
    assert result.code == 4
    gates(repo)
    result = repo.apply(wait=True, approved=approved)
    assert (result.code, azure.deployments()) == (4, []), "a manifest without the gate is another plan"
    assert result.refused is not None
    assert of(repo.plan(), Update) == []


@pytest.mark.parametrize(
    ("gate", "edit", "code", "said", "reason"),
    [
        ("{metric: full_valid_los, at_most: 1}", "", "not-allowed", "full_valid_loss", "a metric that was misspelt"),
        ("{metric: full_valid_loss}", "", "not-allowed", "at_least", "no bound"),
        ("{metric: train_loss, at_most: 1, at_least: 0}", "", "not-allowed", "exactly one", "two bounds"),
        ("{metric: train_loss, at_most: better}", "", "wrong-type", "serving", "a bound that is none"),
        ("{metric: train_loss, atmost: 1}", "", "unknown-key", "at_most", "a key that was misspelt"),
        ("{metric: train_mean_reward, at_least: 1}", "", "metric-impossible", "supervision", "what is not measured"),
        (
            "{metric: full_valid_loss, at_most: 1}",
            "validation",
            "metric-impossible",
            "validation_file",
            "nothing is validated",
        ),
        ("{metric: overfit_ratio, at_most: 2}", "validation", "metric-impossible", "validation_file", "the same"),
        ("{metric: train_loss, at_most: 2}", "model", "metric-impossible", "not a fine-tuned model", "no training"),
    ],
)
def test_a_gate_that_cannot_be_meant_is_an_error_before_anything_is_sent(
    repo: Repo, gate: str, edit: str, code: str, said: str, reason: str
) -> None:
    gates(repo, gate)
    if edit == "validation":
        repo.edit("manifests/stack.yaml", "  validation_file: data/valid.jsonl\n", "")
    if edit == "model":
        repo.edit("manifests/stack.yaml", "{job: tone}", "{name: gpt-4.1}")
    with pytest.raises(InvalidManifests) as raised:
        repo.plan()
    assert any(said in f"{fault.detail} {fault.remedy}" for fault in raised.value.faults), (reason, raised.value.faults)
    assert all(fault.place and fault.place.line for fault in raised.value.faults)
    assert code in {fault.code for fault in raised.value.faults}, reason
