"""Compares the check of training data with the plain ways of reading it, side by side, and checks the ratios.

    python benchmarks/datasets.py [--megabytes 480] [--times 3]

Only ratios are judged, each of two things measured in turn in the same run, by the median. Exits 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from measure import Ran, environment, in_turn, median, reconciler, run
from report import Row, report

MEMORY_LIMIT = 350.0
"""Megabytes that the whole process tree may hold."""
SHIPPED = Path(__file__).resolve().parent.parent / "manifests"
HERE = Path(__file__).resolve().parent
EMPTY = """\
apiVersion: reconciler/v1
kind: Account
metadata: {name: acme}
spec: {endpoint: "https://acme.openai.azure.com", owner: team-a}
"""
STACK = """\
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: support}
spec: {source: {path: train.jsonl}}
"""


def write_chat(path: Path, megabytes: float) -> int:
    """Write chat data of one to three turns, of real English and code, and return its examples.

    Python's own manual gives the sentences, so nothing has to be fetched and nobody's words are copied into the project.
    """
    from pydoc_data import topics

    choose = random.Random(7)
    words = " ".join(topics.topics.values()).replace("\n", " \n ").split(" ")

    def said(least: int, most: int) -> str:
        count = choose.randint(least, most)
        start = choose.randrange(len(words) - count)
        return " ".join(words[start : start + count]).strip() or "Yes."

    written = examples = 0
    with path.open("w", encoding="utf-8") as file:
        while written < megabytes * 1e6:
            messages = [{"role": "system", "content": "You are a helpful assistant."}]
            for _ in range(choose.randint(1, 3)):
                messages.append({"role": "user", "content": said(5, 40)})
                messages.append({"role": "assistant", "content": said(10, 90)})
            written += file.write(json.dumps({"messages": messages}) + "\n")
            examples += 1
    return examples


class Bench:
    """One run of everything."""

    def __init__(self, folder: Path, megabytes: float, times: int) -> None:
        self.folder = folder
        self.times = times
        self.environ = {**environment(folder), "TIKTOKEN_CACHE_DIR": str(folder / "tiktoken")}
        self.rows: list[Row] = []
        self.spent: dict[str, list[float]] = {}
        self.data = folder / "chat.jsonl"
        examples = write_chat(self.data, megabytes)
        print(f"{self.data.stat().st_size / 1e6:.0f} MB of chat data, {examples:,} examples", flush=True)
        _lay_out_vocabulary(folder / "tiktoken")

    def peer(self, name: str) -> float:
        """Return the seconds that a peer takes for the file, without its start."""
        return self._told(
            name, run([sys.executable, HERE / "data_peers.py", name, self.data], self.folder, self.environ)
        )

    def ours(self, *, tokens: bool) -> float:
        """Return the seconds that we take for the file, without the start of the interpreter."""
        code = (
            "import os, sys, time; from pathlib import Path; from reconciler.datasets import scan_file\n"
            "start, spent = time.perf_counter(), sum(os.times()[:4])\n"
            "found = scan_file(Path(sys.argv[1]), file='f', tokens=sys.argv[2] == 'True')\n"
            "assert found.examples and not found.errors\n"
            "print(time.perf_counter() - start, sum(os.times()[:4]) - spent)"
        )
        done = run([sys.executable, "-c", code, self.data, str(tokens)], self.folder, self.environ)
        return self._told("whole" if tokens else "quick", done)

    def _told(self, name: str, done: Ran) -> float:
        """Return the seconds that a process told, and remember those of its processors."""
        seconds, spent = map(float, done.stdout.split())
        self.spent.setdefault(name, []).append(spent)
        return seconds

    def large(self) -> None:
        """Compare everything at once with the passes that people make today."""
        plain = self.peer("plain")
        whole, quick, loads, typed = map(
            median,
            in_turn(
                self.times,
                lambda: self.ours(tokens=True),
                lambda: self.ours(tokens=False),
                lambda: self.peer("loads"),
                lambda: self.peer("typed"),
            ),
        )
        self.rows += [
            Row("check, digest, repeats, tokens : plain way", _s(whole), _s(plain), whole / plain, 0.2),
            Row("the same : json.loads of each line", _s(whole), _s(loads), whole / loads, 1.3),
            Row("without tokens : msgspec, typed, one core", _s(quick), _s(typed), quick / typed, 1.5),
        ]
        # The time of all processors together hardly depends on what else the machine does; the waiting does.
        spent = {name: median(times) for name, times in self.spent.items()}
        print(
            f"Time of processors: with tokens {_s(spent['whole'])}, json.loads {_s(spent['loads'])}; without "
            f"{_s(spent['quick'])}, msgspec {_s(spent['typed'])}. Shared evenly by two processors, the ratios are "
            f"{spent['whole'] / 2 / spent['loads']:.2f} and {spent['quick'] / 2 / spent['typed']:.2f}.",
            flush=True,
        )

    def memory(self) -> None:
        """Measure the command on the large file: the memory of all its processes, at its highest."""
        held = _peak([*reconciler(), "validate", str(self.data), "--no-cache"], self.folder, self.environ)
        limit = f"{MEMORY_LIMIT:.0f} MB"
        self.rows.append(Row("memory of `validate`, all processes", f"{held:.0f} MB", limit, held / MEMORY_LIMIT, 1.0))

    def small(self) -> None:
        """Compare 3 MB of data, never seen before, with a stack of nothing."""
        for name, text in (("empty", EMPTY), ("small", EMPTY + STACK)):
            folder = self.folder / name / "manifests"
            folder.mkdir(parents=True)
            (folder / "stack.yaml").write_text(text)
        write_chat(self.folder / "small/manifests/train.jsonl", 3)
        command = [*reconciler(), "validate", "--no-cache"]
        small, empty = map(
            median,
            in_turn(
                self.times * 3,
                lambda: run(command, self.folder / "small", self.environ).seconds,
                lambda: run(command, self.folder / "empty", self.environ).seconds,
            ),
        )
        self.rows.append(Row("validate, 3 MB of data : no data", _s(small), _s(empty), small / empty, 3.0))

    def again(self) -> None:
        """Compare a second look at unchanged data with a stack of nothing: it is not read."""
        folder = self.folder / "again" / "manifests"
        folder.mkdir(parents=True)
        (folder / "stack.yaml").write_text(EMPTY + STACK)
        os.link(self.data, folder / "train.jsonl")
        command = [*reconciler(), "validate"]
        time.sleep(2.5)  # younger time stamps prove nothing
        run(command, folder.parent, self.environ)
        again, empty = map(
            median,
            in_turn(
                self.times * 3,
                lambda: run(command, folder.parent, self.environ).seconds,
                lambda: run(command, self.folder / "empty", self.environ).seconds,
            ),
        )
        self.rows.append(Row("validate, unchanged data : no data", _s(again), _s(empty), again / empty, 1.25))


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _lay_out_vocabulary(folder: Path) -> None:
    """Give tiktoken its vocabulary, which it would fetch: another package carries the same file."""
    import gzip
    import hashlib

    url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken"
    carrier = importlib.metadata.distribution("bpe-openai")
    packed = Path(str(carrier.locate_file("bpe_openai/data/o200k_base.tiktoken.gz"))).read_bytes()
    folder.mkdir()
    (folder / hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()).write_bytes(gzip.decompress(packed))


def _peak(command: list[str], folder: Path, environ: dict[str, str]) -> float:
    """Return the highest sum of resident memory of a process and its children, in MB; needs /proc."""
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    highest = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal highest
        while not ended.wait(0.02):
            highest = max(highest, sum(map(_resident, _family(process.pid))))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    if code:
        raise SystemExit(f"{' '.join(command)} ended with {code}")
    return highest


def _family(process: int) -> list[int]:
    found: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):  # each thread has children of its own
        try:
            found += map(int, children.read_text().split())
        except OSError:
            continue
    return [process, *(relative for child in found for relative in _family(child))]


def _resident(process: int) -> float:
    try:
        told = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    except OSError:
        return 0.0
    return int(told[1]) / 1000 if told else 0.0


def main() -> int:
    """Measure everything; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, default=480.0, help="Size of the large file.")
    parser.add_argument("--times", type=int, default=3, help="Repetitions.")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors.")
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as name:
        bench = Bench(Path(name), options.megabytes, options.times)
        bench.large()
        bench.memory()
        bench.small()
        bench.again()
    report(bench.rows)
    return 0 if all(row.kept for row in bench.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
