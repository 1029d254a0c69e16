"""What changed between two versions, in counts."""

from __future__ import annotations

import gzip
import importlib
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.datasets.compare import Comparison, NotComparable, compare
from reconciler.datasets.texts import Texts

module = importlib.import_module("reconciler.datasets.compare")  # the package has a function of this name


def chat(question: str, answer: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **more}


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def opener(data: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(data)


def tokens(*records: dict[str, Any]) -> int:
    texts = Texts()
    for record in records:
        texts.add_record(record)
    return sum(texts.lengths().whole)


BASE = [chat(f"What is {number}?", f"It is {number}.") for number in range(50)]
REWRITTEN = json.dumps(BASE[3], indent=None, separators=(",", ":"), sort_keys=True).encode() + b"\n"


def test_nothing() -> None:
    assert compare(opener(lines(*BASE)), opener(lines(*BASE))) == Comparison(50, 50, tokens_added=0, tokens_removed=0)


def test_what_is_no_part_of_the_identity_is_no_change() -> None:
    other = b"\xef\xbb\xbf" + lines(*BASE).replace(b"\n", b"\r\n\r\n")
    assert compare(opener(lines(*BASE)), opener(other)) == Comparison(50, 50, tokens_added=0, tokens_removed=0)


def test_added_removed_changed_and_rewritten_rows_are_told_apart() -> None:
    better = chat("What is 10?", "Ten, of course.")
    fresh = [chat(f"And {number}?", "Yes.") for number in range(3)]
    after = lines(*BASE[:3]) + REWRITTEN + lines(*BASE[6:10], better, *BASE[11:], *fresh)
    found = compare(opener(lines(*BASE)), opener(after))
    assert found == Comparison(
        50, 51, added=3, removed=2, changed=1, reformatted=1,
        tokens_added=tokens(better, *fresh), tokens_removed=tokens(*BASE[4:6], BASE[10]),
    )  # fmt: skip


def test_a_question_that_is_mended_in_its_place_is_a_change() -> None:
    mended = chat("What's 20?", "It is 20.")
    found = compare(opener(lines(*BASE)), opener(lines(*BASE[:20], mended, *BASE[21:])))
    assert (found.added, found.removed, found.changed) == (0, 0, 1)


def test_the_same_short_answer_elsewhere_makes_no_pair() -> None:
    before = [*BASE, chat("old?", "yes")]
    after = [chat("new?", "yes"), *BASE]
    found = compare(opener(lines(*before)), opener(lines(*after)))
    assert (found.added, found.removed, found.changed) == (1, 1, 0)


def test_an_answer_that_many_give_makes_no_pair() -> None:
    before = [*BASE, chat("old?", "yes"), chat("older?", "yes")]
    found = compare(opener(lines(*before)), opener(lines(*BASE, chat("new?", "yes"))))
    assert (found.added, found.removed, found.changed) == (1, 2, 0)


def test_formatting_only() -> None:
    rewritten = b"".join(json.dumps(record, separators=(",", ":")).encode() + b"\n" for record in reversed(BASE))
    found = compare(opener(lines(*BASE)), opener(rewritten))
    assert found == Comparison(50, 50, reformatted=50, tokens_added=0, tokens_removed=0)


def test_another_order_only() -> None:
    found = compare(opener(lines(*BASE)), opener(lines(*reversed(BASE))))
    assert found == Comparison(50, 50, tokens_added=0, tokens_removed=0, reordered=True)
    assert not found.is_nothing
    assert compare(opener(lines(*BASE)), opener(lines(*BASE))).is_nothing


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        (gzip.compress(lines(*BASE)), "compressed"),
    ],
)
def test_what_holds_no_rows_cannot_be_compared(data: bytes, reason: str) -> None:
    for before, after in ((data, lines(*BASE)), (lines(*BASE), data)):
        with pytest.raises(NotComparable, match=reason):
            compare(opener(before), opener(after))


def test_a_row_that_stands_more_often_was_added() -> None:
    found = compare(opener(lines(*BASE)), opener(lines(*BASE, BASE[0], BASE[0])))
    assert (found.added, found.removed) == (2, 0)


def test_preference_data_is_paired_by_its_prompt() -> None:
    def pair(good: str) -> dict[str, Any]:
        return {
            "input": {"messages": [{"role": "user", "content": "q"}]},
            "preferred_output": [{"role": "assistant", "content": good}],
            "non_preferred_output": [{"role": "assistant", "content": "bad"}],
        }

    found = compare(opener(lines(pair("a"))), opener(lines(pair("b"))))
    assert (found.added, found.removed, found.changed) == (0, 0, 1)


def test_without_tokens_none_are_counted() -> None:
    found = compare(opener(b""), opener(lines(*BASE)), tokens=False)
    assert found == Comparison(0, 50, added=50)


def test_many_differences_are_only_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAIRED", 40)
    found = compare(opener(lines(*BASE[:5])), opener(lines(*BASE)))
    assert found == Comparison(5, 50, added=45)


ROWS = st.lists(
    st.one_of(
        st.sampled_from([json.dumps(record).encode() for record in BASE[:6]]),
        st.binary(max_size=20).filter(lambda row: b"\n" not in row),
    ),
    max_size=12,
)


@given(ROWS, ROWS)
def test_the_numbers_add_up_for_any_bytes(before: Iterable[bytes], after: Iterable[bytes]) -> None:
    old, new = (opener(b'{"a": 1}\n' + b"\n".join(rows)) for rows in (before, after))
    found, back = compare(old, new), compare(new, old)
    assert found.after - found.before == found.added - found.removed
    assert (back.added, back.removed, back.reformatted) == (found.removed, found.added, found.reformatted)
    assert (back.tokens_added, back.tokens_removed) == (found.tokens_removed, found.tokens_added)
