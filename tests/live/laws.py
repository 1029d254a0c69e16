"""What holds of each kind of object, on the emulator (tests/kinds/test_laws_of_kinds.py) and on a real account (`make live`) alike.

A law is a function that raises if it is broken. It finds a repository whose job is trained and whose deployment serves
(journey.py), and leaves the manifests as they may be: they are put back after it. No law trains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from live.examples import EXAMPLES, rows
from live.ground import DATASET, BrokenLawError, Ground, kept_of

from reconciler.core.change import Change, Create, Delete, is_action
from reconciler.core.digest import FileName, file_digest
from reconciler.core.resource import Address, Observed, Phase
from reconciler.kind import FOUND

KINDS = ("Dataset", "FineTuneJob", "Deployment")
TONE = "live-tone"
ENDED = {Phase.GONE, Phase.FAILED, Phase.READY}


@dataclass(frozen=True)
class Law:
    """One thing that holds."""

    what: str
    check: Callable[[Ground], None]


def is_as_declared(ground: Ground) -> None:
    """All that is declared is there, is ready, and needs nothing."""
    ground.is_listed({TONE})
    plan = ground.plan(prune=True)
    _is(_planned(plan.changes), [])
    _is({one.phase for one in kept_of(plan).values()}, {Phase.READY})


def is_written_once(ground: Ground) -> None:
    """A second apply writes nothing."""
    before = {kind: _seen(ground.live(kind)) for kind in KINDS}
    _is([str(one.address) for one in ground.apply(prune=True)], [])
    _is({kind: _seen(ground.live(kind)) for kind in KINDS}, before)


def is_looked_at_as_listed(kind: str) -> Callable[[Ground], None]:
    """Return the law that one object looked at alone is what the list shows of it."""

    def check(ground: Ground) -> None:
        for listed in _declared(ground, kind).values():
            alone = ground.gateway(kind).refresh(listed)
            _is(
                (alone.id, alone.phase, alone.identity, alone.spec),
                (listed.id, listed.phase, listed.identity, listed.spec),
            )

    return check


def is_not_made_again(kind: str) -> Callable[[Ground], None]:
    """Return the law that a create of what is there finds it: two runs at once make one."""

    def check(ground: Ground) -> None:
        if kind == "Dataset":
            # The data of a job that is trained is not needed any more, so that no plan would make it.
            _extra(ground, rows(EXAMPLES + 5))
            ground.apply()
        before = {*ground.live(kind)}
        there = _declared(ground, kind)
        plan = ground.plan(without=kind)
        kept = {**kept_of(ground.plan()), **kept_of(plan)}
        creates = [one for one in plan.changes if isinstance(one, Create) and one.address in there]
        _is(bool(creates), True)
        for create in creates:
            found = ground.gateway(kind).create(create, {ref: kept[ref] for ref in plan.needs.get(create.address, ())})
            _is((found.id, bool(found.facts.get(FOUND))), (there[create.address].id, True))
        _is({*ground.live(kind)}, before)
        ground.tidy()
        ground.apply(prune=True)

    return check


def a_file_is_made_changed_and_deleted(ground: Ground) -> None:
    """Declared data is uploaded once, other data takes its place, and what no manifest declares goes with --prune only."""
    first = _extra(ground, rows(EXAMPLES + 1))
    _is([str(one.address) for one in ground.apply()], ["Dataset/live-extra"])
    _is([str(one.address) for one in ground.apply()], [])
    second = _extra(ground, rows(EXAMPLES + 2))
    ground.apply()
    _is({first, second} <= _digests(ground), True)
    ground.apply(prune=True)
    _is({first, second} & _digests(ground), {second})
    ground.tidy()
    ground.apply()
    _is(second in _digests(ground), True)
    ground.apply(prune=True)
    _is(second in _digests(ground), False)


def a_deleted_file_is_deleted_once_more(ground: Ground) -> None:
    """That a file is gone already is success, and it is made anew where it is declared."""
    digest = _extra(ground, rows(EXAMPLES + 3))
    ground.apply()
    (live,) = [one for one in ground.live("Dataset").values() if one.identity == digest]
    _is(_deleted(ground, live), Phase.GONE)
    _is(_deleted(ground, live), Phase.GONE)
    _is(digest in _digests(ground), False)
    _is([str(one.address) for one in ground.apply()], ["Dataset/live-extra"])
    ground.tidy()
    ground.apply(prune=True)


def files_of_another_owner_stay(ground: Ground) -> None:
    """A file under another owner's mark is neither used nor deleted, whatever it holds."""
    content = rows(EXAMPLES + 4)
    name = str(FileName("live-theirs", _digest(content), "somebody-else"))
    theirs = ground.place.upload(name, content)
    ground.place.processed(theirs["id"])
    _extra(ground, content)
    _is([str(one.address) for one in ground.apply(prune=True)], ["Dataset/live-extra"])
    ground.tidy()
    ground.apply(prune=True)
    _is(b"".join(ground.place.files.content(theirs["id"])), content)


