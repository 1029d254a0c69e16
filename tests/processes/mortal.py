"""The command, and a death at an exact moment: `python mortal.py WHAT N FOLDER ARGUMENTS…`.

WHAT is `file`: SIGKILL just before the N-th change of a file below FOLDER (one that is made, written, moved or removed); or
`request`: just before, or with `request+` just after, the N-th request that the embedded emulator carries out. N = 0 is
never. It also says where a file that exists is opened to be written over: one that dies there leaves half a file.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

OVERWRITTEN = "OVERWRITTEN IN PLACE: "
_WRITES = os.O_WRONLY | os.O_RDWR
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
_APPENDED = ("log.jsonl", "lock")
"""Files of the embedded emulator that are opened to be written and only ever grow."""


def die_at_file(number: int, folder: str) -> None:
    """Watch every change of a file that Python makes."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITES:
                return
        elif event in _CHANGES:
            path = arguments[0]
        else:
            return
        if not isinstance(path, (str, os.PathLike)) or not os.path.realpath(path).startswith(folder):
            return
        if event == "open" and os.path.exists(path) and not str(path).endswith(_APPENDED):  # noqa: PTH110  (in a hook: quick)
            print(f"{OVERWRITTEN}{path}", file=sys.stderr, flush=True)
        seen += 1
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def die_at_request(number: int, *, carried_out: bool) -> None:
    """Watch the requests that reach the emulator in this process."""
    from reconciler.emulator.service import Emulator, Request, Response

    handle, seen = Emulator.handle, 0

    def counted(self: Emulator, request: Request) -> Response:
        nonlocal seen
        seen += 1
        if seen == number and not carried_out:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = handle(self, request)
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Emulator.handle = counted  # type: ignore[method-assign]


if __name__ == "__main__":
    what, moment, below = sys.argv[1:4]
    die_at_file(int(moment) if what == "file" else 0, os.path.realpath(below) + os.sep)
    if what.startswith("request"):
        die_at_request(int(moment), carried_out=what.endswith("+"))
    sys.argv = ["reconciler", *sys.argv[4:]]
    from reconciler.cli.main import main

    main()
