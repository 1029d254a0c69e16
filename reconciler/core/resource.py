"""The words of the model: an address, a spec, what is desired and what is observed.

Desired and observed state hold the *same* `Spec` type, so the difference between them is computed in one place
(`core.diff`). What is read from Azure is built with `model_construct`: limits for what may be written never reject
what was read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from reconciler.core.fault import Fault, Place


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """`Kind/name`: how a resource is called everywhere, in manifests, plans and flags."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Return `Kind/name`."""
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `Kind/name`; raises ValueError for anything else."""
        kind, slash, name = text.partition("/")
        if not slash or not kind or not name:
            raise ValueError(f"not an address: {text!r}")
        return cls(kind, name)


@dataclass(frozen=True, slots=True)
class Ref:
    """Marks a spec field as the name of another resource: `job: Annotated[str, Ref("FineTuneJob")]`.

    With `any_account` that may live in another account.
    """

    kind: str
    any_account: bool = False


@dataclass(frozen=True, slots=True)
class LocalPath:
    """Marks a spec field as a path relative to its manifest, inside the repository; `noun` is what messages call the file."""

    noun: str = "data file"


@dataclass(frozen=True, slots=True)
class FromEnvironment:
    """Marks a spec field that may name an environment variable, `${env:RECONCILER_VAR_NAME}`.

    The spec keeps the name. Whoever needs the value looks it up when it is needed, so that it is in no plan and no log.
    """


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands for a value that a resource will have only after it is applied."""

    address: Address

    def __str__(self) -> str:
        """Return what a plan shows for it."""
        return "(known after apply)"


def _whole(value: Any) -> Any:
    """Take 2.0 for 2: equal numbers are one setting, however they are written."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number."""


class Block(BaseModel):
    """A mapping inside a spec: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    advice: ClassVar[Mapping[str, str]] = {}
    """What to say of a `key` that people write and that is none, or of a `key: value` that is not allowed."""


class Spec(Block):
    """The declared (or observed) settings of one resource.

    A field that is not set is not managed: it is never compared. `comparable()` is where a kind says how its values
    are compared.
    """

    immutable: ClassVar[frozenset[str]] = frozenset()
    """Dotted paths of fields that only a new object can change."""

    repeats: ClassVar[frozenset[str]] = frozenset()
    """Dotted paths of what a live object says twice: they are compared, and not shown where all of it is."""

    account: str | None = Field(
        default=None,
        description="Name of the Account in which it is made; needed only where the tree has several. On change: it is "
        "made in the other account; what the former one holds stays there, as left over or as history.",
        examples=["acme"],
    )

    @property
    def fixed(self) -> frozenset[str]:
        """Dotted paths of fields for which this very resource is deleted and made anew, if they differ."""
        return self.immutable

    def comparable(self) -> dict[str, Any]:
        """Return the set, managed fields as plain nested values in their canonical spelling."""
        return self.model_dump(exclude_unset=True, exclude_none=True, exclude={"account"})


class Phase(Enum):
    """How far a live object is, as far as a dependant cares."""

    READY = "ready"
    """It can be used."""
    SETTLING = "settling"
    """Azure is busy with it for seconds or minutes; the engine looks again within --settle."""
    WORKING = "working"
    """It trains: minutes to days; waited for only with --wait."""
    FAILED = "failed"
    """It ended without a result, or cannot be used."""
    GONE = "gone"
    """It does not exist (any more)."""


UNREAD = "unread"
"""Key of `Observed.facts` for the Fault for which a closer look at the object told nothing."""

BOM_BYTES = 3
"""What a byte-order mark adds to a file."""
SERVING = "serving"
"""Key of `Observed.facts` for the outputs of the object that stands in for this one until it is ready."""

Packed = bytes
"""Values packed for one purpose; what they are is told where they are made."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the local data of a resource is: the digest of its canonical bytes, its size in bytes, its examples.

    `tokens` are those of all examples, None where they were not counted; `longest` the longest examples as (tokens,
    line); `item_keys` how many examples have which key of their own. `rows` is for comparing data with other data.
    """

    digest: str
    bytes: int
    examples: int
    format: str
    path: str
    tokens: int | None = None
    longest: tuple[tuple[int, int], ...] = ()
    item_keys: Mapping[str, int] = field(default_factory=dict)
    images: int = 0
    """How many images the examples refer to; their tokens are not counted."""
    rows: Packed = field(default=b"", repr=False, compare=False)
    tool_examples: int = 0
    """How many examples declare tools; the tokens of the declarations are not counted."""

    def fits(self, size: int, *, returns: bool = False) -> bool:
        """Return whether a stored file of so many bytes can hold it; a BOM and a final line feed may come or go.

        With `returns` it may also have a carriage return on each line, as what other tools upload.
        """
        room = BOM_BYTES + 1
        return abs(size - self.bytes) <= room or (returns and 0 <= size - self.bytes - self.examples <= room)


@dataclass(frozen=True)
class Desired:
    """One resource as the manifests declare it.

    `places` maps dotted field paths to where they stand. `refs` are the resources its spec names. `content` is set
    for kinds with local data.
    """

    address: Address
    account: str
    spec: Spec
    place: Place
    places: Mapping[str, Place] = field(default_factory=dict)
    refs: tuple[Address, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    adopt: bool | Mapping[str, str] = False
    content: Content | None = None
    origin: Address | None = None
    """The resource whose inline field made this one, if it has no manifest of its own."""
    ignore: tuple[str, ...] = ()
    """Dotted paths of fields that others may change at Azure (see `core.ignore`)."""

    def place_of(self, path: str) -> Place:
        """Return where a field stands, or the nearest thing around it."""
        while path:
            if path in self.places:
                return self.places[path]
            path = path.rpartition(".")[0]
        return self.place


@dataclass(frozen=True)
class Observed:
    """One live object, read leniently.

    `identity` is what its mark says of its content or spec digest (a prefix), `owner_check` or `owner` whose mark it
    is; both are hints. `outputs` are the values others refer to. `facts` are for people: they are shown, not decided
    on.
    """

    kind: str
    account: str
    id: str
    name: str
    phase: Phase
    spec: Spec
    status: str = ""
    identity: str = ""
    owner: str = ""
    created_at: float = 0
    finished_at: float | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    """Azure's own words for why it failed."""
    paused: bool = False
    """It does nothing until it is resumed, by Azure itself or by a person."""
    halted: bool = False
    """It works on only when a person resumes it, so there is nothing to wait for."""
    words: str = ""
    """What its status means, where the status itself does not say it."""

    @property
    def address(self) -> Address:
        """Return what a person would call it: its kind and the name it carries."""
        return Address(self.kind, self.name)


