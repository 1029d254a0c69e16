"""The head of a document: apiVersion, kind and metadata, the same for every kind."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from reconciler.core.fault import Fault, Place
from reconciler.core.resource import Address, Block
from reconciler.manifests.faults import meant, nearest, quoted, snake
from reconciler.manifests.nodes import Document, Node
from reconciler.manifests.places import Part, Places
from reconciler.manifests.validate import in_words, validated
from reconciler.manifests.variables import refuse

API_VERSION = "reconciler/v1"
KEYS = ("apiVersion", "kind", "metadata", "spec")
FIELD = r"^[a-z0-9_]+(\.[A-Za-z0-9_-]+)*$"
NAME = r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$"


class Adopt(Block):
    """The live object that a resource takes over."""

    job: str | None = Field(
        default=None,
        min_length=1,
        description="Id of the fine-tuning job that a FineTuneJob takes over.",
        examples=["ftjob-0123456789abcdef0123456789abcdef"],
    )
    file: str | None = Field(
        default=None,
        min_length=1,
        description="Id of the uploaded file that a Dataset takes over.",
        examples=["file-0123456789abcdef0123456789abcdef"],
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{64}$",
        description="Digest of what the file held when `import --with-data` downloaded it: the declared data must still be "
        "that. Without it only the size is compared. On change: nothing at Azure.",
        examples=["53611517659612063dd79e964a5da5109c5cd480c9fac1d1701821fd60003bf0"],
    )

    @model_validator(mode="after")
    def _is_one(self) -> Adopt:
        if bool(self.job) == bool(self.file):
            raise ValueError("needs either `job` or `file`")
        if self.sha256 and not self.file:
            raise ValueError("holds `sha256`, which goes with `file`")
        return self


class Metadata(Block):
    """What a document is called."""

    name: Annotated[str, StringConstraints(pattern=NAME)] = Field(
        description="Lower-case letters, digits, hyphens and dots, at most 63; unique for its kind in the tree. On "
        "change: a job keeps its model and a file stays as it is; a Deployment without `deployment_name` is "
        "made under the new name.",
        examples=["support-tone"],
    )
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="For people, and for `policy.required`; Azure never sees them. On change: nothing at Azure.",
        examples=[{"team": "support"}],
    )
    adopt: bool | Adopt = Field(
        default=False,
        description="Takes over a live object that was not made from these manifests: `true` for a deployment (by its "
        "name), {job: ID} or {file: ID}; what they say must agree (docs/adoption.md). On change: an object "
        "that is no longer adopted is nobody's; a job is then trained anew.",
        examples=[True, {"job": "ftjob-0123456789abcdef0123456789abcdef"}],
    )
    ignore: list[Annotated[str, StringConstraints(pattern=FIELD)]] = Field(
        default_factory=list,
        description="Fields of `spec` that others may change at Azure: set when the object is made, then neither compared "
        "nor reset. On change: a field that is taken off the list is compared again.",
        examples=[["sku.capacity"]],
    )


@dataclass
class Manifest:
    """One document whose head was read. `faulty` if anything in it is wrong; its name counts as existing then too."""

    kind: str
    name: str
    part: Part
    """The spec."""
    place: Place
    folder: Path
    document: Document
    labels: Mapping[str, str] = field(default_factory=dict)
    adopt: bool | Mapping[str, str] = False
    ignore: tuple[str, ...] = ()
    faulty: bool = False

    @property
    def address(self) -> Address:
        """`Kind/name`."""
        return Address(self.kind, self.name)

    def places(self) -> Places:
        """Return where its fields stand."""
        assert self.document.root is not None
        return Places(self.document.file, self.document.root, self.part.node)


def read_head(document: Document, folder: Path, kinds: Collection[str]) -> tuple[Manifest | None, list[Fault]]:
    """Return the manifest that a document is, and what is wrong with its head; None if it cannot be called anything."""
    root = document.root
    assert root is not None
    whole = Part(document.file, root, Place(document.file, root.line, root.column), "", "")
    if not isinstance(root.children, dict):
        detail = f"The document is {in_words(root)}, expected a mapping with {', '.join(KEYS)}."
        return None, [Fault("not-a-manifest", "Not a manifest", detail, _BEGIN, whole.at)]
    if "apiVersion" not in root.keys and "kind" not in root.keys and not _near(root, "api_version"):
        detail = "It has neither `apiVersion` nor `kind`."
        return None, [Fault("not-a-manifest", "Not a manifest", detail, _BEGIN, whole.at)]
    kind, faults = _kind(root, whole, kinds)
    name = _text(root, "metadata", "name")
    subject = f"{kind}/{name}" if kind and name else kind or ""
    whole = Part(whole.file, root, whole.at, "", subject)
    faults += _version(root, whole)
    faults += [_unknown_key(key, root, whole, kind) for key in root.keys if key not in KEYS]
    metadata, wrong = _metadata(root, whole, variables=document.variables)
    faults += wrong
    if not kind:
        return None, faults
    spec, wrong = _spec(root, whole)
    faults += wrong
    manifest = Manifest(
        kind=kind,
        name=name or "",
        part=Part(whole.file, spec, Place(whole.file, *root.spot("spec")), "spec", subject),
        place=whole.place(["metadata", "name"]) if name else whole.at,
        folder=folder,
        document=document,
        faulty=bool(faults or document.faults or spec is None or metadata is None),
    )
    if metadata:
        manifest.labels = metadata.labels
        adopt = metadata.adopt
        manifest.adopt = adopt if isinstance(adopt, bool) else adopt.model_dump(exclude_none=True)
        manifest.ignore = tuple(metadata.ignore)
    return manifest, faults


_BEGIN = f"Begin each document with:\n  apiVersion: {API_VERSION}\n  kind: …\n  metadata: {{name: …}}"


def _near(root: Node, key: str) -> bool:
    """Whether a key that is not known was probably meant to be this one: then it is not missing too."""
    return any(nearest(snake(other), [key]) for other in root.keys if other not in KEYS)


def _text(root: Node, *path: str) -> str | None:
    node: Node | None = root
    for key in path:
        node = node.child(key) if node else None
    return node.data if node is not None and node.data and isinstance(node.data, str) else None


def _kind(root: Node, whole: Part, kinds: Collection[str]) -> tuple[str | None, list[Fault]]:
    every = ["Account", *kinds]
    kind = _text(root, "kind")
    if kind in every:
        return kind, []
    node = root.child("kind")
    if node is None:
        remedy = meant("", every, what="Kinds")
        return None, [Fault("missing-key", "Missing key", "`kind` is needed.", remedy, whole.at)]
    remedy = meant(kind or "", every, what="Kinds")
    return None, [Fault("unknown-kind", "Unknown kind", f"`kind` is {in_words(node)}.", remedy, whole.place(["kind"]))]


def _version(root: Node, whole: Part) -> list[Fault]:
    node = root.child("apiVersion")
    remedy = f"Write:\n  apiVersion: {API_VERSION}"
    if node is None:
        fault = Fault("missing-key", "Missing key", "`apiVersion` is needed.", remedy, whole.at, whole.subject)
        return [] if _near(root, "api_version") else [fault]
    if node.data == API_VERSION:
        return []
    detail = f"`apiVersion` is {in_words(node)}; this release reads {quoted(API_VERSION)}."
    return [Fault("unknown-version", "Unknown apiVersion", detail, remedy, whole.place(["apiVersion"]), whole.subject)]


def _unknown_key(key: str, root: Node, whole: Part, kind: str | None) -> Fault:
    if key in Metadata.model_fields:
        remedy = f"It belongs at {quoted(f'metadata.{key}')}."
    elif near := nearest(snake(key), ["api_version", *KEYS[1:]]):
        remedy = f"Did you mean {quoted('apiVersion' if near == 'api_version' else near)}?"
    elif kind:
        remedy = f"Settings of {kind} stand below `spec`."
    else:
        remedy = f"A document has {', '.join(KEYS)}."
    place = Place(whole.file, *root.keys[key])
    return Fault("unknown-key", "Unknown key", f"{quoted(key)} is not known here.", remedy, place, whole.subject)


def _metadata(root: Node, whole: Part, *, variables: bool) -> tuple[Metadata | None, list[Fault]]:
    node = root.child("metadata")
    if node is None:
        detail = "`metadata` is needed."
        fault = Fault("missing-key", "Missing key", detail, "Add `metadata: {name: …}`.", whole.at, whole.subject)
        return None, [] if _near(root, "metadata") else [fault]
    part = Part(whole.file, node, whole.place(["metadata"]), "metadata", whole.subject)
    if not isinstance(node.children, dict):
        detail = f"`metadata` is {in_words(node)}, expected a mapping."
        return None, [Fault("wrong-type", "Wrong type", detail, "Write `metadata: {name: …}`.", part.at, whole.subject)]
    metadata, faults = validated(Metadata, node.data, part)
    return metadata, [*faults, *(refuse(part) if variables else ())]


def _spec(root: Node, whole: Part) -> tuple[Node | None, list[Fault]]:
    node = root.child("spec")
    if node is None:
        fault = Fault("missing-key", "Missing key", "`spec` is needed.", "", whole.at, whole.subject)
        return None, [] if _near(root, "spec") else [fault]
    if isinstance(node.children, dict):
        return node, []
    if node.data is None:
        return Node.mapping(*root.keys["spec"]), []
    detail = f"`spec` is {in_words(node)}, expected a mapping."
    return None, [Fault("wrong-type", "Wrong type", detail, "", whole.place(["spec"]), whole.subject)]


def may_be_account(document: Document) -> bool:
    """Return whether a document, even one with faults, was probably meant as an Account."""
    if document.root is None:
        return "Account" in document.unread
    return nearest(_text(document.root, "kind") or "", ["Account"]) is not None
