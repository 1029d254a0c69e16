"""`import`: manifests for an account that was only ever used by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import portal
import pytest
from command import Site
from harness import Azure, FakeClock

from reconciler.cli.import_openai import _anew
from reconciler.core.draft import Draft
from reconciler.core.resource import Observed, Phase
from reconciler.kinds.fine_tune_job.spec import FineTuneJobSpec

FILES = ["manifests/acme/datasets.yaml", "manifests/acme/jobs.yaml", "manifests/acme/deployments.yaml"]


@pytest.fixture
def by_hand(tmp_path: Path) -> Iterator[tuple[Site, Azure, dict[str, str]]]:
    azure = Azure(FakeClock())
    made = portal.busy_account(azure)
    azure.clock.sleep(3 * 3600)  # the last job ends
    site = Site(tmp_path / "repo", azure)
    yield site, azure, made
    site.close()
    azure.close()


def test_an_account_made_by_hand_goes_on_in_git(by_hand: tuple[Site, Azure, dict[str, str]]) -> None:
    site, azure, made = by_hand
    azure.forget()
    dry = site.run("import", "--dry-run", code=0)
    assert "Would write:" in dry.out
    assert f"adopt: {{job: {made['tone']}}}" in dry.out
    assert not [name for name in FILES if (site.folder / name).exists()]
    ran = site.run("import", "--with-data", code=0)
    assert [name for name in FILES if name in ran.out] == FILES
    assert ran.out.rstrip().endswith("\n  reconciler plan"), "the next command stands last, on a line of its own"
    datasets = (site.folder / "manifests/acme/datasets.yaml").read_text()
    assert datasets.count("sha256: ") == datasets.count("path: data/") > 0, "an edit of what was downloaded is noticed"
    jobs = (site.folder / FILES[1]).read_text()
    assert jobs.startswith("# yaml-language-server: $schema=../../reconciler.schema.json\n")
    assert (site.folder / "reconciler.schema.json").read_text().startswith("{"), "the first line leads somewhere"
    assert "# trained with n_epochs 2" in jobs
    assert "n_epochs: 2" not in jobs, "what Azure may have chosen itself is noted, and not declared"
    assert " -1" not in jobs
    assert "failed: it made no model" in ran.out
    assert made["fails"] in ran.out
    assert (site.folder / "manifests/acme/data/windows.jsonl").read_bytes().count(b"\r") == 0
    plan = site.run("plan", "--detailed-exitcode", "--prune", code=0)
    assert plan.last == "No changes. Azure matches the manifests."
    assert "Deployment/tone-prod  adopted as it is" in plan.out
    assert azure.writes() == [], "nothing at Azure was changed"
    site.run("drift", code=0)
    status = site.run("status", code=0).out
    assert "differs" not in status
    assert "adopted as it is; `apply` marks it as ours by its tags" in " ".join(status.split())
    markdown = site.run("plan", "--format", "markdown", code=0).out
    assert "No changes" in markdown
    assert not list(site.folder.glob("manifests/.import-*")), "what was staged is gone"


def test_nothing_is_written_over(by_hand: tuple[Site, Azure, dict[str, str]]) -> None:
    site, _, _ = by_hand
    mine = "# mine\n"
    site.write(FILES[1], mine)
    refused = site.run("import", code=4)
    assert FILES[1] in refused.err
    assert "reconciler import --into DIR" in refused.err
    assert (site.folder / FILES[1]).read_text() == mine
    assert not (site.folder / FILES[0]).exists(), "all or nothing"
    site.run("import", "--into", "../outside", code=64)
    site.run("import", "--into", "taken-over", code=0)
    assert site.run("plan", code=0).last == "No changes. Azure matches the manifests."


def test_the_account_can_be_written_too(by_hand: tuple[Site, Azure, dict[str, str]]) -> None:
    site, azure, _ = by_hand
    here = ("--endpoint", f"{azure.server.url}/acme", "--owner", "team-b")
    assert "--resource-id" in site.run("import", "--owner", "team-b", code=64).err
    assert "\n    reconciler import nowhere --resource-id " in site.run("import", "nowhere", code=1).err
    assert "There are manifests already" in site.run("import", *here, code=4).err
    site.run("import", "new", "--endpoint", f"{azure.server.url}/acme", code=64)
    site.run("import", "new", "--resource-id", "acme", "--owner", "team-b", code=64)
    ran = site.run("import", "new", *here, code=0)
    assert "new/account.yaml" in ran.out
    assert site.run("plan", "new", code=0).last == "No changes. Azure matches the manifests."


def test_what_openai_trained_is_trained_anew(by_hand: tuple[Site, Azure, dict[str, str]], tmp_path: Path) -> None:
    _, organisation, _ = by_hand
    azure = Azure(FakeClock())
    site = Site(tmp_path / "other", azure)
    openai = {
        "RECONCILER_OPENAI_URL": f"{organisation.server.url}/acme/openai/v1",
        "OPENAI_API_KEY": "sk-not-for-this-host",
    }
    organisation.forget()
    ran = site.run("import", "--from", "openai", "--with-hyperparameters", env=openai, code=0)
    assert organisation.writes() == azure.writes() == []
    jobs = (site.folder / "manifests/openai/jobs.yaml").read_text()
    assert "adopt" not in jobs
    assert "hyperparameters: {n_epochs: 2" in jobs
    assert "failed: it made no model" in ran.out
    assert "sk-not-for-this-host" not in ran.text + jobs
    plan = site.run("plan", code=0)
    assert "+ FineTuneJob/support-tone-2  train gpt-4.1-mini-2025-04-14" in plan.out
    assert "n_epochs 2" in plan.out
    refused = site.run(
        "import", "--from", "openai", env={**openai, "RECONCILER_OPENAI_URL": "https://evil.test/v1"}, code=4
    )
    assert "goes to OpenAI only" in refused.err
    assert "[openai-no-credential]" in site.run("import", "--from", "openai", code=1).err
    site.run("import", "--from", "openai", "--emulator", env=openai, code=64)
    site.close()
    azure.close()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"model": "gpt-4.1-mini", "training_file": {"dataset": "a"}, "integrations": [{"type": "wandb"}]}, None),
        ({"model": "ft:gpt-4.1-mini:org::x", "training_file": {"dataset": "a"}}, "only at OpenAI"),
        ({"model": "gpt-4.1-mini", "training_file": {"file_id": "file-1"}}, "its file file-1 is gone"),
    ],
    ids=["a job that can be trained anew", "a model of OpenAI's own", "a file that is not there"],
)
def test_what_can_be_trained_anew(spec: dict[str, Any], said: str | None) -> None:
    live = Observed("FineTuneJob", "acme", "ftjob-1", "x", Phase.READY, FineTuneJobSpec.model_construct())
    found = _anew(Draft(live, "x", spec, {"job": "ftjob-1"}), {}, settings=False)
    if said is None:
        assert isinstance(found, Draft)
        assert not found.adopt
        assert found.spec == {"model": "gpt-4.1-mini", "training_file": {"dataset": "a"}}
    else:
        assert isinstance(found, str)
        assert said in found
