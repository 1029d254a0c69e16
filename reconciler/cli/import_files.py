"""The files that `import` writes: staged beside where they go, then put there together; nothing is written over."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer

from reconciler.cli.placing import place
from reconciler.cli.schema import SCHEMA, schema_text
from reconciler.cli.state import GLOBALS
from reconciler.core.fault import Fault, InvalidManifests, ReconcilerError, Refused
from reconciler.core.resource import Observed
from reconciler.manifests import Tree
from reconciler.manifests.files import SUFFIXES
from reconciler.manifests.head import API_VERSION
from reconciler.manifests.repository import root_of
from reconciler.render.manifest import comment, manifest_text
from reconciler.render.words import plural

if TYPE_CHECKING:
    from reconciler.core.draft import Draft
    from reconciler.manifests.adoption import Adopted, Survey

DATA = "data"


def tree_for(path: Path, resource_id: str | None, endpoint: str | None, owner: str | None) -> tuple[Tree, str]:
    """Load the manifests at PATH, or make a tree of one Account that is not written yet, and its text."""
    if not (resource_id or endpoint):
        if owner:
            raise typer.BadParameter("goes with --resource-id or --endpoint", param_hint="--owner")
        from reconciler.cli.compose import load_tree

        try:
            tree = load_tree(path)
        except InvalidManifests as error:
            if any(fault.code in {"no-path", "no-manifests", "no-account"} for fault in error.faults):
                raise _nowhere(path) from error
            raise
        if not tree.accounts:
            raise _nowhere(path)
        return tree, ""
    if owner is None:
        raise typer.BadParameter(
            "a new Account needs one: 3 to 20 of a-z, 0-9 and -, unique for this repository", param_hint="--owner"
        )
    found = sorted(str(file) for suffix in SUFFIXES for file in path.glob(f"**/*{suffix}")) if path.is_dir() else []
    if found or path.is_file():
        raise Refused(
            Fault(
                "import-not-empty",
                "There are manifests already",
                f"{(found or [str(path)])[0]} is there; a new Account is only written where nothing is.",
                "Import with the Account that is declared:\n  reconciler import\nor name a folder that is empty.",
            )
        )
    return _new_tree(path, {"resource_id": resource_id, "endpoint": endpoint, "owner": owner})


def _nowhere(path: Path) -> ReconcilerError:
    return ReconcilerError(
        Fault(
            "no-account",
            "There is no Account to import from",
            f"{path} declares none.",
            "Say where to look and whose it will be; the Account is written too:\n"
            "  reconciler import --resource-id /subscriptions/…/accounts/NAME --owner NAME",
        )
    )


def _new_tree(path: Path, spec: Mapping[str, str | None]) -> tuple[Tree, str]:
    from pydantic import ValidationError

    from reconciler.core.account import Account, AccountSpec
    from reconciler.core.fault import Place

    given = {key: value for key, value in spec.items() if value}
    try:
        valid = AccountSpec.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{str(first['loc'][0] if first['loc'] else 'resource_id').replace('_', '-')}"
        raise typer.BadParameter(str(first["msg"]).removeprefix("Value error, "), param_hint=option) from error
    here = Path(os.path.realpath(Path.cwd()))
    real = Path(os.path.realpath(here / path))
    root = root_of(real, here)
    name = _account_name(given)
    account = Account(name, valid, Place(str(path / "account.yaml")))
    tree = Tree(root, real, {name: account}, (), folders={name: real})
    document = {"apiVersion": API_VERSION, "kind": "Account", "metadata": {"name": name}, "spec": given}
    return tree, manifest_text(document)


def _account_name(spec: Mapping[str, str]) -> str:
    """Name an Account as Azure does, in the letters that a manifest may use."""
    from urllib.parse import urlsplit

    from reconciler.manifests.adoption import slug

    if spec.get("resource_id"):
        return slug(spec["resource_id"].rstrip("/").rpartition("/")[2])
    return slug((urlsplit(spec["endpoint"]).hostname or "").partition(".")[0])


Content = Callable[[Observed], Iterator[bytes]]
"""Streams the bytes of a file."""


@dataclass(frozen=True)
class Staged:
    """A file that was downloaded: its path from the root of the repository, or the codes of what is wrong with it."""

    path: str
    digest: str
    errors: tuple[str, ...] = ()


class Writing:
    """Collects files in a hidden folder below PATH, which no load reads, and moves them to their places in the end."""

    def __init__(self, tree: Tree, into: str | None, origin: str = "") -> None:
        self._tree = tree
        self._origin = origin
        """Where what is written lived, if not in an Account of the tree."""
        self._staged: list[str] = []
        self._base = tree.path if tree.path.suffix not in SUFFIXES else tree.path.parent
        self._into = into
        self._stage = self._base / f".import-{os.getpid()}"
        self._files: dict[Path, Path | str] = {}
        """Where a file goes, and its text or the staged file that goes there."""
        if into is not None and not (self._base / into).resolve().is_relative_to(self._base):
            raise typer.BadParameter("must be a folder below PATH", param_hint="--into")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self._stage, ignore_errors=True)

    @property
    def names(self) -> list[str]:
        """Return what is written, as a person calls it from here."""
        return [self._shown(file) for file in self._files]

    def fetch(self, found: Survey, content: Content) -> dict[tuple[str, str], Draft]:
        """Download the files of all datasets that are to be written; returns what declares each by its content.

        What this release would not take as it is stays named by its id, with the digest.
        """
        fetched: dict[tuple[str, str], Draft] = {}
        for adopted in found.adopted:
            draft = adopted.draft
            if "source" not in draft.spec:
                continue
            live = draft.live
            got = self.stage(live, content)
            if got.errors:
                note = f"not downloaded: the data has errors ({', '.join(got.errors)})"
                spec = {"source": {"file_id": live.id, "sha256": got.digest}}
                fetched[live.account, live.id] = replace(draft, spec=spec, notes=(*draft.notes, note))
            else:
                spec = {"source": {"path": got.path}}
                fetched[live.account, live.id] = replace(
                    draft, spec=spec, adopt={"file": live.id, "sha256": got.digest}
                )
        return fetched

    def stage(self, live: Observed, content: Content) -> Staged:
        """Download one file and check it; one with errors is not kept."""
        from reconciler.datasets import Chunks, canonical_chunks, scan_file

        self._open_stage()
        # The id is text of a service: it names no other folder.
        staged = self._stage / f"{len(self._staged)}.jsonl"
        self._staged.append(live.id)
        with staged.open("xb") as file:
            for chunk in canonical_chunks(Chunks(content(live))):
                file.write(chunk)
        scan = scan_file(staged, file=staged.name, data_format=None)
        errors = tuple(sorted({one.code for one in scan.findings if one.severity == "error"}))
        if errors:
            staged.unlink()
        return Staged(staged.relative_to(self._tree.root).as_posix(), scan.digest, errors)

    def add(self, found: Survey, account_text: str) -> None:
        """Take in what is to be written: a file for each kind of each account, and the data beside it."""
        from reconciler.cli.compose import KINDS

        if account_text:
            said = "Where everything lives. What is made from these manifests is marked with `owner`."
            self._files[self._base / "account.yaml"] = self._head(self._base, said) + account_text
        groups: dict[tuple[str, str], list[Adopted]] = {}
        for adopted in found.adopted:
            groups.setdefault((adopted.account, adopted.address.kind), []).append(adopted)
        for (account, kind), group in groups.items():
            folder = self._base / (self._into or self._origin or account)
            if self._into and len({name for name, _ in groups}) > 1:
                folder /= account
            plural = KINDS[kind].prune or f"{kind.lower()}s"
            said = (
                f"{plural.capitalize()} that were at {self._origin}: nothing of them is in Account/{account} yet."
                if self._origin
                else f"{plural.capitalize()} that were in Account/{account} before these manifests, as Azure shows them."
            )
            documents = [self._document(adopted, folder) for adopted in group]
            self._files[folder / f"{plural}.yaml"] = self._head(folder, said) + "---\n".join(documents)
        schema = self._tree.root / SCHEMA
        if self._files and not schema.exists():
            self._files[schema] = schema_text()  # the first line of each manifest names it

    def finish(self, *, dry_run: bool) -> None:
        """Write everything, or print it; raises Refused if anything is in the way."""
        # What an earlier run moved to its place before it was broken off is not in the way.
        there = [
            self._shown(file)
            for file, content in self._files.items()
            if (file.exists() or file.is_symlink()) and not _holds(file, content)
        ]
        if there:
            listed = "\n  ".join(there)
            raise Refused(
                Fault(
                    "import-in-the-way",
                    "Something is there already",
                    f"Nothing was written. In the way:\n  {listed}",
                    "Write beside it:\n  reconciler import --into DIR",
                )
            )
        if not self._files:
            return
        print("\nWould write:" if dry_run else "\nWrote:")
        if not dry_run:
            self._move()
        for file, content in self._files.items():
            documents = content.count(f"apiVersion: {API_VERSION}") if isinstance(content, str) else 0
            count = f"  ({plural(documents, 'manifest')})" if documents else ""
            print(f"  {self._shown(file)}{count}")
        if dry_run:
            for file, content in self._files.items():
                if isinstance(content, str) and file.suffix in SUFFIXES:
                    print(f"\n# {self._shown(file)}\n{content}", end="")

    def _open_stage(self) -> None:
        """Make the hidden folder; git is told to ignore it, for what a run that is killed leaves there is data."""
        if not self._stage.exists():
            self._stage.mkdir(parents=True)
            (self._stage / ".gitignore").write_text("*\n", encoding="utf-8")

    def _move(self) -> None:
        """Stage every text, then move all; what was moved is taken back if one cannot be."""
        self._open_stage()
        moved: list[Path] = []
        try:
            for number, (file, content) in enumerate(self._files.items()):
                if _holds(file, content):
                    continue
                if isinstance(content, str):
                    staged = self._stage / f"{number}.yaml"
                    staged.write_text(content, encoding="utf-8", newline="\n")
                    self._link(staged, file, moved)
                else:
                    self._link(content, file, moved)
        except OSError as error:
            for file in moved:
                file.unlink(missing_ok=True)
            raise ReconcilerError(
                Fault(
                    "import-not-written",
                    "The manifests could not be written",
                    f"{error.filename2 or error.filename}: {error.strerror}. Nothing was left behind.",
                )
            ) from error

    @staticmethod
    def _link(staged: Path, file: Path, moved: list[Path]) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        place(staged, file)
        moved.append(file)

    def _document(self, adopted: Adopted, folder: Path) -> str:
        spec: dict[str, Any] = dict(adopted.spec)
        path = spec.get("source", {}).get("path") if isinstance(spec.get("source"), Mapping) else None
        if path:
            name = f"{DATA}/{adopted.address.name}.jsonl"
            self._files[folder / name] = self._tree.root / path
            spec["source"] = {"path": name}
        return manifest_text(adopted.manifest(spec), adopted.draft.notes)

    def _head(self, folder: Path, said: str) -> str:
        schema = Path(os.path.relpath(self._tree.root / SCHEMA, folder)).as_posix()
        lines = [f"# yaml-language-server: $schema={schema}", comment(said)]
        return "".join(f"{line}\n" for line in (*lines, ""))

    def _shown(self, file: Path) -> str:
        return GLOBALS.shown(Path(os.path.relpath(file, Path.cwd().resolve())))


def _holds(file: Path, content: Path | str) -> bool:
    """Whether a file is there already and has this very content."""
    try:
        if file.is_symlink():
            return False
        if isinstance(content, str):
            return file.read_bytes() == content.encode()
        return filecmp.cmp(content, file, shallow=False)
    except OSError:
        return False
