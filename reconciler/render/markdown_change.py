"""One change of a plan in Markdown: a row of a table, and a fold with everything that is known of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reconciler.core.change import (
    BESIDE,
    RETRY,
    Change,
    Create,
    Delete,
    Keep,
    Plan,
    Replace,
    Stuck,
    Update,
    Wait,
    account_of,
    live_of,
)
from reconciler.core.diff import FieldChange
from reconciler.core.fault import Fault
from reconciler.core.resource import Block, Desired, Spec, Unknown
from reconciler.core.rules import Rules
from reconciler.render.action import action_of, gone_for, then_word
from reconciler.render.data import change_text, plural_number
from reconciler.render.describe import MISSING, NOTHING_SHOWN, Describer, live_name, lost
from reconciler.render.escape import cell, code, fenced, html_code, prose, value
from reconciler.render.fault import explanation
from reconciler.render.words import field_name, lines, plural, settings, shown, size

IN_CELL = 28
"""Characters of a name or a value in a cell: a phone shows about so many in a row; the details show all of it."""
MOST_FIELDS = 3
"""Fields that a cell tells; a change that has more says how many."""
LONGEST_VALUE = 200
_BRACKETS = re.compile(r"\((.*)\)$")
LONGEST_TEXT = 160


class Changes:
    """Puts the changes of one plan into rows and folds."""

    def __init__(self, plan: Plan, kinds: Mapping[str, Rules], *, now: float) -> None:
        self._plan = plan
        self._kinds = kinds
        self._describer = Describer(plan, kinds, now=now, width=2 * LONGEST_VALUE)
        self._several = len({account_of(change) for change in plan.changes}) > 1

    def row(self, change: Change) -> str:
        """Return a row of two cells: what is done; and with what, and below it why or what about it.

        Long names stand in the wide one, alone in their line, so that a phone shows both without scrolling.
        """
        action = action_of(change, self._kinds)
        where = f" in {code(account_of(change), IN_CELL)}" if self._several else ""
        what = f"{code(change.address, 2 * IN_CELL)}{where}"
        return f"| {code(action.glyph)} {action.word} | {cell(f'{what}<br>{self._about(change)}')} |"

    def fold(self, change: Change) -> str:
        """Return everything about a change, folded under its name."""
        action = action_of(change, self._kinds)
        name = f"{html_code(action.glyph)} {action.word} {html_code(change.address)}"
        fields = self._fields(change)
        body = [fenced(fields, "diff")] if fields else []
        body.append("\n".join(f"- {text}" for text in self._facts(change)))
        return f"<details>\n<summary>{name}</summary>\n\n" + "\n\n".join(body) + "\n\n</details>"

    def line(self, change: Change) -> str:
        """Return a change that is not made as an item of a list."""
        action = action_of(change, self._kinds)
        live = live_of(change)
        what = "; ".join(prose(text, LONGEST_TEXT) for text in lost(live)) if live and action.style == "held" else ""
        notes = [_line(note) for note in change.notes] if isinstance(change, Delete) else []
        return "<br>".join([f"- {action.word} {code(change.address)}" + (f": {what}" if what else ""), *notes])

    def is_quiet(self, change: Change) -> bool:
        """Return whether there is nothing to say of a change."""
        return self._describer.item(change) is None

    def problem(self, change: Change) -> str:
        """Return what a person must decide: what is wrong, Azure's reason, and the way out."""
        if isinstance(change, Stuck):
            return fault_item(change.fault, subject=str(change.address))
        item = self._describer.item(change)
        if item is None:
            return ""
        said = "".join(f"<br>{prose(text)}" for text in item.details)
        return f"- **{code(change.address)}** {prose(item.title)}{said}"

    def _about(self, change: Change) -> str:
        match change:
            case Create():
                return self._created(change)
            case Update():
                said = _few(change.changes)
                waits = f"the rest waits for {_named(change.also_waits_for)}" if change.also_waits_for else ""
                return "; ".join(part for part in (said, waits) if part) or "its tags"
            case Replace():
                return f"{_few(change.changes)}; gone until it is made anew{self._gone_for(change)}"
            case Wait():
                needs = ", which needs a person first" if change.blocked else ""
                then = then_word(change, self._kinds)
                serving = "; the present model goes on serving" if change.live else ""
                waits = f"for {_named(change.on)}{needs}, then {then}{serving}{self._gone_for(change)}"
                return "<br>".join([waits, *(prose(note, LONGEST_TEXT) for note in change.notes[:1])])
            case Delete():
                # The title has the reason in brackets, behind an id that the details show.
                reason = _BRACKETS.search(self._title(change))
                told = [str(reason[1])] if reason else lost(change.live)
                return "; ".join(prose(text, LONGEST_TEXT, widest=IN_CELL) for text in told)
            case Keep():
                return prose(self._title(change), LONGEST_TEXT, widest=IN_CELL)
            case Stuck():
                return prose(change.fault.summary, LONGEST_TEXT, widest=IN_CELL)

    def _gone_for(self, change: Change) -> str:
        said = gone_for(change, self._kinds)
        return f"; **{said}**" if said else ""

    def _title(self, change: Change) -> str:
        """Return what the terminal says of it, without the word that the row begins with."""
        item = self._describer.item(change)
        if item is None:
            return ""
        return item.title.removeprefix(action_of(change, self._kinds).word).strip()

    def _created(self, change: Create) -> str:
        content = change.desired.content
        if self._kinds[change.address.kind].word == "train":
            return self._trained(change)
        if content:
            facts = f"{plural_number(content.examples, 'example')}, {size(content.bytes)}"
            return "<br>".join([facts, *self._data(change)])
        if change.reason == "missing":
            return prose(MISSING)
        known = [
            f"{code(field_name(path), IN_CELL)} {value(shown(item, path=path, longest=IN_CELL))}"
            for path, item in settings(change.after).items()
            if not isinstance(item, Unknown)
        ]
        told = [prose(note, LONGEST_TEXT) for note in change.notes[:1]] if change.reason == BESIDE else []
        return "<br>".join([*told, _listed(known) or "new"])

    def _trained(self, change: Create) -> str:
        old = change.supersedes
        if old is None:
            return f"{code(self._base(change), IN_CELL)}, nothing earlier to compare with"
        if change.reason == RETRY:
            return f"again, after {code(live_name(old), 16)}"
        changed = [f"data: {text}" for text in self._data(change, against=False)]
        # What changed in the data says more than names and digests of its files do.
        differs = _few(change.why, files=not changed) or NOTHING_SHOWN
        return "<br>".join([f"compared with {code(live_name(old), 16)}: {differs}", *changed])

    def _base(self, change: Create) -> str:
        written = getattr(change.after, "model", None)
        return shown(written if isinstance(written, str | Unknown) else settings(change.after).get("model"))

    def _data(self, change: Create, *, against: bool = True) -> list[str]:
        """Return what changed in the data of a resource, or of those that it refers to."""
        data = self._plan.data
        addresses = [address for address in (change.address, *change.desired.refs) if address in data]
        found = []
        for address in addresses:
            named = "" if len(addresses) == 1 else f"{code(address, 2 * IN_CELL)} "
            text = change_text(data[address])
            found.append(named + prose(text if against else text.rpartition(" (")[0]))
        return found

    def _fields(self, change: Change) -> list[str]:
        match change:
            case Create():
                return _made(settings(change.after), change.why, compared=change.supersedes is not None)
            case Update() | Replace():
                later = [
                    FieldChange(path, _at(change.live.spec, path), item)
                    for path, item in settings(change.after).items()
                    if isinstance(item, Unknown)
                ]
                return [line for item in (*change.changes, *later) for line in _sides(item)]
            case Delete():
                had = settings(change.live.spec)
                shown_ = {path: item for path, item in had.items() if path not in change.live.spec.repeats}
                return [f"- {_field(path, item)}" for path, item in shown_.items() if item not in (None, "")]
            case Wait(live=None):
                return [f"+ {_field(path, item)}" for path, item in settings(change.desired.spec).items()]
            case Wait() | Keep() | Stuck():
                return []

    def _facts(self, change: Change) -> list[str]:
        item = self._describer.item(change)
        said = [prose(item.title)] if item and item.title else []
        live = live_of(change)
        if isinstance(change, Create):
            said += [prose(note) for note in self._kinds[change.address.kind].notes(change.desired)]
            said += [f"data: {text}" for text in self._data(change)]
        if isinstance(change, Create | Update | Replace | Wait | Keep):
            said += [_line(note) for note in change.notes if prose(note) not in said]
        if isinstance(change, Update) and change.also_waits_for:
            said.append(f"the rest waits for {_named(change.also_waits_for)}")
        if isinstance(change, Replace):
            forced = [code(field_name(item.path)) for item in change.changes if item.path in change.after.fixed]
            said += [f"{', '.join(forced)} cannot be changed in place"] if forced else []
        if live:
            said.append(f"at Azure: {code(live.id)}" + (f", {prose(live.status)}" if live.status else ""))
            said += [prose(text) for text in lines(live.reason)[:MOST_FIELDS]]
        said += _declared(change)
        if self._several:
            said.append(f"in {code(f'Account/{account_of(change)}')}")
        return said


