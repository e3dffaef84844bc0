"""How SQLite is written to: what writers are prepared with, the log, several processes, a kill."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import apsw
import pytest

from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store.location import Location
from hekla.store.open import open_store as make_store
from hekla.store.protocol import Store, Transaction
from tests.store.conformance import OpenStore, Text, problem_of
from tests.store.test_sqlite_write_faults import COUNT, insert


@pytest.mark.usefixtures("heap")
async def test_prepared_writers(database: Path) -> None:
    """What was prepared runs on the connection that writes, and on no other."""
    store = make_store(f"sqlite:///{database}", Settings())
    keep = "insert into seen values (new.n, hekla_actor())"
    store.prepare_writer(
        [
            "create temp table seen (n, actor)",
            f"create temp trigger see after insert on main.heap begin {keep}; end",
        ]
    )

    async def work(transaction: Transaction) -> list[Any]:
        transaction.context("ann", None)
        await transaction.fetch("insert into heap values (7)")
        return await transaction.fetch_all("select n, actor from temp.seen")

    for _ in range(2):
        await store.start()
        assert await store.write(work) == [(7, "ann")]
        assert (await problem_of(store.fetch(Text("select * from seen"), ()))).status == 503
        await store.close()


async def test_prepared_writers_that_fail(database: Path) -> None:
    """A statement that cannot be prepared ends the start in one line."""
    store = make_store(f"sqlite:///{database}", Settings())
    store.prepare_writer(["create temp trigger t after insert on nowhere begin select 1; end"])
    with pytest.raises(OperatorError, match="no such table: nowhere"):
        await store.start()


@pytest.mark.usefixtures("heap")
async def test_a_work_that_could_not_be_handed_over(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the loop takes nothing (too deep in the stack, say) it is not done, and others are."""
    store = await open_store()

    def keep(number: int) -> Any:
        async def work(transaction: Transaction) -> Any:
            return await transaction.fetch("insert into heap values (?) returning n", (number,))

        return work

    def refuse(*_: object) -> None:
        raise RecursionError

    with monkeypatch.context() as patched:
        patched.setattr(asyncio.get_running_loop(), "call_soon", refuse)
        with pytest.raises(RecursionError):
            await store.write(keep(1))
    await asyncio.wait_for(store.write(keep(2)), 30)
    assert await store.fetch(Text("select group_concat(n) from heap"), ()) == ("2",)


@pytest.mark.usefixtures("heap")
async def test_the_log_stays_short(open_store: OpenStore, database: Path) -> None:
    """Under steady writing, beside a reader, the write-ahead log is moved and begins anew."""
    store = await open_store()
    longest = 0

    async def page(transaction: Transaction) -> None:
        for _ in range(10):
            await transaction.fetch("insert into heap values (zeroblob(4000))")

    async def writer() -> None:
        nonlocal longest
        for _ in range(250):
            await store.write(page)
            longest = max(longest, database.with_name(f"{database.name}-wal").stat().st_size)

    await asyncio.gather(*(writer() for _ in range(8)))
    # 20,000 pages were written; the log is cut after some 4,000 of them.
    assert longest < 10_000 * 4120
    assert await store.fetch(COUNT, ()) == (20_000,)


async def test_in_memory_beside_an_export() -> None:
    """In memory a write waits until an export is over, and then comes about."""
    store: Store = make_store(Location.parse("sqlite://"), Settings(busy_timeout=5))
    await store.start()
    try:

        async def fill(transaction: Transaction) -> None:
            await transaction.fetch("create table heap (n)")
            for number in range(3000):
                await transaction.fetch("insert into heap values (?)", (number,))

        await store.write(fill)
        export = store.stream(Text("select n from heap"), ())
        rows = await anext(export)
        waiting = asyncio.ensure_future(store.write(insert))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        async for batch in export:
            rows += batch
        assert len(rows) == 3000
        assert await waiting == (1,)
        assert await store.fetch(COUNT, ()) == (3001,)
    finally:
        await store.close()


WRITE_ON = """
    import asyncio, sys
    from hekla.settings import Settings
    from hekla.store.open import open_store

    async def main(path, who, rounds):
        store = open_store("sqlite:///" + path, Settings(busy_timeout=30))
        await store.start()

        async def client(number):
            for n in range(rounds):
                async def work(transaction):
                    await transaction.fetch("insert into heap values (?)", (f"{who}.{number}.{n}",))
                await store.write(work)
                print(f"{who}.{number}.{n}", flush=True)

        await asyncio.gather(*(client(number) for number in range(8)))
        await store.close()

    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


@pytest.mark.slow
@pytest.mark.usefixtures("heap")
def test_four_processes(database: Path) -> None:
    """Four processes write to one file at once: none is shut out, and no write is lost."""
    command = [sys.executable, "-c", textwrap.dedent(WRITE_ON), str(database)]
    processes = [
        subprocess.Popen([*command, str(who), "30"], stdout=subprocess.PIPE, text=True)
        for who in range(4)
    ]
    answered: list[str] = []
    for process in processes:
        answered += process.communicate(timeout=120)[0].split()
        assert process.returncode == 0
    stored = [row[0] for row in apsw.Connection(str(database)).execute("select n from heap")]
    assert len(answered) == 4 * 8 * 30
    assert sorted(stored) == sorted(answered)
    # Each of them got its turn while the others still had much to write.
    last = {who: max(n for n, row in enumerate(stored) if row[0] == who) for who in "0123"}
    first = {who: min(n for n, row in enumerate(stored) if row[0] == who) for who in "0123"}
    assert max(first.values()) < max(last.values())


@pytest.mark.slow
@pytest.mark.usefixtures("heap")
def test_killed(database: Path) -> None:
    """What was answered before a SIGKILL is there after it, and the database is whole."""
    command = [sys.executable, "-c", textwrap.dedent(WRITE_ON), str(database), "0", "100000"]
    for _ in range(2):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        answered = [process.stdout.readline().strip() for _ in range(100)]
        process.kill()
        lines, _ = process.communicate(timeout=30)
        # The last line may be cut.
        answered += lines.rpartition("\n")[0].split()
        connection = apsw.Connection(str(database))
        stored = {row[0] for row in connection.execute("select n from heap")}
        assert set(answered) <= stored
        assert connection.pragma("integrity_check") == "ok"
        connection.execute("delete from heap")
        connection.close()
