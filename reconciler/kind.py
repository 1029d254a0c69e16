"""What a resource kind is: its spec, its pure rules, and a gateway to Azure. A new kind is one file that fills this in.

`Kind` gives every rule a default that fits the plainest kind there is: one found by its name, whose fields are all
returned and can all be changed. `kinds/__init__.py` lists the kinds; beside the kinds themselves nothing tells one from another by its name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from reconciler.azure.session import Session
from reconciler.core.account import Account
from reconciler.core.change import Create, Delete, Keep, Replace, Update
from reconciler.core.charges import Charges
from reconciler.core.diff import FieldChange, differences
from reconciler.core.digest import spec_digest
from reconciler.core.draft import Draft, Named
from reconciler.core.fault import Fault, Place
from reconciler.core.ignore import ignoring
from reconciler.core.not_ours import not_ours
from reconciler.core.resource import Address, Content, Desired, Observed, Spec, World
from reconciler.core.rules import Claim, Digests, Resolved, View


class Gateway(Protocol):
    """One kind of object in one account: thin, one short conversation a call, no waiting for Azure.

    Each method may raise `AzureError`. None of them waits until something is ready: it returns the object in the
    phase `SETTLING` and the engine looks again.
    """

    def observe(self) -> Sequence[Observed]:
        """List the live objects: a constant number of calls, plus pages."""
        ...

    def create(self, change: Create, refs: Mapping[Address, Observed]) -> Observed:
        """Make the object, unless it is found to exist already; `refs` are the live objects it refers to."""
        ...

    def update(self, change: Update) -> Observed:
        """Change the live object in place."""
        ...

    def delete(self, change: Delete) -> Observed:
        """Delete (or cancel) the live object; that it is gone already is success."""
        ...

    def refresh(self, live: Observed) -> Observed:
        """Look at one object again; phase `GONE` if it does not exist."""
        ...

    def verify(self, desired: Desired, live: Observed) -> Observed:
        """Prove by content that the live object is the declared one, before money is spent on it; returns it with what it told."""
        ...

    def progress(self, live: Observed) -> str:
        """Return how far a working object is, in a few words; "" if there is nothing to say."""
        ...


@runtime_checkable
class Closer(Protocol):
    """What a gateway has besides, if a list does not say all of its objects that a plan may need."""

    def closer(self, live: Observed) -> Observed:
        """Return an object with what only a look at it alone tells, in its `facts`; asked only for what a plan asks."""
        ...


@runtime_checkable
class Confirmer(Protocol):
    """What a gateway has besides, if a list does not show whether something that an object made is still there."""

    def confirmed(self, live: Observed) -> Observed:
        """Return an object after a look at what it made; asked only for what is to be taken over."""
        ...


@runtime_checkable
class Answering(Protocol):
    """What a gateway has besides, if an object that Azure calls ready may not answer yet."""

    def answers(self, change: Keep | Create | Update | Replace, live: Observed) -> Observed:
        """Ask a ready object once whether it answers, if its manifest wants that; one that does not yet is `SETTLING`.

        Then `words` say why not; of one that was asked and answers they say so. A `Keep` is one that Azure was busy with.
        """
        ...

    def only_asks(self, change: Update) -> bool:
        """Return whether nothing is to be changed but that it has not answered yet."""
        ...


@dataclass(frozen=True)
class Verdict:
    """What a trial found: why the change must not be made, or what to say of it."""

    fault: Fault | None = None
    words: str = ""


class Trial(Protocol):
    """Something that is made to be tried before a change is, and goes away again. Waiting is the engine's."""

    def find(self) -> Observed | None:
        """Return it, if there is one; raises ReconcilerError if its name is somebody else's."""
        ...

    def make(self) -> Observed:
        """Make it."""
        ...

    def answers(self, live: Observed) -> Observed:
        """Ask it once whether it answers; one that does not yet is `SETTLING`."""
        ...

    def run(self) -> Verdict:
        """Try it. This takes as long as the manifest allows."""
        ...

    def over(self) -> None:
        """Take note that it is gone."""
        ...

    def unready(self, live: Observed) -> Fault:
        """Say that it could not be tried."""
        ...

    def left(self, why: str) -> Fault:
        """Say that it could not be deleted."""
        ...


@runtime_checkable
class Trying(Protocol):
    """What a gateway has besides, if some changes are made only after something was tried."""

    def trial(self, change: Create | Update | Replace) -> Trial | None:
        """Return what is to be tried before a change is made, if anything is."""
        ...


@dataclass(frozen=True)
class Implied:
    """A resource that a field of another one declares inline."""

    kind: str
    name: str
    spec: Mapping[str, Any]
    path: str
    """The field that declares it."""


