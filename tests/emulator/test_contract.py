"""Facts of the wire contract, one row each: a request, and what Azure answers to it."""

from __future__ import annotations

import json
import re

import pytest

GA = "/acme/openai/{}?api-version=2024-10-21"
PV = "/acme/openai/{}?api-version=2025-04-01-preview"
V1 = "/acme/openai/v1/{}"
PROJECT = "/acme/api/projects/p1/openai/v1/{}"
ARM = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme"
VERSION = "?api-version=2025-09-01"

ROUTES = [
    ("pause is no GA route", "POST", GA.format("fine_tuning/jobs/x/pause"), 404, "404"),
    ("pause is a preview route", "POST", PV.format("fine_tuning/jobs/x/pause"), 404, "notFound"),
    ("pause is a v1 route", "POST", V1.format("fine_tuning/jobs/x/pause"), 404, "notFound"),
    ("import is absent from v1", "POST", V1.format("files/import"), 404, "404"),
    ("a job cannot be deleted on v1", "DELETE", V1.format("fine_tuning/jobs/x"), 404, "404"),
    ("a job can be deleted on GA", "DELETE", GA.format("fine_tuning/jobs/x"), 404, "notFound"),
    ("a model cannot be deleted on GA", "DELETE", GA.format("models/x"), 404, "404"),
    ("a model can be deleted on v1", "DELETE", V1.format("models/x"), 404, "notFound"),
    ("uploads are absent from v1", "POST", V1.format("uploads"), 404, "404"),
    ("uploads are absent from the project route", "POST", PROJECT.format("uploads"), 404, "404"),
    ("the project route has jobs", "GET", PROJECT.format("fine_tuning/jobs"), 200, None),
    ("the dated surface needs a version", "GET", "/acme/openai/files", 404, "404"),
    ("an unknown version is refused", "GET", "/acme/openai/files?api-version=2020-01-01", 400, "BadRequest"),
    ("v1 refuses a dated version", "GET", V1.format("files?api-version=2024-10-21"), 400, "BadRequest"),
    ("v1 takes the version preview", "GET", V1.format("files?api-version=preview"), 200, None),
    ("events are read with GET only", "POST", GA.format("fine_tuning/jobs/x/events"), 404, "404"),
    ("ARM needs a version", "GET", ARM, 400, "MissingApiVersionParameter"),
    ("ARM ignores case in ids", "GET", ARM.upper().replace("SUB/", "sub/") + VERSION, 200, None),
    ("an absent deployment is no error on delete", "DELETE", f"{ARM}/deployments/none{VERSION}", 204, None),
    ("an absent deployment is 404 on read", "GET", f"{ARM}/deployments/none{VERSION}", 404, "ResourceNotFound"),
    ("ARM does not take POST for a deployment", "POST", f"{ARM}/deployments/none{VERSION}", 404, "InvalidResourceType"),
]


@pytest.mark.parametrize(("fact", "method", "target", "status", "code"), ROUTES, ids=[row[0] for row in ROUTES])
def test_where_routes_exist(direct, fact, method, target, status, code):
    response = direct(method, target)
    assert response.status == status, fact
    if code is not None:
        assert response.json()["error"]["code"] == code, fact


REFUSALS = [
    ("an unknown base", {"model": "gpt-9"}, "does not support fine-tuning"),
    ("a base that cannot be trained", {"model": "gpt-5-mini"}, "does not support fine-tuning"),
    ("a suffix with a dot", {"suffix": "a.b"}, "can't contain a dot"),
    ("a suffix too long for v1", {"suffix": "a" * 65}, "1 to 64"),
    (
        "standard training of an open-weight base",
        {"model": "Ministral-3B"},
        "does not support fine-tuning with Standard",
    ),
    ("a training type that does not bind", {"trainingType": "Developer"}, "The fineTuningJob field is required"),
    ("a method that the base lacks", {"model": "o4-mini"}, "requires the reinforcement method"),
    ("too many epochs", {"hyperparameters": {"n_epochs": 51}}, "out of range"),
    ("a seed that is no int32", {"seed": 2**31}, "between 0 and 2147483647"),
    ("a file that does not exist", {"training_file": "file-0"}, "does not exist"),
]


