"""Tables: side by side where there is room, else one below the other; in a pipe as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cli.state import screen_width
from reconciler.render.table import LEAST, columns, table

HEADS = ("RESOURCE", "STATE", "AT AZURE", "DETAIL")
JOB = "ftjob-0123456789abcdef0123456789abcdef"
ROWS = [
    ("FineTuneJob/tone", "succeeded", JOB, "13,485 tokens billed, lowest loss 0.64 at step 180, the last one"),
    ("Dataset/tone.training", "not needed", "-", ""),
]


def test_where_there_is_room_a_row_is_a_line() -> None:
    wide = table(HEADS, ROWS)
    assert table(HEADS, ROWS, max(map(len, wide.splitlines()))) == wide
    assert len(wide.splitlines()) == 3


@pytest.mark.parametrize(
    ("width", "said"),
    [
        (
            110,
            """\
RESOURCE               STATE       AT AZURE                                DETAIL
FineTuneJob/tone       succeeded   ftjob-0123456789abcdef0123456789abcdef  13,485 tokens billed, lowest loss
                                                                           0.64 at step 180, the last one
Dataset/tone.training  not needed  -""",
        ),
        (
            80,
            """\
RESOURCE               STATE       AT AZURE
FineTuneJob/tone       succeeded   ftjob-0123456789abcdef0123456789abcdef
    13,485 tokens billed, lowest loss 0.64 at step 180, the last one
Dataset/tone.training  not needed  -""",
        ),
        (
            60,
            """\
FineTuneJob/tone
  STATE     succeeded
  AT AZURE  ftjob-0123456789abcdef0123456789abcdef
  DETAIL    13,485 tokens billed, lowest loss 0.64 at step
            180, the last one
Dataset/tone.training
  STATE     not needed""",
        ),
    ],
    ids=["folded", "below", "blocks"],
)
def test_where_there_is_less_it_is_folded(width: int, said: str) -> None:
    assert table(HEADS, ROWS, width) == said


words = st.text("abc日", min_size=1, max_size=12)
cells = st.lists(words, max_size=6).map(" ".join)


@given(st.lists(st.tuples(words, cells, cells), min_size=1, max_size=3), st.integers(1, 90))
def test_nothing_is_lost_or_broken_and_lines_are_no_longer_than_the_screen(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    text = table(("ONE", "TWO", "THREE"), rows, width)
    for row in rows:
        assert all(word in text for cell in row for word in cell.split())
    longest = max(map(columns, text.splitlines()))
    assert longest <= max(width, LEAST + 9, 12 * 2 + 9), "or than its longest word and what it is called"


def test_the_screen_has_a_width_and_a_pipe_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert screen_width() == 60
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr("os.get_terminal_size", lambda _: (_ for _ in ()).throw(OSError()))
    assert screen_width() == 0
