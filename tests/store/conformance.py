"""What every store must do, whatever its database: a suite that each of them passes.

A store's own test module subclasses :class:`StoreConformance`, says in ``words`` how its
database puts the statements below, and provides the fixtures ``make_store`` (a store that is
not started yet) and ``write`` (runs SQL on its database, apart from it, and commits).
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from hekla import errors
from hekla.errors import Problem
from hekla.settings import Settings
from hekla.store.protocol import Store

MakeStore = Callable[..., Store]
OpenStore = Callable[..., Awaitable[Store]]
Write = Callable[[str], None]


@dataclass
class Text:
    """A statement; ``asked`` counts how often its careful text was wanted."""

    sql: str
    careful: str = ""
    guarded: bool = True
    asked: int = field(default=0, compare=False)

    def careful_sql(self) -> str:
        self.asked += 1
        return self.careful or self.sql


@dataclass(frozen=True)
class Words:
    """The statements of the suite in one database's SQL."""

    echo: str  # one row, one column: its one bind
    pair: str  # the two rows (1) and (2), in that order
    empty: str  # no row
    upto: str  # the rows 1, 2, … up to its one bind
    endless: str  # never returns
    missing: str  # reads a table that does not exist
    create: str  # makes the table heap(n)
    insert: str  # puts one row into heap, n = 1
    count: str  # the number of rows of heap
    dump: str  # the number of rows of heap, once for each row


async def problem_of(answer: Awaitable[object]) -> Problem:
    """The Problem that ``answer`` ends with."""
    with pytest.raises(Problem) as caught:
        await answer
    return caught.value


async def everything(batches: AsyncIterator[list[Any]]) -> list[Any]:
    return [row async for batch in batches for row in batch]


async def longest_gap(during: asyncio.Task[Any], step: Callable[[], Awaitable[Any]]) -> float:
    """The longest that ``step`` and one turn of the loop took while ``during`` was running."""
    longest = 0.0
    while not during.done():
        began = time.perf_counter()
        await step()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - began)
        await asyncio.sleep(0.001)
    return longest


