"""Copies of a database: whole, of one moment, and put back under those who read it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store import backup
from hekla.store.backup import back_up, restore
from hekla.store.location import Location
from hekla.store.protocol import Transaction
from tests.store.conformance import OpenStore, Write, problem_of
from tests.store.test_sqlite_write_faults import COUNT, insert

SETTINGS = Settings(busy_timeout=0.3)


@pytest.fixture
def location(database: Path) -> Location:
    return Location.of_path(str(database))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copies" / "copy.db"


@pytest.fixture(autouse=True)
def filled(heap: None, write: Write, copy: Path) -> None:
    """Some 400 pages, so that a copy takes more than one step."""
    copy.parent.mkdir()
    write("create table other (id integer primary key)")
    write("create view seen as select 1")
    write(
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 400)"
        " insert into heap select zeroblob(4000) from c"
    )


def rows(path: Path) -> list[Any]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("select length(n) from heap order by rowid").fetchall()
    finally:
        connection.close(True)


def test_a_copy_is_whole(location: Location, copy: Path) -> None:
    """A copy is one file with every row, and tells how many each table has."""
    made = back_up(location, str(copy), SETTINGS)
    assert made.rows == {"heap": 400, "other": 0}
    assert made.size == copy.stat().st_size > 400 * 4096
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]
    assert rows(copy) == [(4000,)] * 400


async def test_others_write_meanwhile(
    open_store: OpenStore, location: Location, copy: Path
) -> None:
    """A copy holds one moment, however much is written while it is made, and holds up nobody."""
    store = await open_store()
    loop = asyncio.get_running_loop()
    steps = []

    def progress(done: int, total: int) -> None:
        steps.append((done, total))
        # From the thread of the copy: each step finds the database changed.
        written = asyncio.run_coroutine_threadsafe(_written(), loop)
        assert written.result(timeout=10) == (1,)

    async def _written() -> Any:
        return await store.write(insert)

    made = await asyncio.to_thread(back_up, location, str(copy), SETTINGS, progress=progress)
    assert len(steps) > 1
    assert steps[-1][0] == steps[-1][1]
    assert made.rows["heap"] == 400
    assert await store.fetch(COUNT, ()) == (400 + len(steps),)
    assert len(rows(copy)) == 400


def test_no_file_is_replaced_unasked(location: Location, copy: Path) -> None:
    """A file that is there stays as it is, unless it may be replaced; then by a whole copy."""
    copy.write_text("precious")
    with pytest.raises(OperatorError, match="--force"):
        back_up(location, str(copy), SETTINGS)
    assert copy.read_text() == "precious"
    back_up(location, str(copy), SETTINGS, force=True)
    assert len(rows(copy)) == 400


def test_a_copy_that_ends_in_the_middle(location: Location, copy: Path) -> None:
    """A copy that is interrupted leaves nothing, neither the file nor a part of it."""

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up(location, str(copy), SETTINGS, progress=interrupt)
    assert list(copy.parent.iterdir()) == []


def test_a_copy_that_was_killed(location: Location, copy: Path) -> None:
    """What a killed process left of its copy is in nobody's way."""
    code = (
        "import os, sys; from hekla.settings import Settings;"
        " from hekla.store.backup import back_up; from hekla.store.location import Location;"
        " back_up(Location.of_path(sys.argv[1]), sys.argv[2], Settings(),"
        " progress=lambda done, total: os.kill(os.getpid(), 9))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(location.path), str(copy)])
    assert killed.returncode == -9
    assert not copy.exists()
    back_up(location, str(copy), SETTINGS)
    assert [path.name for path in copy.parent.iterdir()] == ["copy.db"]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("data.sqlite", "is the database itself"),
        ("copies", "is a folder"),
        ("nowhere/copy.db", "no such folder"),
    ],
)
def test_what_cannot_be_written(
    location: Location, tmp_path: Path, path: str, message: str
) -> None:
    """Where no copy can be, one line says why, and the database is as it was."""
    with pytest.raises(OperatorError, match=message):
        back_up(location, str(tmp_path / path), SETTINGS)
    assert len(rows(tmp_path / "data.sqlite")) == 400


def test_a_database_in_memory(copy: Path) -> None:
    """A database in memory has no copies."""
    with pytest.raises(OperatorError, match="in memory"):
        back_up(Location.parse("sqlite://"), str(copy), SETTINGS)
    with pytest.raises(OperatorError, match="in memory"):
        restore(Location.parse("sqlite://"), str(copy), SETTINGS)


async def test_restored_under_those_who_serve(
    open_store: OpenStore, location: Location, copy: Path
) -> None:
    """Who has the database open sees what was restored, and goes on writing."""
    back_up(location, str(copy), SETTINGS)
    store = await open_store()

    async def change(transaction: Transaction) -> None:
        await transaction.fetch("delete from heap")
        await transaction.fetch("create table later (n)")

    await store.write(change)
    assert await store.fetch(COUNT, ()) == (0,)
    restored = await asyncio.to_thread(restore, location, str(copy), SETTINGS)
    assert (restored.copy.rows, restored.was_damaged) == ({"heap": 400, "other": 0}, False)
    assert await store.fetch(COUNT, ()) == (400,)
    assert await store.write(insert) == (1,)
    assert await store.fetch(COUNT, ()) == (401,)
    assert restored.kept is not None
    kept = Path(restored.kept)
    assert (kept.parent, rows(kept)) == (copy.parent.parent, [])