def fault_item(fault: Fault, subject: str = "") -> str:
    """Return a fault as one item of a list: the summary, then each line of detail and remedy on a line of its own."""
    about = subject or fault.subject
    named = f"{code(about)}: " if about else ""
    place = f" ({code(fault.place)})" if fault.place else ""
    known_by = f" {code(fault.code)}" if subject or fault.code.startswith("data-") else ""
    said = [_line(text) for text in explanation(fault) if text.strip()]
    return "<br>".join([f"- {named}**{prose(fault.summary)}**{place}{known_by}", *said])


def _line(text: str) -> str:
    """Return a line; one that is indented is a command, to be copied."""
    return code(text.strip(), 2 * LONGEST_VALUE) if text.startswith("  ") else prose(text, 2 * LONGEST_VALUE)


def _few(changes: Sequence[FieldChange], *, files: bool = True) -> str:
    """Return the first changes; of those of files the sides too, or only that they changed."""
    return _listed([f"{code(field_name(item.path), IN_CELL)} {_arrow(item, files=files)}" for item in changes])


def _arrow(item: FieldChange, *, files: bool) -> str:
    sides = [shown(side, path=item.path, longest=IN_CELL) for side in (item.before, item.after)]
    if sides[0] == sides[1] or (item.path.endswith("_file") and not files):
        return "changed"
    return " \u2192 ".join(map(value, sides))


