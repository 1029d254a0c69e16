"""What deployments answered when they were asked: as text and as JSON. The answer itself only if it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.fault import Fault
from reconciler.render.fault import explanation
from reconciler.render.words import Paint, Tone, plain_value, printable

FORMAT_VERSION = "1.0"


@dataclass(frozen=True)
class Asked:
    """What a deployment was asked with: the system message of which file, and whose question.

    `having` of `examples` have the system message, of `kinds` different ones. `file` is "" where no data is at hand,
    `why` says why there is no system message.
    """

    file: str = ""
    having: int = 0
    kinds: int = 0
    examples: int = 0
    why: str = ""
    question: str = ""


@dataclass(frozen=True)
class Probed:
    """One deployment that was asked, and what came of it: an answer, or a fault. `answer` is shown only on request."""

    address: str
    account: str = ""
    deployment: str = ""
    model: str = ""
    asked: Asked = Asked()
    seconds: float = 0.0
    finish_reason: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    characters: int = 0
    answer: str | None = None
    fault: Fault | None = None


def probe_text(probed: Sequence[Probed], *, color: bool = False) -> str:
    """Return a paragraph for each deployment."""
    paint = Paint(color=color)
    return "\n".join(line for one in probed for line in _lines(one, paint))


def _lines(one: Probed, paint: Paint) -> list[str]:
    name = printable(one.address)
    if one.fault is not None:
        said = [f"{paint(Tone.ALARM, '!')} {name}  {printable(one.fault.summary)}"]
        return said + [f"    {line}" for line in explanation(one.fault)]
    finish = f", finish reason {printable(one.finish_reason)}" if one.finish_reason else ""
    lines = [
        f"{paint(Tone.ADD, '=')} {name}  answered in {one.seconds:.2f} s{finish}",
        f"    {printable(one.model)}: {_usage(one)}, {_count(one.characters, 'character')}",
        f"    {_system(one.asked)}",
        f"    asked {printable(one.asked.question)}",
    ]
    if one.finish_reason == "length":
        lines.append("    The answer was cut off: it reached the limit of tokens.")
    if one.answer is not None:
        lines += [f"    | {printable(line)}" for line in one.answer.splitlines() or [""]]
    return lines


def _usage(one: Probed) -> str:
    if one.prompt_tokens is None or one.completion_tokens is None:
        return "tokens not told"
    thought = f" ({one.reasoning_tokens:,} of them reasoning)" if one.reasoning_tokens else ""
    return f"{one.prompt_tokens:,} tokens in, {one.completion_tokens:,} out{thought}"


def _system(asked: Asked) -> str:
    if asked.why:
        return f"no system message: {printable(asked.why)}"
    all_of_them = asked.having == asked.examples
    share = "all" if all_of_them else f"{asked.having:,} of {asked.examples:,}"
    others = f", the most frequent of {asked.kinds:,}" if asked.kinds > 1 else ""
    return f"system message of {printable(asked.file)} ({share} examples have it{others})"


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def probe_document(probed: Sequence[Probed], *, tool_version: str, created_at: str, emulator: bool) -> dict[str, Any]:
    """Return the same as values that JSON can hold. A new minor version adds keys, which readers ignore."""
    made: dict[str, Any] = plain_value(
        {
            "format_version": FORMAT_VERSION,
            "tool_version": tool_version,
            "created_at": created_at,
            "emulator": emulator,
            "probes": [_probe(one) for one in probed],
        }
    )
    return made


def _probe(one: Probed) -> dict[str, Any]:
    asked, fault = one.asked, one.fault
    return {
        "address": one.address,
        "account": one.account or None,
        "deployment": one.deployment or None,
        "model": one.model or None,
        "answered": fault is None,
        "seconds": round(one.seconds, 3) if fault is None else None,
        "finish_reason": one.finish_reason or None,
        "prompt_tokens": one.prompt_tokens,
        "completion_tokens": one.completion_tokens,
        "reasoning_tokens": one.reasoning_tokens,
        "answer_characters": one.characters if fault is None else None,
        **({"answer": one.answer} if one.answer is not None else {}),
        "system_message": {
            "file": asked.file,
            "examples_having_it": asked.having,
            "examples": asked.examples,
            "different_ones": asked.kinds,
        }
        if asked.having
        else None,
        "question": asked.question or None,
        "error": {"code": fault.code, "summary": fault.summary, "detail": fault.detail, "remedy": fault.remedy}
        if fault
        else None,
    }
