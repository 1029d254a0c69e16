"""Whose an object is: adoption, guards of deletion, several accounts, what other people own."""

from __future__ import annotations

import json

import pytest
from harness import ACCOUNT, STACK, Azure, FakeClock, Repo, addresses, arm, examples, of

from reconciler.core.change import Create, Delete, Keep, Stuck, Update
from reconciler.emulator import Request
from reconciler.kinds import REGISTRY
from reconciler.render.text import plan_text


def upload(azure: Azure, name: str, text: str) -> str:
    body = (
        '--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
        f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: application/json\r\n\r\n{text}\r\n--b--\r\n"
    )
    headers = {"authorization": "Bearer portal", "content-type": "multipart/form-data; boundary=b"}
    answer = azure.emulator.handle(Request("POST", "/acme/openai/v1/files", {}, headers, body.encode()))
    return str(json.loads(answer.body)["id"])


@pytest.fixture
def portal(azure: Azure, repo: Repo, clock: FakeClock) -> dict[str, str]:
    """What somebody made in the portal: a file, a job without our mark, a deployment."""
    file = upload(azure, "my training.jsonl", examples(20))
    clock.sleep(5)
    job = azure.raw(
        "POST",
        "/acme/openai/v1/fine_tuning/jobs",
        {
            "model": "gpt-4.1-mini",
            "training_file": file,
            "trainingType": "globalStandard",
            "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
        },
    )["id"]
    clock.sleep(2 * 3600)
    model = azure.jobs()[0]["fine_tuned_model"]
    body = {
        "sku": {"name": "GlobalStandard", "capacity": 50},
        "properties": {"model": {"format": "OpenAI", "name": model, "version": "1"}},
        "tags": {"cost-centre": "42"},
    }
    azure.raw("PUT", f"{arm()}/deployments/tone?api-version=2025-09-01", body)
    clock.sleep(30)
    return {"file": file, "job": job, "model": model}


def adopting(portal: dict[str, str], epochs: int = 2, capacity: int = 50) -> str:
    return f"""\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: tone, adopt: {{job: {portal["job"]}}}}}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: {{file_id: {portal["file"]}}}
  training_type: global
  method: {{hyperparameters: {{n_epochs: {epochs}}}}}
---
apiVersion: reconciler/v1
kind: Deployment
metadata: {{name: tone, adopt: true}}
spec:
  model: {{job: tone}}
  sku: {{name: globalstandard, capacity: {capacity}}}
"""


def test_adoption_changes_nothing_but_the_tags(repo: Repo, azure: Azure, portal: dict[str, str]) -> None:
    repo.write("manifests/stack.yaml", adopting(portal))
    azure.forget()
    repo.until_done()
    assert [write.split(" ")[0] for write in azure.writes()] == ["PATCH"]
    (deployment,) = azure.deployments()
    assert deployment["tags"]["cost-centre"] == "42", "tags of others are kept"
    assert deployment["tags"]["reconciler-owner"] == "team-a"
    assert repo.plan().converged


def test_an_adopted_job_that_differs_is_an_error_not_a_training(
    repo: Repo, azure: Azure, portal: dict[str, str]
) -> None:
    repo.write("manifests/stack.yaml", adopting(portal, epochs=4))
    azure.forget()
    (stuck,) = of(repo.plan(), Stuck)
    assert stuck.fault.code == "adopt-differs"
    assert "n_epochs is 2, declared 4" in stuck.fault.detail
    assert repo.apply(wait=True).code == 1
    assert azure.writes() == []


def test_an_adopted_deployment_that_differs_is_an_error(repo: Repo, azure: Azure, portal: dict[str, str]) -> None:
    repo.write("manifests/stack.yaml", adopting(portal, capacity=70))
    azure.forget()
    assert repo.apply(wait=True).code == 1
    assert azure.writes() == []


def test_adopted_jobs_and_files_are_never_deleted(repo: Repo, azure: Azure, portal: dict[str, str]) -> None:
    dataset = f"apiVersion: reconciler/v1\nkind: Dataset\nmetadata: {{name: old, adopt: {{file: {portal['file']}}}}}\nspec: {{source: {{path: data/train.jsonl}}}}\n"
    repo.write("manifests/stack.yaml", dataset)
    assert isinstance(repo.plan().changes[0], Keep)
    repo.write("manifests/stack.yaml", STACK.replace("tone", "calm"))
    repo.apply(prune=True)
    assert portal["file"] in [file["id"] for file in azure.files()]
    assert portal["job"] in [job["id"] for job in azure.jobs()]


