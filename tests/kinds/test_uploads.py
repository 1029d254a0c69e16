"""Large files in parts: the same promises as for small ones, at every call of the conversation."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import Azure, FakeClock, Repo, examples, of

from reconciler.azure import uploads
from reconciler.azure.session import Session
from reconciler.core.change import Delete, Stuck
from reconciler.core.runtime import Meter
from reconciler.kinds import REGISTRY
from reconciler.kinds.dataset import transfer
from reconciler.render.outcome import outcome_line

PART = 4096
JOB = """\
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {name: tone}
spec:
  model: gpt-4.1-mini-2025-04-14
  training_file: data/train.jsonl
  training_type: global
"""
DATASET = """\
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: mails}
spec: {source: {path: data/train.jsonl}, encoding: utf-8}
"""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGE", 10_000)
    monkeypatch.setattr(uploads, "PART", PART)


@pytest.fixture
def repo(tmp_path: Any, azure: Azure, clock: FakeClock) -> Iterator[Repo]:
    folder = Repo(tmp_path, azure, clock)
    folder.write("manifests/stack.yaml", JOB)
    folder.write("manifests/data/train.jsonl", examples(200))
    yield folder
    folder.close()


def size_of(repo: Repo) -> int:
    return (repo.folder / "manifests/data/train.jsonl").stat().st_size + 3


def states(azure: Azure) -> list[str]:
    uploaded = azure.emulator.world.account("acme").uploads.values()
    return ["file" if item.file else "cancelled" if item.cancelled else "open" for item in uploaded]


def one_of_each(azure: Azure) -> None:
    assert len(azure.files()) == len(azure.jobs()) == 1
    assert azure.jobs()[0]["training_file"] == azure.files()[0]["id"]


def calls(azure: Azure, what: str) -> int:
    return len([item for item in azure.emulator.requests() if item["method"] == "POST" and what in item["path"]])


def test_a_large_file_is_sent_in_parts(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    (file,) = azure.files()
    assert file["bytes"] == size_of(repo)
    assert file["filename"].startswith("tone.training.")
    content = azure.emulator.world.store.content(file["id"])
    assert content == b"\xef\xbb\xbf" + (repo.folder / "manifests/data/train.jsonl").read_bytes()
    assert calls(azure, "/parts") == -(-size_of(repo) // PART)
    assert calls(azure, "/uploads") - calls(azure, "/uploads/") == 1
    assert calls(azure, "/complete") == 1
    assert repo.plan().converged


def test_the_threshold_counts_what_is_sent(repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LARGE", size_of(repo))
    repo.until_done()
    assert states(azure) == []
    repo.write("manifests/data/train.jsonl", examples(200) + examples(1, "x"))
    repo.until_done()
    assert states(azure) == ["file"]


def test_a_length_that_is_a_multiple_of_the_parts_has_no_empty_part(
    repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PART", 10_000)
    text = examples(150)
    text = text[: text.rindex("\n", 0, 19_000) + 1]
    text = text[: text.rindex("?")] + "?".ljust(20_000 - 3 - len(text) + 1, "x") + text[text.rindex("?") + 1 :]
    repo.write("manifests/data/train.jsonl", text)
    assert size_of(repo) == 20_000
    repo.until_done()
    assert calls(azure, "/parts") == 2


def test_through_a_project_it_goes_to_the_resource_around_it(repo: Repo, azure: Azure) -> None:
    repo.project = "/api/projects/p"
    repo.until_done()
    one_of_each(azure)
    paths = {item["path"] for item in azure.emulator.requests() if "/uploads" in item["path"]}
    assert all(path.startswith("/acme/openai/uploads") for path in paths)


def test_what_the_project_does_not_see_is_taken_back(repo: Repo, azure: Azure) -> None:
    repo.project = "/api/projects/p"
    path = "/projects/p/openai/v1/files/file-"
    azure.fault(method="GET", path_regex=path, status=404, code="notFound", count=None)
    assert "upload-out-of-sight" in repo.apply().faults()
    assert azure.files() == azure.jobs() == []
    deleted = next(item["path"] for item in azure.emulator.requests() if item["method"] == "DELETE")
    assert deleted.startswith("/acme/openai/v1/files/")


def test_without_uploads_it_is_sent_in_one_request_and_said(repo: Repo, azure: Azure) -> None:
    azure.configure(dated_has_uploads=False)
    result = repo.apply()
    one_of_each(azure)
    lines = [outcome_line(outcome, kinds=REGISTRY) or "" for outcome in result.outcomes]
    assert any("sent in one request: the endpoint takes no uploads in parts" in line for line in lines)


def test_too_large_for_that_it_is_not_sent_at_all(repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    azure.configure(dated_has_uploads=False)
    monkeypatch.setattr(transfer, "WHOLE_LIMIT", 12_000)
    assert "upload-too-large" in repo.apply().faults()
    assert azure.writes() == ["POST /acme/openai/uploads"]


# Answers that are lost

ROUTES = [
    ("create", r"/uploads$"),
    ("the first part", r"/parts$"),
    ("the last part", r"/parts$"),
    ("complete", r"/complete$"),
]
LOSSES: list[tuple[str, dict[str, Any]]] = [
    ("the request never arrives", {"drop": True}),
    ("the answer is lost", {"drop": True, "after_commit": True}),
    ("answered 500 before", {"status": 500}),
    ("answered 500 after", {"status": 500, "after_commit": True}),
    ("the answer is cut short", {"truncate": True}),
    ("the answer is a page", {"status": 200, "body": "<html>", "after_commit": True}),
    ("throttled", {"status": 429, "retry_after": 7}),
]


@pytest.mark.parametrize(("loss", "fault"), LOSSES, ids=[row[0] for row in LOSSES])
@pytest.mark.parametrize(("route", "path"), ROUTES, ids=[row[0] for row in ROUTES])
def test_a_lost_answer_makes_no_second_file(
    repo: Repo, azure: Azure, route: str, path: str, loss: str, fault: dict[str, Any]
) -> None:
    skip = -(-size_of(repo) // PART) - 1 if route == "the last part" else 0
    azure.fault(method="POST", path_regex=path, skip=skip, **fault)
    repo.until_done()
    one_of_each(azure)
    assert azure.emulator.world.store.content(azure.files()[0]["id"]).endswith(b"}\n"), (route, loss)
    assert repo.plan().converged


@pytest.mark.parametrize(("loss", "fault"), LOSSES, ids=[row[0] for row in LOSSES])
@pytest.mark.parametrize(("route", "path"), ROUTES[:2] + ROUTES[3:], ids=["create", "part", "complete"])
def test_answers_that_are_always_lost_end_the_run_and_the_next_one_finishes(
    repo: Repo, azure: Azure, clock: FakeClock, route: str, path: str, loss: str, fault: dict[str, Any]
) -> None:
    azure.fault(method="POST", path_regex=path, **fault, count=None)
    repo.apply()
    assert len(azure.files()) <= 1, (route, loss)
    assert len(azure.jobs()) <= len(azure.files())
    azure.emulator.faults.clear()
    clock.sleep(60)
    repo.until_done()
    one_of_each(azure)


@pytest.mark.parametrize("delay", [5.0, 60.0])
def test_a_late_list_after_a_lost_complete_costs_no_second_job(
    repo: Repo, azure: Azure, clock: FakeClock, delay: float
) -> None:
    azure.configure(list_delay_s=delay)
    azure.fault(method="POST", path_regex=r"/complete$", drop=True, after_commit=True)
    repo.apply()
    azure.configure(list_delay_s=0.0)
    clock.sleep(90)
    repo.until_done(prune=True)
    assert len(azure.jobs()) == 1
    assert azure.jobs()[0]["training_file"] in [file["id"] for file in azure.files()]


def test_a_service_that_counts_lost_parts_refuses_and_nothing_is_left(repo: Repo, azure: Azure) -> None:
    azure.configure(uploads_count_lost_parts=True)
    azure.fault(method="POST", path_regex=r"/parts$", drop=True, after_commit=True)
    assert repo.apply().code == 1
    assert azure.files() == azure.jobs() == []
    assert states(azure) == ["cancelled"]
    repo.until_done()
    one_of_each(azure)


def test_a_part_that_is_refused_ends_the_upload(repo: Repo, azure: Azure) -> None:
    azure.fault(method="POST", path_regex=r"/parts$", status=403, skip=1, count=None)
    result = repo.apply()
    assert result.code == 1
    assert states(azure) == ["cancelled"]
    assert azure.files() == azure.jobs() == []


def test_an_upload_that_expires_on_the_way_is_begun_anew(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    azure.fault(method="POST", path_regex=r"/complete$", status=429, retry_after=300.0, count=3)
    azure.fault(method="POST", path_regex=r"/parts$", status=429, retry_after=300.0, count=1000)
    assert repo.apply().code == 1
    azure.emulator.faults.clear()
    clock.sleep(3 * 3600)
    repo.until_done()
    one_of_each(azure)


def test_a_name_that_azure_does_not_keep_is_taken_back(repo: Repo, azure: Azure) -> None:
    azure.configure(filename_cut=12)
    assert "file-not-as-sent" in repo.apply().faults()
    assert azure.files() == azure.jobs() == []
    repo.write("manifests/data/train.jsonl", examples(20))
    assert "file-not-as-sent" in repo.apply().faults(), "in one request too"
    assert azure.files() == azure.jobs() == []


def test_a_file_that_azure_refuses_is_told_and_sent_anew_in_the_other_encoding(repo: Repo, azure: Azure) -> None:
    azure.configure(refuse_bom=True)
    repo.write("manifests/data/train.jsonl", examples(20))
    first = repo.apply()
    assert [o.fault.detail for o in first.outcomes if o.fault and "byte-order mark" in o.fault.detail]
    (stuck,) = [change for change in repo.plan().changes if isinstance(change, Stuck)]
    assert stuck.fault.code == "file-refused"
    assert "encoding: utf-8" in stuck.fault.remedy
    assert repo.apply().code == 1, "the same bytes are not sent again and again"
    assert len(azure.files()) == 1
    repo.write("manifests/stack.yaml", JOB.replace("data/train.jsonl", "{dataset: mails}") + DATASET)
    repo.until_done(prune=True)
    one_of_each(azure)
    assert azure.emulator.world.store.content(azure.files()[0]["id"]).startswith(b"{")


def test_one_content_under_two_names_is_sent_once(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/more.yaml", JOB.replace("tone", "calm") + "  seed: 7\n")
    repo.until_done()
    assert states(azure) == ["file"]
    assert len(azure.files()) == 1
    assert len(azure.jobs()) == 2
    assert of(repo.plan(), Delete) == []


# Data that changes meanwhile

MOMENTS = [("before", 0), ("between two parts", 2), ("at the last part", None)]


@pytest.mark.parametrize(("moment", "part"), MOMENTS, ids=[row[0] for row in MOMENTS])
@pytest.mark.parametrize("how", ["rewritten", "longer", "shorter", "gone"])
def test_data_that_changes_while_it_is_sent_registers_nothing(
    repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch, moment: str, part: int | None, how: str
) -> None:
    # Larger than what is read at once, so that a change in the middle is seen.
    monkeypatch.setattr(uploads, "PART", 512 << 10)
    path = repo.write("manifests/data/train.jsonl", examples(40_000))
    at = part if part is not None else size_of(repo) // uploads.PART
    filled = uploads._Part.fill
    count = 0

    def fill(self: uploads._Part, content: Any) -> bool:
        nonlocal count
        if count == at:
            _change(path, how)
        count += 1
        return filled(self, content)

    monkeypatch.setattr(uploads._Part, "fill", fill)
    whole = path.read_bytes()
    result = repo.apply()
    registered = azure.files()
    if registered:  # what was read before the change, or from a file that has only lost its name
        assert how == "gone" or part is None
        assert azure.emulator.world.store.content(registered[0]["id"]) == b"\xef\xbb\xbf" + whole, moment
    else:
        assert set(result.faults()) <= {"data-changed", "data-unreadable"}
        assert result.code == 1
        assert states(azure) == ["cancelled"]
        assert azure.jobs() == []
    monkeypatch.setattr(uploads._Part, "fill", filled)
    path.write_bytes(whole)
    repo.until_done()
    one_of_each(azure)


def _change(path: Path, how: str) -> None:
    text = path.read_text()
    if how == "gone":
        path.unlink()
    elif how == "longer":
        path.write_text(text + examples(1, "more"))
    elif how == "shorter":
        path.write_text(text[: text.rindex("\n", 0, len(text) - 1) + 1])
    else:
        with path.open("r+b") as file:
            file.seek(text.rindex("Yes"))
            file.write(b"No!")


# How it is sent


def session_of(repo: Repo) -> Session:
    _, engine = repo.engine()
    session: Session = engine.gateways["acme", "Dataset"]._session
    return session


class Endless:
    """A stream of so many bytes that are not in memory."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int) -> bytes:
        data = bytes(min(size, self.left, 65536))
        self.left -= len(data)
        return data


