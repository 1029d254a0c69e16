"""`calculate_output` of a multi grader: read as an expression, so that a slip is found before anything is sent.

```
sum     = product (("+" | "-") product)*
product = sign (("*" | "/") sign)*
sign    = ("+" | "-") sign | power
power   = atom ("^" sign)?
atom    = number | name | function "(" sum ("," sum)* ")" | "(" sum ")"
```

Operators and functions are those of Microsoft's page (docs/azure.md, section 17).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NoReturn

FUNCTIONS = {"min": 0, "max": 0, "abs": 1, "floor": 1, "ceil": 1, "exp": 1, "sqrt": 1, "log": 1}
"""Functions, and how many values each takes; 0 is any number of them."""
DEEPEST = 100
"""Parentheses and signs within each other."""

_TOKEN = re.compile(r"\s*(?:(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)|(?P<name>[^\W\d]\w*)|(?P<mark>\S))")
_END = "the end"


class ExpressionError(ValueError):
    """What is wrong with an expression, and at which column, counted from 1."""

    def __init__(self, message: str, column: int, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def names_in(text: str, known: Collection[str]) -> frozenset[str]:
    """Return the names that an expression uses; raises ExpressionError for what is no expression of known names."""
    return _Parser(text, known).parse()


class _Parser:
    def __init__(self, text: str, known: Collection[str]) -> None:
        self._known = known
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._used: set[str] = set()

    def parse(self) -> frozenset[str]:
        self._sum()
        if self._next.kind != "end":
            self._unexpected("an operator")
        return frozenset(self._used)

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _sum(self) -> None:
        self._product()
        while self._next.text in {"+", "-"}:
            self._take()
            self._product()

    def _product(self) -> None:
        self._sign()
        while self._next.text in {"*", "/"}:
            if self._tokens[self._at + 1].text == "*" and self._next.text == "*":
                raise ExpressionError("`**` is no operator", self._next.column, "Write ^ for powers.")
            self._take()
            self._sign()

    def _sign(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ExpressionError(f"more than {DEEPEST} levels within each other", self._next.column)
        if self._next.text in {"+", "-"}:
            self._take()
            self._sign()
        else:
            self._atom()
            if self._next.text == "^":
                self._take()
                self._sign()
        self._depth -= 1

    def _atom(self) -> None:
        token = self._next
        if token.kind == "number":
            self._take()
        elif token.kind == "name":
            self._name(self._take())
        elif token.text == "(":
            self._take()
            self._sum()
            self._close()
        else:
            self._unexpected("a number, a name or `(`")

    def _name(self, token: _Token) -> None:
        if self._next.text != "(":
            if token.text not in self._known:
                raise ExpressionError(f"`{token.text}` is not known", token.column, self._meant(token.text))
            self._used.add(token.text)
            return
        if token.text not in FUNCTIONS:
            raise ExpressionError(f"`{token.text}` is no function", token.column, _meant_function(token.text))
        self._take()
        count = 1
        self._sum()
        while self._next.text == ",":
            self._take()
            self._sum()
            count += 1
        self._close()
        takes = FUNCTIONS[token.text]
        if takes and count != takes:
            raise ExpressionError(f"`{token.text}` takes one value and is given {count}", token.column)

    def _close(self) -> None:
        if self._next.text != ")":
            self._unexpected("`)`")
        self._take()

    def _unexpected(self, expected: str) -> NoReturn:
        token = self._next
        found = _END if token.kind == "end" else f"`{token.text}`"
        raise ExpressionError(f"{found} stands where {expected} is expected", token.column)

    def _meant(self, name: str) -> str:
        if name in FUNCTIONS:
            return f"Write {name}(…)."
        near = difflib.get_close_matches(name, self._known, n=1)
        return f"Did you mean `{near[0]}`?" if near else f"Graders: {', '.join(sorted(self._known))}."


def _meant_function(name: str) -> str:
    near = difflib.get_close_matches(name.lower(), FUNCTIONS, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Functions: {', '.join(FUNCTIONS)}."


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(text.rstrip()):
        kind = match.lastgroup or ""
        token = _Token(kind, match[kind], match.start(kind) + 1)
        if kind == "mark" and token.text not in "+-*/^(),":
            raise ExpressionError(f"`{token.text}` has no meaning here", token.column, "Operators: + - * / ^.")
        found.append(token)
    return [*found, _Token("end", "", len(text) + 1)]