def test_restored_where_there_is_nothing(tmp_path: Path, location: Location, copy: Path) -> None:
    """Where no database is any more, the copy becomes one, and nothing is kept."""
    back_up(location, str(copy), SETTINGS)
    lost = tmp_path / "lost.db"
    restored = restore(Location.of_path(str(lost)), str(copy), SETTINGS)
    assert restored.kept is None
    assert rows(lost) == [(4000,)] * 400


@pytest.mark.parametrize("damage", ["short", "prose"])
def test_a_damaged_database_is_moved(
    tmp_path: Path, location: Location, copy: Path, damage: str
) -> None:
    """What cannot be read is kept as it is, byte for byte, and the copy takes its place."""
    back_up(location, str(copy), SETTINGS)
    broken = tmp_path / "broken.db"
    content = copy.read_bytes()[:500_000] if damage == "short" else b"no database " * 1000
    broken.write_bytes(content)
    restored = restore(Location.of_path(str(broken)), str(copy), SETTINGS)
    assert restored.was_damaged
    assert restored.kept is not None
    assert Path(restored.kept).read_bytes() == content
    assert rows(broken) == [(4000,)] * 400


async def test_who_has_the_damaged_one_open(
    open_store: OpenStore, database: Path, location: Location, copy: Path
) -> None:
    """After a damaged database was moved, nothing is written to where it went."""
    back_up(location, str(copy), SETTINGS)
    store = await open_store()
    assert await store.write(insert) == (1,)
    await asyncio.to_thread(_move_aside, database, copy)
    assert (await problem_of(store.write(insert))).status == 503
    await store.close()
    await store.start()
    assert await store.fetch(COUNT, ()) == (400,)
    assert await store.write(insert) == (1,)


def _move_aside(database: Path, copy: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        file = database.with_name(database.name + suffix)
        file.rename(file.with_name(f"old{suffix}"))
    restore(Location.of_path(str(database)), str(copy), SETTINGS)


def test_a_damaged_copy_is_refused(location: Location, copy: Path, database: Path) -> None:
    """A copy that is not whole is not restored: what is there stays."""
    back_up(location, str(copy), SETTINGS)
    for content in (copy.read_bytes()[:500_000], b"no database " * 1000, b"x" * 10):
        copy.write_bytes(content)
        with pytest.raises(OperatorError, match=str(copy)):
            restore(location, str(copy), SETTINGS)
    with pytest.raises(OperatorError, match="no such file"):
        restore(location, str(copy) + ".gone", SETTINGS)
    assert len(rows(database)) == 400
    assert sorted(path.name for path in database.parent.glob("data.sqlite.*")) == []


def test_others_who_write(location: Location, copy: Path, database: Path) -> None:
    """While another program holds the database, nothing is restored, and a line says so."""
    back_up(location, str(copy), SETTINGS)
    other = apsw.Connection(str(database))
    other.execute("begin immediate")
    with pytest.raises(OperatorError, match="another program"):
        restore(location, str(copy), SETTINGS)
    other.execute("rollback")
    assert len(rows(database)) == 400
    assert list(database.parent.glob("data.sqlite.*")) == []


@pytest.mark.parametrize("state", ["whole", "damaged", "missing"])
def test_a_restore_that_ends_in_the_middle(
    tmp_path: Path, location: Location, copy: Path, state: str
) -> None:
    """A restore that is interrupted leaves what was there, where it was, and nothing else."""
    back_up(location, str(copy), SETTINGS)
    target = tmp_path / "target" / "app.db"
    target.parent.mkdir()
    content = {"whole": copy.read_bytes(), "damaged": b"no database " * 1000, "missing": None}[
        state
    ]
    if content is not None:
        target.write_bytes(content)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(Location.of_path(str(target)), str(copy), SETTINGS, progress=interrupt)
    left = {path.name for path in target.parent.iterdir()}
    assert left == ({"app.db"} if content is not None else set())
    if state == "whole":
        assert rows(target) == [(4000,)] * 400
    elif content is not None:
        assert target.read_bytes() == content


@pytest.mark.parametrize("size", [1024, 16384])
def test_pages_of_another_size(location: Location, copy: Path, database: Path, size: int) -> None:
    """A copy with pages of another size is restored where nobody has the database open."""
    back_up(location, str(copy), SETTINGS)
    connection = apsw.Connection(str(copy))
    connection.pragma("page_size", size)
    connection.execute("vacuum")
    connection.close(True)
    target = database.with_name("apart.db")
    back_up(location, str(target), SETTINGS)
    assert restore(Location.of_path(str(target)), str(copy), SETTINGS).copy.rows["heap"] == 400
    assert len(rows(target)) == 400
    with pytest.raises(OperatorError, match="stop what serves"):
        restore(location, str(copy), SETTINGS)


def test_names_of_tables(location: Location, write: Write, copy: Path) -> None:
    """Tables of any name are counted, and the rows of a full-text index with them."""
    write('create table "or""der" (n)')
    write('insert into "or""der" values (1)')
    write("create virtual table words using fts5 (text)")
    write("insert into words values ('ash')")
    made = back_up(location, str(copy), SETTINGS)
    assert made.rows['or"der'] == 1
    assert made.rows["words_content"] == 1


def test_progress_is_of_pages(location: Location, copy: Path) -> None:
    """Progress counts pages, and ends with all of them."""
    seen: list[tuple[int, int]] = []
    back_up(location, str(copy), SETTINGS, progress=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (copy.stat().st_size // 4096,) * 2
    assert len(seen) == -(-seen[-1][0] // backup._PAGES_A_STEP)
