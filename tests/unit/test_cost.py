"""What a plan costs: tables computed by hand, laws over any numbers, and the words."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.charges import (
    FREE,
    ChangeCost,
    Cost,
    Missing,
    cents,
    dollars,
    rate_text,
)
from reconciler.core.cost import AUTO_EPOCHS
from reconciler.core.fault import Fault
from reconciler.core.plan import Options, make_plan
from reconciler.core.resource import Desired, Observed, Phase, World
from reconciler.core.spent import actual
from reconciler.kinds import REGISTRY
from reconciler.render.cost import change_lines, cost_document, cost_line, cost_text

from .cost_toys import MINI, account, cost, data, deployment, job, live, plan, rft

FIRST = {"createdAt": "2026-11-20T09:00:00Z", "lastModifiedAt": "2026-11-20T09:00:00Z"}
LATER = {"createdAt": "2026-11-20T09:00:00Z", "lastModifiedAt": "2026-11-21T10:00:00Z"}


def failed(dates: dict[str, str], status: str = "Failed", *, sku: str = "GlobalStandard") -> Observed:
    """Return a deployment whose last write failed, with the dates that Azure shows of it."""
    was = live("old", sku)
    return replace(was, phase=Phase.FAILED, status=status, facts={**was.facts, "raw": {"systemData": dates}})


def money(cost: Cost) -> tuple[str, str]:
    return f"{cost.low.normalize():f}", f"{cost.high.normalize():f}"


@pytest.mark.parametrize(
    ("reason", "tokens", "item", "low", "high"),
    [
        ("the recorded job: 7,223,000 billed tokens at $5 a million", 7_223_000, job(epochs=1), "36.115", "36.115"),
        ("three epochs are three times", 1_000_000, job(epochs=3), "15", "15"),
        ("by preferences costs what supervised does", 1_000_000, job(method={"type": "dpo"}), "5", "50"),
        ("developer is half of global", 1_000_000, job(training_type="developer"), "7.5", "7.5"),
        ("a region that is not known is a range", 1_000_000, job(training_type="standard"), "16.5", "19.8"),
        ("epochs that Azure chooses are a range", 1_000_000, job(epochs=None), "5", "50"),
        ("how long reinforcement takes is not known: up to the stop", 1_000_000, rft(), "0", "5000"),
        ("tokens of a fine-tuned model's training", 1_000_000, job(model=f"gpt-4.1.ft-{'0' * 32}-x"), "75", "75"),
    ],
)
def test_a_training_by_hand(reason: str, tokens: int, item: Desired, low: str, high: str) -> None:
    found = cost(data(tokens), item)
    assert money(found.now) == (low, high), reason
    assert not found.now.unknown
    assert found.jobs == 1


def test_the_location_decides_where_the_price_differs() -> None:
    item = job(training_type="standard")
    assert money(cost(data(1_000_000), item, location="swedencentral").now) == ("18.15", "18.15")
    unknown = cost(data(1_000_000), item, location="westeurope").now.unknown
    assert [one.reason for one in unknown] == [f"no price is known of standard training of {MINI} in westeurope"]
    assert cost(data(1_000_000), job(), cloud="usgovernment").now.unknown, "another cloud has prices of its own"


@pytest.mark.parametrize(
    ("item", "content", "reason"),
    [
        (job(model="gpt-5"), data(10), "no price is known of global training of gpt-5"),
        (job(), data(None), "its data is not at hand, so its tokens are not counted"),
        (job(training_file={"file_id": "file-1"}), data(1), "its data is not at hand, so its tokens are not counted"),
        (job(), data(10, images=3), "the tokens of its images are not counted"),
    ],
)
def test_what_is_not_known_says_why_and_is_not_nothing(item: Desired, content: Desired, reason: str) -> None:
    found = cost(content, item).now
    assert [one.reason for one in found.unknown] == [reason]
    assert found, "an unknown cost is a cost"
    assert "unknown" in cost_text(found)


def test_tools_make_a_cost_an_estimate() -> None:
    found = cost(data(1_000_000, tool_examples=3), job()).now
    assert not found.unknown
    assert cost_text(found).startswith("about $")
    assert not cost_text(cost(data(1_000_000), job()).now).startswith("about")


def test_own_prices_go_before_the_list() -> None:
    prices = {
        "as_of": "2026-11-01",
        "training": {"GPT-4.1-mini": {"global": 4}, "gpt-5": {"global": 20}},
        "hosting": {MINI: {"globalstandard": 1.25, "ProvisionedManaged": 2}},
    }
    found = cost(data(1_000_000), job(), deployment(), prices=prices)
    assert money(found.now) == ("12", "12")
    assert money(found.after) == ("1.25", "1.25")
    assert found.prices == ("prices of 2026-11-01 in Account/acme",)
    assert money(cost(data(1_000_000), job(model="gpt-5"), prices=prices).now) == ("60", "60")
    provisioned = cost(data(1_000_000), job(), deployment(sku="ProvisionedManaged", capacity=25), prices=prices)
    assert money(provisioned.after) == ("50", "50"), "by units of capacity"
    by_hour = {"training_hour": {"o4-mini": {"global": 80}}}
    told = cost(data(1), rft(), prices=by_hour).each[("acme", "FineTuneJob/tone", "")]
    assert told.rate is not None
    assert money(told.rate) == ("80", "80")


def test_a_chain_is_paid_at_the_price_of_its_base() -> None:
    found = cost(data(1_000_000), job(model="gpt-4.1"), job("second", model={"job": "tone"}), deployment())
    assert (found.jobs, found.jobs_later) == (1, 1)
    assert money(found.now) == money(found.later) == ("75", "75")
    assert money(found.after) == ("1.7", "1.7")
    assert cost_line(found) == (
        "Cost: now $75 to train (1 job, 3.0 M tokens), later $75 to train (1 job), hosting $0 -> $1,224 in 30 days; "
        "list prices of 2026-08-11"
    )


@pytest.mark.parametrize(
    ("reason", "declared", "there", "before", "after"),
    [
        ("the first one", [data(1), job(), deployment()], [], "0", "1.7"),
        ("the developer tier is free", [data(1), job(), deployment(sku="DeveloperTier")], [], "0", "0"),
        ("one that is left over stays", [], [live("old")], "1.7", "1.7"),
        ("a base model is paid by use", [deployment(model={"name": MINI})], [], "0", "0"),
        (
            "another sku",
            [deployment("old", "DeveloperTier", {"name": f"{MINI}.ft-{'a' * 32}-x"})],
            [live("old")],
            "1.7",
            "0",
        ),
        ("what is not ours is not our cost", [], [replace(live("old"), owner="other")], "0", "0"),
        ("one that failed as it was made never served", [], [failed(FIRST)], "0", "0"),
        ("one whose change failed may go on serving", [], [failed(LATER)], "1.7", "1.7"),
        ("so may one of which Azure does not say when it was changed", [], [failed({})], "1.7", "1.7"),
        ("and one that served before it was disabled", [], [failed(FIRST, "Disabled")], "1.7", "1.7"),
        ("two of them", [data(1), job(), deployment()], [live("old")], "1.7", "3.4"),
    ],
)
def test_hosting_by_hand(reason: str, declared: list[Desired], there: list[Observed], before: str, after: str) -> None:
    found = cost(*declared, there=there)
    assert (money(found.before)[1], money(found.after)[1]) == (before, after), reason


@pytest.mark.parametrize("dates", [FIRST, LATER, {}])
@pytest.mark.parametrize("sku", ["GlobalStandard", "ProvisionedManaged"])
def test_a_failed_change_loosens_no_limit(dates: dict[str, str], sku: str) -> None:
    served = {"name": f"{MINI}.ft-{'a' * 32}-x"}
    there = failed(dates, sku=sku)
    mended, made = (cost(deployment("old", sku, served), there=seen) for seen in ([there], []))
    assert mended.at_most.high == made.at_most.high, "whether it serves is not known, so all of it may be added"
    assert bool(mended.at_most.unknown) == bool(made.at_most.unknown)
    beside = deployment("new", model=served)
    both = cost(deployment("old", sku, served), beside, there=[there], options=Options(targets=("Deployment/new",)))
    assert money(both.hosting["acme"])[1] == ("1.7" if dates == FIRST or sku != "GlobalStandard" else "3.4")
    assert bool(both.hosting["acme"].unknown) == (dates != FIRST and sku != "GlobalStandard")


def test_a_failed_change_is_told_as_up_to_what_served() -> None:
    found = plan([], [failed(LATER)])
    assert found.cost is not None
    assert cost_line(found.cost) == (
        "Cost: hosting up to $1,224 in 30 days (left over: up to $40.80 a day); list prices of 2026-08-11"
    )
    served = {"name": f"{MINI}.ft-{'a' * 32}-x"}
    mended = plan([deployment("old", model=served)], [failed(LATER)])
    assert change_lines(mended.changes[0], mended) == [
        "hosting up to $1.70 an hour -> $1.70 an hour, $1,224 in 30 days"
    ]
    unpriced = cost(there=[failed(LATER, sku="ProvisionedManaged")])
    assert [one.reason for one in unpriced.after.unknown] == [
        "its last change failed, so whether it serves is not known; ProvisionedManaged is billed by provisioned throughput"
    ]


def test_what_is_pruned_is_saved_and_what_is_left_over_is_told() -> None:
    declared = [data(1), job(), deployment()]
    kept = plan(declared, [live("old")])
    assert kept.cost is not None
    assert "(left over: $40.80 a day)" in cost_line(kept.cost)
    assert change_lines(kept.changes[-1], kept) == ["costs $40.80 a day"]
    gone = plan(declared, [live("old")], Options(prune=True))
    assert gone.cost is not None
    assert "left over" not in cost_line(gone.cost)
    assert change_lines(gone.changes[-1], gone) == ["saves $40.80 a day"]


def test_what_a_run_leaves_out_is_still_hosted() -> None:
    served = {"name": f"{MINI}.ft-{'a' * 32}-x"}
    found = cost(deployment("one", model=served), deployment("two", model=served), there=[live("one"), live("two")],
                 options=Options(targets=("Deployment/one",)))  # fmt: skip
    assert money(found.after) == money(found.before) == ("3.4", "3.4")


def test_provisioned_throughput_is_unknown_also_beside_what_is_known() -> None:
    declared = [data(1), job(), deployment(), deployment("big", "ProvisionedManaged")]
    found = cost(*declared)
    assert money(found.after) == ("1.7", "1.7")
    assert [one.reason for one in found.after.unknown] == ["ProvisionedManaged is billed by provisioned throughput"]
    assert "hosting $0 -> $1,224 + unknown in 30 days" in cost_line(found)
    assert "prices: {hosting: {gpt-4.1-mini" in found.after.unknown[0].remedy


def test_what_could_not_be_read_is_unknown() -> None:
    fault = Fault("azure-down", "Azure does not answer")
    served = deployment(model={"name": f"{MINI}.ft-{'a' * 32}-x"})
    world = World({}, {("acme", "Deployment"): fault})
    found = make_plan([served], {"acme": account()}, world, REGISTRY).cost
    assert found is not None
    assert [one.subject for one in found.after.unknown] == ["Deployment/tone"]


def test_nothing_is_said_of_a_plan_about_nothing_that_costs() -> None:
    found = cost(data(1))
    assert not found
    assert cost_line(found) == ""
    assert cost_document(found) is None
    assert cost_line(None) == ""


def test_what_is_hosted_is_said_even_if_nothing_changes() -> None:
    served = {"name": f"{MINI}.ft-{'a' * 32}-x"}
    found = cost(deployment("one", model=served), there=[live("one")])
    assert cost_line(found) == "Cost: hosting $1,224 in 30 days; list prices of 2026-08-11"


def test_a_range_from_next_to_nothing_is_told_by_its_end() -> None:
    assert cost_text(Cost(Decimal("0.0049"), Decimal("0.03"))) == "up to $0.03"
    assert cost_text(Cost(Decimal("0.005"), Decimal("0.03"))) == "$0.01 to $0.03"
    assert cost_text(Cost(Decimal("0.001"), Decimal("0.002"))) == "under $0.01"


def test_models_of_another_encoding_are_an_estimate() -> None:
    found = cost(data(1_000_000), job(model="Llama-3.3-70B-Instruct"))
    assert cost_text(found.now) == "about $13.50"


@pytest.mark.parametrize(
    ("item", "line"),
    [
        (job(), "costs $15: 3.0 M tokens in 3 epochs, at $5 a million"),
        (job(epochs=1), "costs $5: 1.0 M tokens in 1 epoch, at $5 a million"),
        (
            job(epochs=None),
            "costs $5 to $50: 1.0 M to 10.0 M tokens in 1 to 10 epochs, as Azure chooses, at $5 a million",
        ),
        (rft(), "costs up to $5,000, where Azure pauses it: $100 an hour, for hours that are not known before"),
        (
            job(model="gpt-5"),
            "costs unknown: 3.0 M tokens in 3 epochs; no price is known of global training of gpt-5",
        ),
    ],
)
def test_the_words_of_a_training(item: Desired, line: str) -> None:
    made = plan([data(1_000_000), item])
    assert change_lines(made.changes[-1], made) == [line]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0"),
        ("0.004", "under $0.01"),
        ("0.005", "$0.01"),
        ("36.115", "$36.12"),
        ("99.994", "$99.99"),
        ("99.995", "$100"),
        ("122.5", "$123"),
        ("1224", "$1,224"),
    ],
)
def test_amounts_are_rounded_in_one_way(amount: str, shown: str) -> None:
    assert dollars(Decimal(amount)) == shown


def test_amounts_beside_a_limit_are_never_rounded_down() -> None:
    assert cents(Decimal("50.001")) == "$50.01"
    assert cents(Decimal(50)) == "$50"
    assert rate_text(Decimal("1.7")) == "$1.70"
    assert rate_text(Decimal("1.815")) == "$1.815"


def test_the_actual_cost_of_a_training() -> None:
    assert money(actual(7_223_000, f"{MINI}.ft-{'a' * 32}-x", "global")) == ("36.115", "36.115")
    assert money(actual(1_000_000, MINI, "standard", "swedencentral")) == ("6.05", "6.05")
    own = account(prices={"training": {"gpt-4.1-mini": {"global": 4}}})
    assert money(actual(1_000_000, MINI, "global", account=own)) == ("4", "4")
    assert actual(1_000_000, "gpt-5", "global").unknown
    assert actual(1_000_000, "o4-mini", "global").unknown, "it is billed by the hour"


AMOUNTS = st.decimals(0, 10**6, places=4)
MISSING = st.lists(st.builds(Missing, st.text(max_size=3), st.text(max_size=3)), max_size=2).map(tuple)


@st.composite
def costs(draw: st.DrawFn) -> Cost:
    low, more = draw(AMOUNTS), draw(AMOUNTS)
    return Cost(low, low + more, draw(MISSING))


@given(costs(), costs())
def test_sums_keep_what_they_add(one: Cost, other: Cost) -> None:
    both = one + other
    assert both == Cost(both.low, both.high, both.unknown)
    assert 0 <= one.low <= both.low <= both.high
    assert set(one.unknown) | set(other.unknown) == set(both.unknown), "nothing unknown is lost, or counted as nothing"
    assert one + FREE == replace(one, unknown=tuple(dict.fromkeys(one.unknown)))
    assert bool(both) >= bool(one)


@given(costs(), costs())
def test_what_hosting_adds_is_never_negative(before: Cost, after: Cost) -> None:
    added = ChangeCost(before=before, after=after).added
    assert 0 <= added.low <= added.high
    assert added.high >= after.high - before.low or before == after


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.none() | st.integers(1, 50),
    st.sampled_from(["standard", "data_zone", "global", "developer"]),
)
def test_more_tokens_and_more_epochs_never_cost_less(tokens: int, more: int, epochs: int | None, kind: str) -> None:
    def of(count: int, passes: int | None) -> Cost:
        return cost(data(count), job(epochs=passes, training_type=kind)).now

    this = of(tokens, epochs)
    assert 0 <= this.low <= this.high
    larger = of(tokens + more, epochs)
    assert this.low <= larger.low
    assert this.high <= larger.high
    longer = of(tokens, (epochs or AUTO_EPOCHS[1]) + 1)
    assert this.low <= longer.low
    assert this.high <= longer.high


@given(st.integers(0, 10**10), st.integers(0, 10**6))
def test_the_actual_cost_grows_with_its_tokens(tokens: int, more: int) -> None:
    one, other = actual(tokens, MINI, "global"), actual(tokens + more, MINI, "global")
    assert 0 <= one.low <= other.low


@given(costs())
def test_a_shown_cost_says_what_is_unknown(found: Cost) -> None:
    assert ("unknown" in cost_text(found)) == bool(found.unknown)
    if found.high:
        assert cost_text(found) not in {"$0", "unknown"}
