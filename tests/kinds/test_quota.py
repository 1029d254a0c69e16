"""Limits and quota before anything is sent: documented numbers warn, Azure's own word refuses, and what is unread is said."""

from __future__ import annotations

import json

import pytest
from command import ACCOUNT as REACHED
from harness import ACCOUNT, STACK, Azure, FakeClock, Repo, arm

from reconciler.cli.main import run
from reconciler.core.account import AccountSpec
from reconciler.core.fault import Fault
from reconciler.core.quota import Pool, pool_of
from reconciler.limits import LIMITS, find

from .test_ownership import upload

POOL = "OpenAI.GlobalStandard.gpt4.1-mini-finetune"


def told(repo: Repo, prefix: str = "limit") -> list[Fault]:
    return [fault for fault in repo.plan().warnings if fault.code.startswith(prefix)]


def limits(repo: Repo, **values: int) -> None:
    said = ", ".join(f"{name}: {value}" for name, value in values.items())
    repo.write("manifests/account.yaml", f"{ACCOUNT}  limits: {{{said}}}\n")


def many(repo: Repo, count: int) -> None:
    jobs = "---\n".join(
        STACK.partition("---")[0].replace("name: tone", f"name: tone{n}").replace("n_epochs: 2", f"n_epochs: {n + 1}")
        for n in range(count)
    )
    repo.write("manifests/stack.yaml", jobs)


def test_every_limit_can_be_said_by_an_account() -> None:
    (field,) = [field for name, field in AccountSpec.model_fields.items() if name == "limits"]
    declared = {
        name for part in field.annotation.__args__ if hasattr(part, "model_fields") for name in part.model_fields
    }  # type: ignore[union-attr]
    assert declared == {limit.name for limit in LIMITS}


@pytest.mark.parametrize(
    ("limit", "value", "counts"),
    [
        ("files", 1, "has 0 files for fine-tuning, and the plan adds 2; the limit is 1"),
        ("bytes", 100, "and the plan adds 0.0 MB; the limit is 0.0 MB"),
        ("jobs", 0, "has 0 jobs, finished ones included, and the plan adds 1; the limit is 0"),
        ("deployments", 0, "has 0 deployments, and the plan adds 1; the limit is 0"),
        ("fine_tuned_deployments", 0, "has 0 deployments of fine-tuned models, and the plan adds 1; the limit is 0"),
    ],
)
def test_what_the_plan_adds_is_counted_and_warned_of(repo: Repo, limit: str, value: int, counts: str) -> None:
    assert told(repo) == [], "the documented limits are far"
    limits(repo, **{limit: value})
    (fault,) = told(repo)
    assert (fault.code, fault.severity) == ("limit-reached", "warning")
    assert counts in fault.detail
    assert f"`limits.{limit}` of Account/acme" in fault.detail
    assert f"limits: {{{limit}: NUMBER}}" in fault.remedy
    assert repo.apply().code == 0, "a number that is not Azure's stops nothing"


def test_what_is_live_counts_and_a_plan_that_adds_nothing_is_silent(repo: Repo) -> None:
    limits(repo, jobs=1, deployments=1, files=2)
    assert {fault.code for fault in told(repo)} == {"limit-near"}, "the plan fills them, and does not go beyond"
    repo.until_done()
    assert told(repo) == [], "full, and nothing is added"
    repo.edit("manifests/stack.yaml", "n_epochs: 2", "n_epochs: 3")
    (fault,) = told(repo)
    assert "has 1 jobs, finished ones included, and the plan adds 1" in fault.detail


