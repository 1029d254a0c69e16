"""Cost and policy as users meet them: the first line of a plan, and exit 4 before anything is written."""

from __future__ import annotations

import json
import shutil

import pytest
from command import Site, plain
from harness import Azure

POLICY = "  policy:\n    max_usd:\n      per_job: {job}\n"


def restrict(site: Site, text: str) -> None:
    file = site.folder / "manifests/account.yaml"
    file.write_text(file.read_text() + text)


def test_a_plan_says_first_what_it_costs(site: Site) -> None:
    ran = site.run("plan", code=0)
    assert plain(ran.out).splitlines()[:2] == [
        "Account/acme  http://127.0.0.1:PORT/acme  v1  no credential (loopback)",
        "Cost: now $0.01 to train (1 job, 2,040 tokens), hosting $0 -> $1,224 in 30 days; list prices of 2026-08-11",
    ]
    assert "      costs $0.01: 2,040 tokens in 2 epochs, at $5 a million\n" in ran.out
    assert "      hosting $1.70 an hour, $1,224 in 30 days\n" in ran.out


def test_what_is_there_is_still_told(site: Site) -> None:
    site.run("apply", "--auto-approve", "--wait", code=0)
    ran = site.run("plan", "--detailed-exitcode", code=0)
    assert "Cost: hosting $1,224 in 30 days; list prices of 2026-08-11\n" in ran.out
    assert ran.last == "No changes. Azure matches the manifests."


def test_the_cost_is_in_the_json(site: Site) -> None:
    document = json.loads(site.run("plan", "--format", "json", code=0).out)
    assert document["cost"]["training_now"] == {"low": "0.0102", "high": "0.0102", "estimated": False, "unknown": []}
    assert document["cost"]["hosting_hour_after"]["high"] == "1.7"
    assert document["cost"]["prices"] == ["list prices of 2026-08-11"]
    costs = {change["address"]: change["cost"] for change in document["resource_changes"]}
    assert costs["Dataset/tone.training"] is None
    assert costs["FineTuneJob/tone"]["tokens"] == [2040, 2040]
    assert costs["FineTuneJob/tone"]["rate"]["unit"] == "1M tokens"
    assert costs["Deployment/tone"]["hosting_hour_after"]["low"] == "1.7"
    assert document["refusals"] == []


@pytest.mark.parametrize(
    ("reason", "more", "flags", "code"),
    [
        ("the hosting counts", "", ("--max-cost", "1224"), 4),
        ("enough", "", ("--max-cost", "1224.02"), 0),
        ("a job is too dear", POLICY.format(job="0.001"), (), 4),
        ("another model", "  policy: {models: [gpt-4o*]}\n", (), 4),
        ("another training type", "  policy: {training_types: [developer]}\n", (), 4),
        ("another sku", "  policy: {skus: [DeveloperTier]}\n", (), 4),
        ("a field is not set", "  policy: {required: [FineTuneJob.seed]}\n", (), 4),
        ("hosting is too dear", "  policy: {max_usd: {hosting_per_month: 1000}}\n", (), 4),
        ("all of it is allowed", POLICY.format(job="0.0102"), (), 0),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_written(
    site: Site, azure: Azure, reason: str, more: str, flags: tuple[str, ...], code: int
) -> None:
    restrict(site, more)
    azure.forget()
    ran = site.run("apply", "--auto-approve", *flags, code=code)
    if code:
        assert azure.writes() == [], reason
        assert "manifests/stack.yaml:" in ran.err, "the manifest's line"
        site.run("plan", code=0 if flags else code)  # `--max-cost` is of apply


def test_a_refusal_names_both_lines_and_the_amounts(site: Site) -> None:
    restrict(site, POLICY.format(job="0.001"))
    ran = site.run("apply", "--auto-approve", code=4)
    assert ran.err == (
        "error: manifests/stack.yaml:3:18: This costs more than is allowed (FineTuneJob/tone) [cost-above-limit]\n"
        "  It costs $0.02 to train; Account/acme allows $0.001 for a job (manifests/account.yaml:11:16).\n"
        "  Train on less data or for fewer epochs, or have `policy.max_usd.per_job` raised.\n"
    )


def test_an_unknown_price_is_refused_where_there_is_a_limit(site: Site, azure: Azure) -> None:
    site.edit("manifests/stack.yaml", "gpt-4.1-mini-2025-04-14", "gpt-5-2025-08-07")
    ran = site.run("apply", "--auto-approve", "--max-cost", "1000000", code=4)
    assert "What this costs is not known, and a limit is set" in ran.err
    assert "prices: {training: {gpt-5-2025-08-07: {global: DOLLARS}}}" in ran.err
    assert azure.writes() == []


def test_a_pull_request_is_judged_by_its_base(site: Site, azure: Azure) -> None:
    restrict(site, POLICY.format(job="0.001"))
    shutil.copytree(site.folder / "manifests", site.folder.parent / "base")
    site.edit("manifests/account.yaml", "per_job: 0.001", "per_job: 1000")
    flags = ("--policy-from", str(site.folder.parent / "base"))
    assert "This costs more than is allowed" in site.run("plan", *flags, code=4).out
    azure.forget()
    ran = site.run("apply", "--auto-approve", *flags, code=4)
    assert azure.writes() == []
    assert "(../base/account.yaml:11:16)" in ran.err, "the line of the tree that judges"
    site.edit("manifests/account.yaml", "accounts/acme", "accounts/other")
    ran = site.run("plan", *flags, code=4)
    assert "An Account has no policy to be judged by" in ran.out
    site.edit("manifests/account.yaml", "accounts/other", "accounts/acme")
    site.run("apply", "--auto-approve", code=0)


@pytest.mark.parametrize("amount", ["", "-1", "many", "nan", "1e400000000000000000000"])
def test_an_amount_that_is_none_is_bad_usage(site: Site, amount: str) -> None:
    site.run("apply", "--auto-approve", "--max-cost", amount, code=64)


def test_a_missing_tree_of_policies_is_told(site: Site) -> None:
    ran = site.run("plan", "--policy-from", "nowhere", code=1)
    assert "There is no such file or folder" in ran.err


def test_what_a_training_cost_stands_beside_its_estimate(site: Site) -> None:
    site.run("apply", "--auto-approve", "--wait", code=0)
    assert "cost $0.01, estimated $0.01" in site.run("status", code=0).out
    (head, row) = site.run("history", code=0).out.splitlines()
    assert head.split()[:5] == ["JOB", "STATUS", "CREATED", "TOKENS", "COST"]
    assert "$0.01, estimated $0.01" in row
    assert "Cost $0.01, estimated $0.01." in site.run("report", "FineTuneJob/tone", code=0).out
    stack = site.folder / "manifests/stack.yaml"
    stack.write_text(stack.read_text().split("---")[0])
    assert "costs $40.80 a day" in site.run("status", code=0).out, "what is left over says what it costs"
