"""docs/reference/codes.md: every code of an error or warning, found where it is made, and the page that explains it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reconciler.datasets.findings import CODES

ROOT = Path(__file__).parent.parent
PAGES = ("troubleshooting", "data-findings", "datasets", "methods", "doctor", "limits", "machine", "ci")
"""Pages that explain codes, the one that is written for them first."""
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9…]+)*")
APART = {"emulator", "datasets", "results"}
"""Packages that make no Fault; what the check of data finds has a table of its own."""
Scoped = tuple[ast.AST, ast.AST]
NONE = frozenset({"ok"})
"""What looks like a code where a word is chosen, and is none."""


@dataclass(frozen=True)
class Made:
    """A code, and the fixed words that are printed with it where these stand beside it."""

    code: str
    summary: str
    place: str


@cache
def codes() -> Mapping[str, Made]:
    """Return every code that the program can emit; `…` stands for what is only known when it runs."""
    found: dict[str, Made] = {}
    paths = [path for path in sorted((ROOT / "reconciler").rglob("*.py")) if not APART & {*path.parts}]
    modules = {path: list(_scoped(ast.parse(path.read_text(encoding="utf-8")))) for path in paths}
    constants = {name: value for nodes in modules.values() for name, value in _constants(nodes)}
    values = {name: names for nodes in modules.values() for name, names in _makers(nodes, ast.ClassDef)}
    for path, nodes in modules.items():
        makers = {**values, **dict(_makers(nodes, ast.FunctionDef))}
        for call, scope in nodes:
            name = _called(call)
            if not isinstance(call, ast.Call) or name not in makers:
                continue
            said = next((word for word in ("summary", "words", "said") if word in makers[name]), "")
            summary = _summary(_argument(call, makers[name], said), scope)
            for code in _codes(_argument(call, makers[name], "code"), scope, constants):
                one = Made(code, summary, f"{path.relative_to(ROOT)}:{call.lineno}")
                if code not in found or (summary and not found[code].summary):
                    found[code] = one
    found |= {f"data-{code}": Made(f"data-{code}", one.meaning, "findings") for code, one in CODES.items()}
    return {code: found[code] for code in sorted(found) if code not in NONE | {"data-…"}}


def explained(code: str, texts: Mapping[str, str]) -> str:
    """Return the page that explains a code; "" if none does."""
    word = code.removeprefix("data-") if code.removeprefix("data-") in CODES else code
    sought = f"`{word.partition('…')[0]}" if "…" in word else f"`{word}`"
    return next((page for page in PAGES if sought in texts[page]), "")


def texts() -> Mapping[str, str]:
    """Return the pages that explain codes."""
    return {page: (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") for page in PAGES}


def codes_page() -> str:
    """Return the page."""
    pages = texts()
    rows = ["| code | says | more in |", "|---|---|---|"]
    for code, made in codes().items():
        page = explained(code, pages)
        said = made.summary.replace("|", "\\|") or "–"
        rows.append(f'| <a id="{code.replace("…", "any")}"></a>`{code}` | {said} | [{page}](../{page}.md) |')
    return "\n".join([*_HEAD, *rows]) + "\n"


def _scoped(tree: ast.AST, scope: ast.AST | None = None) -> Iterator[Scoped]:
    """Yield each node with the innermost function around it."""
    scope = scope or tree
    for node in ast.iter_child_nodes(tree):
        yield node, scope
        yield from _scoped(node, node if isinstance(node, ast.FunctionDef) else scope)


def _called(node: ast.AST) -> str:
    function = node.func if isinstance(node, ast.Call) else None
    return str(getattr(function, "id", getattr(function, "attr", "")))


def _constants(nodes: Iterable[Scoped]) -> Iterator[tuple[str, str]]:
    for node, scope in nodes:
        is_text = (
            isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        )
        if isinstance(node, ast.Assign) and is_text and isinstance(scope, ast.Module):
            yield from ((one.id, _text(node.value)) for one in node.targets if isinstance(one, ast.Name))


def _summary(argument: ast.expr | None, scope: ast.AST) -> str:
    """Return the fixed words of a fault; where one of several is chosen, each of them."""
    sources = [argument]
    if isinstance(argument, ast.Name):
        assigned = (node for node in ast.walk(scope) if isinstance(node, ast.Assign))
        sources = [node.value for node in assigned if argument.id in ast.unparse(node.targets[0]).split(", ")]
    nodes = [one for source in sources if source is not None for one in _outermost(source)]
    return " / ".join(dict.fromkeys(text for text in map(_text, nodes) if " " in text))


def _outermost(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the texts in an expression; what is put into a text is none of its own."""
    if isinstance(node, ast.Constant | ast.JoinedStr):
        yield node
    else:
        for child in ast.iter_child_nodes(node):
            yield from _outermost(child)


def _makers(nodes: Iterable[Scoped], sort: type[ast.AST]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what of a module takes a code: its functions or its values, with the names of what they take."""
    for node, _ in nodes:
        if not isinstance(node, sort):
            continue
        names: list[str] = []
        if isinstance(node, ast.FunctionDef):
            taken = [*node.args.posonlyargs, *node.args.args]
            if any(one.arg == "code" and ast.unparse(one.annotation or ast.Constant("")) == "str" for one in taken):
                names = [one.arg.rstrip("_") for one in taken if one.arg not in {"self", "cls"}]
        if isinstance(node, ast.ClassDef):
            names = [
                one.target.id
                for one in node.body
                if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
        if "code" in names and {"summary", "detail", "remedy", "words", "said"} & {*names}:
            yield getattr(node, "name", ""), tuple(names)


def _argument(call: ast.Call, names: tuple[str, ...], wanted: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == wanted:
            return keyword.value
    at = names.index(wanted) if wanted in names else len(call.args)
    return call.args[at] if at < len(call.args) else None


def _codes(argument: ast.expr | None, scope: ast.AST, constants: Mapping[str, str]) -> Iterator[str]:
    if isinstance(argument, ast.JoinedStr):
        yield _text(argument)
    elif isinstance(argument, ast.Name) and argument.id in constants:
        yield constants[argument.id]
    elif isinstance(argument, ast.Name):
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and argument.id in ast.unparse(node.targets[0]).split(", "):
                yield from (word for word in _words(node.value) if "-" in word)
    elif argument is not None and not isinstance(argument, ast.Attribute):
        yield from _words(argument)


def _words(node: ast.expr) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.JoinedStr):
            yield _text(one)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and CODE.fullmatch(one.value):
            yield one.value


def _text(node: ast.expr | None) -> str:
    """Return a fixed text, with … for what is put into it; "" if it is none."""
    if isinstance(node, ast.Constant):
        return str(node.value or "")
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)
    return ""


_HEAD = [
    "# Codes",
    "",
    "<!-- Written by `make docs` from where each code is made. Do not edit. -->",
    "",
    "Every code of an error or a warning, by name, with the words that are printed beside it and the page that explains it. A",
    "code does not change when its words do. `…` stands for a word of Azure, of a field or of a finding. How texts, JSON and",
    "events show codes is in [machine.md](../machine.md#codes).",
    "",
]
