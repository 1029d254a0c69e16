"""What vanishes, what is declared for a time only, and what is protected."""

from __future__ import annotations

from typing import Any

import pytest
from harness import STACK, Azure, FakeClock, Repo, arm, of

from reconciler.core.change import Create, Delete, Keep, Update
from reconciler.core.fault import InvalidManifests
from reconciler.kinds import REGISTRY
from reconciler.render.drift import drift_document
from reconciler.render.text import plan_text

HOUR, DAY = 3600.0, 86400.0


def serving(azure: Azure) -> list[str]:
    return sorted(item["name"] for item in azure.deployments())


def said(repo: Repo, **options: Any) -> str:
    return plan_text(repo.plan(**options), [], kinds=REGISTRY, now=repo.clock.now())


def test_what_vanished_is_made_anew_by_a_person_or_by_the_manifest_and_never_unattended(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    repo.write("manifests/stack.yaml", STACK.replace("GlobalStandard", "DeveloperTier"))
    repo.until_done()
    clock.sleep(25 * HOUR)
    assert serving(azure) == [], "Azure deletes what is of the developer tier"
    text = said(repo)
    assert "it was never made, or Azure has deleted it: a developer-tier deployment lives 24 hours" in text
    for hands_free in ("unattended", "auto_approved"):
        result = repo.apply(**{hands_free: True})
        assert (serving(azure), result.statuses()["Deployment/tone"]) == ([], "held"), hands_free
    repo.until_done()
    assert serving(azure) == ["tone"]
    clock.sleep(25 * HOUR)
    repo.edit("manifests/stack.yaml", "capacity: 50}", "capacity: 50}\n  on_missing: recreate")
    repo.apply(unattended=True)
    assert serving(azure) == [], "--continue never makes anew what has vanished"
    repo.apply(auto_approved=True)
    assert serving(azure) == ["tone"]


def test_the_cause_is_what_can_have_been(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", STACK)
    repo.until_done()
    clock.sleep(16 * DAY)
    assert serving(azure) == []
    text = said(repo)
    assert "it was never made, or Azure has deleted it because nobody called it for 15 days" in text
    assert "$1.70" in text, "what it costs to make it anew"
    repo.until_done()
    clock.sleep(60)
    azure.raw("DELETE", f"{arm()}/deployments/tone?api-version=2025-09-01")
    clock.sleep(60)
    assert "nobody called it for 15 days, or somebody has" in said(repo), "by now it may have been idle"


def test_a_first_deployment_within_a_day_needs_nobody(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", STACK)
    repo.apply()
    clock.sleep(23 * HOUR)
    repo.apply(unattended=True)
    assert serving(azure) == ["tone"]


def test_an_expiry_gives_up_and_a_new_training_takes_it_back(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", STACK + "  expires_after: 8h\n")
    repo.until_done()
    clock.sleep(7 * HOUR)
    assert not of(repo.plan(prune=True), Delete)
    clock.sleep(2 * HOUR)
    plan = repo.plan()
    (left,) = of(plan, Delete)
    assert left.held
    assert "expires_after: 8h" in left.expired
    assert "expires_after: 8h" in said(repo)
    document = drift_document(repo.plan(prune=True), accounts=[{"name": "acme"}], emulator=False, kinds=REGISTRY)
    assert "8h" in document["left_over"][0]["cause"]
    repo.apply(prune=True, unattended=True)
    assert serving(azure) == ["tone"], "--continue deletes nothing"
    result = repo.apply(prune=True)
    assert (result.code, serving(azure)) == (0, []), "the only deployment: its manifest asked for it"
    after = repo.plan(prune=True)
    assert not after.actions
    assert any("expired" in note for change in of(after, Keep) for note in change.notes)
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    assert serving(azure) == ["tone"]


def test_how_long_something_is_there_is_told_by_the_clock_of_azure(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    """This machine's is nine hours ahead, and then nine hours behind."""
    repo.write("manifests/stack.yaml", STACK + "  expires_after: 8h\n")
    repo.until_done()
    azure.configure(clock_ahead_s=-9.0 * HOUR)
    clock.sleep(9 * HOUR)
    assert repo.plan(prune=True).converged
    azure.configure(clock_ahead_s=0.0)
    assert of(repo.plan(prune=True), Delete)
    azure.hand("expire_deployment", deployment="tone")
    repo.write("manifests/stack.yaml", STACK)
    azure.configure(clock_ahead_s=18.0 * HOUR)
    repo.apply(unattended=True)
    assert serving(azure) == [], "its job ended more than a day ago: it has vanished, and a person looks first"


def test_protection_is_a_tag_that_outlives_its_line(repo: Repo, azure: Azure) -> None:
    other = STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 4")
    repo.write("manifests/more.yaml", other)
    repo.write("manifests/stack.yaml", STACK + "  protect: true\n")
    repo.until_done()
    tags = {item["name"]: item["tags"].get("reconciler-protect") for item in azure.deployments()}
    assert tags == {"calm": None, "tone": "true"}
    repo.write("manifests/stack.yaml", STACK)
    assert not of(repo.plan(), Update), "the tag stays"
    assert "protect: false" in said(repo)
    repo.write("manifests/stack.yaml", "")
    assert [fault.code for fault in repo.plan(prune=True).refusals] == ["protected"]
    repo.write("manifests/stack.yaml", STACK + "  protect: false\n")
    (change,) = of(repo.plan(), Update)
    assert [item.path for item in change.changes] == ["tags.reconciler-protect"]
    repo.until_done()
    repo.write("manifests/stack.yaml", "")
    assert not repo.plan(prune=True).refusals


@pytest.mark.parametrize(
    ("lines", "detail"),
    [
        ("  expires_after: 8h\n  protect: true\n", "asks for that"),
        ("  expires_after: 8 hours\n", "8 hours"),
        ("  on_missing: never\n", "never"),
    ],
)
def test_what_makes_no_sense_is_said_with_its_place(repo: Repo, lines: str, detail: str) -> None:
    repo.write("manifests/stack.yaml", STACK + lines)
    with pytest.raises(InvalidManifests) as raised:
        repo.plan()
    (fault,) = [one for one in raised.value.faults if one.severity == "error"]
    assert detail in fault.detail
    assert fault.place is not None
    assert fault.place.line == STACK.count("\n") + 1


def test_an_expiry_needs_a_job(repo: Repo) -> None:
    repo.write(
        "manifests/stack.yaml",
        STACK.replace("model: {job: tone}", "model: {name: gpt-4.1-mini}") + "  expires_after: 8h\n",
    )
    with pytest.raises(InvalidManifests) as raised:
        repo.plan()
    assert "expiry-impossible" in [one.code for one in raised.value.faults]


def test_a_create_that_is_missing_is_a_create(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", STACK)
    repo.until_done()
    clock.sleep(2 * DAY)
    azure.raw("DELETE", f"{arm()}/deployments/tone?api-version=2025-09-01")
    clock.sleep(60)
    (create,) = of(repo.plan(), Create)
    assert create.reason == "missing"
    assert "2 days ago: it was never made, or somebody has deleted it" in create.notes[0]


@pytest.mark.parametrize("times", ["text", "none"])
def test_a_job_that_does_not_say_when_is_served_and_nothing_of_it_expires(
    repo: Repo, azure: Azure, clock: FakeClock, times: str
) -> None:
    azure.configure(job_times=times)
    repo.write("manifests/stack.yaml", STACK + "  expires_after: 8h\n")
    repo.until_done(auto_approved=True)
    assert serving(azure) == ["tone"], "not held back as if it had vanished"
    clock.sleep(9 * HOUR)
    assert ("expired at" in said(repo)) is (times == "text")
