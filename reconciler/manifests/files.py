"""Which files a tree of manifests is made of, and which local data they name. Nothing leaves the repository."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.fault import Fault, InvalidManifests, Place
from reconciler.manifests.faults import nearest, printable, quoted
from reconciler.manifests.repository import root_of
from reconciler.manifests.yaml import MAX_BYTES, decode, too_large

SUFFIXES = (".yaml", ".yml")
MOST_NAMES, MOST_GUESSES = 1_000, 20
"""Files of a folder among which a misspelt one is looked for, and how often that is done."""


@dataclass
class Site:
    """A tree of files on disk: PATH, the repository around it, and what is known of its folders. Paths are real."""

    path: Path
    root: Path
    faults: list[Fault] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """What the files are called that were read or found, from the root."""
    _folders: dict[str, str] = field(default_factory=dict)
    _guesses: int = MOST_GUESSES

    @classmethod
    def at(cls, path: Path, cwd: Path | None) -> Site:
        """Look at PATH; raises InvalidManifests if there is nothing."""
        here = Path(os.path.realpath(cwd or Path.cwd()))
        if not os.path.exists(here / path):  # noqa: PTH110  (it answers even for a path that the system cannot take)
            raise InvalidManifests(
                Fault(
                    "no-path",
                    "There is no such file or folder",
                    f"{quoted(str(path))} does not exist in {quoted(str(here))}.",
                    "Name the folder of your manifests; docs/manifests.md shows a first one.",
                )
            )
        real = Path(os.path.realpath(here / path))
        return cls(real, root_of(real, here))

    def shown(self, path: str | Path) -> str:
        """Return a path below the root, as git and code review call it, wherever the command is run."""
        return printable(os.path.relpath(path, self.root))

    def manifests(self) -> list[Path]:
        """Return the manifests at PATH, in a fixed order, each real file once."""
        if not self.path.is_dir():
            return [self.path]
        return list(self._below(str(self.path)))

    def beside(self, folder: Path) -> list[Path]:
        """Return the manifests that stand directly in a folder."""
        found = [Path(entry.path) for entry in self._entries(folder) if _is_manifest(entry) and _is(entry.is_file)]
        return [path for path in found if self._holds(os.path.realpath(path))]

    def _below(self, top: str) -> Iterator[Path]:
        seen: set[str] = set()
        todo = [(top, True)]
        while todo:
            path, is_folder = todo.pop()
            if path in seen:
                continue
            seen.add(path)
            if is_folder:
                inside = [found for entry in self._entries(path) if (found := self._wanted(entry))]
                todo.extend(reversed(inside))
            else:
                yield Path(path)

    def _wanted(self, entry: os.DirEntry[str]) -> tuple[str, bool] | None:
        """Return the real path of a folder or manifest that is to be read, and whether it is a folder."""
        is_folder = _is(entry.is_dir)
        if not (is_folder or _is_manifest(entry)):
            return None
        if not entry.is_symlink():
            return entry.path, is_folder
        real = os.path.realpath(entry.path)
        if not self._holds(real):
            self.faults.append(self._leaves(entry.path))
            return None
        return real if is_folder or _is(entry.is_file) else entry.path, is_folder

    def _holds(self, real: str) -> bool:
        """Whether a real path is in the repository."""
        root = str(self.root)
        return real == root or real.startswith(root.rstrip("/") + "/")

    def _entries(self, folder: str | Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                visible = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            self.faults.append(_unreadable(self.shown(folder), _reason(error)))
            return []
        return sorted(visible, key=lambda entry: entry.name)

    def _leaves(self, path: str) -> Fault:
        return Fault(
            "leaves-repository",
            "A link leaves the repository",
            f"{quoted(self.shown(path))} leads out of {quoted(str(self.root))}: what it holds is not under review.",
            "Copy the file into the repository, or remove the link.",
            Place(self.shown(path)),
        )

    def read(self, path: Path) -> str | Fault:
        """Return the text of a manifest, or why it cannot be read."""
        name = self.shown(path)
        self.names.add(name)
        try:
            about = path.stat()
            if not stat.S_ISREG(about.st_mode):  # a pipe would be waited for
                return _unreadable(name, "It is not a file.")
            return too_large(name, about.st_size) if about.st_size > MAX_BYTES else decode(path.read_bytes(), name)
        except OSError as error:
            return _unreadable(name, _reason(error))

    def data_file(self, folder: Path, value: str, noun: str = "data file") -> str | Fault:
        """Return a local file that a manifest in `folder` names, as a posix path from the root; or why it cannot be used."""
        if not value.strip() or "\0" in value:
            return _no_data("Not a path", f"{quoted(value)} names no file.", _RELATIVE)
        if "://" in value:
            remedy = "Download the file into the repository, or name an uploaded one: {file_id: …}"
            return _no_data("A path is expected, not a URL", f"{quoted(value)} is a URL.", remedy)
        if value.startswith(("/", "~")) or value[1:3] == ":\\":
            return _no_data("Paths are relative to their manifest", f"{quoted(value)} is not relative.", _RELATIVE)
        try:
            return self._data_file(folder, value, noun)
        except OSError as error:
            return _no_data(f"The {noun} cannot be read", f"{quoted(value)}: {_reason(error)}", "")

    def _data_file(self, folder: Path, value: str, noun: str) -> str | Fault:
        head, tail = os.path.split(os.path.join(self._real(str(folder)), value))  # noqa: PTH118
        whole = os.path.join(self._real(head), tail)  # noqa: PTH118
        try:
            about = os.lstat(whole)
            if stat.S_ISLNK(about.st_mode) or tail in {"", ".", ".."}:
                whole = os.path.realpath(whole)
                about = os.stat(whole)  # noqa: PTH116  (a real path as text: this runs for every data file)
        except (FileNotFoundError, NotADirectoryError):
            about = None
        if not self._holds(whole):
            detail = f"{quoted(value)} leads out of {quoted(str(self.root))}: what it holds is not under review."
            return _no_data("A path leaves the repository", detail, self._bring_in())
        if about is None:
            remedy = self._similar(folder, value)
            return _no_data(f"The {noun} does not exist", f"There is no {quoted(value)}.", remedy)
        if not stat.S_ISREG(about.st_mode):
            return _no_data("A file is expected", f"{quoted(value)} is not a file.", "Name one file, not a folder.")
        if not os.access(whole, os.R_OK):
            return _no_data(f"The {noun} cannot be read", f"{quoted(value)}: Permission denied.", "")
        name = os.path.relpath(whole, self.root)
        self.names.add(name)
        return name

    def _bring_in(self) -> str:
        if (self.root / ".git").exists():
            return "Copy the file into the repository."
        return "Outside git, data must be below the current directory: run where both are (--chdir), or copy the file."

    def _real(self, folder: str) -> str:
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return self._folders[folder]

    def _similar(self, folder: Path, value: str) -> str:
        head, tail = os.path.split(value)
        self._guesses -= 1
        try:
            with os.scandir(folder / head) as entries:
                names = [entry.name for entry, _ in zip(entries, range(MOST_NAMES), strict=False) if _is(entry.is_file)]
        except OSError:
            return f"Paths are relative to their manifest, which is in {quoted(self.shown(folder))}."
        near = nearest(tail, names) if self._guesses >= 0 else None
        if near:
            return f"Did you mean {quoted(os.path.join(head, near))}?"  # noqa: PTH118
        return f"Paths are relative to their manifest, which is in {quoted(self.shown(folder))}."


_RELATIVE = "Name a file relative to this manifest."


def _no_data(summary: str, detail: str, remedy: str) -> Fault:
    return Fault("data-file", summary, detail, remedy)


def _is(question: Callable[[], bool]) -> bool:
    """Ask something about a file; of a link that leads to itself nothing is true."""
    try:
        return question()
    except OSError:
        return False


def _is_manifest(entry: os.DirEntry[str]) -> bool:
    return entry.name.lower().endswith(SUFFIXES)


def _reason(error: OSError) -> str:
    return f"{error.strerror or type(error).__name__}."


def _unreadable(name: str, why: str) -> Fault:
    return Fault("unreadable", "The file cannot be read", why, "", Place(name))
