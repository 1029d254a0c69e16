"""Runs the command in copies of a process that has loaded the SDKs already: most of a short command's time is their import.

Each run is a process of its own all the same (a fork): its folder, environment, output, signals and exit code are its
own, and what it does to its memory ends with it. What a fork cannot show is how a new interpreter starts, so
`command.Site` starts one where that counts, and for every command that is not simply waited for.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

_STATUS = 16
"""Bytes of each of the server's two answers: a process id, then an exit status."""


class Warm:
    """A server that lives as long as this process; `run` may be called by several threads."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            environ = {
                "PATH": os.environ["PATH"],
                "LANG": "C.UTF-8",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            }
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", str(Path(__file__)), str(theirs.fileno())],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._server = ours
        atexit.register(self._end)

    def _end(self) -> None:
        self._server.close()  # nobody can ask any more: it ends by itself
        self._process.wait()

    def run(
        self, arguments: Sequence[str], folder: Path, environ: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end.

        Raises:
            subprocess.TimeoutExpired: it took longer than `timeout` seconds, and was killed.
        """
        out, its_out = os.pipe()
        err, its_err = os.pipe()
        answers, its_answers = socket.socketpair()
        asked = json.dumps({"arguments": list(arguments), "folder": str(folder), "environ": dict(environ)}).encode()
        with answers:
            with its_answers:
                fds = [its_answers.fileno(), its_out, its_err]
                # The request itself goes by the socket of the run: the server's carries only what opens it.
                socket.send_fds(self._server, [b"."], fds)
            os.close(its_out)
            os.close(its_err)
            answers.sendall(asked)
            answers.shutdown(socket.SHUT_WR)
            process = int(_all(answers, _STATUS))
            deadline = time.monotonic() + timeout
            heard = _read({out: bytearray(), err: bytearray()}, deadline)
            if heard is None:
                os.kill(process, signal.SIGKILL)
                raise subprocess.TimeoutExpired(list(arguments), timeout)
            status = int(_all(answers, _STATUS))
        said, told = (heard[one].decode() for one in (out, err))
        return subprocess.CompletedProcess(list(arguments), os.waitstatus_to_exitcode(status), said, told)


def _all(connection: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = connection.recv(count - len(found))
        if not part:
            raise ConnectionError("the warm process ended")
        found += part
    return found


def _read(heard: dict[int, bytearray], deadline: float) -> dict[int, bytearray] | None:
    """Read pipes to their ends and close them; None if that took too long."""
    try:
        with selectors.DefaultSelector() as ready:
            for pipe in heard:
                ready.register(pipe, selectors.EVENT_READ)
            while ready.get_map():
                found = ready.select(max(0.0, deadline - time.monotonic()))
                if not found:
                    return None
                for key, _ in found:
                    part = os.read(key.fd, 65536)
                    heard[key.fd] += part
                    if not part:
                        ready.unregister(key.fd)
        return heard
    finally:
        for pipe in heard:
            os.close(pipe)


def _serve(server: socket.socket) -> None:
    """Fork for each request until nobody can ask any more."""
    # Children are waited for by the kernel; Ctrl-C ends the tests, and with them this.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        _, fds, _, _ = socket.recv_fds(server, 1, 3)
        if not fds:
            return
        if os.fork() == 0:
            server.close()
            _wait_for_one(socket.socket(fileno=fds[0]), *fds[1:])
        for one in fds:
            os.close(one)


def _wait_for_one(answers: socket.socket, out: int, err: int) -> NoReturn:
    """Run a command in a child and tell how it ended: its exit status is for its parent alone."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = bytearray()
    while part := answers.recv(65536):
        asked += part
    process = os.fork()
    if process == 0:
        answers.close()
        _become(json.loads(asked), out, err)
    os.close(out)
    os.close(err)
    with contextlib.suppress(OSError):  # nobody waits any more after a timeout
        answers.sendall(b"%*d" % (_STATUS, process))
        answers.sendall(b"%*d" % (_STATUS, os.waitpid(process, 0)[1]))
    os._exit(0)


def _become(asked: Mapping[str, object], out: int, err: int) -> NoReturn:
    from reconciler.cli import main

    os.dup2(out, 1)
    os.dup2(err, 2)
    os.close(out)
    os.close(err)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(asked["environ"])  # type: ignore[call-overload]
    time.tzset()
    os.chdir(str(asked["folder"]))
    sys.argv[1:] = asked["arguments"]  # type: ignore[call-overload]
    main.main()


def _load() -> None:
    """Load what commands load, and keep the collector away from it, so that copies share its memory."""
    for name in _LOADED:
        __import__(name)
    gc.collect()
    gc.freeze()


_LOADED = (
    "azure.core.rest",
    "azure.identity",
    "azure.mgmt.cognitiveservices",
    "openai",
    "openai.resources.fine_tuning.jobs",
    "pydantic",
    "yaml",
    "reconciler.cli.compose",
    "reconciler.cli.emulated",
    "reconciler.cli.main",
)

if __name__ == "__main__":
    _load()
    with socket.socket(fileno=int(sys.argv[1])) as asked_of:
        _serve(asked_of)
