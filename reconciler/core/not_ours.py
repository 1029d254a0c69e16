"""What is said of a name that an object of others has."""

from __future__ import annotations

from reconciler.core.fault import Fault
from reconciler.core.resource import Desired, Observed


def whose(live: Observed) -> str:
    """Return whose mark an object bears, in words; "" if it bears none."""
    source = str(live.facts.get("source") or "")
    made_as = str(live.facts.get("made_as") or live.name)
    said = (
        f"owner {live.owner}" if live.owner else "",
        f"source {source}" if source else "",
        f"made as {made_as}" if made_as.lower() != live.name.lower() else "",
    )
    return ", ".join(part for part in said if part)


def not_ours(desired: Desired, live: Observed) -> Fault:
    """Say that a name is taken by an object that does not bear our mark, and whose it bears."""
    other = whose(live)
    bears = f"bears another mark ({other})" if other else "bears no mark of this owner and these manifests"
    first = "If others manage it, have them give it up first, or both change it in turn.\n" if live.owner else ""
    return Fault(
        "name-taken",
        "The name is taken by an object that these manifests do not own",
        f"{live.name} exists and {bears}; it is not changed.",
        f"{first}Choose another name, or take the object over by adding `adopt` to its manifest:\n"
        f"  metadata: {{name: {desired.address.name}, adopt: true}}",
        desired.place,
        str(desired.address),
    )


def adopts_from(live: Observed) -> tuple[str, ...]:
    """Say in a plan that what is to be taken over bears the mark of others."""
    other = whose(live)
    if not live.owner:
        return ()
    return (f"it bears another mark ({other}): have others give it up first, or both change it in turn",)
