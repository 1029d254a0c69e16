"""Faults: before and after the commit, as a real client meets them."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.request

import openai
import pytest

from reconciler.emulator import Fault

JOBS = r"/fine_tuning/jobs$"


@pytest.fixture
def ready(v1, clock, rows):
    file = v1.files.create(file=("a.jsonl", rows(20), "application/json"), purpose="fine-tune")
    clock.sleep(1)
    return file.id


def create(client, file):
    return client.fine_tuning.jobs.create(model="gpt-4.1", training_file=file, suffix="s")


def jobs_made(client):
    return len(client.fine_tuning.jobs.list().data)


@pytest.mark.parametrize(("after_commit", "made"), [(False, 0), (True, 1)])
def test_a_status_before_or_after_the_commit(emulator, v1, ready, after_commit, made):
    emulator.add_fault(Fault("POST", JOBS, status=500, after_commit=after_commit))
    with pytest.raises(openai.InternalServerError):
        create(v1, ready)
    assert jobs_made(v1) == made
    entry = next(e for e in emulator.requests() if e["status"] == 500)
    assert (entry["committed"], entry["write"]) == (bool(made), True)
    create(v1, ready)


@pytest.mark.parametrize(("after_commit", "made"), [(False, 0), (True, 1)])
def test_a_dropped_connection_before_or_after_the_commit(emulator, v1, ready, after_commit, made):
    emulator.add_fault(Fault("POST", JOBS, drop=True, after_commit=after_commit))
    with pytest.raises(openai.APIConnectionError):
        create(v1, ready)
    assert jobs_made(v1) == made


def test_a_client_that_repeats_a_create_pays_three_times(emulator, server, v1, ready):
    emulator.add_fault(Fault("POST", JOBS, status=500, after_commit=True, retry_after=0, count=2))
    with openai.OpenAI(base_url=f"{server.url}/acme/openai/v1", api_key="k", max_retries=2) as eager:
        create(eager, ready)
    assert jobs_made(v1) == 3


def test_half_an_answer(emulator, v1, ready):
    emulator.add_fault(Fault("POST", JOBS, truncate=True))
    with pytest.raises(openai.APIConnectionError):
        create(v1, ready)
    assert jobs_made(v1) == 1


def test_a_redirect_carries_its_place(direct, emulator):
    emulator.add_fault(Fault("POST", "/files$", status=307, headers={"location": "http://elsewhere.test/"}))
    response = direct.file()
    assert (response.status, response.headers["location"]) == (307, "http://elsewhere.test/")


def test_throttling_says_when_to_come_back(direct, emulator):
    emulator.add_fault(Fault("GET", "/files$", status=429, retry_after=7, skip=1, count=1))
    answers = [direct("GET", "/acme/openai/v1/files") for _ in range(3)]
    assert [a.status for a in answers] == [200, 429, 200]
    assert answers[1].headers["retry-after"] == "7"


def test_a_body_of_ones_own_and_a_code_of_ones_own(direct, emulator):
    emulator.add_fault(Fault(path_regex="/files$", status=502, body="<html>bad gateway</html>"))
    emulator.add_fault(Fault(path_regex="/files$", status=409, code="RequestConflict", message="wait"))
    assert direct("GET", "/acme/openai/v1/files").body == b"<html>bad gateway</html>"
    assert direct("GET", "/acme/openai/v1/files").json()["error"]["code"] == "RequestConflict"


def test_a_delay_alone_still_answers(direct, emulator):
    emulator.add_fault(Fault(path_regex="/files$", delay_s=3, count=None))
    emulator.configure(latency_s=0.5)
    response = direct("GET", "/acme/openai/v1/files")
    assert (response.status, response.delay_s) == (200, 3.5)


def test_an_answer_takes_no_delayed_acknowledgement(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    began = time.perf_counter()
    for _ in range(50):
        connection.request("GET", "/acme/openai/v1/files", headers={"api-key": "k"})
        connection.getresponse().read()
    connection.close()
    assert time.perf_counter() - began < 1.0


def test_waiting_answers_do_not_wait_for_each_other(emulator, server):
    emulator.configure(latency_s=0.3)

    def ask():
        request = urllib.request.Request(f"{server.url}/acme/openai/v1/files", headers={"api-key": "k"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            answer.read()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.perf_counter() - began < 1.5
