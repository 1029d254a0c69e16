"""Programs of gates that do not behave: what is kept of them is bounded, and they end."""

from __future__ import annotations

import sys
import time

import pytest

from reconciler.kinds.deployment.program import KEPT_LINES, LONGEST_LINE, TOO_LONG, Program

FLOOD = "import sys\nwhile True: sys.stdout.buffer.write(b'y' * 65535 + b'\\n')"
ESCAPES = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(5)\n    os._exit(0)\nprint('done')"


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (FLOOD, None, TOO_LONG.decode()),
        (FLOOD.replace("65535", "999"), None, "y" * LONGEST_LINE + "…"),
        (ESCAPES, 0, "done"),
        ("import sys; print(repr(sys.stdin.read()))", 0, "''"),
        ("open('/dev/tty')", 1, "OSError: [Errno 6] No such device or address: '/dev/tty'"),
    ],
    ids=[
        "one line without end",
        "lines without end",
        "a child leaves the group",
        "it reads its input",
        "it asks the terminal",
    ],
)
def test_a_program_ends_and_what_it_says_is_bounded(body: str, code: int | None, said: str) -> None:
    began = time.monotonic()
    limit = 0.5 if code is None else 20.0
    command = [sys.executable, "-I", "-c", body]
    ran = Program(command, folder="/", environ={"PATH": "/usr/bin:/bin"}, limit=limit).run()
    assert ran.code == code
    assert said in ran.output
    assert len(ran.output) <= KEPT_LINES
    assert time.monotonic() - began < 4.5, "nobody waits for what has left"
    assert code is not None or ran.printed > 1_000_000
