"""Which repository a folder belongs to, read from .git without running git."""

from __future__ import annotations

import os
import re
from pathlib import Path

_LARGEST = 1_000_000
"""Bytes of a git configuration that are read; no real one comes near."""
_SECTION = re.compile(r'^\s*\[\s*([\w.-]+)(?:\s+"((?:[^"\\]|\\.)*)")?\s*\]')
_URL = re.compile(r"^\s*url\s*=\s*(.*)$", re.IGNORECASE)
_WITH_SCHEME = re.compile(
    r"^(?:ssh|https?|git|git\+ssh|ssh\+git)://(?:[^@/]*@)?(?P<host>[^:/@]+)(?::\d*)?/(?P<path>.+)$", re.IGNORECASE
)
_SCP = re.compile(r"^(?:[^@/:]+@)?(?P<host>[^:/@]{2,}):(?!//)(?P<path>[^\\].*)$")
_AZURE_SSH = re.compile(r"^ssh\.dev\.azure\.com/v3/([^/]+)/([^/]+)/([^/]+)$")


def root_of(path: Path, cwd: Path) -> Path:
    """Return the folder that manifests and their data may not leave. All paths are real, absolute ones.

    It is the nearest folder at or above PATH that has a `.git`: what a commit can hold. Outside git it is the current
    directory if PATH is in it, since that is where a project's commands are run; else PATH's own folder.
    """
    folder = path if path.is_dir() else path.parent
    for candidate in (folder, *folder.parents):
        if os.path.exists(candidate / ".git"):  # noqa: PTH110  (no error where a folder may not be looked into)
            return candidate
    return cwd if folder.is_relative_to(cwd) else folder


def identity(root: Path) -> str:
    """Return `host/owner/name` of the remote called origin; empty if there is none or it has no host.

    https, ssh and git@ forms of one repository give the same text; user names, passwords and ports are dropped.
    """
    config = _read(_git_folder(root) / "config")
    url, in_origin = "", False
    for line in config.splitlines():
        section = _SECTION.match(line)
        if section:
            in_origin = section[1].lower() == "remote" and section[2] == "origin"
            line = line[section.end() :]  # noqa: PLW2901  (git allows a setting behind the section's bracket)
        found = _URL.match(line) if in_origin else None
        if found:
            url = _value(found[1])
    return normalised(url)


def normalised(url: str) -> str:
    """Return a remote's URL as `host/owner/name`; empty for a local path."""
    found = _WITH_SCHEME.match(url) or (_SCP.match(url) if "://" not in url else None)
    if not found:
        return ""
    path = found["path"].strip("/").removesuffix(".git").strip("/")
    name = f"{found['host'].lower()}/{path}" if path else ""
    return _AZURE_SSH.sub(r"dev.azure.com/\1/\2/_git/\3", name)


def _value(text: str) -> str:
    """Return a setting of git's configuration without quotes and comment."""
    if text.startswith('"'):
        return text[1:].partition('"')[0]
    return re.split(r"\s*[#;]", text, maxsplit=1)[0].strip()


def _git_folder(root: Path) -> Path:
    """Return the folder that holds the configuration; a `.git` file (work tree, submodule) points to it."""
    git = root / ".git"
    if git.is_dir():
        return git
    pointer = _read(git).strip()
    if not pointer.startswith("gitdir:"):
        return git
    folder = root / pointer.removeprefix("gitdir:").strip()
    common = _read(folder / "commondir").strip()
    return folder / common if common else folder


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
