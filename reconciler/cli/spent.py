"""What trainings have cost, by the tokens that Azure billed, beside what their manifests were estimated to cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.cli.compose import Workbench
    from reconciler.core.charges import Cost
    from reconciler.core.resource import Address, Observed


def actual_cost(bench: Workbench, live: Observed, tokens: int | None) -> Cost | None:
    """Return what a training cost by the tokens that Azure billed; None where it says none."""
    from reconciler.core.cost import actual

    if not tokens:
        return None
    values = live.spec.comparable()
    model = str(live.facts.get("base") or values.get("model") or "")
    return actual(tokens, model, str(values.get("training_type") or ""), account=bench.accounts[live.account])


def spent(bench: Workbench, live: Observed, address: Address | None = None) -> str:
    """Return `cost $36`, of a job that a manifest declares `cost $36, estimated $12 to $120`; "" if no tokens are billed."""
    from reconciler.cli.compose import KINDS
    from reconciler.core.cost import estimate
    from reconciler.render.cost import cost_text

    billed = live.facts.get("trained_tokens")
    cost = actual_cost(bench, live, int(billed) if billed else None)
    if cost is None:
        return ""
    declared = {item.address: item for item in bench.tree.desired}
    item = declared.get(address) if address else None
    guess = estimate(item, bench.accounts, declared, KINDS) if item else None
    return f"cost {cost_text(cost)}" + (f", estimated {cost_text(guess)}" if guess is not None else "")
