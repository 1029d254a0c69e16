"""What a run of a workflow says of its event, and what is told to it: outputs and a page."""

from __future__ import annotations

import json

import pytest

from reconciler.core.fault import ReconcilerError
from reconciler.github.event import Event


def test_an_event_names_its_pull_request_and_takes_outputs(tmp_path) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7, "head": {"sha": "abc"}}}))
    output, page = tmp_path / "out", tmp_path / "page"
    seen = Event(
        {
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(page),
            "GITHUB_SERVER_URL": "https://github.test",
            "GITHUB_REPOSITORY": "acme/models",
            "GITHUB_RUN_ID": "5",
        }
    )
    assert (seen.number(), seen.head, seen.run_url) == (7, "abc", "https://github.test/acme/models/actions/runs/5")
    seen.output({"changes": "true\nx=1"})
    name, value, other, end = output.read_text().splitlines()
    assert (name.partition("<<")[0], value, other) == ("changes", "true", "x=1")
    assert name.endswith(end), "a value cannot end itself: the end is random"
    seen.summarise("é" * 2_000_000)
    assert page.stat().st_size < 1024 * 1024
    assert not Event({}).summarise("x")


def test_an_event_without_pull_request_and_a_broken_one(tmp_path) -> None:
    with pytest.raises(ReconcilerError):
        Event({}).number()
    event = tmp_path / "event.json"
    for text in ("{", "[" * 100_000):
        event.write_text(text)
        with pytest.raises(ReconcilerError):
            Event({"GITHUB_EVENT_PATH": str(event)})
    for text in ("[]", '{"pull_request": "x"}', '{"pull_request": {"head": ["x"], "number": "7"}}'):
        event.write_text(text)
        read = Event({"GITHUB_EVENT_PATH": str(event), "GITHUB_SHA": "c7"})
        assert read.head == "c7"
        with pytest.raises(ReconcilerError):
            read.number()
