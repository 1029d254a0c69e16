"""`strategy`: in place, beside and recreate, under each way in which Azure may take the change of a model.

It is long because the three strategies are held to the same promises, each under every behaviour of Azure.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from harness import STACK, Azure, FakeClock, Repo, arm, of

from reconciler.cli.exits import apply_exit
from reconciler.core.approval import Approval
from reconciler.core.change import Create, Delete, Plan, Replace, Update, Wait
from reconciler.core.fault import InvalidManifests
from reconciler.core.plan import Options
from reconciler.kinds import REGISTRY
from reconciler.render.document import dumps, outputs_of, plan_document, read_approval
from reconciler.render.drift import drift_text, needs_person
from reconciler.render.markdown import plan_markdown
from reconciler.render.text import plan_text

HOUR = 3600.0


def stack(strategy: str) -> str:
    return STACK.replace("  sku:", f"  strategy: {strategy}\n  sku:")


def said(repo: Repo, **options: Any) -> str:
    return plan_text(repo.plan(**options), [], kinds=REGISTRY, now=repo.clock.now())


def names(azure: Azure) -> dict[str, str]:
    """Each deployment with the model that it shows."""
    return {item["name"]: item["properties"]["model"]["name"] for item in azure.deployments()}


def at(name: str) -> str:
    return f"{arm()}/deployments/{name}?api-version=2025-09-01"


def served(plan: Plan) -> str:
    """What other tools are told to call."""
    (change,) = [one for one in plan.changes if str(one.address) == "Deployment/tone"]
    return str(outputs_of(change)["deployment"])


def ask_at_every_wait(azure: Azure, clock: FakeClock, name: str) -> list[bool]:
    """Ask a deployment whenever somebody waits, and return whether it answered, call by call."""
    answered: list[bool] = []
    sleep = clock.sleep
    question = {"model": name, "messages": [{"role": "user", "content": "Are you there?"}]}

    def asking(seconds: float) -> None:
        sleep(seconds)
        answer = azure.raw("POST", "/acme/openai/v1/chat/completions", question)
        answered.append("choices" in (answer or {}))

    clock.sleep = asking  # type: ignore[method-assign]
    return answered


def delete(azure: Azure, name: str) -> None:
    azure.raw("DELETE", at(name))


def retrain(repo: Repo, epochs: int, before: int = 2) -> None:
    repo.edit("manifests/stack.yaml", f"n_epochs: {before}", f"n_epochs: {epochs}")


def from_file(plan: Plan) -> Approval:
    document = plan_document(
        plan, tool_version="1", accounts=[], emulator=False, created_at="2026-01-01T00:00:00Z", kinds=REGISTRY
    )
    return read_approval(json.loads(dumps(document)))[0]


def test_in_place_a_refusal_changes_nothing_and_names_two_ways_on(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    before = names(azure)
    azure.configure(model_change="refused")
    retrain(repo, 3)
    result = repo.apply(wait=True)
    fault = next(item.fault for item in result.outcomes if item.fault)
    assert (result.code, fault.code) == (1, "model-change-refused")
    assert "\n  strategy: beside " in fault.remedy
    assert "\n  strategy: recreate " in fault.remedy
    assert f"goes on serving {before['tone']}" in fault.detail
    assert names(azure) == before
    azure.forget()
    assert repo.apply().code == 1
    assert len(azure.writes()) == 1, "one request a run, and no deletion"
    repo.write("manifests/stack.yaml", stack("beside").replace("n_epochs: 2", "n_epochs: 3"))
    repo.until_done()
    assert len(names(azure)) == 2
    assert before.items() <= names(azure).items()


def test_a_failed_change_in_place_says_what_is_served(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    before = names(azure)["tone"]
    short = (
        "This operation require 50 new capacity in quota Tokens Per Minute (thousands) - OpenAI.Standard.gpt4.1-mini-finetune, "
        "which is bigger than the current available capacity 20."
    )
    outcome = {"match": {"name": "tone"}, "then": {"fail": {"code": "InsufficientQuota", "message": short}}}
    azure.configure(deployment_outcomes=[outcome])
    retrain(repo, 3)
    result = repo.apply(wait=True)
    fault = next(item.fault for item in result.outcomes if item.fault)
    assert fault.code == "ended-failed"
    assert f"tone is Failed: InsufficientQuota: {short} 20 is left in " in fault.detail, "the operation's own reason"
    assert f"It shows the model {before}, as before the change." in fault.detail
    cost = repo.plan().cost
    assert cost is not None
    assert (str(cost.before.low), str(cost.before.high)) == ("0", "1.7"), "the old model may go on serving, and costing"
    assert str(cost.at_most.high) == "1224.0", "to mend it is no cheaper than to make it"
    azure.configure(deployment_outcomes=[])
    repo.until_done()
    assert names(azure)["tone"] != before


def test_one_that_failed_as_it_was_made_costs_nothing(repo: Repo, azure: Azure) -> None:
    fails = {"match": {"name": "tone"}, "then": {"fail": {"code": "InternalServerError", "message": "No."}}}
    azure.configure(deployment_outcomes=[fails])
    azure.fault(path_regex="/operationStatuses/", status=404, count=None)
    result = repo.apply(wait=True)
    (fault,) = [item.fault for item in result.outcomes if item.fault]
    assert (result.code, "tone is Failed: Azure does not say why." in fault.detail) == (1, True), "not even this run"
    cost = repo.plan().cost
    assert cost is not None
    assert not cost.before
    assert str(cost.after.high) == "1.7"


def test_a_change_that_outlasts_the_run_is_in_progress_and_its_failure_is_told_by_a_later_one(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    repo.until_done()
    retrain(repo, 3)
    repo.apply()
    clock.sleep(2 * 3600)
    fails = {"match": {"name": "tone"}, "then": {"fail": {"code": "InternalServerError", "message": "No."}}}
    azure.configure(deployment_seconds=60, deployment_outcomes=[fails])
    result = repo.apply(settle=10)
    assert (result.code, result.faults()) == (0, []), "Azure still processes it"
    assert result.statuses()["Deployment/tone"] == "pending"
    clock.sleep(120)
    (change,) = of(repo.plan(), Update)
    (note,) = change.notes
    look = "az monitor activity-log list --resource-id /subscriptions/s1/"
    assert look in note
    assert note.endswith("/deployments/tone --status Failed --offset 7d`.")
    azure.configure(deployment_seconds=0.6, deployment_outcomes=[])
    assert repo.apply().code == 0
    assert repo.plan().converged


@pytest.mark.parametrize("switch", ["accepted", "accepted_with_gap", "refused"])
def test_beside_serves_without_a_gap_keeps_prunes_and_reverts(
    repo: Repo, azure: Azure, clock: FakeClock, switch: str
) -> None:
    azure.configure(model_change=switch)
    repo.write("manifests/stack.yaml", stack("{type: beside, keep_old: 48h}"))
    repo.until_done()
    (first,) = names(azure)
    assert first.startswith("tone-")
    assert len(first) == len("tone-") + 12
    retrain(repo, 3)
    repo.apply()
    clock.sleep(2 * HOUR)

    plan = repo.plan(prune=True)
    (create,) = of(plan, Create)
    (kept,) = of(plan, Delete)
    assert (create.reason, create.supersedes.name, served(plan)) == ("beside", first, first)
    assert kept.held.startswith("kept: it serves until")
    assert plan.cost is not None
    assert plan.cost.after.high == 2 * plan.cost.before.high > Decimal(0), "both are paid for while both are there"
    assert plan.cost.left_over.high == 0
    text = said(repo)
    assert f"beside {first}, which goes on serving" in text
    assert f"{first} is kept for 48h after the switch" in text
    assert not needs_person(repo.plan(prune=True), REGISTRY), "the next --continue makes it"
    azure.forget()
    asked = ask_at_every_wait(azure, clock, first)
    assert repo.apply(unattended=True).code == 0
    assert len(asked) > 1
    assert all(asked), "who calls the old name is answered at every moment of the switch"
    second = next(iter(names(azure).keys() - {first}))
    assert [write.split("/")[-1] for write in azure.writes()] == [second], "the old one is not touched"

    plan = repo.plan(prune=True)
    assert served(plan) == second
    assert plan.converged
    assert not needs_person(plan, REGISTRY)
    assert "Kept until 2026-09-" in said(repo, prune=True)
    clock.sleep(24 * HOUR)
    retrain(repo, 2, before=3)
    azure.forget()
    repo.until_done(prune=True)
    assert len(names(azure)) == 2, "the revert serves the old one again, and the newer is kept from now on"
    assert [write.partition(" ")[0] for write in azure.writes()] == ["PATCH"]
    assert served(repo.plan()) == first
    clock.sleep(30 * HOUR)
    assert not repo.plan(prune=True).actions
    clock.sleep(20 * HOUR)
    left = repo.plan()
    assert left.cost is not None
    assert left.cost.left_over.high == Decimal("1.7"), "from now on it is paid for, and nobody needs it"
    told = said(repo, prune=True)
    assert "left over: another one serves Deployment/tone" in told
    assert "sku.capacity 50" in told
    shown = plan_markdown(repo.plan(prune=True), [], accounts=[], kinds=REGISTRY, now=clock.now())
    assert "currentCapacity" not in told + shown, "what Azure says twice is shown once"
    assert needs_person(repo.plan(prune=True), REGISTRY)
    assert "the time for which it is kept is over" in drift_text(repo.plan(prune=True), [], kinds=REGISTRY)
    repo.until_done(prune=True)
    assert list(names(azure)) == [first]


def test_going_over_to_another_strategy_and_back_is_safe(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    repo.write("manifests/stack.yaml", stack("beside"))
    assert repo.plan().converged, "the plain name is a version like any other"
    retrain(repo, 3)
    repo.until_done(prune=True)
    assert names(azure).keys() > {"tone"}
    assert len(names(azure)) == 2
    clock.sleep(25 * HOUR)
    repo.until_done(prune=True)
    (versioned,) = names(azure)
    assert versioned != "tone"
    repo.write("manifests/stack.yaml", stack("in_place").replace("n_epochs: 2", "n_epochs: 3"))
    repo.until_done(prune=True)
    assert names(azure).keys() == {"tone", versioned}, "the last version is kept for those who call it"
    clock.sleep(25 * HOUR)
    repo.until_done(prune=True)
    assert list(names(azure)) == ["tone"]
    assert repo.plan(prune=True).converged


def test_one_that_failed_takes_over_when_it_is_mended(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.until_done()
    repo.write("manifests/stack.yaml", stack("beside"))
    retrain(repo, 3)
    repo.until_done()
    repo.write("manifests/stack.yaml", stack("recreate"))
    retrain(repo, 3)
    fails = {"match": {"name": "tone"}, "then": {"fail": {"code": "InternalServerError", "message": "No."}}}
    azure.configure(deployment_outcomes=[fails])
    clock.sleep(60)
    assert "recreate-half-done" in repo.apply().faults()
    azure.configure(deployment_outcomes=[])
    clock.sleep(60)
    result = repo.apply()
    assert (result.code, result.refused) == (0, None)
    assert served(repo.plan()) == "tone"
    assert "tone serves in its place" in said(repo)


def test_beside_survives_what_people_and_azure_do(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", stack("beside"))
    repo.until_done()
    (first,) = names(azure)
    retrain(repo, 3)
    repo.apply()
    clock.sleep(2 * HOUR)
    (create,) = of(repo.plan(), Create)
    wanted = create.after.deployment_name
    body = azure.deployments()[0]
    foreign = {"sku": body["sku"], "properties": {"model": body["properties"]["model"]}}
    azure.raw("PUT", at(wanted), foreign)
    clock.sleep(10)
    azure.forget()
    assert repo.apply(prune=True).faults() == ["name-taken"]
    assert azure.writes() == []
    delete(azure, wanted)
    clock.sleep(10)

    fail = {"match": {"name": wanted}, "then": {"fail": {"code": "InternalServerError", "message": "no"}}}
    azure.configure(deployment_outcomes=[fail])
    assert repo.apply(prune=True).code == 1
    assert served(repo.plan()) == first
    assert first in names(azure), "a new one that failed takes nothing away"
    azure.configure(deployment_outcomes=[])
    clock.sleep(48 * HOUR)
    assert not [change for change in of(repo.plan(prune=True), Delete) if not change.held]
    repo.until_done(prune=True)
    azure.hand("strip_tags", deployment=wanted, keys=["reconciler-name", "reconciler-since"])
    assert not [
        change for change in of(repo.plan(prune=True), Delete) if change.live.name == wanted and not change.held
    ]
    delete(azure, first)
    clock.sleep(10)
    repo.until_done(prune=True)
    assert list(names(azure)) == [wanted]


def test_a_version_that_vanished_beside_an_older_one_is_not_made_anew_by_a_schedule(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    repo.write("manifests/stack.yaml", stack("{type: beside, keep_old: 10d}"))
    repo.until_done()
    (first,) = names(azure)
    retrain(repo, 3)
    repo.until_done()
    second = next(iter(names(azure).keys() - {first}))
    clock.sleep(30 * HOUR)
    azure.hand("expire_deployment", deployment=second)
    assert needs_person(repo.plan(prune=True), REGISTRY)
    assert "its job ended more than a day ago, so it may have been deleted since" in said(repo)
    azure.forget()
    assert repo.apply(unattended=True).code == 0
    assert azure.writes() == []
    repo.until_done()
    assert set(names(azure)) == {first, second}


def test_a_moment_that_nobody_can_have_written_is_not_believed(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", stack("beside"))
    repo.until_done()
    (first,) = names(azure)
    retrain(repo, 3)
    repo.until_done()
    (second,) = names(azure).keys() - {first}
    for forged in ("2099-01-01T00:00:00Z", "soon"):
        azure.hand("set_tags", deployment=first, tags={"reconciler-since": forged})
        plan = repo.plan()
        assert plan.converged, forged
        assert served(plan) == second
        assert "2099" not in said(repo)


def test_beside_waits_while_the_next_model_is_trained(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", stack("beside"))
    repo.until_done()
    retrain(repo, 3)
    plan = repo.plan()
    (wait,) = of(plan, Wait)
    assert plan.cost is not None
    assert plan.cost.after.high == 2 * plan.cost.before.high, "the old one is kept beside the new one"
    assert (wait.then, wait.live.name) == ("create", next(iter(names(azure))))
    result = repo.apply(wait=True, approved=from_file(plan))
    assert result.code == 0
    assert len(names(azure)) == 2


def test_recreate_says_how_long_nothing_serves_and_is_never_unattended(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    azure.configure(model_change="refused", quota=60, quota_release_s=20.0)
    repo.write("manifests/stack.yaml", stack("recreate"))
    repo.until_done()
    before = names(azure)["tone"]
    azure.hand("set_tags", deployment="tone", tags={**tagged(azure, "tone"), "reconciler-protect": "true"})
    retrain(repo, 3)
    waiting = repo.plan()
    assert "then recreate (nothing serves for about 5 minutes" in said(repo)
    shown = plan_markdown(waiting, [], accounts=[], kinds=REGISTRY, now=clock.now())
    assert "then recreate; the present model goes on serving; **nothing serves for about 5 minutes" in shown
    unseen = from_file(repo.plan(targets=("FineTuneJob/tone",)))
    repo.apply()
    clock.sleep(2 * HOUR)
    (replace,) = of(repo.plan(), Replace)
    assert replace.live.outputs["model"] == before
    assert "nothing serves for about 5 minutes" in said(repo)
    assert "nothing serves for about 5 minutes" in plan_markdown(
        repo.plan(), [], accounts=[], kinds=REGISTRY, now=clock.now()
    )
    assert needs_person(repo.plan(prune=True), REGISTRY)
    assert "nothing serves for about 5 minutes" in drift_text(repo.plan(prune=True), [], kinds=REGISTRY)
    azure.forget()
    assert repo.apply(unattended=True).code == 0
    assert azure.writes() == []
    assert repo.apply(approved=unseen).code == 4
    assert azure.writes() == []
    assert repo.apply(approved=from_file(waiting)).code == 0, "the plan that waited said that it would be recreated"
    order = [write.partition(" ")[0] for write in azure.writes()]
    assert order[0] == "DELETE"
    assert set(order[1:]) == {"PUT"}, "quota was slow, so the creation was tried again"
    assert names(azure)["tone"] != before
    assert tagged(azure, "tone")["reconciler-protect"] == "true", "a protection that no manifest takes off stays"


def test_a_recreation_that_fails_half_way_is_loud_and_made_good(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", stack("recreate"))
    repo.until_done()
    retrain(repo, 3)
    repo.apply()
    clock.sleep(2 * HOUR)
    azure.fault(
        method="PUT", path_regex="/deployments/tone", status=400, code="InvalidResourceProperties", message="no"
    )
    result = repo.apply()
    fault = next(item.fault for item in result.outcomes if item.fault)
    assert (result.code, fault.code) == (1, "recreate-half-done")
    assert "NOTHING SERVES" in fault.summary
    assert names(azure) == {}
    repo.until_done()
    assert list(names(azure)) == ["tone"]


@pytest.mark.parametrize(
    ("edit", "code", "words"),
    [
        ("beside\n  deployment_name: " + "n" * 52, "name-too-long", "at most 51 characters"),
        ("{type: in_place, keep_old: 24h}", "not-allowed", "needs `type: beside`"),
        ("{type: beside, keep_old: soon}", "not-allowed", "24h"),
        ("blue_green", "wrong-type", "`in_place`, `beside`, `recreate` or a mapping"),
    ],
)
def test_bad_strategies_are_refused_with_the_way_out(repo: Repo, edit: str, code: str, words: str) -> None:
    repo.write("manifests/stack.yaml", stack(edit))
    with pytest.raises(InvalidManifests) as error:
        repo.plan()
    (fault,) = [one for one in error.value.faults if one.severity == "error"]
    assert fault.code == code
    assert words in f"{fault.detail} {fault.remedy}"
    assert fault.place is not None


def test_no_update_is_planned_where_only_the_strategy_differs(repo: Repo) -> None:
    repo.until_done()
    for word in ("recreate", "beside", "in_place"):
        repo.write("manifests/stack.yaml", stack(word))
        plan = repo.plan(prune=True)
        assert plan.converged, word
        assert not of(plan, Update), word


def test_with_readiness_the_old_one_is_called_until_the_new_one_answers(repo: Repo, azure: Azure) -> None:
    text = stack("beside").replace("  sku:", "  readiness: true\n  sku:")
    repo.write("manifests/stack.yaml", text)
    repo.until_done()
    (first,) = names(azure)
    azure.configure(ready_delay_s=3600.0)
    retrain(repo, 3)
    repo.apply(wait=True, settle=30)
    assert len(names(azure)) == 2
    plan = repo.plan(prune=True)
    assert served(plan) == first
    (old,) = of(plan, Delete)
    assert old.held.startswith("kept: it serves until")
    azure.configure(ready_delay_s=0.0)
    repo.until_done()
    assert served(repo.plan()) != first


def test_many_former_versions_are_pruned_without_a_guard_in_the_way(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    deployment = stack("{type: beside, keep_old: 1h}").split("---\n")[1]
    more = "".join("---\n" + deployment.replace("{name: tone}", f"{{name: tone-{n}}}") for n in range(3))
    repo.write("manifests/stack.yaml", stack("{type: beside, keep_old: 1h}") + more)
    repo.until_done()
    first = names(azure)
    retrain(repo, 3)
    repo.until_done()
    assert len(names(azure)) == 8
    clock.sleep(2 * HOUR)
    plan = repo.plan(prune=True)
    assert sorted(change.live.name for change in of(plan, Delete)) == sorted(first)
    assert plan.refusals == (), "half of all go, and each has a successor"
    repo.until_done(prune=True)
    assert len(names(azure)) == 4


def test_protection_goes_over_to_what_serves(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    protected = stack("{type: beside, keep_old: 1h}") + "  protect: true\n"
    repo.write("manifests/stack.yaml", protected)
    repo.until_done()
    (first,) = names(azure)
    repo.edit("manifests/stack.yaml", "  protect: true\n", "")
    retrain(repo, 3)
    repo.until_done()
    tags = {item["name"]: item["tags"].get("reconciler-protect") for item in azure.deployments()}
    assert tags == dict.fromkeys(tags, "true"), "without a word the protection stays, on the next version too"
    second = next(iter(tags.keys() - {first}))
    clock.sleep(2 * HOUR)
    azure.hand("set_tags", deployment=second, tags={**tagged(azure, second), "reconciler-protect": ""})
    assert [fault.code for fault in repo.plan(prune=True).refusals] == ["protected"], "it was never passed on"
    azure.hand("set_tags", deployment=second, tags={**tagged(azure, second), "reconciler-protect": "true"})
    repo.until_done(prune=True)
    assert list(names(azure)) == [second], "what serves is protected, and not what did"
    repo.write("manifests/stack.yaml", "")
    assert "protected" in {fault.code for fault in repo.plan(prune=True).refusals}


def tagged(azure: Azure, name: str) -> dict[str, str]:
    return next(dict(item["tags"]) for item in azure.deployments() if item["name"] == name)


def test_models_by_name_have_versions_too(repo: Repo, azure: Azure) -> None:
    repo.until_done()
    retrain(repo, 3)
    repo.until_done()
    one, two = (job["fine_tuned_model"] for job in azure.jobs())
    named = (
        "apiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: mine}\n"
        "spec:\n  model: {name: MODEL}\n  sku: {name: GlobalStandard, capacity: 5}\n  strategy: beside\n"
    )
    repo.write("manifests/mine.yaml", named.replace("MODEL", one))
    repo.until_done()
    repo.write("manifests/mine.yaml", named.replace("MODEL", two))
    assert not repo.plan(unattended=True).actions, "another name is a person's decision"
    repo.until_done()
    versions = {name: model for name, model in names(azure).items() if name.startswith("mine-")}
    assert sorted(versions.values()) == sorted([one, two])
    assert repo.plan().converged


def test_a_gate_that_fails_leaves_the_old_version_to_be_called(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    repo.write("manifests/stack.yaml", stack("beside"))
    repo.until_done()
    (first,) = names(azure)
    cost = repo.plan().cost
    gates = "  gates: [{metric: full_valid_loss, at_most: 0.0001}]\n  sku:"
    repo.write("manifests/stack.yaml", stack("beside").replace("  sku:", gates).replace("n_epochs: 2", "n_epochs: 3"))
    repo.apply()
    clock.sleep(48 * HOUR)
    repo.apply(prune=True)
    plan = repo.plan(prune=True)
    assert served(plan) == first
    assert not plan.actions
    assert plan.cost is not None
    assert cost is not None
    assert plan.cost.after.high == cost.after.high, "it is counted once"
    assert list(names(azure)) == [first]


@pytest.mark.parametrize(
    ("strategy", "code", "there"),
    [("in_place", 1, 0), ("beside", 0, 1), ("recreate", 0, 1)],
)
def test_somebody_deletes_the_deployment_during_the_switch(
    repo: Repo, azure: Azure, clock: FakeClock, strategy: str, code: int, there: int
) -> None:
    repo.write("manifests/stack.yaml", stack(strategy))
    repo.until_done()
    (name,) = names(azure)
    retrain(repo, 3)
    repo.apply()
    clock.sleep(2 * HOUR)
    tree, engine = repo.engine()
    plan = engine.plan(tree.desired, Options())
    delete(azure, name)
    clock.sleep(10)
    outcomes = list(engine.converge(tree.desired, Options(), Approval.of(plan), first=plan))
    assert apply_exit({item.address: item for item in outcomes}.values(), detailed=False) == code
    assert len(names(azure)) == there
    assert [item.fault.code for item in outcomes if item.fault] == (["deployment-gone"] if code else [])
    repo.until_done()
    assert len(names(azure)) == 1
    assert repo.plan(prune=True).converged


def test_what_goes_while_azure_works_on_it_is_told_as_gone(
    repo: Repo, azure: Azure, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.until_done()
    repo.edit("manifests/stack.yaml", "capacity: 50", "capacity: 60")
    azure.fault(
        method="PATCH", path_regex="deployments/tone", status=404, code="DeploymentNotFound", message="no", count=1
    )
    assert repo.apply().faults() == ["deployment-gone"]
    azure.configure(deployment_seconds=60)
    azure.forget()
    sleep = clock.sleep

    def deleting(seconds: float) -> None:
        if azure.writes() and azure.deployments():
            azure.hand("expire_deployment", deployment="tone")
        sleep(seconds)

    monkeypatch.setattr(clock, "sleep", deleting)
    result = repo.apply()
    assert (result.code, result.faults()) == (1, ["gone-meanwhile"])
    assert "tone is gone" in next(outcome.fault.detail for outcome in result.outcomes if outcome.fault)


def test_a_late_list_makes_no_second_version(repo: Repo, azure: Azure) -> None:
    repo.write("manifests/stack.yaml", stack("beside"))
    repo.until_done()
    azure.configure(list_delay_s=60.0)
    retrain(repo, 3)
    repo.until_done()
    repo.apply(prune=True)
    azure.configure(list_delay_s=0.0)
    assert len(names(azure)) == 2
    assert len([write for write in azure.writes() if write.startswith("PUT")]) == 2