def foreign(azure: Azure, portal: dict[str, str]) -> str:
    """Everything that somebody else made: file, job, result file, model, deployment."""
    (job,) = [job for job in azure.jobs() if job["id"] == portal["job"]]
    listed = azure.raw("GET", "/acme/openai/v1/files")["data"]
    files = [item for item in listed if item["id"] in {portal["file"], *job["result_files"]}]
    models = [item for item in azure.raw("GET", "/acme/openai/v1/models")["data"] if item["id"] == portal["model"]]
    assert models
    return json.dumps([job, files, models, [item for item in azure.deployments() if item["name"] == "tone"]])


def test_what_the_portal_made_is_untouched_by_everything(
    repo: Repo, azure: Azure, portal: dict[str, str], clock: FakeClock
) -> None:
    repo.write("manifests/stack.yaml", STACK.replace("tone", "calm"))
    before = foreign(azure, portal)
    assert "results.csv" in before
    repo.until_done(prune=True)
    ours = next(job for job in azure.jobs() if job["id"] != portal["job"])
    (repo.folder / "manifests/stack.yaml").write_text("# nothing\n")
    tree, engine = repo.engine()
    from reconciler.core.approval import Approval
    from reconciler.core.plan import Options, make_plan
    from reconciler.kinds import REGISTRY

    options = Options(prune=True, destroy=True, allow_delete=(f"FineTuneJob/{ours['id']}",))
    plan = make_plan((), engine.accounts, engine.observe(), REGISTRY, options)
    list(engine.converge((), options, Approval.of(plan), first=plan))
    models = [item["id"] for item in azure.raw("GET", "/acme/openai/v1/models")["data"]]
    assert ours["fine_tuned_model"] not in models, "ours was named, and is gone"
    assert foreign(azure, portal) == before, "destroy leaves every foreign object as it was"
    assert [item["name"] for item in azure.deployments()] == ["tone"]
    assert [item["id"] for item in azure.files()] == [portal["file"]]
    assert tree.desired == ()


@pytest.mark.parametrize(
    ("reason", "code", "edit"),
    [
        ("a tree without any resource", "tree-empty", lambda repo: repo.write("manifests/stack.yaml", "# nothing\n")),
        ("every deployment", "deletes-every", lambda repo: repo.write("manifests/stack.yaml", STACK.split("---")[0])),
    ],
)
def test_deleting_too_much_is_refused_unless_named(
    repo: Repo, azure: Azure, reason: str, code: str, edit: object
) -> None:
    repo.until_done()
    edit(repo)  # type: ignore[operator]
    plan = repo.plan(prune=True)
    assert [fault.code for fault in plan.refusals] == [code], reason
    named = tuple(str(change.address) for change in of(plan, Delete))
    assert repo.plan(prune=True, allow_delete=named).refusals == ()


def test_more_than_a_third_is_refused(repo: Repo) -> None:
    stacks = [STACK.replace("tone", f"t{n}").replace("n_epochs: 2", f"n_epochs: {n}") for n in range(1, 6)]
    repo.write("manifests/stack.yaml", "---\n".join(stacks))
    repo.until_done()
    repo.write("manifests/stack.yaml", "---\n".join(stacks[2:]))
    plan = repo.plan(prune=True)
    assert [fault.code for fault in plan.refusals] == ["deletes-many"]
    repo.write("manifests/stack.yaml", "---\n".join(stacks[1:]))
    assert repo.plan(prune=True).refusals == ()


def test_a_protected_deployment_goes_only_by_name(repo: Repo, azure: Azure) -> None:
    repo.write(
        "manifests/stack.yaml", STACK + "---\n" + STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 3")
    )
    repo.until_done()
    tags = next(item["tags"] for item in azure.deployments() if item["name"] == "calm")
    azure.hand("set_tags", deployment="calm", tags={**tags, "reconciler-protect": "true"})
    repo.write("manifests/stack.yaml", STACK)
    assert [fault.code for fault in repo.plan(prune=True).refusals] == ["protected"]
    allowed = repo.plan(prune=True, allow_delete=("Deployment/calm", "Deployment/clam", "calm"))
    assert allowed.refusals == ()
    unused = [fault.subject for fault in allowed.warnings if fault.code == "allow-delete-unused"]
    assert unused == ["Deployment/clam", "calm"], "what names nothing is told"