class DigestCache(Protocol):
    """Remembers what was read from a file that has not changed since."""

    def get(self, path: Path, data_format: str | None = None) -> Any:
        """Return what a scan for this format found in this very file, or None."""
        ...

    def put(self, path: Path, value: Any, data_format: str | None = None) -> None:
        """Remember what a scan found."""
        ...


@dataclass(frozen=True)
class Piece:
    """What `Documents` read of a file: its value by a model, where its fields stand, and what is wrong with it."""

    value: Any = None
    places: Mapping[str, Place] | None = None
    faults: tuple[Fault, ...] = ()


class Documents(Protocol):
    """Reads the files of the repository that hold a part of a manifest. Paths are posix, from the root."""

    def value(self, model: type[BaseModel], field: str, path: str, subject: str) -> Piece:
        """Return a YAML or JSON file as the value of one field of a model; it is validated as a manifest is."""
        ...

    def text(self, path: str) -> str | Fault:
        """Return a file that is a text."""
        ...

    def path(self, beside: str, value: str) -> str | Fault:
        """Return the path of a file that another one names relative to itself, or why it cannot be used."""
        ...


@dataclass(frozen=True)
class Workspace:
    """Where the manifests are: `root` is the repository; `cache` remembers the digests of unchanged files."""

    root: Path
    cache: DigestCache | None = None
    documents: Documents | None = None
    inspected: Callable[[Address, str, Any], None] = lambda _address, _file, _found: None
    """Is told what was found in the data of each resource, even in data with errors."""


@dataclass(frozen=True)
class Loaded:
    """What `inspect` read: the content, and what is wrong with it.

    `adopt` is the live object that the spec itself names: it is claimed as if `metadata.adopt` named it.
    `spec` and `places` are set by a kind whose specs may name files that hold parts of them: with these parts put in.
    """

    content: Content | None = None
    faults: tuple[Fault, ...] = ()
    spec: Spec | None = None
    places: Mapping[str, Place] | None = None
    adopt: Mapping[str, str] | None = None


