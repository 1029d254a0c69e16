"""What `doctor` found, account by account: a line for each thing that was checked, with its remedy below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.checkup import Level, Line
from reconciler.render.words import Paint, Tone, indented, joined, lines, plural, printable

_WORDS: Mapping[Level, tuple[str, Tone]] = {
    "ok": ("ok", Tone.QUIET),
    "warning": ("warning", Tone.CHANGE),
    "error": ("error", Tone.ALARM),
    "unknown": ("unknown", Tone.CHANGE),
}
_WIDTH = max(len(word) for word, _ in _WORDS.values())


def doctor_text(found: Sequence[tuple[str, Sequence[Line]]], *, color: bool = False) -> str:
    """Return all lines, below a heading for each account, and a last line that counts."""
    paint = Paint(color=color)
    blocks = ["\n".join([printable(header), *_account(checked, paint)]) for header, checked in found]
    return "\n\n".join([*blocks, tally([line for _, checked in found for line in checked])])


def _account(checked: Sequence[Line], paint: Paint) -> list[str]:
    topics = max((len(line.topic) for line in checked), default=0)
    said: list[str] = []
    for line in checked:
        word, tone = _WORDS[line.level]
        said.append(f"  {paint(tone, word.ljust(_WIDTH))}  {line.topic.ljust(topics)}  {printable(line.words)}")
        said += indented(lines(line.remedy), _WIDTH + topics + 6)
    return said


def tally(checked: Sequence[Line]) -> str:
    """Return `1 error, 2 warnings, 1 not checked`, or that all is well."""
    counts = {level: sum(line.level == level for line in checked) for level in _WORDS}
    parts = [
        plural(counts["error"], "error") if counts["error"] else "",
        plural(counts["warning"], "warning") if counts["warning"] else "",
        f"{counts['unknown']} not checked" if counts["unknown"] else "",
    ]
    return joined(part for part in parts if part) or f"All {counts['ok']} checks are ok."


def doctor_document(found: Sequence[tuple[str, str, Sequence[Line]]], *, emulator: bool) -> dict[str, Any]:
    """Return the lines as values that JSON can hold; of each account its name, its heading and its lines."""
    return {
        "emulator": emulator,
        "accounts": [
            {
                "name": name,
                "about": header,
                "checks": [
                    {
                        "level": line.level,
                        "topic": line.topic,
                        "words": line.words,
                        "remedy": line.remedy,
                        "code": line.code,
                    }
                    for line in checked
                ],
            }
            for name, header, checked in found
        ],
    }
