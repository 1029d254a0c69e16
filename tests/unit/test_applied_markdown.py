"""What a merged pull request is told of an apply, from plans and printed lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.change import Keep, Stuck
from reconciler.core.fault import Fault
from reconciler.core.resource import Address, Phase
from reconciler.kinds import REGISTRY
from reconciler.render.applied_markdown import applied_markdown, awaited_jobs, ended_markdown

from .markdown_oracle import check
from .test_render_plan import converged, job, live_job

LOG = """\
Account/acme  https://acme.test  v1  Entra ID
  + Dataset/tone.training  uploaded  (file-1, 5.8 kB, 0.3 s)
  ! FineTuneJob/tone  failed: There is not enough quota [quota] ```
      5 of 100 left, ask @team.
      Ask for more:
        az quota
  … Deployment/tone  blocked: waits for FineTuneJob/tone
error: The plan is stale [not-approved]
  Not in the approved plan: create Dataset/x.

Apply: 0 trainings started, 1 created, 0 updated, 0 deleted; 0 in progress at Azure, 0 waiting, 1 failed.
""".splitlines()


def told(*, worked: bool, log: list[str] = LOG) -> str:
    said = applied_markdown(converged(), log, worked=worked, kinds=REGISTRY, accounts=["acme"], commit="c7")
    check(f"<!-- reconciler:apply:acme -->\n\n{said}")
    return said


def test_a_failure_says_why_before_any_fold() -> None:
    head = told(worked=False).partition("<details>")[0]
    for line in LOG[2:6] + LOG[7:9]:
        assert line in head, line
    for line in (LOG[1], LOG[6]):
        assert line not in head, line
    assert head.index("### The apply failed: `acme`") < head.index("not enough quota")
    assert "not enough quota" not in told(worked=True).partition("<details>")[0]


def test_how_a_training_ended_says_what_its_model_does_not_get() -> None:
    fault = Fault(
        "gate-failed", "A gate failed", "train_loss is 0.3 | @team", "Train again.", subject="Deployment/tone"
    )
    said = ended_markdown("report", live_job("77" * 32), address="FineTuneJob/tone", actual=None, stuck=[fault])
    check(f"<!-- reconciler:ended:ftjob-1 -->\n\n{said}")
    assert said.index("> - `Deployment/tone`: **A gate failed**") < said.index("report")


def test_many_failures_are_counted() -> None:
    said = told(worked=False, log=[f"  ! FineTuneJob/j{number}  failed: x" for number in range(40)])
    assert said.partition("<details>")[0].count("failed: x") == 15
    assert "and 25 more lines below" in said


@pytest.mark.parametrize(
    ("phase", "estimates", "expected"),
    [
        (Phase.WORKING, {"FineTuneJob/tone": "$3"}, {"ftjob-1": "$3"}),
        (Phase.READY, {"FineTuneJob/tone": "$3"}, {"ftjob-1": "$3"}),
        (Phase.FAILED, {"FineTuneJob/tone": "$3"}, {"ftjob-1": "$3"}),
        (Phase.WORKING, {}, {}),
        (Phase.WORKING, None, {"ftjob-1": ""}),
        (Phase.READY, None, {}),
    ],
)
def test_the_end_is_told_of_each_training_that_the_plan_began(
    phase: Phase, estimates: dict[str, str] | None, expected: dict[str, str]
) -> None:
    live = live_job("77" * 32, id="ftjob-1", phase=phase)
    address = Address("FineTuneJob", "tone")
    change = Stuck(address, "acme", Fault("job-failed", "x"), live=live) if phase is Phase.FAILED else Keep(job(), live)
    made = replace(converged(), changes=(change,))
    assert awaited_jobs(made, estimates, REGISTRY) == expected
