"""What an Account does not allow is refused before anything is written, with the manifest's line and the rule's."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.account import Account, AccountSpec
from reconciler.core.fault import Fault, InvalidManifests, Place
from reconciler.core.plan import Options, make_plan
from reconciler.core.policy import judged_by
from reconciler.core.resource import Address, Desired, World
from reconciler.kinds import REGISTRY
from reconciler.manifests import load, load_accounts

from .cost_toys import MINI, account, cost, data, deployment, job, live, plan, rft

TUNED = f"{MINI}.ft-{'a' * 32}-x"


def refusals(policy: dict[str, Any], *declared: Desired, **more: Any) -> list[Fault]:
    there, options = more.pop("there", None), more.pop("options", None)
    return list(plan(list(declared), there, options, policy=policy, **more).refusals)


@pytest.mark.parametrize(
    ("policy", "declared", "codes"),
    [
        ({}, [job(), deployment()], []),
        ({"training_types": ["global"]}, [job()], []),
        ({"training_types": ["developer"]}, [job()], ["policy-training-types"]),
        ({"training_types": []}, [job()], ["policy-training-types"]),
        ({"models": ["gpt-4.1-mini"]}, [job(), deployment()], []),
        ({"models": ["GPT-4.1-*-2025-04-14"]}, [job(model="gpt-4.1-mini")], []),
        ({"models": ["gpt-4.1"]}, [job(), deployment()], ["policy-models", "policy-models"]),
        ({"models": ["gpt-4.1-mini*"]}, [deployment(model={"name": TUNED})], []),
        ({"models": ["gpt-4o*"]}, [deployment(model={"name": MINI})], ["policy-models"]),
        ({"models": ["gpt-4o*"]}, [job(), job("second", model={"job": "tone"})], ["policy-models"] * 2),
        ({"skus": ["globalstandard"]}, [job(), deployment()], []),
        ({"skus": ["*Standard"]}, [job(), deployment(sku="DeveloperTier")], ["policy-skus"]),
        ({"required": ["FineTuneJob.seed"]}, [job()], ["policy-required"]),
        ({"required": ["FineTuneJob.seed"]}, [job(seed=0)], []),
        ({"required": ["FineTuneJob.training_type"]}, [job()], []),
        ({"required": ["FineTuneJob.method.hyperparameters.n_epochs"]}, [job()], []),
        ({"required": ["FineTuneJob.method.hyperparameters.n_epochs"]}, [job(epochs=None)], ["policy-required"]),
        ({"required": ["FineTuneJob.sede"]}, [job(seed=1)], ["policy-field-unknown"]),
        ({"required": ["FineTuneJob.seed.much"]}, [job(seed=1)], ["policy-field-unknown"]),
        ({"required": ["Deployment.rai_policy_name"]}, [job()], []),
        ({"required": ["FineTuneJob.metadata.labels.team"]}, [job()], ["policy-required"]),
        ({"max_usd": {"per_job": 15}}, [job()], []),
        ({"max_usd": {"per_job": 14.99}}, [job()], ["cost-above-limit"]),
        ({"max_usd": {"per_job": 49}}, [job(epochs=None)], ["cost-above-limit"]),
        ({"max_usd": {"per_job": 4999}}, [rft()], ["cost-above-limit"]),
        ({"max_usd": {"per_job": 5000}}, [rft()], []),
        ({"max_usd": {"per_job": 10_000}}, [job(model="gpt-5")], ["cost-unknown"]),
        ({"max_usd": {"per_job": 15}}, [job(), job("b", epochs=2)], []),
        ({"max_usd": {"hosting_per_month": 1224}}, [job(), deployment()], []),
        ({"max_usd": {"hosting_per_month": 1223}}, [job(), deployment()], ["cost-above-limit"]),
        ({"max_usd": {"hosting_per_month": 0}}, [job(), deployment(sku="DeveloperTier")], []),
        ({"max_usd": {"hosting_per_month": 9999}}, [job(), deployment(sku="ProvisionedManaged")], ["cost-unknown"]),
    ],
)
def test_what_is_refused(policy: dict[str, Any], declared: list[Desired], codes: list[str]) -> None:
    found = refusals(policy, data(1_000_000), *declared)
    assert [fault.code for fault in found] == codes
    for fault in found:
        assert fault.remedy
        assert fault.place in {Place("stack.yaml", 4), Place("account.yaml", 4)}


def test_what_is_there_already_stays_and_may_go() -> None:
    policy = {"models": ["gpt-4o*"], "skus": ["Standard"], "max_usd": {"hosting_per_month": 1}}
    served = deployment("one", model={"name": TUNED})
    assert refusals(policy, served, there=[live("one")]) == []
    assert refusals(policy, there=[live("one")], options=Options(prune=True, allow_delete=("Deployment/one",))) == []
    changed = deployment("one", model={"name": TUNED}, capacity=60)
    assert {fault.code for fault in refusals(policy, changed, there=[live("one")])} == {"policy-models", "policy-skus"}


def test_a_limit_of_hosting_counts_what_is_there() -> None:
    policy = {"max_usd": {"hosting_per_month": 2000}}
    (fault,) = refusals(policy, data(1), job(), deployment(), there=[live("old")])
    assert fault.subject == "Deployment/tone"
    assert "$2,448 for hosting in 30 days" in fault.detail
    assert "allows $2,000" in fault.detail


def test_what_a_run_does_not_do_is_not_judged() -> None:
    policy = {"training_types": ["developer"]}
    assert refusals(policy, data(1), job(), options=Options(unattended=True)) == []
    assert refusals(policy, data(1), job(), options=Options(excludes=("FineTuneJob/*",))) == []
    assert len(refusals(policy, data(1), job(), job("second", model={"job": "tone"}))) == 2, "what waits is judged too"


@pytest.mark.parametrize(
    ("limit", "declared", "said"),
    [
        ("1239", [job(), deployment()], None),
        ("1238.99", [job(), deployment()], ("It costs $1,239, of which Deployment/tone $1,224, FineTuneJob/tone $15; "
                                           "--max-cost allows $1,238.99.")),
        ("15", [job()], None),
        ("0", [job(), deployment(sku="DeveloperTier")], ("It costs $15, of which FineTuneJob/tone $15; "
                                                        "--max-cost allows $0.")),
        ("99", [rft()], "It costs up to $5,000, of which FineTuneJob/tone up to $5,000; --max-cost allows $99."),
    ],
)  # fmt: skip
def test_a_run_may_be_limited(limit: str, declared: list[Desired], said: str | None) -> None:
    found = plan([data(1_000_000), *declared], options=Options(max_cost=Decimal(limit))).refusals
    assert [fault.detail for fault in found] == ([said] if said else [])


def test_an_unknown_price_says_how_to_make_it_known() -> None:
    (fault,) = plan([data(1), job(model="gpt-5")], options=Options(max_cost=Decimal(10**6))).refusals
    assert fault.code == "cost-unknown"
    assert "no price is known of global training of gpt-5" in fault.detail
    assert fault.remedy == "Say the price in Account/acme:\n  prices: {training: {gpt-5: {global: DOLLARS}}}"
    prices = {"training": {"gpt-5": {"global": 5}}}
    assert plan([data(1), job(model="gpt-5")], options=Options(max_cost=Decimal(1)), prices=prices).refusals == ()


def test_a_run_that_spends_nothing_is_never_too_dear() -> None:
    served = deployment("one", "ProvisionedManaged", {"name": TUNED})
    there = [live("one", "ProvisionedManaged")]
    assert plan([served], there, Options(max_cost=Decimal(0))).refusals == ()


# Another tree that judges


def other(name: str = "acme", **spec: Any) -> Account:
    return Account(name, account(**spec).spec, Place("base/account.yaml", 4), "repo")


def test_the_other_tree_judges_and_its_prices_count() -> None:
    loose = account(policy={"max_usd": {"per_job": 1000}}, prices={"training": {"gpt-4.1-mini": {"global": 0}}})
    strict = other(policy={"max_usd": {"per_job": 10}})
    judges, faults = judged_by({"acme": loose}, {"acme": strict})
    assert faults == ()
    declared = [data(1_000_000), job()]
    world = World({}, at=1.0)
    made = make_plan(declared, {"acme": loose}, world, REGISTRY, Options(judges=judges))
    assert [fault.code for fault in made.refusals] == ["cost-above-limit"]
    assert "base/account.yaml" in made.refusals[0].detail
    assert make_plan(declared, {"acme": loose}, world, REGISTRY).refusals == ()


@pytest.mark.parametrize(
    ("reason", "mine", "judged"),
    [
        ("the same", account(), True),
        ("another name for the same place", Account("new", account().spec, Place("a.yaml")), True),
        ("the id in another spelling", account(resource_id=str(account().spec.resource_id).upper() + "/"), True),
        ("another place under the same name", account(resource_id=str(account().spec.resource_id) + "2"), False),
        ("the same id, and requests go elsewhere", account(endpoint="https://other.openai.azure.com"), False),
        ("another cloud", account(cloud="china"), False),
    ],
)
def test_an_account_is_judged_by_its_place_in_azure(reason: str, mine: Account, judged: bool) -> None:
    strict = other(policy={"models": []})
    judges, faults = judged_by({mine.name: mine}, {"acme": strict})
    assert [fault.code for fault in faults] == ([] if judged else ["policy-missing"]), reason
    assert judges[mine.name] == ((strict,) if judged else (mine,))


# Manifests


MANIFEST = """\
apiVersion: reconciler/v1
kind: Account
metadata: {name: acme}
spec:
  endpoint: http://127.0.0.1:1/acme
  owner: team-a
