"""A disk that is full or fails for a while: what was refused is not there, the rest goes on."""

from __future__ import annotations

from pathlib import Path

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
