"""Distributions, rows that stand twice, and the samples by which data is compared with other data."""

from __future__ import annotations

import statistics
from array import array
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from pytest import approx  # noqa: PT013  (a word of its own)

from reconciler.datasets.findings import KEPT_PER_CODE, Collector
from reconciler.datasets.rows import SAMPLED, Rows, shared
from reconciler.datasets.statistics import Distribution, Tally


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=200))
def test_a_distribution_says_of_a_histogram_what_is_true_of_its_values(values: list[int]) -> None:
    found = Distribution.of(Counter(values))
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    assert (found.total, found.min, found.max) == (sum(values), min(values), max(values))
    assert found.mean == approx(statistics.fmean(values), abs=0.006)
    assert found.median == approx(statistics.median(values), abs=0.006)
    assert (found.p5, found.p95) == (approx(cuts[0], abs=0.006), approx(cuts[-1], abs=0.006))


def test_a_distribution_of_one_and_of_none() -> None:
    assert Distribution.of({7: 1}) == Distribution(7, 7, 7, 7, 7, 7, 7)
    assert Distribution.of({}) == Distribution()


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 60))
def test_rows_that_stand_twice_are_found_however_the_file_is_cut(values: list[int], size: int) -> None:
    rows, out = Rows(), Collector("f")
    for start in range(0, len(values), size):
        part = values[start : start + size]
        rows.add(array("Q", part), range(start + 1, start + 1 + len(part)), out)
    twice = [(index + 1, values.index(value) + 1) for index, value in enumerate(values) if value in values[:index]]
    kept = [(finding.line, finding.message) for finding in out.kept()]
    assert out.counts["row-duplicate"] == len(twice)
    assert kept == [
        (line, f"the same row stands in the file before, on line {first}") for line, first in twice[:KEPT_PER_CODE]
    ]


def _sample(values: range) -> bytes:
    rows = Rows()
    rows.add(
        array("Q", [value * 2654435761 % 2**64 for value in values]), [value + 1 for value in values], Collector("")
    )
    return rows.sample()


def test_shared_rows_are_found_with_their_lines_where_all_rows_are_in_the_sample() -> None:
    found = shared(_sample(range(1000)), _sample(range(900, 5000)))
    assert found == [(line, line) for line in range(901, 1001)]
    assert shared(_sample(range(10)), b"") == []


def test_of_a_row_that_stands_twice_the_first_line_is_told() -> None:
    rows = Rows()
    rows.add(array("Q", [7, 8]), [3, 4], Collector(""))
    rows.add(array("Q", [8, 7]), [5, 6], Collector(""))
    assert shared(rows.sample(), rows.sample()) == [(3, 3), (4, 4)]


def test_large_files_share_at_least_what_their_samples_share() -> None:
    large = _sample(range(3 * SAMPLED))
    assert len(large) == 12 * SAMPLED
    assert 0 < len(shared(large, _sample(range(0, 3 * SAMPLED, 7)))) <= 3 * SAMPLED // 7 + 1


def test_a_tally_of_parts_is_the_tally_of_the_whole() -> None:
    records = [
        {"messages": [{"role": "user", "content": "q"}, {"role": "robot"}], "answer": 1},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}, {"type": "image_url"}]}], "tools": [{}]},
        {"input": {"messages": [{"role": "user"}], "tools": [{}]}, "preferred_output": [{"role": "assistant"}]},
        {"messages": [{"role": "assistant", "tool_calls": [{}, {}]}, {"role": "assistant", "function_call": {}}]},
    ]
    parts = []
    for record in records:
        part = Tally()
        part.add_record(record, items=True)
        part.tokens[3] += 1
        parts.append(part)
    whole = Tally()
    for part in parts:
        whole.add(part)
    found = whole.result(counted=True)
    assert found.roles == {"assistant": 3, "other": 1, "user": 3}
    assert (found.tool_examples, found.tool_calls, found.images, found.image_examples) == (2, 3, 2, 1)
    assert found.keys == {"answer": 1, "input": 1, "preferred_output": 1, "tools": 1}
    assert found.tokens == Distribution(12, 3, 3, 3, 3, 3, 3)
    assert whole.result(counted=False).tokens is None
