"""What is not known of Azure: every plausible behaviour can be switched on."""

from __future__ import annotations

import pytest

from reconciler.emulator import Config

V1 = "/acme/openai/v1/"


def test_lists_may_be_late_while_reads_are_current(direct):
    direct.emulator.configure(list_delay_s=60)
    file = direct.ready_file()
    job = direct.job(training_file=file).json()["id"]
    assert direct("GET", V1 + "fine_tuning/jobs").json()["data"] == []
    assert direct("GET", V1 + "files").json()["data"] == []
    direct.emulator.advance(30)
    assert direct.get_job(job)["status"] == "succeeded"
    assert direct("GET", V1 + "fine_tuning/jobs").json()["data"] == []
    direct.emulator.advance(30.2)
    assert direct("GET", V1 + "fine_tuning/jobs").json()["data"][0]["status"] == "pending"
    direct("DELETE", V1 + f"files/{file}")
    assert direct("GET", V1 + f"files/{file}").status == 404
    assert file in [f["id"] for f in direct("GET", V1 + "files").json()["data"]]
    direct.deploy("dd", "gpt-4.1")
    assert direct("GET", direct.path("")).json()["value"] == []
    assert direct("GET", direct.path("dd")).status == 200


def test_a_suffix_may_be_cut(direct):
    direct.emulator.configure(suffix_cut=6)
    job = direct.trained(suffix="abcdefghij")
    assert job["suffix"] == "abcdef"
    assert job["fine_tuned_model"].endswith("-abcdef")


@pytest.mark.parametrize(
    ("value", "keys"),
    [
        ("suffix", {"suffix"}),
        ("user_provided_suffix", {"user_provided_suffix"}),
        ("both", {"suffix", "user_provided_suffix"}),
        ("none", set()),
    ],
)
def test_where_the_suffix_is_echoed(direct, value, keys):
    direct.emulator.configure(echo_suffix=value)
    job = direct.job(suffix="s").json()
    assert {k for k in ("suffix", "user_provided_suffix") if k in job} == keys


@pytest.mark.parametrize(
    ("value", "top", "nested"), [("top", True, False), ("method", False, True), ("both", True, True)]
)
def test_where_hyperparameters_are_echoed(direct, value, top, nested):
    direct.emulator.configure(echo_hyperparameters=value)
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}}
    job = direct.job(method=method).json()
    assert (job["hyperparameters"] is not None) is top
    assert ("hyperparameters" in job["method"]["supervised"]) is nested


def test_other_echoes(direct):
    file = direct.ready_file()
    plain = direct.job(training_file=file).json()
    assert plain["method"] is None
    direct.emulator.configure(
        echo_method="always",
        echo_seed=False,
        echo_training_type=False,
        metadata_echo=True,
        canonical_models=False,
        v1_status_words=True,
    )
    job = direct.job(training_file=file, model="GPT-4.1-mini", metadata={"a": "b"}).json()
    assert job["method"]["type"] == "supervised"
    assert "seed" not in job
    assert "trainingType" not in job
    assert (job["metadata"], job["model"], job["status"]) == ({"a": "b"}, "GPT-4.1-mini", "validating_files")
    direct.emulator.configure(result_files_while_running=False, estimated_finish_noise=False)
    assert direct.get_job(job["id"])["estimated_finish"] is None
    direct.emulator.advance(2)
    running = direct.get_job(job["id"])
    assert (running["result_files"], running["estimated_finish"] is None) == (None, False)


def test_training_type_switches(direct):
    file = direct.ready_file()
    direct.emulator.configure(no_fine_tuning=["swedencentral"])
    refused = direct.job(training_file=file)
    assert (refused.status, refused.json()["error"]["code"]) == (400, "invalidPayload"), "the region trains nothing"
    direct.emulator.configure(no_fine_tuning=[])
    direct.emulator.configure(training_type_omitted="refused")
    assert direct.job(training_file=file).status == 400
    direct.emulator.configure(
        training_type_omitted="globalStandard", ga_ignores_training_type=True, training_type_exact=True
    )
    assert direct.job(training_file=file).json()["trainingType"] == "globalStandard"
    dated = "/acme/openai/fine_tuning/jobs?api-version="
    body = {"model": "gpt-4.1", "training_file": file, "trainingType": "Standard"}
    assert direct("POST", dated + "2024-10-21", body).json()["trainingType"] == "globalStandard"
    wrong = body | {"trainingType": "standard"}
    assert direct("POST", dated + "2025-04-01-preview", wrong).status == 400


