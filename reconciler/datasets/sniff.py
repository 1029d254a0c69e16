"""Files that are no JSONL at all, told from their first bytes: one clear finding instead of one for each line."""

from __future__ import annotations

import codecs
import re
import shlex
from typing import NamedTuple

import msgspec

from reconciler.datasets.findings import CODES
from reconciler.datasets.stream import BLANKS, BOM

SNIFFED = 1 << 16
"""Bytes of the beginning of a file that are looked at."""

_COMPRESSED = (
    (b"\x1f\x8b", "gzip", "gunzip -c IN > OUT"),
    (b"PK\x03\x04", "zip", "unzip IN"),
    (b"(\xb5/\xfd", "zstd", "zstd -d IN -o OUT"),
    (b"\xfd7zXZ\x00", "xz", "xz -dc IN > OUT"),
    (b"BZh", "bzip2", "bunzip2 -c IN > OUT"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -d IN OUT"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "7z x IN"),
)
_OFFICE = re.compile(rb"\[Content_Types\]\.xml|_rels/\.rels|xl/|word/")
_PANDAS = (
    "Convert it, with pandas and pyarrow installed:\n"
    "  python3 -c 'import pandas, sys; "
    'pandas.read_{}(sys.argv[1]).to_json(sys.argv[2], orient="records", lines=True)\' IN OUT'
)
_BINARY = (
    (b"PAR1", "Parquet", _PANDAS.format("parquet")),
    (b"ARROW1", "Arrow", _PANDAS.format("feather")),
    (b"SQLite format 3\x00", "a SQLite database", ""),
    (b"%PDF-", "a PDF document", "Copy its text into examples, one JSON object a line."),
    (b"\x89PNG", "a PNG image", "An image goes into the `image_url` of a message."),
    (b"\xff\xd8\xff", "a JPEG image", "An image goes into the `image_url` of a message."),
    (
        b"\xd0\xcf\x11\xe0",
        "an older Office document",
        "Save it as CSV, and convert each row to one JSON object a line.",
    ),
)
_READ_TABLE = (
    "python3 -c 'import csv, json, sys; csv.field_size_limit(10**9); "
    'rows = csv.reader(open(sys.argv[1], encoding="ENCODING", newline=""), delimiter="SEPARATOR"); '
)
_FROM_TABLE = (
    "Convert each row to one JSON object on one line. If the first column asks, and the second answers, below a line of "
    f"names:\n  {_READ_TABLE}"
    'next(rows); [print(json.dumps({"messages": [{"role": "user", "content": row[0]}, '
    '{"role": "assistant", "content": row[1]}]})) for row in rows if row]\' IN > OUT'
)
_FROM_CELLS = (
    f"Take the records out of the cells:\n  {_READ_TABLE}"
    '[print(cell) for row in rows for cell in row if cell[:1] == "{"]\' IN > OUT'
)
_CELL = re.compile(rb'(?:^|[,;\t\n])"\{\s*""')
"""Where a record begins that stands in a cell of a table: a quote mark, and each one of its own doubled."""
_AFTER_CELL = re.compile(rb'\}"([,;\t])')
_UTF16 = (b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_LFS = re.compile(rb"version https://git-lfs\.github\.com/spec/v\d")
_DVC = re.compile(rb"(?:[a-z0-9_]+: [^\n]*\n)*(?:outs|deps):\r?\n- *(?:md5|hash|etag|path|size|isexec)\b")
_CR_LINES = re.compile(rb"\}[ \t]*\r[ \t\r]*\{")
_HTML = re.compile(
    rb"(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--(?:(?!-->).){0,2000}+-->\s*+)*+<(?:!doctype html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
_XML = re.compile(rb"<\?xml\b|<[A-Za-z][\w.:-]{0,100}(?:\s[^<>]{0,1000})?/?>")
_WORD = re.compile(rb"[A-Za-z\x80-\xff]{2}")


class Sniffed(NamedTuple):
    """What a file is instead of JSONL: a code, and the texts of a finding where the code's own say less (or "")."""

    code: str
    message: str = ""
    remedy: str = ""


def sniff(head: bytes) -> str | None:
    """Return the code of what the whole file is, if it is no JSONL; see `describe`."""
    found = describe(head)
    return found.code if found else None


def describe(head: bytes, file: str = "") -> Sniffed | None:
    """Return what a file is, if it is no JSONL; `head` is its beginning, `file` its path for commands in the remedy.

    Nothing but these bytes is looked at, and no text quotes them.
    """
    found = _describe(head)
    return found._replace(remedy=for_file(found.remedy or CODES[found.code].remedy, file)) if found and file else found


def for_file(remedy: str, file: str) -> str:
    """Return a remedy whose command reads this file (IN), and writes one beside it (OUT): it is to be copied as it stands.

    NAME is the file without its folders, which git finds wherever the command is typed.
    """
    if file == "-":
        return remedy
    name = file.rpartition("/")[2]
    names = {"IN": shlex.quote(file), "OUT": shlex.quote(mended(file)), "NAME": shlex.quote(name)}
    return re.sub(r"\b(?:IN|OUT|NAME)\b", lambda word: names[word[0]], remedy)


def mended(file: str) -> str:
    """Return what the file is called that a remedy's command writes."""
    stem = re.sub(r"(?:\.jsonl?)?\.[^./]*$", "", file)
    return f"{stem}.fixed.jsonl"


def _describe(head: bytes) -> Sniffed | None:
    head = head[:SNIFFED]
    if found := _binary(head):
        return found
    head = head.removeprefix(BOM).lstrip(b" \t\r\n")
    if _LFS.match(head):
        return Sniffed("file-lfs-pointer")
    if _DVC.match(head):
        return Sniffed("file-dvc-pointer")
    first, _, rest = head.partition(b"\n")
    first = first.strip()
    if _CR_LINES.search(first):
        return Sniffed("file-cr-lines")
    if first.startswith(b"["):
        return _array(first, rest)
    if first.startswith(b"{"):
        return Sniffed("file-json-indented") if _is_indented(first, rest) else None
    if _HTML.match(head):
        return Sniffed("file-html")
    if _XML.match(head):
        return Sniffed("file-xml")
    if cell := _CELL.search(head):
        return _records_in_cells(head, cell[0])
    if _is_table(first):
        return Sniffed("file-csv", remedy=_filled(_FROM_TABLE, head, max((b",", b";", b"\t"), key=first.count)))
    return Sniffed("file-text") if _is_prose(first, head) else None


def _array(first: bytes, rest: bytes) -> Sniffed:
    """Tell a file whose lines are lists from a file that is one list: what makes records of them differs."""
    if not rest.lstrip(BLANKS + b"\n").startswith(b"[") or not _is_json(first):
        return Sniffed("file-json-array")
    rows = msgspec.json.decode(first)
    are_messages = all(isinstance(row, dict) and "role" in row for row in rows)
    remedy = "Write {} from each line:\n  jq -c '{}' IN > OUT"
    told = remedy.format("a record", "{messages: .}") if are_messages else remedy.format("the elements", ".[]")
    return Sniffed("file-json-array", "each line is a JSON array, not an object", told)


def _binary(head: bytes) -> Sniffed | None:
    for magic, name, command in _COMPRESSED:
        if head.startswith(magic):
            if name == "zip" and _OFFICE.search(head):
                remedy = "Save the sheet as CSV, and convert each row to one JSON object on one line."
                return Sniffed("file-compressed", "the file is an Office document (xlsx, docx)", remedy)
            remedy = f"Unpack it and give the JSONL file itself:\n  {command}"
            return Sniffed("file-compressed", f"the file is compressed ({name})", remedy)
    for magic, name, remedy in _BINARY:
        if head.startswith(magic):
            return Sniffed("file-binary", f"the file is binary, not text: {name}", remedy)
    if head.startswith(_UTF16) or head[1:2] == b"\0" or head[:1] == b"\0":
        return _wide(head) if _is_wide_text(head) else Sniffed("file-binary")
    return None


def _wide(head: bytes) -> Sniffed:
    """Name the encoding: iconv takes one for another without a word, and writes nonsense."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        name = "UTF-32"
    elif head.startswith(_UTF16):
        name = "UTF-16"
    elif head[:1] == b"\0":
        name = "UTF-32BE" if head[1:2] == b"\0" else "UTF-16BE"
    else:
        name = "UTF-32LE" if head[2:4] == b"\0\0" else "UTF-16LE"
    remedy = f"Convert it:\n  iconv -f {name} -t UTF-8 IN > OUT"
    return Sniffed("file-utf16", f"the file is {name}, not UTF-8", remedy)


def _is_wide_text(head: bytes) -> bool:
    if head.startswith(_UTF16):
        return True
    return 0.2 < head.count(b"\0") / len(head) < 0.8


def _is_indented(first: bytes, rest: bytes) -> bool:
    if first == b"{":
        return True
    # A record is cut by a line feed after an opening bracket, a comma or a colon, and goes on with white space.
    return first.endswith((b"[", b"{", b",", b":")) and rest[:1] in {b" ", b"\t"}


def _records_in_cells(head: bytes, cell: bytes) -> Sniffed:
    message = "the file is a table (CSV) with records in its cells, not JSONL"
    after = _AFTER_CELL.search(head)
    separator = cell[:1] if cell[:1] in {b",", b";", b"\t"} else after[1] if after else b","
    return Sniffed("file-csv", message, _filled(_FROM_CELLS, head, separator))


def _filled(remedy: str, head: bytes, separator: bytes) -> str:
    """Return a command with what the table is separated by, and its encoding: spreadsheets save in that of Windows, too."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        encoding = "cp1252"
    else:
        encoding = "utf-8-sig"
    remedy = remedy.replace("ENCODING", encoding)
    return remedy.replace("SEPARATOR", "\\t" if separator == b"\t" else separator.decode())


def _is_table(first: bytes) -> bool:
    if not any(separator in first.rstrip(b",;\t") for separator in (b",", b";", b"\t")):
        return False
    if _is_json(first) or b"{" in first or b'":' in first:  # a broken record still shows braces, a table none
        return False
    # A sentence has a comma too, and ends with a full stop; no cell of a header is as long as a clause.
    return not (first.endswith((b".", b"!", b"?", b":")) and b", " in first and first.count(b" ") > 3)


def _is_prose(first: bytes, head: bytes) -> bool:
    """Return whether nothing in the beginning looks like a record: one bad line among records is found by its number."""
    return bool(_WORD.search(first)) and b"{" not in head and b'":' not in first and not _is_json(first)


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
