"""Results of each method in each form that Azure may give them: the real SDK over HTTP to the emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import STACK, Azure, FakeClock, Repo

from reconciler.azure.errors import AzureError
from reconciler.azure.results import Results
from reconciler.results import checkpoints
from reconciler.results.diagnosis import diagnose
from reconciler.results.metrics import METRICS
from reconciler.results.run import started_at
from reconciler.results.table import from_events, read

PAIR = {
    "input": {"messages": [{"role": "user", "content": "q"}]},
    "preferred_output": [{"role": "assistant", "content": "a"}],
    "non_preferred_output": [{"role": "assistant", "content": "b"}],
}
TASK = {"messages": [{"role": "user", "content": "q"}], "answer": "1"}
DPO = STACK.replace("{hyperparameters: {n_epochs: 2}}", "{type: dpo, hyperparameters: {n_epochs: 3}}")
REINFORCEMENT = STACK.replace("gpt-4.1-mini-2025-04-14", "o4-mini-2025-04-16").replace(
    "{hyperparameters: {n_epochs: 2}}",
    "{type: reinforcement, hyperparameters: {n_epochs: 3}, grader: "
    "{type: string_check, name: same, input: '{{ sample.output_text }}', reference: '{{ item.answer }}', operation: eq}}",
)
METHODS = ["supervised", "dpo", "reinforcement"]
TOLD_BY = {"supervised": "train_loss", "dpo": "train_loss", "reinforcement": "train_mean_reward"}


def results(repo: Repo) -> Results:
    _, engine = repo.engine()
    gateway: Any = engine.gateways["acme", "FineTuneJob"]
    return Results(gateway._session)


def trained(repo: Repo, azure: Azure, method: str = "supervised") -> tuple[Results, dict[str, Any]]:
    stack = {"supervised": STACK, "dpo": DPO, "reinforcement": REINFORCEMENT}[method]
    repo.write("manifests/stack.yaml", stack)
    if method != "supervised":
        row = json.dumps(PAIR if method == "dpo" else TASK)
        for name, count in (("train", 20), ("valid", 12)):
            rows = (row.replace('"q"', f'"{name} {number}"') + "\n" for number in range(count))
            repo.write(f"manifests/data/{name}.jsonl", "".join(rows))
    repo.until_done()
    return results(repo), azure.jobs()[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("columns", ["recorded", "documented", "sample"])
@pytest.mark.parametrize("bom", [False, True])
def test_every_spelling_of_a_result_file_is_read(
    repo: Repo, azure: Azure, method: str, columns: str, bom: bool
) -> None:
    azure.configure(result_columns=columns, result_bom=bom)
    source, job = trained(repo, azure, method)
    (file_id,) = job["result_files"]
    table = read(source.content(file_id))
    assert table.notes == ()
    assert table.rows == table.last_step
    assert TOLD_BY[method] in table.curves
    assert any(name in METRICS and METRICS[name].split != "train" for name in table.curves) or method == "dpo"
    assert diagnose(table, method=method).verdict not in {"no-data", "diverged"}


@pytest.mark.parametrize("api", ["v1", "2024-10-21", "2025-04-01-preview"])
def test_checkpoints_are_read_on_every_surface(repo: Repo, azure: Azure, api: str) -> None:
    repo.edit("manifests/account.yaml", "owner: team-a", f"owner: team-a\n  api: {api}")
    source, job = trained(repo, azure)
    found = [point for body in source.checkpoints(job["id"]) if (point := checkpoints.read(body)) is not None]
    assert checkpoints.steps(found) == (20, 40)
    best = checkpoints.best(found, "full_validation_loss")
    assert best is not None
    assert best.step == 40
    assert best.model == f"{job['fine_tuned_model']}:ckpt-step-40"
    assert best.id.startswith("ftchkpt-")


def test_a_running_training_shows_what_there_is(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", STACK)
    repo.apply()
    source = results(repo)
    (job,) = azure.jobs()
    assert job["result_files"] is None
    clock.sleep(60 + 1800)
    (job,) = azure.jobs()
    table = read(source.content(job["result_files"][0]))
    assert 0 < table.last_step < 40
    events = source.events(job["id"])
    assert started_at(events) == pytest.approx(job["created_at"] + 60, abs=1)
    told = from_events(events)
    assert told.curves["train_loss"].last == table.curves["train_loss"].last


def test_a_file_is_read_up_to_a_limit_and_no_further(repo: Repo, azure: Azure) -> None:
    source, job = trained(repo, azure)
    whole = b"".join(source.content(job["result_files"][0]))
    content = source.content(job["result_files"][0], most=100)
    assert b"".join(content) == whole[:100]
    assert content.cut_off
    content = source.content(job["result_files"][0], most=len(whole))
    assert b"".join(content) == whole
    assert not content.cut_off


def test_a_file_that_is_gone_is_an_error_and_nothing_worse(repo: Repo, azure: Azure) -> None:
    source, job = trained(repo, azure)
    azure.raw("DELETE", f"/acme/openai/v1/files/{job['result_files'][0]}")
    with pytest.raises(AzureError) as caught:
        list(source.content(job["result_files"][0]))
    assert caught.value.is_absent


def test_many_epochs_overfit_in_the_emulator_and_few_do_not(repo: Repo, azure: Azure) -> None:
    said = {}
    for epochs in (1, 2, 10):
        repo.write("manifests/stack.yaml", STACK.replace("n_epochs: 2", f"n_epochs: {epochs}"))
        repo.until_done()
        job = azure.jobs()[0]
        assert job["hyperparameters"]["n_epochs"] == epochs
        table = read(results(repo).content(job["result_files"][0]))
        said[epochs] = diagnose(table, method="supervised", epochs=epochs).verdict
    assert said[10] == "overfits"
    assert "overfits" not in {said[1], said[2]}
