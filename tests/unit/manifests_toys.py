"""Three toy kinds, and a repository to declare them in: a grain, a brew of grains (or of another brew), a tap.

That they live here, outside the registry, proves that the loader knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field, field_validator

from reconciler.core.account import Account
from reconciler.core.digest import spec_digest
from reconciler.core.fault import Fault, InvalidManifests
from reconciler.core.resource import Address, Block, Content, Desired, LocalPath, Ref, Spec
from reconciler.core.rules import Digests
from reconciler.kind import Implied, Kind, Loaded, Workspace
from reconciler.manifests import Tree, load


class GrainSpec(Spec):
    """What is brewed."""

    path: Annotated[str, LocalPath()] = Field(description="A file of grains.")


class Grain(Kind):
    """Reads a file; the word "rot" in it is an error, "dust" a warning."""

    name: ClassVar[str] = "Grain"
    spec: ClassVar[type[Spec]] = GrainSpec
    reads: ClassVar[list[str]] = []

    def inspect(self, desired: Desired, workspace: Workspace) -> Loaded:
        assert isinstance(desired.spec, GrainSpec)
        path = workspace.root / desired.spec.path
        text = workspace.cache.get(path) if workspace.cache else None
        if text is None:
            self.reads.append(desired.spec.path)
            text = path.read_text()
            if workspace.cache:
                workspace.cache.put(path, text)
        faults = [
            Fault(word, f"There is {word}", place=desired.place_of("path"), severity=severity)
            for word, severity in (("rot", "error"), ("dust", "warning"))
            if word in text
        ]
        return Loaded(Content(text, len(text), 1, "text", desired.spec.path), tuple(faults))  # type: ignore[arg-type]


class GrainRef(Block):
    grain: Annotated[str, Ref("Grain")]


class BrewRef(Block):
    brew: Annotated[str, Ref("Brew")]


class Boil(Block):
    kind: Literal["boil"]
    hours: Annotated[int, Field(ge=1, le=9)] | Literal["auto"] = "auto"


class Rest(Block):
    kind: Literal["rest"]
    degrees: float = 20


class Glass(Block):
    shape: Literal["pint", "flute"]
    etched: str | int | None = None


class BrewSpec(Spec):
    """What is made."""

    base: Annotated[str, LocalPath()] | GrainRef | BrewRef = Field(description="What it is made of.")
    more: tuple[GrainRef, ...] = ()
    notes: dict[str, GrainRef] = Field(default_factory=dict)
    steps: tuple[Annotated[Boil | Rest, Field(discriminator="kind")], ...] = ()
    served: Annotated[Boil | Rest, Field(discriminator="kind")] | Glass | str | None = None
    n_epochs: int = 1
    title: str | None = None
    attempt: int = 1

    @field_validator("title")
    @classmethod
    def _is_loud(cls, value: str | None) -> str | None:
        if value and value != value.upper():
            raise ValueError("is too quiet")
        return value


class Brew(Kind):
    """Made of a grain (a path declares one inline) or of another brew."""

    name: ClassVar[str] = "Brew"
    spec: ClassVar[type[Spec]] = BrewSpec
    unique_digest: ClassVar[bool] = True

    def implied(self, name: str, spec: Spec) -> tuple[Spec, tuple[Implied, ...]]:
        assert isinstance(spec, BrewSpec)
        if not isinstance(spec.base, str):
            return spec, ()
        grain = f"{name}.base"
        implied = Implied("Grain", grain, {"path": spec.base}, "base")
        return spec.model_copy(update={"base": GrainRef(grain=grain)}), (implied,)

    def digests(self, desired: Desired, parents: Digests) -> tuple[str, ...]:
        assert isinstance(desired.spec, BrewSpec)
        fields = {"made_of": [parents[ref][0] for ref in desired.refs], "attempt": desired.spec.attempt}
        return (spec_digest(fields),)


class TapSpec(Spec):
    """Where it flows."""

    brew: Annotated[str, Ref("Brew")] | None = None
    size: int


class Tap(Kind):
    """Large taps are refused; the check sees only resources without faults."""

    name: ClassVar[str] = "Tap"
    spec: ClassVar[type[Spec]] = TapSpec

    def check(self, desired: Desired, declared: Mapping[Address, Desired], account: Account) -> Sequence[Fault]:
        assert isinstance(desired.spec, TapSpec)
        assert all(ref in declared for ref in desired.refs)
        assert account.name == desired.account
        return [Fault("large", "Too large", place=desired.place_of("size"))] if desired.spec.size > 9 else []


KINDS: Mapping[str, Kind] = {kind.name: kind for kind in (Grain(), Brew(), Tap())}
ACCOUNT = """\
apiVersion: reconciler/v1
kind: Account
metadata: {name: home}
spec: {endpoint: "https://home.openai.azure.com", owner: brewers}
"""


def manifest(kind: str, name: str, spec: str, metadata: str = "") -> str:
    return f"apiVersion: reconciler/v1\nkind: {kind}\nmetadata: {{name: {name}{metadata}}}\nspec: {spec}\n"


GRAIN = manifest("Grain", "rye", "{path: rye.txt}")
BREW = manifest("Brew", "stout", "{base: {grain: rye}}")
TAP = manifest("Tap", "bar", "{brew: stout, size: 1}")


class Repo:
    """A repository in a temporary folder, with an account, and a file of grains."""

    def __init__(self, root: Path) -> None:
        Grain.reads.clear()
        self.root = root
        self.environ: dict[str, str] = {}
        (root / ".git").mkdir()
        self.write("manifests/account.yaml", ACCOUNT)
        self.write("manifests/rye.txt", "rye")

    def write(self, name: str, *documents: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("---\n".join(documents))

    def load(self, *documents: str, path: str = "manifests") -> Tree:
        if documents:
            self.write("manifests/a.yaml", *documents)
        return load(Path(path), KINDS, self.environ, cwd=self.root)

    def faults(self, *documents: str, path: str = "manifests") -> list[Fault]:
        with pytest.raises(InvalidManifests) as caught:
            self.load(*documents, path=path)
        return list(caught.value.faults)

    def outcome(self) -> list[Fault]:
        """Return the faults, if there are any."""
        try:
            return list(self.load().warnings)
        except InvalidManifests as error:
            return list(error.faults)

    def told(self, *documents: str, path: str = "manifests") -> list[str]:
        """Return place and code of each fault; places in a.yaml without the file."""
        return [
            f"{fault.place} {fault.code}".removeprefix("manifests/a.yaml:")
            for fault in self.faults(*documents, path=path)
        ]


def addresses(tree: Tree) -> list[str]:
    return [str(desired.address) for desired in tree.desired]


def by_name(tree: Tree, address: str) -> Desired:
    return next(desired for desired in tree.desired if str(desired.address) == address)
