"""What is SQLite's own: the budget of the event loop, locks, values that do not fit, files."""

# ruff: noqa: ASYNC240 - a test may wait for its own files

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import psutil
import pytest

from hekla import errors
from hekla.settings import Settings
from hekla.store.open import open_store as make_store
from tests.store.conformance import OpenStore, Text, Write, everything, longest_gap, problem_of

COUNT_TO = "with recursive c(n) as (select 1 union all select n + 1 from c where n < {}) "
ENDLESS = "with recursive c(n) as (select 1 union all select n + 1 from c) select count(*) from c"


@pytest.fixture
def other(database: Path) -> Iterator[apsw.Connection]:
    """Another program's connection to the database."""
    connection = apsw.Connection(str(database))
    yield connection
    connection.close(True)


def reader_threads() -> int:
    return sum(thread.name.startswith("hekla-reader") for thread in threading.enumerate())


def blocked(other: apsw.Connection) -> int:
    """1 if somebody reads from the write-ahead log, so that it cannot be reset, else 0."""
    ((busy, _, _),) = other.execute("pragma wal_checkpoint(truncate)")
    return int(busy)


def open_files(path: Path) -> int:
    """How many handles this process holds of the database and of what lies beside it."""
    names = [each.path for each in psutil.Process().open_files()]
    return sum(name.startswith(str(path)) for name in names)


# The budget of the event loop.


async def test_short_statements_stay_on_the_loop(open_store: OpenStore) -> None:
    """A statement within the budget needs no thread; one beyond it gets one and its answer."""
    store = await open_store(Settings(inline_budget=5))
    assert await store.fetch(Text("select 1"), ()) == (1,)
    assert reader_threads() == 0
    assert await store.fetch(Text(COUNT_TO.format(2_000_000) + "select max(n) from c"), ()) == (
        2_000_000,
    )
    assert reader_threads() == 1


async def test_a_slow_statement_is_remembered(open_store: OpenStore) -> None:
    """A statement that was over the budget goes to a thread without trying the loop again."""
    store = await open_store(Settings(inline_budget=200, statement_timeout=1))
    gaps = []
    for _ in range(2):
        fetch = asyncio.create_task(problem_of(store.fetch(Text(ENDLESS), ())))
        gaps.append(await longest_gap(fetch, lambda: asyncio.sleep(0)))
        assert (await fetch).code == errors.STATEMENT_TIMEOUT
    assert gaps[0] >= 0.19
    assert gaps[1] < 0.15


async def test_a_statement_that_became_fast_returns_to_the_loop(open_store: OpenStore) -> None:
    """What a thread did well within the budget is tried on the loop again."""
    store = await open_store(Settings(threads=1, inline_budget=20))
    statement = Text(COUNT_TO.format("?") + "select max(n) from c")
    assert await store.fetch(statement, (2_000_000,)) == (2_000_000,)
    assert await store.fetch(statement, (3,)) == (3,)
    # The only thread is taken: an answer can come from the loop alone.
    endless = asyncio.create_task(store.fetch(Text(ENDLESS), ()))
    await asyncio.sleep(0.1)
    async with asyncio.timeout(5):
        assert await store.fetch(statement, (4,)) == (4,)
    endless.cancel()


async def test_what_is_remembered_is_bounded(open_store: OpenStore) -> None:
    """Ever-new statements that do not fit leave no more behind than a bounded memory."""
    store = await open_store()
    for number in range(1100):
        statement = Text(f"select json('{{{number}')", f"select {number}")
        assert await store.fetch(statement, ()) == (number,)
    forgotten = Text("select json('{0')", "select 0")
    remembered = Text("select json('{1099')", "select 1099")
    await store.fetch(forgotten, ())
    await store.fetch(remembered, ())
    assert (forgotten.asked, remembered.asked) == (1, 0)


# Values that do not fit.


@pytest.mark.parametrize(
    "unfit",
    ["json('{')", "cast(x'ff' as text)", "json_object('a', x'ff')", "json_object('a', x'')"],
    ids=["malformed JSON", "invalid UTF-8", "BLOB in JSON", "empty BLOB in JSON"],
)
async def test_unfit_value_is_read_carefully(open_store: OpenStore, unfit: str) -> None:
    """A stored value that the fast text cannot give is given by the careful one from then on."""
    store = await open_store()
    statement = Text(f"select {unfit}, ?", "select 'careful', ?")
    assert await store.fetch(statement, (1,)) == ("careful", 1)
    assert await store.fetch(statement, (2,)) == ("careful", 2)
    assert statement.asked == 1


