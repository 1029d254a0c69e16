"""How many tokens texts have: the only place that knows which tokeniser counts.

The counts are exact for `o200k_base`, the encoding of gpt-4o and everything after it, and need no network: the
vocabulary is part of the library. Special-token strings in the data count as the ordinary text that they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

ENCODING = "o200k_base"
"""The encoding whose tokens are counted."""


def count(texts: Sequence[str]) -> list[int]:
    """Return the number of tokens of each text. Unpaired surrogates, which no encoding knows, count as U+FFFD."""
    # Imported here: building its tables takes a quarter of a second, which only data that is not in the cache pays.
    import toktok

    counts: list[int]
    try:
        counts = toktok.batch_count(texts, ENCODING, threads=1)
    except UnicodeEncodeError:
        counts = toktok.batch_count([_encodable(text) for text in texts], ENCODING, threads=1)
    return counts


@cache
def count_word(word: str) -> int:
    """Return the number of tokens of a word that comes again and again, such as a role."""
    return count([word])[0]


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()
