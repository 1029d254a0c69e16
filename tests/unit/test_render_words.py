"""Single things in words: what is shown is safe, short and never mistaken for another value."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.resource import Address, Unknown
from reconciler.render.table import columns, table
from reconciler.render.words import duration, lines, plain_value, printable, shorten, shown, size

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("path", "value", "expected", "reason"),
    [
        ("seed", None, "absent", "a field that one side lacks"),
        ("x", "absent", '"absent"', "the word as a value is quoted"),
        ("x", "", '""', "an empty text is not nothing"),
        ("x", " a", '" a"', "blanks at the ends are seen"),
        ("hyperparameters.n_epochs", -1.0, "auto", "Azure's own spelling of auto"),
        ("seed", -1, "-1", "only a hyperparameter can be auto"),
        ("x", 3.0, "3", "numbers as people write them"),
        ("x", 0.1234567, "0.1234567", "no digit is lost"),
        ("x", 10**400, "1" + "0" * 400, "any integer"),
        ("x", float("nan"), "nan", "whatever a float is"),
        ("x", True, "true", "as in YAML"),
        ("model", Unknown(Address("A", "b")), "(known after apply)", "what is not known yet"),
        ("model", {"name": "m", "version": "1"}, "m", "a thing with a name is called by it"),
        ("x", [1, "a"], '[1, "a"]', "other nested values are JSON"),
        ("source.sas", "sv=1", "(secret)", "a secret field"),
        ("source.url", "https://h/f?sig=abc&x=1", "https://h/f?sig=…&x=1", "a signed address"),
    ],
)
def test_a_value_as_a_person_writes_it(path: str, value: Any, expected: str, reason: str):
    assert shown(value, path=path, longest=500) == expected, reason


@given(VALUES, st.integers(5, 80))
def test_a_shown_value_is_one_safe_line(value: Any, longest: int):
    said = shown(value, longest=longest)
    assert said.isprintable()
    assert said


@given(VALUES)
def test_a_plain_value_is_strict_json_in_utf_8(value: Any):
    json.dumps(plain_value(value), ensure_ascii=False, allow_nan=False).encode()


def test_half_a_surrogate_pair_can_be_written_to_a_file():
    assert plain_value({"\ud800": "\udfff"}) == {"\\ud800": "\\udfff"}


@given(st.text())
def test_escaped_text_is_the_same_when_escaped_again(text: str):
    assert printable(printable(text)) == printable(text)
    assert all(line.isprintable() for line in lines(text))


def test_a_runner_finds_no_command_in_text():
    assert lines("ok\n  ::error::x\n a ##[add-mask]b") == ["ok", "  \\x3a:error::x", " a #\\x23[add-mask]b"]


@given(st.text(), st.integers(3, 40))
def test_a_shortened_text_fits_and_keeps_both_ends(text: str, longest: int):
    short = shorten(text, longest)
    assert len(short) <= longest
    assert short[:1] == text[:1]
    assert short[-1:] == text[-1:]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (720, "12 min"),
        (3600, "1 h"),
        (11100, "3 h 5 min"),
        (187200, "2 d 4 h"),
    ],
)
def test_durations(seconds: float, expected: str):
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 B"), (999, "999 B"), (41_200, "41.2 kB"), (999_999, "1.0 MB"), (5.1e11, "510.0 GB")]
)
def test_sizes(count: float, expected: str):
    assert size(count) == expected


def test_a_table_is_aligned_by_what_a_terminal_shows():
    assert (
        table(("NAME", "STATE"), [("a\x1b", "x"), ("日本", ""), ("e\u0301e\u0301", "y")])
        == "NAME   STATE\na\\x1b  x\n日本\ne\u0301e\u0301     y"
    )


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_a_table_has_a_line_a_row(rows: list[tuple[str, str]]):
    said = table(("A", "B"), rows).split("\n")
    assert len(said) == len(rows) + 1
    assert all(columns(line) <= max(map(columns, said)) for line in said)
