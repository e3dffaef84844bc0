"""Files that cannot be served: each is one line that says what is wrong and what to do."""

# ruff: noqa: ASYNC240 - a test may wait for its own files

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest
import sqlalchemy as sa

from hekla import errors
from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.open import open_store as make_store
from tests.store.conformance import OpenStore, Text, everything, problem_of

NOBODY = 65534


def fill(path: Path, *, journal: str = "delete") -> None:
    """A database of a few hundred pages: t(id, v) with 1000 rows."""
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", journal)
    connection.execute("create table t (id integer primary key, v text)")
    connection.execute(
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 1000)"
        " insert into t select n, printf('%.500c', 'v') from c"
    )
    connection.close()


async def complaint(open_store: OpenStore, *args: Any, **options: Any) -> str:
    """The one line that opening ends with."""
    with pytest.raises(OperatorError) as caught:
        await open_store(*args, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# URLs.


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("mysql://host/name", "mysql: this version knows SQLite and PostgreSQL only"),
        ("mariadb+asyncmy://h/n", "mariadb: this version knows SQLite and PostgreSQL only"),
        ("oracle://host/name", "'oracle://host/name' is no SQLite URL"),
        ("oracle://me:secret@host/name", "'oracle://me:***@host/name' is no SQLite URL"),
        ("chinook.sqlite", "'chinook.sqlite' is not a database URL"),
        ("", "'' is not a database URL"),
        ("post gres://me:secret@host/db", "'post gres://…@host/db' is not a database URL"),
        ("sqlite:///a@b.db?mode=rx", "'sqlite://…@b.db?mode=rx': the options of an SQLite URL"),
        ("sqlite://chinook.sqlite", "'sqlite://chinook.sqlite' is no SQLite URL"),
        ("sqlite:///a.db?cache=shared", "the options of an SQLite URL are mode=ro"),
        ("sqlite:///a.db?mode=memory", "the options of an SQLite URL are mode=ro"),
        ("sqlite:///a.db?immutable=yes", "the options of an SQLite URL are mode=ro"),
    ],
)
def test_urls_that_cannot_be_served(url: str, expected: str) -> None:
    """A URL that means nothing here is refused before anything is opened."""
    with pytest.raises(OperatorError) as caught:
        make_store(url, Settings())
    assert expected in str(caught.value)


