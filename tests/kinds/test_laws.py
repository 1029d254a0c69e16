"""The laws of convergence: what applies, what waits, what trains and why; each over the real SDKs and real HTTP."""

from __future__ import annotations

import pytest
from harness import ACCOUNT, Azure, FakeClock, Repo, addresses, chat, of, trained

from reconciler.core.approval import Approval
from reconciler.core.change import Create, Wait
from reconciler.core.plan import Options
from reconciler.engine import Outcome


@pytest.mark.parametrize("api", ["v1", "2024-10-21", "2025-04-01-preview", "v1 of a project"])
def test_apply_until_done_then_plan_shows_no_changes(repo: Repo, azure: Azure, api: str) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + f"  api: {api.partition(' ')[0]}\n")
    repo.project = "/api/projects/tone" if "project" in api else ""
    first = repo.plan()
    assert addresses(of(first, Create)) == ["Dataset/tone.training", "Dataset/tone.validation", "FineTuneJob/tone"]
    assert addresses(of(first, Wait)) == ["Deployment/tone"]
    repo.until_done()
    assert repo.plan().converged
    asked = {
        item["path"].startswith("/acme/api/projects/tone/")
        for item in azure.emulator.requests()
        if item["path"].startswith("/acme")
    }
    assert asked == {bool(repo.project)}


@pytest.mark.parametrize(
    "config",
    [
        {"echo_hyperparameters": "top"},
        {"echo_hyperparameters": "method"},
        {"echo_training_type": False, "echo_seed": False},
        {"echo_suffix": "user_provided_suffix"},
        {"echo_method": "always", "v1_status_words": True},
        {"suffix_cut": 18},
        {"keep_bom": False},
        {"tags_on_patch": "merge"},
        {"deployment_seconds": 0.0, "running_seconds": 0.0, "pending_seconds": 0.0},
        {"models_route_lists_fine_tuned": False},
    ],
    ids=str,
)
def test_converges_under_every_unknown_of_azure(repo: Repo, azure: Azure, config: dict[str, object]) -> None:
    azure.configure(**config)
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 2, batch_size: 4")
    repo.until_done()
    assert repo.plan().converged
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 70")
    repo.until_done()
    assert repo.plan().converged


