"""Laws of the scan over any data: it never raises, and what the quick check passes the careful one finds the same."""

from __future__ import annotations

import io
import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.datasets.findings import CODES, Collector
from reconciler.datasets.formats.chat_record import check
from reconciler.datasets.formats.conversation import Notes
from reconciler.datasets.formats.plain_chat import PlainChat
from reconciler.datasets.formats.quick_chat import QuickChat
from reconciler.datasets.part import ends_of_records
from reconciler.datasets.record import read_object
from reconciler.datasets.scan import scan
from reconciler.datasets.statistics import Tally
from reconciler.datasets.stream import Block
from reconciler.datasets.texts import Lengths, Texts

TEXTS = st.sampled_from(["", " ", "hi", 'say "x"', "back\\", "\\", '"', "é", "\ud800", "{}", '{"a": 1, "a": 2}', "{"])
VALUES = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(-1, 2), st.just([]), st.just({}), st.just(1.0), st.just(10**400)
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "developer", "function", "bot"])
CALLS = st.fixed_dictionaries(
    {"id": st.sampled_from(["c1", "c2", ""]), "type": st.sampled_from(["function", "function", "x"])},
    optional={
        "function": st.fixed_dictionaries(
            {}, optional={"name": st.sampled_from(["f", "g"]), "arguments": TEXTS, "extra": VALUES}
        )
    },
)
MESSAGES = st.fixed_dictionaries(
    {"role": ROLES},
    optional={
        "content": st.one_of(TEXTS, TEXTS, VALUES, st.just([{"type": "text", "text": "x"}])),
        "weight": VALUES,
        "tool_calls": st.one_of(st.lists(CALLS, max_size=2), VALUES),
        "tool_call_id": st.sampled_from(["c1", "c2", ""]),
        "name": TEXTS,
        "other": VALUES,
    },
)
GOOD_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": "b"}'}}
GOOD_MESSAGES = st.sampled_from(
    [
        {"role": "user", "content": "hi"},
        {"role": "system", "content": 'Say "x".'},
        {"role": "assistant", "content": 'say "x"', "weight": 0},
        {"role": "assistant", "content": "x\\"},
        {"role": "assistant", "tool_calls": [GOOD_CALL]},
        {"role": "assistant", "content": None, "tool_calls": [GOOD_CALL]},
        {"role": "tool", "content": "x", "tool_call_id": "c1"},
    ]
)
TOOL = {"type": "function", "function": {"name": "f", "description": 'a "b"'}}
RECORDS = st.fixed_dictionaries(
    {"messages": st.lists(st.one_of(GOOD_MESSAGES, GOOD_MESSAGES, MESSAGES), max_size=5)},
    optional={
        "tools": st.one_of(st.just([TOOL]), st.just([TOOL]), VALUES, st.just([{"type": "function"}])),
        "parallel_tool_calls": VALUES,
        "other": VALUES,
    },
)


def rendered(value: Any, draw: st.DrawFn) -> str:
    """Write JSON as people do: with any white space, and now and then a key twice."""
    space = st.sampled_from(["", "", " "])
    if isinstance(value, dict):
        items = list(value.items())
        if items and draw(st.integers(0, 19)) == 0:
            items.append(draw(st.sampled_from(items)))
        parts = [f"{json.dumps(key)}{draw(space)}:{draw(space)}{rendered(item, draw)}" for key, item in items]
        return "{" + f",{draw(space)}".join(parts) + "}"
    if isinstance(value, list):
        return "[" + ",".join(rendered(item, draw) for item in value) + "]"
    if isinstance(value, str) and draw(st.integers(0, 9)) == 0:
        return json.dumps(value).replace('\\"', "\\u0022")
    return json.dumps(value)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    return rendered(draw(RECORDS), draw).encode()


@given(lines())
@example(
    b'{"messages":[{"role":"user","content":"\\u0022\\u0022\\u0022\\u0022","role":"user"},{"role":"assistant","content":"\\""}]}'
)
@example(b'{"messages":[{"role":"user","content":"x\\\\"},{"role":"assistant","content":"\\""}],"a":1}')
@example(b'{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"x"}],"tools":[{"a":1,"a":1}]}')
def test_what_passes_quickly_has_no_findings_and_the_same_numbers(raw: bytes) -> None:
    quick = taken_quickly([raw])
    if quick is None:
        return
    out, notes, texts, tally = Collector("f"), Notes(), Texts(), Tally()
    record = read_object(raw, 1, out)
    assert record is not None
    check(record, 1, out, notes)
    notes.finish(out)
    texts.add_record(record)
    tally.add_record(record, items=False)
    assert not out.counts
    assert quick == (texts.lengths(), tally)


