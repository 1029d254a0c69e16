"""The counts of a plan and its last line. Texts, JSON and exit codes all take them from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from reconciler.core.change import Create, Delete, Plan, Replace, Update
from reconciler.core.rules import Rules

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
    return NO_CHANGES if plan.converged else f"Plan: {counts(plan, kinds)}."
