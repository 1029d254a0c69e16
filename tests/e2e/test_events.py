"""`--log-format json`: a machine follows what a person reads; and the emulator is never Azure's stand-in by accident."""

from __future__ import annotations

import json
import re
from typing import Any

from command import Site
from harness import Azure

FIRST = ["time", "event", "level", "address", "code"]


def events(err: str) -> list[dict[str, Any]]:
    """Read stderr: every line is an event, and each begins with the same keys."""
    found = [json.loads(line) for line in err.splitlines()]
    for one in found:
        assert list(one)[: len(FIRST)] == FIRST
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"])
    assert [found[0]["event"], found[-1]["event"]] == ["begin", "end"]
    return found


def test_an_apply_can_be_followed(site: Site, azure: Azure) -> None:
    plain = site.run("plan", code=0)
    planned = site.run("plan", "--log-format", "json", code=0)
    assert planned.out == plain.out, "stdout is what it always is"
    heard = events(planned.err)
    assert [one["address"] for one in heard if one["event"] == "change"][-2:] == ["FineTuneJob/tone", "Deployment/tone"]
    (whole,) = [one for one in heard if one["event"] == "planned"]
    assert (whole["train"], whole["text"]) == (1, plain.last)
    heard = events(site.run("apply", "--auto-approve", "--wait", "--log-format=json", code=0).err)
    ended = {one["address"]: one["status"] for one in heard if one["event"] == "outcome"}
    assert set(ended.values()) <= {"done", "unchanged"}, ended
    assert heard[-1]["exit_code"] == 0
    assert [one["text"] for one in heard if one["event"] == "applied"]
    azure.configure(deny=["files/read"])
    heard = events(site.run("plan", "--log-format", "json", code=1).err)
    assert next(one["code"] for one in heard if one["event"] == "error").startswith("azure-")


def test_errors_have_the_code_that_the_text_shows(site: Site) -> None:
    site.edit("manifests/stack.yaml", "n_epochs", "n_epoch")
    text = site.run("plan", code=1).err
    heard = events(site.run("plan", code=1, env={"RECONCILER_LOG_FORMAT": "json"}).err)
    (error,) = [one for one in heard if one["event"] == "error"]
    assert (error["code"], error["address"]) == ("unknown-key", "FineTuneJob/tone")
    assert "Unknown key (FineTuneJob/tone) [unknown-key]" in text
    assert error["place"]["file"] == "manifests/stack.yaml"
    assert heard[-1]["exit_code"] == 1
    (usage,) = [one for one in events(site.run("plann", "--log-format", "json", code=64).err) if one["code"]]
    assert usage["code"] == "usage"


def test_in_ci_only_the_typed_flag_makes_an_emulator(site: Site) -> None:
    ci = {"CI": "true", "RECONCILER_EMULATOR": "1"}
    refused = site.run("plan", env=ci, code=4)
    assert "[emulator-in-ci]" in refused.err
    assert "\n    reconciler --emulator plan\n" in refused.err
    assert refused.out == ""
    for form in ("text", "markdown", "mermaid", "json"):
        out = site.run("plan", "--emulator", "--format", form, env=ci, code=0).out
        assert "EMULATOR: nothing here is Azure." in out or '"emulator": true' in out
    assert events(site.run("drift", "--emulator", "--log-format", "json", code=2).err)[0]["emulator"] is True
