"""The cache of scans: what it remembers, what it refuses to believe, and that it never is an error."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from reconciler.datasets import cache as module
from reconciler.datasets.cache import FILE_NAME, ScanCache
from reconciler.datasets.scan import Scan, scan

LATER = 1 << 62
"""A time long after every change of a file."""


def opened(folder: Path, now: int = LATER) -> ScanCache:
    return ScanCache(folder / "cache", now=lambda: now)


def scanned(path: Path) -> Scan:
    with path.open("rb") as file:
        return scan(file, file=path.name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b'{"messages": [{"role": "usr", "content": "secret words"}]}\n')
    return path


def remember(folder: Path, data: Path) -> Scan:
    cache = opened(folder)
    assert cache.get(data) is None
    found = scanned(data)
    cache.put(data, found)
    assert cache.get(data) == found
    cache.save()
    return found


def test_a_scan_is_remembered_between_commands(tmp_path: Path, data: Path) -> None:
    found = remember(tmp_path, data)
    assert opened(tmp_path).get(data) == found
    assert opened(tmp_path).get(data, "chat") is None, "asked for another format, it is another question"


def test_it_is_private_and_holds_no_rows(tmp_path: Path, data: Path) -> None:
    remember(tmp_path, data)
    folder = tmp_path / "cache"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert b"secret" not in (folder / FILE_NAME).read_bytes()
    assert [path.name for path in folder.iterdir()] == [FILE_NAME], "no temporary file is left"


@pytest.mark.parametrize("how", ["content", "touched", "replaced", "gone"])
def test_a_changed_file_is_forgotten(tmp_path: Path, data: Path, how: str) -> None:
    remember(tmp_path, data)
    before = data.stat()
    match how:
        case "content":
            data.write_bytes(data.read_bytes() + b"\n")
        case "touched":
            os.utime(data, ns=(1, 1))
        case "replaced":  # same size, same time stamp
            other = tmp_path / "other"
            other.write_bytes(data.read_bytes())
            os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
            other.replace(data)
        case _:
            data.unlink()
    assert opened(tmp_path).get(data) is None


def test_a_file_that_changes_during_the_scan_is_not_remembered(tmp_path: Path, data: Path) -> None:
    cache = opened(tmp_path)
    cache.get(data)
    found = scanned(data)
    data.write_bytes(b"something else\n")
    cache.put(data, found)
    assert cache.get(data) is None


def test_without_asking_first_nothing_is_remembered(tmp_path: Path, data: Path) -> None:
    cache = opened(tmp_path)
    cache.put(data, scanned(data))
    assert cache.get(data) is None


def test_a_file_changed_a_moment_ago_is_not_remembered(tmp_path: Path, data: Path) -> None:
    cache = opened(tmp_path, now=data.stat().st_mtime_ns + 1)
    cache.get(data)
    cache.put(data, scanned(data))
    cache.save()
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"{", "cut off"),
        (b"[" * 100_000, "nested without end"),
        (b'{"rules": 1, "entries": {"x": 3}}', "another shape"),
        (b"\xff\x00", "not text"),
    ],
)
def test_a_broken_cache_is_an_empty_one(tmp_path: Path, data: Path, content: bytes, reason: str) -> None:
    remember(tmp_path, data)
    (tmp_path / "cache" / FILE_NAME).write_bytes(content)
    assert opened(tmp_path).get(data) is None, reason
    found = remember(tmp_path, data)
    assert opened(tmp_path).get(data) == found, "and it is written anew"


def test_other_rules_make_old_scans_worthless(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(tmp_path, data)
    monkeypatch.setattr(module, "RULES_VERSION", module.RULES_VERSION + 1)
    assert opened(tmp_path).get(data) is None


def test_what_others_could_have_written_is_not_believed(tmp_path: Path, data: Path) -> None:
    remember(tmp_path, data)
    (tmp_path / "cache" / FILE_NAME).chmod(0o666)
    assert opened(tmp_path).get(data) is None


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path, data: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    cache = opened(tmp_path)
    cache.get(data)
    cache.put(data, scanned(data))
    cache.save()


def test_two_processes_keep_what_the_other_wrote(tmp_path: Path, data: Path) -> None:
    other = tmp_path / "valid.jsonl"
    other.write_bytes(b"{}\n")
    first, second = opened(tmp_path), opened(tmp_path)
    for cache, path in ((first, data), (second, other)):
        cache.get(path)
        cache.put(path, scanned(path))
    first.save()
    second.save()
    assert opened(tmp_path).get(data)
    assert opened(tmp_path).get(other)


def test_nothing_added_writes_nothing(tmp_path: Path, data: Path) -> None:
    remember(tmp_path, data)
    before = (tmp_path / "cache" / FILE_NAME).stat().st_mtime_ns
    cache = opened(tmp_path)
    cache.get(data)
    cache.save()
    assert (tmp_path / "cache" / FILE_NAME).stat().st_mtime_ns == before


def test_the_newest_entries_stay(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENTRIES", 1)
    remember(tmp_path, data)
    other = tmp_path / "valid.jsonl"
    other.write_bytes(b"{}\n")
    remember(tmp_path, other)
    assert opened(tmp_path).get(other)
    assert opened(tmp_path).get(data) is None
