"""The graph of a plan in Mermaid, which GitHub draws: what is needed stands left of what needs it, or above it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.change import Change, Delete, Plan, Wait
from reconciler.core.resource import Address
from reconciler.core.rules import Rules
from reconciler.render.action import Action, action_of
from reconciler.render.escape import mermaid

MOST_NODES, MOST_EDGES = 60, 200
"""More than this is a tangle that nobody reads, and Mermaid refuses more than 500 edges."""
_GAP = 8
"""Room between two nodes, and inside of one around its name, in characters."""
# Each has its own background, border and text, so that it can be read on white and on black; the word in the label says
# the same as the colour.
_STYLES: Mapping[str, str] = {
    "add": "fill:#dafbe1,stroke:#1a7f37,color:#0a3622",
    "change": "fill:#fff8c5,stroke:#9a6700,color:#3b2300",
    "remove": "fill:#ffebe9,stroke:#cf222e,color:#5c0b12,stroke-width:3px",
    "wait": "fill:#ddf4ff,stroke:#0969da,color:#0a3069,stroke-dasharray:5 3",
    "person": "fill:#ffd8b5,stroke:#bc4c00,color:#471700,stroke-width:3px",
    "held": "fill:#f6f8fa,stroke:#cf222e,color:#1f2328,stroke-dasharray:2 3",
    "keep": "fill:#f6f8fa,stroke:#818b98,color:#1f2328",
}


class Graph:
    """What of a plan is drawn: each change, and what is unchanged and touches one.

    With `alone` also the changes that nothing depends on and that depend on nothing.
    """

    def __init__(self, plan: Plan, kinds: Mapping[str, Rules], *, alone: bool = True) -> None:
        self._kinds = kinds
        shown = [change for change in plan.changes if plan.knows(change)]
        moving = {change.address for change in shown if self._moves(change)}
        declared = {change.address for change in shown if not isinstance(change, Delete)}
        pairs = [
            (need, address)
            for address, needs in plan.needs.items()
            for need in dict.fromkeys(needs)
            if {need, address} <= declared and (need in moving or address in moving)
        ]
        touched = {address for pair in pairs for address in pair}
        self._nodes = [
            change
            for change in shown
            if (alone and self._moves(change)) or (change.address in touched and not isinstance(change, Delete))
        ]
        self._ids = {
            change.address: number for number, change in enumerate(self._nodes) if not isinstance(change, Delete)
        }
        self._edges = pairs

    @property
    def size(self) -> tuple[int, int]:
        """How many nodes and edges it has."""
        return len(self._nodes), len(self._edges)

    @property
    def is_readable(self) -> bool:
        """Whether it is small enough for a person, and for what draws it."""
        nodes, edges = self.size
        return nodes <= MOST_NODES and edges <= MOST_EDGES

    def _moves(self, change: Change) -> bool:
        return action_of(change, self._kinds).style != "keep"

    def __bool__(self) -> bool:
        """Return whether anything depends on anything: without an edge a list says as much."""
        return bool(self._edges)

    def __str__(self) -> str:
        """Return the source of the graph."""
        actions = [action_of(change, self._kinds) for change in self._nodes]
        nodes = [
            f"  n{number}[{_label(action, change.address)}]:::{action.style}"
            for number, (change, action) in enumerate(zip(self._nodes, actions, strict=True))
        ]
        if not nodes:
            return 'flowchart LR\n  n0["No changes"]:::keep' + _styles(["keep"])
        waiting = {change.address for change in self._nodes if isinstance(change, Wait)}
        edges = [
            f"  n{self._ids[need]} {'-.->' if address in waiting else '-->'} n{self._ids[address]}"
            for need, address in self._edges
        ]
        used = {action.style for action in actions}
        return "\n".join([f"flowchart {self._direction()}", *nodes, *edges]) + _styles(
            [name for name in _STYLES if name in used]
        )

    def _direction(self) -> str:
        """Return how it is drawn narrower, as a phone shows it: from left to right, or from top to bottom."""
        needs: dict[Address, list[Address]] = {}
        for need, address in self._edges:
            needs.setdefault(address, []).append(need)
        # Plans list what is needed before what needs it, and what waits in a circle is refused before.
        depths: dict[Address, int] = {}
        levels: dict[int, list[int]] = {}
        for change in self._nodes:
            if not isinstance(change, Delete):
                above = (depths.get(need, -1) for need in needs.get(change.address, ()))
                depths[change.address] = max(above, default=-1) + 1
            depth = 0 if isinstance(change, Delete) else depths[change.address]
            levels.setdefault(depth, []).append(len(str(change.address)) + _GAP)
        across = sum(max(widths) for widths in levels.values())
        down = max(sum(widths) for widths in levels.values())
        return "TD" if down < across else "LR"


def plan_mermaid(plan: Plan, kinds: Mapping[str, Rules]) -> str:
    """Return the graph of a plan, whatever its size."""
    return str(Graph(plan, kinds))


def _styles(names: Sequence[str]) -> str:
    return "".join(f"\n  classDef {name} {_STYLES[name]}" for name in names)


def _label(action: Action, address: Address) -> str:
    return f'"{mermaid(action.glyph)} {mermaid(action.word)}<br/>{mermaid(address)}"'