class StoreConformance:
    """The suite. Subclass it under a name that pytest collects."""

    words: ClassVar[Words]
    # Seconds that a long query takes, and that nothing beside it may.
    long: ClassVar[float] = 5
    short: ClassVar[float] = 0.05

    @pytest.fixture
    async def open_store(self, make_store: MakeStore) -> AsyncIterator[OpenStore]:
        """Starts a store with the given settings; it is closed after the test."""
        stores: list[Store] = []

        async def open_one(settings: Settings | None = None) -> Store:
            stores.append(make_store(settings))
            await stores[-1].start()
            return stores[-1]

        yield open_one
        for store in stores:
            await store.close()

    @pytest.fixture
    async def store(self, open_store: OpenStore) -> Store:
        return await open_store()

    async def test_fetch_gives_the_first_row(self, store: Store) -> None:
        """One row is a tuple of its columns; where there are more, the first is given."""
        assert await store.fetch(Text(self.words.echo), (7,)) == (7,)
        assert await store.fetch(Text(self.words.pair), ()) == (1,)
        assert await store.fetch(Text(self.words.echo), (8,)) == (8,)

    async def test_fetch_gives_none_without_a_row(self, store: Store) -> None:
        """No row is None, and not an empty tuple."""
        assert await store.fetch(Text(self.words.empty), ()) is None

    def echo(self, value: object) -> str:
        """``words.echo`` for a value of this type, where the database asks for it to be named."""
        return self.words.echo

    @pytest.mark.parametrize(
        "value", [None, 0, -(2**63), 2**63 - 1, 9007199254740993, 0.1, "", "grüße 🌋 'quoted'"]
    )
    async def test_values_come_back_as_they_went(self, store: Store, value: object) -> None:
        """A bound value is the same when it returns, to the last digit."""
        assert await store.fetch(Text(self.echo(value)), (value,)) == (value,)

    async def test_text_with_nul(self, store: Store) -> None:
        """The character NUL is one like others; a database that cannot hold it says so."""
        assert await store.fetch(Text(self.echo("")), ("a\0b",)) == ("a\0b",)

    async def test_stream_gives_all_rows_in_order(self, store: Store) -> None:
        """A stream holds every row once, in batches of which none is empty."""
        batches = [batch async for batch in store.stream(Text(self.words.upto), (2501,))]
        assert [row for batch in batches for row in batch] == [(n,) for n in range(1, 2502)]
        assert min(len(batch) for batch in batches) > 0
        assert max(len(batch) for batch in batches) <= 1000

    async def test_stream_without_rows(self, store: Store) -> None:
        """A stream of nothing ends at once."""
        assert await everything(store.stream(Text(self.words.empty), ())) == []

    async def test_stream_sees_one_moment(self, store: Store, write: Write) -> None:
        """What is written while a stream is read does not show in it, but in the next one."""
        write(self.words.create)
        for _ in range(3000):
            write(self.words.insert)
        stream = store.stream(Text(self.words.dump), ())
        first = await anext(stream)
        write(self.words.insert)
        rows = first + await everything(stream)
        assert len(rows) == 3000
        assert set(rows) == {(3000,)}
        assert await store.fetch(Text(self.words.count), ()) == (3001,)

    async def test_fetch_sees_the_latest(self, store: Store, write: Write) -> None:
        """A fetch sees what was committed before it."""
        write(self.words.create)
        for n in range(5):
            assert await store.fetch(Text(self.words.count), ()) == (n,)
            write(self.words.insert)

    async def test_statement_timeout(self, open_store: OpenStore) -> None:
        """A statement that takes too long ends with a 504 and leaves the store usable."""
        store = await open_store(Settings(statement_timeout=0.3))
        began = time.monotonic()
        problem = await problem_of(store.fetch(Text(self.words.endless), ()))
        assert (problem.code, problem.status) == (errors.STATEMENT_TIMEOUT, 504)
        assert 0.3 <= time.monotonic() - began < 10
        assert await store.fetch(Text(self.words.echo), (1,)) == (1,)

    async def test_stream_timeout(self, open_store: OpenStore) -> None:
        """A stream whose next batch takes too long ends with a 504."""
        store = await open_store(Settings(statement_timeout=0.3))
        problem = await problem_of(everything(store.stream(Text(self.words.endless), ())))
        assert problem.code == errors.STATEMENT_TIMEOUT

    @pytest.mark.alone
    async def test_a_long_query_holds_nobody_up(self, open_store: OpenStore) -> None:
        """Beside a query of 5 seconds, no read and no turn of the loop takes 50 ms."""
        store = await open_store(Settings(statement_timeout=self.long))
        point = Text(self.words.echo)
        gaps = []
        # Another process may hold up this one for 50 ms; it does not do so three times running.
        for _ in range(3):
            long = asyncio.create_task(problem_of(store.fetch(Text(self.words.endless), ())))
            await asyncio.sleep(0)
            began = time.monotonic()
            gaps.append(await longest_gap(long, lambda: store.fetch(point, (1,))))
            assert time.monotonic() - began >= 0.98 * self.long
            assert (await long).code == errors.STATEMENT_TIMEOUT
            if gaps[-1] < self.short:
                break
        assert min(gaps) < self.short

    async def test_cancelled_fetch_is_interrupted(self, open_store: OpenStore) -> None:
        """When whoever asked has gone, the database stops: its thread serves the next at once."""
        store = await open_store(
            Settings(threads=1, connections=1, max_waiting=5, statement_timeout=20)
        )
        endless = asyncio.create_task(store.fetch(Text(self.words.endless), ()))
        await asyncio.sleep(0.1)
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        async with asyncio.timeout(5):
            assert len(await everything(store.stream(Text(self.words.upto), (10,)))) == 10

    async def test_cancelled_while_it_waits(self, open_store: OpenStore) -> None:
        """A statement that nobody waits for any more is not begun."""
        store = await open_store(
            Settings(threads=1, connections=1, max_waiting=5, statement_timeout=1)
        )
        running = asyncio.create_task(problem_of(store.fetch(Text(self.words.endless), ())))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(store.fetch(Text(self.words.endless), ()))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await running
        async with asyncio.timeout(0.5):
            assert len(await everything(store.stream(Text(self.words.upto), (10,)))) == 10

    async def test_too_many_long_statements(self, open_store: OpenStore) -> None:
        """Where no thread is free and nobody may wait, a long statement is refused."""
        store = await open_store(
            Settings(threads=2, connections=2, max_waiting=0, statement_timeout=0.6)
        )
        endless = Text(self.words.endless)
        problems = await asyncio.gather(*(problem_of(store.fetch(endless, ())) for _ in range(3)))
        assert sorted(problem.code.code for problem in problems) == [
            "statement_timeout",
            "statement_timeout",
            "store_busy",
        ]

    async def test_waiting_has_an_end(self, open_store: OpenStore) -> None:
        """A statement that found no thread within the timeout is refused, not timed out."""
        store = await open_store(
            Settings(threads=1, connections=1, max_waiting=9, statement_timeout=0.8)
        )
        endless = Text(self.words.endless)
        tasks = []
        for pause in (0.4, 0, 0):
            tasks.append(asyncio.create_task(problem_of(store.fetch(endless, ()))))
            await asyncio.sleep(pause)
        codes = [(await task).code.code for task in tasks]
        # The second began when the first had ended; only the third waited in vain.
        assert codes == ["statement_timeout", "statement_timeout", "store_busy"]

    async def test_streams_need_no_thread_between_batches(self, open_store: OpenStore) -> None:
        """Slow readers of many exports leave the only thread to others."""
        store = await open_store(Settings(threads=1, connections=1, max_waiting=5))
        streams = [store.stream(Text(self.words.upto), (5000,)) for _ in range(3)]
        seen = [len(await anext(stream)) for stream in streams]
        async with asyncio.timeout(5):
            assert len(await everything(store.stream(Text(self.words.upto), (10,)))) == 10
        for number, stream in enumerate(streams):
            seen[number] += len(await everything(stream))
        assert seen == [5000, 5000, 5000]

    async def test_too_many_streams(self, open_store: OpenStore) -> None:
        """More exports than max_streams are refused; one that is left makes room."""
        store = await open_store(Settings(max_streams=1))
        first = store.stream(Text(self.words.upto), (5000,))
        await anext(first)
        problem = await problem_of(everything(store.stream(Text(self.words.upto), (1,))))
        assert problem.code == errors.STORE_BUSY
        await first.aclose()  # type: ignore[attr-defined]
        assert await everything(store.stream(Text(self.words.upto), (1,))) == [(1,)]

    async def test_slow_reader_of_a_stream(self, open_store: OpenStore) -> None:
        """An export that nobody reads for stream_timeout seconds is ended."""
        store = await open_store(Settings(stream_timeout=0.1))
        stream = store.stream(Text(self.words.upto), (5000,))
        await anext(stream)
        await asyncio.sleep(0.2)
        assert (await problem_of(anext(stream))).code == errors.STATEMENT_TIMEOUT

    async def test_missing_table(self, store: Store) -> None:
        """A table that went away is a 503 that tells nothing private."""
        for answer in (
            store.fetch(Text(self.words.missing), ()),
            everything(store.stream(Text(self.words.missing), ())),
            store.explain(Text(self.words.missing), ()),
        ):
            problem = await problem_of(answer)
            assert (problem.code, problem.status) == (errors.STORE_UNAVAILABLE, 503)
            assert "nowhere" not in str(problem.body())

    async def test_ping(self, store: Store) -> None:
        """A store that runs answers a ping with nothing, one that does not with a 503."""
        await store.ping()
        await store.close()
        assert (await problem_of(store.ping())).code == errors.STORE_UNAVAILABLE

    async def test_not_started(self, store: Store) -> None:
        """After close every question is a 503."""
        await store.close()
        for answer in (
            store.fetch(Text(self.words.echo), (1,)),
            everything(store.stream(Text(self.words.upto), (1,))),
            store.explain(Text(self.words.pair), ()),
        ):
            assert (await problem_of(answer)).code == errors.STORE_UNAVAILABLE

    async def test_start_and_close_again(self, store: Store) -> None:
        """Start and close may be called twice, and a closed store may be started again."""
        await store.start()
        await store.close()
        await store.close()
        await store.start()
        assert await store.fetch(Text(self.words.echo), (1,)) == (1,)

    async def test_close_ends_everything(self, open_store: OpenStore) -> None:
        """Close interrupts what runs, refuses what waits, and leaves no thread behind."""
        before = set(threading.enumerate())
        store = await open_store(Settings(threads=1, connections=1))
        stream = store.stream(Text(self.words.upto), (5000,))
        await anext(stream)
        endless = Text(self.words.endless)
        tasks = [asyncio.create_task(problem_of(store.fetch(endless, ()))) for _ in range(2)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            await store.close()
            codes = [(await task).code for task in tasks]
        assert codes == [errors.STORE_UNAVAILABLE] * 2
        assert set(threading.enumerate()) <= before
        with pytest.raises(Problem):
            await anext(stream)

    def test_one_event_loop_after_another(self, make_store: MakeStore) -> None:
        """A store serves whatever event loop starts it."""
        store = make_store()

        async def once() -> list[Any]:
            await store.start()
            rows = await everything(store.stream(Text(self.words.upto), (3,)))
            await store.close()
            return rows

        for _ in range(2):
            assert asyncio.run(once()) == [(1,), (2,), (3,)]

    async def test_explain(self, store: Store, write: Write) -> None:
        """The database says in lines how it goes about a statement."""
        write(self.words.create)
        lines = await store.explain(Text(self.words.count), ())
        assert lines
        assert any("heap" in line for line in lines)
