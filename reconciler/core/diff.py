"""The difference between two specs, written once for every kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.resource import Spec

MARKS = "tags.reconciler-"
"""How the path of a field begins that only says whose an object is."""
MISSING = None
"""How a plan shows a field that one side does not have."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs: its dotted path, the live (or earlier) value, the declared one."""

    path: str
    before: Any
    after: Any


def differences(want: Spec, have: Spec, *, echoes_all: bool) -> tuple[FieldChange, ...]:
    """Return where `have` contradicts a field that `want` sets.

    `echoes_all` says whether the service returns every field that it was sent: if so, a field missing in `have`
    differs; if not, it is no evidence either way.
    """
    wanted = want.comparable()
    found = restrict(have.comparable(), wanted, fill=echoes_all)
    if not echoes_all:
        # What is not echoed needs no comparison: mostly nothing is left that differs.
        wanted = restrict(wanted, found, fill=False)
    return changes(wanted, found, fill=echoes_all)


def restrict(found: Mapping[str, Any], wanted: Mapping[str, Any], *, fill: bool) -> dict[str, Any]:
    """Keep of `found` only the keys that `wanted` has; with `fill` the absent ones are None."""
    kept: dict[str, Any] = {}
    for key, value in wanted.items():
        if key in found:
            other = found[key]
            nested = isinstance(value, Mapping) and isinstance(other, Mapping)
            kept[key] = restrict(other, value, fill=fill) if nested else other
        elif fill:
            kept[key] = MISSING
    return kept


def changes(after: Mapping[str, Any], before: Mapping[str, Any], *, fill: bool = True) -> tuple[FieldChange, ...]:
    """Return the field changes from `before` to `after`; without `fill`, what `before` lacks is not a change."""
    if after == before:
        return ()
    # deepdiff costs 0.1 s to import; unequal values are the exception in a no-op plan.
    from deepdiff import DeepDiff

    tree = DeepDiff(
        before, after, view="tree", ignore_numeric_type_changes=True, verbose_level=2, threshold_to_diff_deeper=0
    )
    found: dict[str, FieldChange] = {}
    for category in tree.values():
        for level in category:
            path = ".".join(str(part) for part in level.path(output_format="list"))
            found[path] = FieldChange(path, _plain(level.t1), _plain(level.t2))
    return tuple(change for _, change in sorted(found.items()) if fill or change.before is not MISSING)


def _plain(value: Any) -> Any:
    return MISSING if type(value).__name__ == "NotPresent" else value
