"""What a tree of manifests declares, by name alone: for completion in a shell. Nothing is checked, no data is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from reconciler.core.resource import Address
from reconciler.kind import Kind
from reconciler.manifests.files import Site
from reconciler.manifests.head import Manifest, read_head
from reconciler.manifests.yaml import documents


def declared(path: Path, kinds: Mapping[str, Kind], cwd: Path | None = None) -> Iterator[Address]:
    """Yield each address at PATH, Accounts and what resources declare inline too; what cannot be read is left out.

    Raises InvalidManifests if there is no such path.
    """
    site = Site.at(path, cwd)
    for file in site.manifests():
        text = site.read(file)
        if not isinstance(text, str):
            continue
        for document in documents(text, site.shown(file)):
            manifest = read_head(document, file.parent, kinds)[0] if document.root is not None else None
            if manifest is not None and manifest.name:
                yield manifest.address
                yield from _inline(manifest, kinds)


def _inline(manifest: Manifest, kinds: Mapping[str, Kind]) -> Iterator[Address]:
    if manifest.kind not in kinds or manifest.part.node is None:
        return
    kind = kinds[manifest.kind]
    with suppress(ValidationError):
        _, implied = kind.implied(manifest.name, kind.spec.model_validate(manifest.part.node.data))
        for one in implied:
            yield Address(one.kind, one.name)
