"""What stands where findings were made."""

from __future__ import annotations

import io
import json
import tracemalloc

import pytest

from reconciler.datasets import excerpt
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


def test_a_long_line_is_decoded_no_further_than_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excerpt, "_PIECE", 7)
    line = ("aé😀" * 150).encode() + b"\xff\xf0" + b"b" * 300
    whole = line.decode(errors="replace")
    for first in range(0, len(whole) + 40, 13):
        assert excerpt._shortened(excerpt._from(line, first)) == excerpt._shortened(whole[first:]), first
    long = b'{"a": "\xf0\x9f\x98\x80' + b"A" * (4 << 20)
    monkeypatch.setattr(excerpt, "_PIECE", 1 << 16)
    tracemalloc.start()
    try:
        assert excerpt._from(long, len(long) - 100).endswith("AAA")
        assert tracemalloc.get_traced_memory()[1] < len(long) / 4
    finally:
        tracemalloc.stop()
