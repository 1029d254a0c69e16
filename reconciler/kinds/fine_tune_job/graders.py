"""Graders: what scores the answers of a model in reinforcement training, as declared and as sent.

Shapes are the service's own (docs/azure.md, section 17); two things are ours: `name` may be left out, and a grader, the
source of a python grader and a response format may each be `{path: FILE}` instead. The content of these files is
part of the job's identity; where they lie is not.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, Field

from reconciler.core.resource import Block, LocalPath

METRICS = (
    "fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l",
)  # fmt: skip
GRADER_MODELS = ("gpt-4o-2024-08-06", "o3-mini-2025-01-31")
"""Models that Microsoft's page names as graders; its price list names more."""
GRADER_ADVICE = {
    "type: endpoint": "The shape of endpoint graders is not published. If you were given it, leave `grader` out and set:\n"
    "  extra_body: {method: {reinforcement: {grader: {type: endpoint, …}}}}",
    "type: label_model": "Azure documents no such grader for training; a `score_model` can return one number a label.",
}

_DATE = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_Name = Annotated[
    str | None,
    Field(default=None, description="For people. On change: nothing; it is no part of the job.", examples=["answer"]),
]
_TEMPLATE = "May hold {{ item.KEY }}, {{ sample.output_text }} and {{ sample.output_json.KEY }}."


class FromFile(Block):
    """A file of the repository that holds the value."""

    path: Annotated[str, LocalPath("file")] = Field(
        description="Path of the file, relative to the manifest, inside the repository. On change: nothing, if the "
        "content is the same; other content trains anew.",
        examples=["graders/answer.yaml"],
    )


class StringCheck(Block):
    """1 if two texts compare as they should, else 0."""

    type: Literal["string_check"] = Field(description="1 if two texts compare as they should, else 0.")
    name: _Name
    input: str = Field(description=f"What is graded. {_TEMPLATE}", examples=["{{ sample.output_text }}"])
    reference: str = Field(description=f"What it is compared with. {_TEMPLATE}", examples=["{{ item.answer }}"])
    operation: Literal["eq", "ne", "like", "ilike"] = Field(
        description="`eq`: the texts are equal; `ne`: they differ; `like`: input contains reference; `ilike`: the same, "
        "whatever the case.",
        examples=["ilike"],
    )


class TextSimilarity(Block):
    """How alike two texts are, from 0 to 1."""

    type: Literal["text_similarity"] = Field(description="How alike two texts are, from 0 to 1.")
    name: _Name
    input: str = Field(description=f"What is graded. {_TEMPLATE}", examples=["{{ sample.output_text }}"])
    reference: str = Field(description=f"What it is compared with. {_TEMPLATE}", examples=["{{ item.answer }}"])
    evaluation_metric: Literal[
        "fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"
    ] = Field(description="How likeness is measured.", examples=["fuzzy_match"])
    pass_threshold: float | None = Field(
        default=None, description="From which score on, of 0 to 1, an answer passes.", examples=[0.8]
    )


class Message(Block):
    """One message to a model that grades."""

    type: Literal["message"] | None = Field(
        default=None, description="Always message, as in OpenAI's shape; it may be left out.", examples=["message"]
    )
    role: Literal["system", "developer", "user", "assistant"] = Field(
        description="Who says it.", examples=["developer"]
    )
    content: str | list[dict[str, Any]] = Field(
        description=f"The text, or parts of it. {_TEMPLATE}",
        examples=["Score from 0 to 1 how polite this is: {{ sample.output_text }}"],
    )


class ScoreModel(Block):
    """A number that another model gives."""

    type: Literal["score_model"] = Field(description="A number that another model gives.")
    name: _Name
    model: str = Field(
        description="The model that grades; its tokens are billed too.", examples=list(GRADER_MODELS), min_length=1
    )
    input: list[Message] = Field(
        description="What it is asked, message by message.",
        min_length=1,
        examples=[[{"role": "developer", "content": "Score from 0 to 1 how polite this is: {{ sample.output_text }}"}]],
    )
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None = Field(
        default=None, description="Lowest and highest score; absent: 0 and 1.", examples=[[0, 10]]
    )
    pass_threshold: float | None = Field(
        default=None, description="From which score on, within `range`, an answer passes.", examples=[0.8]
    )
    sampling_params: dict[str, Any] | None = Field(
        default=None,
        description="Temperature, reasoning effort and such, as Azure names them; sent as they are.",
        examples=[{"temperature": 0}],
    )


