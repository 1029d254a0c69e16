"""What a merged pull request is told: what an apply did with it, and later how a training of it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.change import Change, Keep, Plan, Stuck, Wait
from reconciler.core.charges import Cost
from reconciler.core.fault import Fault
from reconciler.core.resource import Observed, Phase
from reconciler.core.rules import Rules
from reconciler.render.cost import cost_text
from reconciler.render.escape import cell, code, fenced, prose
from reconciler.render.fault import merged
from reconciler.render.fit import Part, fitted
from reconciler.render.markdown_change import fault_item
from reconciler.render.text import EMULATOR_LINE
from reconciler.render.words import plural

LIMIT = 60_000
"""Characters; GitHub takes 65,536, and the comment has an invisible line above this."""
_VERDICT = "Apply: "
_MOST_LINES = 400
_MOST_REASONS = 15
"""Lines about what failed that are shown without a fold."""
_FAILED = ("error: ", "  ! ")


def applied_markdown(
    plan: Plan,
    log: Sequence[str],
    *,
    worked: bool,
    kinds: Mapping[str, Rules],
    accounts: Sequence[str],
    commit: str = "",
    run_url: str = "",
    emulator: bool = False,
) -> str:
    """Return what an apply did, from what it printed and from a plan that was made after it."""
    verdict = next((line for line in reversed(log) if line.startswith(_VERDICT)), "")
    named = ", ".join(code(name) for name in sorted(accounts))
    heading = f"### {'Applied to' if worked else 'The apply failed:'} {named}"
    trainings = [change for change in plan.changes if _trains(change, kinds)]
    rows = [*(_busy(change) for change in trainings), *(_row(change) for change in plan.changes)]
    stamp = [Part([f"**{EMULATOR_LINE}**"])] if emulator else []
    told = (
        "This pull request is told how it ends." if len(trainings) == 1 else "This pull request is told how they end."
    )
    where = f"[the run has all of it]({run_url})" if run_url else "the job's log has all of it"
    unread = [f"> {prose(fault.summary)}: {prose(fault.detail)}" for fault in merged(plan.unread)]
    foot = [f"commit {code(commit[:12])}"] if commit else []
    foot += [f"[run]({run_url})"] if run_url else []
    parts = [
        *stamp,
        Part([heading]),
        Part([prose(verdict.removeprefix(_VERDICT))] if verdict else []),
        Part([] if worked else [_failures(log)]),
        Part(unread, head="> [!WARNING]\n> **Part of Azure could not be read after it:**\n>\n"),
        Part([row for row in rows if row], head="| Now | Resource |\n|---|---|\n", rank=1),
        Part([f"{plural(len(trainings), 'training')} in progress. {told}"] if trainings else []),
        Part([] if worked else [f"Nothing is lost. When the cause is mended, run the job again, or:\n\n{_AGAIN}"]),
        Part(
            [fenced(log[-_MOST_LINES:])] if log else [],
            head="<details>\n<summary>What it printed</summary>\n\n",
            tail="\n\n</details>",
            noun=("log", "logs"),
            rank=2,
        ),
        Part([", ".join(foot)] if foot else []),
        *stamp,
    ]
    return fitted([part for part in parts if any(part.items)], LIMIT, where)


_AGAIN = fenced(["reconciler plan --prune"], "sh")


def awaited_jobs(plan: Plan, estimates: Mapping[str, str] | None, kinds: Mapping[str, Rules]) -> dict[str, str]:
    """Return the trainings whose end is to be told of: id to estimate.

    `estimates` are of what the saved plan trains, by address. A job of it may have ended already: some are short, and
    this may be told late. Where the plan is not known, it is what goes on at Azure.
    """
    return {
        live.id: (estimates or {}).get(str(change.address), "")
        for change in plan.changes
        if isinstance(change, Keep | Stuck)
        and (live := change.live) is not None
        and kinds[live.kind].long_running
        and (_trains(change, kinds) if estimates is None else str(change.address) in estimates)
    }


def ended_markdown(
    report: str, live: Observed, *, address: str, actual: Cost | None, estimate: str = "", stuck: Sequence[Fault] = ()
) -> str:
    """Return how a training ended, above its report; `stuck` is why what needs its model does not get it."""
    ended = "has ended" if live.phase is Phase.READY else f"has ended: {live.status or 'failed'}"
    said = [f"### Training of {code(address)} {ended}"]
    costs = [
        f"cost {code(cost_text(actual))}" if actual is not None else "",
        f"estimated {code(estimate)}" if estimate else "",
    ]
    known = ", ".join(part for part in costs if part)
    said += [f"**{known[:1].upper()}{known[1:]}**"] if known else []
    said += ["> [!WARNING]\n" + "\n".join(f"> {fault_item(fault)}" for fault in stuck)] if stuck else []
    return "\n\n".join([*said, report])


def _failures(log: Sequence[str]) -> str:
    """Return what failed, as it was printed: each error, and what stands indented below it."""
    said: list[str] = []
    depth: int | None = None
    for line in log:
        inset = len(line) - len(line.lstrip())
        if line.startswith(_FAILED):
            depth = inset
        elif depth is not None and inset <= depth:
            depth = None
        if depth is not None and line.strip():
            said.append(line)
    more = [f"… and {len(said) - _MOST_REASONS} more lines below"] if len(said) > _MOST_REASONS else []
    return fenced([*said[:_MOST_REASONS], *more]) if said else ""


def _trains(change: Change, kinds: Mapping[str, Rules]) -> bool:
    live = change.live if isinstance(change, Keep) else None
    return live is not None and live.phase is Phase.WORKING and kinds[live.kind].long_running


def _busy(change: Change) -> str:
    assert isinstance(change, Keep)
    assert change.live is not None
    status = prose(change.live.words or change.live.status or "running")
    return _told("in progress", change, f"{status}: {code(change.live.id)}")


def _row(change: Change) -> str:
    match change:
        case Wait():
            return _told("waits", change, f"for {', '.join(map(code, change.on))}, then {change.then}")
        case Stuck():
            return _told("**stuck**", change, prose(change.fault.summary))
        case _:
            return ""


def _told(state: str, change: Change, what: str) -> str:
    # An id of a job has 32 characters that do not break, and is copied.
    return f"| {state} | {cell(f'{code(change.address)}<br>{what}', widest=32)} |"