def test_what_others_made_in_the_account_takes_room_too(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    file = upload(azure, "theirs.jsonl", "x" * 2_000_000)
    clock.sleep(5)
    tuned = {"model": "gpt-4.1-mini", "training_file": file, "trainingType": "globalStandard"}
    azure.raw("POST", "/acme/openai/v1/fine_tuning/jobs", tuned)
    body = {
        "sku": {"name": "GlobalStandard", "capacity": 1},
        "properties": {"model": {"format": "OpenAI", "name": "gpt-4.1-mini", "version": "2025-04-14"}},
    }
    azure.raw("PUT", f"{arm()}/deployments/theirs?api-version=2025-09-01", body)
    clock.sleep(30)
    limits(repo, files=2, bytes=2_000_000, jobs=1, deployments=1, fine_tuned_deployments=1)
    said = {
        fault.detail.partition(", and the plan")[0].removeprefix("Account/acme has ")
        for fault in told(repo, "limit-reached")
    }
    assert said == {
        "1 files for fine-tuning",
        "2.0 MB in files for fine-tuning",
        "1 jobs, finished ones included",
        "1 deployments",
    }
    assert [fault.code for fault in told(repo, "limit-near")] == ["limit-near"], "a base model is not fine-tuned"


def test_jobs_that_wait_for_others_are_told(repo: Repo, azure: Azure, clock: FakeClock) -> None:
    many(repo, 3)
    assert told(repo, "jobs-wait") == []
    repo.apply()
    clock.sleep(120)
    many(repo, 5)
    (fault,) = told(repo, "jobs-wait")
    assert "3 of 3 jobs running, standard and global together (documented, 2026-02), 0 waiting" in fault.detail
    assert "the plan adds 2: 2 wait" in fault.detail
    limits(repo, queued_jobs=1)
    (fault,) = told(repo, "limit-reached")
    assert "2 jobs would wait; 1 may" in fault.detail
    repo.write("manifests/account.yaml", ACCOUNT)
    repo.apply()
    clock.sleep(120)
    assert sorted(job["status"] for job in azure.jobs()) == ["pending"] * 2 + ["running"] * 3


def test_what_could_not_be_read_is_not_counted_as_nothing(repo: Repo, azure: Azure) -> None:
    limits(repo, files=0, jobs=0, deployments=0)
    azure.configure(deny=["deployments/read"])
    assert told(repo) == []


@pytest.mark.parametrize(
    ("base", "sku", "fine_tuned", "name"),
    [
        ("gpt-4.1-mini-2025-04-14", "GlobalStandard", True, POOL),
        ("gpt-4.1-mini", "globalstandard", True, POOL),
        ("gpt-4.1-mini", "GlobalStandard", False, "OpenAI.GlobalStandard.gpt-4.1-mini"),
        ("gpt-4.1", "GlobalStandard", True, None),
        ("gpt-4.1-mini", "Standard", True, None),
        ("Ministral-3B", "GlobalStandard", True, "AIServices.GlobalStandard.Ministral-3B-finetune"),
    ],
    ids=["by id", "other case", "base pool", "another model", "another sku", "open weight"],
)
def test_a_pool_is_found_by_model_sku_and_sort(base: str, sku: str, fine_tuned: bool, name: str | None) -> None:
    names = (POOL, "OpenAI.GlobalStandard.gpt-4.1-mini", "AIServices.GlobalStandard.Ministral-3B-finetune", "x", "a.b")
    found = pool_of([Pool(one, 1, 2) for one in names], base, sku, fine_tuned=fine_tuned)
    assert (found.name if found else None) == name


def test_two_rows_that_may_be_meant_are_none() -> None:
    twins = [Pool(POOL, 0, 1), Pool(POOL.replace("gpt4", "gpt-4"), 0, 1)]
    assert pool_of(twins, "gpt-4.1-mini", "GlobalStandard", fine_tuned=True) is None


def test_a_limit_has_a_number_and_says_what_frees_it() -> None:
    assert all(limit.value > 0 and limit.words and limit.frees.endswith((".", ").")) for limit in LIMITS)
    assert find("jobs").value == 100


# What Azure itself says, through the command


def planned(site: Repo, capsys: pytest.CaptureFixture[str]) -> tuple[dict[str, str], list[str]]:
    """Return the warnings of a plan with their details, and the codes of what refuses it."""
    assert site.folder
    capsys.readouterr()
    code = run(["plan", "--format", "json"])
    made = json.loads(capsys.readouterr().out)
    refused = [refusal["code"] for refusal in made["refusals"]]
    assert code == (4 if refused else 0)
    return {check["code"]: check["detail"] for check in made["checks"]}, refused


class TestAzuresOwnWord:
    def test_later_capacity_warns_and_capacity_of_now_is_refused(
        self, site: Repo, live: Azure, capsys: pytest.CaptureFixture[str]
    ) -> None:
        live.configure(quotas={POOL: 20})
        warned, refused = planned(site, capsys)
        assert refused == [], "what is deployed after the training may find another quota"
        assert (
            f"{POOL} in swedencentral: Azure says that 0 of 20 is in use, so 20 is left; 50 more is asked for"
            in warned["quota-short"]
        )
        assert "OpenAI.GlobalStandard.gpt4.1-mini has 500 left, for base models only" in warned["quota-short"]
        assert run(["apply", "--auto-approve"]) == 1
        assert "20 of 20 is left" in capsys.readouterr().out, "Azure refuses it, with its numbers in words"
        warned, refused = planned(site, capsys)
        assert (warned, refused) == ({}, ["quota-short"])
        live.forget()
        assert run(["apply", "--auto-approve"]) == 4
        assert "Lower `sku.capacity` to 20" in capsys.readouterr().err
        assert live.writes() == [], "nothing was sent"
        site.edit("manifests/stack.yaml", "capacity: 50", "capacity: 20")
        assert run(["apply", "--auto-approve"]) == 0
        assert planned(site, capsys) == ({}, [])
        site.edit("manifests/stack.yaml", "capacity: 20", "capacity: 21")
        assert planned(site, capsys)[1] == ["quota-short"], "only what is added counts, and none is left"

    def test_two_accounts_of_a_subscription_draw_on_one_pool(
        self, site: Repo, live: Azure, capsys: pytest.CaptureFixture[str]
    ) -> None:
        beta = REACHED.format(url=live.server.url).replace("name: acme", "name: beta").replace("/acme", "/beta")
        site.write("manifests/beta.yaml", beta)
        body = "  account: ACCOUNT\n  model: {name: gpt-4.1-mini, version: '2025-04-14'}\n  sku: {name: GlobalStandard, capacity: 50}\n"
        head = "---\napiVersion: reconciler/v1\nkind: Deployment\nmetadata: {name: at-ACCOUNT}\nspec:\n"
        stacks = [f"{head}{body}".replace("ACCOUNT", name) for name in ("acme", "beta")]
        site.write("manifests/stack.yaml", "".join(stacks))
        live.configure(quotas={"OpenAI.GlobalStandard.gpt4.1-mini": 100})
        assert planned(site, capsys)[1] == []
        live.configure(quotas={"OpenAI.GlobalStandard.gpt4.1-mini": 99})
        assert planned(site, capsys)[1] == ["quota-short"], "each fits, and both do not"
        live.forget()
        assert run(["apply", "--auto-approve"]) == 4
        assert "100 more is asked for (Deployment/at-acme 50, Deployment/at-beta 50)" in capsys.readouterr().err
        assert live.writes() == []

    def test_a_base_model_that_both_refuse_is_refused(
        self, site: Repo, live: Azure, capsys: pytest.CaptureFixture[str]
    ) -> None:
        site.edit("manifests/stack.yaml", "gpt-4.1-mini-2025-04-14", "gpt-oss-20b")
        warned, refused = planned(site, capsys)
        assert refused == []
        assert "it says so of open-weight models that it trains" in warned["model-doubtful"]
        site.edit("manifests/stack.yaml", "gpt-oss-20b", "gpt-5-mini")
        warned, refused = planned(site, capsys)
        assert refused == ["model-untrainable"]
        live.forget()
        assert run(["apply", "--auto-approve"]) == 4
        assert live.writes() == []
        live.configure(models=[])
        warned, refused = planned(site, capsys)
        assert refused == [], "a list that names no base model at all says nothing of one"
        assert "model-doubtful" not in warned

    def test_an_end_that_azure_says_takes_the_place_of_the_table(
        self, site: Repo, live: Azure, capsys: pytest.CaptureFixture[str]
    ) -> None:
        models = [{**model, "training_retires": "2020-01-01"} for model in live.emulator.config.plain()["models"]]
        live.configure(models=models)
        warned, refused = planned(site, capsys)
        assert refused == []
        assert "Azure's list of models says 2020-01-01" in warned["model-training-ends"]

    def test_what_cannot_be_read_is_told_and_stops_nothing(
        self, site: Repo, live: Azure, capsys: pytest.CaptureFixture[str]
    ) -> None:
        live.configure(deny=["usages/read"])
        warned, refused = planned(site, capsys)
        assert refused == []
        assert "Deployment/tone" in warned["quota-unread"]
        assert run(["apply", "--auto-approve", "--wait"]) == 0
        live.forget()
        assert planned(site, capsys) == ({}, [])
        assert not [item for item in live.emulator.requests() if "usages" in item["path"]], (
            "nothing is made, nothing asked"
        )

    def test_capacity_that_the_region_lacks_is_a_warning(
        self, site: Repo, live: Azure, capsys: pytest.CaptureFixture[str]
    ) -> None:
        live.configure(finetune_capacity=30)
        warned, refused = planned(site, capsys)
        assert refused == []
        assert "Azure says that 30 is free for fine-tuned gpt-4.1-mini-2025-04-14" in warned["capacity-short"]
