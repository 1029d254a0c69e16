"""Bugs planted on purpose: each breaks one rule of the product, and names the words of the check that must notice it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from simulation import play as simulation

from reconciler.azure import errors
from reconciler.azure.errors import AzureError
from reconciler.azure.jobs import Jobs
from reconciler.core.account import Account, AccountSpec
from reconciler.core.diff import FieldChange
from reconciler.core.plan import Planner
from reconciler.core.resource import Observed, Phase
from reconciler.core.rules import Claim
from reconciler.engine import Engine
from reconciler.engine.listed import Listed
from reconciler.kinds import dataset, deployment, fine_tune_job
from reconciler.kinds.dataset import DatasetKind
from reconciler.kinds.deployment import DeploymentKind, checkpoint, gateway, pin
from reconciler.kinds.deployment.beside import Versions
from reconciler.kinds.deployment.gateway import DeploymentGateway
from reconciler.kinds.deployment.spec import NamedModel
from reconciler.kinds.fine_tune_job import FineTuneJobKind, identity
from reconciler.kinds.fine_tune_job.gateway import JobGateway
from reconciler.render import outcome, text

KIND = FineTuneJobKind.name


@dataclass(frozen=True)
class Change:
    """`name` of `owner` becomes what `broken` makes of it."""

    owner: Any
    name: str
    broken: Callable[[Any], Any]


@dataclass(frozen=True)
class Bug:
    """One rule that is broken, by one change or by several that only together break it."""

    said: str
    """What the check says that is to notice it."""
    changes: tuple[Change, ...]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have it in the product for a while."""
        with ExitStack() as stack:
            for one in self.changes:
                was = getattr(one.owner, one.name)
                stack.enter_context(patch.object(one.owner, one.name, one.broken(was)))
            yield


def _bug(said: str, owner: Any, name: str, broken: Callable[[Any], Any], *more: Change) -> Bug:
    return Bug(said, (Change(owner, name, broken), *more))


def _at_once(_: Any) -> Any:
    return staticmethod(lambda *_args: None)


def _unjudged(_: Any) -> Any:
    return lambda _desired, claim, *_args: claim


def _never(value: Any) -> Callable[[Any], Any]:
    return lambda _: lambda *_args, **_kwargs: value


def _sent_again(create: Any) -> Any:
    def again(self: Jobs, body: dict[str, Any]) -> Any:
        try:
            return create(self, body)
        except AzureError:
            return create(self, body)

    return again


def _oldest_first(_: Any) -> Any:
    return lambda live: (live.created_at, live.id)


def _with_text(digest_of: Any) -> Any:
    def wrong(desired: Any, *more: Any) -> str:
        text, digest = desired.spec.suffix or "", digest_of(desired, *more)
        return f"{len(text) % 10}{digest[1:]}" if text else digest

    return wrong


def _only_new_owner(_: Any) -> Any:
    return property(lambda self: (self.owner,))


def _with_owner(make: Any) -> Any:
    """Have what identifies a job depend on who owns it."""

    class Owned:
        def __init__(self, kind: Any, accounts: Any) -> None:
            self._kind = kind
            self._accounts = accounts

        def __getattr__(self, name: str) -> Any:
            return getattr(self._kind, name)

        def digests(self, desired: Any, parents: Any) -> Any:
            owner = self._accounts[desired.account].spec.owner
            return tuple(
                f"{len(owner) % 10}{ord(owner[-1]) % 10}{digest[2:]}" for digest in self._kind.digests(desired, parents)
            )

    def made(self: Planner, desired: Any, accounts: Any, world: Any, kinds: Any, options: Any) -> None:
        make(self, desired, accounts, world, {**kinds, KIND: Owned(kinds[KIND], accounts)}, options)

    return made


def _any_tags(_: Any) -> Any:
    def ours(self: DeploymentKind, live: Observed, account: Account) -> bool:
        return not live.facts.get("adopted")

    return ours


def _without_duplicates(found: Any) -> Any:
    return lambda self, *args: replace(found(self, *args), duplicates=())


def _clones_too(found: Any) -> Any:
    """Have what bears our mark without evidence cancelled as a second job."""

    def wrong(self: FineTuneJobKind, *args: Any) -> Claim:
        claim = found(self, *args)
        return replace(claim, duplicates=(*claim.duplicates, *claim.not_ours), not_ours=()) if claim.live else claim

    return wrong


