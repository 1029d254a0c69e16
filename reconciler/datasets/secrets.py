"""Likely secrets in a line: keys and tokens of a known form that look real. What is found is named and never quoted.

A trained model may repeat what it was trained on, so a key in training data is a key that is given away. The forms are
strict, since a false alarm in each pull request is soon not read: placeholders and keys from documentation are left out,
and a value must have as many different characters as a random one has.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic_core import SchemaValidator, ValidationError, core_schema

_PLACEHOLDERS = (
    b"example",
    b"your",
    b"placeholder",
    b"redacted",
    b"dummy",
    b"sample",
    b"xxxx",
    b"....",
    b"****",
    b"0000000",
    b"1234567",
    b"abcdefg",
    b"changeme",
    b"ssw0rd",
    b"password",
    b"secret",
    b"insert",
    b"eby8vdm02xnocqflquwjpllmetlcdxj1ouzft50usrz6ifsufq2uvercz4i6tq",  # the published key of the storage emulator
    b"sflkxwrjsmekkf2qt4fwpmejf36pok6yjv_adqssw5c",  # the signature of the token on jwt.io
)
"""Parts of values, in lower case, that show that a value is none: a random one has them in one of a million cases."""
_B64 = rb"(?:[A-Za-z0-9+/]|\\/|\\u002[bB])"
"""One character of base64 as JSON may write it: some writers escape / and +."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of secret.

    `hint` is a regular expression of Rust for something that each of them holds, as it stands in the line. `needle` is
    a string, in lower case, at which `pattern` is tried, `back` bytes before it; its group `value` must look real.
    """

    name: str
    hint: str
    needle: bytes
    pattern: re.Pattern[bytes]
    real: Callable[[bytes], bool]
    back: int = 0


def _random(distinct: int, *, digit: bool = True) -> Callable[[bytes], bool]:
    """Return a test for random text: enough different characters, letters and (if it has them) digits, no placeholder."""

    def test(value: bytes) -> bool:
        if len(set(value)) < distinct or not any(97 <= byte | 32 <= 122 for byte in value):
            return False
        return not _is_placeholder(value) and (not digit or any(48 <= byte <= 57 for byte in value))

    return test


def _is_placeholder(value: bytes) -> bool:
    lowered = value.lower()
    return any(word in lowered for word in _PLACEHOLDERS)


def _key_with_words(value: bytes) -> bool:
    """Return whether a value with hyphens has one long random piece: names-of-things-like-this-1 have none."""
    return _random(10)(value) and any(_random(8)(piece) for piece in re.findall(rb"[A-Za-z0-9]{14,}", value))


def _password(value: bytes) -> bool:
    """Return whether a value looks like a real password: of three sorts of characters, and no piece of a program."""
    sorts = (rb"[a-z]", rb"[A-Z]", rb"[0-9]", rb"[^A-Za-z0-9]")
    return (
        len(set(value)) >= 6 and sum(bool(re.search(sort, value)) for sort in sorts) >= 3 and not _is_placeholder(value)
    )


def _kind(name: str, hint: str, needle: bytes, pattern: bytes, real: Callable[[bytes], bool], back: int = 0) -> _Kind:
    return _Kind(name, hint, needle, re.compile(pattern, re.DOTALL), real, back)


_LEFT = rb"(?<![A-Za-z0-9_-])"
"""What stands before is not part of the same word."""
_LEFT_B64 = rb"(?<![A-Za-z0-9_+/-])"
"""The same for what might also come up by chance inside an image."""
_GITHUB = rb"(?P<value>[A-Za-z0-9]{36,251}+)(?![A-Za-z0-9])"
_ASSIGNED = r"[\"'\\]{0,4} ?[=:] ?[\"'\\]{0,4}"
"""What stands between a name and its value, inside a string of JSON too; the same for Python and Rust."""
_KINDS = (
    _kind(
        "a private key",
        "PRIVATE KEY",
        b"-----begin ",
        rb"-----BEGIN (?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----.{0,200}?(?P<value>" + _B64 + rb"{40})",
        _random(12, digit=False),
    ),
    _kind(
        "an OpenAI API key",
        "sk-[A-Za-z0-9_-]{20}",
        b"sk-",
        _LEFT + rb"sk-(?!ant-)(?P<value>[A-Za-z0-9_-]{20,}+)",
        _key_with_words,
    ),
    _kind(
        "an Anthropic API key",
        "sk-ant-[A-Za-z0-9_-]{20}",
        b"sk-ant-",
        _LEFT + rb"sk-ant-(?P<value>[A-Za-z0-9_-]{20,}+)",
        _key_with_words,
    ),
    _kind(
        "an Azure account key",
        "AccountKey=",
        b"accountkey=",
        rb"AccountKey=(?P<value>" + _B64 + rb"{40,}+)",
        _random(16),
    ),
    _kind(
        "an Azure access key", "AccessKey=", b"accesskey=", rb"AccessKey=(?P<value>" + _B64 + rb"{40,}+)", _random(16)
    ),
    _kind(
        "a shared access signature",
        "sig=[A-Za-z0-9%+/_-]",
        b"sig=",
        rb"(?:(?<![A-Za-z0-9_-])|(?<=\\u0026))sig=(?P<value>[A-Za-z0-9%+/_-]{40,}+)",
        _random(14),
    ),
    _kind(
        "an Azure AI services key",
        "JQQJ9",
        b"jqqj9",
        rb"(?<![A-Za-z0-9+/])(?P<value>[A-Za-z0-9]{52}JQQJ9[9DH][A-Za-z0-9]{26}(?:[A-Za-z0-9]{2}==)?)(?![A-Za-z0-9+/])",
        _random(16),
        52,
    ),
    *(
        _kind(
            "an Azure key",
            marker.replace("+", r"\+") + "[A-Za-z0-9+/]{5}[AQgw]==",
            marker.encode().lower(),
            rb"(?<![A-Za-z0-9+/])(?P<value>[A-Za-z0-9+/]{76}"
            + re.escape(marker.encode())
            + rb"[A-Za-z0-9+/]{5}[AQgw]==)",
            _random(16),
            76,
        )
        for marker in ("+ASt", "+ASb", "+AEh", "+ABa", "+AMC", "ACDb", "AIoT", "APIM")
    ),
    _kind(
        "an Azure AI Search key",
        "AzSe[A-D][A-Za-z0-9]{5}",
        b"azse",
        rb"(?<![A-Za-z0-9+/])(?P<value>[A-Za-z0-9]{42}AzSe[A-D][A-Za-z0-9]{5})(?![A-Za-z0-9+/=])",
        _random(16),
        42,
    ),
    *(
        _kind(
            "an AWS access key",
            f"{start}[A-Z2-7]{{16}}",
            start.lower().encode(),
            _LEFT_B64 + start.encode() + rb"(?P<value>[A-Z2-7]{16})(?![A-Za-z0-9+/])",
            _random(8, digit=False),
        )
        for start in ("AKIA", "ASIA")
    ),
    *(
        _kind(
            "a GitHub token", f"{start}[A-Za-z0-9]{{36}}", start.encode(), _LEFT + start.encode() + _GITHUB, _random(14)
        )
        for start in ("ghp_", "gho_", "ghu_", "ghs_", "ghr_")
    ),
    _kind(
        "a GitHub token",
        "github_pat_[A-Za-z0-9_]{40}",
        b"github_pat_",
        _LEFT + rb"github_pat_(?P<value>[A-Za-z0-9_]{40,251}+)(?![A-Za-z0-9_])",
        _random(16),
    ),
    _kind("a Slack token", "xox[a-z]-", b"xox", _LEFT + rb"xox[abeoprs]-(?P<value>[A-Za-z0-9-]{20,}+)", _random(8)),
    _kind(
        "a Google API key",
        "AIza[A-Za-z0-9_-]{35}",
        b"aiza",
        _LEFT_B64 + rb"AIza(?P<value>[A-Za-z0-9_-]{35})(?![A-Za-z0-9_-])",
        _random(14),
    ),
    _kind(
        "a JSON Web Token",
        r"eyJ[A-Za-z0-9_-]{8,}\.eyJ",
        b"eyj",
        _LEFT + rb"(?P<value>eyJ[A-Za-z0-9_-]{8,}+\.eyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]{20,}+)",
        _random(16),
    ),
    _kind(
        "a Hugging Face token",
        "hf_[A-Za-z0-9]{30}",
        b"hf_",
        _LEFT + rb"hf_(?P<value>[A-Za-z0-9]{30,64}+)(?![A-Za-z0-9_])",
        _random(14, digit=False),
    ),
    _kind(
        "a bearer token",
        r"[Bb]earer [A-Za-z0-9._~+/-]{20}",
        b"bearer ",
        rb"(?<![A-Za-z0-9_])[Bb]earer (?P<value>[A-Za-z0-9._~+/-]{20,}+)",
        _key_with_words,
    ),
    *(
        _kind(
            "a password",
            f"(?:{word}) ?=",
            word.lower().partition("|")[0].encode(),
            rb"(?<![A-Za-z0-9])(?:"
            + word.encode()
            + rb") ?= ?(?P<value>[^\s;,\"'\\&<>{}()\[\]$`]{8,128}+)(?=[\s;,\"'\\&]|$)",
            _password,
        )
        for word in ("password|Password|PASSWORD", "pwd|Pwd|PWD")
    ),
    *(
        _kind(
            "an API key",
            f"(?:{word})[-_ ]?(?:key|Key|KEY){_ASSIGNED}[0-9a-fA-F]{{32}}",
            word.lower().partition("|")[0].encode(),
            f"(?:{word})[-_ ]?(?:key|Key|KEY){_ASSIGNED}".encode()
            + rb"(?P<value>[0-9a-f]{32}|[0-9A-F]{32})(?![A-Za-z0-9])",
            _random(8),
        )
        for word in ("api|Api|API", "subscription|Subscription")
    ),
    *(
        _kind(
            "an AWS secret access key",
            "secret_access_key|SECRET_ACCESS_KEY|[sS]ecretAccessKey",
            word,
            f"(?i:{word.decode()}){_ASSIGNED}".encode() + rb"(?P<value>" + _B64 + rb"{40})(?![A-Za-z0-9+/])",
            _random(16),
        )
        for word in (b"secret_access_key", b"secretaccesskey")
    ),
    *(
        _kind(
            "a client secret of Microsoft Entra",
            r"[78]Q~[A-Za-z0-9_~.-]{31}",
            marker,
            rb"(?<![A-Za-z0-9_~.-])(?P<value>[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34})(?![A-Za-z0-9_~-])",
            _random(16),
            3,
        )
        for marker in (b"7q~", b"8q~")
    ),
    *(
        _kind(
            "the address of a database with its password",
            r"(?:postgres|mysql|mongodb|redis|amqp)[a-z+]{0,5}://[^\s:@/\"\\]{0,64}:[^\s:@/\"\\]{8}",
            scheme,
            re.escape(scheme) + rb"[a-z+]{0,5}://[^\s:@/\"\\]{0,64}:(?P<value>[^\s:@/\"\\]{8,128}+)@",
            _random(7),
        )
        for scheme in (b"postgres", b"mysql", b"mongodb", b"redis", b"amqp")
    ),
)
_TOGETHER = 14
"""Hints in one expression: with many more, the fast search for several strings at once is given up."""
_BLANKED = (rb"\n", rb"\r", rb"\t", rb"\b", rb"\f")
"""Escapes of white space, which would otherwise look like a letter before a key."""


def might_hold(data: bytes) -> bool:
    """Return whether there may be a secret in some lines; False is certain.

    The regular expressions of Rust that pydantic has look for many strings at once, and are measured to be ten times as
    fast here as one search for each of them.
    """
    return any(_is_hinted(hints, data) for hints in _hints())


def _is_hinted(hints: SchemaValidator, data: bytes) -> bool:
    try:
        hints.validate_python(data)
    except ValidationError as error:
        # Bytes that are no UTF-8 were not searched.
        return (
            error.errors(include_url=False, include_context=False, include_input=False)[0]["type"] == "string_unicode"
        )
    return True


@functools.cache
def _hints() -> tuple[SchemaValidator, ...]:
    """Return the hints of all kinds, some of them together in one expression."""
    hints = list(dict.fromkeys(kind.hint for kind in _KINDS))
    return tuple(
        SchemaValidator(
            core_schema.str_schema(pattern="|".join(hints[start : start + _TOGETHER]), regex_engine="rust-regex")
        )
        for start in range(0, len(hints), _TOGETHER)
    )


def kinds_in(line: bytes) -> list[tuple[str, int]]:
    """Return the kind of each likely secret in a line, in words such as "a GitHub token", and where it starts."""
    if not might_hold(line):
        return []
    if b"\\" in line:
        for escape in _BLANKED:
            line = line.replace(escape, b"  ")
    lowered = line.lower()
    found = sorted((start, -end, kind.name) for kind in _KINDS for start, end in _spans(kind, line, lowered))
    kinds: list[tuple[str, int]] = []
    reached = 0
    for start, minus_end, name in found:  # one that lies inside another is the same secret under two names
        if start >= reached:
            kinds.append((name, start))
            reached = -minus_end
    return kinds


def _spans(kind: _Kind, line: bytes, lowered: bytes) -> Iterator[tuple[int, int]]:
    at = lowered.find(kind.needle)
    while at >= 0:
        end = at + 1
        if at >= kind.back and (match := kind.pattern.match(line, at - kind.back)):
            end = max(end, match.end())
            if kind.real(match["value"]):
                yield match.span()
        at = lowered.find(kind.needle, end)
