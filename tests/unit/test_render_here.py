"""Texts for a terminal: commands and files as they are copied and opened where the command was typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import examples

from reconciler.cli.main import run
from reconciler.render.here import Here

NAMES = {"team/m/a.yaml": "m/a.yaml", "data/my rows.jsonl": "../data/my rows.jsonl", "b.yaml": "../b.yaml"}


@pytest.mark.parametrize(
    ("text", "told", "reason"),
    [
        ("error: team/m/a.yaml:3:1: No", "error: m/a.yaml:3:1: No", "a place"),
        ("declared at team/m/a.yaml:3:1 already.", "declared at m/a.yaml:3:1 already.", "in a sentence"),
        ("in its spec (team/m/a.yaml:4:1):", "in its spec (m/a.yaml:4:1):", "in brackets"),
        ("See b.yaml, b.yaml; b.yaml.", "See ../b.yaml, ../b.yaml; ../b.yaml.", "before punctuation"),
        ("error: data/my rows.jsonl:7: No", "error: ../data/my rows.jsonl:7: No", "with a space in its name"),
        ("\x1b[1merror:\x1b[0m b.yaml\x1b[0m", "\x1b[1merror:\x1b[0m ../b.yaml\x1b[0m", "beside colours"),
        ('"b.yaml" names no file', '"b.yaml" names no file', "what is quoted is what somebody wrote"),
        ("--- a/b.yaml\n+++ b/b.yaml", "--- a/b.yaml\n+++ b/b.yaml", "a difference is called as git calls it"),
        ("ab.yaml b.yaml2 x/b.yaml", "ab.yaml b.yaml2 x/b.yaml", "parts of other names"),
    ],
)
def test_files_can_be_opened(text: str, told: str, reason: str) -> None:
    assert Here(names=NAMES).told(text) == told, reason
    assert Here().told(text) == text


HERE = Here(emulator=True, chdir="my repo", path="team/m")
WHERE = "--emulator --chdir 'my repo'"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("validate", f"{WHERE} validate team/m"),
        ("apply --target FineTuneJob/NAME", f"{WHERE} apply team/m --target FineTuneJob/NAME"),
        ("plan --format markdown > comment.md", f"{WHERE} plan team/m --format markdown > comment.md"),
        ("promote Deployment/tone", f"{WHERE} promote Deployment/tone team/m"),
        ("logs ftjob-1 --follow", f"{WHERE} logs ftjob-1 --follow --path team/m"),
        ("doctor --print-role plan", f"{WHERE} doctor --print-role plan --path team/m"),
        ("--emulator plan team/m", "--chdir 'my repo' --emulator plan team/m"),
        ("--emulator --chdir 'my repo' apply team/m --prune", "--emulator --chdir 'my repo' apply team/m --prune"),
        ("demo --folder x", "--emulator demo --folder x"),
    ],
)
def test_commands_can_be_copied(command: str, told: str) -> None:
    assert HERE.told(f"Do:\n    reconciler {command}\nnow.") == f"Do:\n    reconciler {told}\nnow."
    assert HERE.told(f"see `reconciler {command}`") == f"see `reconciler {command}`", (
        "that is a name, and no line to copy"
    )


def test_a_path_with_a_blank_is_given_once() -> None:
    here = Here(path="my plan")
    assert here.told("  reconciler plan --out p") == "  reconciler plan 'my plan' --out p"
    assert here.told("  reconciler --chdir my-plan plan 'my plan'") == "  reconciler --chdir my-plan plan 'my plan'"
    assert here.told("  reconciler --chdir my-plan plan") == "  reconciler --chdir my-plan plan 'my plan'"


@pytest.fixture
def below(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in a repository, where somebody stands; the manifests are beside it, and wrong."""
    (tmp_path / ".git").mkdir()
    folder = tmp_path / "team" / "src"
    folder.mkdir(parents=True)
    (tmp_path / "team" / "m").mkdir()
    (tmp_path / "team" / "m" / "a.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: FineTuneJob\nmetadata: {name: a}\n"
        "spec: {model: gpt-4.1-nano-2025-04-14, training_file: ../../rows.jsonl}\n---\n"
        "apiVersion: reconciler/v1\nkind: Account\nmetadata: {name: acme}\n"
        "spec: {endpoint: 'https://acme.openai.azure.com', owner: team-a}\n"
    )
    (tmp_path / "rows.jsonl").write_text('{"messages": 5}\n')
    monkeypatch.chdir(folder)
    monkeypatch.setenv("RECONCILER_NO_CACHE", "1")
    return folder


def test_from_a_folder_below_the_root_files_are_called_so_that_they_open(
    below: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "../m"]) == 1
    said = capsys.readouterr()
    assert "\nerror: ../../rows.jsonl:1: `messages` is not" in f"\n{said.err}"
    assert said.out.startswith("Dataset/a.training  ../../rows.jsonl\n")
    assert run(["validate", "../m", "--format", "json"]) == 1
    (dataset,) = json.loads(capsys.readouterr().out)["datasets"]
    assert dataset["file"] == "rows.jsonl", "who reads JSON may stand anywhere"
    for path in ("../m", "../../rows.jsonl"):
        assert run(["validate", path, "--format", "github"]) == 1
        assert "::error file=rows.jsonl,line=1," in capsys.readouterr().out, "GitHub knows the root alone"
    # Where --chdir leads to is not where the person stands.
    assert run(["--chdir", "..", "validate", "../rows.jsonl"]) == 1
    assert "error: ../../rows.jsonl:1: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("rows.jsonl", "jq -c '.[]' ../../rows.jsonl > ../../rows.fixed.jsonl"),
        ("my rows.jsonl", "jq -c '.[]' '../../my rows.jsonl' > '../../my rows.fixed.jsonl'"),
    ],
)
def test_so_do_commands_that_mend_a_file(
    below: Path, capsys: pytest.CaptureFixture[str], name: str, command: str
) -> None:
    (below.parent / "m" / "a.yaml").write_text(
        (below.parent / "m" / "a.yaml").read_text().replace("../../rows.jsonl", f"'../../{name}'")
    )
    (below.parent.parent / name).write_text('[{"messages": []}]\n')
    assert run(["validate", "../m"]) == 1
    assert f"\n    {command}\n" in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "said"), [((), "plan.json"), (("--chdir", ".."), "../plan.json")])
def test_so_are_files_that_were_written(
    below: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], said: str
) -> None:
    (below.parent.parent / "rows.jsonl").write_text(examples(20))
    (below / "m").symlink_to("../m")
    assert run([*flags, "--emulator", "plan", "m", "--out", "plan.json"]) == 0
    assert f"Saved: {said}\n" in capsys.readouterr().err
    assert (below / said).exists()
