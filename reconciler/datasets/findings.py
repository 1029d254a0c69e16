"""What was found in data, as values: every code is in one table, with the sentence that documents it.

A finding says where and what, and never quotes the data: it is printed in pull requests and logs, where rows of training
data do not belong. An error is something that Azure rejects, documents as required, or that leaves nothing to train on;
everything else is a warning. Codes are stable: they may be listed in other people's files. It is long because the table is one.

The path of a finding can be walked by a program, so that whoever may see the data can be shown the value:

    path  = "" | key step*          "" is the record itself
    step  = "." key | "[" index "]"
    key   = a letter or "_", then letters, digits and "_": only names that a format defines, never one of the data
    index = digits, counted from 0

The file is long because the table of codes is the documentation of all of them, and is read in one piece.

Each step but the last is there in the record. The last may be absent: then the finding says that it is missing.

The file is long because the table of all codes is one table; docs/data-findings.md is made from it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

Severity = Literal["error", "warning"]
KEPT_PER_CODE = 20
"""Findings of one code that are kept with their place; the others are only counted."""


@dataclass(frozen=True, slots=True)
class Code:
    """One kind of finding: its name, how bad it is, what it means, and what to do about it."""

    name: str
    severity: Severity
    meaning: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. `line` counts from 1, 0 is the whole file; `column` counts characters from 1.

    `path` is the place inside the record ("messages[2].role"; "" is the record). `message` holds no value of the data.
    A command in `remedy` reads IN and writes OUT; `sniff.for_file` puts the names of files there, which may change.
    """

    severity: Severity
    code: str
    file: str
    line: int
    column: int | None
    path: str
    message: str
    remedy: str

    def __str__(self) -> str:
        """Return `file:line:column: severity: message [code]`, the form that editors and CI systems understand."""
        place = ":".join(str(part) for part in (self.file, self.line or None, self.column) if part)
        inside = f" at {self.path}" if self.path else ""
        return f"{place}: {self.severity}: {self.message}{inside} [{self.code}]"


def _codes(severity: Severity, rows: Iterable[tuple[str, str, str]]) -> dict[str, Code]:
    return {name: Code(name, severity, meaning, remedy) for name, meaning, remedy in rows}