def test_a_model_goes_only_by_name_and_after_its_deployment(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write(
        "manifests/stack.yaml", STACK + "---\n" + STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 3")
    )
    repo.until_done()
    repo.write("manifests/stack.yaml", STACK)
    result = repo.until_done(prune=True, allow_delete=("FineTuneJob/calm", "Deployment/calm"))
    deleted = [
        str(outcome.address) for outcome in result.outcomes if isinstance(outcome.change, Delete) and outcome.wrote
    ]
    assert deleted == ["Deployment/calm", "FineTuneJob/calm"]
    models = azure.raw("GET", "/acme/openai/v1/models")["data"]
    assert len([item for item in models if ".ft-" in item["id"]]) == 1


def test_a_model_that_a_stranger_serves_is_not_deleted(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    model = azure.jobs()[0]["fine_tuned_model"]
    body = {
        "sku": {"name": "Standard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": model, "version": "1"}},
    }
    azure.raw("PUT", f"{arm()}/deployments/theirs?api-version=2025-09-01", body)
    clock.sleep(10)
    repo.write("manifests/stack.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 3"))
    allowed = ("FineTuneJob/tone", "Deployment/tone")
    (fault,) = [one for one in repo.plan(prune=True, allow_delete=allowed).refusals if one.code == "model-in-use"]
    assert "Deployment/theirs" in fault.detail
    assert "Deployment/tone " not in fault.detail, "what the plan deletes too does not count"
    azure.raw("DELETE", f"{arm()}/deployments/theirs?api-version=2025-09-01")
    clock.sleep(10)
    assert not [one for one in repo.plan(prune=True, allow_delete=allowed).refusals if one.code == "model-in-use"]


def test_two_accounts_are_apart(repo: Repo, azure: Azure) -> None:
    repo.write(
        "manifests/account2.yaml",
        ACCOUNT.replace("{name: acme}", "{name: beta}").replace("accounts/acme", "accounts/beta"),
    )
    repo.write(
        "manifests/stack.yaml",
        STACK.replace("spec:\n", "spec:\n  account: acme\n")
        + "---\n"
        + STACK.replace("tone", "tone-b").replace("spec:\n", "spec:\n  account: beta\n"),
    )
    repo.until_done()
    assert repo.plan().converged
    assert [len(azure.jobs(account)) for account in ("acme", "beta")] == [1, 1]
    azure.fault(method="GET", path_regex="^/beta/", status=500, count=None)
    plan = repo.plan()
    assert plan.errored
    assert addresses(of(plan, Stuck)) == [
        "Dataset/tone-b.training",
        "Dataset/tone-b.validation",
        "Deployment/tone-b",
        "FineTuneJob/tone-b",
    ]
    assert not of(plan, Create)


def test_another_sources_deployment_is_not_ours(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    (repo.folder / "manifests/moved").mkdir()
    (repo.folder / "manifests/account.yaml").rename(repo.folder / "manifests/moved/account.yaml")
    (stuck,) = of(repo.plan(prune=True), Stuck)
    assert stuck.fault.code == "name-taken", "the tag names the folder of the Account as well as its owner"
    assert "adopt: true" in stuck.fault.remedy


def test_a_name_that_another_owner_has_is_told_with_the_owner_also_where_it_is_to_be_adopted(
    repo: Repo, azure: Azure
) -> None:
    repo.until_done()
    azure.hand("set_tags", deployment="tone", tags={"reconciler-owner": "team-b", "reconciler-source": "x/y:m"})
    (stuck,) = of(repo.plan(prune=True), Stuck)
    assert "bears another mark (owner team-b, source x/y:m); it is not changed" in stuck.fault.detail
    assert "have them give it up first" in stuck.fault.remedy
    repo.edit(
        "manifests/stack.yaml",
        "kind: Deployment\nmetadata: {name: tone}",
        "kind: Deployment\nmetadata: {name: tone, adopt: true}",
    )
    (change,) = of(repo.plan(), Update)
    assert change.adopts
    assert "it bears another mark (owner team-b, source x/y:m)" in change.notes[0]
    (item,) = [
        one
        for one in plan_text(repo.plan(), [], kinds=REGISTRY, now=repo.clock.now()).splitlines()
        if "another mark" in one
    ]
    assert item.startswith("      ")


def test_a_job_from_a_file_of_our_name_and_another_size_is_not_ours(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.apply()
    (job,) = azure.jobs()
    name = next(file["filename"] for file in azure.files() if file["id"] == job["training_file"])
    forged = upload(azure, name, examples(400))
    azure.hand("clone_job", job=job["id"], overrides={"training_file": forged})
    clock.sleep(5)
    assert not of(repo.plan(), Delete), "it would be cancelled as a second one of ours"
    azure.hand("fail_job", job=job["id"])
    azure.hand("purge_jobs", jobs=[job["id"]])
    (stuck,) = of(repo.plan(), Stuck)
    assert stuck.fault.code == "mark-without-evidence"
    assert "training_file is tone.training." in stuck.fault.detail
    repo.apply(wait=True)
    assert azure.deployments() == []
