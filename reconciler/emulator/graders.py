"""What the service would refuse of a grader and of the settings of a reinforcement job. Texts of errors are not recorded."""

from __future__ import annotations

import re
from typing import Any

_FIELDS: dict[str, tuple[str, ...]] = {
    "string_check": ("name", "input", "reference", "operation"),
    "text_similarity": ("name", "input", "reference", "evaluation_metric"),
    "score_model": ("name", "model", "input"),
    "python": ("name", "source"),
    "multi": ("name", "graders", "calculate_output"),
    "endpoint": ("url",),
}
_CHOICES: dict[str, tuple[str, ...]] = {
    "operation": ("eq", "ne", "like", "ilike"),
    "evaluation_metric": (
        "fuzzy_match",
        "bleu",
        "gleu",
        "meteor",
        "rouge_1",
        "rouge_2",
        "rouge_3",
        "rouge_4",
        "rouge_5",
        "rouge_l",
    ),
}
_MAX_SOURCE = 256 * 1024
_NAMESPACE = re.compile(r"\{\{\s*([^\s.}]*)")
_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*(?!\w*\s*\()")
EFFORTS = ("default", "low", "medium", "high", "auto")


def grader_fault(grader: Any, *, part: bool = False) -> str:
    """Why a grader is refused; empty if it is not. `part`: whether it is one of several."""
    if not isinstance(grader, dict):
        return "The grader must be an object."
    kind = grader.get("type")
    if kind not in _FIELDS or (part and kind in {"multi", "endpoint"}):
        return f"The grader type '{kind}' is not supported here."
    for name in _FIELDS[kind]:
        if grader.get(name) in (None, "", [], {}):
            return f"The field '{name}' of the {kind} grader is required."
    if not part and kind == "text_similarity" and grader.get("pass_threshold") is None:
        return "The field 'pass_threshold' of the text_similarity grader is required."
    for name, known in _CHOICES.items():
        if name in grader and grader[name] not in known:
            return f"The value '{grader[name]}' of '{name}' is not one of {', '.join(known)}."
    return _template_fault(grader) or _content_fault(kind, grader)


def _template_fault(grader: dict[str, Any]) -> str:
    texts = [grader.get("input"), grader.get("reference")]
    if isinstance(grader.get("input"), list):
        texts += [message.get("content") for message in grader["input"] if isinstance(message, dict)]
    for text in texts:
        for namespace in _NAMESPACE.findall(text) if isinstance(text, str) else ():
            if namespace not in {"item", "sample"}:
                return f"The template namespace '{namespace}' is not supported."
    return ""


def _content_fault(kind: str, grader: dict[str, Any]) -> str:
    if kind == "python":
        source = grader["source"]
        if not isinstance(source, str) or len(source.encode()) > _MAX_SOURCE:
            return "The source of the python grader must be a text of at most 256 KB."
        if "def grade(" not in source:
            return "The source of the python grader must define the function 'grade'."
    if kind == "multi":
        if not isinstance(grader["graders"], dict):
            return "The field 'graders' of the multi grader must be an object."
        for part in grader["graders"].values():
            fault = grader_fault(part, part=True)
            if fault:
                return fault
        for name in _NAME.findall(str(grader["calculate_output"])):
            if name not in grader["graders"]:
                return f"The expression of the multi grader uses '{name}', which is no grader of it."
    return ""


def response_format_fault(value: Any) -> str:
    """Why a response format is refused; empty if it is not."""
    if value is None:
        return ""
    if not isinstance(value, dict) or value.get("type") not in {"json_schema", "text"}:
        return "The response_format must be of type json_schema or text."
    if value["type"] == "json_schema":
        inner = value.get("json_schema")
        if not isinstance(inner, dict) or not inner.get("name") or not isinstance(inner.get("schema"), dict):
            return "The response_format needs a json_schema with a name and a schema."
    return ""


def filled(grader: Any) -> Any:
    """A grader as a service may lay it out: what is not set is null, messages are lists of parts."""
    if not isinstance(grader, dict):
        return grader
    shown = {"sampling_params": None, "pass_threshold": None, "image_tag": None, **grader}
    if isinstance(grader.get("input"), list):
        shown["input"] = [_parts(message) for message in grader["input"]]
    if isinstance(grader.get("graders"), dict):
        shown["graders"] = {name: filled(part) for name, part in grader["graders"].items()}
    return shown


def _parts(message: Any) -> Any:
    if isinstance(message, dict) and isinstance(message.get("content"), str):
        return {"type": "message", **message, "content": [{"type": "input_text", "text": message["content"]}]}
    return message
