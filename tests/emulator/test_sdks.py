"""Every route, driven by the SDKs that people use, unmodified."""

from __future__ import annotations

import json
import urllib.request

import openai
import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from reconciler.emulator import Config, Server

SFT = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}


def upload(client, rows, name="a.jsonl", content=None):
    data = rows(20) if content is None else content
    return client.files.create(file=(name, data, "application/json"), purpose="fine-tune")


def train(client, clock, rows, **fields):
    file = upload(client, rows)
    clock.sleep(1)
    job = client.fine_tuning.jobs.create(model="gpt-4.1-mini", training_file=file.id, **fields)
    clock.sleep(10)
    return client.fine_tuning.jobs.retrieve(job.id)


@pytest.mark.parametrize("surface", ["v1", "ga", "preview"])
def test_a_file_lives_and_dies_on_each_surface(surface, request, clock, rows):
    client = request.getfixturevalue(surface)
    file = upload(client, rows)
    assert (file.status, file.bytes, file.purpose) == ("pending", len(rows(20)), "fine-tune")
    clock.sleep(1)
    assert client.files.retrieve(file.id).status == "processed"
    assert [f.id for f in client.files.list(purpose="fine-tune")] == [file.id]
    assert client.files.content(file.id).read() == rows(20)
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)
    assert list(client.files.list()) == []


@pytest.mark.parametrize("surface", ["v1", "ga", "preview"])
def test_a_job_runs_to_a_model(surface, request, clock, rows):
    client = request.getfixturevalue(surface)
    file = upload(client, rows)
    clock.sleep(1)
    job = client.fine_tuning.jobs.create(
        model="gpt-4.1-mini",
        training_file=file.id,
        validation_file=file.id,
        suffix="tone",
        hyperparameters={"n_epochs": 2},
        extra_body={"trainingType": "globalStandard"},
    )
    assert (job.status, job.model, job.fine_tuned_model) == ("pending", "gpt-4.1-mini-2025-04-14", None)
    assert job.hyperparameters.batch_size == -1
    clock.sleep(2)
    assert client.fine_tuning.jobs.retrieve(job.id).status == "running"
    clock.sleep(10)
    done = client.fine_tuning.jobs.retrieve(job.id)
    hex_part = job.id.removeprefix("ftjob-")
    assert done.fine_tuned_model == f"gpt-4.1-mini-2025-04-14.ft-{hex_part}-tone"
    assert done.hyperparameters.batch_size == 1
    assert done.trained_tokens
    assert [j.id for j in client.fine_tuning.jobs.list()] == [job.id]
    messages = [event.message for event in client.fine_tuning.jobs.list_events(job.id, limit=7)]
    assert messages[0] == "Job succeeded."
    assert messages[-1] == "Job enqueued. Waiting for jobs ahead to complete."
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert [c.step_number for c in checkpoints] == [40, 20]
    assert client.files.content(done.result_files[0]).text.startswith(
        "step,train_loss,train_mean_token_accuracy,valid_loss"
    )


def test_cancel_pause_and_resume(v1, clock, rows):
    file = upload(v1, rows)
    clock.sleep(1)
    jobs = v1.fine_tuning.jobs
    job = jobs.create(model="gpt-4.1-mini", training_file=file.id)
    with pytest.raises(openai.BadRequestError):
        jobs.pause(job.id)
    clock.sleep(2)
    assert jobs.pause(job.id).status == "pausing"
    clock.sleep(100)
    assert jobs.retrieve(job.id).status == "paused"
    assert jobs.checkpoints.list(job.id).data, "a paused job leaves a checkpoint"
    assert jobs.resume(job.id).status == "resuming"
    clock.sleep(1)
    assert jobs.cancel(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError):
        jobs.cancel(job.id)


def test_pages_of_jobs_and_files(v1, clock, rows):
    clock.sleep(1)
    ids = [upload(v1, rows, name=f"{n}.jsonl").id for n in range(5)]
    page = v1.files.list(limit=2)
    assert (page.first_id, page.last_id, page.has_more) == (ids[4], ids[3], True)
    assert [f.id for f in page] == ids[::-1]
    assert [f.id for f in v1.files.list(order="asc")] == ids
    clock.sleep(1)
    jobs = [v1.fine_tuning.jobs.create(model="gpt-4.1", training_file=ids[0]).id for _ in range(5)]
    assert [j.id for j in v1.fine_tuning.jobs.list(limit=2)] == jobs[::-1]