class Kind:
    """A resource kind. Subclasses set the attributes (explained at `core.rules.Rules`) and override what differs."""

    name: ClassVar[str]
    spec: ClassVar[type[Spec]]
    word: ClassVar[str] = "create"
    observes: ClassVar[tuple[str, ...]] = ()
    long_running: ClassVar[bool] = False
    on_demand: ClassVar[bool] = False
    control_plane: ClassVar[bool] = False
    echoes_all: ClassVar[bool] = True
    updatable: ClassVar[bool] = True
    prune: ClassVar[str] = ""
    keeps_history: ClassVar[bool] = False
    gone_for: ClassVar[str] = ""
    doubles: ClassVar[bool] = False
    """Whether two runs at once could each make one: then the list is read until it shows what a run made."""
    unique_digest: ClassVar[bool] = False
    """Whether two resources of one account may not have the same digest."""

    def connect(self, session: Session) -> Gateway:
        """Return the gateway of this kind to one account."""
        raise NotImplementedError

    def implied(self, name: str, spec: Spec) -> tuple[Spec, tuple[Implied, ...]]:
        """Take inline resources out of a spec; returns the spec that refers to them, and them."""
        del name
        return spec, ()

    def inspect(self, desired: Desired, workspace: Workspace) -> Loaded:
        """Read the local data of a declared resource, if it has any."""
        del desired, workspace
        return Loaded()

    def unchecked(self, desired: Desired) -> str:
        """Return what of a resource's data cannot be checked before it is applied; "" if there is nothing."""
        del desired
        return ""

    def check(self, desired: Desired, declared: Mapping[Address, Desired], account: Account) -> Sequence[Fault]:
        """Return what is wrong with a resource in the light of all others and its account."""
        del desired, declared, account
        return ()

    def live_name(self, desired: Desired) -> str:
        """Return the name of the live object, for kinds of which no two in an account may have the same; else ""."""
        del desired
        return ""

    def digests(self, desired: Desired, parents: Digests) -> tuple[str, ...]:
        """Return the identity of a declared resource, newest rule first."""
        fields = {
            "name": desired.address.name,
            "spec": desired.spec.comparable(),
            "refs": {str(ref): parents[ref][0] for ref in desired.refs if ref in parents},
        }
        return (spec_digest(fields),)

    def claim(self, desired: Desired, view: View, refs: Resolved) -> Claim:
        """Find the live object by name."""
        del refs
        found = next((live for live in view.of(self.name) if live.name == desired.address.name), None)
        if found and not self.is_ours(found, view.account):
            return Claim(stuck=not_ours(desired, found))
        return Claim(live=found)

    def resolve(self, desired: Desired, refs: Resolved) -> Spec:
        """Return the spec with references replaced by what they point at."""
        del refs
        return desired.spec

    def compare(self, desired: Desired, after: Spec, live: Observed) -> tuple[FieldChange, ...]:
        """Return what of the live object contradicts the declared spec (`after`: with its references resolved)."""
        return differences(ignoring(after, live.spec, desired.ignore), live.spec, echoes_all=self.echoes_all)

    def switches(self, desired: Desired, live: Observed) -> tuple[FieldChange, ...]:
        """Return what is to be switched at a live object that cannot be changed otherwise: paused, resumed."""
        del desired, live
        return ()

    def rests(self, desired: Desired, live: Observed) -> bool:
        """Return whether a live object that has not ended is as declared all the same."""
        del desired, live
        return False

    def is_ours(self, live: Observed, account: Account) -> bool:
        """Return whether a live object bears our mark."""
        return live.owner in account.spec.owners

    def in_use(self, live: Observed, world: World, account: str) -> bool:
        """Return whether an unmatched live object is still needed by another live object."""
        del live, world, account
        return False

    def notes(self, desired: Desired) -> Sequence[str]:
        """Return what a plan that makes the resource says of it beside its settings, for example where data goes."""
        del desired
        return ()

    def warnings(
        self, desired: Desired, declared: Mapping[Address, Desired], now: float, *, makes: bool
    ) -> Sequence[Fault]:
        """Return what a plan should warn of, at its time; `makes`: whether it makes the resource, or finds it made."""
        del desired, declared, now, makes
        return ()

    def spared(self, unmatched: Sequence[Observed], account: Account, declared: Collection[Address]) -> Collection[str]:
        """Return the ids of those unmatched live objects of ours that the Account says to keep."""
        del unmatched, account, declared
        return ()

    def charges(self, desired: Desired, declared: Mapping[Address, Desired]) -> Charges:
        """Return what making a declared resource, or having it, is charged for."""
        del desired, declared
        return Charges()

    def live_charges(self, live: Observed) -> Charges:
        """Return what a live object is charged for as long as it is there."""
        del live
        return Charges()

    def counts(self, desired: Desired) -> Mapping[str, int]:
        """Return what making a declared resource adds to, by the names of `reconciler.limits`.

        A deployment need not say it: what is hosted is counted by its charges (`core.quota`).
        """
        del desired
        return {}

    def live_counts(self, live: Observed) -> Mapping[str, int]:
        """Return what a live object counts as, by the names of `reconciler.limits`."""
        del live
        return {}

    def needs_person(self, change: Create | Update) -> str:
        """Return why a person must look at a change before it is made, whatever flags say; "" if nobody must."""
        del change
        return ""

    def draft(self, live: Observed, named: Named) -> Draft | str:
        """Return a manifest for a live object that none declares, or why there can be none."""
        del named
        return Draft(live, live.name, live.spec.comparable(), adopt=True)

    def may_continue(self, change: object) -> bool:
        """Return whether an unattended run may make this change."""
        del change
        return False


UNCLEAR = "unclear"
"""Key of `Observed.facts` for an object found after a create without a clear answer: it may be one that another run made."""
FOUND = "found"
"""Key of `Observed.facts` for what a create found there already, though the plan did not see it: another run has made it."""
READ_FORMAT, READ_EXAMPLES, READ_KEYS = "read_format", "read_examples", "read_keys"
"""Keys of `Observed.facts` for what a file held that was read back: its format, how many examples, in how many a key stands."""
RESULTS = "results"
"""Key of `Observed.facts` for the result file of a job, read, or the Fault why not; it comes with its checkpoints."""
CHECKPOINTS = "checkpoints"
"""Key of `Observed.facts` for the checkpoints of a job, once a plan has asked for them."""


def no_such_step(desired: Desired, path: str, job_id: str, step: int, there: Sequence[int]) -> Fault:
    """Say that a job left no checkpoint at a step, and at which steps it did."""
    listed = ", ".join(map(str, there))
    return Fault(
        "checkpoint-missing",
        "The job has no checkpoint of this step",
        f"{job_id} has none at step {step}; it has "
        + (f"them at {listed}." if there else "none at all (of a job that has left the history none can be found)."),
        f"Write one of these, for example:\n  checkpoint: {{step: {there[-1]}}}"
        if there
        else "Write:\n  checkpoint: final",
        desired.place_of(path),
        str(desired.address),
    )
