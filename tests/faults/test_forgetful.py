"""The disk that forgets does forget: what was not synced gets lost, and only that."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import apsw
import pytest

from tests.faults.power import Drive, forgetful_drive
from tests.faults.volatile import Disk, Full, Resize, Write, surviving
from tests.servers import ROOT


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def test_what_is_left_of_writes() -> None:
    """Of unsynced writes nothing, all, a beginning or single sectors are left, and no other byte.

    The old content is one sector of a, the writes are two sectors of b over and after it.
    """
    old, pending = b"a" * 512, [Write(0, b"b" * 512), Write(512, b"b" * 512)]
    seen = {bytes(surviving(old, pending, random.Random(seed))) for seed in range(500)}
    a, b, zero = b"a" * 512, b"b" * 512, bytes(512)
    assert seen == {a, b, a + b, b + b, a + zero, b + zero}


def test_a_write_may_break_off_within() -> None:
    """One write of 4096 bytes leaves pieces of whole sectors."""
    pending = [Write(0, b"b" * 4096)]
    seen = {bytes(surviving(b"", pending, random.Random(seed))) for seed in range(500)}
    assert {b"", b"b" * 512, b"b" * 2048, b"b" * 4096} <= seen
    assert all(piece in (bytes(512), b"b" * 512) for left in seen for piece in _pieces(left))


def _pieces(content: bytes) -> list[bytes]:
    return [content[start : start + 512] for start in range(0, len(content), 512)]


def test_a_size_that_was_lost_takes_what_came_after_it_along() -> None:
    """A file cut off and then written: the new bytes are never there with the old length."""
    pending: list[Resize | Write] = [Resize(0), Write(0, b"b")]
    seen = {bytes(surviving(b"aa", pending, random.Random(seed))) for seed in range(500)}
    assert seen == {b"aa", b"", b"b", b"\0"}


def test_room() -> None:
    """What does not fit is refused whole; what is removed gives its room back."""
    disk = Disk(capacity=1000)
    one = disk.create(disk.root.number, "one", 0o100644)
    disk.write(one, 0, bytes(600))
    two = disk.create(disk.root.number, "two", 0o100644)
    with pytest.raises(Full):
        disk.write(two, 0, bytes(401))
    assert (disk.used, len(two.content)) == (600, 0)
    disk.remove(disk.root.number, "one")
    disk.write(two, 0, bytes(1000))
    assert disk.used == 1000


def test_names_need_a_sync_of_their_folder() -> None:
    """A synced file is lost as long as its name is not; a synced folder keeps it for sure."""
    found: dict[bool, set[bool]] = {False: set(), True: set()}
    with forgetful_drive() as drive:
        for seed in range(12):
            synced = seed % 2 == 0
            path = drive.folder / f"{seed}.txt"
            path.write_bytes(b"content")
            _sync(path)
            if synced:
                _sync(drive.folder)
            drive.cut(seed)
            drive.mount()
            found[synced].add(path.exists())
            if path.exists():
                assert path.read_bytes() == b"content"
                _sync(drive.folder)
    assert found == {True: {True}, False: {True, False}}


def _round(drive: Drive, path: Path, synchronous: str, seed: int) -> tuple[int, int, bool]:
    """Write until the power goes: the rows that were said, those that are left, and their health.

    What is left is always a beginning: the numbers from 1 on without a gap.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.writer", str(path), synchronous],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    said = [process.stdout.readline()]
    try:
        time.sleep(random.Random(seed).uniform(0.02, 0.2))
        drive.cut(seed)
    finally:
        process.kill()
        said += process.stdout.readlines()
        process.stdout.close()
        process.wait()
    drive.mount()
    try:
        connection = apsw.Connection(str(path))
        rows = last = 0
        if connection.table_exists("main", "t"):
            rows, last = next(connection.execute("select count(*), coalesce(max(n), 0) from t"))
        healthy = connection.pragma("integrity_check") == "ok" and rows == last
        connection.close()
    except apsw.Error:
        return int(said[-1]), 0, False
    return int(said[-1]), rows, healthy


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL", "OFF"])
def test_commits_need_a_sync(synchronous: str) -> None:
    """Of commits that SQLite syncs none is lost; of those it does not sync, some are."""
    lost = damaged = 0
    with forgetful_drive() as drive:
        drive.set(sync_seconds=(0.0, 0.003))
        for seed in range(6):
            said, left, healthy = _round(drive, drive.folder / f"{seed}.db", synchronous, seed)
            lost += left < said
            damaged += not healthy
    if synchronous == "FULL":
        assert (lost, damaged) == (0, 0)
    else:
        assert lost > 0
        assert damaged == 0 or synchronous == "OFF"
