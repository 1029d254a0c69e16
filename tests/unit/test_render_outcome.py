"""What an apply says while it works, and its last line."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.change import Change, Create, Delete, Keep, Replace, Stuck, Update, Wait
from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Address, Content, Desired, Observed, Phase
from reconciler.engine import Outcome
from reconciler.kinds import REGISTRY
from reconciler.kinds.deployment.spec import DeploymentSpec
from reconciler.render.outcome import GO_ON, NOTHING, apply_counts, apply_summary, outcome_line

SPEC = DeploymentSpec.model_validate({"model": {"name": "m"}, "sku": {"name": "Standard"}})
FAULT = Fault("quota", "There is not enough quota", "5 of 100 left.", "Ask for more:\n  az …", Place("m/x.yaml", 4, 3))


def desired(kind: str, content: Content | None = None) -> Desired:
    return Desired(Address(kind, "x"), "acme", SPEC, Place("m/x.yaml"), content=content)


def live(kind: str, phase: Phase = Phase.READY, **fields: Any) -> Observed:
    values = {"id": f"{kind.lower()}-1", "name": "x", "spec": SPEC, **fields}
    return Observed(kind, "acme", phase=phase, **values)


UPLOAD = Create(desired("Dataset", Content("d", 41_200, 64, "chat", "x.jsonl")), SPEC, "new", "d")
TRAIN = Create(desired("FineTuneJob"), SPEC, "new", "d")
DEPLOY = Create(desired("Deployment"), SPEC, "new", "d")
UPDATE = Update(desired("Deployment"), live("Deployment"), SPEC, (), "d")
REPLACE = Replace(desired("Deployment"), live("Deployment"), SPEC, (), "d")
DELETE = Delete(live("Deployment"), "left_over")
CANCEL = Delete(live("FineTuneJob", Phase.WORKING), "duplicate", duplicate_of="ftjob-0")
WAIT = Wait(desired("Deployment"), None, (Address("FineTuneJob", "x"),), "create")
KEEP = Keep(desired("FineTuneJob"), live("FineTuneJob", Phase.WORKING, status="running"))
STUCK = Stuck(Address("FineTuneJob", "x"), "acme", FAULT)
WORKING = live("FineTuneJob", Phase.WORKING, status="pending", facts={"seed": 42})


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (
            Outcome(UPLOAD, "done", live("Dataset"), seconds=0.31),
            "  + Dataset/x  uploaded  (dataset-1, 41.2 kB, 0.3 s)",
        ),
        (Outcome(TRAIN, "pending", WORKING), "  + FineTuneJob/x  training started  (finetunejob-1, seed 42)"),
        (
            Outcome(TRAIN, "pending", WORKING, message="made by another run", found=True),
            "  = FineTuneJob/x  is there already  (finetunejob-1, seed 42, made by another run)",
        ),
        (
            Outcome(UPLOAD, "done", live("Dataset"), message="made by another run", seconds=0.31, found=True),
            "  = Dataset/x  is there already  (dataset-1, 41.2 kB, made by another run, 0.3 s)",
        ),
        (Outcome(DEPLOY, "done", live("Deployment"), seconds=75), "  + Deployment/x  created  (deployment-1, 1 min)"),
        (
            Outcome(DEPLOY, "pending", live("Deployment", Phase.SETTLING)),
            "  + Deployment/x  sent; Azure still processes it",
        ),
        (Outcome(UPDATE, "done", live("Deployment"), seconds=2), "  ~ Deployment/x  updated  (2.0 s)"),
        (Outcome(REPLACE, "done", live("Deployment"), seconds=2), "  -/+ Deployment/x  recreated  (2.0 s)"),
        (Outcome(DELETE, "done", live("Deployment", Phase.GONE)), "  - Deployment/x  deleted  (deployment-1, 0.0 s)"),
        (
            Outcome(DELETE, "pending", live("Deployment", Phase.SETTLING)),
            "  - Deployment/x  is being deleted  (deployment-1)",
        ),
        (
            Outcome(CANCEL, "done", live("FineTuneJob", Phase.FAILED)),
            "  - FineTuneJob/x  cancelled  (finetunejob-1, 0.0 s)",
        ),
        (Outcome(WAIT, "pending"), "  … Deployment/x  waits for FineTuneJob/x, then create"),
        (
            Outcome(replace(WAIT, blocked=True), "blocked"),
            "  … Deployment/x  blocked: waits for FineTuneJob/x, which needs a person first",
        ),
        (
            Outcome(DEPLOY, "blocked", message="waits for FineTuneJob/x"),
            "  … Deployment/x  blocked: waits for FineTuneJob/x",
        ),
        (
            Outcome(DEPLOY, "held", message="--continue never creates"),
            "  … Deployment/x  held: --continue never creates",
        ),
        (Outcome(KEEP, "pending", KEEP.live), "  … FineTuneJob/x  running at Azure (finetunejob-1)"),
        (
            Outcome(KEEP, "unchanged", live("FineTuneJob", outputs={"model": "m.ft-1"})),
            "  = FineTuneJob/x  ready (m.ft-1)",
        ),
        (Outcome(Keep(desired("Dataset"), None), "unchanged"), ""),
        (
            Outcome(UPDATE, "failed", fault=FAULT),
            "  ! Deployment/x  failed: There is not enough quota [quota]\n      5 of 100 left.\n      Ask for more:\n        az …\n      m/x.yaml:4:3",
        ),
        (Outcome(UPDATE, "failed"), "  ! Deployment/x  failed: no reason is known"),
    ],
)
def test_one_line_for_each_outcome(outcome: Outcome, expected: str):
    assert outcome_line(outcome, kinds=REGISTRY) == expected


def test_the_last_event_of_a_job_is_shown_escaped():
    said = outcome_line(Outcome(KEEP, "pending", KEEP.live), kinds=REGISTRY, progress="Step 20: loss 1.2\x1b[2J")
    assert said == "  … FineTuneJob/x  running (Step 20: loss 1.2\\x1b[2J)"


def test_the_last_line_says_what_was_done_and_what_is_left():
    wrote = [
        Outcome(UPLOAD, "done", live("Dataset")),
        Outcome(TRAIN, "pending", WORKING),
        Outcome(REPLACE, "done", live("Deployment")),
    ]
    final = [*wrote, Outcome(WAIT, "pending")]
    assert apply_summary(final, wrote, kinds=REGISTRY).splitlines() == [
        GO_ON,
        "Apply: 1 training started, 2 created, 0 updated, 1 deleted; 1 in progress at Azure, 1 waiting, 0 failed.",
    ]
    found = [Outcome(TRAIN, "pending", WORKING, found=True), Outcome(DEPLOY, "done", live("Deployment"), found=True)]
    said = apply_summary(found, found, kinds=REGISTRY)
    assert said.endswith(
        "\nApply: 0 trainings started, 0 created, 0 updated, 0 deleted; 1 in progress at Azure, 0 waiting, 0 failed."
    )


def test_what_failed_or_is_blocked_is_in_the_last_line():
    final = [Outcome(STUCK, "failed", fault=FAULT), Outcome(replace(WAIT, blocked=True), "blocked")]
    assert apply_summary(final, [], kinds=REGISTRY) == (
        "Apply: 0 trainings started, 0 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 1 blocked, 1 failed."
    )


def test_left_over_objects_that_stay_are_no_work():
    stays, former = (replace(DELETE, held="h", kept=kept) for kept in (False, True))
    said = apply_summary([Outcome(stays, "held"), Outcome(KEEP, "unchanged")], [], kinds=REGISTRY)
    assert said == "Apply: nothing to do. Azure matches the manifests; 1 object is left over."
    assert apply_summary([Outcome(former, "held")], [], kinds=REGISTRY) == NOTHING, "it is kept for a time, as declared"


def test_a_creation_that_is_held_is_not_nothing():
    assert "1 held back" in apply_summary([Outcome(replace(DEPLOY, held="h"), "held")], [], kinds=REGISTRY)


CHANGES: list[Change] = [UPLOAD, TRAIN, DEPLOY, UPDATE, REPLACE, DELETE, CANCEL, WAIT, KEEP, STUCK]


@given(
    st.sampled_from(CHANGES),
    st.sampled_from(["unchanged", "done", "pending", "blocked", "held", "failed"]),
    st.none() | st.sampled_from(Phase),
    st.text(),
)
def test_every_outcome_can_be_said(change: Change, status: Any, phase: Phase | None, text: str):
    seen = live(change.address.kind, phase, status=text, id=text, outputs={"model": text}) if phase else None
    outcome = Outcome(change, status, seen, Fault(text, text, text, text), text)
    said = outcome_line(outcome, kinds=REGISTRY, progress=text)
    assert all(line.isprintable() for line in said.split("\n"))
    counted = apply_counts([outcome], [], kinds=REGISTRY)
    assert bool(counted) == (
        status in {"pending", "blocked", "failed"} or (status == "held" and not isinstance(change, Delete))
    )
