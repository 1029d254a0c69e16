"""Runs one program and ends with it all that it started: a script of its own, which program.py starts as a process.

Whatever a program starts is a child of this process, or becomes one: on Linux a subreaper inherits the orphans below it, also
those that have made a session or a group of their own to get away. So when the program has ended, or must, this process kills
its children until it has none. It imports nothing of ours, so that it starts in some hundredths of a second.

Arguments: a pipe that ends when the program is to be ended (also when whoever holds its other end has died), a pipe for the
report, the limit and the grace in seconds, and the command. It must be the leader of its process group, which is the program's
as well and ends with it. The report is `error ERRNO`, or `ended CODE`; without a code the program had to be stopped.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
"""Of <linux/prctl.h>."""
_LOOK = 0.02
"""Seconds between two looks at whether the program has ended."""


def main(arguments: list[str]) -> None:
    """Run the command of the arguments to its end, report that, and kill what is left of the group, itself included."""
    ending, report = (int(number) for number in arguments[:2])
    limit, grace = (float(number) for number in arguments[2:4])
    _inherit_orphans()
    # What asks the whole group to end is not meant for this process. A function is not passed on to the program.
    signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        process = subprocess.Popen(arguments[4:], stdin=subprocess.DEVNULL)  # noqa: S603  (an argument list, no shell)
    except OSError as error:
        os.write(report, f"error {error.errno}".encode())
        return
    ended = _wait(process, ending, time.monotonic() + limit)
    if not ended and not _is_over(ending):
        os.killpg(0, signal.SIGTERM)
        _wait(process, ending, time.monotonic() + grace)
    process.kill()
    code = process.wait()
    _end_children(time.monotonic() + grace)
    with contextlib.suppress(BrokenPipeError):
        os.write(report, f"ended {code if ended else ''}".encode())
    os.killpg(0, signal.SIGKILL)


def _inherit_orphans() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _wait(process: subprocess.Popen[bytes], ending: int, deadline: float) -> bool:
    """Return whether the program ended by itself in time."""
    while process.poll() is None:
        if time.monotonic() > deadline or _is_over(ending, _LOOK):
            return False
    return True


def _is_over(ending: int, seconds: float = 0) -> bool:
    return bool(select.select([ending], [], [], seconds)[0])


def _end_children(deadline: float) -> None:
    """Kill children, and so their children, which then are ours, until there are none."""
    while _has_children() and (children := _children()) and time.monotonic() < deadline:
        for child in children:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                # A child's number is its own until it is waited for, and nobody else does that.
                os.kill(child, signal.SIGKILL)


def _has_children() -> bool:
    """Wait for what has ended; returns whether something has not."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    """Return our children; none where there is no /proc."""
    own, found = os.getpid(), []
    for folder in Path("/proc").glob("[0-9]*"):
        # What ended since is none. The name may hold anything, so fields are counted from its closing bracket.
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            if int(fields[1]) == own:
                found.append(int(folder.name))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