"""


def accounts(folder: Path, more: str) -> dict[str, Account]:
    (folder / "account.yaml").write_text(MANIFEST + more)
    return dict(load(folder, REGISTRY, {}, None, folder).accounts)


def test_the_fields_of_an_account(tmp_path: Path) -> None:
    more = """\
  location: swedencentral
  policy:
    training_types: [global, developer]
    models: [gpt-4.1-mini*]
    required: [FineTuneJob.seed]
    max_usd: {per_job: 50, hosting_per_month: 1300.50}
  prices:
    as_of: 2026-11-01
    training:
      gpt-4.1-mini: {global: 4.5}
    hosting:
      gpt-4.1-mini: {GlobalStandard: 1.1}
"""
    found = accounts(tmp_path, more)["acme"]
    policy, prices = found.spec.policy, found.spec.prices
    assert policy is not None
    assert policy.max_usd is not None
    assert prices is not None
    assert policy.max_usd.hosting_per_month == Decimal("1300.5")
    assert prices.training["gpt-4.1-mini"].of("global") == Decimal("4.5")
    assert prices.hosting == {"gpt-4.1-mini": {"GlobalStandard": Decimal("1.1")}}
    assert str(found.place_of("policy.models")) == "account.yaml:10:13"
    assert str(found.place_of("policy.max_usd.per_job")).startswith("account.yaml:12:")
    assert str(found.place_of("policy.skus")).startswith("account.yaml:8:"), "a rule that is not there: its block"


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        ("  prices: {training: {gpt-5: {global: -1}}}\n", 7, "0"),
        ("  prices: {training: {gpt-5: {global: }}}\n", 7, "has no number"),
        ("  prices: {training: {gpt-5: {}}}\n", 7, "holds no price"),
        ("  prices: {training: {gpt-5: {global: '4'}}}\n", 7, "is no amount"),
        ("  prices: {training: {gpt-5: {glob: 4}}}\n", 7, "Did you mean `global`"),
        ("  prices: {hosting: {gpt-5: {Standard: true}}}\n", 7, "is no amount"),
        ("  prices: {hosting: {gpt-5: {}}}\n", 7, "holds no price of gpt-5"),
        ("  prices: {hosting: {gpt-5: {GlobalStandrad: 1}}}\n", 7, "Did you mean GlobalStandard?"),
        ("  policy: {training_types: [cheap]}\n", 7, "cheap"),
        ("  policy:\n    required: [seed]\n", 8, "required"),
        ("  policy:\n    max_usd: {per_job: .nan}\n", 8, ""),
    ],
)
def test_what_is_wrong_says_where(tmp_path: Path, more: str, line: int, said: str) -> None:
    with pytest.raises(InvalidManifests) as caught:
        accounts(tmp_path, more)
    (fault,) = caught.value.faults
    assert fault.place is not None
    assert (fault.place.file, fault.place.line) == ("account.yaml", line)
    assert said in f"{fault.summary} {fault.detail} {fault.remedy}"


def test_accounts_of_another_tree_are_read_without_its_data(tmp_path: Path) -> None:
    (tmp_path / "account.yaml").write_text(MANIFEST + "  policy: {models: []}\n")
    (tmp_path / "stack.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: FineTuneJob\nmetadata: {name: a}\n"
        "spec: {model: gpt-4.1, training_file: not-there.jsonl, no_such: 1}\n"
    )
    found = load_accounts(tmp_path, REGISTRY, {}, tmp_path)
    assert found["acme"].spec.policy is not None
    (tmp_path / "account.yaml").write_text(MANIFEST + "  policies: {models: []}\n")
    with pytest.raises(InvalidManifests):
        load_accounts(tmp_path, REGISTRY, {}, tmp_path)


def test_prices_that_are_not_set_change_no_digest_of_a_tree() -> None:
    assert not {"policy", "prices", "location"} & set(account().spec.model_dump(mode="json", exclude_none=True))
    assert isinstance(AccountSpec.model_validate({"owner": "abc", "endpoint": "x"}), AccountSpec)


def test_a_dataset_inside_a_job_needs_no_labels() -> None:
    from dataclasses import replace

    implied = replace(data(1), origin=Address("FineTuneJob", "tone"))
    policy = {"required": ["Dataset.metadata.labels.team"]}
    assert refusals(policy, implied, job()) == []
    assert [fault.code for fault in refusals(policy, data(1), job())] == ["policy-required"]
    assert cost(implied, job()).jobs == 1
