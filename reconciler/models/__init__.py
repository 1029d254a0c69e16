"""What is publicly documented of base models, by any of their names. Needs no SDK and no network.

```
find("gpt-4.1-mini")                        -> ModelFacts
find("gpt-4.1-mini-2025-04-14.ft-0123…-x")  -> the facts of its base
context_of(model), encoding_of(model)       -> for counting tokens
```

The table is dated and will be behind: what it does not know, or says no to, is worth a warning and never an error.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.models.table import ModelFacts

__all__ = ["base_of", "context_of", "encoding_of", "find", "names_of", "nearest"]

_FINE_TUNED = re.compile(r"\.ft-[0-9a-f]{32}(?![0-9a-z]).*$", re.IGNORECASE | re.DOTALL)


def base_of(model: str) -> str:
    """Return the base of a fine-tuned model's name, or of a checkpoint's; any other name as it is."""
    return _FINE_TUNED.sub("", model.strip())


def find(model: str) -> ModelFacts | None:
    """Return what is known of a model: by its name, with or without version, in any case; None if nothing is."""
    return _by_name().get(base_of(model).lower())


def names_of(model: str) -> tuple[str, ...]:
    """Return the names by which the same version of a model is known; none if the model is not known."""
    facts = find(model)
    return (facts.id, facts.name, *facts.aliases) if facts else ()


def nearest(model: str) -> str | None:
    """Return the id of the model that was probably meant by a name that is not known; None if none is near."""
    import difflib

    known = {name: facts.id for name, facts in _by_name().items()}
    found = difflib.get_close_matches(base_of(model).lower()[:200], known, n=1, cutoff=0.75)
    return known[found[0]] if found else None


def context_of(model: str) -> int | None:
    """Return how many tokens one training example may have; None if that is not documented."""
    facts = find(model)
    return facts.context if facts else None


def encoding_of(model: str) -> str:
    """Return the tokenizer: `o200k_base`, `o200k_harmony`, or `other` for what is neither or not known."""
    facts = find(model)
    return facts.encoding if facts else "other"


@cache
def _by_name() -> Mapping[str, ModelFacts]:
    from reconciler.models.table import MODELS

    found: dict[str, ModelFacts] = {}
    for facts in MODELS:
        for name in (facts.name, facts.id, *facts.aliases):
            found.setdefault(name.lower(), facts)
    return found
