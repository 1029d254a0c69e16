"""With `--log-format json` stderr is one event a line and nothing else, whichever command is called and however it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reconciler.cli.exits import MEANINGS
from reconciler.cli.main import run

SERVE = {"demo", "emulator"}
"""Commands that would run for long: these are asked what they do."""


@pytest.mark.parametrize("command", sorted(MEANINGS))
@pytest.mark.parametrize("more", [(), ("--nonsense",), ("FineTuneJob/gone",)])
def test_every_line_is_an_event(
    command: str,
    more: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if command in SERVE and more != ("--nonsense",):
        more = ("--help",)
    monkeypatch.chdir(tmp_path)
    code = run([command, *more, "--log-format", "json"])
    heard = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (heard[0]["event"], heard[0]["command"]) == ("begin", command)
    assert (heard[-1]["event"], heard[-1]["exit_code"]) == ("end", code)
    said = [one for one in heard if one["event"] in {"error", "note"}]
    assert said or code == 0, "why it failed is an event too"
    assert code != 70, heard
    for one in said:
        if one.get("code") == "usage":
            assert (one["detail"], one["remedy"].split()[0], one["remedy"].split()[-1]) == ("", "reconciler", "--help")
