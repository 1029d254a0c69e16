"""`plan --format markdown` and `mermaid`, `validate --format markdown`: what a workflow posts on a pull request."""

from __future__ import annotations

import re

from command import Site, plain
from harness import Azure, examples

MARKER = "<!-- reconciler:plan:acme -->"


def test_a_comment_of_a_first_plan(site: Site) -> None:
    ran = site.run("plan", "--prune", "--format", "markdown", code=0)
    assert ran.err == ""
    said = plain(ran.out)
    assert said.startswith(f"{MARKER}\n\n### Plan for `acme`: 1 to train, 2 to upload, nothing to delete\n")
    assert (
        """
1 waits for the others.

| Change | What and why |
|---|---|
| `+` train | `FineTuneJob/tone`<br>`gpt-4.1-mini-2025-04-14`, nothing earlier to compare with |
| `…` wait | `Deployment/tone`<br>for `FineTuneJob/tone`, then create |
| `+` upload | `Dataset/tone.training`<br>60 examples, 5.8 kB |
| `+` upload | `Dataset/tone.validation`<br>12 examples, 1.2 kB |
"""
        in said
    )
    assert "\n```sh\nreconciler apply --prune\n```\n" in said
    assert said.endswith(
        "`Account/acme  http://127.0.0.1:PORT/acme  v1  no credential (loopback)`<br>reconciler `0.1.0`\n"
    )


def test_a_comment_says_why_it_trains_and_what_to_run(site: Site) -> None:
    site.run("apply", "--auto-approve", "--wait", code=0)
    site.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    first = site.run("plan", "--format", "markdown", "--out", "plan.json", "--detailed-exitcode", code=2)
    assert re.search(
        r"\| `\+` train \| `FineTuneJob/tone`<br>compared with `ftjob-\S+`: `n_epochs` 2 → 3 \|", first.out
    )
    assert "\n```sh\nreconciler apply --plan plan.json\n```\n" in first.out
    again = site.run("plan", "--format", "markdown", "--out", "plan.json", "--detailed-exitcode", code=2)
    assert again.out == first.out, "the same plan is the same comment"
    graph = site.run("plan", "--format", "mermaid", code=0).out
    assert graph.startswith("flowchart TD\n  n0[")
    assert graph.rstrip("\n").split("classDef")[0] in first.out


def test_no_changes_keep_the_marker_so_that_an_old_comment_is_replaced(site: Site) -> None:
    site.run("apply", "--auto-approve", "--wait", code=0)
    said = site.run("plan", "--format", "markdown", code=0).out.splitlines()
    assert said[:3] == [MARKER, "", "### No changes. Azure matches the manifests."]
    assert "```sh" not in said


def test_the_command_to_copy_repeats_what_decides(site: Site) -> None:
    arguments = ("--chdir", str(site.folder), "plan", "--target", "FineTuneJob/*", "--format=markdown", "manifests")
    said = site.run("--emulator", *arguments, code=0).out
    assert "EMULATOR: nothing here is Azure." in said
    assert f"\n```sh\nreconciler --emulator --chdir {site.folder} apply --target 'FineTuneJob/*'\n```\n" in said


def test_what_the_check_of_data_warns_of_is_in_the_comment(site: Site) -> None:
    site.write("manifests/data/train.jsonl", examples(20))
    ran = site.run("plan", "--format", "markdown", code=0)
    assert "#### 1 finding in manifests or data" in ran.out
    assert "**Few training examples**" in ran.out
    assert ran.err == ""


def test_a_check_of_data_as_markdown(site: Site, azure: Azure) -> None:
    ran = site.run("validate", "--format", "markdown", code=0)
    assert ran.out.startswith("<!-- reconciler:validate -->\n\n### Valid: 2 data files read, nothing found\n")
    assert "| `Dataset/tone.training`<br>`manifests/data/train.jsonl` | 60 examples, " in ran.out
    site.write("manifests/data/train.jsonl", examples(5))
    ran = site.run("validate", "--format", "markdown", code=1)
    assert "### Not valid: 2 data files read, 1 error" in ran.out
    assert azure.emulator.requests() == []