@dataclass(frozen=True)
class World:
    """Everything observed in one look: objects by account and kind, and what could not be read."""

    objects: Mapping[tuple[str, str], tuple[Observed, ...]]
    failures: Mapping[tuple[str, str], Fault] = field(default_factory=dict)
    at: float = 0
    """When the look began, in seconds since the epoch."""

    def of(self, account: str, kind: str) -> tuple[Observed, ...]:
        """Return the live objects of one kind in one account."""
        return self.objects.get((account, kind), ())

    def __iter__(self) -> Iterator[Observed]:
        """Go through every live object."""
        for group in self.objects.values():
            yield from group

    def without(self, gone: Collection[Observed]) -> Self:
        """Leave some objects out."""
        ids = {(live.account, live.kind, live.id) for live in gone}
        objects = {
            (account, kind): tuple(live for live in group if (account, kind, live.id) not in ids)
            for (account, kind), group in self.objects.items()
        }
        return type(self)(objects, self.failures, self.at)

    def overlaid(
        self, known: Mapping[tuple[str, str, str], Observed], sure: Collection[tuple[str, str, str]] = ()
    ) -> Self:
        """Put objects that are known better than the lists show them in their place.

        A list may be late: what this run has just made may be missing in it, and what it has just changed may be
        shown as it was. A known object that still works gives way to its listed state, which may be further; one in
        `sure` does not, because this run has just changed what it does.
        """
        if not known:
            return self
        merged = {key: {live.id: live for live in group} for key, group in self.objects.items()}
        for (account, kind, object_id), live in known.items():
            group = merged.get((account, kind))
            if group is None:
                continue
            ended = live.phase in {Phase.READY, Phase.FAILED, Phase.GONE}
            if object_id not in group or ended or (account, kind, object_id) in sure:
                group[object_id] = live
        objects = {key: tuple(group.values()) for key, group in merged.items()}
        return type(self)(objects, self.failures, self.at)