def another_name_or_text_trains_nothing(ground: Ground) -> None:
    """A job is known by what it trains: its name, and the text of its suffix, are not that."""
    (before,) = _declared(ground, "FineTuneJob").values()
    ground.edit("metadata: {name: live-tone}\nspec:\n", "metadata: {name: live-pitch}\nspec:\n  suffix: other\n")
    ground.edit("{job: live-tone}", "{job: live-pitch}")
    plan = ground.plan(prune=True)
    _is(_planned(plan.changes), [])
    _is(kept_of(plan)[Address("FineTuneJob", "live-pitch")].id, before.id)


def a_job_is_cancelled_once_more(ground: Ground) -> None:
    """A job that is cancelled twice is cancelled, and that is no failure."""
    place, gateway = ground.place, ground.gateway("FineTuneJob")
    another = (
        ground.declared("FineTuneJob").replace("name: live-tone", "name: live-brief").replace("seed: 7", "seed: 8")
    )
    ground.write("brief.yaml", another)
    plan = ground.plan()
    (create,) = [one for one in plan.changes if isinstance(one, Create) and one.address.kind == "FineTuneJob"]
    kept = kept_of(plan)
    live = gateway.create(create, {ref: kept[ref] for ref in plan.needs[create.address]})
    place.made.jobs.append(live.id)
    for _ in range(2):
        gateway.delete(Delete(live, "duplicate"))
    ended = place.until(lambda: gateway.refresh(live), lambda seen: seen.phase in ENDED, 600)
    _is(ended.status, "cancelled")


def a_field_is_changed_in_place(ground: Ground) -> None:
    """A capacity is changed and changed back on the same deployment, which goes on serving the same model."""
    (before,) = _declared(ground, "Deployment").values()
    for old, new in ((1, 2), (2, 1)):
        ground.edit(f"capacity: {old}", f"capacity: {new}")
        _is([str(one.address) for one in ground.apply()], ["Deployment/live-tone"])
        body = ground.place.deployments.get(TONE)
        _is((body["sku"]["capacity"], body["properties"]["model"]["name"]), (new, before.outputs["model"]))


def tags_of_others_stay(ground: Ground) -> None:
    """A tag that somebody else put on a deployment of ours is there after a change of ours."""
    tags = dict(ground.place.deployments.get(TONE).get("tags") or {})
    ground.place.deployments.patch(TONE, {"tags": {**tags, "live-theirs": "kept"}})
    ground.place.settled(TONE)
    ground.is_listed()
    _is(_planned(ground.plan(prune=True).changes), [])
    ground.edit("capacity: 1", "capacity: 2")
    ground.apply()
    ground.tidy()
    ground.apply()
    _is((ground.place.deployments.get(TONE).get("tags") or {}).get("live-theirs"), "kept")


def a_name_that_is_taken_is_not_written_to(ground: Ground) -> None:
    """A deployment that somebody made by hand is left as it is, until a manifest takes it over."""
    model = ground.place.deployments.get(TONE)["properties"]["model"]["name"]
    before = _shown(ground.place.deploy("live-theirs", str(model)))
    ground.is_listed({"live-theirs"})
    deployment = ground.declared("Deployment").replace("name: live-tone", "name: live-theirs%s", 1)
    ground.write("theirs.yaml", deployment % "")
    try:
        ground.apply(prune=True)
    except BrokenLawError as error:
        _is("taken" in str(error), True)
    else:
        raise BrokenLawError("a name that is taken was no failure")
    _is(ground.place.deployments.get("live-theirs").get("tags") or {}, {})
    _is(_shown(ground.place.deployments.get("live-theirs")), before)
    ground.write("theirs.yaml", deployment % ", adopt: true")
    ground.apply()
    _is(_shown(ground.place.deployments.get("live-theirs")), before)
    _is(_planned(ground.plan().changes), [])