def test_a_large_file_goes_up_in_parts(preview, v1, clock, rows):
    content = rows(30)
    upload_session = preview.uploads.create(
        purpose="fine-tune", filename="big.jsonl", bytes=len(content), mime_type="application/json"
    )
    parts = [
        preview.uploads.parts.create(upload_session.id, data=content[n : n + 500]) for n in range(0, len(content), 500)
    ]
    done = preview.uploads.complete(upload_session.id, part_ids=[part.id for part in parts])
    assert (done.status, done.file.filename) == ("completed", "big.jsonl")
    clock.sleep(1)
    assert v1.files.content(done.file.id).read() == content
    other = preview.uploads.create(purpose="fine-tune", filename="b", bytes=1, mime_type="application/json")
    assert preview.uploads.cancel(other.id).status == "cancelled"
    late = preview.uploads.create(purpose="fine-tune", filename="b", bytes=1, mime_type="application/json")
    clock.sleep(2 * 3600)
    with pytest.raises(openai.BadRequestError, match="expired"):
        preview.uploads.parts.create(late.id, data=b"x")
    with pytest.raises(openai.NotFoundError):
        v1.uploads.create(purpose="fine-tune", filename="b", bytes=1, mime_type="application/json")


def test_import_fetches_from_this_very_server(ga, server, clock, rows):
    source = upload(ga, rows)
    clock.sleep(1)
    url = f"{server.url}/acme/openai/files/{source.id}/content?api-version=2024-10-21"
    body = {"purpose": "fine-tune", "filename": "copy.jsonl", "content_url": url}
    # The content route wants a credential, so the download fails, as it would at Azure; an open URL works.
    failed = ga.post("/files/import", body=body, cast_to=object)
    clock.sleep(1)
    got = ga.files.retrieve(failed["id"])
    assert got.status == "error"
    assert "fileImportFailed" in got.status_details
    open_url = f"{server.url}/_emulator/config"
    made = ga.post("/files/import", body=body | {"content_url": open_url}, cast_to=object)
    clock.sleep(1)
    assert ga.files.retrieve(made["id"]).status == "processed"
    assert json.loads(ga.files.content(made["id"]).read())["quota"] == 500
    with pytest.raises(openai.BadRequestError):
        ga.post("/files/import", body=body | {"content_url": "ftp://x/y"}, cast_to=object)


def test_models_and_deleting_one(v1, ga, arm, clock, rows):
    job = train(v1, clock, rows, suffix="m")
    name = job.fine_tuned_model
    assert name in [m.id for m in v1.models.list()]
    dated = next(m for m in ga.models.list() if m.id == name)
    assert (dated.fine_tune, dated.model) == (job.id, "gpt-4.1-mini-2025-04-14")
    assert ga.models.retrieve("ministral-3b").capabilities["fine_tune"] is False
    arm.deployments.begin_create_or_update("rg", "acme", "dd", body(name), polling=False)
    clock.sleep(1)
    with pytest.raises(openai.ConflictError):
        v1.models.delete(name)
    arm.deployments.begin_delete("rg", "acme", "dd", polling=False)
    clock.sleep(1)
    assert v1.models.delete(name).deleted
    with pytest.raises(openai.NotFoundError):
        v1.models.retrieve(name)


def body(model, sku="GlobalStandard", capacity=50, **more):
    properties = {"model": {"format": "OpenAI", "name": model, "version": "1"}}
    return {"sku": {"name": sku, "capacity": capacity}, "properties": properties, **more}


def test_deployments_from_birth_to_death(arm, v1, ga, clock, rows):
    job = train(v1, clock, rows)
    operation = arm.deployments.begin_create_or_update(
        "rg", "acme", "tone", body(job.fine_tuned_model, sku="developertier", tags={"a": "b"}), polling=False
    )
    first = operation.result()
    assert (first.properties.provisioning_state, first.sku.name) == ("Creating", "DeveloperTier")
    with pytest.raises(openai.BadRequestError, match="not ready"):
        v1.chat.completions.create(model="tone", messages=[{"role": "user", "content": "q3"}])
    with pytest.raises(HttpResponseError, match="Another operation is being performed") as caught:
        arm.deployments.begin_delete("rg", "acme", "tone", polling=False)
    assert caught.value.status_code == 409
    clock.sleep(1)
    live = arm.deployments.get("rg", "acme", "tone")
    assert live.properties.provisioning_state == "Succeeded"
    assert (live.tags, live.properties.rai_policy_name) == ({"a": "b"}, "Microsoft.DefaultV2")
    for client in (v1, ga):
        answer = client.chat.completions.create(model="tone", messages=[{"role": "user", "content": "q3"}])
        assert answer.choices[0].message.content == "a3", "it has learnt its examples by heart"
        assert answer.model == job.fine_tuned_model
    arm.deployments.begin_update(
        "rg", "acme", "tone", {"sku": {"name": "DeveloperTier", "capacity": 60}}, polling=False
    )
    clock.sleep(1)
    assert arm.deployments.get("rg", "acme", "tone").sku.capacity == 60
    assert [d.name for d in arm.deployments.list("rg", "acme")] == ["tone"]
    assert next(iter(arm.deployments.list_skus("rg", "acme", "tone"))).sku.name == "Standard"
    arm.deployments.begin_delete("rg", "acme", "tone", polling=False)
    assert arm.deployments.get("rg", "acme", "tone").properties.provisioning_state == "Deleting"
    clock.sleep(1)
    with pytest.raises(ResourceNotFoundError):
        arm.deployments.get("rg", "acme", "tone")
    with pytest.raises(openai.NotFoundError):
        v1.chat.completions.create(model="tone", messages=[{"role": "user", "content": "q3"}])


