"""The command as users meet it: a process of its own, in a folder, with an environment that holds only what it is given.

`Site` is a repository in a folder. `Site.run` waits for the command; `Site.start` and `Site.terminal` do not. What is
random or depends on time is replaced by `plain`, so that whole outputs can be compared.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from harness import Azure, examples
from warm import Warm

COMMAND = (sys.executable, "-W", "error", "-m", "reconciler.cli.main")
ACCOUNT = """\
apiVersion: reconciler/v1
kind: Account
metadata: {{name: acme}}
spec:
  resource_id: /subscriptions/s1/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/acme
  endpoint: {url}/acme
  management_endpoint: {url}
  owner: team-a
"""
KEY = "b7e2-every-command-knows-it-and-none-may-say-it-4c1f"
"""A key that each command at an emulated Azure has in its environment: found in anything said or written, the test fails."""
PATIENCE = 60.0
"""Seconds after which a test gives up."""
_RANDOM = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\b(file|ftjob)-[0-9a-f]{32}\b"), r"\1-ID"),
    (re.compile(r"\.ft-[0-9a-f]{32}-"), ".ft-ID-"),
    (re.compile(r"\b\d+\.\d s\b"), "0.0 s"),
    (re.compile(r"\bsince \d+ s\b"), "since 0 s"),
    (re.compile(r"\bseed \d{5,}\b"), "seed SEED"),
)


class RealClock:
    """The machine's time: the command has no other."""

    def __call__(self) -> float:
        return time.time()

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Ran:
    """What a command did. `out` is stdout, `err` stderr."""

    code: int
    out: str
    err: str
    seconds: float = 0

    @property
    def text(self) -> str:
        return self.out + self.err

    @property
    def last(self) -> str:
        return self.out.rstrip("\n").rpartition("\n")[2]

    def expect(self, code: int) -> Ran:
        """Return itself if it ended with this code, and without a traceback."""
        assert self.code == code, f"exit {self.code}, not {code}\n{self.out}\n{self.err}"
        assert "Traceback" not in self.text, self.text
        assert "bug in reconciler" not in self.text, self.text
        return self


def plain(text: str) -> str:
    """Return a text without what differs from run to run."""
    for pattern, word in _RANDOM:
        text = pattern.sub(word, text)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


class Site:
    """A repository with manifests, and the command run in it."""

    def __init__(self, folder: Path, azure: Azure | None) -> None:
        self.folder = folder
        self.home = folder.parent / "home"
        self.home.mkdir(exist_ok=True)
        self.folder.mkdir(exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8"}
        self._running: list[subprocess.Popen[str]] = []
        if azure:
            self.env["AZURE_OPENAI_API_KEY"] = KEY
            self.write("manifests/account.yaml", ACCOUNT.format(url=azure.server.url))
            self.write("manifests/data/train.jsonl", examples(60))
            self.write("manifests/data/valid.jsonl", examples(12, "check"))

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.folder / name
        text = path.read_text()
        assert old in text, f"{old!r} is not in {name}"
        path.write_text(text.replace(old, new))

    def run(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        code: int | None = None,
        before: Callable[[], Any] | None = None,
        timeout: float = PATIENCE,
    ) -> Ran:
        """Run the command to its end; `code` is what it must exit with, `before` is run in its process first."""
        began = time.monotonic()
        environ = {**self.env, **(env or {})}
        # Python itself reads these when it starts.
        if before or any(name.startswith(("PYTHON", "LC_")) for name in environ) or environ["LANG"] != "C.UTF-8":
            done = subprocess.run(
                [*COMMAND, *arguments],
                cwd=self.folder,
                env=environ,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                preexec_fn=before,
            )
        else:
            done = warm().run(arguments, self.folder, environ, timeout)
        ran = Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began)
        assert KEY not in ran.text
        return ran if code is None else ran.expect(code)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Start the command and return its process."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env={**self.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.adopt(process)
        return process

    def adopt(self, process: subprocess.Popen[str]) -> None:
        """Have a process that somebody else started end with this one."""
        self._running.append(process)

    def close(self) -> None:
        """End what is still running."""
        for process in self._running:
            if process.poll() is None:
                process.kill()
            assert KEY not in str(process.communicate())
        told = [path for path in self.folder.parent.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
        assert told == [], "a key was written to a file"

    def terminal(self, *arguments: str, env: Mapping[str, str] | None = None) -> Terminal:
        """Start the command on a terminal of its own."""
        return Terminal([*COMMAND, *arguments], self.folder, {**self.env, "TERM": "xterm", **(env or {})})


@functools.cache
def warm() -> Warm:
    """One for all tests of this process."""
    return Warm()


def ended(process: subprocess.Popen[str], timeout: float = PATIENCE) -> Ran:
    """Wait for a started command."""
    out, err = process.communicate(timeout=timeout)
    assert KEY not in f"{out}{err}"
    return Ran(process.returncode, out, err)


def until(question: Callable[[], Any], what: str, timeout: float = 30.0) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.01)
    raise AssertionError(f"never came: {what}")


class Terminal:
    """A command on a pseudo-terminal: what it draws can be read while it runs, and it can be typed to."""

    def __init__(self, command: list[str], folder: Path, env: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command, cwd=folder, env=dict(env), stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.drawn = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            os.close(self._master)
        assert KEY not in self.drawn

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until the command takes note: one that comes just before a read of the terminal is lost."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None and time.monotonic() < deadline:
            os.killpg(self.process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.5)

    def until(self, text: str, timeout: float = 30.0) -> str:
        """Read until a text is drawn."""
        deadline = time.monotonic() + timeout
        while text not in self.drawn:
            assert time.monotonic() < deadline, f"{text!r} was never drawn:\n{self.drawn}"
            if not self._read(0.1) and self.process.poll() is not None and not self._read(0):
                raise AssertionError(f"{text!r} was never drawn:\n{self.drawn}")
        return self.drawn

    def end(self, timeout: float = PATIENCE) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self._read(0.1) and self.process.poll() is not None:
                while self._read(0):
                    pass
                return self.process.returncode
        raise AssertionError(f"it did not end:\n{self.drawn}")

    def _read(self, wait: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], wait)
        if not ready:
            return False
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:
                return False
            raise
        self.drawn += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)

    @property
    def screen(self) -> str:
        """What is left on the screen: control sequences carried out as far as the live view uses them."""
        return screen(self.drawn)


_SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


def screen(drawn: str) -> str:
    """Carry out line feeds, carriage returns, cursor up and erase line; drop colours."""
    lines, row, column, at = [""], 0, 0, 0
    while at < len(drawn):
        found = _SEQUENCE.match(drawn, at)
        if found:
            at = found.end()
            number, letter = found[1], found[2]
            if letter == "A":
                row = max(0, row - int(number or 1))
            elif letter == "K":
                lines[row] = "" if number == "2" else lines[row][:column]
            continue
        character = drawn[at]
        at += 1
        if character == "\n":
            row, column = row + 1, 0
            if row == len(lines):
                lines.append("")
        elif character == "\r":
            column = 0
        else:
            lines[row] = lines[row][:column].ljust(column) + character + lines[row][column + 1 :]
            column += 1
    return "\n".join(line.rstrip() for line in lines)
