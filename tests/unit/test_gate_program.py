"""Programs of gates that do not behave: what is kept of them is bounded, and they end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reconciler.kinds.deployment.program import A_KEY, KEPT_LINES, LONGEST_LINE, TOO_LONG, Program

FLOOD = "import sys\nwhile True: sys.stdout.buffer.write(b'y' * 65535 + b'\\n')"
LEAVES = """\
import os, signal, sys, time
def away(depth):
    if os.fork() == 0:
        os.setsid()
        if depth > 1:
            away(depth - 1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        open(f"left-{os.getpid()}", "w").close()
        time.sleep(600 if depth == 1 else 0.05)
        os._exit(0)
"""
"""It starts a process that leaves group and session, and so on to a depth; all but the last one end."""
HERE = "open(f'left-{os.getpid()}', 'w').close()\n"
WAITS = "while len([name for name in os.listdir() if name.startswith('left-')]) < {0}: time.sleep(0.01)\n"


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx7yXJm3v\n4Q0c5sZQp8e3\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (f"before\n{PEM}\nafter", ("before", A_KEY.decode(), "after")),
        (f"before\n{PEM.partition('-----END')[0]}", ("before", A_KEY.decode())),
        (f"{PEM.partition(chr(10))[2]}\nafter", (A_KEY.decode(), "after")),
        (f"key: {PEM!r} in one line", (A_KEY.decode(),)),
    ],
    ids=["all of it", "its end was cut", "its beginning was cut", "with escaped line ends"],
)
def test_a_private_key_is_never_shown(printed: str, shown: tuple[str, ...]) -> None:
    command = [sys.executable, "-I", "-c", f"print({printed!r})"]
    assert Program(command, folder="/", environ={}, limit=20).run().output == shown


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (FLOOD, None, TOO_LONG.decode()),
        (FLOOD.replace("65535", "999"), None, "y" * LONGEST_LINE + "…"),
        ("import sys; print(repr(sys.stdin.read()))", 0, "''"),
        ("open('/dev/tty')", 1, "OSError: [Errno 6] No such device or address: '/dev/tty'"),
    ],
    ids=[
        "one line without end",
        "lines without end",
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


def left(folder: Path) -> list[int]:
    """Return the processes that a program noted down as started and that have not ended."""
    started = [int(path.name.removeprefix("left-")) for path in folder.glob("left-*")]
    assert started
    return [one for one in started if (stat := Path(f"/proc/{one}/stat")).exists() and " Z " not in stat.read_text()]


def all_ended(folder: Path) -> bool:
    """Whether all of them have, a moment after they were killed at the latest."""
    deadline = time.monotonic() + 5
    while left(folder) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not left(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what leaves the group is not found")
@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ("away(1)\n" + WAITS.format(1), 0, "a child in a session of its own"),
        ("away(3)\n" + WAITS.format(3), 0, "a daemon, whose parents have ended"),
        ("for _ in range(20): away(2)\n" + WAITS.format(40), 0, "many of them"),
        ("away(2)\n" + WAITS.format(2) + "time.sleep(600)", None, "it hangs besides"),
        (
            HERE
            + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nos.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(600)",
            -signal.SIGKILL,
            "it kills what watches over it",
        ),
    ],
)
def test_what_a_program_started_ends_with_it(tmp_path: Path, body: str, code: int | None, reason: str) -> None:
    command = [sys.executable, "-I", "-c", LEAVES + body]
    ran = Program(
        command, folder=str(tmp_path), environ={"PATH": "/usr/bin:/bin"}, limit=20 if code is not None else 0.5
    ).run()
    assert ran.code == code, (reason, ran.output)
    assert all_ended(tmp_path), reason


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere what leaves the group is not found")
def test_a_program_ends_when_the_run_is_killed(tmp_path: Path) -> None:
    body = LEAVES + HERE + "away(1)\ntime.sleep(600)"
    runs = (
        "import sys\nfrom reconciler.kinds.deployment.program import Program\n"
        "Program([sys.executable, '-c', sys.argv[1]], folder=sys.argv[2], environ={}, limit=600).run()"
    )
    deadline = time.monotonic() + 20
    with subprocess.Popen([sys.executable, "-c", runs, body, str(tmp_path)]) as run:
        while len(list(tmp_path.glob("left-*"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert len(left(tmp_path)) == 2
        run.kill()
    assert all_ended(tmp_path), "the program goes on"
