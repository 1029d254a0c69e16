"""`apply --allow-commands` as it is typed, and broken off while a program runs."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from command import Site, ended, until
from harness import STACK, Azure

GATE = STACK + "  gates:\n    - {command: [eval/check.py]}\n"


@pytest.fixture
def gated(site: Site) -> Site:
    site.write("manifests/stack.yaml", GATE)
    write(site, "print('no, not yet'); raise SystemExit(2)")
    return site


def write(site: Site, body: str) -> None:
    site.write("manifests/eval/check.py", f"#!{sys.executable}\n{body}\n").chmod(0o755)


def names(azure: Azure) -> list[str]:
    return [item["name"] for item in azure.deployments()]


def test_a_program_runs_only_where_it_is_allowed_and_its_verdict_counts(gated: Site, azure: Azure) -> None:
    ran = gated.run("apply", "--auto-approve", "--wait", code=4, env={"RECONCILER_ALLOW_COMMANDS": "1"})
    assert "gate RUNS CODE: manifests/eval/check.py (for at most 10m, against tone-candidate" in ran.out
    assert "refused: A gate runs code, and that is not allowed in this run" in ran.out
    assert "gate RUNS CODE: " in gated.run("plan", "--format", "json", code=0).out
    markdown = gated.run("plan", "--format", "markdown", code=0).out
    before_the_table = markdown.partition("| Change |")[0]
    assert "A gate runs code of this repository" in before_the_table
    ran = gated.run("apply", "--auto-approve", "--allow-commands", code=4)
    assert "refused: A gate failed" in ran.out
    assert "manifests/eval/check.py ended with 2 after" in ran.out
    assert "| no, not yet" in ran.out
    assert ran.last.endswith("1 refused, 0 failed.")
    assert names(azure) == []
    write(gated, "raise SystemExit(0)")
    ran = gated.run("apply", "--auto-approve", "--allow-commands", code=0)
    assert "gate passed: manifests/eval/check.py in " in ran.out
    assert names(azure) == ["tone"]
    gated.run("plan", "--detailed-exitcode", code=0)


def test_ctrl_c_ends_the_program_and_takes_the_candidate_away(gated: Site, azure: Azure) -> None:
    gated.run("apply", "--auto-approve", "--wait", code=4)
    write(gated, "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)")
    process = gated.start("apply", "--auto-approve", "--allow-commands")
    pid = until(lambda: (gated.folder / "pid").exists() and (gated.folder / "pid").read_text(), "the program runs")
    assert names(azure) == ["tone-candidate"]
    process.send_signal(signal.SIGINT)
    ended(process).expect(130)
    assert names(azure) == []
    until(lambda: not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text(), "it has ended")
