"""`strategy: beside`: several live deployments of one manifest, of which one is current.

A version is named `NAME-IDENTITY`: after the mark of the job, of a checkpoint also its step; of any other model after a
hash of its name. So each model has one name, and a revert finds the deployment that is still there. Two tags say the rest:

| tag | what it says |
|---|---|
| reconciler-name | NAME: whose version it is |
| reconciler-since | since when it is the current one; the latest of those that are ready is |

Others are kept for `keep_old` after the current one took over, and are then pruned like anything left over. A plain `NAME`
counts as a version, so going over from `in_place` makes nothing; going back makes `NAME` and keeps the last version as long.
"""

from __future__ import annotations

import hashlib
import re
import time
from calendar import timegm
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.account import Account
from reconciler.core.change import BESIDE
from reconciler.core.diff import FieldChange
from reconciler.core.digest import MARK_CHARS, ModelName, Suffix, short
from reconciler.core.fault import Fault
from reconciler.core.resource import SERVING, Desired, Observed, Phase, Spec
from reconciler.core.rules import Claim, Former, View
from reconciler.kinds.deployment.readiness import has_answered
from reconciler.kinds.deployment.spec import CheckpointModel, DeploymentSpec, JobModel, NamedModel
from reconciler.kinds.deployment.strategy import KEPT, keeps, word_of

NAME, SINCE = "reconciler-name", "reconciler-since"
LONGEST = 64
"""Characters of a deployment's name (docs/azure.md, section 11)."""
_SKEW = 3600.0
"""Seconds by which the clocks of two machines may differ."""
_STEP_CHARS = len("-s9999999")
_VERSION = re.compile(rf"^(?P<stable>.+)-[a-z2-7]{{{MARK_CHARS}}}(?:-s\d+)?$")
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Versions:
    """The live deployments of one manifest, apart from whatever else the account holds."""

    desired: Desired
    found: tuple[Observed, ...]
    now: float

    @classmethod
    def of(cls, desired: Desired, view: View, is_ours: Callable[[Observed, Account], bool]) -> Versions:
        """Find them: by their tag, or (it may have been stripped) by their name, or as the plain name itself."""
        index = view.index("deployments", lambda: _Index.of(view, is_ours))
        return cls(desired, tuple(index.versions(stable_name(desired).lower())), view.now)

    @property
    def current(self) -> Observed | None:
        """What serves: of those that are ready the one that is current since the latest moment."""
        ready = [live for live in self.found if self._is_ready(live)]
        return max(ready or self.found, key=lambda live: (self._since(live), live.name), default=None)

    def _since(self, live: Observed) -> float:
        """Return since when one is current; what its tag says of the future is not believed: nobody has written that."""
        said = since(live)
        return said if said <= self.now + _SKEW else 0.0

    def _is_ready(self, live: Observed) -> bool:
        """Whether it serves: with `readiness` the newest one does only when it has answered."""
        if live.phase is not Phase.READY:
            return False
        asked = _spec(self.desired).readiness and not any(self._since(one) > self._since(live) for one in self.found)
        return not asked or has_answered(live)

    def serving(self, model: NamedModel) -> Observed | None:
        """Return the one that serves a model."""
        names = {model.name, getattr(model, "checkpoint_id", "")} - {""}
        serving = [live for live in self.found if live.outputs.get("model") in names]
        return max(serving, key=lambda live: (live.phase is Phase.READY, self._since(live), live.name), default=None)

    def named(self, name: str) -> Observed | None:
        """Return the one of this name."""
        return next((live for live in self.found if live.name.lower() == name.lower()), None)

    def completed(self, claim: Claim) -> Claim:
        """Say of all others why they are kept, or that they may go; note that one takes over that was current before."""
        live = claim.live
        rest = [one for one in self.found if live is None or one.id != live.id]
        if not rest:
            return claim
        is_ready = live is not None and self._is_ready(live)
        current = live if is_ready else self.current
        assert current is not None
        began = self._since(current)
        if is_ready and any(one.phase is Phase.READY and self._since(one) >= began for one in rest):
            began = max(self.now, *(self._since(one) + 1 for one in rest))
            current = replace(current, facts={**current.facts, "takes_over": moment(began)})
            claim = replace(claim, live=current, notes=(*claim.notes, f"{current.name} is the one to call again"))
        elif live is not None and not is_ready and current.id != live.id:
            facts = {**live.facts, SERVING: current.outputs}
            if live.phase is Phase.FAILED:
                # What mends it has to say as well that it is the current one from then on.
                facts["takes_over"] = moment(max(self.now, *(self._since(one) + 1 for one in rest)))
            claim = replace(claim, live=replace(live, facts=facts))
        former = (Former(self._released(one, current), self._kept(one, current, began)) for one in rest)
        return replace(claim, former=tuple(former))

    def _released(self, old: Observed, current: Observed) -> Observed:
        """Return a former version without its protection, if what serves in its place bears it now, or the manifest takes it off.

        Protected is what serves, not each version that ever did. Its tag stays: it decides again if the version is gone back to.
        """
        passed_on = old.id != current.id and bool(current.facts.get("protect"))
        if passed_on or _spec(self.desired).protect is False:
            return replace(old, facts={**old.facts, "protect": ""})
        return old

    def _kept(self, old: Observed, current: Observed, began: float) -> str:
        subject = self.desired.address
        if old.id == current.id:
            return f"kept: it serves until the next version of {subject} is ready"
        until = began + keeps(_spec(self.desired).strategy)
        if old.phase is not Phase.READY or until <= self.now:
            return ""
        shown = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(until))
        return f"kept until {shown} for those who still call it: {current.name} serves in its place ({subject})"

    def create(self, claim: Claim, after: Spec, name: str) -> Claim:
        """Claim a version that is still to be made."""
        old = self.current
        after = after.model_copy(update={"deployment_name": name})
        if old is None:
            return replace(claim, live=None, after=after, notes=(*claim.notes, f"name: {name}"))
        serves = f"name: {name}, beside {old.name}, which goes on serving"
        said = _spec(self.desired).strategy
        kept = getattr(said, "keep_old", None) or KEPT
        until = f"{old.name} is kept for {kept} after the switch, then it is left over (`apply --prune` deletes it)"
        late = "its job ended more than a day ago, so it may have been deleted since: `apply --continue` leaves it"
        notes = (*claim.notes, serves, until, *([late] if claim.late else ()))
        return self.completed(replace(claim, live=None, after=after, reason=BESIDE, predecessor=old, notes=notes))


