"""What text that is no JSON was probably meant to be, and what to do about it: slips that many people's data shows.

Nothing here quotes the data: only what JSON itself, git or Python writes is named.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_PYTHON_REMEDY = (
    "Write the file with json.dumps; to convert it:\n  python3 -c 'import ast, json, sys; "
    '[print(json.dumps(ast.literal_eval(line))) for line in open(sys.argv[1], encoding="utf-8-sig") if line.strip()]'
    "' IN > OUT"
)
_CONFLICT = re.compile(r"(?:<{7}|\|{7}|>{7}) |={7}\s*$")
_FOLLOWS = {
    ",": (
        "a comma follows the record",
        "Remove the comma: a line is one object, and nothing stands between two lines.",
    ),
    "{": ("another record follows on the same line", "Begin a new line there; each line is one complete object."),
}
"""What stands behind a record, by its first character: what it is, and what to do. No other character is named: it is data."""
_COMMENT = ("#", "//", "/*")
_PYTHON = ("'", "None", "True", "False")
_TYPOGRAPHIC = "“”„«»‘’"


class Slip(NamedTuple):
    """What a line shows where JSON ends: how it is said, and what to do ("" where the code's own remedy says it)."""

    message: str
    remedy: str = ""


def slip_in(text: str, reason: str, position: int) -> Slip:
    """Return what was probably meant by a line that Python's reader refused, by its reason and the place where it stopped."""
    rest = text[position : position + 80]
    before = text[max(0, position - 80) : position].rstrip()
    if position == 0 and _CONFLICT.match(rest):
        return Slip("a mark of a merge conflict stands here", "Resolve the conflict, and delete its marks.")
    if _is_invisible(rest) and not reason.startswith(("Invalid", "Unterminated")):
        return Slip(f"an invisible character (U+{ord(rest[0]):04X}) stands where JSON has none", "Remove it.")
    if reason == "Extra data" and rest.startswith("\\n"):
        return Slip("the two characters \\n stand where the line should end", "Write a real line end in their place.")
    if reason == "Extra data":
        return Slip(*_FOLLOWS.get(text[position], ("extra data",)))
    if reason.startswith("Unterminated string"):
        remedy = 'Write \\n for a line break inside a string, and \\" for a quote mark; or the line was cut off.'
        return Slip("a string does not end on its line", remedy)
    if reason.startswith("Invalid control character"):
        remedy = "Inside a string write \\t for a tab, and \\u0000 to \\u001f for the others."
        return Slip("a control character in a string", remedy)
    if reason.startswith("Invalid \\"):
        return Slip("a backslash that begins no escape", "Write a backslash inside a string as \\\\.")
    if not rest.strip():
        remedy = "It was cut off, or a line break stands inside of it; each line is one complete object."
        return Slip("the line ends before the record does", remedy)
    if rest.startswith(_COMMENT):
        return Slip("a comment, which JSON does not have", "Delete it.")
    if rest.startswith(_PYTHON):
        return Slip("this is Python's notation, not JSON", _PYTHON_REMEDY)
    if rest[0] in _TYPOGRAPHIC:
        return Slip("a typographic quote", 'Write plain quotes: "')
    if reason.startswith("Illegal trailing comma") or (rest[0] in "}]" and before.endswith(",")):  # Python 3.13 says it
        return Slip("a comma stands before the closing bracket", "Remove the comma.")
    if "delimiter" in reason:
        return Slip(reason.lower(), 'Add it; or a quote mark stands inside a string, where it is written \\".')
    return Slip(reason.lower())


def _is_invisible(rest: str) -> bool:
    return bool(rest) and rest[0] not in " \t\r\n" and not rest[0].isprintable()
