"""``kill -9`` in the middle of load: what was answered is there, what was refused is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.served import Served
from tests.faults.siege import SOAK, Siege


@pytest.mark.parametrize(("workers", "kills"), [(1, 100 if SOAK else 6), (3, 40 if SOAK else 2)])
def test_killed_in_the_middle_of_load(tmp_path: Path, workers: int, kills: int) -> None:
    """After each kill the file holds what was answered, and at most what was not yet.

    The clients go on with what they know, on a new server over the same file.
    """
    siege = Siege(tmp_path / "data.db", tmp_path / "log", seed=workers, workers=workers)
    for _ in range(kills):
        siege.fall(Served.kill)
        siege.examine()
    siege.evidence.replay()
    assert siege.has_seen_everything() or workers > 1
    assert siege.evidence.happened > 0 or not SOAK
    assert "Traceback" not in siege.log.read_text(errors="replace")
