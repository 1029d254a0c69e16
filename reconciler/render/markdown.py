"""The plan as the comment on a pull request: the verdict first, everything else folded or cut before it is in the way.

A reviewer reads this and nothing else. So the first line says what happens, what destroys or needs a person stands in a
box below it, and a table has one row for each change. The graph and the folds with all fields come after. What does not
fit is left out in the reverse of that order, and the comment says so. Every text that is not ours goes through
`render.escape`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.change import Change, Create, Delete, Keep, Plan, Stuck, Wait, account_of, is_held
from reconciler.core.fault import Fault, by_place
from reconciler.core.resource import Phase
from reconciler.core.rules import Rules
from reconciler.render.action import action_of
from reconciler.render.escape import code, comment_word, fenced, html_code, prose
from reconciler.render.fault import merged
from reconciler.render.fit import Part, fitted
from reconciler.render.markdown_change import Changes, fault_item
from reconciler.render.mermaid import MOST_EDGES, MOST_NODES, Graph
from reconciler.render.summary import no_changes
from reconciler.render.text import EMULATOR_LINE, history_notes
from reconciler.render.words import plural

LIMIT = 65_000
"""Characters of a comment; GitHub refuses more than 65,536."""
MARKER = "reconciler:plan"
_ROWS = 25
"""Rows of the table that are shown without a fold."""
_UNFOLDED = 3
"""Warnings that are shown without a fold."""
_NAMED = 10
"""Objects that a box names; it counts the rest."""
_HEADER = "| Change | What and why |\n|---|---|\n"
_DESTROYING = ("recreate", "delete", "cancel")
_RUNS_CODE = "gate-runs-code"
"""The warning that a program of the repository would be run: a reviewer sees it above the table."""


def marker(accounts: Iterable[str], tree: str = "") -> str:
    """Return the invisible first line, by which the comment is found again to be brought up to date.

    `tree` tells apart several folders of manifests in one repository; it is "" for the usual one.
    """
    named = ",".join(comment_word(name) for name in sorted(accounts))
    return f"<!-- {MARKER}:{named}{f':{comment_word(tree)}' if tree else ''} -->"


def plan_markdown(
    plan: Plan,
    headers: Sequence[str],
    *,
    kinds: Mapping[str, Rules],
    now: float,
    accounts: Sequence[str],
    tree: str = "",
    version: str = "",
    apply: str = "reconciler apply",
    full: str = "reconciler plan",
    cost: str | None = None,
    findings: Sequence[Fault] = (),
    emulator: bool = False,
    limit: int = LIMIT,
) -> str:
    """Return the plan as Markdown for GitHub, at most `limit` characters long.

    `headers` name the resolved accounts, endpoints and credentials; `apply` and `full` are the commands that make the
    plan happen and show all of it; `cost` is what is said of costs in the verdict; `findings` are what the check of the
    manifests and their data warns of.
    """
    comment = _Comment(plan, kinds, now)
    stamp = [Part([f"**{EMULATOR_LINE}**"])] if emulator else []
    parts = [
        Part([marker(accounts, tree)]),
        *stamp,
        Part([comment.verdict(accounts)]),
        Part([f"**Cost:** {prose(cost)}"] if cost else []),
        Part([comment.sentence()]),
        *comment.boxes(),
        *comment.body(findings),
        Part([prose(note) for note in history_notes(plan)]),
        *_footer(plan, headers, version, apply),
        *stamp,
    ]
    return fitted([part for part in parts if any(part.items)], limit, f"the job's log has it, or {code(full)}")


class _Comment:
    """The parts of a comment that depend on the changes."""

    def __init__(self, plan: Plan, kinds: Mapping[str, Rules], now: float) -> None:
        self._plan = plan
        self._kinds = kinds
        self._changes = Changes(plan, kinds, now=now)
        self._graph = Graph(plan, kinds, alone=False)
        known = sorted((change for change in plan.changes if plan.knows(change)), key=account_of)
        listed = [change for change in known if not is_held(change) and not self._changes.is_quiet(change)]
        self._listed = sorted(listed, key=lambda change: (account_of(change), self._order(change)))
        self._held = [change for change in known if is_held(change)]
        self._deciding = [change for change in self._listed if _needs_decision(change)]
        self._runs = [fault for fault in plan.warnings if fault.code == _RUNS_CODE]
        self._warnings = [fault for fault in plan.warnings if fault.code != _RUNS_CODE]

    def verdict(self, accounts: Sequence[str]) -> str:
        """Return the heading: what happens, in numbers and words."""
        if self._plan.converged and not self._plan.refusals:
            return f"### {no_changes(self._plan)}"
        # What trains costs most, so it is said first.
        actions = sorted(self._plan.actions, key=lambda change: not self._kinds[change.address.kind].long_running)
        counted = Counter(self._word(change) for change in actions)
        safe = [word for word in counted if word not in _DESTROYING]
        said = [f"{counted[word]:,} to {word}" for word in [*safe, *(word for word in _DESTROYING if word in counted)]]
        if not any(word in counted for word in _DESTROYING):
            said.append("nothing to delete")
        named = (
            ", ".join(code(name) for name in sorted(accounts)[:2])
            if len(accounts) <= 2
            else f"{len(accounts)} accounts"
        )
        what = ", ".join(said) if counted else "nothing to do now"
        what += f", {len(self._deciding):,} stuck" if self._deciding else ""
        state = " is refused" if self._plan.refusals else " is not whole" if self._plan.errored else ""
        return f"### Plan for {named}{state}: {what}" if accounts else f"### Plan{state}: {what}"

    def sentence(self) -> str:
        """Return in one line what is not done now, so that nothing is missed."""
        plan = self._plan
        waits = sum(isinstance(change, Wait) for change in self._listed)
        works = sum(
            isinstance(change, Keep) and action_of(change, self._kinds).style == "wait" for change in self._listed
        )
        unchanged = sum(action_of(change, self._kinds).style == "keep" for change in plan.changes)
        said = [
            f"{waits:,} {'waits' if waits == 1 else 'wait'} for the others" if waits else "",
            f"{works:,} in progress at Azure" if works else "",
            f"{len(self._deciding):,} stuck" if self._deciding else "",
            f"{len(self._held):,} held back" if self._held else "",
            plural(len(self._warnings), "warning") if self._warnings else "",
            f"{unchanged:,} unchanged" if unchanged else "",
        ]
        text = ", ".join(part for part in said if part)
        return f"{text}." if text else ""

    def boxes(self) -> list[Part]:
        """Return what must not be overlooked, in GitHub's coloured boxes."""
        unknown = sum(not self._plan.knows(change) for change in self._plan.changes)
        refusals = self._plan.refusals
        unread = [
            f"**Part of Azure could not be read: this plan is not whole** ({plural(unknown, 'resource')} unknown)."
        ]
        return [
            _box("WARNING", unread if self._plan.errored else [], map(fault_item, merged(self._plan.unread))),
            _box("CAUTION", ["**`apply` refuses this plan as it is:**"], map(fault_item, refusals)),
            _box("CAUTION", [], self._destroyed(), between="\n>\n"),
            _box(
                "IMPORTANT",
                [f"**Runs {plural(len(self._runs), 'program')} of this repository**"],
                map(fault_item, self._runs),
                ("program", "programs"),
            ),
            _box(
                "WARNING",
                [f"**{len(self._deciding):,} stuck: a person must decide**"],
                map(self._changes.problem, self._deciding),
                ("stuck resource", "stuck resources"),
            ),
        ]

    def _destroyed(self) -> list[str]:
        said = []
        for word, after in (("delete", ""), ("cancel", ""), ("recreate", ": gone until made anew")):
            going = [change for change in self._plan.actions if self._word(change) == word]
            if going:
                named = ", ".join(self._going(change) for change in going[:_NAMED])
                more = f" and {len(going) - _NAMED:,} more" if len(going) > _NAMED else ""
                said.append(f"**{word.capitalize()}s {len(going):,}:** {named}{more}{after}")
        return said

    def _going(self, change: Change) -> str:
        which = ""
        if isinstance(change, Delete):
            replaced = change.reason == "left_over" and change.address in self._plan.digests
            former = replaced or change.declared is not None
            which = " (another copy)" if self._plan.is_copy(change) else " (a former version)" if former else ""
        return code(change.address, 80) + which

    def body(self, findings: Sequence[Fault]) -> list[Part]:
        """Return the table and everything below it."""
        changes = self._changes
        folded = [change for change in self._listed if not _needs_decision(change)]
        most = _ROWS if len(self._listed) > _ROWS + _UNFOLDED else len(self._listed)
        head, tail = _folded("Details", len(folded) > _ROWS)
        return [
            Part([changes.row(change) for change in self._listed[:most]], head=_HEADER, rank=1),
            self._more(most),
            _listed(self._warnings, ("warning", "warnings")),
            _listed(findings, ("finding in manifests or data", "findings in manifests or data")),
            *self._graph_part(),
            *self._held_parts(),
            Part(
                [changes.fold(change) for change in folded],
                head=head or "#### Details\n\n",
                tail=tail,
                between="\n\n",
                noun=("change with its details", "changes with their details"),
                rank=6,
            ),
        ]

    def _more(self, most: int) -> Part:
        head, tail = _folded(plural(len(self._listed) - most, "more change"))
        rows = [self._changes.row(change) for change in self._listed[most:]]
        return Part(rows, head=head + _HEADER, tail=tail, rank=3)

    def _graph_part(self) -> list[Part]:
        if not self._graph:
            return []
        nodes, edges = self._graph.size
        if self._graph.is_readable:
            drawn = [fenced(str(self._graph).split("\n"), "mermaid")]
            head, tail = _folded("Graph", nodes > _ROWS)
            return [Part(drawn, head=head, tail=tail, noun=("graph", "graphs"), rank=5)]
        sizes = f"{nodes:,} resources and {edges:,} dependencies"
        return [
            Part([f"*The graph is left out: {sizes} are too many to read ({MOST_NODES} and {MOST_EDGES} at most).*"])
        ]

    def _held_parts(self) -> list[Part]:
        groups: dict[str, list[Change]] = {}
        for change in self._held:
            groups.setdefault(getattr(change, "held", ""), []).append(change)
        return [self._held_part(reason, group) for reason, group in groups.items()]

    def _held_part(self, reason: str, group: Sequence[Change]) -> Part:
        head, tail = _folded(f"{len(group):,} {_heading(reason)}")
        items = [self._changes.line(change) for change in group]
        return Part(items, head=head, tail=tail, noun=("object held back", "objects held back"), rank=4)

    def _order(self, change: Change) -> int:
        """Return where a change stands in the table: what needs a person or costs most first, what others need last."""
        if _needs_decision(change):
            return 0
        if self._kinds[change.address.kind].long_running:
            return 1
        return 3 if isinstance(change, Create) and change.desired.content else 2

    def _word(self, change: Change) -> str:
        return action_of(change, self._kinds).word


