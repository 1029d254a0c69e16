"""`keep_models`: which models of former trainings are listed as left over, and that each goes only by its name."""

from __future__ import annotations

from harness import ACCOUNT, STACK, Azure, FakeClock, Repo, arm, of

from reconciler.core.change import Delete, Plan
from reconciler.kinds import REGISTRY
from reconciler.render.drift import needs_person
from reconciler.render.markdown import plan_markdown
from reconciler.render.text import plan_text


def trained(repo: Repo, azure: Azure, clock: FakeClock, count: int) -> list[str]:
    """Train so many versions, each served until the next one is; returns their jobs, oldest first."""
    for epochs in range(1, count + 1):
        repo.write("manifests/stack.yaml", STACK.replace("n_epochs: 2", f"n_epochs: {epochs}"))
        repo.until_done()
        clock.sleep(10)
    return [job["id"] for job in sorted(azure.jobs(), key=lambda job: job["created_at"])]


def keep(repo: Repo, count: int | None) -> None:
    repo.write("manifests/account.yaml", ACCOUNT + ("" if count is None else f"  keep_models: {count}\n"))


def listed(plan: Plan) -> set[str]:
    return {change.live.id for change in of(plan, Delete) if change.address.kind == "FineTuneJob"}


def models(azure: Azure) -> int:
    return sum(".ft-" in model["id"] for model in azure.raw("GET", "/acme/openai/v1/models")["data"])


def test_superseded_models_are_listed_beyond_those_that_are_kept(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    first, second, third, _ = trained(repo, azure, clock, 4)
    expected = {None: set(), 0: {first, second, third}, 1: {first, second}, 2: {first}, 3: set()}
    for count, ids in expected.items():
        keep(repo, count)
        plan = repo.plan(prune=True)
        assert listed(plan) == ids, count
        assert plan.converged, "a model costs nothing: it is no change, and no drift"
        assert not needs_person(plan, REGISTRY)
        assert {live.id for live in plan.history} == {first, second, third}, "it is history all the same"
    destroyed = repo.plan(prune=True, destroy=True)
    assert listed(destroyed) == set(), "`destroy` deletes models only by name too"
    keep(repo, 1)
    azure.forget()
    result = repo.apply(prune=True)
    assert (result.code, azure.writes()) == (0, []), "no flag but the name deletes a model"
    said = plan_text(repo.plan(), [], kinds=REGISTRY, now=clock())
    assert "beyond `keep_models: 1` of Account/acme, and a model goes only by name" in said
    assert f"\n        reconciler apply --prune --allow-delete FineTuneJob/{first}\n" in said
    shown = plan_markdown(repo.plan(), [], accounts=[], kinds=REGISTRY, now=clock())
    assert f"<br>`reconciler apply --prune --allow-delete FineTuneJob/{first}`" in shown, "a reviewer sees which one"
    assert said.count("delete the model gpt-4.1-mini-2025-04-14.ft-") == 2


def test_what_is_listed_goes_by_name_once_and_what_is_kept_only_by_its_id(
    repo: Repo, azure: Azure, clock: FakeClock
) -> None:
    first, second, third = trained(repo, azure, clock, 3)
    keep(repo, 1)
    shared = ("FineTuneJob/tone",)
    assert listed(repo.plan(allow_delete=shared)) == {first}, "without --prune it stays"
    assert repo.apply(allow_delete=shared).code == 0
    assert models(azure) == 3
    repo.until_done(prune=True, allow_delete=shared)
    assert models(azure) == 2, "the name is that of all three; the newest superseded one is kept, and what serves too"
    azure.forget()
    for _ in range(2):
        plan = repo.plan(prune=True, allow_delete=(*shared, f"FineTuneJob/{first}"))
        assert listed(plan) == set(), "its job is still listed, and has no model any more"
    repo.until_done(prune=True, allow_delete=(f"FineTuneJob/{second}",))
    assert models(azure) == 1
    assert not of(repo.plan(prune=True, allow_delete=(f"FineTuneJob/{third}",)), Delete), "what is declared is none"


def test_what_anything_needs_is_not_listed(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    first, second = trained(repo, azure, clock, 2)
    keep(repo, 0)
    url = f"/acme/openai/v1/fine_tuning/jobs/{first}"
    model = azure.raw("GET", url)["fine_tuned_model"]
    checkpoint = azure.raw("GET", f"{url}/checkpoints")["data"][0]["id"]
    stack = (repo.folder / "manifests/stack.yaml").read_text()
    other = "---\napiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: other}\nspec: {sku: {name: DeveloperTier, capacity: 50}, model: "

    def found(reason: str, *ids: str) -> None:
        assert listed(repo.plan(prune=True)) == set(ids), reason

    found("nobody needs it", first)
    theirs = f"{arm()}/deployments/theirs?api-version=2025-09-01"
    for served in (model, checkpoint):
        body = {"format": "OpenAI", "name": served, "version": "1"}
        azure.raw("PUT", theirs, {"sku": {"name": "Standard", "capacity": 1}, "properties": {"model": body}})
        clock.sleep(10)
        found(f"a stranger serves {served}")
        azure.raw("DELETE", theirs)
        clock.sleep(30)
    mark = model.partition(".ft-")[2].split("-")[1]
    named = {
        "a manifest names it": f"{{name: {model}, version: '1'}}",
        "a manifest pins it": f"{{job: tone, pin: {mark}}}",
    }
    for reason, written in named.items():
        repo.write("manifests/stack.yaml", f"{stack}{other}{written}}}\n")
        found(reason)
        faults = repo.plan(prune=True, allow_delete=(f"FineTuneJob/{first}",)).refusals
        assert [fault.code for fault in faults] == ["model-declared" if "names" in reason else "model-pinned"]
    repo.write("manifests/stack.yaml", stack.replace("n_epochs: 2", "n_epochs: 3"))
    found("nothing has taken the place of the second yet")
    twin = stack.partition("---")[0].replace("{name: tone}", "{name: twin}").replace("n_epochs: 2", "n_epochs: 4")
    repo.write("manifests/stack.yaml", f"{stack}---\n{twin}  suffix: tone\n")
    found("another job of the same name has no model yet: it may be its own that is old")
    repo.write("manifests/stack.yaml", STACK.replace("tone", "calm"))
    found("a rename trains nothing: it is the same line of models", first)
    beta = ACCOUNT.replace("{name: acme}", "{name: beta}").replace("accounts/acme", "accounts/beta")
    repo.write("manifests/beta.yaml", beta)
    repo.write("manifests/stack.yaml", stack.replace("spec:\n", "spec:\n  account: acme\n"))
    azure.fault(method="GET", path_regex="/beta/deployments", status=500, count=None)
    found("what another account serves could not be read")
    azure.control("DELETE", "faults")
    (repo.folder / "manifests/beta.yaml").unlink()
    repo.write("manifests/stack.yaml", stack)
    found("nobody needs it", first)
    new = {"model": model, "training_file": azure.files()[0]["id"], "trainingType": "globalStandard"}
    azure.raw("POST", "/acme/openai/v1/fine_tuning/jobs", new)
    found("somebody trains on from it")
    clock.sleep(3 * 3600)
    repo.write("manifests/stack.yaml", STACK.replace("tone", "calm").replace("n_epochs: 2", "n_epochs: 5"))
    repo.until_done()
    found("nothing takes the place of a manifest that is gone")
    assert {live.id for live in repo.plan().history} == {first, second}