def _deleted_first(update: Any) -> Any:
    def wrong(self: DeploymentGateway, change: Any) -> Any:
        if any(item.path.startswith("model") for item in change.changes):
            self._deployments.delete(change.live.name)
        return update(self, change)

    return wrong


def _models_too(named: Any) -> Any:
    return lambda _self, live, _retained: bool(live.outputs.get("model"))


def _also_jobs(make: Any) -> Any:
    """Have what is left over of every kind go."""

    def wrong(self: Planner, change: Any) -> str:
        held = make(self, change)
        return "" if "is not in `prune`" in held else held

    return wrong


def _last_step(at_step: Any) -> Any:
    return lambda found, _step: found[-1] if found else None


def _without_capacity(compare: Any) -> Any:
    def wrong(self: DeploymentKind, *args: Any) -> Any:
        return tuple(item for item in compare(self, *args) if not item.path.startswith("sku"))

    return wrong


def _on_the_base(body: Any) -> Any:
    def wrong(self: JobGateway, *args: Any) -> Any:
        made = body(self, *args)
        return {**made, "model": made["model"].partition(".ft-")[0]}

    return wrong


def _one_off(counts: Any) -> Any:
    return lambda *args, **more: dataclasses.replace(made, failed=0) if (made := counts(*args, **more)) else made


def _nothing_to_do(said: Any) -> Any:
    return lambda plan, _kinds: "No changes. Azure matches the manifests."


def _with_row(notes: Any) -> Any:
    return lambda self, desired: (*notes(self, desired), "first row: variant-0 0?")


def _newest_first(_: Any) -> Any:
    return lambda lives: max(lives, key=lambda live: (live.created_at, live.id), default=None)


def _as_answered(_: Any) -> Any:
    """Have the answer of a create believed, whatever it says."""
    return lambda self, _change, _body, raw: self._observed(raw)


def _other_seed(body: Any) -> Any:
    return lambda self, *args: {**body(self, *args), "seed": 999}


def _looks_in_vain(find: Any) -> Any:
    def wrong(self: JobGateway, *args: Any) -> None:
        find(self, *args)

    return wrong


def _only_what_has_ended(marked: Any) -> Any:
    """Have a job that has not ended go unseen."""

    def wrong(self: FineTuneJobKind, *args: Any) -> Any:
        proven, clones = marked(self, *args)
        return [live for live in proven if live.phase is not Phase.WORKING], clones

    return wrong


def _of_any_owner(_: Any) -> Any:
    return lambda _self, live, _account: bool(live.identity)


def _of_anybody(_: Any) -> Any:
    return lambda _self, _live, _account: True


def _base_again(resolve: Any) -> Any:
    """Have the base served in the place of what was trained."""

    def wrong(self: DeploymentKind, *args: Any) -> Any:
        after = resolve(self, *args)
        name = getattr(after.model, "name", "")
        if not isinstance(after.model, NamedModel) or ".ft-" not in name:
            return after
        named = {"name": "gpt-4.1-mini", "version": "2025-04-14"}
        return after.model_copy(update={"model": after.model.model_copy(update=named)})

    return wrong


def _without_tags_too(is_ours: Any) -> Any:
    """Have a deployment that serves a model of ours count as ours, whatever its tags say."""
    return lambda live, account: is_ours(live, account) or ".ft-" in str(live.outputs.get("model"))


def _never_settled(compare: Any) -> Any:
    """Have a deployment differ for ever."""

    def wrong(self: DeploymentKind, *args: Any) -> Any:
        return (*compare(self, *args), FieldChange("tags.x", None, "y"))

    return wrong


def _raises(_: Any) -> Any:
    def wrong(*_args: Any, **_more: Any) -> Any:
        raise KeyError("step")

    return wrong