async def test_unfit_value_in_a_long_statement(open_store: OpenStore) -> None:
    """On a thread, too, the careful text is taken."""
    store = await open_store(Settings(inline_budget=1))
    slow = COUNT_TO.format(300_000) + "select {} from c where n = 300000"
    statement = Text(slow.format("json('{')"), slow.format("n"))
    assert await store.fetch(statement, ()) == (300_000,)
    assert await store.fetch(statement, ()) == (300_000,)


async def test_unfit_value_in_a_stream(open_store: OpenStore, write: Write) -> None:
    """A stream that meets an unfit value goes on carefully from that row, in the same moment."""
    write("create table t (id integer primary key, v)")
    write(COUNT_TO.format(2500) + "insert into t select n, 'v' || n from c")
    write("update t set v = x'ff' where id = 1500")
    fast = "select json_object('v', v) from t order by id"
    careful = (
        "select json_object('v', iif(typeof(v) = 'blob', hex(v), v || '!')) from t order by id"
    )
    store = await open_store()
    stream = store.stream(Text(fast, careful), ())
    first = await anext(stream)
    write("delete from t where id < 1500")
    rows = first + await everything(stream)
    assert len(rows) == 2500
    assert rows[1498] in [('{"v":"v1499"}',), ('{"v":"v1499!"}',)]
    assert rows[1499] == ('{"v":"FF"}',)
    assert rows[2499] == ('{"v":"v2500!"}',)
    assert rows[0] == ('{"v":"v1"}',)


async def test_careful_text_that_fails_too(open_store: OpenStore) -> None:
    """Where the careful text meets the same trouble, that is a defect and a plain 500."""
    store = await open_store()
    problem = await problem_of(store.fetch(Text("select json('{')", "select json('[')"), ()))
    assert problem.code == errors.INTERNAL


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
@pytest.mark.parametrize("guarded", [True, False])
async def test_bodies_are_utf8(
    open_store: OpenStore, other: apsw.Connection, encoding: str, guarded: bool
) -> None:
    """A body that comes as bytes is UTF-8, whatever the database stores its text in."""
    other.pragma("encoding", encoding)
    other.execute("create table t (v)")
    other.execute("insert into t values ('grüße 🌋')")
    store = await open_store()
    body = Text("select cast(json_object('v', v) as blob), 1 from t", guarded=guarded)
    expected = ('{"v":"grüße 🌋"}'.encode(), 1)
    assert await store.fetch(body, ()) == expected
    assert await everything(store.stream(body, ())) == [expected]


async def test_bodies_are_text(open_store: OpenStore, write: Write) -> None:
    """Bytes that are no text do not leave as a body; the careful text is taken."""
    write("create table t (v)")
    write("insert into t values (cast(x'61ff' as text))")
    store = await open_store()
    body = Text("select cast(v as blob) from t", "select cast(hex(v) as blob) from t")
    assert await store.fetch(body, ()) == (b"61FF",)
    assert await everything(store.stream(body, ())) == [(b"61FF",)]


# Errors.


