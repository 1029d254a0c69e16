"""A text for the person who reads it where the command was typed: what stands in it can be copied and opened there.

Inside, files are called as git calls them, from the root of the repository, and commands name no tree and no Azure: so they
are in JSON, in markdown and in annotations, which others read elsewhere. Only a text on a terminal goes through here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field

_COMMAND = re.compile(r"^(?P<indent> +)reconciler (?P<rest>.*)$", re.MULTILINE)
"""A command on a line of its own, to be copied."""
_WORD = re.compile(r"(?<![^\s(])(?P<name>[^\s\"'`()]+?)(?P<after>(?::\d+){0,2}[:,.;]*)(?=[\s)\x1b]|$)", re.MULTILINE)
"""A word that may name a file, with or without a line and a column; what is quoted is somebody else's text."""
_PATH_FIRST = frozenset({"validate", "plan", "apply", "status", "drift", "destroy", "import"})
_PATH_LAST = {"promote": "", **dict.fromkeys(("report", "logs", "history", "probe", "cancel", "doctor"), "--path ")}
"""Where a command takes the folder of manifests: as its first word, as its last one, or by an option."""


@dataclass(frozen=True)
class Here:
    """Where a command was typed, and how. `names` are files, from the root of the repository, as they are opened from here."""

    emulator: bool = False
    chdir: str = ""
    path: str = ""
    """The folder of manifests, if it is not the usual one."""
    names: Mapping[str, str] = field(default_factory=dict)

    def told(self, text: str) -> str:
        """Return a text in which commands mean this tree and this Azure, and files can be opened."""
        if self.emulator or self.chdir or self.path:
            text = _COMMAND.sub(self._command, text)
        if not self.names:
            return text
        for name in (name for name in self.names if shlex.quote(name) != name):
            text = text.replace(shlex.quote(name), shlex.quote(self.names[name]))
        for name in (name for name in self.names if " " in name):
            text = re.sub(rf"(?<![^\s(]){re.escape(name)}(?=[\s:,.;)]|$)", lambda found: self.names[found[0]], text)
        return _WORD.sub(self._name, text)

    def _command(self, found: re.Match[str]) -> str:
        words = found["rest"].split()
        command = next((word for word in words if word in _PATH_FIRST or word in _PATH_LAST), "")
        rest, before = found["rest"], ""
        if self.emulator and "--emulator" not in words:
            before = "--emulator "
        if command and self.chdir and "--chdir" not in words:
            before += f"--chdir {shlex.quote(self.chdir)} "
        path = shlex.quote(self.path)
        if command and self.path and f" {path} " not in f" {rest} ":
            if command in _PATH_LAST:
                rest += f" {_PATH_LAST[command]}{path}"
            else:
                rest = re.sub(rf"(?<!\S){command}(?!\S)", lambda _: f"{command} {path}", rest, count=1)
        return f"{found['indent']}reconciler {before}{rest}"

    def _name(self, found: re.Match[str]) -> str:
        return self.names.get(found["name"], found["name"]) + found["after"]
