"""Several processes write to one file, and a reader polls: every change once, in order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from hekla.cli import main
from tests.changes.application import ADMIN, running
from tests.scenarios.client import ask

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WRITERS = ("a", "b", "c")
ROWS = 150

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for number in range(int(sys.argv[2])):
    connection.execute("insert into words values (?, ?)", (f"other-{number}", number))
"""


def begin(place: Path) -> list[subprocess.Popen[bytes]]:
    module = [sys.executable, "-m", "tests.changes.writing_process", str(place)]
    commands = [[*module, name, str(ROWS)] for name in WRITERS]
    commands.append([sys.executable, "-c", OTHER, str(place), str(ROWS)])
    return [subprocess.Popen(command) for command in commands]


async def test_a_reader_sees_every_change_exactly_once_in_order(tmp_path: Path) -> None:
    """Three processes of Hekla and one of another program: no number is skipped or repeated."""
    place = tmp_path / "a.db"
    async with running(place) as app:
        assert main(["capture", str(place), "--create", "--resource", "words"]) == 0
        writers = begin(place)
        seen: list[tuple[int, str]] = []
        cursor = 0
        polls = 0
        try:
            while True:
                over = all(writer.poll() is not None for writer in writers)
                target = f"/changes?after={cursor}&limit=7"
                answer = await ask(app, target, actor=ADMIN)
                assert answer.status == 200, answer.body
                polls += 1
                seen += [(change["seq"], change["after"]["word"]) for change in answer.json()]
                cursor = int(answer.headers["x-next-cursor"])
                if over and answer.link("next") is None:
                    break
                await asyncio.sleep(0)
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
        assert [writer.returncode for writer in writers] == [0] * 4
        # Nobody but these wrote and nothing was rolled back, so there is no gap at all.
        assert [seq for seq, _ in seen] == [*range(1, 4 * ROWS + 1)]
        assert len({word for _, word in seen}) == 4 * ROWS
        # Each writer's groups come in the order in which it wrote them.
        for name in (*WRITERS, "other"):
            own = [int(word.partition("-")[2]) for _, word in seen if word.startswith(f"{name}-")]
            assert [number // 5 for number in own] == sorted(number // 5 for number in own)
        assert polls > 4 * ROWS / 7
