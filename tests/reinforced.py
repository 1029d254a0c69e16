"""A job that is trained by reinforcement, for repositories of tests: its manifest and its data."""

from __future__ import annotations

from harness import Repo

_JOB = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec:
  model: o4-mini-2025-04-16
  training_file: data/rft.jsonl
  validation_file: data/rft-valid.jsonl
  training_type: global
  method:
    type: reinforcement
    grader: GRADER
"""
BY_TEXT = """\
{type: string_check, name: g, input: "{{ sample.output_text }}", reference: "{{ item.answer }}", operation: eq}"""
BY_MODEL = """\
{type: score_model, name: judge, model: o3-mini-2025-01-31,
      input: [{role: user, content: "Grade {{ sample.output_text }} against {{ item.answer }}"}]}"""


def declare(repo: Repo, grader: str) -> None:
    """Have a repository declare such a job and nothing else."""
    repo.write("manifests/stack.yaml", _JOB.replace("GRADER", grader))
    row = '{"messages": [{"role": "user", "content": "WORD N?"}], "answer": "N"}\n'
    for name, count in (("rft", 20), ("rft-valid", 12)):
        rows = (row.replace("WORD", name).replace("N", str(number)) for number in range(count))
        repo.write(f"manifests/data/{name}.jsonl", "".join(rows))