class PythonGrader(Block):
    """A number that a function `grade(sample, item)` returns. It runs at Azure, without network, for up to 2 minutes."""

    advice: ClassVar[Mapping[str, str]] = {
        "path": "Write `source: {path: FILE}`.",
        "code": "Did you mean `source`?",
    }

    type: Literal["python"] = Field(description="A number that a Python function returns.")
    name: _Name
    source: str | FromFile = Field(
        description="Python code that defines grade(sample, item), or {path: FILE}.",
        examples=[{"path": "graders/answer.py"}],
    )
    image_tag: str | None = Field(
        default=None,
        description="The image that it runs in, as Azure names it; absent: Azure chooses.",
        examples=["2025-05-08"],
    )


OneGrader = StringCheck | TextSimilarity | ScoreModel | PythonGrader


class Multi(Block):
    """One number of the scores of several graders."""

    type: Literal["multi"] = Field(description="One number of several graders.")
    name: _Name
    graders: dict[str, Annotated[OneGrader, Field(discriminator="type")]] = Field(
        description="Graders by the names that `calculate_output` uses; no `multi` among them.",
        min_length=1,
        examples=[
            {
                "correct": {
                    "type": "string_check",
                    "input": "{{ sample.output_text }}",
                    "reference": "{{ item.answer }}",
                    "operation": "eq",
                }
            }
        ],
    )
    calculate_output: str = Field(
        description="An expression of these names: + - * / ^, min max abs floor ceil exp sqrt log.",
        examples=["0.8 * correct + 0.2 * brief"],
        min_length=1,
    )


AnyGrader = Annotated[OneGrader | Multi, Field(discriminator="type")]


class JsonSchema(Block):
    """A named JSON Schema."""

    name: str = Field(description="What the schema is called.", min_length=1, examples=["answer"])
    description: str | None = Field(
        default=None, description="What it is for; the model sees it.", examples=["The answer, and how sure it is."]
    )
    strict: bool | None = Field(
        default=None, description="Whether answers must follow it exactly; absent: Azure decides.", examples=[True]
    )
    schema_: dict[str, Any] = Field(
        alias="schema",
        description="The JSON Schema itself.",
        examples=[{"type": "object", "properties": {"answer": {"type": "string"}}}],
    )


class JsonSchemaFormat(Block):
    """Answers in JSON by a schema. Microsoft's page has its keys beside `type`, which is accepted too."""

    type: Literal["json_schema"] = Field(description="Answers in JSON by a schema.")
    json_schema: JsonSchema = Field(
        description="The schema and its name.", examples=[{"name": "answer", "schema": {"type": "object"}}]
    )


class TextFormat(Block):
    """Answers in plain text."""

    type: Literal["text"] = Field(description="Answers in plain text.")


def _wrapped(value: Any) -> Any:
    """Take the flat shape of Microsoft's page for the nested one that the service echoes."""
    if isinstance(value, Mapping) and value.get("type") == "json_schema" and "json_schema" not in value:
        return {"type": "json_schema", "json_schema": {key: item for key, item in value.items() if key != "type"}}
    return value


ResponseFormat = Annotated[JsonSchemaFormat | TextFormat, Field(discriminator="type"), BeforeValidator(_wrapped)]


def one_of_both(value: Any) -> Any:
    """Say what is missing in a value that is neither written out nor in a file."""
    if isinstance(value, str):
        raise ValueError("is a text; to name a file, write {path: FILE}")  # noqa: TRY004  (pydantic reports ValueError)
    if isinstance(value, Mapping) and not {"type", "path", "file"} & value.keys():
        raise ValueError("needs `type`, or `path` of a file that holds it")
    return value


class GraderFile(BaseModel):
    """What a file with a grader holds."""

    grader: AnyGrader


class ResponseFormatFile(BaseModel):
    """What a file with a response format holds."""

    response_format: ResponseFormat


def wire(value: Any, name: str = "") -> Any:
    """Return a grader or a response format as it is sent; what is a mapping already is one that was echoed."""
    if isinstance(value, Multi):
        parts = {key: wire(part, key) for key, part in value.graders.items()}
        rest = value.model_dump(exclude_none=True, exclude={"graders"})
        return {"name": name or value.type, **rest, "graders": parts}
    if isinstance(value, OneGrader):
        return {"name": name or value.type, **value.model_dump(exclude_none=True)}
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_none=True, by_alias=True)
    return value


