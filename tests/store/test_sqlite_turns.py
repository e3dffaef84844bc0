"""Statements of one turn of the event loop read together, and nobody reads what was before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from hekla.store.sqlite import SqliteStore
from tests.store.conformance import OpenStore, Text

COUNT = Text("select cast(count(*) as blob) from words", guarded=False)


@pytest.fixture
def other(database: Path) -> Iterator[apsw.Connection]:
    """Another program's connection to the database."""
    connection = apsw.Connection(str(database))
    connection.execute("create table words (id integer primary key)")
    yield connection
    connection.close(True)


async def test_statements_of_a_turn_share_a_transaction(
    open_store: OpenStore, other: apsw.Connection
) -> None:
    """They see one moment; the next turn sees what was committed since, from wherever."""
    store = await open_store()
    assert isinstance(store, SqliteStore)
    read = store.reader(COUNT)
    for number in range(20):
        seen = [read(()) for _ in range(5)]
        other.execute("insert into words values (null)")
        # Still the same turn: what is new may not be seen yet.
        seen.append(read(()))
        assert set(seen) <= {b"%d" % number, b"%d" % (number + 1)}
        await asyncio.sleep(0)
        assert read(()) == b"%d" % (number + 1)
    # Busy as it was, it did read together: otherwise this test shows nothing.
    read(()), read(())
    assert store._together
    await asyncio.sleep(0)
    assert not store._together


async def test_who_asks_apart_from_requests_sees_the_latest(
    open_store: OpenStore, other: apsw.Connection
) -> None:
    """Code that wrote by other means a moment ago reads it, in the same turn as well."""
    store = await open_store()
    assert isinstance(store, SqliteStore)
    read = store.reader(COUNT)
    for number in range(10):
        read(()), read(())
        other.execute("insert into words values (null)")
        assert await store.fetch(COUNT, ()) == (b"%d" % (number + 1),)


async def test_requests_queued_behind_a_turn_see_what_was_committed_before_they_came(
    open_store: OpenStore, other: apsw.Connection
) -> None:
    """What is called soon after a commit reads it, though a transaction was open at the commit."""
    store = await open_store()
    assert isinstance(store, SqliteStore)
    loop, read, seen = asyncio.get_running_loop(), store.reader(COUNT), []
    for number in range(10):
        read(()), read(())
        other.execute("insert into words values (null)")
        loop.call_soon(lambda: seen.append(read(())))
        await asyncio.sleep(0.001)
        assert seen[-1] == b"%d" % (number + 1)


async def test_a_reader_gives_way_to_whatever_takes_longer(open_store: OpenStore) -> None:
    """A statement that is over the budget, fails or finds nothing is left to the whole way."""
    store = await open_store()
    endless = "with recursive c(n) as (select 1 union all select n + 1 from c where n < 3000000) "
    slow = Text(f"{endless}select cast(count(*) as blob) from c", guarded=False)
    assert store.reader(slow)(()) is None
    assert await store.fetch(slow, ()) == (b"3000000",)
    assert store.reader(Text("select cast(1 as blob) where false", guarded=False))(()) is None
    assert store.reader(Text("select nothing", guarded=False))(()) is None
    assert store.reader(Text("select cast(1 as blob)", guarded=True))(()) is None
