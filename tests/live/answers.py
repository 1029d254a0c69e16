"""How an answer is said: what was seen, in a few words that are the same in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def refused(error: Exception) -> str:
    """Return what is said of a refusal."""
    return f"refused: {getattr(error, 'status_code', type(error).__name__)}"


def shape(body: Mapping[str, Any], sent: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Yield what a body shows: each field that is not null, whether it is as it was sent, else of which type it is."""
    for key, value in sorted(body.items()):
        if key in sent:
            same = _holds(value, sent[key])
            yield f"{within}{key} {'as sent' if same else 'not shown' if value is None else 'otherwise'}"
        elif key in {"status", "provisioningState", "object"}:
            yield f"{within}{key} {value}"
        elif isinstance(value, Mapping) and key in {"properties", "sku", "model"}:
            yield from shape(value, sent.get(key, {}), f"{within}{key}.")
        elif value is not None:
            yield f"{within}{key} {_TYPES.get(type(value), 'object')}"


def _holds(seen: Any, sent: Any) -> bool:
    """Whether what is shown is what was sent; the service may add to it."""
    if isinstance(sent, Mapping):
        return isinstance(seen, Mapping) and all(_holds(seen.get(key), value) for key, value in sent.items())
    return bool(seen == sent)


_TYPES = {bool: "yes or no", int: "number", float: "number", str: "text", list: "list"}
