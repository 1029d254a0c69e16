"""The live suite itself, with an emulator in the place of the real account: it must notice what differs, and leave nothing behind."""

import json
import os
import signal
import time
from dataclasses import fields

import pytest
from live import run
from live.account import Place, Wish
from live.examples import rows
from live.laws import LAWS
from live.questions import NOT_ASKED, QUESTIONS
from live.run import QUICK, Answer, Rows, estimate, main, report, visit
from local_server import LocalServer

from reconciler.emulator import Config, Emulator, Fault, Request, Server

pytestmark = pytest.mark.slow
STEPS = 11
"""Commands of the journey, without the laws."""
RESOURCE_ID = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme"


class Wall:
    """The machine's time; waiting is cut short, since the emulator's trainings take seconds."""

    def now(self):
        return time.time()

    def sleep(self, seconds):
        time.sleep(min(seconds, 0.2))


@pytest.fixture
def account():
    opened = []

    def start(**config):
        emulator = Emulator(None, config=Config(**{**QUICK, **config}))
        server = Server(emulator).start()
        opened.append((emulator, server))
        environ = {
            "RECONCILER_LIVE_RESOURCE_ID": RESOURCE_ID,
            "RECONCILER_LIVE_ENDPOINT": f"{server.url}/acme",
            "RECONCILER_LIVE_MANAGEMENT_ENDPOINT": server.url,
        }
        return emulator, environ

    yield start
    for emulator, server in opened:
        server.stop()
        emulator.close()


def wish(environ):
    return Wish(
        RESOURCE_ID,
        "live-suite",
        endpoint=environ["RECONCILER_LIVE_ENDPOINT"],
        management_endpoint=environ["RECONCILER_LIVE_MANAGEMENT_ENDPOINT"],
    )


def left(emulator):
    def listed(path, key, **query):
        answer = emulator.handle(Request("GET", path, query, {"authorization": "Bearer x"}, b""))
        return json.loads(answer.body)[key]

    files = [file for file in listed("/acme/openai/v1/files", "data") if file["purpose"] == "fine-tune"]
    return len(files), len(listed(f"{RESOURCE_ID}/deployments", "value", **{"api-version": "2025-09-01"}))


def test_an_account_like_the_emulator_shows_no_difference(account, tmp_path, capsys):
    # One job is cancelled as soon as it is made, by a law.
    emulator, environ = account(pending_seconds=1.0)
    with LocalServer(Rows) as served:
        environ["RECONCILER_LIVE_IMPORT_URL"] = served.url
        assert main(["--yes", "--report", str(tmp_path / "report.md")], environ, Wall()) == 0, capsys.readouterr().out
    text = (tmp_path / "report.md").read_text()
    assert (
        f"0 of {len(QUESTIONS)} answers are not the emulator's, 0 were not asked; 0 of {STEPS + len(LAWS)} steps failed."
        in text
    )
    assert "at most $0.0" in capsys.readouterr().out
    assert left(emulator) == (0, 0)


OTHERWISE = {
    "suffix_cut": 18,
    "tags_on_patch": "merge",
    "model_change": "refused",
    "refuse_bom": True,
    "filename_cut": 80,
    "metadata_echo": True,
    "dated_has_uploads": False,
    "data_zone_training": False,
    "echo_seed": False,
    "job_times": "text",
    "model_version": "number",
    "models_route_lists_fine_tuned": False,
    "checkpoint_deploys_by": "name",
    "echo_method": "always",
    "chat_limits": "max_completion_tokens",
    "ready_delay_s": 1.0,
    "not_ready_status": 404,
    "serial_control_plane": False,
    "canonical_models": False,
    "training_type_exact": True,
    "training_type_omitted": "globalStandard",
    "suffix_max_v1": 40,
    "echo_suffix": "both",
    "clock_ahead_s": 900.0,
    "ga_files_ignore_after": True,
    "result_columns": "documented",
    "result_bom": True,
}


