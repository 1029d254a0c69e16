"""Laws of the renderers over plans with a change of every sort and any text in names and reasons."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.core.approval import Approval, Approved
from reconciler.core.change import Change, Create, Delete, Keep, Plan, Replace, Stuck, Update, Wait, account_of, live_of
from reconciler.core.diff import FieldChange
from reconciler.core.fault import Fault, Place, Refused
from reconciler.core.resource import Address, Desired, Observed, Phase, Unknown
from reconciler.kinds import REGISTRY
from reconciler.kinds.deployment.spec import DeploymentSpec
from reconciler.render.describe import field_sides
from reconciler.render.document import dumps, plan_document, read_approval
from reconciler.render.drift import drift_text
from reconciler.render.markdown import plan_markdown
from reconciler.render.mermaid import plan_mermaid
from reconciler.render.summary import NO_CHANGES, counts, summary
from reconciler.render.text import plan_text
from reconciler.render.words import plain_value

VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
SPEC = DeploymentSpec.model_validate({"model": {"name": "m"}, "sku": {"name": "Standard", "capacity": 50}})


def text(made: Plan) -> str:
    return plan_text(made, ["Account/acme"], kinds=REGISTRY, now=1_760_000_000.0)


def document(made: Plan, *, emulator: bool = False) -> dict[str, Any]:
    return plan_document(
        made,
        tool_version="1",
        accounts=[{"name": "acme"}],
        emulator=emulator,
        created_at="2026-01-01T00:00:00Z",
        kinds=REGISTRY,
    )


def everything(name: str, said: str) -> Plan:
    """One change of every sort, with any text in names and reasons."""
    item = Desired(Address("Deployment", name), "acme", SPEC, Place(said, 1, 2))
    live = Observed(
        "Deployment", "acme", name, said, Phase.READY, SPEC, status=said, reason=said, outputs={"model": said}
    )
    fault = Fault(said, said, said, said, Place(said, 3), said)
    fields = (FieldChange("sku.name", said, name), FieldChange(said, None, {said: [name, 1.5]}))
    known = item.spec.model_copy(update={"model": Unknown(Address("FineTuneJob", name))})
    changes: list[Change] = [
        Create(item, known, said, "d", live, fields),
        Create(item, known, said, "d", held=said),
        Update(item, live, known, fields, "d", (Address("FineTuneJob", name),)),
        Replace(item, live, known, fields, "d"),
        Delete(live, "left_over"),
        Delete(live, "duplicate", held=said, duplicate_of=name),
        Wait(item, live, (Address("FineTuneJob", said),), "update"),
        Wait(item, None, (), "create", blocked=True),
        Stuck(item.address, "acme", fault, live, item),
        Keep(item, None),
        *(Keep(item, replace(live, phase=phase)) for phase in Phase),
    ]
    return Plan(tuple(changes), history=(live,), warnings=(fault,), tree_digest=said, digests={item.address: said})


def test_a_recreation_counts_as_one_creation_and_one_deletion():
    made = everything("x", "y")
    assert str(counts(made, REGISTRY)) == "0 to train, 2 to create, 1 to update, 2 to delete"
    assert summary(made, REGISTRY) == "Plan: 0 to train, 2 to create, 1 to update, 2 to delete."


ANY_TEXT = st.text(max_size=30) | st.sampled_from(
    ["::error::x", "a\n::stop-commands::y", "\x1b[2J", "\u202e", "##[add-mask]", "\x9b"]
)


@given(ANY_TEXT, ANY_TEXT)
def test_no_text_of_others_breaks_or_commands_anything(name: str, said: str):
    made = everything(name, said)
    for shown in (text(made), drift_text(made, [name]), dumps(document(made))):
        assert all(line.isprintable() for line in shown.split("\n"))
        assert not any(line.lstrip().startswith("::") for line in shown.split("\n"))
    assert "##[" not in text(made)
    assert text(made).splitlines()[-1] == summary(made, REGISTRY)


@given(ANY_TEXT, ANY_TEXT, st.lists(st.integers(0, 14)))
def test_the_last_line_counts_what_apply_would_do(name: str, said: str, chosen: list[int]):
    full = everything(name, said or "held")
    made = replace(full, changes=tuple(full.changes[number] for number in chosen))
    counted = counts(made, REGISTRY)
    replaced = sum(isinstance(change, Replace) for change in made.actions)
    assert counted.train + counted.create + counted.update + counted.delete == len(made.actions) + replaced
    assert bool(counted) == bool(made.actions)
    calm = summary(made, REGISTRY).startswith(NO_CHANGES.removesuffix("."))
    assert calm == (made.converged and not made.refusals)


_TEXT_LINE = re.compile(r"^  (\+|~|-/\+|-) (\S+)", re.MULTILINE)
_TABLE_ROW = re.compile(r"^\| `(\+|~|-/\+|-)` \w+ \| `([^`]+)`<br>", re.MULTILINE)
_HELD_ROW = re.compile(r"^- (create|update|recreate|delete) `([^`]+)`", re.MULTILINE)
_GLYPHS = {"create": "+", "update": "~", "recreate": "-/+", "delete": "-", "delete create": "-/+"}
_HEADING = re.compile(r"(\d+) to (train|create|update|recreate|delete)")


@given(st.lists(st.integers(0, 14), max_size=8), st.integers(0, 2))
def test_every_renderer_names_the_same_changes_and_counts(chosen: list[int], heldback: int):
    """Each change has a name of its own, so that one that is missing in a text is missed."""
    changes: list[Change] = []
    for number, sort in enumerate(chosen):
        change = everything(f"n{number}", "y").changes[sort]
        if isinstance(change, Delete):
            change = replace(change, live=replace(change.live, name=f"n{number}"))
        if isinstance(change, Create | Update | Replace | Delete):
            change = replace(change, held="not now" if number < heldback else "")
        changes.append(change)
    made = Plan(tuple(changes), needs={change.address: () for change in changes})
    expected = Counter(
        (
            _GLYPHS[{"Replace": "recreate"}.get(type(change).__name__, type(change).__name__.lower())],
            str(change.address),
        )
        for change in changes
        if isinstance(change, Create | Update | Replace | Delete)
    )
    assert Counter(_TEXT_LINE.findall(text(made))) == expected
    page = plan_markdown(made, [], kinds=REGISTRY, now=0, accounts=["acme"])
    held = [(_GLYPHS[word], address) for word, address in _HELD_ROW.findall(page)]
    assert Counter([*_TABLE_ROW.findall(page), *held]) == expected
    rows = document(made)["resource_changes"]
    acting = [row for row in rows if row["change"]["actions"] != ["no-op"]]
    assert Counter((_GLYPHS[" ".join(row["change"]["actions"])], row["address"]) for row in acting) == expected
    verbs = Counter(verb for row in acting if not row["held"] for verb in row["change"]["actions"])
    told = {word: int(number) for number, word in _HEADING.findall(page.partition("\n\n")[2].partition("\n")[0])}
    again = told.get("recreate", 0)
    counted = counts(made, REGISTRY)
    assert (counted.create, counted.update, counted.delete) == (verbs["create"], verbs["update"], verbs["delete"])
    assert (told.get("create", 0) + again, told.get("update", 0), told.get("delete", 0) + again) == (
        counted.create,
        counted.update,
        counted.delete,
    )
    drawn = plan_mermaid(made, REGISTRY)
    assert all(address in drawn for _, address in expected)


NAMED: Any = st.fixed_dictionaries({"name": st.text(max_size=2)}, optional={"version": st.sampled_from(["1", "2"])})
LOOKS: Any = st.sampled_from(
    ["absent", None, "1", 1, "true", True, "auto", "null", [], "[]", {}, "{}", "a" * 99, "nan"]
)
LOOKS |= st.builds(lambda middle: f"{'a' * 40}{middle}{'b' * 40}", st.integers(0, 9))


@example({"name": "m"}, "m", 40).via("a thing is called by its name")
@given(VALUES | NAMED | LOOKS, VALUES | NAMED | LOOKS, st.integers(5, 60))
def test_two_values_that_differ_never_look_the_same(before: Any, after: Any, longest: int):
    one, other = (json.dumps(plain_value(value)) for value in (before, after))
    left, right = field_sides(FieldChange("extra.x", before, after), longest)
    assert left != right or one == other or before == after


@given(st.lists(st.tuples(st.sampled_from(("acme", "west")), st.integers(0, 14)), max_size=6), st.integers(0, 7))
def test_nothing_that_a_person_must_know_is_left_out_or_said_of_another(chosen: list[tuple[str, int]], told: int):
    changes: list[Change] = []
    for number, (account, sort) in enumerate(chosen):
        change = everything(f"n{number}", "y").changes[sort]
        live = live_of(change)
        if live is not None:
            change = replace(change, live=replace(live, name=f"n{number}", account=account))  # type: ignore[call-arg]
        if isinstance(change, Stuck):
            change = replace(change, account=account)
        elif not isinstance(change, Delete):
            change = replace(change, desired=replace(change.desired, account=account))
        changes.append(change)
    sorts = ("warnings", "refusals", "unread")
    faults = {sort: (Fault(f"code-{sort}", f"Summary of {sort}", f"Detail of {sort}"),) for sort in sorts}
    said = {sort: faults[sort] if told & 1 << number else () for number, sort in enumerate(sorts)}
    hidden = [Stuck(Address("Deployment", "unknown"), "acme", fault) for fault in said["unread"]]
    made = Plan((*changes, *hidden), **said)
    shown, page = text(made), plan_markdown(made, [], kinds=REGISTRY, now=0, accounts=["acme"])
    for sort in sorts:
        for words in (shown, page, dumps(document(made))):
            assert (f"Summary of {sort}" in words) == bool(said[sort])
    # What could not be read is said once, and not for each resource.
    assert "Deployment/unknown" not in shown + page
    assert ("No changes" in page.partition("\n\n")[2].partition("\n")[0]) == (made.converged and not made.refusals)
    blocks = dict(re.findall(r"^Account/(\w+):\n((?:  .*\n)*)", shown, re.MULTILINE))
    for change in changes:
        busy = isinstance(change, Keep) and change.live is not None and change.live.phase is not Phase.READY
        if busy or not isinstance(change, Keep):
            assert len(re.findall(rf"{change.address}\b", shown)) >= 1
            assert f"{change.address}" in page
        for account, block in blocks.items():
            if re.search(rf"^  \S+ {change.address}\b", block, re.MULTILINE):
                assert account == account_of(change)


@given(st.sets(st.sampled_from(["model.name", "model.version", "sku.name", "tags.a"]), min_size=1))
def test_what_forces_a_recreation_is_marked_and_nothing_else(paths: set[str]):
    (change,) = (change for change in everything("x", "y").changes if isinstance(change, Replace))
    after = SPEC.model_copy(update={"strategy": "recreate"})
    change = replace(change, after=after, changes=tuple(FieldChange(path, "a", "b") for path in sorted(paths)))
    made = Plan((change,))
    assert after.fixed >= {"model.name", "model.version"}
    forced = {line.strip().partition(":")[0] for line in text(made).splitlines() if "# forces recreation" in line}
    assert forced == paths & change.after.fixed
    page = plan_markdown(made, [], kinds=REGISTRY, now=0, accounts=["acme"])
    told = re.search(r"^- (.*) cannot be changed in place$", page, re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", told[1] if told else "")) == forced


def entries(approval: Approval) -> dict[str, list[Approved]]:
    return approval._entries


@given(ANY_TEXT, ANY_TEXT)
def test_a_saved_plan_approves_what_the_plan_shows(name: str, said: str):
    made = everything(name, said)
    approval, meta = read_approval(json.loads(dumps(document(made, emulator=True))))
    assert entries(approval) == entries(Approval.of(made))
    assert (meta.tree_digest, meta.accounts, meta.emulator) == (said, [{"name": "acme"}], True)
    assert approval.missing(made) == []


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda saved: saved.update(format_version="2.0"), "plan-format"),
        (lambda saved: saved.pop("sha256"), "plan-unreadable"),
        (lambda saved: saved["resource_changes"].pop(), "plan-damaged"),
        (lambda saved: saved.update(emulator=True), "plan-damaged"),
        (lambda saved: saved.clear(), "plan-unreadable"),
    ],
)
def test_a_damaged_plan_is_refused(edit: Any, code: str):
    saved = document(everything("x", "y"))
    edit(saved)
    with pytest.raises(Refused) as caught:
        read_approval(saved)
    assert caught.value.faults[0].code == code


@given(VALUES)
def test_any_json_is_refused_and_nothing_else_happens(value: Any):
    with pytest.raises(Refused):
        read_approval(value)


def test_another_layout_and_another_spelling_of_numbers_are_the_same_plan():
    saved = document(everything("x", "y"))
    saved["resource_changes"][0]["place"]["line"] = 1.0
    read_approval(json.loads(json.dumps(saved, sort_keys=True)))
