"""What is wrong with a grader as it stands: everything that Azure would find out only after data was uploaded, or never.

Limits: docs/azure.md, section 17.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping

from reconciler.kinds.fine_tune_job.expression import FUNCTIONS, ExpressionError, names_in
from reconciler.kinds.fine_tune_job.graders import (
    GRADER_MODELS,
    Multi,
    OneGrader,
    PythonGrader,
    ScoreModel,
    TextSimilarity,
    pieces,
    unix,
)
from reconciler.kinds.fine_tune_job.templates import Finding, check_templates, key_findings, texts

MAX_SOURCE = 256 * 1024
"""Bytes of the source of a python grader."""

_FILE = re.compile(r"[\w./-]+\.py")
_NAME = re.compile(r"[^\W\d]\w*")


def check_grader(grader: OneGrader | Multi) -> list[Finding]:
    """Return what is wrong with a grader, whatever the data."""
    return [*_each(grader, ""), *check_templates(grader, None, 0)]


def check_keys(grader: OneGrader | Multi, keys: Mapping[str, int], examples: int) -> list[Finding]:
    """Return what of the data a grader reads in vain."""
    found = check_templates(grader, keys, examples)
    for path, python in _python(grader):
        for line, key in _read_keys(python):
            found += key_findings(
                f"{path}source", f"item[{key!r}]", key, {"messages": examples, **keys}, examples, line=line, sure=False
            )
    return found


def _each(grader: OneGrader | Multi, path: str) -> Iterator[Finding]:
    match grader:
        case Multi():
            for name, part in grader.graders.items():
                yield from _each(part, f"{path}graders.{name}.")
            yield from _multi(grader, path)
        case PythonGrader():
            if isinstance(grader.source, str):
                yield from check_source(unix(grader.source), f"{path}source")
        case ScoreModel():
            yield from _score_model(grader, path)
        case TextSimilarity():
            yield from _text_similarity(grader, path)
            yield from _reads_the_answer(grader, path)
        case _:
            yield from _reads_the_answer(grader, path)


def _multi(grader: Multi, path: str) -> Iterator[Finding]:
    for name in grader.graders:
        if not _NAME.fullmatch(name) or name in FUNCTIONS:
            detail = f"`{name}` cannot stand for a grader in calculate_output."
            remedy = "Use letters, digits and _, and no name of a function."
            yield Finding(f"{path}graders.{name}", "grader-name", "A grader's name is no name", detail, remedy)
    try:
        used = names_in(grader.calculate_output, grader.graders)
    except ExpressionError as error:
        detail = f"At column {error.column}: {error.message}."
        summary = "calculate_output cannot be computed"
        yield Finding(f"{path}calculate_output", "grader-expression", summary, detail, error.remedy)
        return
    for name in grader.graders:
        if name not in used:
            detail = f"calculate_output does not use `{name}`; its scores are computed for nothing."
            yield Finding(
                f"{path}graders.{name}", "grader-unused", "A grader is not used", detail, "Remove it.", "warning"
            )


def _text_similarity(grader: TextSimilarity, path: str) -> Iterator[Finding]:
    if grader.pass_threshold is None:
        inside = path != ""
        detail = "Azure's specification requires `pass_threshold`" + (
            "; Microsoft's example of a multi grader leaves it out." if inside else "."
        )
        yield Finding(
            path.rstrip("."),
            "grader-threshold",
            "A text_similarity grader has no pass_threshold",
            detail,
            "Add `pass_threshold: …`, the score from which an answer passes.",
            "warning" if inside else "error",
        )


def _score_model(grader: ScoreModel, path: str) -> Iterator[Finding]:
    if grader.range and grader.range[0] >= grader.range[1]:
        detail = f"range goes from {grader.range[0]:g} to {grader.range[1]:g}."
        yield Finding(
            f"{path}range", "grader-range", "The range of scores is empty", detail, "Put the lower one first."
        )
    if grader.model.lower() not in GRADER_MODELS:
        detail = f"`{grader.model}` is not among the models that Microsoft's page names: {', '.join(GRADER_MODELS)}."
        yield Finding(f"{path}model", "grader-model", "The grading model is not documented", detail, severity="warning")
    yield from _reads_the_answer(grader, path)


def _reads_the_answer(grader: OneGrader, path: str) -> Iterator[Finding]:
    """A grader that never looks at the answer gives all answers the same score."""
    if not any(re.match(r"sample\b", name) for _, text in texts(grader) for name in pieces(text)[1]):
        detail = "None of its texts holds a template of `sample`, so each answer gets the same score."
        remedy = "Write {{ sample.output_text }} where the answer belongs."
        yield Finding(
            path.rstrip("."), "grader-blind", "A grader does not look at the answer", detail, remedy, "warning"
        )


def check_source(source: str, path: str) -> Iterator[Finding]:
    """Return what is wrong with the source of a python grader."""
    size = len(source.encode())
    if size > MAX_SOURCE:
        detail = f"It has {size:,} bytes; Azure takes {MAX_SOURCE:,}."
        yield Finding(path, "grader-source-large", "The source of a python grader is too large", detail, "Shorten it.")
        return
    try:
        tree = _parsed(source)
    except SyntaxError as error:
        where = f"Line {error.lineno}, column {error.offset}: " if error.lineno else ""
        detail = f"{where}{error.msg}."
        summary = "The source of a python grader is not Python"
        yield Finding(path, "grader-source", summary, detail, "Correct it.", line=error.lineno or 0)
        return
    except (ValueError, RecursionError, MemoryError) as error:
        detail = f"{str(error) or type(error).__name__}."
        yield Finding(path, "grader-source", "The source of a python grader is not Python", detail, "Correct it.")
        return
    yield from _grade(tree, path, source)


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        # An odd escape in a text is the grader's own affair.
        warnings.simplefilter("ignore")
        return ast.parse(source)


def _grade(tree: ast.Module, path: str, source: str) -> Iterator[Finding]:
    summary = "A python grader has no usable grade(sample, item)"
    remedy = "Define:\n  def grade(sample, item):"
    definitions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    top = [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    found = next((node for node in reversed(top) if node.name == "grade"), None)
    if found is None:
        if not _binds_grade(tree):
            inside = next((node for node in definitions if node.name == "grade"), None)
            detail = (
                f"`grade` in line {inside.lineno} stands inside something else."
                if inside
                else "It defines no function `grade`."
            )
            if _FILE.fullmatch(source.strip()):
                remedy = f"If this names a file:\n  source: {{path: {source.strip()}}}"
            yield Finding(path, "grader-source", summary, detail, remedy, line=inside.lineno if inside else 0)
        return
    if isinstance(found, ast.AsyncFunctionDef):
        detail = f"`grade` in line {found.lineno} is asynchronous; its result would not be a number."
        yield Finding(path, "grader-source", summary, detail, remedy, line=found.lineno)
        return
    arguments = found.args
    positional = len(arguments.posonlyargs) + len(arguments.args)
    needed = positional - len(arguments.defaults)
    keyword_only = [
        name.arg for name, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if default is None
    ]
    takes_two = needed <= 2 and (positional >= 2 or arguments.vararg is not None)
    if not takes_two or keyword_only:
        detail = f"`grade` in line {found.lineno} cannot be called with two arguments by position."
        yield Finding(path, "grader-source", summary, detail, remedy, line=found.lineno)


def _binds_grade(tree: ast.Module) -> bool:
    """Whether something other than a function definition makes a `grade`: what it is cannot be told here."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == "grade" and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.alias) and (node.asname or node.name) in {"grade", "*"}:
            return True
    return any(
        isinstance(node, ast.If | ast.Try) and any(getattr(one, "name", "") == "grade" for one in ast.walk(node))
        for node in tree.body
    )


def _python(grader: OneGrader | Multi, path: str = "") -> Iterator[tuple[str, PythonGrader]]:
    if isinstance(grader, Multi):
        for name, part in grader.graders.items():
            yield from _python(part, f"{path}graders.{name}.")
    elif isinstance(grader, PythonGrader):
        yield path, grader


def _read_keys(grader: PythonGrader) -> list[tuple[int, str]]:
    """Return the keys that `item[...]` reads by a constant, and where; `item.get` may well expect none."""
    try:
        tree = _parsed(unix(grader.source)) if isinstance(grader.source, str) else ast.Module([], [])
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: dict[str, int] = {}
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "grade")
    for function in functions:
        names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
        for node in ast.walk(function) if len(names) > 1 else ():
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.ctx, ast.Load)
                and isinstance(node.value, ast.Name)
                and node.value.id == names[1]
                and isinstance(node.slice, ast.Constant)
                and isinstance(node.slice.value, str)
            ):
                found.setdefault(node.slice.value, node.lineno)
    return [(line, key) for key, line in found.items()]
