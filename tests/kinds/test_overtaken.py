"""A saved plan, and a commit that was applied between its making and its own apply."""

from __future__ import annotations

import json
import re

import pytest
from harness import STACK, Azure, FakeClock, Repo

from reconciler.core.approval import Approval
from reconciler.github.api import stamp
from reconciler.kinds import REGISTRY
from reconciler.render.document import dumps, plan_document, read_approval

SERVING, OLDER, NEWER = (STACK.replace("n_epochs: 2", f"n_epochs: {number}") for number in (2, 3, 4))


@pytest.fixture
def served(repo: Repo) -> Repo:
    repo.write("manifests/stack.yaml", SERVING)
    repo.until_done()
    return repo


def saved(repo: Repo, clock: FakeClock, stack: str) -> Approval:
    """Return what the saved plan of a commit lets through."""
    repo.write("manifests/stack.yaml", stack)
    made = plan_document(
        repo.plan(), tool_version="0", accounts=[], emulator=True, created_at=stamp(clock.now()), kinds=REGISTRY
    )
    clock.sleep(60)
    return read_approval(json.loads(dumps(made)))[0]


def test_an_older_plan_does_not_undo_what_a_newer_commit_did(served: Repo, azure: Azure, clock: FakeClock) -> None:
    approved = saved(served, clock, OLDER)
    served.write("manifests/stack.yaml", NEWER.replace("capacity: 50", "capacity: 70"))
    served.until_done()
    served.write("manifests/stack.yaml", OLDER)
    trainings, writes = len(azure.jobs()), len(azure.writes())
    result = served.apply(approved=approved)
    assert result.refused is not None
    (fault,) = result.refused.faults
    assert re.search(r"create FineTuneJob/tone \(ftjob-\w+ was made after the plan\)", fault.detail), fault.detail
    assert "update Deployment/tone (sku.capacity was as declared and is 70)" in fault.detail
    assert (len(azure.jobs()), len(azure.writes())) == (trainings, writes)


def test_a_newer_plan_goes_on_when_an_older_commit_was_deployed_meanwhile(
    served: Repo, azure: Azure, clock: FakeClock
) -> None:
    """The older one trains when the newer plan is made, and the schedule deploys it while that waits for its reviewer."""
    served.write("manifests/stack.yaml", OLDER)
    served.apply()
    approved = saved(served, clock, NEWER)
    served.write("manifests/stack.yaml", OLDER)
    served.until_done()
    served.write("manifests/stack.yaml", NEWER)
    served.until_done(approved=approved)
    assert len(azure.jobs()) == 3
    assert served.plan().converged
