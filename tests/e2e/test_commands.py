"""Every other command and global option, as they are typed.

It is longer than other files because every command without a file of its own is here, each with few tests.
"""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from command import Site, ended, plain, until
from harness import FIVE_EPOCHS, STACK, Azure, arm, examples

import reconciler

APPLY = ("apply", "--auto-approve", "--wait")
SHIPPED = Path(reconciler.__file__).parent.parent / "manifests"
FOREIGN = {
    "sku": {"name": "Standard", "capacity": 1},
    "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
    "tags": {"team": "another"},
}


# -- help and global options


def test_help_lists_the_commands_in_three_groups(alone: Site) -> None:
    ran = alone.run("--help", code=0)
    groups = re.findall(r"^(Every day|Look|Rare):$", ran.out, re.MULTILINE)
    assert groups == ["Every day", "Look", "Rare"]
    assert "..." not in ran.out.partition("Every day:")[2], "no sentence is cut off"
    assert alone.run("-h", code=0).out == ran.out


def test_no_command_at_all_shows_the_help(alone: Site) -> None:
    ran = alone.run(code=64)
    assert ran.err.startswith("Usage: reconciler ")
    assert "Every day:" in ran.err


@pytest.mark.parametrize("command", ["plan", "apply", "status", "drift", "history", "logs", "cancel", "destroy"])
def test_each_command_explains_itself(alone: Site, command: str) -> None:
    ran = alone.run(command, "--help", code=0)
    assert ran.out.startswith(f"Usage: reconciler {command} ")


def test_an_option_without_its_value_leads_to_the_help_of_its_command(alone: Site) -> None:
    ran = alone.run("promote", "Deployment/tone", "--to", code=64)
    assert ran.err.rstrip().endswith("\n  reconciler promote --help")


def test_version(alone: Site) -> None:
    assert alone.run("--version", code=0).out == f"reconciler {reconciler.__version__}\n"


def test_chdir_goes_first_and_places_stay_relative_to_the_repository(site: Site) -> None:
    (site.folder / ".git").mkdir()
    site.edit("manifests/stack.yaml", "n_epochs", "epochs")
    site.folder.joinpath("deep/er").mkdir(parents=True)
    ran = site.run("--chdir", "deep/er", "validate", "../../manifests", code=1)
    assert ran.err.startswith("error: manifests/stack.yaml:9:30: ")
    assert site.run("validate", env={"RECONCILER_CHDIR": "manifests", "RECONCILER_PATH": "."}, code=1).err == ran.err


def test_flags_have_variables_except_those_that_approve(site: Site, azure: Azure) -> None:
    site.folder.joinpath("manifests").rename(site.folder / "elsewhere")
    env = {"RECONCILER_PATH": "elsewhere", "RECONCILER_AUTO_APPROVE": "1", "RECONCILER_PRUNE": "1"}
    site.run("apply", env=env, code=4)
    assert azure.writes() == []
    azure.configure(running_seconds=0.5)
    site.run("apply", "--auto-approve", env={**env, "RECONCILER_WAIT": "1", "RECONCILER_PARALLELISM": "1"}, code=0)
    assert len(azure.deployments()) == 1
    assert site.run("plan", env={**env, "RECONCILER_PARALLELISM": "0"}).code == 64


def test_an_address_that_names_nothing_is_an_error_and_not_an_empty_plan(site: Site, azure: Azure) -> None:
    for flag in ("--target", "--exclude"):
        ran = site.run("plan", flag, "FineTuneJob/tonne", code=1)
        assert ran.err == (
            "error: The address names no resource of these manifests [no-such-address]\n"
            f"  {flag} `FineTuneJob/tonne` matches nothing. Nothing was looked at or done.\n"
            "  Did you mean `FineTuneJob/tone`?\n"
        )
    assert azure.emulator.requests() == []
    ran = site.run("plan", "--target", "FineTuneJob/*", code=0)
    assert "Deployment/tone" not in ran.out


def test_a_pipe_that_closes_early_is_no_crash(site: Site) -> None:
    process = site.start("schema")
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    ran = ended(process)
    assert "Traceback" not in ran.err


# -- schema


