"""How long changes are kept, and what a reader is told who comes too late."""

from __future__ import annotations

from pathlib import Path

import pytest

from hekla import Hekla
from hekla.changes.retention import Retention
from hekla.cli import main
from tests.changes.application import ADMIN, ANN, changes_of, make, must, running
from tests.scenarios.client import ask

pytestmark = pytest.mark.anyio


async def fill(app: Hekla, rows: int) -> None:
    await must(app, ANN, "POST", "/words", [{"word": f"w{n}"} for n in range(rows)])


def age(app: Hekla, first: int, last: int, days: int) -> None:
    """Make changes older than they are."""
    with app.session() as session:
        session.connection().exec_driver_sql(
            "update hekla_changes set at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) "
            "where seq between ? and ?",
            (f"-{days} days", first, last),
        )
        session.commit()


async def test_the_newest_are_kept(tmp_path: Path) -> None:
    """By number: so many are kept, in steps, and at least the newest."""
    async with running(tmp_path / "a.db") as app:
        await fill(app, 1300)
        assert await Retention(app.store, 0, 100).prune() == 1200
        assert [c["seq"] for c in await changes_of(app, ADMIN, "/changes")] == [*range(1201, 1301)]
        assert await Retention(app.store, 0, 100).prune() == 0
        assert await Retention(app.store, 0, 1).prune() == 99
        assert await Retention(app.store, 0, 0).prune() == 0


async def test_the_old_are_thrown_away(tmp_path: Path) -> None:
    """By age: from the oldest on, up to the first that is young enough; never the newest."""
    async with running(tmp_path / "a.db") as app:
        await fill(app, 8)
        age(app, 1, 3, 10)
        age(app, 5, 6, 10)
        retention = Retention(app.store, 5 * 86400, 0)
        assert await retention.prune() == 3
        assert [c["seq"] for c in await changes_of(app, ADMIN, "/changes")] == [4, 5, 6, 7, 8]
        age(app, 4, 8, 10)
        assert await retention.prune() == 4
        await must(app, ANN, "POST", "/words", {"word": "next"})
        assert [c["seq"] for c in await changes_of(app, ADMIN, "/changes")] == [8, 9]


async def test_a_reader_who_comes_too_late_is_told(tmp_path: Path) -> None:
    """After a number whose next changes are gone: 410, and where to go on."""
    async with running(tmp_path / "a.db") as app:
        await fill(app, 10)
        await Retention(app.store, 0, 4).prune()
        for target in ("/changes", "/words/changes"):
            for after in (0, 5):
                answer = await ask(app, f"{target}?after={after}", actor=ADMIN)
                assert (answer.status, answer.json()["code"]) == (410, "changes_gone")
                assert answer.headers["x-next-cursor"] == "10"
                assert "after=10" in answer.json()["detail"]
            held = await changes_of(app, ADMIN, f"{target}?after=6")
            assert [change["seq"] for change in held] == [7, 8, 9, 10]
            everything = await changes_of(app, ADMIN, target)
            assert everything == held
        # What is left of a history is told.
        assert await changes_of(app, ADMIN, "/words/w1/history") == []
        assert len(await changes_of(app, ADMIN, "/words/w9/history")) == 1


def test_the_command_prunes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``hekla changes prune`` does the same from outside, by file or by app."""
    import asyncio

    place = tmp_path / "a.db"

    async def write() -> None:
        app = make(place)
        await app.startup()
        await fill(app, 5)
        await app.shutdown()

    asyncio.run(write())
    assert main(["changes", "prune", str(place), "--max-rows", "2"]) == 0
    assert capsys.readouterr().out == "3 changes thrown away\n"
    assert main(["changes", "prune", str(place)]) == 0
    assert capsys.readouterr().out == "0 changes thrown away\n"
