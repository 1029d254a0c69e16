"""The counts of a plan and its last line. Texts, JSON and exit codes all take them from here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import assert_never

from reconciler.core.change import Change, Create, Delete, Plan, Replace, Update
from reconciler.core.rules import Rules
from reconciler.render.words import plural

NO_CHANGES = "No changes. Azure matches the manifests."


@dataclass(frozen=True)
class Counts:
    """How many changes of each sort a plan makes; a recreation is one creation and one deletion."""

    train: int = 0
    create: int = 0
    update: int = 0
    delete: int = 0

    def __bool__(self) -> bool:
        """Return whether applying the plan writes anything."""
        return bool(self.train or self.create or self.update or self.delete)

    def __str__(self) -> str:
        """Return the counts in the words of the last line."""
        return f"{self.train} to train, {self.create} to create, {self.update} to update, {self.delete} to delete"


def counts(plan: Plan, kinds: Mapping[str, Rules]) -> Counts:
    """Count what a plan would do; what is held back does not count, nor what only marks an object as ours."""
    train = create = update = delete = 0
    for change in plan.actions:
        match change:
            case Create():
                trains = kinds[change.address.kind].word == "train"
                train += trains
                create += not trains
            case Update():
                update += not change.adopts
            case Replace():
                create += 1
                delete += 1
            case Delete():
                delete += 1
            case _:
                assert_never(change)
    return Counts(train, create, update, delete)


def summary(plan: Plan, kinds: Mapping[str, Rules]) -> str:
    """Return the last line of a plan. It says "No changes" only if nothing waits, runs or is stuck either."""
    if plan.refusals:
        return f"Plan: {counts(plan, kinds)}. `apply` refuses it as it is."
    return no_changes(plan) if plan.converged else f"Plan: {counts(plan, kinds)}."


def no_changes(plan: Plan) -> str:
    """Return the words for a plan that does nothing."""
    return but_left_over(NO_CHANGES, plan.changes)


def but_left_over(matches: str, changes: Iterable[Change]) -> str:
    """Say after "Azure matches the manifests." how much is there that no manifest declares, and stays."""
    left = sum(1 for change in changes if isinstance(change, Delete) and change.held and not change.kept)
    if not left:
        return matches
    return f"{matches.removesuffix('.')}; {plural(left, 'object')} {'is' if left == 1 else 'are'} left over."
