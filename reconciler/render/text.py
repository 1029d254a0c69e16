"""The plan for a terminal: the account first, one line a change, the counts last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.change import Change, Create, Delete, Keep, Plan, Replace, Stuck, Update, account_of
from reconciler.core.resource import Phase
from reconciler.core.rules import Rules
from reconciler.render.cost import cost_line
from reconciler.render.describe import Describer, Item
from reconciler.render.fault import fault_text, unread_texts
from reconciler.render.here import Here
from reconciler.render.summary import summary
from reconciler.render.words import Paint, Tone, indented, plural, printable

EMULATOR_LINE = "EMULATOR: nothing here is Azure."
HISTORY_LIMIT = 100
"""Jobs that an account may have, finished ones included, as Azure documents it (docs/azure.md, section 7)."""
HISTORY_WARNING = 80

__all__ = ["EMULATOR_LINE", "framed", "history_notes", "item_lines", "plan_text", "printable"]


def plan_text(
    plan: Plan,
    headers: Sequence[str],
    *,
    kinds: Mapping[str, Rules],
    now: float,
    color: bool = False,
    width: int = 100,
    emulator: bool = False,
) -> str:
    """Return the plan as text. `headers` name the resolved accounts, endpoints and credentials; then what it costs.

    The last line is the summary; where an emulator plays Azure, that is said before everything and after it.
    """
    paint = Paint(color=color)
    describer = Describer(plan, kinds, now=now, width=width)
    listed = [change for change in plan.changes if not _held(change) and plan.knows(change)]
    blocks = [
        [paint(Tone.STRONG, printable(line)) for line in (*headers, cost_line(plan.cost)) if line],
        *_by_account(listed, describer, paint),
        *_held_back([change for change in plan.changes if _held(change)], describer, paint),
        [fault_text(fault, color=color) for fault in plan.warnings],
        [fault_text(fault, color=color) for fault in plan.refusals],
        unread_texts(plan.unread, color=color),
        _notes(plan, paint),
        [paint(Tone.STRONG, summary(plan, kinds))],
    ]
    body = "\n\n".join("\n".join(block) for block in blocks if block)
    return framed(body, color=color, emulator=emulator)


def framed(body: str, *, color: bool, emulator: bool) -> str:
    """Say before and after a text that an emulator plays Azure, if one does.

    Commands that stand on lines of their own are to be copied: then they must go to the emulator too, and not to Azure.
    """
    if not emulator:
        return body
    stamp = Paint(color=color)(Tone.ALARM, EMULATOR_LINE)
    return "\n".join((stamp, for_emulator(body), stamp))


def for_emulator(text: str) -> str:
    """Return a text whose commands on lines of their own go to the emulator."""
    return Here(emulator=True).told(text)


def item_lines(item: Item, paint: Paint) -> list[str]:
    """Return the lines of one change."""
    head = f"{item.glyph} {printable(item.address)}"
    title = f"  {item.title}" if item.title else ""
    quiet = item.tone is Tone.QUIET
    first = paint(Tone.QUIET, head + title) if quiet else paint(item.tone, head) + title
    return [*indented([first], 2), *indented(item.details, 6)]


def _held(change: Change) -> str:
    return change.held if isinstance(change, Create | Update | Replace | Delete) else ""


def _lines(changes: Iterable[Change], describer: Describer, paint: Paint) -> list[str]:
    items = (describer.item(change) for change in changes)
    return [line for item in items if item for line in item_lines(item, paint)]


def _by_account(changes: Sequence[Change], describer: Describer, paint: Paint) -> list[list[str]]:
    """Group by account if there are several; within one the order of the plan stays: what is needed comes first."""
    accounts = sorted({account_of(change) for change in changes})
    if len(accounts) < 2:
        return [_lines(changes, describer, paint)]
    blocks = []
    for account in accounts:
        said = _lines((change for change in changes if account_of(change) == account), describer, paint)
        blocks.append([f"Account/{printable(account)}:", *said] if said else [])
    return blocks


def _held_back(changes: Sequence[Change], describer: Describer, paint: Paint) -> list[list[str]]:
    several = len({account_of(change) for change in changes}) > 1
    groups: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        groups.setdefault((account_of(change) if several else "", _held(change)), []).append(change)
    return [
        [(f"Account/{printable(account)}: " if account else "") + _heading(reason), *_lines(group, describer, paint)]
        for (account, reason), group in groups.items()
    ]


def _heading(reason: str) -> str:
    """Return why changes are listed and not made; the planner words the left-over ones in full."""
    left_over = "left over, not deleted"
    if reason.startswith("kept"):
        return printable(f"{reason[:1].upper()}{reason[1:]}:")
    if not reason.startswith(left_over):
        return f"Held back ({printable(reason)}):"
    if "--prune" in reason:
        return "Left over, not deleted (apply with --prune deletes them):"
    return f"Left over, not deleted ({printable(reason.removeprefix(left_over).lstrip(': '))}):"


def _notes(plan: Plan, paint: Paint) -> list[str]:
    notes = []
    if plan.errored:
        hidden = sum(not plan.knows(change) for change in plan.changes)
        text = f"Part of Azure could not be read: this plan is not whole ({plural(hidden, 'resource')} unknown)."
        notes.append(paint(Tone.ALARM, text))
    unchanged = sum(isinstance(change, Keep) and _rests(change) for change in plan.changes)
    if unchanged:
        notes.append(f"{unchanged} unchanged.")
    stuck = sum(
        (isinstance(change, Stuck) and plan.knows(change)) or (isinstance(change, Keep) and _failed(change))
        for change in plan.changes
    )
    if stuck:
        notes.append(f"{stuck} stuck: a person must decide.")
    return notes + history_notes(plan)


def _rests(change: Keep) -> bool:
    return change.live is None or change.live.phase is Phase.READY


def _failed(change: Keep) -> bool:
    return change.live is not None and change.live.phase in {Phase.FAILED, Phase.GONE}


def history_notes(plan: Plan) -> list[str]:
    """Say how many finished jobs no manifest matches, and when an account has nearly all that it keeps."""
    if not plan.history:
        return []
    notes = [
        f"{plural(len(plan.history), 'finished job')} {'is' if len(plan.history) == 1 else 'are'} history; see `reconciler history`."
    ]
    per_account: dict[str, int] = {}
    for live in plan.history:
        per_account[live.account] = per_account.get(live.account, 0) + 1
    notes += [
        f"Account/{printable(account)} has {count} of them; Azure documents a limit of {HISTORY_LIMIT} jobs, finished ones included."
        for account, count in sorted(per_account.items())
        if count >= HISTORY_WARNING
    ]
    return notes
