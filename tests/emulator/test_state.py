"""The state on disk: what a restart, a crash and a second process find."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
import urllib.request

import pytest

from reconciler.emulator import Config, Emulator, StateLockedError

from .conftest import Clock, Direct


def opened(path, clock, **kwargs):
    return Emulator(path, clock=clock, seed=7, **kwargs)


def test_a_restart_changes_nothing(tmp_path):
    clock = Clock()
    first = opened(tmp_path / "s", clock)
    direct = Direct(first)
    file = direct.ready_file()
    jobs = [direct.job(training_file=file, suffix=f"s{n}").json()["id"] for n in range(5)]
    first.advance(1.2)
    direct("POST", f"/acme/openai/v1/fine_tuning/jobs/{jobs[1]}/cancel")
    first.advance(3)
    direct.deploy("dd", direct.get_job(jobs[0])["fine_tuned_model"], tags={"a": "b"})
    targets = [
        "/acme/openai/v1/files",
        "/acme/openai/v1/fine_tuning/jobs",
        "/acme/openai/v1/models",
        f"/acme/openai/v1/fine_tuning/jobs/{jobs[3]}/events",
        f"/acme/openai/v1/files/{file}/content",
        direct.path(""),
    ]
    before = [direct("GET", target).body for target in targets]
    first.close()
    again = opened(tmp_path / "s", clock)
    direct = Direct(again)
    assert [direct("GET", target).body for target in targets] == before
    assert direct.file().json()["id"] != file, "the same seed does not give out the same ids again"
    again.close()


def test_a_cut_last_line_is_as_if_it_had_never_been(tmp_path):
    clock = Clock()
    first = opened(tmp_path, clock)
    ids = [Direct(first).file().json()["id"] for _ in range(2)]
    first.close()
    log = tmp_path / "log.jsonl"
    log.write_bytes(log.read_bytes()[:-10])
    again = opened(tmp_path, clock)
    direct = Direct(again)
    listed = [f["id"] for f in direct("GET", "/acme/openai/v1/files").json()["data"]]
    assert listed == ids[:1]
    third = direct.file().json()["id"]
    again.close()
    last = opened(tmp_path, clock)
    assert {f["id"] for f in Direct(last)("GET", "/acme/openai/v1/files").json()["data"]} == {ids[0], third}
    last.close()


def test_one_process_at_a_time(tmp_path):
    first = opened(tmp_path, Clock())
    with pytest.raises(StateLockedError, match="in use"):
        opened(tmp_path, Clock())
    first.close()
    opened(tmp_path, Clock()).close()
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_a_long_log_is_compacted(tmp_path, monkeypatch):
    from reconciler.emulator import store

    first = opened(tmp_path, Clock(), config=Config(deployment_seconds=0))
    direct = Direct(first)
    direct.deploy("base", "gpt-4.1")
    for _ in range(50):
        direct.chat("base")
    first.close()
    size = (tmp_path / "log.jsonl").stat().st_size
    monkeypatch.setattr(store, "_COMPACT_AT", 10)
    again = opened(tmp_path, Clock())
    assert (tmp_path / "log.jsonl").stat().st_size < size / 5
    assert Direct(again).chat("base").status == 200
    again.close()
    opened(tmp_path, Clock()).close()


PROGRAM = """
import sys, time
from pathlib import Path
from reconciler.emulator import Config, Emulator, Server
config = Config(deployment_seconds=0, limits_off=True)
print(Server(Emulator(Path(sys.argv[1]), config=config)).start().url, flush=True)
time.sleep(60)
"""


def test_what_was_answered_survives_kill_9_in_the_middle_of_work(tmp_path):
    root = "/subscriptions/s/resourceGroups/g/providers/Microsoft.CognitiveServices/accounts/acme/deployments"
    body = json.dumps({"properties": {"model": {"format": "OpenAI", "name": "gpt-4.1"}}}).encode()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    killer = threading.Timer(0.4, process.kill)
    killer.start()
    answered = []
    with contextlib.suppress(OSError, http.client.HTTPException):
        while True:
            name = f"d{len(answered)}"
            request = urllib.request.Request(
                f"{url}{root}/{name}?api-version=2025-09-01",
                method="PUT",
                data=body,
                headers={"authorization": "Bearer t"},
            )
            urllib.request.urlopen(request, timeout=5).close()
            answered.append(name)
    killer.join()
    process.wait()
    process.stdout.close()
    again = Emulator(tmp_path, config=Config(page_size=100_000))
    names = [d["name"] for d in Direct(again)("GET", f"{root}?api-version=2025-09-01").json()["value"]]
    assert answered
    assert names[: len(answered)] == answered
    again.close()
