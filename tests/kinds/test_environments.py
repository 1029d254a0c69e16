"""The example of docs/environments.md: two accounts in one tree, loaded, applied and left as it is."""

from __future__ import annotations

import re
from pathlib import Path

import portal
from harness import Azure, Repo, addresses, examples, of, trained

from reconciler.core.change import Delete, Update
from reconciler.kind import Workspace
from reconciler.kinds import REGISTRY
from reconciler.manifests import load
from reconciler.manifests.adoption import Wish, survey
from reconciler.render.manifest import manifest_text

PAGE = Path(__file__).parents[2] / "docs/environments.md"
_FILES = re.compile(r"^`(manifests/[\w./-]+)`\n\n```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)


def two_environments(repo: Repo) -> None:
    for name in ("account.yaml", "stack.yaml"):
        (repo.folder / "manifests" / name).unlink()
    files = _FILES.findall(PAGE.read_text())
    assert len(files) == 4, "the page shows the whole tree"
    for name, text in files:
        repo.write(name, text)
    repo.write("manifests/data/triage.train.jsonl", examples(60))
    repo.write("manifests/data/triage.valid.jsonl", examples(12, "check"))


def test_two_environments_of_one_tree_converge_and_keep_apart(repo: Repo, azure: Azure) -> None:
    two_environments(repo)
    assert addresses(trained(repo.plan())) == ["FineTuneJob/triage-dev", "FineTuneJob/triage-prod"]
    repo.until_done()
    assert repo.plan(prune=True).converged
    for account in ("acme-dev", "acme-prod"):
        assert [item["name"] for item in azure.objects("deployments", account)] == ["triage"]
        assert len(azure.objects("jobs", account)) == 1
        assert len(azure.objects("files", account)) == 2, "each account has its own copy of the data"
    azure.forget()
    assert repo.apply().code == 0
    assert azure.writes() == []
    alone = load(repo.folder / "manifests/dev", REGISTRY, {}, None, repo.folder)
    assert list(alone.accounts) == ["dev"]
    assert alone.is_whole("dev"), "one folder is one environment, prune and all"


def test_what_lives_in_two_accounts_is_imported_into_both(repo: Repo, azure: Azure) -> None:
    two_environments(repo)
    for environment in ("dev", "prod"):
        (repo.folder / f"manifests/{environment}/triage.yaml").unlink()
        portal.deploy(azure, "chat", "gpt-4.1-mini", f"acme-{environment}", version="2025-04-14")
        azure.clock.sleep(60)
    tree, engine = repo.engine()
    wish = Wish(["dev", "prod"])
    found = survey(tree.desired, engine.accounts, engine.observe(), REGISTRY, Workspace(tree.root), wish)
    assert [(str(item.address), item.spec["account"]) for item in found.adopted] == [
        ("Deployment/chat", "dev"),
        ("Deployment/chat-prod", "prod"),
    ]
    repo.write("manifests/imported.yaml", "---\n".join(manifest_text(item.manifest()) for item in found.adopted))
    assert repo.plan().converged


def test_an_environment_is_changed_alone(repo: Repo, azure: Azure) -> None:
    two_environments(repo)
    repo.until_done()
    repo.edit("manifests/dev/triage.yaml", "n_epochs: 2", "n_epochs: 3")
    plan = repo.plan(prune=True)
    assert addresses(trained(plan)) == ["FineTuneJob/triage-dev"]
    azure.forget()
    repo.until_done(prune=True)
    assert not [write for write in azure.writes() if "acme-prod" in write], "prod is not touched"
    prod = azure.objects("deployments", "acme-prod")[0]
    repo.edit("manifests/data/triage.train.jsonl", "row 0?", "row zero?")
    assert addresses(trained(repo.plan())) == ["FineTuneJob/triage-dev", "FineTuneJob/triage-prod"], "data is shared"
    repo.edit("manifests/data/triage.train.jsonl", "row zero?", "row 0?")
    (repo.folder / "manifests/dev/triage.yaml").unlink()
    left = of(repo.plan(prune=True), Delete)
    assert {change.live.account for change in left if not change.held} == {"dev"}
    assert not of(repo.plan(), Update)
    assert azure.objects("deployments", "acme-prod")[0] == prod


def test_prod_serves_what_was_promoted_until_a_commit_says_otherwise(repo: Repo, azure: Azure) -> None:
    two_environments(repo)
    repo.until_done()
    (job,) = azure.jobs("acme-prod")
    follows, pinned = "{job: triage-prod}", f"{{job: triage-prod, pin: {job['suffix'][:12]}}}"
    repo.edit("manifests/prod/triage.yaml", follows, pinned)
    assert repo.plan().converged, "to pin what serves changes nothing"
    repo.edit("manifests/prod/triage.yaml", "n_epochs: 2", "n_epochs: 3")
    repo.until_done()
    (deployment,) = azure.deployments("acme-prod")
    assert deployment["properties"]["model"]["name"] == job["fine_tuned_model"], "the new model waits"
    repo.edit("manifests/prod/triage.yaml", pinned, follows)
    repo.until_done()
    (deployment,) = azure.deployments("acme-prod")
    assert deployment["properties"]["model"]["name"] != job["fine_tuned_model"]