def test_byte_order_marks(direct):
    bom = b"\xef\xbb\xbf"
    content = bom + b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n' * 12
    file = direct.ready_file(content)
    assert direct("GET", V1 + f"files/{file}/content").body == content
    assert direct.trained(training_file=file)["status"] == "succeeded"
    direct.emulator.configure(keep_bom=False)
    assert direct("GET", V1 + f"files/{file}/content").body == content[3:]
    direct.emulator.configure(refuse_bom=True)
    assert direct("GET", V1 + f"files/{direct.ready_file(content)}").json()["status"] == "error"


@pytest.mark.parametrize(
    ("value", "status", "chat"), [("accepted", 200, 200), ("accepted_with_gap", 200, 400), ("refused", 400, 200)]
)
def test_another_model_for_a_live_deployment(direct, value, status, chat):
    direct.emulator.configure(model_change=value)
    old, new = (direct.trained()["fine_tuned_model"] for _ in range(2))
    direct.deploy("dd", old)
    direct.emulator.advance(1)
    assert direct.deploy("dd", new).status == status
    assert direct.chat("dd").status == chat
    if chat == 200:
        assert direct.chat("dd").json()["model"] == old, "the old model serves until the operation has ended"
    direct.emulator.advance(1)
    assert direct.chat("dd").json()["model"] == (old if value == "refused" else new)


@pytest.mark.parametrize(("value", "tags"), [("merge", {"a": "1", "b": "2"}), ("replace", {"b": "2"})])
def test_tags_on_patch(direct, value, tags):
    direct.emulator.configure(tags_on_patch=value)
    direct.deploy("dd", "gpt-4.1", tags={"a": "1"})
    direct.emulator.advance(1)
    response = direct("PATCH", direct.path("dd"), {"tags": {"b": "2"}})
    assert (response.status, response.json()["tags"]) == (200, tags)


def test_durations_of_zero_end_at_once(direct):
    direct.emulator.configure(
        file_processing_seconds=0, pending_seconds=0, running_seconds=0, deployment_seconds=0, delete_seconds=0
    )
    file = direct.file().json()
    assert file["status"] == "processed"
    job = direct.job(training_file=file["id"]).json()
    assert direct.get_job(job["id"])["status"] == "succeeded"
    made = direct.deploy("dd", direct.get_job(job["id"])["fine_tuned_model"])
    assert made.json()["properties"]["provisioningState"] == "Succeeded"
    assert "azure-asyncoperation" not in made.headers
    assert direct("DELETE", direct.path("dd")).status == 200


def test_the_data_plane_may_lag_behind_arm(direct):
    direct.emulator.configure(ready_delay_s=300, not_ready_status=503)
    direct.deploy("dd", "gpt-4.1")
    direct.emulator.advance(1)
    assert direct("GET", direct.path("dd")).json()["properties"]["provisioningState"] == "Succeeded"
    assert (direct.chat("dd").status, direct.chat("dd").json()["error"]["code"]) == (503, "DeploymentNotReady")
    direct.emulator.advance(300)
    assert direct.chat("dd").status == 200


def test_control_plane_writes_may_be_parallel(direct):
    assert [direct.deploy(n, "gpt-4.1").status for n in ("d1", "d2")] == [201, 409]
    direct.emulator.configure(serial_control_plane=False)
    assert direct.deploy("d2", "gpt-4.1").status == 201


def test_quota_is_released_late(direct):
    direct.emulator.configure(quota_release_s=20, quotas={"OpenAI.GlobalStandard.gpt4.1": 10})
    direct.deploy("d1", "gpt-4.1", capacity=10)
    direct.emulator.advance(1)
    direct("DELETE", direct.path("d1"))
    direct.emulator.advance(1)
    assert direct.deploy("d2", "gpt-4.1", capacity=10).json()["error"]["code"] == "InsufficientQuota"
    direct.emulator.advance(20)
    assert direct.deploy("d2", "gpt-4.1", capacity=10).status == 201


def test_limits_and_limits_off(direct):
    direct.emulator.configure(max_files=1, max_jobs=1, max_queued=1, max_deployments=1, deployment_seconds=0)
    file = direct.ready_file()
    assert direct.file().json()["error"]["code"] == "quotaExceeded"
    direct.job(training_file=file)
    assert direct.job(training_file=file).json()["error"]["code"] == "quotaExceeded"
    assert [direct.deploy(n, "gpt-4.1").status for n in ("d1", "d2")] == [201, 400]
    direct.emulator.configure(limits_off=True)
    assert direct.file().status == 200
    assert direct.job(training_file=file).status == 200
    assert direct.deploy("d2", "gpt-4.1").status == 201