def test_while_it_trains_the_plan_neither_changes_nor_claims_to_match(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    assert repo.apply().code == 0
    for moment in (0, 30, 600):
        clock.sleep(moment)
        plan = repo.plan()
        assert not plan.actions
        assert not plan.converged


def test_a_second_apply_writes_nothing(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    azure.forget()
    repo.until_done()
    assert azure.writes() == []


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 500},
        {"status": 503},
        {"status": 409},
        {"status": 429, "retry_after": 1},
        {"drop": True},
        {"truncate": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("route", ["/fine_tuning/jobs$", "/files$"])
def test_a_create_that_commits_and_then_fails_is_made_once(
    repo: Repo, azure: Azure, trouble: dict[str, object], route: str
) -> None:
    azure.fault(method="POST", path_regex=route, after_commit=True, **trouble)
    repo.apply()
    repo.until_done()
    assert len(azure.jobs()) == 1
    assert len(azure.files()) == 2
    assert repo.plan().converged


def test_a_create_that_fails_before_it_commits_stops_and_the_next_run_goes_on(repo: Repo, azure: Azure) -> None:
    azure.fault(method="POST", path_regex="/fine_tuning/jobs$", status=500, count=1)
    result = repo.apply()
    assert result.code == 1
    assert "create-unsure" in result.faults()
    assert azure.jobs() == []
    repo.until_done()
    assert len(azure.jobs()) == 1


def test_two_applies_at_once_train_one_job(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.configure(list_delay_s=60.0)
    repo.broken_off()
    repo.broken_off()
    azure.configure(list_delay_s=0.0)
    assert len(azure.jobs()) == 2, "the lists were late, so the second run could not see the first job"
    clock.sleep(120)
    repo.until_done()
    clock.sleep(3 * 3600)
    assert sorted(job["status"] for job in azure.jobs()) == ["cancelled", "succeeded"]
    assert repo.plan().converged


def test_what_another_run_made_since_the_plan_is_told_as_that(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    seen: dict[str, Outcome] = {}
    for hours in (0, 3):
        clock.sleep(hours * 3600)
        tree, engine = repo.engine()
        first = engine.plan(tree.desired, Options())
        repo.apply()
        for outcome in engine.converge(tree.desired, Options(), Approval.of(first), first=first):
            if isinstance(outcome.change, Create):
                seen[str(outcome.address)] = outcome
    assert sorted(seen) == ["Dataset/tone.training", "Dataset/tone.validation", "Deployment/tone", "FineTuneJob/tone"]
    assert [(outcome.found, outcome.message) for outcome in seen.values()] == [(True, "made by another run")] * 4
    assert len(azure.jobs()) == len(azure.deployments()) == 1
    assert len(azure.files()) == 2


def test_revert_of_a_setting_readopts_the_old_model(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    first = azure.deployments()[0]["properties"]["model"]["name"]
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    plan = repo.plan()
    (create,) = trained(plan)
    assert [(item.path, item.before, item.after) for item in create.why] == [("hyperparameters.n_epochs", 2, 3)]
    assert create.supersedes is not None
    assert create.reason == "retrain"
    (wait,) = of(plan, Wait)
    assert wait.then == "update"
    repo.until_done()
    assert azure.deployments()[0]["properties"]["model"]["name"] != first
    repo.edit("manifests/stack.yaml", "n_epochs: 3", "n_epochs: 2")
    assert not trained(repo.plan())
    azure.forget()
    repo.until_done()
    assert azure.deployments()[0]["properties"]["model"]["name"] == first
    assert not azure.committed("POST"), "nothing is uploaded or trained by a revert"
    assert repo.plan().converged


def test_a_job_that_shows_none_of_its_settings_is_trained_once_and_the_plan_says_what_it_does_not_show(
    repo: Repo, azure: Azure
) -> None:
    azure.configure(echo_hyperparameters="none", echo_seed=False, echo_training_type=False)
    repo.until_done()
    assert repo.plan().converged
    assert not trained(repo.plan())
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    (create,) = trained(repo.plan())
    assert create.why == ()
    assert create.notes == (
        "Azure does not show these settings of the earlier job, one of them may differ: n_epochs, training_type",
    )


def test_revert_of_data_needs_no_upload(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    before = (repo.folder / "manifests/data/train.jsonl").read_text()
    repo.write("manifests/data/train.jsonl", before + chat("One more?") + "\n")
    repo.until_done(prune=True)
    assert len(azure.files()) == 2, "the superseded file is pruned"
    repo.write("manifests/data/train.jsonl", before)
    azure.forget()
    repo.until_done()
    assert not azure.committed("POST")
    assert repo.plan().converged


@pytest.mark.parametrize(
    "reason",
    [
        "rename",
        "move",
        "crlf",
        "bom",
        "blank lines",
        "key order",
        "comment",
        "suffix",
        "owner",
        "auto",
        "float",
        "labels",
    ],
)
def test_what_does_not_decide_the_weights_trains_nothing(repo: Repo, azure: Azure, reason: str) -> None:
    repo.until_done()
    data = repo.folder / "manifests/data/train.jsonl"
    match reason:
        case "rename":
            text = (repo.folder / "manifests/stack.yaml").read_text()
            repo.write(
                "manifests/stack.yaml", text.replace("{name: tone}", "{name: voice}").replace("job: tone", "job: voice")
            )
        case "move":
            (repo.folder / "manifests/elsewhere").mkdir()
            data.rename(repo.folder / "manifests/elsewhere/t.jsonl")
            repo.edit("manifests/stack.yaml", "data/train.jsonl", "elsewhere/t.jsonl")
        case "crlf":
            data.write_bytes(data.read_bytes().replace(b"\n", b"\r\n"))
        case "bom":
            data.write_bytes(b"\xef\xbb\xbf" + data.read_bytes())
        case "blank lines":
            data.write_bytes(data.read_bytes().replace(b"\n", b"\n\n").rstrip(b"\n"))
        case "key order":
            repo.edit("manifests/stack.yaml", "  training_type: global\n", "")
            repo.edit("manifests/stack.yaml", "spec:\n  model: gpt", "spec:\n  training_type: global\n  model: gpt")
        case "comment":
            repo.edit("manifests/stack.yaml", "  training_type: global", "  # where\n  training_type: globalStandard")
        case "suffix":
            repo.edit("manifests/stack.yaml", "  training_type", "  suffix: other\n  training_type")
        case "owner":
            repo.edit("manifests/account.yaml", "owner: team-a", "owner: team-b\n  previous_owners: [team-a]")
        case "auto":
            repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 2, batch_size: auto")
        case "float":
            repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 2.0")
        case "labels":
            repo.edit("manifests/stack.yaml", "{name: tone}", "{name: tone, labels: {team: a}}")
    azure.forget()
    repo.until_done()
    assert not azure.committed("/fine_tuning/jobs")
    assert not azure.committed("POST /acme/openai/v1/files")
    assert repo.plan().converged


@pytest.mark.parametrize(
    ("reason", "path"),
    [("byte", "training_file"), ("n_epochs", "hyperparameters.n_epochs"), ("seed", "seed"), ("base", "model")],
)
def test_what_decides_the_weights_trains_anew_and_says_why(repo: Repo, azure: Azure, reason: str, path: str) -> None:
    repo.edit("manifests/stack.yaml", "  training_type", "  seed: 7\n  training_type")
    repo.until_done()
    match reason:
        case "byte":
            repo.edit("manifests/data/train.jsonl", "row 3?", "row 4!")
        case "n_epochs":
            repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 4")
        case "seed":
            repo.edit("manifests/stack.yaml", "seed: 7", "seed: 8")
        case "base":
            repo.edit("manifests/stack.yaml", "gpt-4.1-mini-2025-04-14", "gpt-4.1-nano-2025-04-14")
    (create,) = trained(repo.plan())
    assert path in [item.path for item in create.why]
    assert create.supersedes is not None
    serving = azure.deployments()[0]["properties"]["model"]["name"]
    repo.apply()
    assert azure.deployments()[0]["properties"]["model"]["name"] == serving, (
        "the old model serves until the new one is there"
    )
    repo.until_done()
    assert azure.deployments()[0]["properties"]["model"]["name"] != serving
    assert repo.plan().converged
