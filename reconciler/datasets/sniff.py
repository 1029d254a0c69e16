"""Files that are no JSONL at all, told from their first bytes: one clear finding instead of one for each line."""

from __future__ import annotations

import re

import msgspec

SNIFFED = 1 << 16
"""Bytes of the beginning of a file that are looked at."""

_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04", b"(\xb5/\xfd", b"\xfd7zXZ\x00", b"BZh", b"\x04\x22\x4d\x18")
"""gzip, zip (and xlsx), zstd, xz, bzip2, lz4."""
_BINARY = (b"PAR1", b"ARROW1", b"SQLite format 3\x00", b"%PDF-", b"\x89PNG")
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v\d")
_DVC = re.compile(rb"(?:[a-z0-9_]+: [^\n]*\n)*(?:outs|deps):\r?\n- *(?:md5|hash|etag|path|size|isexec)\b")
_CR_LINES = re.compile(rb"\}[ \t]*\r[ \t\r]*\{")


def sniff(head: bytes) -> str | None:
    """Return the code of what the whole file is, if it is no JSONL; `head` is its beginning, blank lines left out."""
    head = head[:SNIFFED]
    if head.startswith(_COMPRESSED):
        return "file-compressed"
    if head.startswith(_BINARY):
        return "file-binary"
    if head.startswith(_UTF16) or head[1:2] == b"\0" or head[:1] == b"\0":
        return "file-utf16" if _is_wide_text(head) else "file-binary"
    if _LFS.match(head):
        return "file-lfs-pointer"
    if _DVC.match(head):
        return "file-dvc-pointer"
    first = head.partition(b"\n")[0].strip()
    if _CR_LINES.search(first):
        return "file-cr-lines"
    if first.startswith(b"["):
        return "file-json-array"
    if first.startswith(b"{"):
        return "file-json-indented" if _is_indented(first, head) else None
    return "file-csv" if _is_table(first) else None


def _is_wide_text(head: bytes) -> bool:
    if head.startswith(_UTF16):
        return True
    return 0.2 < head.count(b"\0") / len(head) < 0.8


def _is_indented(first: bytes, head: bytes) -> bool:
    if first == b"{":
        return True
    # A record is cut by a line feed after an opening bracket or a comma, and goes on with white space.
    return first.endswith((b"[", b"{", b",")) and head.partition(b"\n")[2][:1] in {b" ", b"\t"}


def _is_table(first: bytes) -> bool:
    if not any(separator in first for separator in (b",", b";", b"\t")):
        return False
    try:
        msgspec.json.decode(first)
    except (msgspec.DecodeError, RecursionError):
        # A broken record still shows braces; a header or a row of a table shows none.
        return b"{" not in first and b'":' not in first
    return False