def test_an_account_that_is_otherwise_is_told_apart_by_each_question(account):
    _, environ = account(**OTHERWISE)
    found = visit(wish(environ), {}, Wall(), lambda _: None, looks=False)
    answers = found.answers
    assert found.is_clean
    assert [step.what for step in found.steps if not step.passed] == []
    seen = {
        "a byte order mark in front of data": "with: error, given back as sent; without: processed, given back as sent",
        "the name of an uploaded file": "changed, 80 of 116 characters",
        "the name of a file uploaded in parts": "there are no uploads in parts",
        "the name of an imported file": "not asked: no address was given",
        "how late a list is": "within 5 s",
        "metadata of a job": "echoed",
        "a hyperparameter that was not set": "n_epochs -1; method shown",
        "how an answer is limited": "max_completion_tokens: taken; max_tokens: refused: 400",
        "when a deployment answers first": "within 15 s, until then refused: 404",
        "two writes at once": "both are taken",
        "a base model in other letters": "as sent",
        "a training type in lower case, preview": "refused: 400",
        "a suffix of 64 characters, v1": "refused: 400",
        "a suffix of 40 characters, preview": "suffix cut to 18, user_provided_suffix cut to 18",
        "the Date of answers": "ahead",
        "the second page of the older list of files": "`after` is ignored",
        "tags in a PATCH": "merged",
        "a trained model in the list": "not listed",
        "another model for a live deployment": "refused, 400 CannotChangeDeploymentModel",
    }
    assert {name: answers[name] for name in seen} == seen
    assert answers["a suffix of 31 characters, data_zone, v1"] == "refused: 400"
    assert answers["a suffix of 31 characters, standard, v1"] == (
        "suffix cut to 18, user_provided_suffix cut to 18; trainingType Standard"
    )
    assert answers["no training type, v1"] == "trainingType globalStandard"
    assert answers["the columns of a file of results"].endswith("; with a byte order mark")
    assert answers["what a checkpoint shows"].endswith("; named by name and step")
    for words in (
        "created_at text",
        "seed not shown",
        "suffix otherwise",
        "hyperparameters as sent",
    ):
        assert words in answers["what a job shows"]
    assert "properties.model.version number" in answers["what a deployment shows"]
    assert answers["which string deploys a checkpoint"].startswith("id: refused")
    assert answers["deleting a model that is deployed"].startswith("refused")


def test_each_switch_of_the_emulator_has_a_question_or_a_reason_to_have_none():
    asked = {name for question in QUESTIONS for name in question.switch.split(", ") if name}
    assert asked | NOT_ASKED.keys() == {one.name for one in fields(Config)}
    assert not asked & NOT_ASKED.keys()


def test_what_was_made_is_taken_away_when_everything_fails(account):
    emulator, environ = account()
    for path in ("fine_tuning/jobs$", "deployments/"):
        emulator.add_fault(Fault(method="*", path_regex=path, status=500, count=14, after_commit=True))
    found = visit(wish(environ), {}, Wall(), lambda _: None, looks=False)
    assert any(not step.passed for step in found.steps)
    assert found.is_clean
    assert left(emulator) == (0, 0)


def test_a_job_that_could_not_be_cancelled_leaves_no_model(account, tmp_path):
    emulator, environ = account(running_seconds=100.0)

    class Passing(Wall):
        def sleep(self, seconds):
            emulator.advance(seconds)

    killed = Place(wish(environ), tmp_path / "killed", {}, Passing())
    file = killed.processed(killed.upload("live-a.jsonl", rows())["id"])
    killed.create_job({"model": "gpt-4.1-nano-2025-04-14", "training_file": file["id"]})
    emulator.add_fault(Fault(method="POST", path_regex="cancel$", status=500, count=None))
    emulator.advance(95)
    after = Place(wish(environ), tmp_path / "next", {}, Passing())
    assert after.clean(print)
    assert not [model for model in after.jobs.models() if ".ft-" in str(model["id"])]
    killed.close()
    after.close()


def test_what_was_made_is_taken_away_when_the_process_is_told_to_end(account, capsys, monkeypatch, tmp_path):
    emulator, environ = account()
    monkeypatch.setattr(run, "emulated", lambda *_: {})  # it only answers questions, and takes its time

    class Ended(Wall):
        def sleep(self, seconds):
            super().sleep(seconds)
            if len(told) < 3 and any(item["path"].endswith("fine_tuning/jobs") for item in emulator.requests()):
                # A CI that cancels sends one after the other, also while things are taken away.
                os.kill(os.getpid(), (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)[len(told)])
                told.append(len(emulator.requests()))

    told: list[int] = []
    emulator.add_fault(Fault(method="DELETE", path_regex="/files/", status=500, count=10))
    file = tmp_path / "report.md"
    assert main(["--yes", "--report", str(file)], environ, Ended()) == 130, capsys.readouterr().out
    assert len(told) == 3
    assert "the run was told to end" in file.read_text()
    assert left(emulator) == (0, 0)


def test_nothing_is_spent_without_an_account_a_price_or_a_yes(account, monkeypatch, capsys):
    emulator, environ = account()
    assert main([], {}, Wall()) == 1
    assert "RECONCILER_LIVE_RESOURCE_ID is not set" in capsys.readouterr().out
    assert main(["--yes"], {**environ, "RECONCILER_LIVE_MODEL": "gpt-9"}, Wall()) == 4
    assert main(["--yes"], {**environ, "RECONCILER_LIVE_MAX_USD": "0.000001"}, Wall()) == 4
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert main([], environ, Wall()) == 4
    assert [item for item in emulator.requests() if item["write"]] == []


def test_a_difference_is_told_and_what_was_not_asked_is_none():
    asked = [Answer(QUESTIONS[0], "a", "b"), Answer(QUESTIONS[1], "not asked", "kept")]
    text = report(Wish("x", "live-suite"), asked, [], clean=False)
    assert "1 of 2 answers are not the emulator's, 1 were not asked" in text
    assert "left behind" in text
    assert estimate(Wish("x", "live-suite")) is not None
