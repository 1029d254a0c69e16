"""`validate`: manifests and data, offline; as text, as JSON and for GitHub."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import time

from command import COMMAND, Site
from harness import Azure, chat, examples

DATA = "manifests/data/train.jsonl"


def test_validate_as_json(site: Site) -> None:
    site.edit("manifests/stack.yaml", "n_epochs", "n_epoch")
    ran = site.run("validate", "--format", "json", code=1)
    document = json.loads(ran.out)
    assert document["valid"] is False
    (finding,) = document["findings"]
    assert finding["code"] == "unknown-key"
    assert finding["place"] == {"file": "manifests/stack.yaml", "line": 9, "column": 30}
    assert finding["remedy"] == "Did you mean `n_epochs`?"
    site.edit("manifests/stack.yaml", "n_epoch:", "n_epochs:")
    document = json.loads(site.run("validate", "--format", "json", code=0).out)
    assert (document["valid"], document["findings"]) == (True, [])
    data = document["datasets"][0]
    content = (site.folder / DATA).read_bytes()
    assert (data["address"], data["file"], data["examples"]) == ("Dataset/tone.training", DATA, 60)
    assert (data["bytes"], data["digest"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert data["roles"] == {"assistant": 60, "user": 60}
    assert data["tokens"].keys() == {"total", "min", "max", "mean", "median", "p5", "p95"}
    assert data["tokens"].keys() == data["assistant_tokens"].keys()
    assert (data["findings"], data["counts"], data["change"]) == ([], {}, None)


def test_validate_for_github(site: Site) -> None:
    site.edit("manifests/stack.yaml", "n_epochs", "n_epoch")
    assert site.run("validate", "--format", "github", code=1).out == (
        "::error file=manifests/stack.yaml,line=9,col=30,title=Unknown key (FineTuneJob/tone) [unknown-key]::"
        "`spec.method.hyperparameters.n_epoch` is not known.%0ADid you mean `n_epochs`?\n"
    )


def test_validate_asks_nobody(site: Site, azure: Azure) -> None:
    ran = site.run("validate", code=0)
    assert ran.out.splitlines()[-1] == "Valid: 4 resources in 1 account."
    assert azure.emulator.requests() == []


def test_validate_a_lone_data_file(alone: Site) -> None:
    alone.write("good.jsonl", examples(60))
    said = alone.run("validate", "good.jsonl", code=0).out.splitlines()
    assert said[0] == "good.jsonl"
    assert said[1].startswith("  chat, 60 examples, 5,810 bytes, sha256 ")
    assert said[2].startswith("  tokens            ")
    alone.write("bad.jsonl", examples(60) + chat("x")[:-1] + "\n")
    ran = alone.run("validate", "bad.jsonl", code=1)
    assert ran.err.startswith("error: bad.jsonl:61:")
    alone.write("few.jsonl", examples(20))
    assert alone.run("validate", "few.jsonl", code=0).err.startswith("warning: few.jsonl: 20 examples")
    alone.run("validate", "few.jsonl", "--warnings-as-errors", code=1)
    assert "nowhere.jsonl: The data file cannot be read" in alone.run("validate", "nowhere.jsonl", code=1).err


def test_findings_of_data_as_json_and_with_what_stands_there(alone: Site) -> None:
    robot = {"messages": [{"role": "robot", "content": "PRIVATE"}, {"role": "assistant", "content": "y"}]}
    alone.write("bad.jsonl", examples(60) + json.dumps(robot) + "\n")
    ran = alone.run("validate", "bad.jsonl", "--format", "json", code=1)
    [data] = json.loads(ran.out)["datasets"]
    assert data["findings"][0] == {
        "severity": "error",
        "code": "data-role-unknown",
        "file": "bad.jsonl",
        "line": 61,
        "column": None,
        "path": "messages[0].role",
        "message": "the role is none of system, user, assistant, tool, developer, function",
        "remedy": "Use one of these roles, in lower case.",
    }
    assert data["counts"] == {"data-role-unknown": 1}, "one fault, one finding"
    silent = alone.run("validate", "bad.jsonl", code=1)
    assert "robot" not in ran.out + silent.out + silent.err
    shown = alone.run("validate", "bad.jsonl", "--show-content", code=1)
    assert "  at messages[0].role\n    content: robot\n" in shown.err
    [data] = json.loads(alone.run("validate", "bad.jsonl", "--show-content", "--format", "json", code=1).out)[
        "datasets"
    ]
    assert data["findings"][0]["content"] == "robot"


def test_a_lone_file_may_be_said_to_be_of_a_format(alone: Site) -> None:
    alone.write("good.jsonl", examples(60))
    assert "input" in alone.run("validate", "good.jsonl", "--data-format", "preference", code=1).err
    alone.run("validate", "good.jsonl", "--data-format", "prefrence", code=64)
    alone.write("m.yaml", "")
    assert "lone data file" in alone.run("validate", "m.yaml", "--data-format", "chat", code=64).err


def test_what_changed_since_another_file_or_a_commit(site: Site) -> None:
    site.write("old.jsonl", examples(60))
    site.write("new.jsonl", examples(58) + chat("fresh") + "\n")
    out = site.run("validate", "new.jsonl", "--base", "old.jsonl", code=0).out
    assert re.search(r"changed +\+1 \u22122 of 60 examples, \+\d+ \u2212\d+ tokens \(compared with old.jsonl\)", out)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], cwd=site.folder, check=True)
    site.write(DATA, examples(58))
    data = json.loads(site.run("validate", "--base", "HEAD", "--format", "json", code=0).out)["datasets"][0]
    assert (data["change"]["against"], data["change"]["removed"]) == ("HEAD", 2)
    assert "no file and no commit" in site.run("validate", "--base", "HEAT", code=64).err
    plan = site.run("plan", code=0).out
    assert re.search(
        r"\+ Dataset/tone.training  upload .*\n +\u22122 of 60 examples, .* \(compared with HEAD\)\n", plan
    )
    assert re.search(r"\n +Dataset/tone.training: \u22122 of 60 examples", plan)
    changes = json.loads(site.run("plan", "--format", "json", code=0).out)["resource_changes"]
    told = {change["address"]: change["data_change"] for change in changes}
    assert told["Dataset/tone.training"]["removed"] == 2
    assert told["FineTuneJob/tone"] is None


def test_unchanged_data_is_not_read_again_unless_asked(site: Site) -> None:
    data = site.folder / DATA
    past = time.time() - 100
    os.utime(data, (past, past))
    site.run("validate", code=0)
    cached = site.run("validate", "--format", "json", code=0).out
    assert cached == site.run("validate", "--format", "json", "--no-cache", code=0).out


def test_data_may_come_through_a_pipe(alone: Site) -> None:
    said = subprocess.run(
        [*COMMAND, "validate", "-"], cwd=alone.folder, input=examples(60), capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("-\n  chat, 60 examples, ")


def test_the_count_at_the_end_is_of_all_findings(alone: Site) -> None:
    alone.write("bad.jsonl", examples(60) + "{}\n" * 30)
    ran = alone.run("validate", "bad.jsonl", code=1)
    assert ran.err.count("The record has no `messages` [data-messages-missing]") == 5
    assert "25 more of these after this line [data-messages-missing]" in ran.err
    assert ran.err.splitlines()[-1] == "30 errors, 29 warnings"


def test_unchanged_data_has_not_changed(site: Site) -> None:
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], cwd=site.folder, check=True)
    assert "changed" not in site.run("validate", "--base", "HEAD", code=0).out
    site.write(DATA, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "pointer"], cwd=site.folder, check=True)
    site.write(DATA, examples(60))
    out = site.run("validate", "--base", "HEAD", code=0).out
    assert "not compared with HEAD: the file is a Git LFS pointer" in out


def test_nothing_in_the_json_is_an_order_to_a_terminal(alone: Site) -> None:
    name = "a\x9b2J\u202e\x85::error::b.jsonl"
    alone.write(name, '{"messages": [{"role": "\x9b2J", "content": "x"}]}\n')
    ran = alone.run("validate", name, "--format", "json", "--show-content", code=1)
    assert json.loads(ran.out)["datasets"][0]["file"] == name
    assert ran.out.isascii()