class TestPollers:
    """The SDK's own pollers follow the operation headers; here time is real."""

    @pytest.fixture
    def config(self):
        return Config(deployment_seconds=0.3, delete_seconds=0.2)

    @pytest.fixture
    def emulator(self, config):
        from reconciler.emulator import Emulator

        emulator = Emulator(seed=1, config=config)
        yield emulator
        emulator.close()

    def test_put_patch_and_delete_reach_their_end(self, arm):
        made = arm.deployments.begin_create_or_update(
            "rg",
            "acme",
            "base",
            {
                "sku": {"name": "Standard", "capacity": 3},
                "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1"}},
            },
        ).result(timeout=5)
        assert made.properties.provisioning_state == "Succeeded"
        patch = {"sku": {"name": "Standard", "capacity": 4}}
        assert arm.deployments.begin_update("rg", "acme", "base", patch).result(timeout=5).sku.capacity == 4
        arm.deployments.begin_delete("rg", "acme", "base").result(timeout=5)
        assert list(arm.deployments.list("rg", "acme")) == []


def test_arm_pages(arm, emulator, direct):
    emulator.configure(page_size=2, deployment_seconds=0)
    for n in range(5):
        assert direct.deploy(f"d{n}", "gpt-4.1").status == 201
    assert [d.name for d in arm.deployments.list("rg", "acme")] == [f"d{n}" for n in range(5)]


def test_what_arm_tells_about_an_account(arm, server, direct, clock):
    job = direct.trained()
    account = arm.accounts.get("rg", "acme")
    assert account.properties.endpoint == f"{server.url}/acme/"
    assert account.properties.provisioning_state == "Succeeded"
    assert [a.name for a in arm.accounts.list()] == ["acme"]
    assert [a.name for a in arm.accounts.list_by_resource_group("rg")] == ["acme"]
    assert arm.projects.get("rg", "acme", "p1").properties.endpoints["AI Foundry API"].endswith("/acme/api/projects/p1")
    direct.deploy("d1", job["fine_tuned_model"], capacity=7)
    used = {u.name.value: u.current_value for u in arm.usages.list("swedencentral") if u.current_value}
    assert used == {"OpenAI.GlobalStandard.gpt4.1-mini-finetune": 7}
    assert any(u.current_value for u in arm.accounts.list_usages("rg", "acme").value)
    row = next(m for m in arm.models.list("swedencentral") if m.model.name == "gpt-4.1-mini")
    same_name = [s.usage_name for s in row.model.skus if s.name == "GlobalStandard"]
    assert same_name == ["OpenAI.GlobalStandard.gpt4.1-mini", "OpenAI.GlobalStandard.gpt4.1-mini-finetune"]
    assert row.model.deprecation.fine_tune == "2027-04-14T00:00:00Z"
    tuned = next(m for m in arm.accounts.list_models("rg", "acme") if m.name == job["fine_tuned_model"])
    assert tuned.base_model.name == "gpt-4.1-mini"
    free = next(iter(arm.model_capacities.list("OpenAI", "gpt-4.1-mini", "2025-04-14")))
    assert free.properties.available_capacity == 500


def test_a_header_repeats_what_a_path_holds_as_ascii(server: Server) -> None:
    path = (
        "/subscriptions/%E2%80%A6/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme/deployments/dd"
    )
    body = {
        "sku": {"name": "Standard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
    }
    request = urllib.request.Request(
        f"{server.url}{path}?api-version=2025-09-01",
        data=json.dumps(body).encode(),
        method="PUT",
        headers={"Authorization": "Bearer t", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 201
        assert "/subscriptions/%E2%80%A6/" in answer.headers["azure-asyncoperation"]