@pytest.mark.parametrize(
    ("sql", "args", "code"),
    [
        ("select sum(9223372036854775807) from (select 1 union all select 2)", (), "invalid_value"),
        ("select abs(-9223372036854775808)", (), "invalid_value"),
        ("select ?", (2**63,), "invalid_value"),
        ("select ?", ("\ud800",), "invalid_value"),
        ("select * from search where search match ?", ('"',), "invalid_value"),
        ("select * from search where search match ?", ("a AND",), "invalid_value"),
        ("select zeroblob(2000000000)", (), "limit_exceeded"),
        ("select " + "not " * 1500 + "1", (), "limit_exceeded"),
        ("select " + ",".join("1" * 2500), (), "limit_exceeded"),
        ("select 'a' like ?", ("%" * 60000,), "limit_exceeded"),
        ("select gone from t", (), "store_unavailable"),
        ("select * from gone", (), "store_unavailable"),
        ("sel", (), "internal"),
        ("select ?", (), "internal"),
        ("select ?", (1j,), "internal"),
        ("insert into t values (1)", (), "store_unavailable"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_error_codes(
    open_store: OpenStore, write: Write, sql: str, args: tuple[object, ...], code: str
) -> None:
    """Each kind of complaint has its code, on the loop as on a thread."""
    write("create table t (n)")
    write("create virtual table search using fts5(body)")
    write("insert into search values ('a')")
    store = await open_store()
    assert (await problem_of(store.fetch(Text(sql), args))).code.code == code
    assert (await problem_of(everything(store.stream(Text(sql), args)))).code.code == code
    assert await store.fetch(Text("select 1"), ()) == (1,)


async def test_private_causes_are_logged(
    open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    """What only the operator may know is in the log and not in the answer."""
    store = await open_store()
    with caplog.at_level(logging.ERROR, "hekla.store"):
        problem = await problem_of(store.fetch(Text("select secret from vault"), ()))
    assert "vault" in caplog.text
    assert "vault" not in str(problem.body())


async def test_faults_of_people_are_not_logged(
    open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    """A request that asks for the impossible leaves no error in the log."""
    store = await open_store()
    await problem_of(store.fetch(Text("select ?"), (2**63,)))
    assert caplog.records == []


# Other programs.


async def test_reads_while_another_process_writes(open_store: OpenStore, database: Path) -> None:
    """Beside a process that never stops writing, every read succeeds and sees whole commits."""
    store = await open_store()
    script = """
        import sys, apsw
        connection = apsw.Connection(sys.argv[1])
        connection.set_busy_timeout(5000)
        connection.execute("create table pair (id integer primary key, n int)")
        connection.execute("insert into pair values (1, 0), (2, 0)")
        print("ready", flush=True)
        while True:
            with connection:
                connection.execute("update pair set n = n + 1 where id = 1")
                connection.execute("update pair set n = n - 1 where id = 2")
    """
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(script), str(database), stdout=subprocess.PIPE
    )
    try:
        assert writer.stdout is not None
        assert await writer.stdout.readline() == b"ready\n"
        total = Text("select sum(n), max(n) from pair")
        seen = []
        end = time.monotonic() + 1
        while time.monotonic() < end:
            row = await store.fetch(total, ())
            assert row is not None
            assert row[0] == 0
            seen.append(row[1])
            rows = await everything(store.stream(Text("select n from pair order by id"), ()))
            assert rows[0][0] == -rows[1][0]
        assert writer.returncode is None
    finally:
        writer.kill()
        await writer.wait()
    assert seen == sorted(seen)
    assert len(set(seen)) > 10


async def test_schema_changed_by_another_program(
    open_store: OpenStore, other: apsw.Connection
) -> None:
    """A new column does no harm; a table that went is a 503 for those who ask for it only."""
    other.execute("create table a (n); insert into a values (1)")
    other.execute("create table b (n); insert into b values (2)")
    store = await open_store()
    from_a, from_b = Text("select n from a"), Text("select n from b")
    assert await store.fetch(from_a, ()) == (1,)
    other.execute("alter table a add column more; drop table b")
    assert await store.fetch(from_a, ()) == (1,)
    assert (await problem_of(store.fetch(from_b, ()))).code == errors.STORE_UNAVAILABLE


@pytest.mark.alone
async def test_a_locked_database_holds_nobody_up(
    open_store: OpenStore, database: Path, other: apsw.Connection
) -> None:
    """Who waits for another program's lock waits on a thread, and gets a 503 in the end."""
    other.execute("create table t (n); insert into t values (1)")
    store = await open_store(Settings(busy_timeout=0.5), read_only=True)
    read = Text("select n from t")
    assert await store.fetch(read, ()) == (1,)
    other.execute("begin exclusive")
    fetch = asyncio.create_task(problem_of(store.fetch(read, ())))
    assert await longest_gap(fetch, lambda: asyncio.sleep(0)) < 0.3
    problem = await fetch
    assert (problem.code, problem.headers) == (errors.STORE_BUSY, {"Retry-After": "1"})
    patient = asyncio.create_task(store.fetch(read, ()))
    await asyncio.sleep(0.1)
    other.execute("rollback")
    assert await patient == (1,)


async def test_a_stream_that_is_left_frees_the_log(
    open_store: OpenStore, other: apsw.Connection
) -> None:
    """While a stream is read the write-ahead log cannot be reset; once it is left, it can."""
    store = await open_store()
    other.execute("create table t (n)")
    other.execute(COUNT_TO.format(5000) + "insert into t select n from c")
    stream = store.stream(Text("select n from t"), ())
    await anext(stream)
    other.execute("insert into t values (0)")
    assert blocked(other) == 1
    await stream.aclose()  # type: ignore[attr-defined]
    assert blocked(other) == 0


async def test_a_cancelled_stream_frees_the_log(
    open_store: OpenStore, other: apsw.Connection
) -> None:
    """A client that leaves in the middle of a batch leaves no reader behind."""
    store = await open_store(Settings(threads=1))
    other.execute("create table t (n); insert into t values (1)")
    stuck = "select n from t where exists (" + ENDLESS.replace("count(*)", "1") + " where n < 0)"
    reading = asyncio.create_task(everything(store.stream(Text(stuck), ())))
    await asyncio.sleep(0.2)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    other.execute("insert into t values (0)")
    other.set_busy_timeout(3000)
    assert blocked(other) == 0


async def test_a_read_leaves_no_transaction(open_store: OpenStore, other: apsw.Connection) -> None:
    """Between requests the event loop's connection holds no snapshot, after errors neither."""
    store = await open_store(Settings(statement_timeout=0.2))
    other.execute("create table t (n); insert into t values (1), (2)")
    await store.fetch(Text("select n from t"), ())
    await problem_of(store.fetch(Text("select json(n || '{') from t"), ()))
    await problem_of(store.fetch(Text(ENDLESS + ", t"), ()))
    other.execute("insert into t values (0)")
    assert blocked(other) == 0


# Memory.


async def test_batches_are_bounded_by_their_size(open_store: OpenStore) -> None:
    """Of large rows a batch holds few."""
    store = await open_store()
    wide = Text(COUNT_TO.format(20) + "select replace(printf('%100000c', 'x'), ' ', 'x') from c")
    sizes = [len(batch) async for batch in store.stream(wide, ())]
    assert sum(sizes) == 20
    assert max(sizes) == 3


async def test_a_stream_gives_what_there_is(open_store: OpenStore) -> None:
    """Rows that come slowly are handed on without waiting for a full batch."""
    store = await open_store(Settings(statement_timeout=5))
    slow_row = "with recursive d(m) as (select n union all select m + 1 from d where m < n + {})"
    slow_row = f"({slow_row.format(200_000)} select max(m) from d)"
    stream = store.stream(Text(COUNT_TO.format(300) + f"select n, {slow_row} from c"), ())
    assert 0 < len(await anext(stream)) < 50
    await stream.aclose()  # type: ignore[attr-defined]


# Opening and closing.


async def test_nothing_is_open_before_start_and_after_close(database: Path) -> None:
    """A store that is made opens nothing, so a process may fork; a closed one keeps nothing."""
    store = make_store(f"sqlite:///{database}", Settings())
    assert not database.exists()
    await store.start()
    await store.fetch(Text(COUNT_TO.format(2_000_000) + "select max(n) from c"), ())
    stream = store.stream(Text(COUNT_TO.format(5000) + "select n from c"), ())
    await anext(stream)
    assert open_files(database) > 0
    await store.close()
    assert open_files(database) == 0
    assert reader_threads() == 0


async def test_wal_and_durability(open_store: OpenStore, database: Path) -> None:
    """A database that is opened to write is in WAL mode, which lasts."""
    store = await open_store()
    await store.close()
    other = apsw.Connection(str(database))
    assert other.pragma("journal_mode") == "wal"


async def test_requests_cannot_write(open_store: OpenStore, other: apsw.Connection) -> None:
    """Whatever text is fetched or streamed, nothing is written."""
    other.execute("create table t (n)")
    store = await open_store()
    insert = Text("insert into t values (1) returning n")
    assert (await problem_of(store.fetch(insert, ()))).code == errors.STORE_UNAVAILABLE
    assert (await problem_of(everything(store.stream(insert, ())))).code == errors.STORE_UNAVAILABLE
    assert other.execute("select count(*) from t").fetchone() == (0,)


async def test_ping_notices_a_replaced_file(open_store: OpenStore, database: Path) -> None:
    """A file that was moved away or replaced under the service is a 503 at /readyz."""
    store = await open_store()
    await store.ping()
    os.rename(database, database.with_suffix(".moved"))
    assert (await problem_of(store.ping())).code == errors.STORE_UNAVAILABLE


async def test_regexp(open_store: OpenStore) -> None:
    """REGEXP is SQLite's own extension: a pattern that ruins Python's ``re`` is read in time."""
    store = await open_store(Settings(statement_timeout=2))
    nasty = Text("select ? regexp '(a+)+$'")
    assert await store.fetch(nasty, ("a" * 5000 + "b",)) == (0,)
    assert await store.fetch(nasty, ("a" * 5000,)) == (1,)


@pytest.mark.slow
def test_stdlib_sqlite_is_not_imported() -> None:
    """No module of the project brings a second SQLite into the process."""
    script = """
        import importlib, pkgutil, sys
        import hekla
        for module in pkgutil.walk_packages(hekla.__path__, "hekla."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
        sys.exit("_sqlite3" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == 0