def test_no_more_than_a_part_for_each_worker_is_in_memory(
    repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = 4 << 20
    monkeypatch.setattr(uploads, "PART", part)
    monkeypatch.setattr(uploads.Uploads, "_send_part", lambda *arguments: str(len(arguments[3].getvalue()) and "p"))
    sender = uploads.Uploads(session_of(repo))
    tracemalloc.start()
    try:
        ids = sender.send("upload-1", Endless(20 * part), Meter())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(ids) == 20
    # BytesIO grows by an eighth more than it needs.
    assert peak < (uploads.WORKERS + 1) * part * 9 / 8 + (1 << 20)


def test_two_parts_travel_at_once(repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(2, timeout=10)

    def send(self: Any, upload_id: str, number: int, part: Any) -> str:
        if number <= 2:
            together.wait()
        return f"part-{number}"

    monkeypatch.setattr(uploads.Uploads, "_send_part", send)
    ids = uploads.Uploads(session_of(repo)).send("upload-1", Endless(3 * PART), Meter())
    assert ids == ["part-1", "part-2", "part-3"]


def test_the_meter_ends_at_the_whole_however_often_a_part_is_sent(
    repo: Repo, azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    azure.fault(method="POST", path_regex=r"/parts$", status=500, count=2)
    meters: list[Meter] = []
    real = uploads.Uploads.send

    def send(self: Any, upload_id: str, content: Any, meter: Meter) -> list[str]:
        meters.append(meter)
        return real(self, upload_id, content, meter)

    monkeypatch.setattr(uploads.Uploads, "send", send)
    repo.apply()
    assert [(meter.done, meter.total) for meter in meters] == [(size_of(repo), size_of(repo))]


def test_a_run_that_is_broken_off_gives_its_uploads_up(repo: Repo, azure: Azure) -> None:
    session = session_of(repo)
    sender = uploads.Uploads(session)
    upload_id = sender.begin("a.jsonl", 10_001)
    assert upload_id
    session.abandon()
    assert states(azure) == ["cancelled"]
    azure.forget()
    session.abandon()
    assert azure.writes() == []
