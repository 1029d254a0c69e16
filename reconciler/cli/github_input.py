"""What earlier steps of a workflow left: the files that the commands of `github` read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.core.fault import ReconcilerError

T = TypeVar("T")


def estimates_of(plan: Path) -> dict[str, str] | None:
    """Return what a saved plan says that each training costs: address to words; None where it cannot be read."""
    from reconciler.core.fault import ReconcilerError

    try:
        return out_of_plan(plan, _estimates)
    except ReconcilerError:
        # `apply` has refused it, and that is to be told.
        return None


def _estimates(document: Mapping[str, Any]) -> dict[str, str]:
    from decimal import Decimal

    from reconciler.core.charges import Cost
    from reconciler.kinds import REGISTRY
    from reconciler.render.cost import cost_text

    found: dict[str, str] = {}
    for change in document["resource_changes"]:
        kind = REGISTRY.get(str(change["kind"]))
        if change["change"]["actions"] != ["create"] or kind is None or not kind.long_running:
            continue
        training = (change.get("cost") or {}).get("training")
        low, high = (Decimal(training["low"]), Decimal(training["high"])) if training else (Decimal(0), Decimal(0))
        found[str(change["address"])] = cost_text(Cost(low, high)) if high else "unknown"
    return found


def document_of(file: Path) -> Any:
    """Return a file of JSON; raises ReconcilerError where it is none."""
    from reconciler.cli.documents import json_document

    try:
        return json_document(file)
    except OSError as error:
        detail, cause = f"{file}: {error.strerror}.", error
    except ValueError as error:
        detail, cause = f"{file}: {error}", error  # type: ignore[assignment]
    raise unusable(detail) from cause


def unusable(detail: str) -> ReconcilerError:
    """Return the error for a file that is not what an earlier step writes."""
    from reconciler.core.fault import Fault, ReconcilerError

    return ReconcilerError(Fault("github-input", "What an earlier step printed cannot be read", detail))


def plan_of(file: Path) -> Any:
    """Return a saved plan; raises ReconcilerError where it is not whole."""
    from reconciler.render.document import read_approval

    document = document_of(file)
    read_approval(document)
    return document


def out_of_plan(file: Path, found: Callable[[Mapping[str, Any]], T]) -> T:
    """Return something out of a saved plan; raises ReconcilerError where it is not whole, or not as plans are."""
    # Whoever edits the file can write its hash anew: any value may be of any sort.
    return as_written(file, plan_of(file), found)


def as_written(file: Path, document: Any, found: Callable[[Any], T]) -> T:
    """Return something out of what an earlier step wrote; raises ReconcilerError where a value is of another sort."""
    try:
        return found(document)
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise unusable(f"{file}: a value in it is not of the sort that the earlier step writes.") from error


def read(file: Path) -> str:
    """Return a file that an earlier step wrote; "" if it wrote none."""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