def test_requests_per_second(direct):
    direct.emulator.configure(requests_per_second=2)
    answers = [direct("GET", V1 + "files") for _ in range(3)]
    assert [a.status for a in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "1"
    direct.emulator.advance(1.1)
    assert direct("GET", V1 + "files").status == 200


def test_jobs_and_deployments_fail_by_rule(direct):
    direct.emulator.configure(
        outcomes=[
            {
                "match": {"suffix": "boom", "n_epochs": 2},
                "then": {"fail": {"code": "internalFailure", "message": "A system error."}, "at": "running"},
            },
            {
                "match": {"suffix": "bad"},
                "then": {"fail": {"code": "contentFilter", "message": "Unsafe."}, "at": "moderation"},
            },
        ],
        deployment_outcomes=[
            {"match": {"name": "bad"}, "then": {"fail": {"code": "ContentSafety", "message": "Blocked."}}}
        ],
    )
    file = direct.ready_file()
    assert direct.trained(training_file=file, suffix="boomer")["status"] == "succeeded"
    failed = direct.trained(training_file=file, suffix="boomer", hyperparameters={"n_epochs": 2})
    assert (failed["status"], failed["error"]) == (
        "failed",
        {"code": "internalFailure", "message": "A system error.", "param": None},
    )
    unsafe = direct.trained(training_file=file, suffix="bad")
    assert (unsafe["status"], unsafe["error"]["code"]) == ("failed", "contentFilter")
    made = direct.deploy("bad1", "gpt-4.1")
    assert made.status == 201
    direct.emulator.advance(1)
    assert direct("GET", direct.path("bad1")).json()["properties"]["provisioningState"] == "Failed"
    operation = direct("GET", made.headers["azure-asyncoperation"].removeprefix("http://emulator.test")).json()
    assert (operation["status"], operation["error"]["message"]) == ("Failed", "Blocked.")
    assert direct.chat("bad1").status == 404


def test_who_may_do_what(direct):
    direct.emulator.configure(
        deny=["deployments/write", "OpenAI/fine-tunes/write"], bad_keys=["stolen"], keys={"acme": ["good"]}
    )
    refused = direct.deploy("dd", "gpt-4.1")
    assert (refused.status, refused.json()["error"]["code"]) == (403, "AuthorizationFailed")
    assert "'Microsoft.CognitiveServices/accounts/deployments/write'" in refused.json()["error"]["message"]
    refused = direct.job(training_file="file-0")
    assert (refused.status, refused.json()["error"]["code"]) == (403, "PermissionDenied")
    assert "lacks the required data action" in refused.json()["error"]["message"]
    assert direct("GET", V1 + "files", headers={"authorization": "Bearer stolen"}).status == 401
    for key, status in (("good", 200), ("other", 401)):
        assert direct("GET", V1 + "files", headers={"authorization": "", "api-key": key}).status == status


def test_only_described_accounts_exist(direct):
    described = {"acme": {"location": "eastus2", "subscription_id": "sub", "resource_group": "rg"}}
    direct.emulator.configure(accounts=described, projects=["p1"])
    assert direct("GET", "/other/openai/v1/files").status == 404
    account = direct.path("").partition("/deployments")[0]
    assert direct("GET", account + "?api-version=2025-09-01").json()["location"] == "eastus2"
    assert direct("GET", account.replace("/rg/", "/else/") + "?api-version=2025-09-01").status == 404
    assert direct("GET", "/acme/api/projects/p1/openai/v1/files").status == 200
    assert direct("GET", "/acme/api/projects/p2/openai/v1/files").status == 404


def test_models_may_list_only_base_models(direct):
    model = direct.trained()["fine_tuned_model"]
    direct.emulator.configure(models_route_lists_fine_tuned=False)
    assert model not in [m["id"] for m in direct("GET", V1 + "models").json()["data"]]
    assert direct("GET", V1 + f"models/{model}").status == 200


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"quoat": 1}, "unknown field"),
        ({"quota": "many"}, "quota"),
        ({"model_change": "maybe"}, "model_change"),
        ({"models": [{"x": 1}]}, "models"),
    ],
)
def test_a_wrong_configuration_is_refused(changes, text):
    with pytest.raises(ValueError, match=text):
        Config().changed(changes)


def test_a_configuration_survives_json():
    import json

    assert Config().changed(json.loads(json.dumps(Config().plain()))) == Config()