def test_the_schema_accepts_what_is_shipped_and_refuses_what_is_wrong(alone: Site) -> None:
    schema = json.loads(alone.run("schema", code=0).out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    documents = [
        document for path in sorted(SHIPPED.glob("*.yaml")) for document in yaml.safe_load_all(path.read_text())
    ]
    assert len(documents) >= 7
    for document in documents:
        assert accepts(schema, document, schema), document["metadata"]
    wrong = json.loads(json.dumps(documents[1]))
    wrong["spec"]["no_such_key"] = 1
    assert not accepts(schema, wrong, schema)
    assert not accepts(schema, {**documents[1], "kind": "Nothing"}, schema)


def accepts(schema: Any, value: Any, root: Any) -> bool:
    """Whether a JSON Schema accepts a value: as much of the standard as a schema of pydantic uses."""
    if schema is True:
        return True
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return accepts(target, value, root)
    types = {
        "object": lambda: isinstance(value, dict),
        "array": lambda: isinstance(value, list),
        "string": lambda: isinstance(value, str),
        "integer": lambda: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda: isinstance(value, int | float) and not isinstance(value, bool),
        "boolean": lambda: isinstance(value, bool),
        "null": lambda: value is None,
    }
    named = schema.get("type", [])
    if named and not any(types[name]() for name in ([named] if isinstance(named, str) else named)):
        return False
    if "const" in schema and value != schema["const"]:
        return False
    if "enum" in schema and value not in schema["enum"]:
        return False
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        return False
    if isinstance(value, dict):
        known = schema.get("properties", {})
        if not set(schema.get("required", [])) <= set(value):
            return False
        rest = schema.get("additionalProperties", True)
        if any(not accepts(known.get(key, rest) or False, item, root) for key, item in value.items() if key in known):
            return False
        if rest is False and not set(value) <= set(known):
            return False
    if isinstance(value, list) and not all(accepts(schema.get("items", True), item, root) for item in value):
        return False
    for word, enough in (("allOf", all), ("anyOf", any), ("oneOf", lambda found: sum(found) == 1)):
        if word in schema and not enough([accepts(part, value, root) for part in schema[word]]):
            return False
    return True


# -- status, history, logs


def test_status_before_while_and_after(site: Site, azure: Azure) -> None:
    assert re.search(r"^FineTuneJob/tone +to be made ", site.run("status", code=0).out, re.MULTILINE)
    azure.configure(running_seconds=3600.0)
    site.run("apply", "--auto-approve", code=0)
    out = site.run("status", code=0).out
    assert re.search(r"^FineTuneJob/tone +running +\d+ s +ftjob-", out, re.MULTILINE)
    assert re.search(r"^Deployment/tone +waiting .* for FineTuneJob/tone$", out, re.MULTILINE)
    azure.emulator.advance(7200)
    site.run(*APPLY, code=0)
    out = site.run("status", code=0).out
    listed = json.loads(site.run("status", "--format", "json", code=0).out)["resources"]
    (served,) = [one for one in listed if one["address"] == "Deployment/tone"]
    assert served["outputs"]["deployment"] == "tone"
    assert served["outputs"]["model"].startswith("gpt-4.1-mini")
    assert re.search(r"^FineTuneJob/tone +succeeded .* gpt-4\.1-mini-2025-04-14\.ft-", out, re.MULTILINE)
    assert re.search(r"^Deployment/tone +Succeeded ", out, re.MULTILINE)


def test_history_tells_what_serves_and_what_is_past(site: Site) -> None:
    assert site.run("history", code=0).out == "No jobs yet.\n"
    site.run(*APPLY, code=0)
    site.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    site.run(*APPLY, code=0)
    rows = site.run("history", "FineTuneJob/tone", code=0).out.splitlines()[1:]
    assert len(rows) == 2
    assert sum("FineTuneJob/tone  tone " in row for row in rows) == 1, "the deployment serves one of them"
    assert sum("history of tone" in row for row in rows) == 1
    assert len(site.run("history", "tone", code=0).out.splitlines()) == 3, "the kind may be left out"
    (one,) = [row.partition(" ")[0] for row in rows if "history of tone" in row]
    for address in (one, f"FineTuneJob/{one}"):
        assert [row.partition(" ")[0] for row in site.run("history", address, code=0).out.splitlines()] == ["JOB", one]


def test_a_declared_job_that_was_never_begun_has_no_history(site: Site) -> None:
    assert site.run("history", "tone", code=0).out == "tone has no job yet.\n"


@pytest.mark.parametrize("command", ["history", "logs", "cancel"])
def test_what_names_no_job_is_an_error_that_lists_the_jobs(site: Site, azure: Azure, command: str) -> None:
    ran = site.run(command, "FineTuneJob/other", code=1)
    assert ran.err == (
        "error: There is no such job at Azure [no-such-job]\n"
        "  `FineTuneJob/other` is not declared, and is no job of ours.\n"
        "  Jobs of these manifests:\n"
        "    FineTuneJob/tone\n"
    )
    if command == "logs":
        assert "Did you mean `FineTuneJob/tone`?" in site.run(command, "FineTuneJob/tome", code=1).err
        assert "`tone` is declared, and has no job yet.\n  See what" in site.run(command, "tone", code=1).err
    asked = len(azure.emulator.requests())
    ran = site.run(command, "Deployment/tone", code=1)
    assert (
        ran.err
        == "error: This is not a job [not-a-job]\n  `Deployment/tone` is not a job.\n  Name one as FineTuneJob/NAME.\n"
    )
    assert len(azure.emulator.requests()) == asked


@pytest.mark.parametrize("flag", [["--prune"], ["--allow-delete", "Deployment/tone"]])
def test_a_scheduled_run_cannot_be_told_to_delete(site: Site, azure: Azure, flag: list[str]) -> None:
    ran = site.run("apply", "--continue", *flag, code=64)
    assert f"{flag[0]} with --continue: --continue never deletes anything" in ran.err
    assert azure.emulator.requests() == []


def test_logs_and_following_them_to_the_end(site: Site, azure: Azure) -> None:
    ran = site.run("logs", "FineTuneJob/tone", code=1)
    assert ran.err.startswith("error: There is no such job at Azure [no-such-job]\n")
    azure.configure(running_seconds=3600.0)
    site.run("apply", "--auto-approve", code=0)
    process = site.start("logs", "FineTuneJob/tone", "--follow")
    until(lambda: any("/events" in item["path"] for item in azure.emulator.requests()), "a look at the events")
    azure.emulator.advance(7200)
    lines = ended(process).expect(0).out.splitlines()
    assert lines[0].endswith("Z  Job enqueued. Waiting for jobs ahead to complete.")
    assert lines[-1].endswith("Job succeeded.")
    assert lines == sorted(lines, key=lambda line: line[:20]), "oldest first"
    assert len(lines) == len(set(lines)), "each event once"
    ran = site.run("logs", azure.jobs()[0]["id"], code=0)
    assert ran.out.splitlines() == lines
    assert ran.err.endswith("\nNext, for Deployment/tone:\n  reconciler apply\n")
    site.run("apply", "--auto-approve", code=0)
    assert "Next" not in site.run("logs", "FineTuneJob/tone", code=0).err, "its model is served"


# -- cancel and destroy


def test_cancel_asks_and_says_what_it_costs(site: Site, azure: Azure) -> None:
    azure.configure(running_seconds=3600.0)
    site.run("apply", "--auto-approve", code=0)
    ran = site.run("cancel", "FineTuneJob/tone", code=4)
    assert "what it has trained so far is billed" in ran.out
    assert ran.err.endswith("  Review the above, then run:\n    reconciler cancel FineTuneJob/tone --auto-approve\n")
    assert azure.jobs()[0]["status"] == "running"
    ended_with = "To train again, set in its spec (manifests/stack.yaml:4:1):\n  attempt: 2"
    assert site.run("cancel", "FineTuneJob/tone", "--auto-approve", code=0).out.rstrip("\n").endswith(ended_with)
    assert azure.jobs()[0]["status"] == "cancelled"
    assert site.run("cancel", "FineTuneJob/tone", "--auto-approve", code=1).err.startswith(
        "error: The job has ended already [job-ended]\n"
    )
    plan = site.run("plan", code=0).out
    assert "To train again, set in its spec:\n        attempt: 2\n" in plan


def test_destroy_takes_ours_and_leaves_the_rest_as_it_is(site: Site, azure: Azure) -> None:
    site.run(*APPLY, code=0)
    azure.raw("PUT", f"{arm()}/deployments/foreign?api-version=2025-09-01", FOREIGN)
    strange = azure.control("POST", "hand", {"account": "acme", "do": "clone_job", "job": azure.jobs()[0]["id"], "overrides": {"suffix": "theirs"}})  # fmt: skip
    before = {item["name"]: item for item in azure.deployments()}
    assert site.run("destroy", code=4).err.endswith("    reconciler destroy --auto-approve\n")
    assert len(azure.deployments()) == 2
    ran = site.run("destroy", "--auto-approve", code=0)
    assert azure.deployments() == [before["foreign"]], "byte for byte"
    assert azure.files() == []
    (ours,) = [job["id"] for job in azure.jobs() if job["id"] != strange["id"]]
    kept = f"warning: Models are kept [models-kept]\n  1 model of ours.\n  To delete one, name it:\n    --allow-delete FineTuneJob/{ours}\n"
    assert kept in ran.out
    models = azure.objects("models")
    site.run("destroy", "--auto-approve", "--allow-delete", f"FineTuneJob/{strange['id']}", code=0)
    assert azure.objects("models") == models, "a model that bears no mark of ours is not deleted, even if named"
    site.run("destroy", "--auto-approve", "--allow-delete", f"FineTuneJob/{ours}", code=0)
    assert len(azure.objects("models")) == len(models) - 1
    assert azure.deployments() == [before["foreign"]]
    assert "models-kept" not in site.run("destroy", "--auto-approve", code=0).out, "what is gone is not kept"
    assert "-tone (deleted)" in site.run("history", code=0).out


def test_what_bears_our_mark_and_contradicts_it_is_neither_promoted_nor_destroyed(site: Site, azure: Azure) -> None:
    site.run(*APPLY, code=0)
    (job,) = azure.jobs()
    clone = azure.hand("clone_job", job=job["id"], overrides={**FIVE_EPOCHS, "running_s": 3600.0})["id"]
    assert f"{clone}: not what the manifests declare." in site.run("destroy", "--auto-approve", code=0).out
    assert [item["status"] for item in azure.jobs() if item["id"] == clone] == ["running"], "it was cancelled"
    azure.hand("vanish_model", model=job["fine_tuned_model"])
    azure.hand("purge_jobs", jobs=[job["id"]])
    azure.emulator.advance(7200)
    assert "[nothing-to-promote]" in site.run("promote", "tone", code=1).err
    models = azure.objects("models")
    ran = site.run("destroy", "--auto-approve", "--allow-delete", "FineTuneJob/tone", code=0)
    assert azure.objects("models") == models
    assert any(model.endswith("-tone") for model in models)
    assert "models-kept" not in ran.out


# -- emulator and demo


def test_the_embedded_emulator_keeps_its_state_and_stamps_what_it_says(alone: Site) -> None:
    alone.write("manifests/account.yaml", (SHIPPED / "account.yaml").read_text())
    alone.write("manifests/stack.yaml", STACK)
    alone.write("manifests/data/train.jsonl", examples(60))
    alone.write("manifests/data/valid.jsonl", examples(12, "check"))
    stamp = "EMULATOR: nothing here is Azure."
    for command in (["plan"], ["apply", "--auto-approve"], ["drift"]):
        lines = alone.run("--emulator", *command).expect(0).out.splitlines()
        assert (lines[0], lines[-1]) == (stamp, stamp), command
    assert "ftjob-" in alone.run("history", "--emulator", code=0).out, "the switch may stand after the command too"
    assert "ftjob-" in alone.run("history", env={"RECONCILER_EMULATOR": "1"}, code=0).out
    assert (alone.folder / ".reconciler/emulator").is_dir()
    ignored = alone.folder / ".reconciler/.gitignore"
    assert ignored.read_text() == "*\n", "what is uploaded is never committed"
    ignored.write_text("# mine\n")
    alone.run("--emulator", "plan", code=0)
    assert ignored.read_text() == "# mine\n"
    alone.run("--emulator", "plan", env={"RECONCILER_EMULATOR_STATE": "state/emulator"}, code=0)
    assert not (alone.folder / "state/.gitignore").exists(), "a folder of the user's own is left alone"


def test_the_emulator_serves_until_ctrl_c_and_one_state_has_one_owner(alone: Site) -> None:
    process = alone.start("emulator", "--port", "0", "--state", "state")
    assert process.stdout
    first = process.stdout.readline()
    url = re.search(r"http://127\.0\.0\.1:\d+", first)
    assert url
    assert first == f"EMULATOR at {url[0]}  (nothing here is Azure)\n"
    with urllib.request.urlopen(f"{url[0]}/_emulator/state", timeout=10) as answer:
        assert json.loads(answer.read())["accounts"] == {}
    busy = alone.run("emulator", "--port", "0", "--state", "state", code=1)
    assert busy.err.startswith("error: Another command uses the emulator's state [emulator-busy]\n")
    assert "Wait until it has ended, or choose another folder" in busy.err
    process.send_signal(signal.SIGINT)
    ran = ended(process).expect(0)
    assert ran.out.endswith("Stopped.\n")


def test_a_port_that_is_taken(alone: Site, azure: Azure) -> None:
    ran = alone.run("emulator", "--in-memory", "--port", str(azure.server.port), code=1)
    assert ran.err == (
        "error: The emulator cannot listen on this port [port-taken]\n"
        f"  Port {azure.server.port}: Address already in use.\n"
        "  Take a free one:\n"
        "    reconciler emulator --port 0\n"
    )


def test_the_demo_writes_over_nothing_but_an_earlier_demo(alone: Site) -> None:
    alone.write("mine/manifests/account.yaml", "mine")
    alone.write("mine/.reconciler/emulator/log.jsonl", "mine")
    before = {path: path.read_text() for path in alone.folder.rglob("*") if path.is_file()}
    for folder in ("mine", "mine/manifests/account.yaml"):
        ran = alone.run("demo", "--folder", folder, code=1)
        assert ran.out == ""
        assert ran.err.startswith("error: The demo works only in a folder of its own [demo-folder-taken]\n")
    assert {path: path.read_text() for path in alone.folder.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_the_demo_runs_again_in_its_own_folder(alone: Site) -> None:
    (alone.folder / "own").mkdir()
    alone.run("demo", "--folder", "own", code=0)
    alone.run("demo", "--folder", "own", code=0)


@pytest.mark.slow
def test_the_demo_tells_its_story_and_leaves_nothing(alone: Site) -> None:
    ran = alone.run("demo", code=0)
    steps = re.findall(r"^\$ reconciler (.+)$", ran.out, re.MULTILINE)
    assert steps[:3] == ["validate", "--emulator plan --detailed-exitcode", "--emulator apply --auto-approve --wait"]
    assert steps[-1] == "--emulator drift"
    assert "sku.capacity: 10 at Azure, declared 50, last applied 50" in ran.out
    assert ran.last.endswith("Nothing was sent to Azure, and nothing was spent.")
    assert list(alone.folder.iterdir()) == []


# -- a whole text


def test_the_first_plan_reads_like_this(site: Site) -> None:
    assert (
        plain(site.run("plan", code=0).out)
        == """\
Account/acme  http://127.0.0.1:PORT/acme  v1  no credential (loopback)
Cost: now $0.01 to train (1 job, 2,040 tokens), hosting $0 -> $1,224 in 30 days; list prices of 2026-08-11

  + Dataset/tone.training  upload manifests/data/train.jsonl (60 examples, 5.8 kB, sha256 bf471ea41bd5…)
  + Dataset/tone.validation  upload manifests/data/valid.jsonl (12 examples, 1.2 kB, sha256 7fd8cc93ce1c…)
  + FineTuneJob/tone  train gpt-4.1-mini-2025-04-14
      supervised, global training (data may leave the region), n_epochs 2
      costs $0.01: 2,040 tokens in 2 epochs, at $5 a million
  … Deployment/tone  waits for FineTuneJob/tone, then create
      hosting $1.70 an hour, $1,224 in 30 days

Plan: 1 to train, 2 to create, 0 to update, 0 to delete.
"""
    )
