"""What trainings have cost, as Azure billed them, beside what their manifests were estimated to cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.charges import Cost
    from reconciler.core.resource import Address, Observed


def actual_cost(bench: Workbench, live: Observed, address: Address | None = None, *, look: bool = True) -> Cost | None:
    """Return what a training has cost so far: by the tokens that Azure billed, or by the hours that it has trained.

    None where Azure says no tokens, and of what is not billed: what has not begun or has failed. The hours are told by the
    events of a job, which are a call: with `look` off they are not asked for, and None is returned. What Azure does not echo
    of it is taken from the manifest at `address`, which it agrees with in all else.
    """
    from reconciler.core.spent import actual, actual_by_hour, is_by_hour

    account = bench.accounts[live.account]
    live = _completed(bench, live, address)
    if is_by_hour(live, account):
        if not look or not _is_billed(live):
            return None
        gateway: Any = bench.engine.gateways[live.account, live.kind]
        return actual_by_hour(gateway.trained_seconds(live), live, account, live.facts.get("graders") or ())
    tokens = live.facts.get("trained_tokens")
    if not tokens:
        return None
    values = live.spec.comparable()
    model = str(live.facts.get("base") or values.get("model") or "")
    return actual(int(tokens), model, str(values.get("training_type") or ""), account=account)


def spent(
    bench: Workbench, live: Observed, address: Address | None = None, *, look: bool = True, why: bool = False
) -> str:
    """Return `cost $36`, of a job that a manifest declares `cost $36, estimated $12 to $120`; "" if nothing is billed.

    `why`: say too why something of it is not known.
    """
    from reconciler.cli.compose import KINDS
    from reconciler.core.cost import estimate
    from reconciler.core.resource import Phase
    from reconciler.render.cost import cost_text

    cost = actual_cost(bench, live, address, look=look)
    if cost is None:
        return ""
    declared = {item.address: item for item in bench.tree.desired}
    item = declared.get(address) if address else None
    guess = estimate(item, bench.accounts, declared, KINDS) if item else None
    reasons = "; ".join(one.reason for one in cost.unknown) if why else ""
    so_far = " so far" if live.phase is Phase.WORKING else ""
    said = f"cost {cost_text(cost)}{so_far}" + (f", estimated {cost_text(guess)}" if guess is not None else "")
    return said + (f" (unknown: {reasons})" if reasons else "")


def _completed(bench: Workbench, live: Observed, address: Address | None) -> Observed:
    """Return a training with the type that its manifest declares, where the service echoes none."""
    from dataclasses import replace

    from reconciler.cli.compose import KINDS

    item = next((one for one in bench.tree.desired if one.address == address), None)
    training = KINDS[item.address.kind].charges(item, {}).training if item else None
    if training is None or live.spec.comparable().get("training_type"):
        return live
    return replace(live, spec=live.spec.model_copy(update={"training_type": training.training_type}))


def _is_billed(live: Observed) -> bool:
    """Whether a job that is paid by the hour has anything to pay: not in the queue, and not if it has failed."""
    from reconciler.core.resource import Phase

    begun = live.phase in {Phase.WORKING, Phase.READY} or live.status == "cancelled"
    return begun and not live.facts.get("waits") and not live.facts.get("model_only")