@dataclass(frozen=True)
class _Index:
    """The deployments of an account that are ours, by the name that they are versions of, in lower case."""

    plain: Mapping[str, Observed]
    versioned: Mapping[str, Sequence[Observed]]

    @classmethod
    def of(cls, view: View, is_ours: Callable[[Observed, Account], bool]) -> _Index:
        declared = {stable_name(one).lower() for one in view.declared.values() if isinstance(one.spec, DeploymentSpec)}
        plain: dict[str, Observed] = {}
        versioned: dict[str, list[Observed]] = {}
        for live in view.of("Deployment"):
            name = live.name.lower()
            if not is_ours(live, view.account):
                continue
            plain[name] = live
            if name not in declared and (stable := _stable_of(live)):
                versioned.setdefault(stable, []).append(live)
        return cls(plain, versioned)

    def versions(self, stable: str) -> Iterator[Observed]:
        if stable in self.plain:
            yield self.plain[stable]
        yield from self.versioned.get(stable, ())


def _stable_of(live: Observed) -> str:
    """Return the name that a deployment is a version of: by its tag, or (it may have been stripped) by its own name."""
    tagged = str(live.facts["tags"].get(NAME, "")).lower()
    if tagged:
        return tagged
    found = _VERSION.match(live.name.lower())
    return found["stable"] if found else ""


def stable_name(desired: Desired) -> str:
    """Return the name that versions are named after: `deployment_name`, or the manifest's."""
    return _spec(desired).deployment_name or desired.address.name


def version_name(desired: Desired, model: NamedModel, job: Observed | None) -> str:
    """Return the name of the deployment that serves a model."""
    made_by = str(job.outputs.get("model") or "") if job and isinstance(model, CheckpointModel) else model.name
    named = ModelName.parse(made_by)
    mark = Suffix.parse(named.suffix) if named else None
    if mark is None:
        whole = model.name if not isinstance(model, CheckpointModel) else f"{model.job_id}:{model.step}"
        return f"{stable_name(desired)}-{short(hashlib.sha256(whole.encode()).hexdigest(), MARK_CHARS)}"
    step = f"-s{model.step}" if isinstance(model, CheckpointModel) else ""
    return f"{stable_name(desired)}-{mark.digest_part}{mark.check}{step}"


def check_name(desired: Desired) -> Iterator[Fault]:
    """Report a name that leaves no room for what tells versions apart."""
    spec = _spec(desired)
    if word_of(spec.strategy) != "beside":
        return
    at_step = isinstance(spec.model, JobModel) and spec.model.checkpoint != "final"
    room = LONGEST - 1 - MARK_CHARS - (_STEP_CHARS if at_step else 0)
    name = stable_name(desired)
    if len(name) > room:
        yield Fault(
            "name-too-long",
            "The name leaves no room for what tells versions apart",
            f"{name} has {len(name)} characters; with `strategy: beside` a mark of the model is put behind it, and Azure "
            f"takes {LONGEST} in all.",
            f"Give it a `deployment_name` of at most {room} characters.",
            desired.place_of("spec.deployment_name" if spec.deployment_name else "metadata.name"),
            str(desired.address),
        )


def taken(desired: Desired, live: Observed) -> Fault:
    """Say that the name of a version is somebody else's."""
    return Fault(
        "name-taken",
        "The name is taken by an object that these manifests do not own",
        f"{live.name} is the name of the version that {desired.address} needs, and does not bear its tags; it is not changed.",
        "Give the Deployment another `deployment_name`, or have that one deleted by whoever made it.",
        desired.place,
        str(desired.address),
    )


def since(live: Observed) -> float:
    """Return since when a deployment is the current one, in seconds since the epoch; 0 if no tag says it."""
    tags: Mapping[str, str] = live.facts["tags"]
    return moment_of(tags.get(SINCE, ""))


def moment(at: float) -> str:
    """Return a moment as the tag says it, in UTC."""
    return time.strftime(_TIME, time.gmtime(at))


def moment_of(said: str) -> float:
    """Return a moment that a tag says, in seconds since the epoch; 0 for anything else."""
    try:
        return float(timegm(time.strptime(said, _TIME)))
    except ValueError:
        return 0.0


def version_tags(stable: str, name: str, at: float) -> dict[str, str]:
    """Return the tags of a deployment that is made beside another one, or under a name of its own."""
    return {SINCE: moment(at), **({NAME: stable} if name != stable else {})}


def takes_over(live: Observed) -> Iterator[FieldChange]:
    """Return the tag that a deployment needs to be the current one again."""
    if live.facts.get("takes_over"):
        yield FieldChange(f"tags.{SINCE}", live.facts["tags"].get(SINCE), live.facts["takes_over"])


def _spec(desired: Desired) -> DeploymentSpec:
    assert isinstance(desired.spec, DeploymentSpec)
    return desired.spec
