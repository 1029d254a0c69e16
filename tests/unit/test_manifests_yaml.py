"""Reading YAML: values by the 1.2 core schema, places, and every way in which a file can be wrong."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fault import Fault
from reconciler.manifests import yaml as reader
from reconciler.manifests.nodes import Document, walk
from reconciler.manifests.yaml import MAX_BROKEN, MAX_DEPTH, decode, documents

LOADERS = [pytest.param(yaml.SafeLoader, id="python")]
if hasattr(yaml, "CSafeLoader"):
    LOADERS.append(pytest.param(yaml.CSafeLoader, id="libyaml"))


@pytest.fixture(params=LOADERS)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(reader, "_LOADER", request.param)
    return request.param


def value(text: str) -> Any:
    [document] = documents(text, "a.yaml")
    assert document.root is not None
    assert document.faults == []
    return document.root.data


def faults(text: str) -> list[Fault]:
    return [fault for document in documents(text, "a.yaml") for fault in document.faults]


SCALARS = [
    ("no", "no", "YAML 1.1 reads it as false; it is a country and a suffix"),
    ("on", "on", "same"),
    ("y", "y", "same"),
    ("2024-10-21", "2024-10-21", "an API version is no date"),
    ("12:30", "12:30", "no sexagesimal numbers"),
    ("1_000", "1_000", "underscores belong to YAML 1.1"),
    ("true", True, "core schema"),
    ("True", True, "core schema"),
    ("TRUE", True, "core schema"),
    ("tRue", "tRue", "only three spellings"),
    ("False", False, "core schema"),
    ("12", 12, "core schema"),
    ("-3", -3, "core schema"),
    ("+3", 3, "core schema"),
    ("007", 7, "a leading zero is no octal in YAML 1.2"),
    ("0o17", 15, "octal as YAML 1.2 writes it"),
    ("0x1F", 31, "hexadecimal"),
    ("0b1", "0b1", "no binary numbers"),
    ("1e-4", 0.0001, "YAML 1.1 reads it as text"),
    ("1.", 1.0, "core schema"),
    (".5", 0.5, "core schema"),
    ("1.5E+3", 1500.0, "core schema"),
    ("-", None, "an empty list item, not text"),
    ("~", None, "core schema"),
    ("Null", None, "core schema"),
    ("nULL", "nULL", "only three spellings"),
    ('"5"', "5", "quotes make text"),
    ("'true'", "true", "quotes make text"),
    ("!!str 5", "5", "so does the tag"),
    ("! 5", "5", "and the non-specific tag"),
    ("!!int '5'", 5, "a tag makes a number of quoted text"),
    ("!!float 5", 5.0, "a whole number is a float, if asked for"),
    ("!!null ''", None, "a tag of the core schema"),
    ("=", "=", "YAML 1.1 has a type for it"),
    ("<<", "<<", "only as a key it merges"),
    ("٣", "٣", "digits are ASCII"),
    ("9223372036854775807", 2**63 - 1, "the largest number of 64 bits"),
]


@pytest.mark.parametrize(("text", "expected", "reason"), SCALARS)
def test_a_scalar_is_read_by_the_core_schema_of_yaml_1_2(text: str, expected: Any, reason: str, loader: Any) -> None:
    found = value(f"key: {text}\n") if text != "-" else {"key": value("-\n")[0]}
    assert found == {"key": expected}, reason
    assert type(found["key"]) is type(expected), reason


def test_block_scalars_and_nothing_are_read() -> None:
    assert value("a: |\n  x\n  y\nb: >-\n  x\n  y\nc:\nd: ''\n") == {"a": "x\ny\n", "b": "x y", "c": None, "d": ""}


FAULTY = [
    ("a: 1\nb: 2\na: 3\n", "duplicate-key", 3, 1, "PyYAML keeps the last in silence"),
    ("a: {b: 1, b: 2}\n", "duplicate-key", 1, 11, "in a flow mapping too"),
    ("1: x\n", "not-a-key", 1, 1, "JSON has no such keys"),
    ("true: x\n", "not-a-key", 1, 1, "same"),
    ("?\n: x\n", "not-a-key", 1, 2, "an empty key"),
    ("[a]: x\n", "not-a-key", 1, 1, "a list is no key"),
    ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge-key", 3, 3, "belongs to YAML 1.1"),
    ("a: !secret x\n", "unknown-tag", 1, 4, "tags run code elsewhere"),
    ("a: !!python/object:os.system x\n", "unknown-tag", 1, 4, "tags run code elsewhere"),
    ("a: !!int x\n", "unknown-tag", 1, 4, "the value is of another type"),
    ("a: !!set {x}\n", "unknown-tag", 1, 4, "not of the core schema"),
    ("a: !!timestamp 2024-10-21\n", "unknown-tag", 1, 4, "not of the core schema"),
    ("a: .inf\n", "bad-number", 1, 4, "JSON cannot say it"),
    ("a: .NaN\n", "bad-number", 1, 4, "JSON cannot say it"),
    ("a: 1e999\n", "bad-number", 1, 4, "it would be infinite"),
    ("a: 9223372036854775808\n", "bad-number", 1, 4, "other readers of JSON round it"),
    (f"a: {'9' * 5000}\n", "bad-number", 1, 4, "Python refuses to read it"),
    ("a: *x\n", "unknown-alias", 1, 4, "no such anchor"),
    ("a: &x 1\n---\nb: *x\n", "unknown-alias", 3, 4, "anchors end with their document"),
    ("a: &x [*x]\n", "alias-cycle", 1, 8, "it would never end"),
    ("a: b: c\n", "yaml-syntax", 1, 5, "a colon in a plain value"),
    ("a:\n\tb: 1\n", "yaml-syntax", 2, 1, "a tab"),
    ("a: 'x\n", "yaml-syntax", 2, 1, "an open quote"),
    ("a: [1\n", "yaml-syntax", 2, 1, "an open bracket"),
    ("a: \x07\n", "yaml-syntax", 1, 4, "a control character"),
    ("a: 1\n\n  ü\x1b: 1\n", "yaml-syntax", 3, 4, "the place of a control character is counted in characters"),
    ("a: @x\n", "yaml-syntax", 1, 4, "a reserved character"),
    ("[" * 100_000, "too-deep", 1, MAX_DEPTH + 1, "deep nesting never costs the stack"),
    ("- " * 100_000, "too-deep", 1, 2 * MAX_DEPTH + 1, "same, in block style"),
    ("{a: " * 100_000, "too-deep", 1, 4 * MAX_DEPTH + 1, "same, of mappings"),
]


@pytest.mark.parametrize(("text", "code", "line", "column", "reason"), FAULTY)
def test_what_is_wrong_is_named_with_its_place(
    text: str, code: str, line: int, column: int, reason: str, loader: Any
) -> None:
    [fault] = faults(text)
    assert fault.code == code, reason
    assert fault.place is not None
    assert fault.place.line == line, reason
    if loader is not yaml.SafeLoader:  # PyYAML's own scanner marks some errors at another column
        assert fault.place.column == column, reason
    assert "\n" not in fault.detail


def test_half_a_character_is_refused_at_its_place(loader: Any) -> None:
    [fault] = faults('a: "x\\ud800"\n')
    # libyaml refuses it by itself.
    assert fault.code == ("not-text" if loader is yaml.SafeLoader else "yaml-syntax")
    assert fault.place is not None
    assert fault.place.line == 1


def test_a_tab_behind_a_value_has_a_remedy() -> None:
    [fault] = faults("a: b\n\tc: 1\n")
    assert (fault.detail[:21], fault.remedy) == ("Found a tab character", "Indent with spaces.")


def test_a_tab_is_called_a_tab() -> None:
    [fault] = faults("a:\n\tb: 1\n")
    assert fault.detail == "Found a tab where spaces are expected, while scanning for the next token."
    assert fault.remedy == "Indent with spaces."


def test_a_duplicate_key_names_the_line_of_the_first() -> None:
    [fault] = faults("a: 1\nb: 2\na: 3\n")
    assert fault.detail == "`a` stands in this mapping already, in line 1."


def test_all_faults_of_a_document_are_found_at_once() -> None:
    assert [fault.code for fault in faults("a: .inf\na: 1\n2: x\nc: !x y\n")] == [
        "bad-number",
        "duplicate-key",
        "not-a-key",
        "unknown-tag",
    ]


def test_a_quoted_merge_key_is_a_key() -> None:
    assert value("a: {'<<': 1}\n") == {"a": {"<<": 1}}


def test_an_alias_stands_for_the_whole_value() -> None:
    [document] = documents("a: &x {n: [1, 2]}\nb: *x\nc: &y 5\nd: *y\n", "a.yaml")
    assert document.root is not None
    assert document.root.data == {"a": {"n": [1, 2]}, "b": {"n": [1, 2]}, "c": 5, "d": 5}
    assert document.root.spot("b") == (2, 4), "a fault in what an alias stands for is looked for at the alias"


def test_aliases_that_blow_a_file_up_are_refused(loader: Any) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    [fault] = faults("\n".join(lines))
    assert fault.code == "alias-bomb"


def test_aliases_that_blow_a_file_up_over_many_documents_are_refused() -> None:
    document = "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: [" + ", ".join(["*a"] * 200) + "]\n"
    assert [fault.code for fault in faults("---\n".join([document] * 50))][:1] == ["alias-bomb"]


def test_aliases_of_a_large_file_are_not_refused() -> None:
    document = "spec:\n  a: &a {n_epochs: 3, batch_size: 4, seed: 1}\n  b: *a\n  c: *a\n"
    assert len(documents("---\n".join([document] * 3000), "a.yaml")) == 3000


def test_aliases_cannot_nest_deeper_than_what_is_written() -> None:
    lines = ["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 200))]
    [fault] = faults("\n".join(lines))
    assert fault.code == "too-deep"


def test_documents_without_content_are_left_out(loader: Any) -> None:
    found = documents("---\n---\n# nothing\n---\na: 1\n---\n~\n...\n", "a.yaml")
    assert [document.line for document in found] == [4]
    assert documents("", "a.yaml") == []


def test_a_broken_document_does_not_stop_the_next(loader: Any) -> None:
    text = "a: 1\n---\nb: c: d\nname: lost\n---\nc: 'open\n---\nd: 1\nd: 2\n"
    found = documents(text, "a.yaml")
    assert [document.root.data if document.root else None for document in found] == [{"a": 1}, None, None, {"d": 1}]
    assert [fault.place.line for document in found for fault in document.faults if fault.place] == [3, 7, 9]
    assert "name: lost" in found[1].unread
    assert "open" not in found[1].unread


def test_what_follows_many_broken_documents_is_left_unread() -> None:
    found = documents("a: b: c\n---\n" * (MAX_BROKEN + 5) + "name: last\n", "a.yaml")
    assert len(found) == MAX_BROKEN
    assert "name: last" in found[-1].unread


def test_values_know_their_places() -> None:
    text = "a:\n  b: x\n  c: [1, {d: 2}]\n  e:\n  - f: 1\n  g:\n"
    [document] = documents(text, "a.yaml")
    assert document.root is not None
    node = document.root.child("a")
    assert node is not None
    assert document.root.spot("a") == (1, 1), "a block is looked for at its key"
    assert node.spot("b") == (2, 6), "a value is looked for where it stands"
    assert node.spot("c") == (3, 6)
    assert node.spot("g") == (6, 3), "an empty value has only its key"
    assert node.spot("nothing") == (2, 3), "what is missing is looked for in what should hold it"
    assert [".".join(path) for path, _ in walk(document.root)].count("a.c.1.d") == 1


@pytest.mark.parametrize(
    ("raw", "code", "place", "reason"),
    [
        (b"a: \xff\n", "not-text", "a.yaml:1:4", "not UTF-8"),
        ("a: ü\nbü: ".encode() + b"\xe9\n", "not-text", "a.yaml:2:5", "Latin-1 behind UTF-8: counted in characters"),
        ("a: 1\n".encode("utf-16"), "not-text", "a.yaml", "UTF-16, as Windows saves it"),
        (b"\x7fELF\0\0", "not-text", "a.yaml", "a program"),
        (b"#" * 5_000_001, "too-large", "a.yaml", "data in the wrong place"),
    ],
)
def test_bytes_that_are_no_manifest(raw: bytes, code: str, place: str, reason: str) -> None:
    fault = decode(raw, "a.yaml")
    assert isinstance(fault, Fault), reason
    assert (fault.code, str(fault.place)) == (code, place), reason


def test_a_byte_order_mark_and_windows_line_ends_are_no_content() -> None:
    text = decode(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n", "a.yaml")
    assert isinstance(text, str)
    assert value(text) == {"a": 1, "b": 2}


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    text = decode(raw, "a.yaml")
    if isinstance(text, str):
        assert all(isinstance(document, Document) for document in documents(text, "a.yaml"))


YAMLISH = st.text(st.sampled_from("ab:-&*!<>|{}[]\"'#%@`~,. \n\t01?\\\u2028é\ud7ff"), max_size=60)


@given(YAMLISH)
def test_any_text_is_read_or_refused(text: str) -> None:
    for document in documents(text, "a.yaml"):
        assert document.root is not None or document.faults
        assert all(fault.place for fault in document.faults)


@given(YAMLISH, st.sampled_from(["a: b: c\n", "'\n", "\t- [\n", ""]))
def test_a_document_behind_any_text_is_read(text: str, broken: str) -> None:
    """Whatever stands before a separator, what follows it is read."""
    found = documents(f"{text.replace('---', '')}\n{broken}\n---\nlast: one\n", "a.yaml")
    assert found[-1].root is not None
    assert found[-1].root.data == {"last": "one"}


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="\ufeff\ufffe\uffff")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc-", min_size=1, max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from("abcdef"), JSON, min_size=1))
def test_json_is_yaml(data: dict[str, Any]) -> None:
    assert value(json.dumps(data, ensure_ascii=False)) == data


def test_reading_is_not_recursive() -> None:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        assert [fault.code for fault in faults("[" * 10_000)] == ["too-deep"]
    finally:
        sys.setrecursionlimit(limit)
