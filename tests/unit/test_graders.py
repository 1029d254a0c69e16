"""Graders: formulas, templates, sources, and the files that hold them, all looked at before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from pydantic import TypeAdapter

from reconciler.core.fault import Fault, InvalidManifests
from reconciler.kinds import REGISTRY
from reconciler.kinds.fine_tune_job.expression import FUNCTIONS, ExpressionError, names_in
from reconciler.kinds.fine_tune_job.graders import AnyGrader, ResponseFormat, format_gist, gist, identity, wire
from reconciler.kinds.fine_tune_job.grading import MAX_SOURCE, check_grader, check_keys, check_source
from reconciler.kinds.fine_tune_job.templates import check_templates
from reconciler.manifests import load

READ: TypeAdapter[Any] = TypeAdapter(AnyGrader)
CHECK = {"type": "string_check", "input": "{{ sample.output_text }}", "reference": "{{ item.a }}", "operation": "eq"}


def grader(**fields: Any) -> Any:
    return READ.validate_python({**CHECK, **fields})


def multi(formula: str, **parts: Any) -> Any:
    graders = {name: {**CHECK, **(part or {})} for name, part in parts.items()}
    return READ.validate_python({"type": "multi", "graders": graders, "calculate_output": formula})


GOOD_FORMULAS = [
    ("one name", "a", {"a"}),
    ("operators and parentheses", "(a + b) * 2 - b / 3 ^ 2", {"a", "b"}),
    ("a sign before a name, and before a power", "-a + 2 ^ -b", {"a", "b"}),
    ("functions of one value", "abs(a) + floor(a) + ceil(a) + exp(a) + sqrt(a) + log(a)", {"a"}),
    ("min and max of several", "max(min(a, b, 1), 0)", {"a", "b"}),
    ("numbers in all spellings", "a * 0.5 + .5 * b + 1e-3 + 2. + 10", {"a", "b"}),
    ("no spaces, or many", " a+b  *  2\n", {"a", "b"}),
    ("no name at all", "1 + 1", set()),
]


@pytest.mark.parametrize(("reason", "formula", "names"), GOOD_FORMULAS, ids=[row[0] for row in GOOD_FORMULAS])
def test_formulas_that_can_be_computed(reason: str, formula: str, names: set[str]) -> None:
    assert names_in(formula, {"a", "b"}) == names, reason


BAD_FORMULAS = [
    ("nothing", "", 1, "the end stands where"),
    ("an operator without its right side", "a +", 4, "the end stands where"),
    ("two names in a row", "a b", 3, "where an operator is expected"),
    ("a parenthesis that is not closed", "(a + b", 7, "where `)` is expected"),
    ("a parenthesis too many", "a)", 2, "`)` stands where an operator"),
    ("a name of no grader", "a + c", 5, "`c` is not known"),
    ("python's power", "a ** 2", 3, "`**` is no operator"),
    ("a function that does not exist", "round(a)", 1, "`round` is no function"),
    ("a function without parentheses", "a * sqrt", 5, "`sqrt` is not known"),
    ("two values for a function of one", "sqrt(a, b)", 1, "takes one value and is given 2"),
    ("no value for a function", "max()", 5, "`)` stands where"),
    ("a grader that is called", "a(b)", 1, "`a` is no function"),
    ("a comparison", "a > b", 3, "`>` has no meaning here"),
    ("an index", "a[0]", 2, "`[` has no meaning here"),
    ("a comma outside of a function", "a, b", 2, "where an operator is expected"),
]


@pytest.mark.parametrize(("reason", "formula", "column", "says"), BAD_FORMULAS, ids=[row[0] for row in BAD_FORMULAS])
def test_formulas_that_cannot_be_computed(reason: str, formula: str, column: int, says: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        names_in(formula, {"a", "b"})
    assert (caught.value.column, says in caught.value.message) == (column, True), reason


@pytest.mark.parametrize(
    ("formula", "remedy"),
    [
        ("corect + 1", "Did you mean `correct`?"),
        ("squrt(correct)", "Did you mean `sqrt`?"),
        ("2 ** 2", "Write ^ for powers."),
    ],
)
def test_slips_in_formulas(formula: str, remedy: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        names_in(formula, {"correct", "brief"})
    assert caught.value.remedy == remedy


@given(st.text(alphabet="ab1.+-*/^(), minexp\n", max_size=60) | st.text(max_size=30))
def test_any_text_is_a_formula_or_an_error_with_a_column(text: str) -> None:
    try:
        column = 1 if names_in(text, {"a", "b"}) <= {"a", "b"} else 0
    except ExpressionError as error:
        column = error.column
    assert 1 <= column <= len(text) + 1


@given(st.integers(1, 400))
def test_depth_ends_in_an_error_and_not_in_the_stack(depth: int) -> None:
    formula = "(" * depth + "a" + ")" * depth
    if depth < 90:
        assert names_in(formula, {"a"}) == {"a"}
    elif depth > 110:
        with pytest.raises(ExpressionError, match="levels"):
            names_in(formula, {"a"})


def test_names_of_functions_are_no_names_of_graders() -> None:
    found = {item.code for item in check_grader(multi("a + 1", a=None, min=None))}
    assert "grader-name" in found
    assert "min" in FUNCTIONS


def test_a_grader_that_the_formula_leaves_out() -> None:
    [found] = check_grader(multi("a", a=None, b=None))
    assert (found.code, found.path, found.severity) == ("grader-unused", "graders.b", "warning")


GOOD_TEMPLATES = [
    ("spaces do not matter", "{{sample.output_text}} {{  item.a  }}"),
    ("a part of an answer in JSON", "{{ sample.output_json.a.b }}"),
    ("a part of a key", "{{ item.a.date }}"),
    ("the messages of the example", "{{ item.messages }}"),
    ("no template at all", "yes"),
    ("a brace alone is text", "{ a } {a}"),
]


@pytest.mark.parametrize(("reason", "text"), GOOD_TEMPLATES, ids=[row[0] for row in GOOD_TEMPLATES])
def test_templates_that_name_something(reason: str, text: str) -> None:
    assert not check_templates(grader(reference=text), {"a": 3}, 3), reason


BAD_TEMPLATES = [
    ("another root", "{{ foo.a }}", "template-unknown", "Write {{ item.KEY }}, where KEY stands in"),
    ("a slip in the root", "{{ items.a }}", "template-unknown", "Did you mean {{ item.a }}?"),
    ("a key without its root", "{{ a }}", "template-unknown", "Did you mean {{ item.a }}?"),
    ("the root alone", "{{ sample }}", "template-unknown", "Write {{ sample.output_text }}."),
    (
        "a slip in what a sample has",
        "{{ sample.output_txt }}",
        "template-unknown",
        "Did you mean {{ sample.output_text }}?",
    ),
    ("an expression", "{{ item.a + 1 }}", "template-unknown", "Write {{ item.KEY }}"),
    ("nothing", "{{ }}", "template-unknown", "Write {{ item.KEY }}"),
    ("a template that is not closed", "{{ item.a", "template-open", "Write {{ item.KEY }}."),
    ("a key that no example has", "{{ item.b }}", "grader-key-unknown", "The examples have `a`"),
    ("a slip in a key", "{{ item.answr }}", "grader-key-unknown", "Did you mean `answer`?"),
    ("a key that some examples lack", "{{ item.answer }}", "grader-key-rare", "Add the key"),
    ("one of a list", "{{ item.a[0] }}", "template-index", "Put what is graded"),
]


@pytest.mark.parametrize(("reason", "text", "code", "remedy"), BAD_TEMPLATES, ids=[row[0] for row in BAD_TEMPLATES])
def test_templates_that_name_nothing(reason: str, text: str, code: str, remedy: str) -> None:
    [found] = check_templates(grader(reference=text), {"a": 3, "answer": 2}, 3)
    assert (found.code, found.path) == (code, "reference"), reason
    assert found.remedy.startswith(remedy)
    assert found.severity == ("warning" if code in {"grader-key-rare", "template-index"} else "error")


def test_keys_are_not_looked_at_if_they_are_not_known() -> None:
    assert not check_templates(grader(reference="{{ item.whatever }}"), None, 0)


def test_templates_in_messages_have_their_place() -> None:
    judge = {
        "type": "score_model",
        "model": "gpt-4o-2024-08-06",
        "input": [
            {"role": "system", "content": "{{ item.b }}"},
            {"role": "user", "content": [{"type": "input_text", "text": "{{ sample.outputs }}"}]},
        ],
    }
    found = check_templates(READ.validate_python(judge), {"a": 1}, 1)
    assert [item.path for item in found] == ["input.0.content", "input.1.content.0.text"]


def test_a_grader_that_never_looks_at_the_answer() -> None:
    [found] = check_grader(grader(input="{{ item.a }}"))
    assert (found.code, found.severity) == ("grader-blind", "warning")


SOURCES = [
    ("as documented", "def grade(sample, item):\n    return 1.0\n", ""),
    ("other names, defaults and hints", "def grade(s: dict, i: dict, x: int = 1) -> float:\n    return 1.0\n", ""),
    ("any number of arguments", "def grade(*both):\n    return 1.0\n", ""),
    ("made by something else", "grade = print\n", ""),
    ("taken from a module", "from numpy import mean as grade\n", ""),
    ("an odd escape is the grader's own affair", "def grade(sample, item):\n    return len('\\d')\n", ""),
    ("no function", "x = 1\n", "no function `grade`"),
    ("one argument", "def grade(sample):\n    return 1.0\n", "two arguments by position"),
    ("three arguments", "def grade(a, b, c):\n    return 1.0\n", "two arguments by position"),
    ("arguments by name only", "def grade(*, sample, item):\n    return 1.0\n", "two arguments by position"),
    ("asynchronous", "async def grade(sample, item):\n    return 1.0\n", "asynchronous"),
    ("inside a class", "class A:\n    def grade(self, sample):\n        return 1.0\n", "stands inside something else"),
    ("not Python", "def grade(sample, item)\n", "Line 1, column"),
    ("more signs than any parser takes", f"def grade(sample, item):\n    return {'-' * 200_000}1\n", "."),
    ("a NUL", "def grade(sample, item):\n    return '\0'\n", "null bytes"),
    ("too large", "def grade(sample, item):\n    return 1\n#" + "x" * MAX_SOURCE, "bytes; Azure takes 262,144"),
]


@pytest.mark.parametrize(("reason", "source", "says"), SOURCES, ids=[row[0] for row in SOURCES])
def test_sources_of_python_graders(reason: str, source: str, says: str) -> None:
    found = list(check_source(source, "source"))
    assert bool(found) == bool(says), reason
    assert all(says in item.detail for item in found)


def test_a_source_that_is_the_name_of_a_file_is_told_how_to_name_one() -> None:
    (found,) = check_source("graders/brief.py", "source")
    assert found.remedy.endswith("\n  source: {path: graders/brief.py}")


@pytest.mark.parametrize("text", ["{{" * 1_000_000, "{{ " * 1_000_000, "{{ a }}" * 300_000, " " * 3_000_000], ids=len)
def test_long_texts_take_no_long_time(text: str) -> None:
    check_templates(grader(reference=text), {"a": 1}, 1)
    gist({**CHECK, "reference": text})
    assert names_in(f"a{' ' * 1_000_000}", {"a"}) == {"a"}


@given(st.text(max_size=80))
def test_any_text_is_a_source_or_has_a_fault(text: str) -> None:
    list(check_source(text, "source"))


def test_keys_that_the_code_reads() -> None:
    source = "def grade(s, row):\n    x = row['answr']\n    row.get('maybe')\n    return row['messages'] is x\n"
    found = check_keys(READ.validate_python({"type": "python", "source": source}), {"answer": 4}, 4)
    assert [(item.code, item.line, item.severity, item.remedy) for item in found] == [
        ("grader-key-unknown", 2, "warning", "Did you mean `answer`?")
    ], "code may catch what is missing, so it is a warning"


def test_a_text_similarity_grader_needs_its_threshold() -> None:
    similar = {**CHECK, "type": "text_similarity", "evaluation_metric": "bleu"}
    del similar["operation"]
    [alone] = check_grader(READ.validate_python(similar))
    assert (alone.code, alone.severity) == ("grader-threshold", "error")
    inside = READ.validate_python({"type": "multi", "graders": {"a": similar}, "calculate_output": "a"})
    [part] = check_grader(inside)
    assert (part.path, part.severity) == ("graders.a", "warning"), "Microsoft's own example leaves it out there"


def test_names_are_sent_and_are_no_part_of_the_identity() -> None:
    made = multi("a", a=None)
    assert wire(made)["graders"]["a"]["name"] == "a"
    assert wire(made)["name"] == "multi"
    named = READ.validate_python(
        {"type": "multi", "name": "x", "graders": {"a": {**CHECK, "name": "y"}}, "calculate_output": "a"}
    )
    assert wire(named)["graders"]["a"]["name"] == "y"
    assert identity(made) == identity(named)


SAME = [
    ("spaces in templates", {"input": "{{sample.output_text}}"}, {"input": "{{  sample.output_text }}"}),
    ("what is null", {}, {"pass_threshold": None, "sampling_params": None}),
    ("a name", {}, {"name": "other"}),
    ("the date of a model", {"model": "gpt-4o"}, {"model": "GPT-4o-2024-08-06"}),
]


@pytest.mark.parametrize(("reason", "one", "other"), SAME, ids=[row[0] for row in SAME])
def test_what_a_service_may_lay_out_otherwise_is_the_same_grader(
    reason: str, one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert gist({**CHECK, **one}) == gist({**CHECK, **other}), reason


def test_what_scores_otherwise_is_another_grader() -> None:
    for field, value in (("operation", "ne"), ("reference", "{{ item.b }}"), ("input", "x")):
        assert gist({**CHECK, field: value}) != gist(CHECK)


def test_both_shapes_of_a_response_format_are_one() -> None:
    read: TypeAdapter[Any] = TypeAdapter(ResponseFormat)
    flat = read.validate_python({"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": True})
    inner = {"name": "n", "schema": {"type": "object"}, "strict": True}
    nested = read.validate_python({"type": "json_schema", "json_schema": inner})
    assert flat == nested
    assert wire(flat) == {"type": "json_schema", "json_schema": inner}
    assert format_gist(flat) == format_gist({"type": "json_schema", "json_schema": {**inner, "description": None}})


# Files

MANIFEST = """\
apiVersion: reconciler/v1
kind: Account
metadata: {{name: acme}}
spec: {{endpoint: "https://acme.openai.azure.com", owner: team-a}}
---
apiVersion: reconciler/v1
kind: FineTuneJob
metadata: {{name: maths}}
spec:
  model: o4-mini
  training_file: {{file_id: file-1}}
  validation_file: {{file_id: file-2}}
  method:
    type: reinforcement
    grader: {grader}
