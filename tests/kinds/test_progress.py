"""Progress, following events, and what is told of a job that has ended."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from harness import NOW, Azure, FakeClock, Repo

from reconciler.azure.errors import AzureError
from reconciler.azure.events import EventStream
from reconciler.azure.wire import Json
from reconciler.cli.follow import Follower
from reconciler.core.account import Account, AccountSpec
from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Observed, Phase
from reconciler.core.runtime import Runtime
from reconciler.kinds.fine_tune_job.observed import observed_job
from reconciler.kinds.fine_tune_job.progress import describe, measure

EPOCHS = "n_epochs: 2, batch_size: 1"


@pytest.fixture
def small(repo: Repo) -> Repo:
    repo.edit("manifests/stack.yaml", "n_epochs: 2", EPOCHS)
    return repo


def job(repo: Repo) -> tuple[Any, Observed]:
    _, engine = repo.engine()
    (change,) = [change for change in repo.plan().changes if change.address.kind == "FineTuneJob"]
    assert change.live
    return engine.gateways["acme", "FineTuneJob"], change.live


def test_progress_says_step_epoch_losses_rate_and_what_is_left(small: Repo, azure: Azure, clock: FakeClock) -> None:
    small.apply()
    gateway, live = job(small)
    assert gateway.progress(live) == "Job enqueued. Waiting for jobs ahead to complete."
    # One hour of running, of which eight tenths are training, over 40 steps: 72 s each.
    clock.sleep(60 + 360 + 1810)
    gateway, live = job(small)
    text = gateway.progress(live)
    assert text.startswith("step 25 of 40, epoch 2 of 2, train_loss ")
    assert "valid_loss" in text
    assert "72 s/step" in text
    assert "about 18 min left" in text


@pytest.mark.parametrize(
    ("reason", "estimate", "words"),
    [
        ("in agreement with the steps", NOW + 1000, "Azure estimates"),
        ("a month off", NOW + 30 * 86400, "which its steps contradict"),
        ("past", NOW - 10, ""),
        ("absent", None, ""),
    ],
)
def test_azures_estimate_is_told_as_azures(reason: str, estimate: float | None, words: str) -> None:
    live = running(estimated_finish=estimate)
    events = [step(number, NOW - 500 + 10 * number) for number in range(1, 51)]
    text = describe(measure(events, live), live, NOW)
    assert words in text if words else "estimates" not in text
    assert "about 8 min left" in text


def running(**facts: Any) -> Observed:
    return Observed(
        "FineTuneJob", "acme", "ftjob-1", "tone", Phase.WORKING, _spec(), "running", facts={"examples": 100, **facts}
    )


def _spec() -> Any:
    account = Account("acme", AccountSpec(endpoint="http://127.0.0.1:1/x", owner="team-a"), Place("a.yaml"), "")
    body = {"id": "ftjob-1", "status": "running", "hyperparameters": {"n_epochs": 1, "batch_size": 1}}
    return observed_job(body, account).spec


def step(number: int, at: float, **data: Any) -> dict[str, Any]:
    return {
        "id": f"e{number}", "created_at": int(at), "type": "metrics",
        "message": f"Step {number}: training loss=0.5", "data": {"step": number, "train_loss": 0.5, **data},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "events", "text"),
    [
        ("nothing yet", [], ""),
        (
            "only a text, as recorded",
            [{"message": "Step 10: training loss=0.69", "created_at": 1}],
            "step 10 of 100, epoch 1 of 1, train_loss 0.69",
        ),
        (
            "a total in the text",
            [{"message": "Step 10/40: training loss=0.69", "created_at": 1}],
            "step 10 of 40, epoch 1 of 1, train_loss 0.69",
        ),
        (
            "more steps than we count",
            [{"message": "Step 500: training loss=1", "created_at": 1}],
            "step 500, train_loss 1",
        ),
        (
            "values that are none",
            [{"type": "metrics", "message": "Step 3: x", "data": {"step": 3, "train_loss": "nan"}}],
            "step 3 of 100, epoch 1 of 1",
        ),
        ("a word that is no step", [{"message": "Step into the light"}], ""),
    ],
)
def test_progress_of_strange_events(reason: str, events: list[Json], text: str) -> None:
    live = running()
    assert describe(measure(events, live), live, NOW) == text


def test_progress_does_not_depend_on_the_order_of_events() -> None:
    live = running()
    events = [step(number, NOW - 500 + 10 * number, valid_loss=1 / number) for number in range(1, 51)]
    mixed = list(events)
    random.Random(1).shuffle(mixed)
    assert measure(mixed, live) == measure(events, live)


def test_the_rate_begins_anew_after_a_pause() -> None:
    live = running()
    events = [step(number, NOW + 10 * number) for number in range(1, 6)]
    events.append({"id": "r", "created_at": int(NOW + 9000), "message": "Job resumed."})
    events += [step(number, NOW + 9000 + 10 * number) for number in range(6, 9)]
    assert measure(events, live).rate == pytest.approx(0.1)


class Listed:
    """A list of events, newest first, to which more come while it is read."""

    def __init__(self, page: int = 3) -> None:
        self.events: list[Json] = []
        self.page = page
        self.between: list[Any] = []
        self.reads = 0

    def add(self, *ids: str, at: int = 0) -> None:
        for name in ids:
            self.events.insert(0, {"id": name, "created_at": at, "message": name})

    def pages(self) -> Iterator[list[Json]]:
        seen: set[str] = set()
        after = None
        while True:
            self.reads += 1
            start = 0 if after is None else 1 + next(n for n, e in enumerate(self.events) if e["id"] == after)
            page = self.events[start : start + self.page]
            yield [event for event in page if event["id"] not in seen]
            if self.between:
                self.between.pop(0)()
            if len(page) < self.page or start + self.page >= len(self.events):
                return
            seen.update(str(event["id"]) for event in page)
            after = page[-1]["id"]


def ids(events: list[Json]) -> list[str]:
    return [str(event["id"]) for event in events]


def test_a_stream_has_no_gap_and_no_repeat_while_events_arrive_between_pages() -> None:
    listed = Listed()
    listed.add(*"abcdefgh")
    listed.between = [lambda: listed.add("i", "j"), lambda: listed.add("k")]
    stream = EventStream(listed.pages)
    first = ids(stream.news())
    assert first == list("abcdefgh")
    assert ids(stream.news()) == ["i", "j", "k"]
    assert ids(stream.news()) == []


def test_a_stream_of_events_of_one_second_goes_by_ids() -> None:
    listed = Listed(page=2)
    stream = EventStream(listed.pages)
    got: list[str] = []
    for chunk in ("ab", "", "c", "defg", "h"):
        listed.add(*chunk, at=5)
        got += ids(stream.news())
    assert got == list("abcdefgh")


def test_an_event_that_is_listed_late_is_found_by_the_last_look() -> None:
    listed = Listed(page=2)
    listed.add(*"abcdef")
    stream = EventStream(listed.pages)
    assert ids(stream.news()) == list("abcdef")
    listed.events.append({"id": "late", "created_at": -1, "message": "late"})
    assert ids(stream.news()) == []
    assert ids(stream.news(whole=True)) == ["late"]


def test_events_out_of_order_come_in_order() -> None:
    listed = Listed(page=10)
    listed.events = [{"id": str(at), "created_at": at, "message": ""} for at in (3, 1, 2)]
    assert ids(EventStream(listed.pages).news()) == ["1", "2", "3"]


def test_a_stream_that_breaks_off_loses_nothing() -> None:
    listed = Listed(page=2)
    listed.add(*"abcdef")

    def broken() -> Iterator[list[Json]]:
        yield next(listed.pages())
        raise AzureError(Fault("x", "x"), status=500)

    sources = iter([broken, listed.pages])
    stream = EventStream(lambda: next(sources)())  # noqa: PLW0108  (each look begins anew)
    with pytest.raises(AzureError):
        stream.news()
    assert ids(stream.news()) == list("abcdef")


@pytest.mark.parametrize("seed", range(20))
def test_any_arrival_is_streamed_once_and_in_order(seed: int) -> None:
    chance = random.Random(seed)
    names = (f"e{n:03}" for n in itertools.count())
    listed = Listed(page=chance.randint(1, 5))
    stream, got, added = EventStream(listed.pages), [], 0

    def more() -> None:
        nonlocal added
        fresh = list(itertools.islice(names, chance.randint(0, 7)))
        added += len(fresh)
        listed.add(*fresh)

    for _ in range(10):
        more()
        listed.between = [more] * chance.randint(0, 4)
        got += ids(stream.news())
    listed.between = []  # the job has ended: nothing more comes
    got += ids(stream.news(whole=True))
    assert len(got) == len(set(got)) == added
    assert got == sorted(got)


def test_following_shows_every_event_once_until_the_job_has_ended(small: Repo, azure: Azure, clock: FakeClock) -> None:
    small.apply()
    gateway, live = job(small)
    troubles: list[Fault] = []
    follower = Follower(gateway, live, Runtime(clock), troubles.append)
    azure.fault(method="GET", path_regex="/events", status=503, skip=3, count=14)
    got = list(follower.events(follow=True))
    assert follower.live.status == "succeeded"
    everything = gateway.events(live)
    assert [event["id"] for event in got] == [event["id"] for event in everything]
    assert got[-1]["message"] == "Job succeeded."
    assert len(troubles) >= 1, "what passes is told, not fatal"


def test_following_ends_when_the_job_is_deleted_or_paused(small: Repo, azure: Azure, clock: FakeClock) -> None:
    small.apply()
    clock.sleep(1800)
    gateway, live = job(small)
    azure.raw("POST", f"/acme/openai/v1/fine_tuning/jobs/{live.id}/pause")
    clock.sleep(60)
    follower = Follower(gateway, live, Runtime(clock), lambda _: None)
    assert list(follower.events(follow=True))[-1]["message"] == "Job paused."
    assert follower.live.halted
    azure.raw("POST", f"/acme/openai/v1/fine_tuning/jobs/{live.id}/cancel")
    azure.hand("purge_jobs")
    follower = Follower(gateway, live, Runtime(clock), lambda _: None)
    assert list(follower.events(follow=True)) == []
    assert follower.live.phase is Phase.GONE


def test_following_does_not_outlive_an_error_that_stays(small: Repo, azure: Azure, clock: FakeClock) -> None:
    small.apply()
    gateway, live = job(small)
    azure.fault(method="GET", path_regex="/events", status=403, count=None)
    with pytest.raises(AzureError):
        list(Follower(gateway, live, Runtime(clock), lambda _: None).events(follow=True))
    azure.control("DELETE", "faults")
    azure.fault(method="GET", path_regex="/fine_tuning", status=503, count=None)
    began = clock.now()
    with pytest.raises(AzureError):
        list(Follower(gateway, live, Runtime(clock), lambda _: None).events(follow=True))
    assert clock.now() - began < 3600


def test_a_finished_job_says_what_a_person_wants(small: Repo, azure: Azure) -> None:
    small.until_done()
    gateway, live = job(small)
    text = "\n".join(gateway.summary(live))
    assert "succeeded after 1 h 0 min, after 1 min in the queue" in text
    assert f"{azure.jobs()[0]['trained_tokens']:,} tokens billed" in text
    assert "at the end (step 40): train_loss " in text
    assert "lowest full_valid_loss: " in text
    assert f"model {azure.jobs()[0]['fine_tuned_model']}" in text


def test_a_failed_job_says_why(small: Repo, azure: Azure, clock: FakeClock) -> None:
    fail = {"code": "moderationFailed", "message": "The model did not pass the safety evaluation."}
    azure.configure(outcomes=[{"match": {}, "then": {"fail": fail, "at": "moderation"}}])
    small.apply()
    clock.sleep(2 * 3600)
    gateway, live = job(small)
    text = "\n".join(gateway.summary(live))
    assert "failed after 1 h 0 min" in text
    assert "reason: moderationFailed: The model did not pass" in text
