"""The control API, and the two things a test asks it most: what was written, and what is there."""

from __future__ import annotations

from reconciler.emulator import Emulator

C = "/_emulator/"
V1 = "/acme/openai/v1/"


def hand(direct, **body):
    response = direct("POST", C + "hand", {"account": "acme", **body})
    assert response.status == 200, response.body
    return response.json()


def test_the_log_says_what_was_written_and_keeps_secrets(direct):
    direct.file()
    direct("GET", V1 + "files?sig=secret")
    direct("DELETE", V1 + "files/none")
    log = direct("GET", C + "log").json()["requests"]
    assert [(e["method"], e["write"], e["committed"]) for e in log] == [
        ("POST", True, True),
        ("GET", False, False),
        ("DELETE", True, False),
    ]
    assert log[1]["query"] == {"sig": "***"}
    assert (log[0]["account"], log[0]["status"], log[0]["bytes"] > 0) == ("acme", 200, True)
    assert direct("DELETE", C + "log").status == 204
    assert direct("GET", C + "log").json() == {"requests": []}


def test_a_chat_is_no_write(direct, emulator):
    emulator.configure(deployment_seconds=0)
    direct.deploy("dd", "gpt-4.1")
    direct.chat("dd")
    assert not emulator.requests()[-1]["write"]
    assert not emulator.requests()[-1]["committed"]


def test_faults_config_and_clock_over_http(direct, clock):
    assert direct("POST", C + "faults", {"path_regex": "/files$", "status": 503}).status == 204
    assert direct("GET", V1 + "files").status == 503
    assert direct("GET", C + "faults").json()["faults"][0]["hits"] == 1
    assert direct("DELETE", C + "faults").status == 204
    assert direct("POST", C + "faults", {"nope": 1}).status == 400
    assert direct("POST", C + "faults", {"path_regex": "("}).status == 400
    assert direct("PATCH", C + "config", {"quota": 7}).json()["quota"] == 7
    assert direct("PATCH", C + "config", {"quota": []}).status == 400
    assert direct("GET", C + "config").json()["quota"] == 7
    assert direct("POST", C + "clock", {"advance_s": 60}).json() == {"offset_s": 60.0, "now": clock.now + 60}
    assert direct("GET", C + "nothing").status == 404


def test_state_counts_and_reset(direct):
    job = direct.trained()
    direct.deploy("dd", job["fine_tuned_model"])
    state = direct("GET", C + "state").json()["accounts"]["acme"]
    assert state["counts"] == {"files": 1, "jobs": 1, "models": 1, "deployments": 1}
    assert direct("POST", C + "reset").status == 204
    assert direct("GET", C + "state").json()["accounts"] == {}


def test_what_people_do_by_hand(direct):
    job = direct.trained(suffix="s")
    direct.deploy("dd", job["fine_tuned_model"], tags={"a": "1", "b": "2"})
    direct.emulator.advance(1)
    assert hand(direct, do="strip_tags", deployment="dd", keys=["a"])["tags"] == {"b": "2"}
    hand(direct, do="edit_deployment", deployment="dd", sku={"capacity": 9})
    assert direct("GET", direct.path("dd")).json()["sku"]["capacity"] == 9
    hand(direct, do="expire_deployment", deployment="dd")
    assert direct("GET", direct.path("dd")).status == 404
    hand(direct, do="vanish_model", model=job["fine_tuned_model"])
    assert direct("GET", V1 + f"models/{job['fine_tuned_model']}").status == 404
    assert direct.get_job(job["id"])["status"] == "succeeded"
    clone = hand(
        direct,
        do="clone_job",
        job=job["id"],
        overrides={"resolved": {"n_epochs": 9, "batch_size": 1, "learning_rate_multiplier": 1.0}},
    )
    assert clone["suffix"] == "s"
    direct.emulator.advance(1)
    hand(direct, do="fail_job", job=clone["id"], code="internalFailure", message="Sorry.")
    assert direct.get_job(clone["id"])["error"]["message"] == "Sorry."
    assert set(hand(direct, do="purge_jobs")["jobs"]) == {job["id"], clone["id"]}
    assert direct("GET", V1 + "fine_tuning/jobs").json()["data"] == []
    hand(direct, do="vanish_file", file=job["training_file"])
    assert direct("GET", V1 + f"files/{job['training_file']}").status == 404
    assert direct("POST", C + "hand", {"account": "acme", "do": "magic"}).status == 400


def test_purged_history_leaves_the_model(direct):
    job = direct.trained()
    hand(direct, do="purge_jobs", jobs=[job["id"]])
    assert direct("GET", V1 + f"models/{job['fine_tuned_model']}").status == 200
    assert direct.deploy("dd", job["fine_tuned_model"]).status == 201


def test_the_emulator_can_be_used_without_its_server():
    import subprocess
    import sys

    code = "import sys, reconciler.emulator; print(sorted({'uvicorn', 'openai', 'pydantic', 'asyncio'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
    assert Emulator().config.quota == 500


def test_a_job_that_the_service_pauses_by_itself(direct, clock):
    job = direct.job().json()
    clock.sleep(2)
    assert hand(direct, do="pause_job", job=job["id"], message="Job paused: somebody needs the place.")
    clock.sleep(3600)
    path = f"{V1}fine_tuning/jobs/{job['id']}"
    assert direct("GET", path).json()["status"] == "paused"
    assert direct("GET", f"{path}/events").json()["data"][0]["message"] == "Job paused: somebody needs the place."
    hand(direct, do="resume_job", job=job["id"])
    clock.sleep(3600)
    assert direct("GET", path).json()["status"] == "succeeded"


def test_a_checkpoint_is_shown_by_its_name_or_its_id(direct, emulator, clock):
    job = direct.job().json()
    clock.sleep(60)
    path = f"{V1}fine_tuning/jobs/{job['id']}/checkpoints"
    (first, *_) = direct("GET", path).json()["data"]
    assert ":ckpt-step-" in first["fine_tuned_model_checkpoint"]
    emulator.configure(checkpoint_shown_as="id")
    (first, *_) = direct("GET", path).json()["data"]
    assert first["fine_tuned_model_checkpoint"] == first["id"]
