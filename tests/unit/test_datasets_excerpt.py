"""What stands where findings were made."""

from __future__ import annotations

import io
import json

from reconciler.datasets.excerpt import WIDTH, excerpts
from reconciler.datasets.scan import scan


def shown(data: bytes) -> dict[tuple[str, int], str]:
    found = scan(io.BytesIO(data), file="f")
    texts = excerpts(io.BytesIO(data), found.findings)
    return {
        (finding.code, finding.line): texts[finding.line, finding.path] for finding in found.findings if finding.line
    }


def test_the_value_at_the_path_or_the_line_around_the_column() -> None:
    bad_role = {"messages": [{"role": "robot", "content": "x"}, {"role": "assistant", "content": "y"}]}
    lines = [
        json.dumps(bad_role),
        '{"messages": [' + '{"role": "user", "content": "x"}, ' * 5 + "oops]}",
        "[1]",
        "",
        '{"messages": "' + "z" * 1000 + '"}',
    ]
    texts = shown("\n".join(lines).encode())
    assert texts["role-unknown", 1] == "robot"
    assert "oops" in texts["json-invalid", 2]
    assert len(texts["json-invalid", 2]) < len(lines[1])
    assert texts["record-not-object", 3] == "[1]"
    assert texts["messages-invalid", 5] == "z" * WIDTH + "…"


def test_bytes_that_are_no_text_are_shown_as_far_as_they_are() -> None:
    assert "\ufffd" in shown(b'{"a": "\xff"}\n')["utf8-invalid", 1]


def test_a_missing_key_shows_the_object_that_lacks_it() -> None:
    text = shown(b'{"messages": [{"content": "x"}, {"role": "assistant", "content": "y"}]}')["role-missing", 1]
    assert json.loads(text) == {"content": "x"}


def test_findings_of_the_whole_file_have_no_excerpt() -> None:
    found = scan(io.BytesIO(b""), file="f")
    assert excerpts(io.BytesIO(b""), found.findings) == {}
