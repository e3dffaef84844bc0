"""A disk that is full or fails for a while: what was refused is not there, the rest goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw

from tests.faults.load import Load
from tests.faults.power import Drive, forgetful_drive
from tests.faults.served import Served
from tests.faults.siege import Siege


def _statuses(load: Load, *wanted: int) -> int:
    return sum(number for (_, status), number in load.seen.items() if status in wanted)


async def _until_refused(load: Load, status: int) -> None:
    """Return when 50 writes more were refused by this status; reads go on being answered."""
    goal = _statuses(load, status) + 50
    while _statuses(load, status) < goal:
        await load.reach(10)


async def _until_written(load: Load) -> None:
    goal = _statuses(load, 200, 201) + 50
    while _statuses(load, 200, 201) < goal:
        await load.reach(10)


def test_a_full_disk(tmp_path: Path) -> None:
    """Writes are refused by 507 as long as there is no room, and none of them is there later."""
    with forgetful_drive() as drive:
        siege = Siege(drive.folder / "data.db", tmp_path / "log", seed=21)
        siege.load.refusals = frozenset({507})

        async def fill(load: Load) -> None:
            await load.reach(50)
            drive.set(capacity=drive.used + 20_000)
            await _until_refused(load, 507)
            drive.set(capacity=None)
            await _until_written(load)

        siege.fall(Served.kill, fill)
        siege.examine()
        _check_again(siege, drive)


def test_a_disk_that_does_not_sync(tmp_path: Path) -> None:
    """Writes are refused by 503 as long as no sync succeeds, and none of them is there later."""
    with forgetful_drive() as drive:
        siege = Siege(drive.folder / "data.db", tmp_path / "log", seed=22)
        siege.load.refusals = frozenset({503})

        async def fail(load: Load) -> None:
            await load.reach(50)
            drive.set(sync_fails=True)
            await _until_refused(load, 503)
            drive.set(sync_fails=False)
            await _until_written(load)

        siege.fall(Served.kill, fail)
        siege.examine()
        _check_again(siege, drive)


def test_a_copy_onto_a_full_disk(tmp_path: Path) -> None:
    """One line says that there is no room; no part of it is left, and an older copy stays."""
    database = tmp_path / "data.db"
    connection = apsw.Connection(str(database))
    connection.execute("create table heap (n); insert into heap values (1)").fetchall()

    def back_up(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hekla", "backup", f"sqlite:///{database}"]
        command += [str(drive.folder / "copy.db"), *options]
        return subprocess.run(command, capture_output=True, text=True)

    with forgetful_drive() as drive:
        assert back_up().returncode == 0
        connection.execute("insert into heap values (zeroblob(400000))")
        drive.set(capacity=drive.used + 100_000)
        done = back_up("--force")
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1, done.stderr
        assert "Traceback" not in done.stderr
        assert [path.name for path in drive.folder.iterdir()] == ["copy.db"]
        copy = apsw.Connection(str(drive.folder / "copy.db"))
        assert copy.execute("select count(*) from heap").get == 1
        copy.close()
        drive.set(capacity=None)
        assert back_up("--force").returncode == 0
    connection.close()


def _check_again(siege: Siege, drive: Drive) -> None:
    """What was answered before and after is durable: the power goes, and it is still there."""
    siege.load.refusals = frozenset()

    def cut(server: Served) -> None:
        siege.load.failing = True
        drive.cut(siege.draw.randrange(1 << 32))
        server.kill()

    siege.fall(cut)
    drive.mount()
    siege.examine()
    assert siege.evidence.changes > 0
