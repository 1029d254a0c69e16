"""What is said of a file or a line that was meant to be something else, and that the commands given do what they say."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reconciler.datasets import scan
from reconciler.datasets.sniff import describe, for_file
from reconciler.kinds.dataset.content import data_faults


@pytest.mark.parametrize(
    ("line", "says", "remedy"),
    [
        (b"<<<<<<< HEAD", "a mark of a merge conflict", "Resolve the conflict"),
        (b"=======", "a mark of a merge conflict", "Resolve the conflict"),
        (b"{'messages': []}", "Python's notation", "json.dumps"),
        (b'{"messages": [], "id": None}', "Python's notation", "json.dumps"),
        ("{“messages”: []}".encode(), "typographic quote", "plain quotes"),
        (b'# note {"messages": []}', "a comment", "Delete it"),
        ('\u200b{"messages": []}'.encode(), "an invisible character (U+200B)", "Remove it"),
        (b'\x1e{"messages": []}', "an invisible character (U+001E)", "Remove it"),
        (b'{"messages": []}\x0c', "an invisible character (U+000C)", "Remove it"),
        (b'{"messages": []}\\n{"messages": []}', "the two characters \\n", "a real line end"),
        (b'{"messages": [],}', "a comma stands before the closing bracket", "Remove the comma"),
        (b'{"messages": [{"role": "user", "content": "a\tb"}]}', "a control character in a string", "for a tab"),
        (b'{"messages": [{"role": "user", "content": "a', "does not end on its line", "for a line break"),
        (b'{"messages": [{"role": "user", ', "the line ends before the record does", "cut off"),
        (b'{"messages": [{"role": "user", "content": "say "hi""}]}', "expecting ',' delimiter", "a quote mark"),
        (b'{"messages": [{"role": "user", "content": "C:\\dir"}]}'.replace(b"\\\\", b"\\"), "backslash", "backslash"),
    ],
)
def test_what_a_line_was_meant_to_be_is_told(line: bytes, says: str, remedy: str) -> None:
    (found,) = [one for one in scan(io.BytesIO(b"{}\n" + line), file="a").findings if one.code == "json-invalid"]
    assert found.message.startswith("the line is not valid JSON: ")
    assert says in found.message
    assert remedy in found.remedy


ROW = '{"messages": [{"role": "user", "content": "say \\"hi\\", ä"}, {"role": "assistant", "content": "hi"}]}'
CELL = '"' + ROW.replace('"', '""') + '"'


@pytest.mark.parametrize(
    ("text", "rows", "reason"),
    [
        ('question;answer\r\n"a; b";c\r\nd;"e ""f"""\r\n', [["a; b", "c"], ["d", 'e "f"']], "a sheet saved as CSV"),
        ("question,answer\na,b\n", [["a", "b"]], "with commas"),
        ("question\tanswer\na\tb\n", [["a", "b"]], "with tabs"),
        (f"messages\r\n{CELL}\r\n{CELL}\r\n", [ROW, ROW], "records as cells, below a name"),
        (f"{CELL}\n{CELL}\n", [ROW, ROW], "records as cells"),
        (f"id,messages\n1,{CELL}\n2,{CELL}\n", [ROW, ROW], "records in the second column"),
        (
            "{'messages': []}\n{'messages': [], 'a': None}\n",
            ['{"messages": []}', '{"messages": [], "a": null}'],
            "dicts",
        ),
    ],
)
def test_the_command_for_a_table_makes_examples_of_it(
    text: str, rows: list[Any], reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my data.csv").write_text("\ufeff" + text, encoding="utf-8", newline="")
    with Path("my data.csv").open("rb") as stream:
        found = scan(stream, file="my data.csv").findings
    remedy = next(one.remedy for one in found if "\n  " in one.remedy)
    command = for_file(remedy, "my data.csv").rpartition("\n  ")[2]
    subprocess.run(command, shell=True, check=True)
    made = Path("my data.fixed.jsonl").read_text(encoding="utf-8").splitlines()
    if isinstance(rows[0], str):
        assert made == rows, reason
    else:
        assert [[each["content"] for each in json.loads(line)["messages"]] for line in made] == rows, reason


def test_a_table_in_the_encoding_of_windows_is_read_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_bytes("Frage;Antwort\r\nwofür?;für “dich”\r\n".encode("cp1252"))
    found = describe(Path("a.csv").read_bytes(), "a.csv")
    assert found
    subprocess.run(found.remedy.rpartition("\n  ")[2], shell=True, check=True)
    messages = json.loads(Path("a.fixed.jsonl").read_text(encoding="utf-8"))["messages"]
    assert [each["content"] for each in messages] == ["wofür?", "für “dich”"]


def test_records_that_were_encoded_twice_are_told() -> None:
    (found,) = [
        one for one in scan(io.BytesIO(json.dumps(ROW).encode()), file="a").findings if one.code == "record-not-object"
    ]
    assert "encoded twice" in found.message
    assert found.remedy.endswith("\n  jq -r . IN > OUT")


def test_lines_that_are_lists_of_messages_are_told_from_one_array() -> None:
    lists = describe(b'[{"role": "user", "content": "a"}]\n[{"role": "user", "content": "b"}]\n', "a.jsonl")
    assert lists
    assert lists.code == "file-json-array"
    assert lists.message == "each line is a JSON array, not an object"
    assert lists.remedy.endswith("\n  jq -c '{messages: .}' a.jsonl > a.fixed.jsonl")
    records = describe(b'[{"messages": []}]\n[{"messages": []}]\n', "a.jsonl")
    assert records
    assert records.remedy.endswith("\n  jq -c '.[]' a.jsonl > a.fixed.jsonl")


def test_commands_name_the_file_as_it_is_called_now() -> None:
    """What was found may be remembered from a run in another folder, and is told by parts that know no name."""
    for data in (b'[{"messages": []}]', b"{'messages': []}\n"):
        remembered = scan(io.BytesIO(data), file="data/a.jsonl")
        remedies = [fault.remedy for fault in data_faults(remembered.under("a.jsonl"), "")]
        assert any(remedy.endswith(" a.jsonl > a.fixed.jsonl") for remedy in remedies)
        assert "data/" not in "".join(remedies)