_FILE_ERRORS = (
    ("file-empty", "the file holds no examples", "Add examples, one JSON object a line."),
    (
        "file-too-large",
        "the file is larger than the 9 GB that an upload carries",
        "Split the examples over several jobs, or leave some out.",
    ),
    (
        "examples-too-few",
        "a job needs at least 10 examples",
        "Add examples; 50 good ones are a start. Validation data may have fewer: with its manifest it is no error.",
    ),
    ("file-compressed", "the file is compressed", "Unpack it and give the JSONL file itself."),
    ("file-binary", "the file is binary, not text", "Give a JSONL file: UTF-8 text, one JSON object a line."),
    ("file-utf16", "the file is UTF-16 or UTF-32, not UTF-8", "Convert it:\n  iconv -f UTF-16 -t UTF-8 IN > OUT"),
    ("file-csv", "the file looks like a table (CSV), not JSONL", "Convert each row to one JSON object on one line."),
    (
        "file-json-array",
        "the file is one JSON array, not JSONL",
        "Write each element on a line of its own:\n  jq -c '.[]' IN > OUT",
    ),
    (
        "file-json-indented",
        "the file is JSON over several lines, not JSONL",
        "Write each record on one line:\n  jq -c . IN > OUT",
    ),
    (
        "file-cr-lines",
        "lines end with a carriage return alone, which nothing reads as a line end",
        "Convert the line ends:\n  tr '\\r' '\\n' < IN > OUT",
    ),
    (
        "file-lfs-pointer",
        "the file is a Git LFS pointer; the data itself was not fetched",
        "Fetch it (in GitHub Actions: `lfs: true` at the checkout step):\n  git lfs pull --include NAME",
    ),
    (
        "file-dvc-pointer",
        "the file is a DVC pointer; the data itself was not fetched",
        "Fetch it, and give the data file, not the .dvc file:\n  dvc pull IN",
    ),
    (
        "file-html",
        "the file is a web page, not data",
        "Download the data again: a login or error page was probably saved in its place.",
    ),
    (
        "file-xml",
        "the file is XML, not JSONL",
        "Open it: where a download failed it holds the message of the storage service. Else convert it to JSONL.",
    ),
    ("file-text", "the file is plain text, not JSONL", "Write each example as one JSON object on one line."),
    (
        "image-examples-too-many",
        "the file holds more than 50,000 examples with images",
        "Leave some out; Azure takes no more in one file.",
    ),
)
_RECORD_ERRORS = (
    ("utf8-invalid", "the line is not valid UTF-8", "Save the file as UTF-8."),
    ("nul-byte", "the line holds a NUL byte", "Remove it; inside a JSON string it is written \\u0000."),
    ("bom-inside", "a byte order mark stands inside the file", "Remove it; it is left where files were joined."),
    ("json-invalid", "the line is not valid JSON", "Correct the JSON; each line is one complete object."),
    ("json-too-deep", "the record is nested too deeply to be read", "Flatten it; a chat record needs ten levels."),
    ("record-not-object", "the record is not a JSON object", 'Write an object: {"messages": […]}.'),
    (
        "messages-missing",
        "the record has no `messages`",
        'Write chat format: {"messages": [{"role": …, "content": …}]}.',
    ),
    (
        "messages-invalid",
        "`messages` is not a list with messages in it",
        "Give at least one user and one assistant message.",
    ),
    ("message-not-object", "the message is not a JSON object", 'Write {"role": …, "content": …}.'),
    ("role-missing", "the message has no role", "Add `role`: system, user, assistant, tool or developer."),
    (
        "role-unknown",
        "the role is none of system, user, assistant, tool, developer, function",
        "Use one of these roles, in lower case.",
    ),
    ("user-missing", "the example has no user message", "Add the message that the assistant answers."),
    (
        "assistant-missing",
        "the example has no assistant message: nothing to learn from",
        "Add the answer to be learned.",
    ),
    ("content-missing", "the message has no content", "Add `content`; only a message that calls tools may go without."),
    (
        "content-invalid",
        "`content` is neither text nor a list of parts",
        "Give a string, or a list of objects with `type`.",
    ),
    ("weight-invalid", "`weight` is neither 0 nor 1", "Use 1 to train on the message, 0 to show it only."),
    (
        "tool-calls-invalid",
        "`tool_calls` is malformed",
        'Write [{"id": …, "type": "function", "function": {"name": …, "arguments": "{…}"}}].',
    ),
    (
        "tool-arguments-invalid",
        "`arguments` is not a string",
        "Write the arguments as JSON inside a string.",
    ),
    ("tool-call-id-missing", "the tool message has no `tool_call_id`", "Name the call that the message answers."),
    (
        "last-not-user",
        "the last message is not the user's: reinforcement trains on the model's own answer",
        "End `messages` with the user's message, and put the reference answer into a key of its own.",
    ),
    (
        "input-missing",
        "the preference record has no `input`",
        'Write {"input": {"messages": […]}, "preferred_output": […], "non_preferred_output": […]}.',
    ),
    ("input-invalid", "`input` is not a JSON object", 'Write "input": {"messages": […]}.'),
    (
        "output-missing",
        "the preference record lacks one of its two outputs",
        "Give both: `preferred_output` and `non_preferred_output`.",
    ),
    (
        "output-invalid",
        "the output is not a list with messages in it",
        'Write [{"role": "assistant", "content": …}]; each record holds one preferred and one other output.',
    ),
    (
        "output-role-invalid",
        "a message of an output is neither the assistant's nor a tool's",
        "Move it to the end of `input.messages`.",
    ),
    ("image-invalid", "`image_url` is not an object with `url`", 'Write "image_url": {"url": …}.'),
    (
        "image-url-invalid",
        "`url` is neither an https address nor a data URL",
        "Give https://HOST/PATH, or data:image/png;base64,DATA.",
    ),
    (
        "image-type-unsupported",
        "the data URL is not a JPEG, PNG or WEBP image",
        "Convert the image, and write image/jpeg, image/png or image/webp.",
    ),
    ("image-data-invalid", "the data URL does not hold base64", "Encode the image's bytes as base64, on one line."),
    ("image-too-large", "the image is larger than 10 MB", "Make it smaller; Azure scales large images down anyway."),
    ("images-too-many", "the example holds more than 64 images", "Split the example, or leave some out."),
    (
        "image-in-answer",
        "the assistant's message holds an image; images may be given, not learned",
        "Move the image to a user message.",
    ),
)
_WARNINGS = (
    (
        "file-large",
        "the file is not smaller than the 512 MB that Azure documents",
        "It is sent in parts, which carry up to 9 GB; whether a job then takes it is not documented.",
    ),
    ("examples-few", "fewer than 50 examples", "Azure advises to start with 50 good examples; hundreds are better."),
    (
        "line-too-long",
        "the line is too long to be checked (over 16 MiB, or 64 MiB with images); it counts as one example",
        "Shorten it; refer to images by URL.",
    ),
    (
        "json-not-portable",
        "some readers of JSON refuse this line",
        "Replace unpaired \\ud800-\\udfff escapes and huge numbers.",
    ),
    ("key-duplicate", "a key stands twice in one object; the last one counts", "Remove one of them."),
    (
        "key-unknown",
        "a key that the format does not know; Azure may ignore or refuse it",
        "Remove it or correct its name.",
    ),
    ("row-duplicate", "the same row stands in the file before", "Remove it, or raise n_epochs to repeat everything."),
    ("last-not-assistant", "the last message is not the assistant's", "End the example with the answer to be learned."),
    (
        "system-differs",
        "the examples do not share one system message",
        "Use one, and the same one with the model; it works best with the message it was trained with.",
    ),
    ("content-empty", "`content` is empty", "Add the text, or leave the example out."),
    (
        "weight-misplaced",
        "`weight` stands on a message that is not the assistant's",
        "Remove it: only answers are learned.",
    ),
    ("weights-zero", "all weights are 0: the example teaches nothing", "Set `weight` 1 on the answer to be learned."),
    (
        "tools-invalid",
        "`tools` is malformed",
        'Write [{"type": "function", "function": {"name": …, "parameters": {…}}}].',
    ),
    (
        "tool-arguments-not-json",
        "`arguments` is a string that does not hold JSON",
        "Write the arguments as JSON; the model learns to call as it is shown.",
    ),
    ("tool-calls-empty", "`tool_calls` is an empty list", "Leave it out where nothing is called."),
    ("tool-undeclared", "the called function is not declared in `tools`", "Declare it, or correct its name."),
    ("tool-call-unmatched", "`tool_call_id` names no call made before", "Use the `id` of the call that is answered."),
    (
        "tool-call-unanswered",
        "the conversation goes on without an answer to a tool call",
        "Add the tool message that answers it, right after the call.",
    ),
    ("tool-duplicate", "a function is declared twice", "Remove one of the declarations."),
    (
        "tool-name-invalid",
        "the function's name has other characters than a-z, A-Z, 0-9, _ and -, or more than 64",
        "Rename the function, in its calls too.",
    ),
    (
        "tool-parameters-invalid",
        "`parameters` of the function is not a JSON object",
        'Write a JSON Schema: {"type": "object", "properties": {…}}.',
    ),
    (
        "parallel-tool-calls-invalid",
        "`parallel_tool_calls` is neither true nor false",
        "Write true or false, without quotes.",
    ),
    (
        "deprecated-functions",
        "the file uses `functions` or `function_call`, which are deprecated",
        "Write `tools` and `tool_calls`.",
    ),
    ("name-invalid", "`name` is missing or not text", "Give the name as a string; a function message needs one."),
    (
        "key-misplaced",
        "a key stands on a message of another role than it belongs to",
        "`tool_calls` belongs to the assistant, `tool_call_id` to the tool.",
    ),
    (
        "part-unknown",
        "the part is neither text nor an image",
        "Use the types text and image_url; fine-tuning knows no others.",
    ),
    (
        "input-user-missing",
        "`input` has no user message: both outputs answer nothing that was asked",
        "Add the message that they answer; Azure's examples all have one.",
    ),
    (
        "input-last-assistant",
        "`input` ends with the assistant's message, and both outputs are the assistant's again",
        "End `input.messages` with the message that is answered.",
    ),
    ("outputs-identical", "both outputs are the same: there is nothing to prefer", "Remove the record."),
    (
        "item-keys-differ",
        "the examples do not have the same keys; a grader that uses a missing one fails",
        "Give each example all keys that the grader uses.",
    ),
    ("image-detail-unknown", "`detail` is none of low, high and auto", "Use one of these, in lower case."),
    (
        "image-url-unescaped",
        "the image's address holds blanks or backslashes; it may not be found",
        "Write them as %20 and %5C.",
    ),
    (
        "image-data-unusual",
        "the base64 of the image holds line breaks, or lacks the = at its end; not every reader takes it",
        "Encode the image's bytes anew, on one line:\n  base64 -w 0 IMAGE",
    ),
    ("image-url-plain", "the image has a plain http address", "Use https; the other may be refused."),
    (
        "image-type-differs",
        "the image's bytes are not of the type that the data URL names",
        "Correct the type, or convert the image.",
    ),
    (
        "image-misplaced",
        "an image stands in a message that is neither the user's nor the assistant's",
        "Move the image to a user message.",
    ),
    (
        "secret-likely",
        "the line probably holds a secret",
        "Replace it by a placeholder, and revoke it if it was real: a trained model may repeat it.",
    ),
)
CODES: dict[str, Code] = {
    **_codes("error", _FILE_ERRORS),
    **_codes("error", _RECORD_ERRORS),
    **_codes("warning", _WARNINGS),
}
"""All codes that a scan can give, in the order of the documentation: whole file, record, warnings."""


