"""Several processes find what one finds; what a worker cannot do is done here, and none of them outlives the scan."""

from __future__ import annotations

import importlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.datasets import crew, worker
from reconciler.datasets.scan import Scan, scan, scan_file

stream = importlib.import_module("reconciler.datasets.stream")
CHUNK = 1 << 15


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "LARGE", 0)
    monkeypatch.setattr(crew, "processors", lambda: 2)
    monkeypatch.setattr(stream.blocks, "__kwdefaults__", {"chunk": CHUNK, "limit": stream.LINE_LIMIT})


@pytest.fixture
def members(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Yield the processes that were started."""
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    yield started
    assert all(process.poll() is not None for process in started)


def messy_file(path: Path) -> bytes:
    """Write half a megabyte in which every part has something to be found."""
    choose = random.Random(3)
    lines = []
    for number in range(3000):
        record: dict[str, Any] = {
            "messages": [
                {"role": "system", "content": f"System {number // 1000}."},
                {"role": "user", "content": " ".join(choose.choices(["why", "héllo", "日本", '"x"', "42"], k=20))},
                {"role": "assistant", "content": "yes " * choose.randint(1, 30)},
            ]
        }
        if number % 211 == 0:
            record["messages"][1]["name"] = 7
        if number % 397 == 0:
            del record["messages"][2]
        lines.append(json.dumps(record, ensure_ascii=number % 2 == 0).encode())
    lines[700:700] = [b"{", b"\xff\xfe", lines[3], b""]
    data = b"\n".join(lines)
    path.write_bytes(data)
    return data


def alone(data: bytes, **options: Any) -> Scan:
    return scan(io.BytesIO(data), file="f", **options)


def test_several_processes_find_what_one_finds(tmp_path: Path, members: list[object]) -> None:
    data = messy_file(tmp_path / "f")
    found = scan_file(tmp_path / "f", file="f")
    assert len(members) == 1
    assert found == alone(data)
    assert found.counts.keys() == {
        "assistant-missing", "json-invalid", "name-invalid", "row-duplicate", "system-differs", "utf8-invalid"
    }  # fmt: skip


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r\r\n\r\n", b"\n \t\n"])
def test_line_ends_that_parts_fall_between(tmp_path: Path, ending: bytes, members: list[object]) -> None:
    data = b"\xef\xbb\xbf" + messy_file(tmp_path / "f").replace(b"\n", ending)
    (tmp_path / "f").write_bytes(data)
    found = scan_file(tmp_path / "f", file="f")
    assert found == alone(data)
    assert members
    [broken] = [finding for finding in found.findings if finding.code == "utf8-invalid"]
    assert f"byte {data.index(bytes((0xFF, 0xFE))) + 1:d} of the file" in broken.message


def test_without_tokens(tmp_path: Path, members: list[object]) -> None:
    data = messy_file(tmp_path / "f")
    assert scan_file(tmp_path / "f", file="f", tokens=False) == alone(data, tokens=False)
    assert members


def test_a_format_that_has_no_quick_check(
    tmp_path: Path, members: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "TOGETHER", 1)
    lines = [
        json.dumps({"messages": [{"role": "user", "content": f"{number} + 1"}], "answer": number + 1}).encode()
        for number in range(2000)
    ]
    (tmp_path / "f").write_bytes(b"\n".join(lines))
    found = scan_file(tmp_path / "f", file="f")
    assert members
    assert (found.format, found.counts, found.statistics.keys) == ("reinforcement", {}, {"answer": 2000})


def test_workers_that_die_are_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = messy_file(tmp_path / "f")
    original = crew.receive
    answers = iter(range(1000))

    def receive(pipe: Any) -> Any:
        if next(answers) == 5:
            for member in running:
                member.kill()
        return original(pipe)

    running: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def start(*args: Any, **kwargs: Any) -> subprocess.Popen[bytes]:
        running.append(real(*args, **kwargs))
        return running[-1]

    monkeypatch.setattr(crew, "receive", receive)
    monkeypatch.setattr(crew.subprocess, "Popen", start)
    assert scan_file(tmp_path / "f", file="f") == alone(data)
    assert len(running) == 1


def test_what_a_slow_worker_has_not_begun_is_checked_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: list[subprocess.Popen[bytes]]
) -> None:
    """The worker stands still until only what it may have begun is missing."""
    data = messy_file(tmp_path / "data.jsonl")
    expected = alone(data)
    lots = sum(1 for _ in stream.blocks(io.BytesIO(data)))
    here: list[int] = []
    check, start = crew.Crew._check_here, crew._Member.start
    late = threading.Timer(10, lambda: os.kill(members[0].pid, signal.SIGCONT))

    def started(member: crew._Member) -> None:
        start(member)
        os.kill(members[0].pid, signal.SIGSTOP)
        late.start()

    def checked(these: crew.Crew, lot: crew.Lot) -> Any:
        here.append(len(lot))
        if len(here) == lots - 1:
            os.kill(members[0].pid, signal.SIGCONT)
        return check(these, lot)

    monkeypatch.setattr(crew, "TOGETHER", 1)
    monkeypatch.setattr(crew._Member, "start", started)
    monkeypatch.setattr(crew.Crew, "_check_here", checked)
    assert scan_file(tmp_path / "data.jsonl", file="f") == expected
    assert late.is_alive()
    late.cancel()
    assert lots > 10
    assert len(here) == lots - 1


def test_workers_that_cannot_be_started_are_not_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = messy_file(tmp_path / "f")
    for program in (str(tmp_path / "none"), "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        assert scan_file(tmp_path / "f", file="f") == alone(data)


def test_what_was_read_counts_and_not_what_stands_there_now(tmp_path: Path) -> None:
    data = messy_file(tmp_path / "f")
    (tmp_path / "g").write_bytes(data)
    job = worker.Job(str(tmp_path / "g"), "chat", tokens=True)
    (tmp_path / "g").write_bytes(data.replace(b"assistant", b"assistent"))
    with crew.Crew(job) as group:
        results = [result for block in stream.blocks(io.BytesIO(data)) for result in group.check(block)]
        results += list(group.rest())
    assert sum(result.examples for result in results) == alone(data).examples
    assert not any(result.out.counts["role-unknown"] for result in results)


def test_a_scan_that_is_broken_off_leaves_no_process(tmp_path: Path, members: list[subprocess.Popen[bytes]]) -> None:
    data = messy_file(tmp_path / "f")
    job = worker.Job(str(tmp_path / "f"), "chat", tokens=True)

    def broken_off() -> None:
        with crew.Crew(job) as group:
            for number, block in enumerate(stream.blocks(io.BytesIO(data))):
                list(group.check(block))
                if number == crew.TOGETHER:
                    while not members:
                        time.sleep(0.01)
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()


def test_a_worker_reads_nothing_from_the_working_folder(tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("open('run', 'w').close()\n")
    (tmp_path / "reconciler").mkdir()
    (tmp_path / "reconciler" / "__init__.py").write_text("open('run', 'w').close()\n")
    data = messy_file(tmp_path / "f")
    code = (
        "import sys; from pathlib import Path; from reconciler.datasets import crew, scan_file; crew.LARGE = 0;"
        "crew.processors = lambda: 2; print(scan_file(Path('f'), file='f').examples)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(alone(data).examples)
    assert not (tmp_path / "run").exists()


def test_small_files_and_single_processors_need_no_crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"{}\n" * 10)
    assert crew.is_worth_it(tmp_path / "f")
    monkeypatch.setattr(crew, "LARGE", 31)
    assert not crew.is_worth_it(tmp_path / "f")
    monkeypatch.setattr(crew, "LARGE", 30)
    monkeypatch.setattr(crew, "processors", lambda: 1)
    assert not crew.is_worth_it(tmp_path / "f")