def a_deleted_deployment_is_deleted_once_more(ground: Ground) -> None:
    """That it is gone already is success, and an apply makes it anew, as it was."""
    (live,) = _declared(ground, "Deployment").values()
    body = ground.place.deployments.get(TONE)
    _deleted(ground, live)
    gateway = ground.gateway("Deployment")
    ground.place.until(lambda: gateway.refresh(live), lambda seen: seen.phase is Phase.GONE, 600)
    _is(_deleted(ground, live), Phase.GONE)
    _is([str(one.address) for one in ground.apply()], ["Deployment/live-tone"])
    anew = ground.place.deployments.get(TONE)
    _is((_shown(anew), _ours(anew)), (_shown(body), _ours(body)))


LAWS = (
    Law("what is declared is there, and nothing is to be done", is_as_declared),
    Law("a second apply writes nothing", is_written_once),
    *(Law(f"{kind}: looked at alone it is what the list shows", is_looked_at_as_listed(kind)) for kind in KINDS),
    *(Law(f"{kind}: what is there is not made again", is_not_made_again(kind)) for kind in KINDS),
    Law("Dataset: made once, changed, and deleted with --prune only", a_file_is_made_changed_and_deleted),
    Law("Dataset: deleted twice, and made anew", a_deleted_file_is_deleted_once_more),
    Law("Dataset: files of another owner stay", files_of_another_owner_stay),
    Law("FineTuneJob: another name or text trains nothing", another_name_or_text_trains_nothing),
    Law("FineTuneJob: cancelled twice", a_job_is_cancelled_once_more),
    Law("Deployment: a field is changed in place, and back", a_field_is_changed_in_place),
    Law("Deployment: tags of others stay", tags_of_others_stay),
    Law(
        "Deployment: a name that is taken is not written to, until it is taken over",
        a_name_that_is_taken_is_not_written_to,
    ),
    Law("Deployment: deleted twice, and made anew", a_deleted_deployment_is_deleted_once_more),
    Law("what is left is as declared", is_as_declared),
)


def _is(seen: Any, wanted: Any) -> None:
    if seen != wanted:
        raise BrokenLawError(f"{seen!r}, not {wanted!r}"[:800])


def _planned(changes: tuple[Change, ...]) -> list[str]:
    return [f"{one.address} {[*getattr(one, 'changes', ())]}" for one in changes if is_action(one)]


def _declared(ground: Ground, kind: str) -> Mapping[Address, Observed]:
    found = {where: live for where, live in kept_of(ground.plan()).items() if where.kind == kind}
    if not found:
        raise BrokenLawError(f"no {kind} that is declared is there")
    return found


def _seen(live: Mapping[str, Observed]) -> dict[str, tuple[Any, ...]]:
    return {key: (one.phase, one.status, one.spec, one.outputs) for key, one in live.items()}


def _digests(ground: Ground) -> set[str]:
    return {one.identity for one in ground.live("Dataset").values() if one.owner == ground.place.wish.owner}


def _extra(ground: Ground, content: bytes) -> str:
    """Declare one more file; returns the digest that its name bears."""
    ground.write("data/live-extra.jsonl", content)
    ground.write("extra.yaml", DATASET.format(name="live-extra", encoding=ground.encoding))
    return _digest(content)


def _digest(content: bytes) -> str:
    return file_digest(hashlib.sha256(content).hexdigest())


def _deleted(ground: Ground, live: Observed) -> Phase:
    phase = ground.gateway(live.kind).delete(Delete(live, "left_over")).phase
    if phase is Phase.GONE:
        ground.is_listed(gone={live.id})
    return phase


def _shown(body: Mapping[str, Any]) -> tuple[Any, ...]:
    return body["sku"], body["properties"]["model"]


def _ours(body: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a deployment that are ours and the same whenever it is made."""
    tags = body.get("tags") or {}
    return {name: value for name, value in tags.items() if name.startswith("reconciler-") and "since" not in name}