def identity(value: Any) -> Any:
    """Return what of a grader or response format decides the weights: all but the names of graders."""
    plain = wire(value)
    if not isinstance(value, OneGrader | Multi):
        return plain
    kept = {key: item for key, item in plain.items() if key != "name"}
    if isinstance(value, Multi):
        kept["graders"] = {key: identity(part) for key, part in value.graders.items()}
    elif isinstance(value, PythonGrader) and isinstance(value.source, str):
        kept["source"] = unix(value.source)
    return kept


def unix(source: str) -> str:
    """Return a text with line feeds only: how an editor ends lines trains nothing anew."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def gist(value: Any) -> dict[str, Any]:
    """Return of a grader, declared or echoed, what can be compared though a service may lay it out otherwise.

    Spaces in templates and expressions, case and date of a model's name and the layout of messages do not count; nor
    does what is null (docs/decisions/2026-11-22-graders-count-by-content.md).
    """
    raw = wire(value)
    if not isinstance(raw, Mapping):
        return {}
    found: dict[str, Any] = {}
    for key, item in raw.items():
        match key, item:
            case (_, None) | ("name", _):
                continue
            case "graders", Mapping():
                found[key] = {str(name): gist(part) for name, part in item.items()}
            case "input", list():
                found[key] = [_said(message) for message in item]
            case (("input" | "reference"), str()):
                found[key] = _template(item)
            case "source", str():
                found[key] = _fingerprint(item)
            case "calculate_output", str():
                found[key] = re.sub(r"\s+", "", item)
            case "model", str():
                found[key] = _DATE.sub("", item.lower())
            case (("type" | "operation" | "evaluation_metric" | "pass_threshold" | "range" | "image_tag"), _):
                found[key] = item
            case "sampling_params", Mapping():
                found[key] = {name: setting for name, setting in item.items() if setting is not None}
    return found


def format_gist(value: Any) -> dict[str, Any]:
    """Return of a response format, declared or echoed, what can be compared."""
    raw = wire(value)
    if not isinstance(raw, Mapping):
        return {}
    inner = raw.get("json_schema")
    inner = inner if isinstance(inner, Mapping) else raw
    found = {"type": raw.get("type"), "strict": inner.get("strict"), "schema": inner.get("schema")}
    return {key: item for key, item in found.items() if item is not None}


def _fingerprint(source: str) -> str:
    """Return what tells two sources apart in one line; a plan is no place for 256 KB of code."""
    text = unix(source).strip()
    count = len(text.split("\n"))
    return f"{count} line{'s'[: count != 1]}, sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"


def pieces(text: str) -> tuple[list[str], list[str]]:
    """Return the texts around the templates of a text, and what is in them; an open template is text."""
    around: list[str] = []
    inside: list[str] = []
    end = 0
    while (start := text.find("{{", end)) >= 0 and (stop := text.find("}}", start + 2)) >= 0:
        around.append(text[end:start])
        inside.append(text[start + 2 : stop].strip())
        end = stop + 2
    return [*around, text[end:]], inside


def _template(text: str) -> str:
    """Return a text with its templates in one spelling."""
    around, inside = pieces(text)
    return around[0] + "".join(f"{{{{ {name} }}}}{rest}" for name, rest in zip(inside, around[1:], strict=True))


def _said(message: Any) -> str:
    if not isinstance(message, Mapping):
        return str(message)
    content = message.get("content")
    parts: Sequence[Any] = content if isinstance(content, list) else [content]
    texts = [str(part.get("text", part)) if isinstance(part, Mapping) else str(part) for part in parts]
    return f"{message.get('role')}: {_template(''.join(texts))}"


def grading_models(grader: object) -> tuple[str, ...]:
    """Return the models that grade, of a grader as it is declared or echoed; each once."""
    values = grader.model_dump() if hasattr(grader, "model_dump") else grader
    if not isinstance(values, dict):
        return ()
    nested = values.get("graders")
    parts = [values, *(nested.values() if isinstance(nested, dict) else ())]
    named = (part.get("model") for part in parts if isinstance(part, dict) and part.get("type") != "multi")
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str) and name))