def _needs_decision(change: Change) -> bool:
    failed = isinstance(change, Keep) and change.live is not None and change.live.phase in {Phase.FAILED, Phase.GONE}
    return isinstance(change, Stuck) or failed


def _folded(title: str, fold: bool = True) -> tuple[str, str]:
    """Return what stands before and after something that is folded, so that what follows it is not far away."""
    return (f"<details>\n<summary>{title}</summary>\n\n", "\n\n</details>") if fold else ("", "")


def _box(
    sort: str,
    intro: Sequence[str],
    items: Iterable[str],
    noun: tuple[str, str] = ("reason", "reasons"),
    between: str = "\n",
) -> Part:
    """Return one of GitHub's coloured boxes, or nothing where there is no item; elsewhere it reads as a quotation."""
    head = f"> [!{sort}]\n" + "".join(f"> {line}\n>\n" for line in intro)
    return Part([f"> {item}" for item in items], head=head, between=between, noun=noun, rank=2)


def _listed(faults: Sequence[Fault], noun: tuple[str, str]) -> Part:
    """Return warnings: a few as they are, many folded."""
    items = [fault_item(fault) for fault in sorted(faults, key=by_place)]
    title = plural(len(items), *noun)
    if len(items) <= _UNFOLDED:
        return Part(items, head=f"#### {title}\n\n", noun=noun, rank=3)
    head, tail = _folded(title)
    return Part(items, head=head, tail=tail, noun=noun, rank=3)


def _heading(reason: str) -> str:
    """Return why changes are listed and not made, as HTML: it stands in a summary."""
    if reason.startswith("left over") and "--prune" in reason:
        return "left over, not deleted (apply with <code>--prune</code> deletes them)"
    return f"held back: {html_code(reason)}"


def _footer(plan: Plan, headers: Sequence[str], version: str, apply: str) -> list[Part]:
    """Return what comes next, and what the plan was made with."""
    doable = bool(plan.actions) and not plan.refusals and not plan.errored
    command = [f"Nothing was changed. After the review, this does it:\n\n{fenced([apply], 'sh')}"] if doable else []
    made = [*(code(header) for header in headers[:_NAMED])]
    made += [f"{len(headers) - _NAMED} more accounts"] if len(headers) > _NAMED else []
    made += [f"reconciler {code(version)}"] if version else []
    return [Part(command), Part(["<br>".join(made)] if made else [])]