BUGS: dict[str, Bug] = {
    # what is created
    "creates are repeated after an error": _bug("without a look", Jobs, "create", _sent_again),
    "no look before a create": _bug("without a look", JobGateway, "_find", _never(None)),
    "a job that has not ended is not seen": _bug(
        "was created beside",
        JobGateway,
        "_find",
        _looks_in_vain,
        Change(FineTuneJobKind, "_marked", _only_what_has_ended),
    ),
    "of several jobs the oldest counts": _bug("anew because of", fine_tune_job, "order", _oldest_first),
    "duplicates are left running": _bug("trained 2 times", FineTuneJobKind, "_found", _without_duplicates),
    "nobody waits for the list": _bug("trained 2 times", Listed, "note", _never(None)),
    "the digest holds the text of the suffix": _bug("trained 2 times", identity, "_digest", _with_text),
    "the digest holds the owner": _bug("trained 2 times", Planner, "__init__", _with_owner),
    "former owners are forgotten": _bug("trained 2 times", AccountSpec, "owners", _only_new_owner),
    "another seed is sent": _bug(
        "trained on",
        JobGateway,
        "_body",
        _other_seed,
        Change(JobGateway, "_confirm", _as_answered),
        Change(FineTuneJobKind, "_evidence", _never(())),
    ),
    "a job on another's model is trained on the base": _bug(
        "trained", JobGateway, "_body", _on_the_base, Change(FineTuneJobKind, "_evidence", _never(()))
    ),
    # what is not ours
    "a mark is enough, without evidence": _bug("without evidence", FineTuneJobKind, "_evidence", _never(())),
    "a pin takes the newest of its mark": _bug(
        "a model without evidence",
        pin,
        "newest",
        _newest_first,
        Change(pin, "without_clones", lambda _: lambda marked, _view: list(marked)),
        Change(pin, "contradicts", _never(False)),
    ),
    "a clone is cancelled": _bug("a job without evidence was touched", FineTuneJobKind, "_found", _clones_too),
    "a deployment without our tags is ours": _bug(
        "what is not ours", DeploymentKind, "is_ours", _any_tags, Change(DeploymentGateway, "_is_mine", _never(True))
    ),
    "a deployment that lost its tags is ours": _bug(
        "lost its tags", deployment, "is_marked", _without_tags_too, Change(gateway, "is_marked", _without_tags_too)
    ),
    "files of others go": _bug("what is not ours", DatasetKind, "is_ours", _of_anybody),
    "files of another owner go": _bug("what is not ours", DatasetKind, "is_ours", _of_any_owner),
    # what is deleted
    "prunes under --target": _bug("--target deleted", Planner, "_narrowed", _never(False)),
    "deletes without --prune": _bug("deleted without --prune", Planner, "_held_deletion", _never("")),
    "--continue deletes": _bug("--continue deleted", Planner, "_held_deletion", _never("")),
    "in_place deletes first": _bug("a declared deployment was deleted", DeploymentGateway, "update", _deleted_first),
    "a deletion waits for nothing": _bug("was there", Engine, "_deletion_waits", _at_once),
    "beside deletes before the new one serves": _bug(
        "was there", Versions, "_kept", _never(""), Change(Engine, "_deletion_waits", _at_once)
    ),
    "a file that is needed goes": _bug("the file of a declared", dataset, "has_size", _never(False)),
    "a model goes without leave": _bug(
        "deleted without leave",
        Planner,
        "_named_for_deletion",
        _models_too,
        Change(Planner, "_held_deletion", _also_jobs),
    ),
    # what is served
    "a pin is not obeyed": _bug("and pins", deployment, "pinned_job", _never(None)),
    "gates are not judged": _bug("which its gate keeps back", deployment, "judged", _unjudged),
    "the base is served again": _bug("nothing serves", DeploymentKind, "resolve", _base_again),
    "another checkpoint is served": _bug("is not as declared", checkpoint, "at_step", _last_step),
    "capacity is not compared": _bug("is not as declared", DeploymentKind, "compare", _without_capacity),
    "a deployment always differs": _bug("not as committed", DeploymentKind, "compare", _never_settled),
    # what a schedule does
    "--continue may do anything": _bug("--continue", Planner, "_left_to_a_person", _never(False)),
    "--continue trains": _bug("--continue created a job", FineTuneJobKind, "may_continue", _never(True)),
    "--continue makes anew what vanished long ago": _bug(
        "--continue made", deployment, "missing", lambda _: lambda *_args: Claim()
    ),
    # what is said
    "the exit code is always 0": _bug("exit code 0", simulation, "apply_exit", _never(0)),
    "the exit code is always 1": _bug("exit code 1", simulation, "apply_exit", _never(1)),
    "failures are not counted": _bug("counts wrongly", outcome, "apply_counts", _one_off),
    "a plan says that there is nothing to do": _bug("nothing is to be done", text, "summary", _nothing_to_do),
    "secrets are not hidden": _bug("a secret was shown", errors, "scrub", lambda _: lambda text: text),
    "a row is shown": _bug("the content of a row", DatasetKind, "notes", _with_row),
    "a failure that nobody foresaw": _bug("nobody expected", DeploymentGateway, "_from", _raises),
    "an exception of a plan": _bug("an exception", checkpoint, "at_step", _raises),
}