@pytest.mark.parametrize(("fact", "fields", "text"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_what_a_job_create_refuses(direct, fact, fields, text):
    response = direct.job(**fields)
    assert response.status == 400, fact
    error = response.json()["error"]
    assert (error["code"], error["type"]) == ("invalidPayload", "error")
    assert text in error["message"]
    assert not direct.emulator.requests()[-1]["committed"]


def test_the_dated_surface_takes_40_characters_of_suffix(direct):
    file = direct.ready_file()
    for length, status in ((40, 201), (41, 400)):
        body = {"model": "gpt-4.1", "training_file": file, "suffix": "a" * length}
        assert direct("POST", GA.format("fine_tuning/jobs"), body).status == status


def test_success_codes_and_places_of_new_things(direct):
    made = direct.file(surface="/acme/openai", query="?api-version=2024-10-21")
    assert made.status == 201
    assert made.headers["location"].endswith(f"/acme/openai/files/{made.json()['id']}")
    assert direct.file().status == 200
    direct.emulator.advance(1)
    body = {"model": "gpt-4.1", "training_file": made.json()["id"]}
    job = direct("POST", GA.format("fine_tuning/jobs"), body)
    assert (job.status, job.headers["location"]) == (
        201,
        f"http://emulator.test/acme/openai/fine_tuning/jobs/{job.json()['id']}",
    )
    assert direct("POST", V1.format("fine_tuning/jobs"), body).status == 200
    direct.emulator.advance(20)
    assert direct("DELETE", GA.format(f"fine_tuning/jobs/{job.json()['id']}")).status == 204


def test_ids_have_the_recorded_shape(direct):
    job = direct.trained(suffix="s")
    events = direct("GET", V1.format(f"fine_tuning/jobs/{job['id']}/events")).json()["data"]
    points = direct("GET", V1.format(f"fine_tuning/jobs/{job['id']}/checkpoints")).json()["data"]
    for value, kind in (
        (job["id"], "ftjob"),
        (job["training_file"], "file"),
        (job["result_files"][0], "file"),
        (events[0]["id"], "ftevent"),
        (points[0]["id"], "ftchkpt"),
    ):
        assert re.fullmatch(rf"{kind}-[0-9a-f]{{32}}", value)


def test_unset_hyperparameters_are_minus_one_until_the_job_runs(direct):
    job = direct.job(hyperparameters={"n_epochs": 2}).json()
    assert job["hyperparameters"] == {"n_epochs": 2, "batch_size": -1, "learning_rate_multiplier": 1.0}
    direct.emulator.advance(1)
    assert direct.get_job(job["id"])["hyperparameters"]["batch_size"] == 1
    nano = direct.job(model="gpt-4.1-nano", training_file=job["training_file"]).json()
    assert nano["hyperparameters"]["learning_rate_multiplier"] == 0.1


def test_what_is_null_and_what_is_filled_in(direct):
    job = direct.job(metadata={"a": "b"}).json()
    for name in ("organization_id", "result_files", "metadata", "error", "fine_tuned_model", "finished_at", "method"):
        assert job[name] is None
    assert isinstance(job["seed"], int)
    assert (job["status"], job["trainingType"]) == ("pending", "Standard")
    assert direct.get_job(job["id"])["seed"] == job["seed"]
    assert job["estimated_finish"] > job["created_at"], "set although the job does not run"


@pytest.mark.parametrize(
    ("sent", "echoed"),
    [
        ("globalstandard", "globalStandard"),
        ("GlobalStandard", "globalStandard"),
        ("developerTier", "developerTier"),
        ("standard", "Standard"),
        (1, "globalStandard"),
    ],
)
def test_training_types_echo_in_one_spelling(direct, sent, echoed):
    assert direct.job(trainingType=sent).json()["trainingType"] == echoed


def test_models_are_renamed_canonically(direct):
    assert direct.job(model="ministral-3b", trainingType="globalStandard").json()["model"] == "Ministral-3B"
    assert direct.job(model="GPT-4.1-mini").json()["model"] == "gpt-4.1-mini-2025-04-14"


def test_two_jobs_with_one_suffix_and_two_files_with_one_name_coexist(direct):
    file = direct.ready_file()
    assert direct.ready_file() != file
    first, second = (direct.job(suffix="same", training_file=file).json()["id"] for _ in range(2))
    assert first != second


def test_result_files_appear_while_the_job_runs(direct):
    job = direct.job().json()
    direct.emulator.advance(2)
    running = direct.get_job(job["id"])
    assert (running["status"], len(running["result_files"])) == ("running", 1)
    early = direct("GET", V1.format(f"files/{running['result_files'][0]}/content")).body
    direct.emulator.advance(10)
    late = direct("GET", V1.format(f"files/{running['result_files'][0]}/content")).body
    assert late.startswith(early)
    assert len(late) > len(early)
    header, first = late.decode().splitlines()[:2]
    assert header.split(",")[4] == "valid_mean_token_accuracy"
    assert first.startswith("1,")


def test_a_multipart_part_needs_a_content_type(direct):
    body = (
        b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n'
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n--B--\r\n'
    )
    headers = {"content-type": "multipart/form-data; boundary=B"}
    response = direct("POST", V1.format("files"), body, headers)
    assert response.json()["error"]["message"] == "The file has no or an empty content type specified."


def test_a_job_needs_a_processed_file(direct):
    file = direct.file().json()["id"]
    assert "completed file import" in direct.job(training_file=file).json()["error"]["message"]


BAD_DATA = [
    (
        "nine examples",
        b"\n".join([b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}'] * 9),
        "at least 10",
    ),
    ("a broken line", b'{"messages":[\n' * 12, "line 1 is not a valid JSON object"),
    (
        "preference data for a supervised job",
        b'{"input":{},"preferred_output":[],"non_preferred_output":[]}\n' * 12,
        "no 'messages'",
    ),
]


@pytest.mark.parametrize(("fact", "content", "text"), BAD_DATA, ids=[row[0] for row in BAD_DATA])
def test_rows_are_checked_by_the_job_not_by_the_upload(direct, fact, content, text):
    file = direct.ready_file(content)
    assert direct("GET", V1.format(f"files/{file}")).json()["status"] == "processed"
    job = direct.job(training_file=file).json()
    assert job["status"] == "pending"
    direct.emulator.advance(1)
    failed = direct.get_job(job["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "jsonlValidationFailed")
    assert text in failed["error"]["message"]
    events = direct("GET", V1.format(f"fine_tuning/jobs/{job['id']}/events")).json()["data"]
    assert events[0]["level"] == "error"


def test_three_jobs_run_and_the_others_wait(direct):
    file = direct.ready_file()
    jobs = [direct.job(training_file=file).json()["id"] for _ in range(5)]
    direct.emulator.advance(1)
    assert [direct.get_job(j)["status"] for j in jobs] == ["running"] * 3 + ["pending"] * 2
    direct("POST", V1.format(f"fine_tuning/jobs/{jobs[0]}/cancel"))
    assert direct.get_job(jobs[3])["status"] == "running", "a cancelled job frees its slot"
    direct.emulator.advance(2.6)
    assert [direct.get_job(j)["status"] for j in jobs] == ["cancelled", "succeeded", "succeeded", "running", "running"]


def test_continuous_fine_tuning_keeps_the_root_in_the_name(direct):
    parent = direct.trained(suffix="one")
    child = direct.trained(model=parent["fine_tuned_model"], suffix="two")
    assert child["model"] == parent["fine_tuned_model"]
    assert re.fullmatch(r"gpt-4\.1-mini-2025-04-14\.ft-[0-9a-f]{32}-two", child["fine_tuned_model"])
    point = direct("GET", V1.format(f"fine_tuning/jobs/{parent['id']}/checkpoints")).json()["data"][1]
    assert direct.job(model=point["id"]).status == 200


def test_preference_and_reinforcement_jobs(direct):
    pair = {
        "input": {"messages": [{"role": "user", "content": "q"}]},
        "preferred_output": [{"role": "assistant", "content": "a"}],
        "non_preferred_output": [{"role": "assistant", "content": "b"}],
    }
    file = direct.ready_file((json.dumps(pair) + "\n").encode() * 12)
    job = direct.trained(
        training_file=file, model="gpt-4.1", method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}}
    )
    assert (job["status"], job["hyperparameters"]["beta"]) == ("succeeded", 0.2)
    ask = {"messages": [{"role": "user", "content": "q"}], "answer": 1}
    file = direct.ready_file((json.dumps(ask) + "\n").encode() * 12)
    grader = {"type": "string_check", "name": "g", "input": "x", "reference": "y", "operation": "eq"}
    method = {"type": "reinforcement", "reinforcement": {"grader": grader}}
    job = direct.trained(training_file=file, validation_file=file, model="o4-mini", method=method)
    assert job["status"] == "succeeded"
    assert job["method"]["reinforcement"]["grader"] == grader
    csv = direct("GET", V1.format(f"files/{job['result_files'][0]}/content")).body.decode()
    assert csv.startswith("step,train_mean_reward,full_valid_mean_reward")
    assert direct.job(training_file=file, model="o4-mini", method=method).status == 400, "no validation file"


def test_the_same_job_learns_the_same_and_many_epochs_overfit(direct):
    file = direct.ready_file()
    fields = {"training_file": file, "validation_file": file, "seed": 5, "hyperparameters": {"n_epochs": 8}}
    jobs = [direct.trained(**fields) for _ in range(2)]
    first, second = (direct("GET", V1.format(f"files/{j['result_files'][0]}/content")).body for j in jobs)
    assert first == second
    points = direct("GET", V1.format(f"fine_tuning/jobs/{jobs[0]['id']}/checkpoints")).json()["data"][::-1]
    losses = [p["metrics"]["full_valid_loss"] for p in points]
    assert len(losses) == 8
    assert losses[-1] > min(losses)
    assert points[-1]["metrics"]["train_loss"] < points[0]["metrics"]["train_loss"]


ARM_REFUSALS = [
    ("an unknown model", {"model": "gpt-4.1.ft-0"}, "DeploymentModelNotSupported", "Name: gpt-4.1.ft-0, Version: ,"),
    ("a wrong format", {"model": "gpt-4.1", "form": "Meta"}, "DeploymentModelNotSupported", "Format: Meta"),
    ("the sku of an account", {"sku": "S0"}, "InvalidResourceProperties", "The deployment sku name 'S0' is invalid."),
    (
        "the developer tier for a base model",
        {"sku": "DeveloperTier"},
        "InvalidResourceProperties",
        "The specified SKU 'DeveloperTier' of account deployment is not supported by the model 'gpt-4.1' version: '2025-04-14'.",
    ),
    ("more than the quota", {"capacity": 501}, "InsufficientQuota", "This operation require 501 new capacity"),
    ("a tag with a slash", {"tags": {"a/b": "c"}}, "InvalidTagNameCharacters", "'a/b'"),
]


@pytest.mark.parametrize(("fact", "change", "code", "text"), ARM_REFUSALS, ids=[row[0] for row in ARM_REFUSALS])
def test_what_a_deployment_refuses(direct, fact, change, code, text):
    fields = {"model": "gpt-4.1", "sku": "GlobalStandard", "capacity": 1} | change
    more = {"extra_model": {"format": fields.pop("form")}} if "form" in fields else {}
    if change.get("sku") == "DeveloperTier":
        more = {"extra_model": {"version": "2025-04-14"}}
    model = fields.pop("model")
    response = direct.deploy("dd", model, **fields, **more)
    assert (response.status, response.json()["error"]["code"]) == (400, code), fact
    assert text in response.json()["error"]["message"]
    assert not direct.emulator.requests()[-1]["committed"]


def test_defaults_that_a_deployment_gets(direct):
    body = {"properties": {"model": {"format": "OpenAI", "name": "gpt-4.1"}}}
    made = direct("PUT", direct.path("dd"), body).json()
    assert made["sku"] == {"name": "Standard", "capacity": 1}
    assert made["properties"]["versionUpgradeOption"] == "OnceNewDefaultVersionAvailable"
    assert made["properties"]["model"]["version"] == "2025-04-14"
    assert made["properties"]["currentCapacity"] == 1


def test_model_and_capacity_never_change_together(direct):
    first, second = (direct.trained()["fine_tuned_model"] for _ in range(2))
    direct.deploy("dd", first, capacity=1)
    direct.emulator.advance(1)
    refused = direct.deploy("dd", second, capacity=2)
    assert refused.status == 400
    assert refused.json()["error"]["message"] == "Cannot change capacity and model at the same time for deployment"
    assert direct.deploy("dd", second, capacity=1).status == 200


def test_a_checkpoint_is_deployed_by_its_id_and_only_the_last_three_are(direct):
    job = direct.trained(hyperparameters={"n_epochs": 5})
    points = direct("GET", V1.format(f"fine_tuning/jobs/{job['id']}/checkpoints")).json()["data"]
    assert len(points) == 5
    assert direct.deploy("new", points[2]["id"]).status == 201
    direct.emulator.advance(1)
    assert direct.deploy("old", points[3]["id"]).status == 400
    assert direct.deploy("name", points[0]["fine_tuned_model_checkpoint"]).status == 400
    direct.emulator.configure(checkpoint_deploys_by="name")
    assert direct.deploy("name", points[0]["fine_tuned_model_checkpoint"]).status == 201


def test_another_account_deploys_with_a_source(direct):
    model = direct.trained()["fine_tuned_model"]
    assert direct.deploy("dd", model, account="west").status == 400
    source = direct.path("", "acme").partition("/deployments")[0]
    assert direct.deploy("dd", model, account="west", extra_model={"source": source}).status == 201


def test_idle_deployments_and_the_developer_tier_end_by_themselves(direct):
    model = direct.trained()["fine_tuned_model"]
    direct.deploy("dev", model, sku="DeveloperTier")
    direct.emulator.advance(1)
    direct.deploy("std", model, sku="Standard")
    direct.emulator.advance(1)
    direct.deploy("base", "gpt-4.1")
    direct.emulator.advance(10 * 86_400)
    names = [d["name"] for d in direct("GET", direct.path("")).json()["value"]]
    assert names == ["std", "base"], "the developer tier lives 24 hours"
    assert direct.chat("std").status == 200
    direct.emulator.advance(14 * 86_400)
    assert direct("GET", direct.path("std")).status == 200, "a call starts the 15 days anew"
    direct.emulator.advance(1.5 * 86_400)
    assert direct("GET", direct.path("std")).status == 404
    assert direct("GET", direct.path("base")).status == 200
    assert direct("GET", f"/acme/openai/v1/models/{model}").status == 200, "the model stays"


def test_a_credential_is_needed(direct):
    assert direct("GET", V1.format("files"), headers={"authorization": ""}).status == 401
    assert direct("GET", V1.format("files"), headers={"authorization": "", "api-key": "k"}).status == 200
    answer = direct("GET", ARM + VERSION, headers={"authorization": "", "api-key": "k"})
    assert (answer.status, answer.json()["error"]["code"]) == (401, "AuthenticationFailed")


def test_answers_carry_request_ids(direct):
    assert re.fullmatch("[0-9a-f]{32}", direct("GET", V1.format("files")).headers["apim-request-id"])
    assert "x-ms-request-id" in direct("GET", ARM + VERSION).headers
