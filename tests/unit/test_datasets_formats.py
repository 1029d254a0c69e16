"""The careful checks of all formats, the paths of findings, the notes of a whole file, and reading with care.

It is longer than other files because each format has one table.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import time
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.datasets import scan
from reconciler.datasets.findings import CODES, KEPT_PER_CODE, Collector, Finding, value_at
from reconciler.datasets.formats import chat_record, preference_record, reinforcement_record
from reconciler.datasets.formats.conversation import IMAGE_EXAMPLES_LIMIT, VARIANTS_REMEMBERED, Notes
from reconciler.datasets.formats.images import IMAGE_LIMIT, measured
from reconciler.datasets.long_record import read_long
from reconciler.datasets.record import LONGEST_LINE, read_object
from reconciler.datasets.sniff import SNIFFED, describe, sniff
from reconciler.datasets.stream import BOM

CHECKS = {"chat": chat_record, "preference": preference_record, "reinforcement": reinforcement_record}
PAGE = Path(__file__).parents[2] / "docs" / "data-findings.md"

USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "hello"}
OTHER = {"role": "assistant", "content": "go away"}
SYSTEM = {"role": "system", "content": "be kind"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CALLING = {"role": "assistant", "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "found"}
LOOK = {"name": "look", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": LOOK}]
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40
WEBP = b"RIFF\x10\0\0\0WEBP" + b"\0" * 40
PLACE = "messages[0].content[0].image_url"


def found(record: dict[str, Any], data_format: str = "chat") -> list[Finding]:
    out = Collector("f")
    notes = Notes()
    CHECKS[data_format].check(record, 3, out, notes)
    notes.finish(out)
    return list(out.kept())


def leads_somewhere(record: dict[str, Any], path: str) -> bool:
    """Return whether a path can be walked; only its last step may be what is missing."""
    try:
        value_at(record, path)
    except LookupError:
        return isinstance(value_at(record, path.rpartition(".")[0]), dict)
    return True


def chat(*messages: Any, **others: Any) -> dict[str, Any]:
    return {"messages": list(messages), **others}


def preference(*messages: Any, **others: Any) -> dict[str, Any]:
    return {
        "input": {"messages": list(messages)},
        "preferred_output": [ANSWER],
        "non_preferred_output": [OTHER],
    } | others


def data_url(data: bytes, mime: str = "image/png") -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def image(url: Any, **others: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **others}}


def seen(*parts: Any) -> dict[str, Any]:
    return chat({"role": "user", "content": list(parts)}, ANSWER)


CHAT = [
    (chat(USER, CALLING, tools=TOOLS), None, "", "a call may be the end"),
    (chat(USER, CALLING, RESULT, ANSWER, tools=TOOLS), None, "", "a call, its result, the answer"),
    (chat({"role": "developer", "content": "be kind"}, USER, ANSWER), None, "", "the newer name of the system"),
    (chat(USER, ANSWER, parallel_tool_calls=False), None, "", "a switch"),
    (chat(USER, ANSWER, parallel_tool_calls=None), None, "", "null, as serializers write what is not set"),
    (chat(USER | {"name": None, "tool_calls": None}, ANSWER), None, "", "null says nothing on any key"),
    (chat(USER, {"role": "assistant", "content": None, "refusal": "no"}), None, "", "a refusal is an answer"),
    (chat(USER, ANSWER, parallel_tool_calls="no"), "parallel-tool-calls-invalid", "parallel_tool_calls", "text"),
    (chat(USER | {"name": 3}, ANSWER), "name-invalid", "messages[0].name", "a number as a name"),
    (
        chat(USER, ANSWER, RESULT | {"role": "user"}, ANSWER),
        "key-misplaced",
        "messages[2].tool_call_id",
        "a user's result",
    ),
    (
        chat(USER | {"tool_calls": [CALL]}, ANSWER, tools=TOOLS),
        "key-misplaced",
        "messages[0].tool_calls",
        "a call by the user",
    ),
    (
        chat(USER, CALLING, USER, ANSWER, tools=TOOLS),
        "tool-call-unanswered",
        "messages[1].tool_calls[0]",
        "passed over",
    ),
    (
        chat(USER, {"role": "assistant", "tool_calls": [CALL, CALL | {"id": "c2"}]}, RESULT, ANSWER, tools=TOOLS),
        "tool-call-unanswered",
        "messages[1].tool_calls[1]",
        "one answer to two calls",
    ),
    (chat(USER, ANSWER, tools=TOOLS * 2), "tool-duplicate", "tools[1].function.name", "declared twice"),
    (
        chat(USER, ANSWER, tools=[{"type": "function", "function": {"name": "look up"}}]),
        "tool-name-invalid",
        "tools[0].function.name",
        "a blank in a name",
    ),
    (
        chat(USER, ANSWER, tools=[{"type": "function", "function": {"name": "x" * 65}}]),
        "tool-name-invalid",
        "tools[0].function.name",
        "a name that is too long",
    ),
    (
        chat(USER, ANSWER, tools=[{"type": "function", "function": LOOK | {"parameters": "{}"}}]),
        "tool-parameters-invalid",
        "tools[0].function.parameters",
        "a schema as text",
    ),
    (
        chat(USER, ANSWER, tools=[{"type": "function", "function": {"name": "look", "inputSchema": {}}}]),
        "key-unknown",
        "tools[0].function",
        "the schema under another protocol's name",
    ),
    (
        chat(USER, CALLING | {"tool_calls": [CALL | {"index": 0}]}, tools=TOOLS),
        "key-unknown",
        "messages[1].tool_calls[0]",
        "a call put together from a stream",
    ),
    (seen({"type": "text", "text": " "}), "content-empty", "messages[0].content[0].text", "a part without text"),
    (seen({"type": "input_image", "text": "x"}), "part-unknown", "messages[0].content[0].type", "of another interface"),
    (
        chat(USER, {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}, functions=[{"name": "f"}]),
        "deprecated-functions",
        "",
        "the older spelling",
    ),
]
IMAGES = [
    (seen(image("https://a.example/b.png")), None, "", "an address"),
    (
        seen(image("https://a.example/b.png", detail="low"), {"type": "text", "text": "what is it?"}),
        None,
        "",
        "with text",
    ),
    (seen(image(data_url(PNG))), None, "", "a PNG"),
    (seen(image(data_url(JPEG, "image/jpeg"))), None, "", "a JPEG"),
    (seen(image(data_url(WEBP, "image/webp"))), None, "", "a WEBP"),
    (seen(image(data_url(PNG, "IMAGE/PNG"))), None, "", "types are the same in capitals"),
    (seen({"type": "image_url"}), "image-invalid", PLACE, "no image at all"),
    (seen({"type": "image_url", "image_url": "https://a.example/b.png"}), "image-invalid", PLACE, "the address alone"),
    (seen({"type": "image_url", "image_url": {}}), "image-invalid", f"{PLACE}.url", "no address"),
    (seen(image(3)), "image-invalid", f"{PLACE}.url", "a number"),
    (seen(image("b.png")), "image-url-invalid", f"{PLACE}.url", "a file of somebody's own"),
    (seen(image("file:///b.png")), "image-url-invalid", f"{PLACE}.url", "the same as an address"),
    (seen(image("https://")), "image-url-invalid", f"{PLACE}.url", "no host"),
    (seen(image("https://a.example/b c.png")), "image-url-unescaped", f"{PLACE}.url", "a blank"),
    (seen(image(base64.b64encode(PNG).decode())), "image-url-invalid", f"{PLACE}.url", "base64 alone"),
    (seen(image("http://a.example/b.png")), "image-url-plain", f"{PLACE}.url", "not encrypted"),
    (seen(image("https://a.example/b.png", detail="High")), "image-detail-unknown", f"{PLACE}.detail", "a capital"),
    (seen(image("https://a.example/b.png", detail=1)), "image-detail-unknown", f"{PLACE}.detail", "a number"),
    (seen(image("https://a.example/b.png", detial="low")), "key-unknown", PLACE, "a slip of the pen"),
    (seen(image(data_url(PNG, "image/gif"))), "image-type-unsupported", f"{PLACE}.url", "a GIF"),
    (seen(image(data_url(PNG, ""))), "image-type-unsupported", f"{PLACE}.url", "no type"),
    (seen(image("data:image/png,abc")), "image-data-invalid", f"{PLACE}.url", "no base64"),
    (seen(image("data:image/png;base64")), "image-data-invalid", f"{PLACE}.url", "no comma"),
    (seen(image("data:image/png;base64,")), "image-data-invalid", f"{PLACE}.url", "no data"),
    (seen(image(data_url(PNG)[:-3])), "image-data-invalid", f"{PLACE}.url", "cut short"),
    (seen(image(data_url(PNG + b"1").rstrip("="))), "image-data-unusual", f"{PLACE}.url", "without its ="),
    (seen(image(data_url(PNG).replace("A", "\n", 1))), "image-data-unusual", f"{PLACE}.url", "a line break"),
    (
        seen(image(data_url(PNG).replace("A", "_", 1))),
        "image-data-invalid",
        f"{PLACE}.url",
        "the alphabet of addresses",
    ),
    (seen(image(data_url(PNG).replace("A", "é", 1))), "image-data-invalid", f"{PLACE}.url", "a letter beyond ASCII"),
    (seen(image(data_url(PNG).replace("A", "\ud800", 1))), "image-data-invalid", f"{PLACE}.url", "half a character"),
    (seen(image(data_url(PNG, "image/jpeg"))), "image-type-differs", f"{PLACE}.url", "a PNG that is called JPEG"),
    (seen(image(data_url(JPEG, "image/jpg"))), "image-type-differs", f"{PLACE}.url", "a type that is not registered"),
    (seen(image(data_url(b"hello world"))), "image-type-differs", f"{PLACE}.url", "text that is called PNG"),
    (seen(image(data_url(PNG + bytes(IMAGE_LIMIT)))), "image-too-large", f"{PLACE}.url", "over ten megabytes"),
    (
        chat(USER, {"role": "assistant", "content": [image("https://a.example/b.png")]}),
        "image-in-answer",
        "messages[1].content[0]",
        "an image as the answer",
    ),
    (
        chat({"role": "system", "content": [image("https://a.example/b.png")]}, USER, ANSWER),
        "image-misplaced",
        "messages[0].content[0]",
        "an image among the instructions",
    ),
    (seen(*[image("https://a.example/b.png")] * 64), None, "", "as many as there may be"),
    (seen(*[image("https://a.example/b.png")] * 65), "images-too-many", "messages", "one more"),
]
PREFERENCE = [
    (preference(SYSTEM, USER), None, "", "one question, two answers"),
    (preference(USER, ANSWER, USER), None, "", "several turns"),
    (
        preference(input={"messages": [USER], "tools": TOOLS, "parallel_tool_calls": True}, preferred_output=[CALLING]),
        None,
        "",
        "a call that is preferred",
    ),
    (
        preference(
            input={"messages": [USER], "tools": TOOLS},
            preferred_output=[CALLING, RESULT, ANSWER],
            non_preferred_output=[OTHER],
        ),
        None,
        "",
        "a call, its result and the answer",
    ),
    (
        preference(input={"messages": [USER, CALLING], "tools": TOOLS}, preferred_output=[RESULT, ANSWER]),
        None,
        "",
        "an output that begins with the result of a call",
    ),
    (preference(input=None), "input-invalid", "input", "null"),
    (preference(input=[USER]), "input-invalid", "input", "the list itself"),
    (preference(input={}), "messages-missing", "input", "nothing in it"),
    (preference(), "messages-invalid", "input.messages", "no message"),
    (preference(input={"messages": "hi"}), "messages-invalid", "input.messages", "text"),
    (preference(SYSTEM), "input-user-missing", "input.messages", "no question: not documented as required"),
    (preference(USER, "hi"), "message-not-object", "input.messages[1]", "text among messages"),
    (preference(USER, {"role": "bot", "content": "x"}), "role-unknown", "input.messages[1].role", "another role"),
    (preference({"role": "user"}), "content-missing", "input.messages[0]", "a question without words"),
    (preference(USER, ANSWER), "input-last-assistant", "input.messages[1]", "the answer stands in the question"),
    (preference(USER, preferred_output=[]), "output-invalid", "preferred_output", "an empty list"),
    (preference(USER, preferred_output="hello"), "output-invalid", "preferred_output", "text"),
    (preference(USER, non_preferred_output=ANSWER), "output-invalid", "non_preferred_output", "a message and no list"),
    (
        preference(USER, preferred_output=[[ANSWER], [OTHER]]),
        "output-invalid",
        "preferred_output",
        "two preferred ones",
    ),
    (
        preference(USER, preferred_output=[ANSWER, USER]),
        "output-role-invalid",
        "preferred_output[1].role",
        "a question",
    ),
    (
        preference(USER, preferred_output=["hello", ANSWER]),
        "message-not-object",
        "preferred_output[0]",
        "text in the list",
    ),
    (
        preference(USER, preferred_output=[{"role": "assistant"}]),
        "content-missing",
        "preferred_output[0]",
        "an answer without words",
    ),
    (preference(USER, non_preferred_output=[ANSWER]), "outputs-identical", "preferred_output", "nothing to prefer"),
    (preference(USER, source="x"), "key-unknown", "", "a key of somebody's own"),
    (preference(USER, preferred_output=[ANSWER | {"weight": 1}]), "key-unknown", "preferred_output[0]", "a weight"),
    (preference(input={"messages": [USER], "tool": []}), "key-unknown", "input", "a slip of the pen"),
    (
        preference(input={"messages": [USER], "tools": {}}),
        "tools-invalid",
        "input.tools",
        "tools that are no list",
    ),
    (
        preference(input={"messages": [USER], "parallel_tool_calls": 1}),
        "parallel-tool-calls-invalid",
        "input.parallel_tool_calls",
        "a number",
    ),
    (
        preference(USER, preferred_output=[CALLING]),
        "tool-undeclared",
        "preferred_output[0].tool_calls[0].function.name",
        "a call of what is not there",
    ),
    (
        preference(
            input={"messages": [USER], "tools": TOOLS}, preferred_output=[CALLING], non_preferred_output=[OTHER, RESULT]
        ),
        "tool-call-unmatched",
        "non_preferred_output[1].tool_call_id",
        "a result of the other output's call",
    ),
    (
        preference({"role": "user", "content": [image("b.png")]}),
        "image-url-invalid",
        "input.messages[0].content[0].image_url.url",
        "images are checked here too",
    ),
]
REINFORCEMENT = [
    (chat(USER, answer=3, anything={"of": "it"}), None, "", "free keys beside the question"),
    (chat({"role": "developer", "content": "be kind"}, USER, answer=3), None, "", "instructions of a reasoning model"),
    (chat(USER, ANSWER, USER, answer=3), None, "", "a question in the middle of a conversation"),
    (chat(USER, tools=TOOLS), None, "", "no key for a grader: a model may judge without"),
    ({"answer": 3}, "messages-missing", "", "no question"),
    ({"messages": [], "answer": 3}, "messages-invalid", "messages", "an empty list"),
    (chat(USER, ANSWER, answer=3), "last-not-user", "messages[1]", "an answer at the end"),
    (chat(USER, SYSTEM, answer=3), "last-not-user", "messages[1]", "instructions at the end"),
    (chat("hi", USER, answer=3), "message-not-object", "messages[0]", "text among messages"),
    (chat({"role": "usr", "content": "hi"}, USER, answer=3), "role-unknown", "messages[0].role", "another role"),
    (chat(USER | {"wieght": 1}, answer=3), "key-unknown", "messages[0]", "keys of messages are not free"),
    (chat({"role": "user", "content": ""}, answer=3), "content-empty", "messages[0].content", "an empty question"),
]
ROWS = [
    *(("chat", *row) for row in CHAT),
    *(("chat", *row) for row in IMAGES),
    *(("preference", *row) for row in PREFERENCE),
    *(("reinforcement", *row) for row in REINFORCEMENT),
]


@pytest.mark.parametrize(
    ("data_format", "record", "code", "path", "reason"), ROWS, ids=[f"{row[0]}-{row[2]}-{row[4]}" for row in ROWS]
)
def test_each_record_has_the_one_finding(
    data_format: str, record: dict[str, Any], code: str | None, path: str, reason: str
) -> None:
    findings = found(record, data_format)
    assert [(each.code, each.path) for each in findings] == ([(code, path)] if code else []), reason
    for each in findings:
        assert leads_somewhere(record, each.path)
        assert each.line == 3
        json.dumps(str(each), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("record", "data_format", "reason"),
    [
        (chat(USER, ANSWER), "chat", "a question and its answer"),
        (chat(USER, ANSWER, source=3), "chat", "an answer stays chat, whatever keys there are"),
        (chat(USER), "chat", "no answer, and no key for a grader: chat with an error"),
        (chat(USER, tools=TOOLS), "chat", "tools are chat's own"),
        (chat(), "chat", "no message"),
        (chat(USER, answer=3), "reinforcement", "no answer, and a key"),
        (chat(USER, SYSTEM, answer=3), "reinforcement", "instructions at the end, which is an error of that format"),
        (preference(USER), "preference", "as it should be"),
        ({"input": {}, "preferred_output": []}, "preference", "half of it"),
        (chat(USER, preferred_output=[ANSWER]), "preference", "messages in the wrong place"),
        ({"prompt": "x", "chosen": "a", "rejected": "b"}, "preference", "the names of other tools"),
    ],
)
def test_the_format_is_told_by_a_record(record: dict[str, Any], data_format: str, reason: str) -> None:
    told = [name for name in ("preference", "reinforcement", "chat") if CHECKS[name].recognises(record)]
    assert told[0] == data_format, reason


@pytest.mark.parametrize(
    "value", [{}, {"messages": None}, {"messages": "x"}, {"messages": ["x"]}, {"messages": [{"role": []}]}]
)
def test_telling_the_format_needs_no_good_record(value: dict[str, Any]) -> None:
    for each in CHECKS.values():
        each.recognises(value)


@pytest.mark.parametrize(
    ("record", "data_format", "code", "remedy"),
    [
        ({"prompt": "x", "chosen": "a", "rejected": "b"}, "preference", "input-missing", "Rename `prompt` to `input`"),
        ({"prompt": "x", "chosen": "a", "rejected": "b"}, "preference", "output-missing", "Rename `chosen`"),
        ({"prompt": "x", "chosen": "a", "rejected": "b"}, "preference", "output-missing", "Rename `rejected`"),
        (
            {"input": {"messages": [USER]}, "preferred_output": [ANSWER], "non_prefered_output": [OTHER]},
            "preference",
            "output-missing",
            "Rename `non_prefered_output` to `non_preferred_output`",
        ),
        (
            {"input": {"messages": [USER]}, "prefered_outputt": [ANSWER], "non_preferred_output": [OTHER]},
            "preference",
            "output-missing",
            "Did you mean preferred_output?",
        ),
        (
            chat(USER, preferred_output=[ANSWER], non_preferred_output=[OTHER]),
            "preference",
            "input-missing",
            "inside `input`",
        ),
        (preference(USER), "chat", "messages-missing", "preference data"),
        (chat(USER, answer=3), "chat", "assistant-missing", "reinforcement data"),
        (seen(image("iVBORw0KGgoAAAA")), "chat", "image-url-invalid", "data:image/png;base64,"),
        (seen(image(data_url(PNG).replace("A", "\n", 1))), "chat", "image-data-unusual", "base64 -w 0"),
        (seen({"type": "input_text", "text": "x"}), "chat", "part-unknown", "Did you mean text?"),
        (chat({"role": "human", "content": "x"}, ANSWER), "chat", "role-unknown", "Did you mean user?"),
        (chat(USER, {"role": "gpt", "content": "x"}), "chat", "role-unknown", "Did you mean assistant?"),
        (chat(USER), "chat", "assistant-missing", "--data-format reinforcement"),
        ({"messages": json.dumps([USER, ANSWER])}, "chat", "messages-invalid", "Decode"),
        (
            {"input": {"messages": [USER]}, "preferred_completion": [ANSWER], "non_preferred_completion": [OTHER]},
            "preference",
            "output-missing",
            "Rename `preferred_completion` to `preferred_output`",
        ),
        ({"Messages": [USER, ANSWER]}, "chat", "messages-missing", "Did you mean messages?"),
        ({"body": chat(USER, ANSWER)}, "chat", "messages-missing", "the inner object"),
        ({"contents": [{"role": "user", "parts": [{"text": "x"}]}]}, "chat", "messages-missing", "Rename `contents`"),
    ],
)
def test_remedies_name_what_was_probably_meant(
    record: dict[str, Any], data_format: str, code: str, remedy: str
) -> None:
    assert any(remedy in each.remedy for each in found(record, data_format) if each.code == code)


def test_a_renamed_key_is_told_once() -> None:
    assert [each.code for each in found({"prompt": "x", "chosen": "a", "rejected": "b"}, "preference")] == [
        "input-missing",
        "output-missing",
        "output-missing",
    ]


WORDS = st.sampled_from(
    ["messages", "role", "user", "assistant", "tool", "content", "type", "text", "image_url", "url"]
)
KEYS = st.one_of(
    WORDS,
    st.sampled_from(
        ["input", "preferred_output", "non_preferred_output", "tools", "tool_calls", "function", "weight", "name"]
    ),
    st.text(max_size=3),
)
ANYTHING = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.floats(allow_nan=False), WORDS, st.sampled_from(["\ud800", "data:,", "http://"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)
SCHEMATIC = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(st.dictionaries(KEYS, ANYTHING, max_size=5) | ANYTHING, max_size=3) | ANYTHING,
        "input": st.fixed_dictionaries({"messages": ANYTHING}) | ANYTHING,
        "preferred_output": ANYTHING,
        "non_preferred_output": ANYTHING,
        "tools": ANYTHING,
        "functions": ANYTHING,
    },
)


@given(SCHEMATIC)
def test_no_record_raises_and_every_path_leads_somewhere(record: dict[str, Any]) -> None:
    for name, each in CHECKS.items():
        each.recognises(record)
        for finding in found(record, name):
            assert finding.code in CODES
            assert leads_somewhere(record, finding.path)


# ---- paths


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("", {"a": [{"b_1": 2}], "c": {"d": [[5]]}}),
        ("a", [{"b_1": 2}]),
        ("a[0].b_1", 2),
        ("c.d[0][0]", 5),
    ],
)
def test_a_path_is_walked(path: str, value: Any) -> None:
    assert value_at({"a": [{"b_1": 2}], "c": {"d": [[5]]}}, path) == value


@pytest.mark.parametrize("path", ["b", "a[1]", "a.b", "c[0]", "a[0].c", "a[99999999999999999999]"])
def test_a_path_that_leads_nowhere_is_a_lookup_error(path: str) -> None:
    with pytest.raises(LookupError):
        value_at({"a": [{"b": 2}], "c": {"d": 1}}, path)


@pytest.mark.parametrize("path", [".", "a.", "a..b", "[0]", "a[", "a[x]", "a[-1]", "a b", "a[0]b", "é"])
def test_what_is_no_path_is_a_value_error(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        value_at({"a": [1]}, path)


# ---- the whole file


def noted(rows: list[tuple[str | None, int]], base: int = 0) -> Notes:
    notes = Notes()
    for number, (content, images) in enumerate(rows, base + 1):
        notes.system(content, number)
        notes.example_images(images)
        notes.item_keys(["a"] if images else ["a", "b"], number)
        if images > 1:
            notes.deprecated(number)
    return notes


def finished(notes: Notes) -> tuple[Finding, ...]:
    out = Collector("f")
    notes.finish(out)
    return out.kept()


@given(
    st.lists(st.tuples(st.sampled_from([None, "", "a", "b", "\ud800"]), st.integers(0, 2))),
    st.lists(st.integers(0, 30), max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_parts_of_a_file_noted_apart_say_what_the_whole_says(
    rows: list[tuple[str | None, int]], cuts: list[int], shifted: bool, backwards: bool
) -> None:
    ends = sorted({min(cut, len(rows)) for cut in cuts} | {0, len(rows)})
    parts = [
        (begin, pickle.loads(pickle.dumps(noted(rows[begin:end], 0 if shifted else begin))))
        for begin, end in pairwise(ends)
    ]
    merged = Notes()
    for begin, part in reversed(parts) if backwards else parts:
        merged.merge(part, shift=begin if shifted else 0)
    whole = noted(rows)
    assert finished(merged) == finished(whole)
    assert (merged.images, merged.image_examples) == (whole.images, whole.image_examples)


def test_the_memory_of_notes_is_bounded() -> None:
    parts = [noted([(f"{number}", 0) for number in range(base, base + 3000)], base) for base in (0, 3000)]
    parts[0].merge(parts[1])
    assert len(pickle.dumps(parts[0])) < 50 * VARIANTS_REMEMBERED
    (differs,) = finished(parts[0])
    assert (differs.code, differs.line) == ("system-differs", 2)
    assert f"at least {VARIANTS_REMEMBERED}" in differs.message


def test_a_long_system_message_is_not_sent_to_another_process() -> None:
    notes = Notes()
    notes.system("x" * 100_000, 1)
    assert len(pickle.dumps(notes)) < 1000


@pytest.mark.parametrize(
    ("data_format", "broken", "reason"),
    [
        ("chat", {"mesages": [SYSTEM, USER, ANSWER]}, "no messages to look at"),
        ("chat", {"messages": 5}, "no list"),
        ("chat", {"messages": []}, "an empty one"),
        ("chat", chat("s", USER, ANSWER), "a text where a message belongs"),
        (
            "chat",
            chat(SYSTEM | {"role": "sytem"}, USER, ANSWER),
            "a misspelled role may have been meant as that of the system",
        ),
        ("chat", chat(SYSTEM | {"role": ["system"]}, USER, ANSWER), "a role that is no text"),
        ("chat", chat({"role": "system"}, USER, ANSWER), "a system message without text"),
        ("chat", chat(SYSTEM | {"content": 3}, USER, ANSWER), "or with something else"),
        ("preference", {"input": 5}, "no object"),
        ("preference", {"input": {}}, "without messages"),
        ("reinforcement", {"mesages": [SYSTEM, USER], "answer": 3}, "its keys for a grader are those of a slip, too"),
    ],
)
def test_a_line_that_cannot_be_read_does_not_differ_from_others(
    data_format: str, broken: dict[str, Any], reason: str
) -> None:
    good = chat(SYSTEM, USER, answer=3) if data_format == "reinforcement" else chat(SYSTEM, USER, ANSWER)
    told = {"input": chat(SYSTEM, USER)} if data_format == "preference" else good
    notes = Notes()
    for line, record in enumerate((told, broken, told), 1):
        CHECKS[data_format].check(record, line, Collector("f"), notes)
    assert finished(notes) == (), reason


def test_the_older_spelling_is_told_once() -> None:
    out, notes = Collector("f"), Notes()
    old = chat(USER, ANSWER, functions=[{"name": "f"}])
    for line in (5, 6, 7):
        chat_record.check(old, line, out, notes)
    notes.finish(out)
    assert [(each.code, each.line) for each in out.kept()] == [("deprecated-functions", 5)]


def test_examples_with_images_are_counted() -> None:
    notes = Notes()
    notes.image_examples = IMAGE_EXAMPLES_LIMIT
    assert finished(notes) == ()
    notes.example_images(3)
    (finding,) = finished(notes)
    assert (finding.code, finding.line) == ("image-examples-too-many", 0)
    assert "50,001" in finding.message


def test_a_key_that_some_examples_lack_is_told() -> None:
    out, notes = Collector("f"), Notes()
    for line, keys in enumerate(({"answer": 1}, {"answer": 2}, {"anwser": 3}, {"answer": 4}), 1):
        reinforcement_record.check(chat(USER, **keys), line, out, notes)
    notes.finish(out)
    assert [(each.code, each.line) for each in out.kept()] == [("item-keys-differ", 3)]
    assert "anwser" not in repr(out.kept())


def test_findings_of_parts_are_put_together() -> None:
    whole, first, second = Collector("f"), Collector("f"), Collector("")
    for line in range(1, 31):
        whole.add("row-duplicate", line)
        (first if line <= 15 else second).add("row-duplicate", line if line <= 15 else line - 15)
    second.add("file-empty")
    first.merge(pickle.loads(pickle.dumps(second)), shift=15)
    assert first.counts == {"row-duplicate": 30, "file-empty": 1}
    assert [each for each in first.kept() if each.line] == list(whole.kept())
    assert len(whole.kept()) == KEPT_PER_CODE
    assert first.kept()[0].line == 0


# ---- reading one line


@pytest.mark.parametrize(
    ("raw", "path", "reason"),
    [
        (b'{"messages": [{"role": 1, "role": 2}]}', "messages[0]", "in a message"),
        (
            b'{"input": {"messages": [{}, {"content": [{"x": 1, "x": 2}]}]}}',
            "input.messages[1].content[0]",
            "in a part",
        ),
        (b'{"name": {"private": {"x": 1, "x": 2}}}', "name", "below a key of somebody's own, which is not named"),
        (b'{"private": [[{"x": 1, "x": 2}]]}', "", "the same at the top"),
        (b'{"a": {"x": 1, "x": 2}, "a": 3}', "", "inside what another repetition hides"),
    ],
)
def test_a_repeated_key_has_a_place(raw: bytes, path: str, reason: str) -> None:
    out = Collector("f")
    read_object(raw, 1, out)
    assert out.kept()[0].path == path, reason
    assert "private" not in repr(out.kept())


def test_bytes_that_are_no_text_are_told_with_their_place() -> None:
    for offset, message in (
        (None, "byte 9 of the line is not valid UTF-8"),
        (100, "byte 9 of the line, byte 109 of the file, is not valid UTF-8"),
    ):
        out = Collector("f")
        assert read_object(b'{"\xc3\xa9": "\xff"}', 1, out, offset=offset) is None
        assert (out.kept()[0].message, out.kept()[0].column) == (message, 8)


LONG_LINES = [
    (b'{"\xc3\xa9": "\xff"}', "utf8-invalid", "no UTF-8"),
    (b'{"\xc3\xa9": "' + b"\xf0\x9f\x98\x80" * 40_000 + b'\xf0"}', "utf8-invalid", "in a later piece"),
    (b'{"a": "\xe2\x82', "utf8-invalid", "cut inside a character"),
    (b'{"\xc3\xa9": "\0"}', "nul-byte", "a NUL"),
    (b'{"\xc3\xa9": 1,}', "json-invalid", "a comma too many"),
    (b'{"\xc3\xa9": "x', "json-invalid", "cut off"),
    (b'{"a": NaN}', "json-invalid", "a number that JSON does not have"),
    (b'{"a": "\\ud800"}', "json-not-portable", "half a surrogate pair"),
    (b'{"a": 1e999}', "json-not-portable", "a number beyond all readers"),
    (b'{"a": ' * 100_000, "json-too-deep", "nested"),
    (BOM + b"{}", "bom-inside", "two files joined"),
    (b"[]", "record-not-object", "a list"),
]


@pytest.mark.parametrize(("raw", "code", "reason"), LONG_LINES)
def test_a_line_of_images_has_the_same_findings_without_a_copy(raw: bytes, code: str, reason: str) -> None:
    careful, frugal = Collector("f"), Collector("f")
    read_object(raw, 7, careful, offset=100)
    assert read_long(memoryview(raw), 7, frugal, 100) is None
    (one,) = frugal.kept()
    (other,) = [each for each in careful.kept() if each.code == code]
    assert (one.code, one.line) == (code, 7), reason
    if code in {"utf8-invalid", "nul-byte"}:
        assert (one.column, one.message) == (other.column, other.message), reason


def test_a_broken_line_of_images_needs_little_memory() -> None:
    data = b'{"a": "\xf0\x9f\x98\x80", "b": "' + bytes(LONGEST_LINE).replace(b"\0", b"A")
    for end in (b'"', b'\0"}', b'\xff"}', b'\\ud800"}'):
        raw = memoryview(data + end)
        tracemalloc.start()
        try:
            assert read_object(raw, 1, Collector("f")) is None
            assert tracemalloc.get_traced_memory()[1] < 2.5 * len(raw), end
        finally:
            tracemalloc.stop()


@given(
    st.one_of(st.binary(max_size=60), ANYTHING.map(lambda value: json.dumps(value).encode())),
    st.none() | st.integers(0),
)
@example(b"[" * 100_000, None)
@example(b'{"a":' * 100_000, None)
@example(b'{"a": -' + b"9" * 1_000_000 + b"}", None)
@example(b'{"a": NaN, "b": -Infinity, "c": 1e999999999}', None)
@example(b'{"a": {"b": "\\ud800\\udc00\\ud800", "b": 1}}', None)
def test_no_bytes_raise(raw: bytes, offset: int | None) -> None:
    out = Collector("f")
    record = read_object(raw, 1, out, offset=offset)
    assert (record is None) == any(
        each.severity == "error" and each.code != "json-too-deep" for each in out.kept()
    ) or (out.counts["json-too-deep"] > 0)
    json.dumps([str(each) for each in out.kept()], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": ' + b"9" * 2_000_000 + b"}",
        b"{" + b",".join(b'"k%d": 1' % number for number in range(100_000)) + b', "k99999": 2}',
        b'{"messages": [' + b",".join([b'{"role": 1, "role": 2}'] * 50_000) + b"]}",
        b'{"a": ' * 300_000,
        b'{"a": "' + b"\\ud800" * 300_000 + b'"}',
    ],
    ids=["digits", "keys", "repeated", "deep", "surrogates"],
)
def test_the_time_grows_with_the_length_only(raw: bytes) -> None:
    start = time.process_time()
    read_object(raw, 1, Collector("f"))
    assert time.process_time() - start < 5


@given(st.binary(max_size=200))
def test_the_size_of_an_image_is_known_without_decoding(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert measured(text) == (
        (len(data), "", "", "") if data else (0, "image-data-invalid", "the data URL holds no data", "")
    )


# ---- what the whole file is


@pytest.mark.parametrize(
    ("head", "code", "reason"),
    [
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "file-html", "a login page"),
        (b"\n  <html lang=en>", "file-html", "without its first line"),
        (b"<!-- a --><!-- b -->\n<HTML>", "file-html", "with comments"),
        (b'<?xml version="1.0"?><!DOCTYPE html>', "file-html", "the strict kind"),
        (
            b'\xef\xbb\xbf<?xml version="1.0"?><Error><Code>BlobNotFound</Code></Error>',
            "file-xml",
            "of a storage service",
        ),
        (b"<records>\n<record/></records>", "file-xml", "without a declaration"),
        (b"Dear diary,\ntoday was a good day.\n", "file-text", "a comma at the end makes no table"),
        (b"It was a dark night, and it rained.\nNobody spoke.\n", "file-text", "prose with a comma"),
        (b"# A title\n\nSome text.\n", "file-text", "Markdown"),
        (b"messages:\n- role: user\n", "file-text", "YAML"),
        (b"PAR1\x15", "file-binary", "Parquet"),
        (b"PK\x03\x04....xl/workbook.xml", "file-compressed", "a workbook"),
        (b"%PDF-1.7", "file-binary", "a document"),
        (b"7z\xbc\xaf\x27\x1c", "file-compressed", "7-Zip"),
        (b'\xef\xbb\xbf \n[{"messages": []}]', "file-json-array", "an array after a mark and a blank line"),
        (b"[\n{\n", "file-json-array", "over several lines"),
        (b'{"messages":\n  [', "file-json-indented", "cut after a colon"),
        (b'{"messages": []}\r{"messages": []}\r', "file-cr-lines", "carriage returns alone"),
        ('{"messages": []}'.encode("utf-16-be"), "file-utf16", "without a mark"),
        (b'{"messages": []}\n', None, "as it should be"),
        (b'oops\n{"messages": []}\n', None, "one bad line is found by its number"),
        (b'messages": []}\n', None, "a record without its beginning"),
        (b'"text"\n', None, "JSON, but no object"),
        (b"\xff\xfe", "file-utf16", "a mark and nothing else"),
        (b"", None, "nothing"),
    ],
)
def test_what_a_file_is_instead(head: bytes, code: str | None, reason: str) -> None:
    assert sniff(head) == code, reason


def test_a_pointer_is_fetched_by_its_path() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n"
    found = describe(pointer, "my data/a.jsonl")
    assert found
    assert found.remedy.endswith("\n  git lfs pull --include a.jsonl"), "git takes a path as one from the root"
    found = describe(b"outs:\n- md5: 00\n  path: a.jsonl\n", "a.jsonl")
    assert found
    assert found.remedy.endswith("\n  dvc pull a.jsonl")
    assert describe(pointer) == ("file-lfs-pointer", "", "")


@pytest.mark.parametrize(
    ("head", "file", "command"),
    [
        (b"[{}]", "out IN/a.json", "jq -c '.[]' 'out IN/a.json' > 'out IN/a.fixed.jsonl'"),
        (b"\xff\xfe{\0", "a.jsonl", "iconv -f UTF-16 -t UTF-8 a.jsonl > a.fixed.jsonl"),
        (b"\x1f\x8b\x08", "v1.2/a.jsonl.gz", "gunzip -c v1.2/a.jsonl.gz > v1.2/a.fixed.jsonl"),
        (b"[{}]", "-", "jq -c '.[]' IN > OUT"),
    ],
)
def test_a_command_that_mends_a_file_can_be_copied(head: bytes, file: str, command: str) -> None:
    found = describe(head, file)
    assert found
    assert (found.remedy or CODES[found.code].remedy).endswith(f"\n  {command}")


@pytest.mark.parametrize(
    ("line", "says", "remedy"),
    [
        (b'{"messages": []}, ', "a comma follows the record", "Remove the comma"),
        (b'{"messages": []} {"messages": []}', "another record follows on the same line", "Begin a new line there"),
        (b'{"messages": []} S', "extra data", "Correct the JSON"),
    ],
)
def test_what_follows_a_record_is_told(line: bytes, says: str, remedy: str) -> None:
    found = next(one for one in scan(io.BytesIO(line), file="a").findings if one.code == "json-invalid")
    assert found.message == f"the line is not valid JSON: {says}"
    assert found.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PAR1", "Parquet"),
        (b"PK\x03\x04 xl/workbook.xml", "Office"),
        (b"PK\x03\x04 a.jsonl", "zip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"%PDF-1.7", "PDF"),
    ],
)
def test_a_file_of_another_kind_is_named(head: bytes, words: str) -> None:
    found = describe(head)
    assert found
    assert words in found.message


@given(st.one_of(st.binary(), st.text().map(str.encode)), st.text())
@example(b"<!---->" * 9000, "a")
@example(b"}" + b"\r" * SNIFFED, "a")
@example(b"<" + b"a " * SNIFFED, "a")
@example(b"a: b\n" * 9000, "a")
def test_sniffing_never_raises_and_quotes_nothing(head: bytes, file: str) -> None:
    start = time.process_time()
    assert sniff(head) in {None, *CODES}
    describe(head, file)
    assert time.process_time() - start < 2


# ---- the page


def table(severity: str) -> str:
    """Return the table of all codes of a severity, as it stands on the page."""
    rows = ["| code | what it means | what to do |", "|---|---|---|"]
    for code in CODES.values():
        if code.severity == severity:
            words, _, command = code.remedy.replace("|", "\\|").partition("\n  ")
            rows.append(f"| `{code.name}` | {code.meaning} | {words}{f' `{command}`' if command else ''} |")
    return "\n".join(rows)


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_the_page_has_every_code(severity: str) -> None:
    assert table(severity) in PAGE.read_text(encoding="utf-8"), f"replace the table by:\n{table(severity)}"


def test_the_page_has_no_other_code() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(rows) == len(CODES)


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16LE", "UTF-16BE", "UTF-32", "UTF-32LE", "UTF-32BE"])
def test_wide_text_is_named_so_that_iconv_reads_it(encoding: str) -> None:
    told = describe('{"messages": []}\n'.encode(encoding), "a b.jsonl")
    assert told is not None
    assert told.code == "file-utf16"
    assert f"iconv -f {encoding} -t UTF-8 'a b.jsonl' > 'a b.fixed.jsonl'" in told.remedy


def test_a_carriage_return_between_two_records_is_named() -> None:
    out = Collector("f")
    assert read_object(b'{"a": 1}\r{"a": 2}', 7, out) is None
    [finding] = out.kept()
    assert (finding.code, finding.line, finding.column) == ("json-invalid", 7, 10)
    assert "carriage return" in finding.message
    assert "tr '\\r' '\\n'" in finding.remedy
