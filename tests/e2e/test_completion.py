"""Completion in a real bash: what the script that the program prints makes of a line, at the tab key."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

MANIFESTS = """\
apiVersion: reconciler/v1
kind: Account
metadata: {name: acme}
spec: {endpoint: "http://127.0.0.1:1/acme", owner: acme-ml}
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec: {model: gpt-4.1-mini-2025-04-14, training_file: gone.jsonl}
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: [no, name]}
---
kind: Deployment
metadata: {name: tone
"""
LINES = {
    "reconciler pl": "plan",
    "reconciler plan --format m": "markdown mermaid",
    "reconciler plan --target ": "FineTuneJob/tone Dataset/tone.training",
    "reconciler --emulator logs F": "FineTuneJob/tone",
    "reconciler plan other --target ": "FineTuneJob/there",
    "reconciler --chdir nowhere plan --target ": "",
}
"""A line up to the tab key, and what it may be completed to."""
SCRIPT = """\
eval "$(_RECONCILER_COMPLETE=source_bash reconciler)"
while IFS= read -r line; do
  read -r -a COMP_WORDS <<< "$line"
  [[ $line == *" " ]] && COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  COMPREPLY=()
  _reconciler_completion reconciler
  echo "${COMPREPLY[*]}"
done
"""


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash")
def test_bash_completes_commands_options_values_and_addresses(tmp_path: Path) -> None:
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests" / "all.yaml").write_text(MANIFESTS)
    (tmp_path / "other").mkdir()
    there = (
        MANIFESTS.split("---")[1]
        .replace("tone", "there")
        .replace("training_file: gone.jsonl", "training_file: {file_id: f}")
    )
    (tmp_path / "other" / "one.yaml").write_text(there)
    environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "--norc", "-c", SCRIPT],
        input="\n".join(LINES) + "\n",
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert dict(zip(LINES, done.stdout.splitlines(), strict=True)) == LINES
