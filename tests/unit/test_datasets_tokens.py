"""Token counts are those of OpenAI's own tokeniser, over text of every sort, and of the tutorial's way of counting."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import random
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st

from reconciler.datasets.statistics import ROLES
from reconciler.datasets.texts import Texts
from reconciler.datasets.tokens import count, count_word

_RANKS = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> tiktoken.Encoding:
    """OpenAI's tokeniser itself. It would fetch its vocabulary; a package carries the same file, and it checks the hash."""
    folder = tmp_path_factory.mktemp("tiktoken")
    carrier = importlib.metadata.distribution("bpe-openai")
    packed = Path(str(carrier.locate_file("bpe_openai/data/o200k_base.tiktoken.gz"))).read_bytes()
    (folder / hashlib.sha1(_RANKS.encode(), usedforsecurity=False).hexdigest()).write_bytes(gzip.decompress(packed))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        return tiktoken.get_encoding("o200k_base")


def exact(oracle: tiktoken.Encoding, text: str) -> int:
    return len(oracle.encode_ordinary(text))


TEXTS = {
    "nothing": "",
    "white space that is no word": " \t\n\r\n  \n",
    "contractions in both cases": "I'll don't WE'VE they'd'd it's IT'S",
    "numbers are cut in threes": "1234567890 3.14159 1e-4 0x1F ½ ٣٤٥",
    "code": "def f(x: int) -> str:\n\treturn f'{x!r:>10}'  # 100%\n\n\n}}}])",
    "JSON inside JSON": '{"arguments": "{\\"a\\": [1, 2, {\\"b\\": null}]}"}',
    "special tokens are ordinary text": "<|endoftext|> <|im_start|>user<|im_end|>",
    "scripts without spaces": "日本語のテキストです。这是一个测试。ภาษาไทย",
    "right to left, with marks": "العربية مَرْحَبًا עברית שָׁלוֹם",
    "Indic scripts with combining marks": "हिन्दी में लिखा हुआ पाठ தமிழ் উদাহরণ",
    "emoji with joiners, skin tones and flags": "👩‍👩‍👧‍👦 👍🏽 🇩🇪 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ☺️",
    "composed and decomposed": "é é Å Å ﬁ Ǆ",
    "control characters": "\x00\x01\x1b[31mred\x1b[0m\x7f\u200b\u2028\ufeff",
    "a very long word": "a" * 5000 + "Ab" * 2000,
    "very long white space": " " * 3000 + "x" + "\n" * 3000,
}


@pytest.mark.parametrize("reason", TEXTS)
def test_counts_are_exact(oracle: tiktoken.Encoding, reason: str) -> None:
    assert count([TEXTS[reason]]) == [exact(oracle, TEXTS[reason])]


@given(st.lists(st.text(max_size=200), max_size=5))
def test_counts_are_exact_for_any_text(oracle: tiktoken.Encoding, texts: list[str]) -> None:
    encodable = [text.encode(errors="replace").decode() for text in texts]
    assert count(texts) == [exact(oracle, text) for text in encodable]


def test_every_character_is_counted_exactly(oracle: tiktoken.Encoding) -> None:
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000 and _is_assigned(chr(code))]
    random.Random(1).shuffle(characters)
    texts = ["".join(characters[start : start + 50]) for start in range(0, len(characters), 50)]
    assert count(texts) == [exact(oracle, text) for text in texts]


def _is_assigned(character: str) -> bool:
    # What is not assigned in this Python's Unicode may be in the tokeniser's, and decides how text is cut.
    return unicodedata.category(character) not in {"Cn", "Co"}


def test_each_role_is_one_token_as_the_quick_check_assumes() -> None:
    assert {role: count_word(role) for role in ROLES} == dict.fromkeys(ROLES, 1)


def tutorial(oracle: tiktoken.Encoding, messages: list[Mapping[str, Any]]) -> tuple[int, int]:
    """Return all tokens and the assistant's, by the rules of the tutorial: 3 a message, each value, 3 an example."""
    whole = 3
    for message in messages:
        whole += 3 + sum(exact(oracle, value) for value in message.values()) + ("name" in message)
    return whole, sum(exact(oracle, message["content"]) for message in messages if message["role"] == "assistant")


def test_a_chat_example_counts_as_in_the_tutorial(oracle: tiktoken.Encoding) -> None:
    messages = [
        {"role": "system", "content": "Answer in rhyme."},
        {"role": "user", "name": "Ada", "content": "Why is the sky blue? 🌤"},
        {"role": "assistant", "content": "Because of Rayleigh's scattering, I think."},
        {"role": "user", "content": "Thanks"},
        {"role": "assistant", "content": "Any time."},
    ]
    texts = Texts()
    texts.add_record({"messages": messages})
    whole, learnt = tutorial(oracle, messages)
    assert texts.lengths() == ([whole], [learnt])


RECORDS: Mapping[str, tuple[dict[str, Any], list[str], list[str], int]] = {
    "an answer with weight 0 is read and not learnt": (
        {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a b c", "weight": 0}]},
        ["q", "a b c"],
        [],
        3 + 2 * 4,
    ),
    "a call is its name and its arguments; a result names its call": (
        {
            "messages": [
                {"role": "user", "content": "q"},
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}],
                },
                {"role": "tool", "tool_call_id": "c", "content": "found"},
                {"role": "assistant", "content": "done"},
            ],
            "tools": [{"type": "function", "function": {"name": "look_up"}}],
        },
        ["q", "c", "found"],
        ["look_up", "{}", "done"],
        3 + 4 * 4,
    ),
    "of content in parts the text counts, and no image": (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
                    ],
                },
                {"role": "assistant", "content": "A cat."},
            ]
        },
        ["What is it?"],
        ["A cat."],
        3 + 2 * 4,
    ),
    "both answers of a preference are learnt, its prompt is not": (
        {
            "input": {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "earlier"}]},
            "preferred_output": [{"role": "assistant", "content": "good one"}],
            "non_preferred_output": [{"role": "assistant", "content": "bad"}],
        },
        ["q", "earlier"],
        ["good one", "bad"],
        3 + 4 * 4,
    ),
    "reinforcement learns no text by heart": (
        {"messages": [{"role": "developer", "content": "Count."}, {"role": "user", "content": "1+1"}], "answer": "2"},
        ["Count.", "1+1"],
        [],
        3 + 2 * 4,
    ),
    "what is broken counts as far as it is text": (
        {"messages": [7, {"role": "user", "content": {"a": 1}}, {"content": "x", "weight": "no"}, None]},
        ["x", "no"],
        [],
        3 + 3 + 1 + 3,
    ),
}


@pytest.mark.parametrize("reason", RECORDS)
def test_what_of_an_example_counts(oracle: tiktoken.Encoding, reason: str) -> None:
    record, shown, learnt, fixed = RECORDS[reason]
    texts = Texts()
    texts.add_record(record)
    answer = sum(exact(oracle, text) for text in learnt)
    assert texts.lengths() == ([fixed + sum(exact(oracle, text) for text in shown) + answer], [answer])


def test_the_vocabulary_is_on_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    assert count(["Hello, world!"]) == [4]
