"""The power goes in the middle of load: the disk forgets what was not synced, Hekla nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.power import forgetful_drive
from tests.faults.served import Served
from tests.faults.siege import SOAK, Siege


@pytest.mark.parametrize(("workers", "cuts"), [(1, 60 if SOAK else 5), (3, 30 if SOAK else 2)])
def test_power_cut_in_the_middle_of_load(tmp_path: Path, workers: int, cuts: int) -> None:
    """After each cut the file holds what was answered, and at most what was not yet.

    A sync takes up to three milliseconds, so that most cuts come while one is on its way.
    """
    with forgetful_drive() as drive:
        drive.set(sync_seconds=(0.0, 0.003))
        siege = Siege(drive.folder / "data.db", tmp_path / "log", seed=workers, workers=workers)
        unsynced = 0

        def cut(server: Served) -> None:
            nonlocal unsynced
            siege.load.failing = True
            unsynced += drive.cut(siege.draw.randrange(1 << 32)).writes
            server.kill()

        for _ in range(cuts):
            siege.fall(cut)
            drive.mount()
            siege.examine()
        siege.evidence.replay()
    assert unsynced > 0
    assert siege.evidence.happened > 0 or not SOAK
