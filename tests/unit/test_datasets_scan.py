"""What a scan says about files: one table for whole files, one for single records, and the shape of the answer.

It is longer than other files because the table of all codes is one table.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib
import io
import json
from dataclasses import replace
from typing import Any

import pytest

from reconciler.datasets.findings import CODES, KEPT_PER_CODE, Finding
from reconciler.datasets.part import TEXT_LIMIT
from reconciler.datasets.scan import EXAMPLES_ADVISED, Scan, scan
from reconciler.datasets.stream import BOM, LINE_LIMIT

module = importlib.import_module("reconciler.datasets.scan")  # the package has a function of this name
USER = {"role": "user", "content": "hi"}
ANSWER = {"role": "assistant", "content": "hello"}
CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]


def line(number: int = 0) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": f"question {number}"}, ANSWER]}).encode() + b"\n"


GOOD = b"".join(line(number) for number in range(EXAMPLES_ADVISED))


def scanned(data: bytes, data_format: str | None = None) -> Scan:
    return scan(io.BytesIO(data), file="train.jsonl", data_format=data_format)


def in_file(record: bytes) -> list[Finding]:
    """Scan a good file with this record as line 51."""
    return list(scanned(GOOD + record + b"\n").findings)


def record(*messages: Any, **others: Any) -> bytes:
    return json.dumps({"messages": messages, **others}).encode()


def test_a_good_file_has_no_findings() -> None:
    found = scanned(GOOD)
    known = Scan(hashlib.sha256(GOOD).hexdigest(), len(GOOD), EXAMPLES_ADVISED, "chat", (), {})
    assert replace(found, statistics=known.statistics, rows=known.rows) == known
    assert (found.errors, found.warnings) == (0, 0)


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"", "file-empty", "nothing at all"),
        (BOM + b"\r\n \n", "file-empty", "nothing but a mark and blank lines"),
        (line() * 1, "examples-too-few", "one example"),
        (gzip.compress(GOOD), "file-compressed", "gzip"),
        (b"PK\x03\x04" + b"\0" * 30, "file-compressed", "a zip, or a spreadsheet"),
        (b"PAR1\x15\x04", "file-binary", "parquet"),
        (b"\0" * 10, "file-binary", "zeros, as a crashed file system leaves them"),
        (GOOD.decode().encode("utf-16"), "file-utf16", "UTF-16 with its mark"),
        (GOOD.decode().encode("utf-16-le"), "file-utf16", "UTF-16 without"),
        (GOOD.decode().encode("utf-16-be"), "file-utf16", "UTF-16 of the other order"),
        (b"prompt,completion\nhi,hello\n", "file-csv", "a table with a header"),
        (b'"prompt";"completion"\n"hi";"hello"\n', "file-csv", "a table as a spreadsheet of another country writes it"),
        (b"prompt\tcompletion\nhi\thello\n", "file-csv", "a table with tabs"),
        (json.dumps([json.loads(line())]).encode(), "file-json-array", "one array"),
        (b"[\n  {}\n]\n", "file-json-array", "one array over several lines"),
        (json.dumps(json.loads(line()), indent=2).encode(), "file-json-indented", "a pretty-printed record"),
        (b'{"messages": [\n  {"role": "user"}\n]}\n', "file-json-indented", "a record over several lines"),
        (GOOD.replace(b"\n", b"\r"), "file-cr-lines", "line ends of a very old Mac"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
            "file-lfs-pointer",
            "Git LFS, not fetched",
        ),
        (b"outs:\n- md5: 00\n  size: 3\n  hash: md5\n  path: train.jsonl\n", "file-dvc-pointer", "DVC, not fetched"),
        (b"md5: 00\nframe: x\nouts:\n- md5: 00\n  path: train.jsonl\n", "file-dvc-pointer", "DVC with more keys"),
    ],
)
def test_files_that_hold_no_examples_have_one_error(data: bytes, code: str, reason: str) -> None:
    found = scanned(data)
    assert found.counts == {code: 1}, reason
    assert found.errors == 1
    assert found.findings[0].line == 0
    assert found.findings[0].severity == "error"


@pytest.mark.parametrize(
    ("count", "code"),
    [(9, "examples-too-few"), (10, "examples-few"), (49, "examples-few"), (50, None)],
)
def test_the_number_of_examples(count: int, code: str | None) -> None:
    found = scanned(b"".join(line(number) for number in range(count)))
    assert found.examples == count
    assert list(found.counts) == ([code] if code else [])


@pytest.mark.parametrize(
    ("raw", "code", "column", "reason"),
    [
        (b'{"messages": \xe9}', "utf8-invalid", 14, "Latin-1"),
        (b'{"\xc3\xa9": \xe9}', "utf8-invalid", 7, "the column counts characters, not bytes"),
        (b'{"a": "\xed\xa0\x80"}', "utf8-invalid", 8, "a surrogate in UTF-8"),
        (b'{"a": "x\0"}', "nul-byte", 9, "a NUL"),
        (BOM + line().strip(), "bom-inside", 1, "two files joined"),
        (b'{"messages": [}', "json-invalid", 15, "a bracket that is not closed"),
        (b'{"messages": []} {}', "json-invalid", 18, "two records on a line"),
        (b"{'messages': []}", "json-invalid", 2, "Python's quotes"),
        (b'{"messages": [], }', "json-invalid", 18, "a comma too many"),
        (b'{"a": NaN}', "json-invalid", 7, "a number that JSON does not have"),
        (b'{"a": "\t"}', "json-invalid", 8, "a raw tab in a string"),
        (b"nonsense", "json-invalid", 1, "no JSON at all"),
        (b'{"a": ' * 2000, "json-too-deep", None, "nested beyond every reader"),
        (b'{"messages": ' + b"[" * 100_000, "json-too-deep", None, "far beyond"),
        (b"[]", "record-not-object", 1, "a list"),
        (b'"text"', "record-not-object", 1, "a string"),
        (b"12", "record-not-object", 1, "a number"),
        (b"null", "record-not-object", 1, "nothing"),
    ],
)
def test_lines_that_cannot_be_read(raw: bytes, code: str, column: int | None, reason: str) -> None:
    (found,) = in_file(raw)
    assert (found.code, found.line, found.column, found.severity) == (code, 51, column, "error"), reason


@pytest.mark.parametrize(
    ("raw", "code", "path", "reason"),
    [
        (b"{}", "messages-missing", "", "nothing in it"),
        (b'{"messages": null}', "messages-invalid", "messages", "null is no list"),
        (b'{"messages": []}', "messages-invalid", "messages", "an empty list"),
        (b'{"messages": {}}', "messages-invalid", "messages", "an object"),
        (record(USER, "hello", ANSWER), "message-not-object", "messages[1]", "a string among them"),
        (record(USER, {"content": "x"}, ANSWER), "role-missing", "messages[1]", "no role"),
        (record(USER, {"role": "asistant", "content": "x"}), "role-unknown", "messages[1].role", "one fault, not two"),
        (record({"role": "usr", "content": "x"}, ANSWER), "role-unknown", "messages[0].role", "one fault, not two"),
        (record(USER, {"role": "bot", "content": "x"}, ANSWER), "role-unknown", "messages[1].role", "another role"),
        (record(USER, {"role": None, "content": "x"}, ANSWER), "role-unknown", "messages[1].role", "null"),
        (record(USER, {"role": ["user"], "content": "x"}, ANSWER), "role-unknown", "messages[1].role", "a list"),
        (record(ANSWER), "user-missing", "messages", "an answer to nothing"),
        (record(USER, USER), "assistant-missing", "messages", "no answer"),
        (record({"role": "user"}, ANSWER), "content-missing", "messages[0]", "a question without words"),
        (record(USER, {"role": "assistant"}), "content-missing", "messages[1]", "an answer without words or calls"),
        (record(USER, {"role": "assistant", "content": None}), "content-missing", "messages[1]", "null"),
        (record(USER, {"role": "assistant", "content": 3}), "content-invalid", "messages[1].content", "a number"),
        (record({"role": "user", "content": {}}, ANSWER), "content-invalid", "messages[0].content", "an object"),
        (record({"role": "user", "content": ["x"]}, ANSWER), "content-invalid", "messages[0].content[0]", "not a part"),
        (
            record({"role": "user", "content": [{"type": "text"}]}, ANSWER),
            "content-invalid",
            "messages[0].content[0]",
            "a text part without text",
        ),
        (record(USER, ANSWER | {"weight": 2}, ANSWER), "weight-invalid", "messages[1].weight", "a weight of two"),
        (record(USER, ANSWER | {"weight": 0.5}), "weight-invalid", "messages[1].weight", "half a weight"),
        (record(USER, ANSWER | {"weight": "1"}), "weight-invalid", "messages[1].weight", "text"),
        (record(USER, ANSWER | {"weight": True}), "weight-invalid", "messages[1].weight", "true is not 1 in JSON"),
        (record(USER, ANSWER | {"weight": []}), "weight-invalid", "messages[1].weight", "a list"),
        (
            record(USER, {"role": "assistant", "tool_calls": {}}, tools=TOOLS),
            "tool-calls-invalid",
            "messages[1].tool_calls",
            "calls that are no list",
        ),
        (
            record(USER, {"role": "assistant", "content": "x", "tool_calls": [3]}, tools=TOOLS),
            "tool-calls-invalid",
            "messages[1].tool_calls[0]",
            "a call that is no object",
        ),
        (
            record(USER, {"role": "assistant", "tool_calls": [CALL | {"id": ""}]}, tools=TOOLS),
            "tool-calls-invalid",
            "messages[1].tool_calls[0].id",
            "a call without a name to answer it by",
        ),
        (
            record(USER, {"role": "assistant", "tool_calls": [CALL | {"type": "tool"}]}, tools=TOOLS),
            "tool-calls-invalid",
            "messages[1].tool_calls[0].type",
            "another type",
        ),
        (
            record(USER, {"role": "assistant", "tool_calls": [CALL | {"function": "look"}]}, tools=TOOLS),
            "tool-calls-invalid",
            "messages[1].tool_calls[0].function",
            "a function that is no object",
        ),
        (
            record(USER, {"role": "assistant", "tool_calls": [CALL | {"function": {"arguments": "{}"}}]}, tools=TOOLS),
            "tool-calls-invalid",
            "messages[1].tool_calls[0].function.name",
            "a function without name",
        ),
        (
            record(
                USER,
                {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "look", "arguments": {}}}]},
                tools=TOOLS,
            ),
            "tool-arguments-invalid",
            "messages[1].tool_calls[0].function.arguments",
            "arguments as an object: they are text in the API",
        ),
        (
            record(
                USER,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "content": "x", "tool_call_id": "c1"},
                {"role": "tool", "content": "x"},
                ANSWER,
                tools=TOOLS,
            ),
            "tool-call-id-missing",
            "messages[3]",
            "an answer to no call",
        ),
    ],
)
def test_records_that_azure_refuses(raw: bytes, code: str, path: str, reason: str) -> None:
    (found,) = in_file(raw)
    assert (found.code, found.path, found.line, found.severity) == (code, path, 51, "error"), reason


@pytest.mark.parametrize(
    ("raw", "code", "path", "reason"),
    [
        (line().strip(), "row-duplicate", "", "the first line again"),
        (b'{"messages": 1, ' + line(99).strip()[1:], "key-duplicate", "", "messages twice"),
        (record(USER, ANSWER, source="x"), "key-unknown", "", "a key of somebody's own"),
        (record(USER, ANSWER | {"wieght": 1}), "key-unknown", "messages[1]", "a weight that would be ignored"),
        (record(USER | {"weight": 1}, ANSWER), "weight-misplaced", "messages[0].weight", "on a question"),
        (record(USER, ANSWER, USER), "last-not-assistant", "messages[2]", "nothing is learned from the end"),
        (record({"role": "system", "content": "x"}, USER, ANSWER), "system-differs", "", "the others have none"),
        (
            record(
                USER,
                {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "look", "arguments": "{at"}}]},
                tools=TOOLS,
            ),
            "tool-arguments-not-json",
            "messages[1].tool_calls[0].function.arguments",
            "arguments as a model may write them",
        ),
        (record(USER, ANSWER | {"tool_calls": []}), "tool-calls-empty", "messages[1].tool_calls", "no calls in a list"),
        (record(USER, {"role": "assistant", "content": " \n"}), "content-empty", "messages[1].content", "only blanks"),
        (record({"role": "user", "content": []}, ANSWER), "content-empty", "messages[0].content", "no parts"),
        (record(USER, ANSWER | {"weight": 0}), "weights-zero", "messages", "nothing to learn"),
        (record(USER, ANSWER, tools={}), "tools-invalid", "tools", "tools that are no list"),
        (record(USER, ANSWER, tools=[{"type": "function"}]), "tools-invalid", "tools[0]", "a tool without function"),
        (
            record(USER, {"role": "assistant", "tool_calls": [CALL]}),
            "tool-undeclared",
            "messages[1].tool_calls[0].function.name",
            "a call of what is not there",
        ),
        (
            record(USER, {"role": "tool", "content": "x", "tool_call_id": "c9"}, ANSWER),
            "tool-call-unmatched",
            "messages[1].tool_call_id",
            "an answer to a call that was not made",
        ),
        (record(USER, ANSWER).replace(b"hello", b"\\ud800"), "json-not-portable", "", "half a surrogate pair"),
    ],
)
def test_records_that_are_accepted_with_a_warning(raw: bytes, code: str, path: str, reason: str) -> None:
    (found,) = in_file(raw)
    assert (found.code, found.path, found.line, found.severity) == (code, path, 51, "warning"), reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (record(USER, ANSWER, USER, ANSWER | {"weight": 1}), "several turns, with a weight"),
        (record(USER, ANSWER | {"weight": 0}, USER, ANSWER | {"weight": 1}), "only the last answer is learned"),
        (record(USER, ANSWER | {"weight": 1.0}), "1.0 is the number 1"),
        (record(USER, {"role": "assistant", "tool_calls": [CALL]}, tools=TOOLS), "a call is an answer"),
        (
            record(USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}, tools=TOOLS),
            "with null beside it",
        ),
        (
            record(USER, {"role": "assistant", "content": "", "tool_calls": [CALL]}, tools=TOOLS),
            "with no words beside it, as many libraries write it",
        ),
        (
            record(
                USER,
                {"role": "assistant", "tool_calls": [CALL]},
                {"role": "tool", "tool_call_id": "c1", "content": "found"},
                ANSWER,
                tools=TOOLS,
                parallel_tool_calls=False,
            ),
            "a call, its result, the answer",
        ),
        (record({"role": "user", "content": [{"type": "text", "text": "hi"}]}, ANSWER), "parts"),
        (record(USER | {"name": "ann"}, ANSWER), "a name"),
        (
            b'{ "messages" : [ {"role" : "user", "content" : "a \\"b\\" \\\\"}, {"role":"assistant","content":"c"} ] }',
            "spaces",
        ),
        (record(USER, ANSWER).replace(b"hello", b"\\u0022x\\u0022"), "quotes in another spelling"),
    ],
)
def test_records_that_are_as_they_should_be(raw: bytes, reason: str) -> None:
    assert in_file(raw) == [], reason


@pytest.mark.parametrize(
    ("raw", "remedy"),
    [
        (record(USER, {"role": "Assistant", "content": "x"}, ANSWER), "Did you mean assistant?"),
        (record(USER, {"role": "sytem", "content": "x"}, ANSWER), "Did you mean system?"),
        (record(USER, ANSWER | {"wieght": 1}), "Did you mean weight?"),
        (b'{"input": {}, "preferred_output": [], "non_preferred_output": []}', "preference data"),
        (b'{"conversations": []}', "Rename `conversations`"),
        (b'{"prompt": "x", "completion": "y"}', "older completion format"),
    ],
)
def test_remedies_name_what_was_probably_meant(raw: bytes, remedy: str) -> None:
    assert any(remedy in found.remedy for found in in_file(raw))


def test_no_finding_quotes_the_data() -> None:
    secret = "s3cret"
    lines = [
        record({"role": secret, "content": secret}, {secret: secret}, secret, **{secret: secret}),
        record(USER, {"role": "assistant", "tool_calls": [{"function": {"name": secret, "arguments": secret}}]}),
        b'{"s3cret": 1, "s3cret": 2, "messages": s3cret}',
        b'{"s3cret": 1, "s3cret": 2}',
        b'{"a": "\\s3cret"}',
        b"s3cret, s3cret",
        b"\xffs3cret",
    ]
    found = scanned(GOOD + b"\n".join(lines))
    assert found.errors > 5
    assert secret not in repr(found)


def test_findings_stand_at_the_lines_of_the_file() -> None:
    found = scanned(BOM + b"\r\n\n" + GOOD.replace(b"\n", b"\r\n\r\n") + b"{}")
    (finding,) = found.findings
    assert finding.line == 2 + 2 * EXAMPLES_ADVISED + 1
    assert str(finding) == "train.jsonl:103: error: the record has no `messages` [messages-missing]"


def test_the_scan_of_rewritten_data_is_the_same() -> None:
    windows = scanned(BOM + GOOD.replace(b"\n", b"\r\n").rstrip())
    assert windows == scanned(GOOD)


def test_only_the_first_findings_of_a_code_are_kept_and_all_are_counted() -> None:
    found = scanned(GOOD + b"{}\n" * 3 + b"".join(b"%d\n" % number for number in range(100)))
    assert found.counts == {"messages-missing": 3, "row-duplicate": 2, "record-not-object": 100}
    assert sum(finding.code == "record-not-object" for finding in found.findings) == KEPT_PER_CODE
    assert (found.errors, found.warnings) == (103, 2)
    assert list(found.findings) == sorted(found.findings, key=lambda finding: finding.line)


def test_the_system_message_is_compared_once_over_the_file() -> None:
    lines = [record({"role": "system", "content": f"s{number % 3}"}, USER, ANSWER) for number in range(60)]
    lines = [each.replace(b"hi", b"hi %d" % number) for number, each in enumerate(lines)]
    (finding,) = scanned(b"\n".join(lines)).findings
    assert (finding.code, finding.line) == ("system-differs", 2)
    assert "3 different" in finding.message


def test_a_line_of_very_many_values_is_counted_and_not_read() -> None:
    rows = [b'{"messages": "image_url", "a": [' + b"[]," * size + b"1]}" for size in (400_000, 6_000_000)]
    found = scanned(GOOD + rows[0] + b"\n" + rows[1] + b"\n")
    assert found.counts == {"line-too-long": 2}
    assert "more than 250,000 values" in found.findings[0].message


def test_a_line_that_does_not_fit_in_memory_is_counted_and_not_checked() -> None:
    found = scanned(GOOD + b'{"' + b"x" * LINE_LIMIT + b'": 1}\n' + line(77))
    assert found.counts == {"line-too-long": 1}
    assert found.findings[0].line == 51
    assert found.examples == EXAMPLES_ADVISED + 2


def test_a_long_line_is_read_if_it_holds_images() -> None:
    def shown(size: int, **part: Any) -> bytes:
        data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(size)).decode()
        image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
        return record({"role": "user", "content": [image, image, image]} | part, ANSWER)

    found = scanned(GOOD + shown(5 << 20) + b"\n" + shown(5 << 20, name=1) + b"\n" + line(77))
    assert found.counts == {"name-invalid": 1}
    assert (found.findings[0].line, found.statistics.images) == (52, 6)
    text = record({"role": "user", "content": "x" * TEXT_LIMIT}, ANSWER)
    assert scanned(GOOD + text + b"\n" + line(77) * 2).counts == {"line-too-long": 1, "row-duplicate": 1}


def test_a_file_of_one_endless_line_is_told_by_its_beginning() -> None:
    assert scanned(b"[" + b"{}, " * (LINE_LIMIT // 3)).counts == {"file-json-array": 1}


def test_a_scan_can_be_told_under_another_name() -> None:
    found = scan(io.BytesIO(b"{}\n"), file="b.jsonl")
    assert scanned(b"{}\n").under("b.jsonl") == found


def test_the_size_limit_counts_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(GOOD) + len(BOM)
    for whole, parts, counts in (
        (size + 1, size, {}),
        (size, size, {"file-large": 1}),
        (1, size, {"file-large": 1}),
        (1, size - 1, {"file-too-large": 1}),
    ):
        monkeypatch.setattr(module, "WHOLE_LIMIT", whole)
        monkeypatch.setattr(module, "PARTS_LIMIT", parts)
        assert scanned(GOOD).counts == counts


def test_the_format_may_be_asserted() -> None:
    assert scanned(GOOD, "chat") == scanned(GOOD)
    with pytest.raises(ValueError, match="unknown data format; one of preference, reinforcement, chat"):
        scanned(GOOD, "chart")


def test_the_format_is_told_by_most_of_the_first_records_that_can_be_read() -> None:
    asks = record(USER)[:-1] + b', "target": 1}\n'
    assert scanned(b"broken\n" + GOOD).format == "chat"
    assert scanned(asks + GOOD).format == "chat", "an odd record at the beginning"
    assert scanned(asks * 20 + GOOD * 20).format == "reinforcement"
    assert scanned(b"broken\n").format == "chat"


def test_every_code_has_its_documentation() -> None:
    for name, code in CODES.items():
        assert name == code.name
        assert code.meaning[0].islower() or code.meaning[0] == "`"
        assert code.remedy
        assert "\n" not in code.meaning
