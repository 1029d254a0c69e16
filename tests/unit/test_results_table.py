"""The result file: any bytes in, rows out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.results.curve import MOST_POINTS, Gathering
from reconciler.results.diagnosis import diagnose
from reconciler.results.metrics import METRICS, canonical, column_name, named
from reconciler.results.table import LONGEST_LINE, MOST_COLUMNS, Table, from_events, read

SUPERVISED = "step,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy"


def table(text: str | bytes) -> Table:
    return read([text if isinstance(text, bytes) else text.encode()])


# -- spellings


@pytest.mark.parametrize(
    ("spelling", "name", "why"),
    [
        ("valid_mean_token_accuracy", "valid_mean_token_accuracy", "as recorded"),
        ("validation_mean_token_accuracy", "valid_mean_token_accuracy", "as documented"),
        ("full_valid_mean_token_accuracy", "full_valid_mean_token_accuracy", "the whole validation is another metric"),
        ("full_validation_loss", "full_valid_loss", "both words at once"),
        ("train_mean_reward", "train_mean_reward", "field notes"),
        ("train_reward_mean", "train_mean_reward", "documented for reinforcement"),
        ("valid_reward_mean", "valid_mean_reward", "documented for reinforcement"),
        ("full_valid_mean_reward", "full_valid_mean_reward", "recorded"),
        ("eval_loss", "valid_loss", "as trainers of others write it"),
        ("eval_rewards/accuracies", "valid_reward_accuracy", "preference training of others"),
        ("rewards/margins", "train_reward_margin", "what names no split is of training"),
        ("Train Loss", "train_loss", "capitals and blanks"),
        ("pg_loss_sum", "pg_loss_sum", "the sum of a gradient is no loss that could be compared"),
        ("mean_unresponsive_rewards", "mean_unresponsive_rewards", "a count, and not a reward"),
        ("train_reasoning_tokens_mean", "train_reasoning_tokens_mean", "unknown names are kept"),
        ("loss_of_my_own", "loss_of_my_own", "unknown names are kept"),
    ],
)
def test_a_metric_has_one_name_in_every_spelling(spelling: str, name: str, why: str) -> None:
    assert column_name(spelling) == name, why


def test_names_are_their_own_spelling() -> None:
    assert [canonical(name) for name in METRICS] == list(METRICS)
    assert all(metric.better for metric in METRICS.values()), "a checkpoint can be chosen by each"


@pytest.mark.parametrize(
    ("written", "said", "why"),
    [
        ("full_val_loss", "", "a spelling that others use is one of the metric's"),
        ("overfit_ratio", "", "what a gate asks for beside metrics"),
        ("full_vall_loss", "did you mean full_valid_loss?", "a slip"),
        ("Valid_Los", "did you mean valid_loss?", "a slip, in capitals"),
        ("loss", "did you mean full_valid_loss?", "not said of what"),
        ("accuracies", "did you mean full_valid_accuracy?", "nor here, in the words of others"),
        ("overfit_ration", "did you mean overfit_ratio?", "a slip in what is no metric"),
        ("perplexity", "reward_accuracy or reward_margin or overfit_ratio", "nothing near: all that there is"),
        ("", "it may be train_, valid_ or full_valid_ before loss", "nothing"),
    ],
)
def test_a_metric_in_a_manifest_is_one_or_the_one_that_was_meant_is_named(written: str, said: str, why: str) -> None:
    if not said:
        assert named(written, "overfit_ratio") == written, why
        return
    with pytest.raises(ValueError, match="is no metric; ") as error:
        named(written, "overfit_ratio")
    assert said in str(error.value), why
    assert len(str(error.value)) < 200, "a person reads it"


# -- forms of the file


def test_a_file_as_azure_writes_it() -> None:
    found = table(f"{SUPERVISED}\n1,10.16711711883545,0.4,8.555203056335449,0.4\n2,3.5,0.5,,\n3,2.5,0.6,4.5,0.55\n")
    assert (found.rows, found.first_step, found.last_step, found.notes) == (3, 1, 3, ())
    loss = found.curves["valid_loss"]
    assert [(point.step, point.value) for point in loss.points] == [(1, 8.555203056335449), (3, 4.5)]
    assert (loss.first.step, loss.low.step, loss.last.value) == (1, 3, 4.5)
    assert loss.at(2) is None
    assert loss.at(3) == 4.5


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"\xef\xbb\xbfstep,train_loss\n1,2\n2,1\n", "a byte-order mark"),
        (b"step,train_loss\r\n1,2\r\n2,1\r\n", "line ends of Windows"),
        (b"step,train_loss\r1,2\r2,1\r", "line ends of an old Mac"),
        (b"step,train_loss\n1,2\n2,1", "no line end at the end"),
        (b'"step","train_loss"\n"1","2"\n"2","1"\n', "quotes"),
        (b" step , train_loss \n 1 , 2 \n\n 2 , 1 \n", "blanks, and an empty line"),
        (b"train_loss,step\n2,1\n1,2\n", "another order of columns"),
        (b"STEP,Train_Loss\n1.0,2\n2.0,1\n", "capitals, and steps as decimals"),
        (b"step,train_loss\n2,1\n1,2\n", "another order of rows"),
        (b"step,train_loss\n1,9\n1,2\n2,1\n", "a repeated step: the later row counts"),
        (b"step,train_loss\n1,2,7,8\n2,1,9\n", "more cells than columns"),
        (b"step,train_loss\n1,2\nx,5\n,6\n-3,7\n2,1\n", "rows without a step"),
        (b"step,train_loss\n1,2\n2,1\n3,N/A\n4,\n5,null\n", "missing values"),
        (b"train_loss\n2\n1\n", "no column for steps: rows are counted"),
    ],
)
def test_each_form_of_a_file_is_read(text: bytes, why: str) -> None:
    points = table(text).curves["train_loss"].points
    assert [(point.step, point.value) for point in points] == [(1, 2.0), (2, 1.0)], why


def test_steps_that_are_out_of_order_are_said() -> None:
    assert "put in order" in " ".join(table("step,train_loss\n2,1\n1,2\n").notes)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_a_file_is_the_same_in_pieces_of_any_size(size: int) -> None:
    text = b"\xef\xbb\xbfstep,train_loss\r\n1,2\r\n2,1\r\n3,0.5\r\n"
    assert read([text[at : at + size] for at in range(0, len(text), size)]) == table(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        (f"{SUPERVISED}\n", "no rows yet"),
        ("<!doctype html><title>Sign in</title>", "does not begin with a header"),
        ('{"error": {"code": "404"}}', "does not begin with a header"),
        ("1,2,3\n4,5,6\n", "does not begin with a header"),
    ],
)
def test_a_file_without_values_says_why(text: str, said: str) -> None:
    found = table(text)
    assert not found
    assert said in " ".join(found.notes)


def test_a_last_line_that_was_cut_is_left_out() -> None:
    found = table(f"{SUPERVISED}\n1,2,0.1,2,0.1\n2,1,0.")
    assert found.rows == 1
    assert "not complete" in " ".join(found.notes)


def test_a_file_that_was_cut_off_is_said() -> None:
    found = read([b"step,train_loss\n1,2\n"], cut_off=lambda: True)
    assert "larger" in " ".join(found.notes)


def test_unknown_columns_are_kept_beside_known_ones() -> None:
    text = "step,train_mean_reward,completion_tokens_mean,train_other_error_count\n1,0.2,300,0\n2,0.3,310,1\n"
    found = table(text)
    assert list(found.curves) == ["train_mean_reward", "completion_tokens_mean", "train_other_error_count"]


def test_two_spellings_of_one_metric_in_one_file_are_both_kept() -> None:
    found = table("step,valid_mean_token_accuracy,validation_mean_token_accuracy\n1,0.1,0.2\n")
    assert [curve.last.value for curve in found.curves.values()] == [0.1, 0.2]


def test_numbers_that_are_none_are_missing_and_noted() -> None:
    curve = table("step,train_loss\n1,2\n2,nan\n3,1\n4,NaN\n5,inf\n").curves["train_loss"]
    assert curve.count == 2
    assert (curve.broken, curve.broken_from, curve.infinite) == (2, 4, 1)
    assert table("step,train_loss\n1,nan\n2,nan\n").broken_columns == ("train_loss",)


def test_a_wide_file_is_read_as_far_as_is_sensible() -> None:
    names = ",".join(f"c{number}" for number in range(500))
    cells = ",".join("1" for _ in range(500))
    found = table(f"step,{names}\n1,{cells}\n")
    assert len(found.curves) <= MOST_COLUMNS
    assert any("columns" in note for note in found.notes)


def test_a_line_that_never_ends_is_left_out() -> None:
    found = read([b"step,train_loss\n1,2\n", *(b"9" * 50_000 for _ in range(10)), b"\n2,1\n"])
    assert found.rows == 2
    assert LONGEST_LINE < 10 * 50_000
    assert any("could not be read" in note for note in found.notes)


def test_a_long_file_keeps_its_extremes_in_bounded_memory() -> None:
    gathering = Gathering()
    for step in range(1, 100_001):
        gathering.add(step, 1.0 if step != 77_777 else -5.0)
    curve = gathering.curve("train_loss")
    assert curve is not None
    assert len(curve.points) <= MOST_POINTS
    assert (curve.count, curve.low.step, curve.low.value, curve.last.step) == (100_000, 77_777, -5.0, 100_000)
    assert [point.step for point in curve.points] == sorted(point.step for point in curve.points)


# -- any bytes


@given(st.binary(max_size=400))
def test_no_bytes_at_all_make_it_fail(data: bytes) -> None:
    diagnose(table(data))


_CELL = st.one_of(
    st.sampled_from(
        ["", "nan", "NaN", "inf", "-inf", "N/A", "1e309", "-1e308", "1e308", "1_0", '"', "\x00", "\ufeff", "٣"]
    ),
    st.floats(allow_nan=True).map(str),
    st.integers(-5, 40).map(str),
    st.text(max_size=4),
)
_NAME = st.one_of(st.sampled_from([*METRICS, "step", "validation_loss", "foo", ""]), st.text(max_size=6))


@given(st.lists(_NAME, max_size=6), st.lists(st.lists(_CELL, max_size=7), max_size=40), st.booleans())
def test_no_cells_at_all_make_it_fail(names: list[str], rows: list[list[str]], ended: bool) -> None:
    text = "\n".join([",".join(["step", *names]), *(f"{number}," + ",".join(row) for number, row in enumerate(rows))])
    found = table(text.encode(errors="replace"))
    for curve in found.curves.values():
        assert all(math.isfinite(point.value) for point in curve.points)
        assert curve.low.value <= curve.high.value
        assert curve.first.step <= curve.last.step
    for method in ("supervised", "dpo", "reinforcement", "of the future"):
        assert diagnose(found, method=method, epochs=3, ended=ended).text


# -- events


def test_events_stand_in_for_a_file() -> None:
    found = from_events(
        [
            {"message": "Job started.", "data": None},
            {"message": "Step 10: training loss=0.69", "data": None},
            {"message": "Step 20/100: training loss=0.5, validation loss=0.6", "data": {}},
            {"message": "", "data": {"step": 30, "train_loss": 0.4, "total_steps": 100, "nested": {"a": 1}}},
            {"message": 7, "data": "nothing"},
        ]
    )
    assert [(point.step, point.value) for point in found.curves["train_loss"].points] == [
        (10, 0.69),
        (20, 0.5),
        (30, 0.4),
    ]
    assert list(found.curves) == ["train_loss", "valid_loss"]
    assert "events" in found.notes[0]


_EVENT = st.dictionaries(
    st.sampled_from(["message", "data", "created_at", "type"]),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=20), st.just("Step 3: training loss=nan")),
        lambda inner: st.dictionaries(st.sampled_from(["step", "train_loss", "x"]), inner, max_size=3),
        max_leaves=5,
    ),
)


@given(st.lists(_EVENT, max_size=5))
def test_no_events_at_all_make_it_fail(events: list[dict[str, object]]) -> None:
    from_events(events)
