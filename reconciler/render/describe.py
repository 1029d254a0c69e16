"""One change of a plan in words: a glyph, a title and details. The terminal and the drift report show the same ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

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
    is_action,
)
from reconciler.core.diff import FieldChange
from reconciler.core.resource import Address, Content, Desired, Observed, Phase, Spec, Unknown
from reconciler.core.rules import Rules
from reconciler.render.action import gone_for, then_word
from reconciler.render.cost import change_lines
from reconciler.render.data import change_text
from reconciler.render.fault import explanation, known_by
from reconciler.render.words import (
    Tone,
    duration,
    field_name,
    hidden,
    joined,
    lines,
    plain_value,
    printable,
    settings,
    shown,
    size,
)

MISSING = "missing: never made, or deleted since by Azure or somebody"
"""What is known of a deployment that is not there although its job ended long ago: nothing at Azure tells which."""

NOTHING_SHOWN = "nothing that Azure shows differs; it never shows `attempt`, `extra_body` or how the base was spelled"
ADOPTED = "adopted as it is; `apply` marks it as ours by its tags"


@dataclass(frozen=True)
class Item:
    """One change as it is shown; every text in it is safe."""

    glyph: str
    tone: Tone
    address: Address
    title: str
    details: tuple[str, ...] = ()


class Describer:
    """Puts the changes of one plan in words."""

    def __init__(self, plan: Plan, kinds: Mapping[str, Rules], *, now: float, width: int = 100) -> None:
        self._plan = plan
        self._served = _served(plan)
        self._declared = plan.digests.keys()
        self._data_changes = plan.data
        self._kinds = kinds
        self._now = now
        self._longest = (max(width, 40) - 10) // 2

    def item(self, change: Change) -> Item | None:
        """Return what to show of a change, what it costs last; None if there is nothing to say."""
        item = self._item(change)
        costs = change_lines(change, self._plan) if item else []
        return replace(item, details=(*item.details, *costs)) if item and costs else item

    def _item(self, change: Change) -> Item | None:
        match change:
            case Create():
                return self._create(change)
            case Update():
                return self._update(change)
            case Replace():
                return self._replace(change)
            case Delete():
                return self._delete(change)
            case Wait():
                return self._wait(change)
            case Keep():
                return keep_item(change, self._now)
            case Stuck():
                return stuck_item(change)
        assert_never(change)

    def _create(self, change: Create) -> Item:
        word = self._kinds[change.address.kind].word
        details: list[str] = []
        values = settings(change.after)
        if word == "train":
            title = f"train {self._model(change.after, values)}{self._supersedes(change)}"
            details += self._compared(change)
            details += self._data(change.desired.refs)
            details += _training(change.after, values, self._kinds[change.address.kind].notes(change.desired))
            details += _safe(change.notes)
        elif change.desired.content:
            title = f"{word} {_content(change.desired, change.desired.content)}"
            if change.address in self._data_changes:
                details.append(change_text(self._data_changes[change.address]))
        else:
            title = f"{word} ({MISSING})" if change.reason == "missing" else word
            if change.reason == BESIDE and change.supersedes:
                title = f"{word} beside {live_name(change.supersedes)}"
            details += [f"{field_name(path)}: {self._value(path, value)}" for path, value in values.items()]
            details += [printable(note) for note in self._kinds[change.address.kind].notes(change.desired)]
            details += _safe(change.notes)
        return Item("+", Tone.ADD, change.address, title, tuple(details))

    def _model(self, after: Spec, values: Mapping[str, Any]) -> str:
        # Compared in lower case, shown as it was written.
        written = getattr(after, "model", None)
        return shown(written if isinstance(written, str | Unknown) else values.get("model"))

    def _supersedes(self, change: Create) -> str:
        old = change.supersedes
        if old is None:
            return ""
        if change.reason == RETRY:
            return f" (again, after {live_name(old)})"
        return f" (supersedes {live_name(old)}, kept{', still serving' if self._serves(old) else ''})"

    def _serves(self, job: Observed) -> bool:
        return bool(self._served.get(str(job.outputs.get("model")), set()) - {job.kind})

    def _data(self, addresses: Iterable[Address]) -> list[str]:
        """Return what changed in the data of some resources, where it is known."""
        known = [address for address in addresses if address in self._data_changes]
        return [f"{printable(address)}: {change_text(self._data_changes[address])}" for address in known]

    def _compared(self, change: Create) -> list[str]:
        if change.supersedes is None or change.reason == RETRY:
            return []
        head = f"compared with {live_name(change.supersedes)}:"
        said = self._changes(change.why)
        if not said:
            return [f"{head} {NOTHING_SHOWN}"]
        return (
            [f"{head} {said[0].replace(': ', ' ', 1)}"] if len(said) == 1 else [head, *(f"  {line}" for line in said)]
        )

    def _update(self, change: Update) -> Item:
        if change.adopts:
            return Item("=", Tone.QUIET, change.address, ADOPTED, tuple(_safe(change.notes)))
        details = self._changes(change.changes)
        for path, value in settings(change.after).items():
            if isinstance(value, Unknown):
                details.append(
                    f"{field_name(path)}: {self._value(path, _at(change.live.spec, path))} -> {shown(value)}"
                )
        if change.also_waits_for:
            details.append(f"the rest waits for {joined(change.also_waits_for)}")
        details += _safe(change.notes)
        return Item("~", Tone.CHANGE, change.address, "" if details else "update", tuple(details))

    def _replace(self, change: Replace) -> Item:
        forced = [item.path in change.after.fixed for item in change.changes]
        said = self._changes(change.changes)
        details = [f"{line}  # forces recreation" if cause else line for line, cause in zip(said, forced, strict=True)]
        title = f"recreate: it is gone until it is made anew{self._gone_for(change)}"
        return Item("-/+", Tone.REMOVE, change.address, title, (*details, *_safe(change.notes)))

    def _gone_for(self, change: Change) -> str:
        said = gone_for(change, self._kinds)
        return f" ({said})" if said else ""

    def _delete(self, change: Delete) -> Item:
        live, rules = change.live, self._kinds[change.live.kind]
        if change.kept:
            return Item("=", Tone.QUIET, change.address, f"serves {shown(live.outputs.get('model'))}")
        works = rules.long_running and live.phase is not Phase.READY
        word = "cancel" if works else "delete"
        model = live.outputs.get("model")
        what = f" {live_name(live)}" if live_name(live) != printable(live.name) else ""
        if rules.long_running and model and not works:
            what = f" the model {printable(model)}"
        why = second(change) if change.reason == "duplicate" else ""
        replaced = change.address in self._declared
        unneeded = "left over: a newer version is declared" if replaced else "left over: no manifest declares it"
        if self._plan.is_copy(change):
            unneeded = "left over: another copy of it is used"
        elif change.expired:
            unneeded = f"left over: {printable(change.expired)}"
        elif change.declared is not None:
            unneeded = f"left over: another one serves {printable(change.declared)}"
        left_over = unneeded if change.reason == "left_over" and not change.held else ""
        reason = f" ({why or left_over})" if why or left_over else ""
        details = (*self._lost(live, works=works), *_safe(change.notes))
        return Item("-", Tone.REMOVE, change.address, f"{word}{what}{reason}", details)

    def _lost(self, live: Observed, *, works: bool) -> list[str]:
        return [progress(live, self._now)] if works else lost(live)

    def _wait(self, change: Wait) -> Item:
        needs = " (which needs a person first)" if change.blocked else ""
        title = f"waits for {joined(change.on)}{needs}, then {self._then(change)}"
        model = change.live.outputs.get("model") if change.live else None
        serving = f" (still serving {shown(model)})" if model else ""
        return Item("…", Tone.QUIET, change.address, title + serving, tuple(_safe(change.notes)))

    def _then(self, change: Wait) -> str:
        return then_word(change, self._kinds) + self._gone_for(change)

    def _changes(self, changes: Iterable[FieldChange]) -> list[str]:
        return field_changes(changes, self._longest)

    def _value(self, path: str, value: Any) -> str:
        return shown(value, path=path, longest=self._longest)


def second(change: Delete) -> str:
    """Return why an object goes that stands beside the one of its resource: a job that works, or what was made to be tried."""
    if change.live.phase is Phase.WORKING:
        return f"a second job of the digest of {printable(change.duplicate_of)}"
    return f"made to try the gates of {printable(change.declared or change.duplicate_of)}, and left by a run that was broken off"


def field_changes(changes: Iterable[FieldChange], longest: int = 45) -> list[str]:
    """Return `field: before -> after` for each field; two values that differ never look the same."""
    return [f"{field_name(item.path)}: {' -> '.join(field_sides(item, longest))}" for item in changes]


def field_sides(item: FieldChange, longest: int = 45) -> tuple[str, str]:
    """Return what is live and what is declared of a field; two values that differ never look the same."""
    sides = [shown(value, path=item.path, longest=longest) for value in (item.before, item.after)]
    if sides[0] == sides[1]:
        sides = [shown(value, path=item.path, longest=sys.maxsize) for value in (item.before, item.after)]
    if sides[0] == sides[1]:
        # A thing that is called by its name beside that name, or beside another of that name.
        sides = [printable(json.dumps(plain_value(hidden(item.path, value)))) for value in (item.before, item.after)]
    return sides[0], sides[1]


def lost(live: Observed) -> list[str]:
    """Return what a live object is, in one line: what would be lost with it."""
    said = [
        f"{field_name(path)} {shown(value, path=path)}"
        for path, value in settings(live.spec).items()
        if value not in (None, "") and path not in live.spec.repeats
    ]
    count = live.facts.get("bytes")
    if isinstance(count, int | float):
        said.append(size(count))
    return [", ".join(said)] if said else []


def keep_item(change: Keep, now: float | None) -> Item | None:
    """Return what a live object that is left alone is busy with, or what became of it.

    None if it is ready, or none is needed, and there is nothing to know of it.
    """
    live, notes = change.live, tuple(_safe(change.notes))
    if live is None or live.phase is Phase.READY:
        return Item("=", Tone.QUIET, change.address, notes[0], notes[1:]) if notes else None
    match live.phase:
        case Phase.WORKING:
            return Item("…", Tone.QUIET, change.address, f"{progress(live, now)} ({live_name(live)})", notes)
        case Phase.SETTLING:
            status = f" ({printable(live.status)})" if live.status else ""
            return Item("…", Tone.QUIET, change.address, f"Azure still processes it{status}", notes)
        case Phase.FAILED:
            title = f"failed at Azure ({printable(live.status or live_name(live))})"
            return Item("!", Tone.ALARM, change.address, title, tuple(lines(live.reason)))
        case Phase.GONE:
            return Item("!", Tone.ALARM, change.address, f"is gone ({live_name(live)})")
    assert_never(live.phase)


def progress(live: Observed, now: float | None) -> str:
    """Return what a working object does, and how old it is if that is known."""
    age = duration(now - live.created_at) if live.created_at and now is not None else ""
    if live.words:
        # It may be a sentence, and what it tells of has not lasted since the beginning.
        return f"{printable(live.words)}{f'; created {age} ago' if age else ''}"
    return f"{printable(live.status) if live.status else 'running'} at Azure{f' since {age}' if age else ''}"


def live_name(live: Observed) -> str:
    """Return what a person copies: the id, or the name where the id is a path of ARM."""
    return printable(live.name if "/" in live.id else live.id)


def _served(plan: Plan) -> dict[str, set[str]]:
    """Return which models are used by live objects that stay, with the kinds of their users."""
    found: dict[str, set[str]] = {}
    for change in plan.changes:
        if isinstance(change, Create) or (isinstance(change, Delete) and is_action(change)):
            continue
        model = change.live.outputs.get("model") if change.live else None
        if change.live and model:
            found.setdefault(str(model), set()).add(change.live.kind)
    return found


def stuck_item(change: Stuck) -> Item:
    """Return what a person must decide, with the reason, the way out and the place."""
    fault = change.fault
    place = [printable(fault.place)] if fault.place else []
    text = f"{'refused' if change.refused else 'stuck'}: {printable(fault.summary)}{known_by(fault)}"
    return Item("!", Tone.ALARM, change.address, text, (*explanation(fault), *place))


def _content(desired: Desired, content: Content) -> str:
    written = getattr(getattr(desired.spec, "source", None), "path", None)
    examples = f"{content.examples:,} example{'' if content.examples == 1 else 's'}"
    return f"{shown(written or content.path)} ({examples}, {size(content.bytes)}, sha256 {printable(content.digest)[:12]}…)"


def _training(after: Spec, values: Mapping[str, Any], notes: Sequence[str]) -> list[str]:
    """Return what is sent besides the model and the files; what is not listed is left to Azure."""
    told = {"model", "method", "training_type", "grader", "response_format"}
    rest = {path: value for path, value in values.items() if path.partition(".")[0] not in told}
    said = [printable(getattr(getattr(after, "method", None), "type", ""))]
    said += [printable(note) for note in notes]
    said += [f"{field_name(path)} {shown(value, path=path)}" for path, value in rest.items()]
    return [text] if (text := ", ".join(part for part in said if part)) else []


def _safe(notes: Iterable[str]) -> list[str]:
    """Return notes as lines that no terminal obeys; the spaces before a command stay."""
    return [f"{note[: len(note) - len(note.lstrip(' '))]}{printable(note.lstrip(' '))}" for note in notes]


def _at(spec: Spec, path: str) -> Any:
    value: Any = spec.comparable()
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value