def taken_quickly(lines: list[bytes]) -> tuple[Lengths, Tally] | None:
    """Return the numbers of lines that pass quickly; one that does not pass leaves no trace."""
    texts, tally = Texts(), Tally()
    data = b"".join(line + b"\n" for line in lines)
    alone = len(lines) == 1
    passes = (alone or ends_of_records(Block(1, data, 0, len(lines))) is not None) and QuickChat(Notes()).passes(
        data, len(lines), 1, texts, tally
    )
    assert passes or (
        not texts.fixed
        and not texts.shown_ends
        and not texts.learnt_ends
        and not texts.shown
        and not texts.learnt
        and tally == Tally()
    )
    return (texts.lengths(), tally) if passes else None


@given(st.lists(lines(), min_size=1, max_size=4))
@example([b'{"messages":[{"role":"user","content":"x"},', b'{"role":"assistant","content":"x"}]}'])
@example(
    [
        b'{"messages":[{"role":"system","content":"Say \\"x\\"."},{"role":"user","content":"x"},{"role":"assistant","content":"x"}]}'
    ]
    * 3
)
@example(
    [b'{"messages":[{"role":"system","content":""},{"role":"user","content":"x"},{"role":"assistant","content":"x"}]}']
    * 2
)
@example([b'{"messages":[]} {"messages":[]}', b'{"messages":', b"[]}"])
@example(
    [
        b'{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":"x"}]}' * 2,
        b'{"messages":[{"role":"user","content":"x"}',
        b',{"role":"assistant","content":"x"}]}',
    ]
)
def test_lines_pass_together_only_if_each_passes_alone(raws: list[bytes]) -> None:
    together = taken_quickly(raws)
    if together is not None:
        alone = [taken_quickly([raw]) for raw in raws]
        assert all(alone)
        assert together[0].whole == [tokens for one in alone if one for tokens in one[0].whole]
        assert together[0].learnt == [tokens for one in alone if one for tokens in one[0].learnt]


ORDINARY = st.sampled_from(
    [
        [{"role": "user", "content": "hi"}],
        [{"role": "system", "content": "Be brief."}],
        [{"role": "developer", "content": "é"}],
        [{"role": "assistant", "content": 'say "x"', "weight": 0}],
        [{"role": "assistant", "content": "x\\"}],
        [{"role": "assistant", "tool_calls": [GOOD_CALL]}, {"role": "tool", "content": "x", "tool_call_id": "c1"}],
    ]
)


@given(st.lists(ORDINARY, max_size=4))
def test_ordinary_records_pass_quickly(parts: list[list[dict[str, Any]]]) -> None:
    """The laws above would hold of a quick check that passes nothing."""
    said = [message for part in parts for message in part]
    whole = [{"role": "user", "content": 'a "quoted" word'}, *said, {"role": "assistant", "content": "yes"}]
    raw = json.dumps({"messages": whole, "tools": [TOOL]}).encode()
    assert taken_quickly([raw, raw]) is not None


PLAIN = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["system", "user", "assistant", "developer"]),
    st.sampled_from(["hi", "Be brief.", 'say "x"', "é\\", "😀"]),
)


@given(st.lists(st.lists(PLAIN, max_size=4), min_size=1, max_size=5))
@example([[{"role": "system", "content": "Be brief."}]] * 2 + [[], [{"role": "system", "content": "Be long."}]])
def test_plain_conversations_pass_quickest_and_count_the_same(parts: list[list[dict[str, Any]]]) -> None:
    asked, answer = {"role": "user", "content": "a"}, {"role": "assistant", "content": "yes"}
    raws = [json.dumps({"messages": [*said, asked, answer]}).encode() for said in parts]
    data = b"".join(raw + b"\n" for raw in raws)
    found = []
    for way in (PlainChat, QuickChat):
        notes, texts, tally, out = Notes(), Texts(), Tally(), Collector("f")
        if way is QuickChat:  # a key that plain conversations do not have makes it the other's business
            data = data.replace(b'"role": "assistant"', b'"weight": 1, "role": "assistant"')
            raws = data.splitlines()
        assert way(notes).passes(data, len(raws), 1, texts, tally)
        notes.finish(out)
        found.append((texts.lengths(), tally, out.kept()))
    assert found[0] == found[1]


@given(st.one_of(st.binary(max_size=200), st.lists(st.one_of(lines(), st.binary(max_size=20))).map(b"\n".join)))
@example(b'{"a": ' + b"9" * 5000 + b"}")
@example(b"\xef\xbb\xbf\xff\xfe")
@example(b'{"messages":' + b'{"a":' * 5000)
@example(b"{\n")
@example(b"BZh,\n")
def test_no_bytes_raise(data: bytes) -> None:
    found = scan(io.BytesIO(data), file="f")
    assert found.counts.keys() <= CODES.keys()
    assert len(found.digest) == 64
    assert sum(found.counts.values()) >= len(found.findings)
    assert found.errors > 0 or found.examples >= 10
    json.dumps([str(finding) for finding in found.findings], ensure_ascii=False).encode()
