"""What the tests of the SQLite store share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import apsw
import pytest

from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.open import open_store as make_store
from hekla.store.protocol import Store
from tests.store.conformance import OpenStore, Write

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where the database of a test is, or will be."""
    return tmp_path / "data.sqlite"


@pytest.fixture
def shared_database(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a database that other people made, by its name."""

    def copy(name: str) -> Path:
        source = SHARED_DATA / f"{name}.sqlite"
        if not source.exists():
            pytest.skip(f"{source.name} is not beside the project")
        target = tmp_path / source.name
        target.write_bytes(source.read_bytes())
        return target

    return copy


@pytest.fixture
async def open_store(database: Path) -> AsyncIterator[OpenStore]:
    """Opens a store on ``database`` (or what ``url`` says); it is closed after the test."""
    stores: list[Store] = []

    async def open_one(
        settings: Settings | None = None,
        url: str | Location | None = None,
        *,
        read_only: bool = False,
    ) -> Store:
        url = url or f"sqlite:///{database}"
        store = make_store(url, settings or Settings(), read_only=read_only)
        stores.append(store)
        await store.start()
        return store

    yield open_one
    for store in stores:
        await store.close()


@pytest.fixture
def write(database: Path) -> Write:
    """Runs SQL on ``database`` and commits, on a connection of its own."""
    connection = apsw.Connection(str(database))
    connection.set_busy_timeout(5000)
    connection.pragma("synchronous", "OFF")
    return lambda sql: connection.execute(sql).close()


@pytest.fixture
def heap(write: Write) -> None:
    """A table of one column n, in a file in WAL mode."""
    write("pragma journal_mode = wal")
    write("create table heap (n)")