async def test_relative_and_absolute(
    open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three slashes are relative to the current folder, four are absolute."""
    monkeypatch.chdir(tmp_path)
    await open_store(url="sqlite:///relative.db")
    await open_store(url=f"sqlite:///{tmp_path}/absolute.db")
    assert {"relative.db", "absolute.db"} <= set(os.listdir(tmp_path))


async def test_a_change_of_folder(
    open_store: OpenStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path is that of the folder where the URL was read, for every connection."""
    monkeypatch.chdir(tmp_path)
    fill(tmp_path / "a.db")
    store = make_store("sqlite:///a.db", Settings(), read_only=True)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    await store.start()
    assert len(await everything(store.stream(Text("select id from t"), ()))) == 1000
    await store.close()


@pytest.mark.parametrize("name", ["a b.db", "a?b#c.db", "100%41.db", "グリュセ.db", "file:x.db"])
def test_names_mean_themselves(tmp_path: Path, name: str) -> None:
    """No letter of a file name is taken for a part of the URL."""
    path = str(tmp_path / name)
    Location.of_path(path).open(create=True).execute("create table t (n)").close()
    assert os.listdir(tmp_path) == [name]
    url = sa.URL.create("sqlite", database=path).render_as_string()
    assert Location.parse(url) == Location.of_path(path)
    assert Location.parse(url).open().execute("select count(*) from t").fetchone() == (0,)


async def test_memory_is_private(open_store: OpenStore) -> None:
    """Two stores in memory are two databases."""
    first, second = await open_store(url="sqlite://"), await open_store(url="sqlite://")
    for number, store in enumerate((first, second)):
        location: Location = store.location  # type: ignore[attr-defined]
        location.open().execute(f"create table t as select {number} as n")
    assert await first.fetch(Text("select n from t"), ()) == (0,)
    assert await second.fetch(Text("select n from t"), ()) == (1,)


# Files.


async def test_missing_file(open_store: OpenStore, database: Path) -> None:
    """A missing file is not created by whoever only reads."""
    assert await complaint(open_store, read_only=True) == f"{database}: no such file"
    url = f"sqlite:///{database}?mode=ro"
    assert await complaint(open_store, url=url) == f"{database}: no such file"
    assert not database.exists()


async def test_missing_folder(open_store: OpenStore, tmp_path: Path) -> None:
    """A file in a folder that is not there cannot be created."""
    path = tmp_path / "nowhere" / "a.db"
    line = await complaint(open_store, url=f"sqlite:///{path}")
    assert line == f"{path}: cannot be created: no such folder"


async def test_folder(open_store: OpenStore, tmp_path: Path) -> None:
    """A folder is not a database."""
    line = await complaint(open_store, url=f"sqlite:///{tmp_path}")
    assert line == f"{tmp_path}: is a folder, not a database"


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize(
    "content", [b"just text, and more than a hundred bytes of it" * 9, b"a note"]
)
async def test_not_a_database(
    open_store: OpenStore, database: Path, content: bytes, read_only: bool
) -> None:
    """A file of another kind is named as such and stays as it is."""
    database.write_bytes(content)
    line = await complaint(open_store, read_only=read_only)
    assert line == f"{database}: is not an SQLite database (or is encrypted)"
    assert database.read_bytes() == content


async def test_empty_file(open_store: OpenStore, database: Path) -> None:
    """An empty file is an empty database, as SQLite has it."""
    database.touch()
    store = await open_store(read_only=True)
    assert await store.fetch(Text("select count(*) from sqlite_schema"), ()) == (0,)


async def test_damaged_header(open_store: OpenStore, database: Path) -> None:
    """A database whose first page is damaged is refused at the start."""
    fill(database)
    content = bytearray(database.read_bytes())
    content[100:200] = b"\xff" * 100
    database.write_bytes(content)
    line = await complaint(open_store, read_only=True)
    assert line.startswith(f"{database}: the database is damaged")


async def test_damaged_pages(
    open_store: OpenStore, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Damage further in is a 503 for those who meet it, and a line in the log."""
    fill(database)
    content = bytearray(database.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8 * 4096] = b"\xee" * 8 * 4096
    database.write_bytes(content)
    store = await open_store()
    assert await store.fetch(Text("select id from t where id = 1"), ()) == (1,)
    problem = await problem_of(store.fetch(Text("select sum(length(v)) from t"), ()))
    assert (problem.code, problem.detail) == (
        errors.STORE_UNAVAILABLE,
        "The database file is damaged.",
    )
    problem = await problem_of(everything(store.stream(Text("select v from t"), ())))
    assert problem.code == errors.STORE_UNAVAILABLE
    assert "CorruptError" in caplog.text


async def test_cut_off_file(open_store: OpenStore, database: Path) -> None:
    """A database that was copied in part is refused at the start."""
    fill(database)
    os.truncate(database, database.stat().st_size // 2 // 4096 * 4096)
    line = await complaint(open_store, read_only=True)
    assert line.startswith(f"{database}: the database is damaged")


@pytest.mark.parametrize("journal", ["delete", "wal"])
async def test_read_only_changes_nothing(
    open_store: OpenStore, database: Path, journal: str
) -> None:
    """Who reads only leaves the file as it is, to the byte and in its journal mode."""
    fill(database, journal=journal)
    before = hashlib.sha256(database.read_bytes()).digest()
    store = await open_store(read_only=True)
    assert await store.fetch(Text("select count(*) from t"), ()) == (1000,)
    assert len(await everything(store.stream(Text("select id from t"), ()))) == 1000
    await store.close()
    assert hashlib.sha256(database.read_bytes()).digest() == before


async def test_immutable(open_store: OpenStore, database: Path) -> None:
    """With immutable=1 a WAL database is read without a file beside it."""
    fill(database, journal="wal")
    store = await open_store(url=f"sqlite:///{database}?immutable=1")
    assert await store.fetch(Text("select count(*) from t"), ()) == (1000,)
    assert os.listdir(database.parent) == [database.name]


async def test_shared_databases(
    open_store: OpenStore, shared_database: Callable[[str], Path]
) -> None:
    """Databases of other people are read as they are."""
    path = shared_database("chinook")
    store = await open_store(url=f"sqlite:///{path}", read_only=True)
    assert await store.fetch(Text("select count(*) from Track"), ()) == (3503,)


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """A process that permissions hold for: root becomes nobody for the time of the test."""
    if os.geteuid() != 0:
        yield
        return
    # Of several processes that share the tests each has a folder more to be let through.
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | stat.S_IXGRP | stat.S_IXOTH)
    os.chown(tmp_path, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.usefixtures("unprivileged")
async def test_permissions(open_store: OpenStore, database: Path) -> None:
    """What may not be read or written is said, and how to go on without writing."""
    fill(database)
    database.chmod(0o000)
    assert await complaint(open_store) == f"{database}: permission denied"
    database.chmod(0o444)
    line = await complaint(open_store)
    assert line == f"{database}: permission denied to write; add ?mode=ro to the URL to read only"
    store = await open_store(read_only=True)
    assert await store.fetch(Text("select count(*) from t"), ()) == (1000,)


@pytest.mark.usefixtures("unprivileged")
async def test_wal_in_a_folder_without_permission(open_store: OpenStore, database: Path) -> None:
    """A WAL database in a folder that may not be written to needs immutable=1, and is told so."""
    fill(database, journal="wal")
    database.parent.chmod(0o555)
    try:
        line = await complaint(open_store, read_only=True)
        assert "add ?immutable=1 to the URL" in line
        store = await open_store(url=f"sqlite:///{database}?immutable=1")
        assert await store.fetch(Text("select count(*) from t"), ()) == (1000,)
    finally:
        database.parent.chmod(0o755)


class FaultyFile(apsw.VFSFile):
    """A file that cannot be read any more once ``broken`` is set."""

    broken = False

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        if FaultyFile.broken:
            raise apsw.IOError("the disk is gone")
        return super().xRead(amount, offset)


class FaultyDisk(apsw.VFS):
    """The usual file system with :class:`FaultyFile` for its files."""

    def __init__(self) -> None:
        super().__init__("faulty", "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return FaultyFile("", name, flags)


async def test_disk_errors(
    open_store: OpenStore, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A disk that fails is a 503; once it is back, the store answers again."""
    fill(database)
    disk = FaultyDisk()
    location = Location(f"file:{database}?vfs=faulty", str(database), read_only=True)
    store = await open_store(Settings(mmap_bytes=0), location)
    count = Text("select sum(length(v)) from t")
    try:
        FaultyFile.broken = True
        problem = await problem_of(store.fetch(count, ()))
        assert problem.code == errors.STORE_UNAVAILABLE
        assert problem.headers == {"Retry-After": "1"}
        assert "the disk is gone" in caplog.text
        assert "the disk is gone" not in str(problem.body())
    finally:
        FaultyFile.broken = False
    assert await store.fetch(count, ()) == (500_000,)
    await store.close()
    disk.unregister()
