"""The SQLite store does what every store does, on a file and in memory."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.open import open_store
from hekla.store.protocol import Store
from tests.store.conformance import MakeStore, StoreConformance, Text, Words, Write, everything

_COUNTING = "with recursive c(n) as (select 1 union all select n + 1 from c {}) "

SQLITE = Words(
    echo="select ?",
    pair="select 1 union all select 2",
    empty="select 1 where 1 = 0",
    upto=_COUNTING.format("where n < ?") + "select n from c",
    endless=_COUNTING.format("") + "select count(*) from c",
    missing="select n from nowhere",
    create="create table heap (n int)",
    insert="insert into heap values (1)",
    count="select count(*) from heap",
    dump="select (select count(*) from heap) from heap",
)


class TestSqliteFile(StoreConformance):
    words = SQLITE

    @pytest.fixture
    def make_store(self, database: Path) -> MakeStore:
        return lambda settings=None: open_store(f"sqlite:///{database}", settings or Settings())


class TestSqliteInMemory(StoreConformance):
    words = SQLITE

    @pytest.fixture
    def location(self) -> Location:
        return Location.parse("sqlite://")

    @pytest.fixture
    def make_store(self, location: Location) -> MakeStore:
        return lambda settings=None: open_store(location, settings or Settings())

    @pytest.fixture
    def write(self, location: Location) -> Write:
        connection: apsw.Connection = location.open()
        connection.set_busy_timeout(50)
        return lambda sql: connection.execute(sql).close()

    async def test_stream_sees_one_moment(self, store: Store, write: Write) -> None:
        """In memory there is no write-ahead log: writing has to wait until the stream ends."""
        write(self.words.create)
        for _ in range(3000):
            write(self.words.insert)
        stream = store.stream(Text(self.words.dump), ())
        first = await anext(stream)
        with pytest.raises(apsw.BusyError):
            write(self.words.insert)
        assert set(first + await everything(stream)) == {(3000,)}
        write(self.words.insert)
        assert await store.fetch(Text(self.words.count), ()) == (3001,)