"""


def faults(root: Path, grader: str, **files: str) -> list[Fault]:
    folder = root / "manifests"
    folder.mkdir(exist_ok=True)
    (folder / "job.yaml").write_text(MANIFEST.format(grader=grader))
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_bytes(text.encode())
    try:
        return list(load(folder, REGISTRY, {}, None, root).warnings)
    except InvalidManifests as error:
        return list(error.faults)


YAML = "type: string_check\ninput: '{{ sample.output_text }}'\nreference: '{{ item.a }}'\noperation: eq\n"
FILES = [
    ("a grader in YAML, below the manifests", "{path: g.yaml}", {"g_yaml": YAML}, "", ""),
    ("a grader in JSON", "{path: g.json}", {"g_json": json.dumps(CHECK)}, "", ""),
    ("JSON that is indented by tabs", "{path: g.json}", {"g_json": json.dumps(CHECK, indent="\t")}, "", ""),
    ("a source beside the grader's file", "{path: g.yaml}", {"g_yaml": "type: python\nsource: {path: c.py}\n",
     "c_py": "def grade(sample, item):\r\n    return 1\r\n"}, "", ""),
    ("a file that is not there", "{path: h.json}", {"g_json": json.dumps(CHECK)}, "data-file", "manifests/job.yaml:15:20"),
    ("a wrong choice has its place in the file", "{path: g.yaml}", {"g_yaml": YAML.replace("eq", "equals")},
     "not-allowed", "manifests/g.yaml:4:12"),
    ("an unknown key too", "{path: g.yaml}", {"g_yaml": YAML + "ref: x\n"}, "unknown-key", "manifests/g.yaml:5:1"),
    ("a template in a file", "{path: g.yaml}", {"g_yaml": YAML.replace("item.a", "items.a")}, "template-unknown",
     "manifests/g.yaml:3:12"),
    ("JSON that is none", "{path: g.json}", {"g_json": '{"type": }'}, "json-syntax", "manifests/g.json:1:10"),
    ("a key that stands twice in JSON", "{path: g.json}", {"g_json": '{"type": 1, "type": 2}'}, "json-syntax",
     "manifests/g.json"),
    ("two documents", "{path: g.yaml}", {"g_yaml": YAML + "---\n" + YAML}, "piece-documents", "manifests/g.yaml"),
    ("a source that is not Python", "{type: python, source: {path: c.py}}", {"c_py": "\n\ndef grade(:\n"},
     "grader-source", "manifests/c.py:3"),
    ("a source outside of the repository", "{path: g.yaml}", {"g_yaml": "type: python\nsource: {path: ../../../x.py}\n"},
     "data-file", "manifests/g.yaml:2:9"),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "grader", "files", "code", "place"), FILES, ids=[row[0] for row in FILES])
def test_files_of_graders(
    tmp_path: Path, reason: str, grader: str, files: dict[str, str], code: str, place: str
) -> None:
    found = faults(tmp_path, grader, **files)
    assert [(fault.code, str(fault.place)) for fault in found] == ([(code, place)] if code else []), reason


MISTAKES = [
    ("an endpoint", "{type: endpoint, url: x}", "extra_body"),
    ("another word for path", "{file: g.yaml}", "Did you mean `path`?"),
    ("a slip in the type", "{type: string_chek, input: x}", "Did you mean `string_check`?"),
    ("a slip in a key", "{type: string_check, input: x, reference: y, operator: eq}", "Did you mean `operation`?"),
]


@pytest.mark.parametrize(("reason", "grader", "remedy"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_common_mistakes_name_their_remedy(tmp_path: Path, reason: str, grader: str, remedy: str) -> None:
    [fault] = faults(tmp_path, grader)
    assert remedy in fault.remedy, reason


def test_a_missing_grader_is_not_called_data(tmp_path: Path) -> None:
    [fault] = faults(tmp_path, "{type: python, source: {path: c.py}}")
    assert fault.summary == "The file does not exist"


def test_a_yaml_file_that_nothing_names_is_still_no_manifest(tmp_path: Path) -> None:
    inline = json.dumps(CHECK)
    assert "not-a-manifest" in [fault.code for fault in faults(tmp_path, inline, other_yaml="just: this\n")]
