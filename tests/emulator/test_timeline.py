"""Laws of the timeline: pure in time, and never more runners than slots."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator import Config, Emulator

from .conftest import Clock, Direct

SEQUENCE = ["pending", "running", "succeeded"]


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=8),
    cancels=st.lists(st.tuples(st.integers(0, 7), st.floats(0, 3)), max_size=3),
    slots=st.integers(1, 3),
)
def test_reading_changes_nothing_and_slots_are_never_exceeded(gaps, cancels, slots):
    def play(look):
        clock = Clock()
        emulator = Emulator(clock=clock, seed=1, config=Config(max_running=slots, max_queued=99))
        direct = Direct(emulator)
        file = direct.ready_file()
        jobs = []
        for gap in gaps:
            clock.sleep(gap)
            jobs.append(direct.job(training_file=file, seed=1).json()["id"])
            if look:
                running = [direct.get_job(j)["status"] for j in jobs].count("running")
                assert running <= slots
        for number, wait in cancels:
            clock.sleep(wait)
            direct("POST", f"/acme/openai/v1/fine_tuning/jobs/{jobs[number % len(jobs)]}/cancel")
        history = []
        for _ in range(12):
            clock.sleep(1.3)
            statuses = [direct.get_job(j)["status"] for j in jobs]
            assert statuses.count("running") <= slots
            history.append(statuses)
        return history

    seen = play(look=True)
    assert seen[-1].count("pending") == 0 or len(gaps) > slots
    assert play(look=False) == seen
    for before, after in pairwise(seen):
        for old, new in zip(before, after, strict=True):
            assert old == new or old in ("pending", "running"), "an end is an end"