def _listed(said: Sequence[str]) -> str:
    more = len(said) - MOST_FIELDS
    return ", ".join(said[:MOST_FIELDS]) + (f" and {plural(more, 'more field')}" if more > 0 else "")


def _named(addresses: Iterable[object]) -> str:
    named = [code(address, 2 * IN_CELL) for address in addresses]
    more = len(named) - MOST_FIELDS
    return ", ".join(named[:MOST_FIELDS]) + (f" and {more} more" if more > 0 else "")


def _made(values: Mapping[str, Any], why: Sequence[FieldChange], *, compared: bool) -> list[str]:
    """Return what is made as the lines of a diff against what it is compared with: the rest is context."""
    differing = {field_name(item.path): item for item in why}
    said = []
    for path, item in values.items():
        change = differing.pop(field_name(path), None)
        said += _sides(change) if change else [f"{' ' if compared else '+'} {_field(path, item)}"]
    return said + [line for item in differing.values() for line in _sides(item)]


def _sides(item: FieldChange) -> list[str]:
    sides = [_field(item.path, side) for side in (item.before, item.after)]
    if sides[0] == sides[1]:
        sides[1] += " (what differs is in the middle of a long value)"
    return [f"- {sides[0]}", f"+ {sides[1]}"]


def _field(path: str, item: Any) -> str:
    plain = item.model_dump(exclude_unset=True) if isinstance(item, Block) else item
    return f"{field_name(path)}: {shown(plain, path=path, longest=LONGEST_VALUE)}"


def _declared(change: Change) -> list[str]:
    desired: Desired | None = None if isinstance(change, Delete) else change.desired
    return [f"declared at {code(desired.place)}"] if desired and desired.place.file else []


def _at(spec: Spec, path: str) -> Any:
    """Return what a live object has where a field of the manifest is not known yet."""
    found: Any = spec.comparable()
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