class Collector:
    """Gathers findings of one file: counts all of them, keeps the first of each code."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.counts: Counter[str] = Counter()
        self._kept: list[Finding] = []

    def add(
        self,
        code: str,
        line: int = 0,
        column: int | None = None,
        *,
        path: str = "",
        message: str = "",
        remedy: str = "",
    ) -> None:
        """Add a finding; message and remedy are the code's own where none are given."""
        self.counts[code] += 1
        if self.counts[code] <= KEPT_PER_CODE:
            known = CODES[code]
            self._kept.append(
                Finding(
                    known.severity,
                    code,
                    self.file,
                    line,
                    column,
                    path,
                    message or known.meaning,
                    remedy or known.remedy,
                )
            )

    def kept(self) -> tuple[Finding, ...]:
        """Return the findings that were kept, by line; those of the whole file first."""
        return tuple(sorted(self._kept, key=lambda finding: finding.line))

    def merge(self, other: Collector, *, shift: int = 0) -> None:
        """Take over the findings of a later part of the same file, whose lines are `shift` less than in the file."""
        before = Counter(finding.code for finding in self._kept)
        for finding in other._kept:
            if before[finding.code] < KEPT_PER_CODE:
                before[finding.code] += 1
                line = finding.line + shift if finding.line else 0
                self._kept.append(replace(finding, file=self.file, line=line))
        self.counts.update(other.counts)


_PATH = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\[\d+\])*+", re.ASCII)
_STEP = re.compile(r"(?P<key>[A-Za-z_]\w*)|\[(?P<index>\d+)\]", re.ASCII)


def value_at(record: Any, path: str) -> Any:
    """Return the value at the path of a finding.

    Raises LookupError where the record has nothing there, ValueError for what is no path.
    """
    if not path:
        return record
    if not _PATH.fullmatch(path):
        raise ValueError("this is not the path of a finding")
    value = record
    for step in _STEP.finditer(path):
        key = step["key"]
        if key is not None:
            if not isinstance(value, dict) or key not in value:
                raise LookupError(f"the record has nothing at {path}")
            value = value[key]
        else:
            index = int(step["index"])
            if not isinstance(value, list) or index >= len(value):
                raise LookupError(f"the record has nothing at {path}")
            value = value[index]
    return value
