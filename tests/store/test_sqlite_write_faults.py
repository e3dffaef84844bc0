"""What goes wrong while writing to SQLite: it is told as what it is, and all that was is whole."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import apsw
import pytest

from hekla import errors
from hekla.settings import Settings
from hekla.store.constraints import ConstraintFailed
from hekla.store.group import GroupRunner
from hekla.store.open import open_store as make_store
from hekla.store.protocol import Transaction
from tests.store.conformance import OpenStore, Text, Write, longest_gap, problem_of

COUNT = Text("select count(*) from heap")


async def insert(transaction: Transaction) -> Any:
    return await transaction.fetch("insert into heap values (1) returning n")


async def insert_much(transaction: Transaction) -> None:
    for _ in range(40):
        await transaction.fetch("insert into heap values (zeroblob(100000))")


async def wait_for_nothing(transaction: Transaction) -> None:
    await insert(transaction)
    await asyncio.sleep(0)


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("heap")
async def test_busy(open_store: OpenStore, database: Path) -> None:
    """While another program writes, writers wait, readers do not; in the end it is a 503."""
    store = await open_store(Settings(busy_timeout=0.3))
    other = apsw.Connection(str(database))
    other.execute("begin immediate")
    began = time.monotonic()
    problems = await asyncio.gather(
        problem_of(store.write(insert)),
        problem_of(store.write(insert, heavy=True)),
        store.fetch(COUNT, ()),
    )
    assert 0.3 <= time.monotonic() - began < 10
    assert problems[2] == (0,)
    for problem in problems[:2]:
        assert problem.code == errors.STORE_BUSY
        assert problem.headers["Retry-After"].isdigit()
    other.execute("rollback")
    assert await store.write(insert) == (1,)


@pytest.mark.usefixtures("heap")
async def test_busy_for_a_while(open_store: OpenStore, database: Path) -> None:
    """A lock that is let go in time delays a write and nothing else, the loop least of all."""
    store = await open_store(Settings(busy_timeout=10))
    other = apsw.Connection(str(database))
    gaps = []
    # Another process may hold up this one for 50 ms; it does not do so three times running.
    for _ in range(3):
        other.execute("begin immediate")
        waiting = asyncio.ensure_future(store.write(insert))
        asyncio.get_running_loop().call_later(0.3, other.execute, "commit")
        task = asyncio.create_task(asyncio.wait_for(waiting, 5))
        gaps.append(await longest_gap(task, lambda: store.fetch(COUNT, ())))
        assert await task == (1,)
        if gaps[-1] < 0.05:
            break
    assert min(gaps) < 0.05


@pytest.mark.alone
@pytest.mark.usefixtures("heap")
async def test_a_slow_disk_holds_nobody_up(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first slow commit the loop waits for no other, and writes share the next."""
    commits: list[float] = []
    commit = GroupRunner.commit

    def slow_commit(self: GroupRunner, patience: float = 0.0) -> Exception | None:
        time.sleep(0.2)
        commits.append(time.monotonic())
        return commit(self, patience)

    store = await open_store()
    monkeypatch.setattr(GroupRunner, "commit", slow_commit)
    await store.write(insert)
    gaps = []
    for _ in range(3):

        async def writes() -> None:
            for _ in range(2):
                await asyncio.gather(*(store.write(insert) for _ in range(50)))

        del commits[:]
        task = asyncio.create_task(writes())
        gaps.append(await longest_gap(task, lambda: store.fetch(COUNT, ())))
        await task
        assert len(commits) == 2
        if gaps[-1] < 0.1:
            break
    assert min(gaps) < 0.1


@pytest.mark.usefixtures("heap")
async def test_full(database: Path) -> None:
    """What does not fit is a 507; what was written before and beside it is whole."""
    store = make_store(f"sqlite:///{database}", Settings())
    store.prepare_writer(["pragma max_page_count = 500"])
    await store.start()
    try:
        first, problem, last = await asyncio.gather(
            store.write(insert), problem_of(store.write(insert_much)), store.write(insert)
        )
        assert (first, last) == ((1,), (1,))
        assert (problem.code, problem.status) == (errors.STORE_FULL, 507)
        assert await store.fetch(COUNT, ()) == (2,)
        assert await store.write(insert) == (1,)
    finally:
        await store.close()
    assert apsw.Connection(str(database)).pragma("integrity_check") == "ok"


@pytest.mark.usefixtures("heap")
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_no_room_for_the_log(database: Path) -> None:
    """Where the commit itself finds no room, the whole group is a 507 and none of it is there."""
    done = run_python(
        """
        import asyncio, resource, sys
        from hekla.errors import Problem
        from hekla.settings import Settings
        from hekla.store.open import open_store
        from tests.store.test_sqlite_write_faults import COUNT, insert

        async def main():
            store = open_store("sqlite:///" + sys.argv[1], Settings())
            await store.start()
            print(await store.write(insert))
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
            for _ in range(2):
                works = [store.write(insert) for _ in range(3)]
                answers = await asyncio.gather(*works, return_exceptions=True)
                print(*(getattr(each, "status", each) for each in answers))
            for _ in range(10):
                try:
                    await store.write(insert)
                except Problem as problem:
                    status = problem.status
            print(status, (await store.fetch(COUNT, ()))[0])
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            print(await store.write(insert), (await store.fetch(COUNT, ()))[0])
            await store.close()

        asyncio.run(main())
        """,
        database,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert lines[0] == "(1,)"
    answered = 1 + 3 * sum(line == "(1,) (1,) (1,)" for line in lines[1:3])
    assert set(lines[1:3]) <= {"(1,) (1,) (1,)", "507 507 507"}
    status, count = lines[3].split()
    assert status == "507"
    assert int(count) >= answered
    assert lines[4] == f"(1,) {int(count) + 1}"
    assert apsw.Connection(str(database)).pragma("integrity_check") == "ok"


@pytest.mark.usefixtures("heap")
async def test_read_only(open_store: OpenStore) -> None:
    """A database that is open for reading refuses to write with a 503 that says so."""
    store = await open_store(read_only=True)
    with pytest.raises(errors.Problem) as caught:
        await store.write(insert)
    assert caught.value.code == errors.STORE_UNAVAILABLE
    assert "reading only" in caught.value.detail
    assert await store.fetch(COUNT, ()) == (0,)


@pytest.mark.usefixtures("heap")
async def test_made_read_only(database: Path) -> None:
    """A database that can no longer be written to is a 503; reading goes on."""
    store = make_store(f"sqlite:///{database}", Settings())
    store.prepare_writer(["pragma query_only = 1"])
    await store.start()
    try:
        problems = await asyncio.gather(*(problem_of(store.write(insert)) for _ in range(2)))
        assert {problem.code for problem in problems} == {errors.STORE_UNAVAILABLE}
        assert await store.fetch(COUNT, ()) == (0,)
    finally:
        await store.close()


@pytest.mark.usefixtures("heap")
async def test_corrupt(open_store: OpenStore, database: Path, write: Write) -> None:
    """A damaged page is a 503 for whoever writes to it, and for nobody else."""
    write("create table other (n primary key)")
    write(
        "with recursive c(n) as (select 1 union all select n + 1 from c where n < 5000)"
        " insert into other select n from c"
    )
    root = (
        apsw.Connection(str(database))
        .execute("select rootpage from sqlite_schema where tbl_name = 'other' and type = 'table'")
        .get
    )
    write("pragma wal_checkpoint(truncate)")
    # In another process: closing a handle of this one would drop SQLite's locks.
    damaged = run_python(
        """
        import sys
        with open(sys.argv[1], "r+b") as file:
            file.seek((int(sys.argv[2]) - 1) * 4096)
            file.write(b"\\x99" * 4096)
        """,
        database,
        root,
    )
    assert damaged.returncode == 0
    store = await open_store()

    async def insert_other(transaction: Transaction) -> None:
        await transaction.fetch("insert into other values (0.5)")

    first, problem, last = await asyncio.gather(
        store.write(insert), problem_of(store.write(insert_other)), store.write(insert)
    )
    assert (first, last) == ((1,), (1,))
    assert (problem.code, problem.detail) == (
        errors.STORE_UNAVAILABLE,
        "The database file is damaged.",
    )
    assert await store.fetch(COUNT, ()) == (2,)


@pytest.mark.usefixtures("heap")
async def test_moved(open_store: OpenStore, database: Path) -> None:
    """A file that was moved away is not written to any more."""
    store = await open_store()
    assert await store.write(insert) == (1,)
    os.rename(database, f"{database}.elsewhere")
    problem = await problem_of(store.write(insert))
    assert (problem.code, problem.detail) == (
        errors.STORE_UNAVAILABLE,
        "The database file was moved or replaced.",
    )


@pytest.mark.usefixtures("heap")
async def test_a_work_that_waits(open_store: OpenStore) -> None:
    """A work that awaits anything but its transaction is a mistake, and is undone."""
    store = await open_store()
    right = asyncio.ensure_future(store.write(insert))
    with pytest.raises(RuntimeError, match="something else than its transaction"):
        await store.write(wait_for_nothing)
    assert await right == (1,)
    assert await store.fetch(COUNT, ()) == (1,)


@pytest.mark.usefixtures("heap")
async def test_triggers(open_store: OpenStore, database: Path) -> None:
    """A trigger's RAISE is a check whose name is what it said, and undoes one work only."""
    store = await open_store()

    async def declare(transaction: Transaction) -> None:
        for how, number in (("abort", 7), ("rollback", 8), ("fail", 9)):
            await transaction.fetch(
                f"create trigger no_{how} after insert on heap when new.n = {number}"
                f" begin select raise({how}, 'no {number} here'); end"
            )

    def insert_number(number: int) -> Any:
        async def work(transaction: Transaction) -> Any:
            return await transaction.fetch("insert into heap values (?) returning n", (number,))

        return work

    await store.write(declare)
    for single in (True, False):
        works = [store.write(insert_number(n), single=single) for n in (1, 7, 2, 8, 3, 9, 4)]
        answers = await asyncio.gather(*works, return_exceptions=True)
        assert answers[::2] == [(1,), (2,), (3,), (4,)]
        for number, answer in zip((7, 8, 9), answers[1::2], strict=True):
            assert isinstance(answer, ConstraintFailed)
            assert (answer.kind, answer.name) == ("check", f"no {number} here")
    assert await store.fetch(COUNT, ()) == (8,)


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ("plain", ("a", "b")),
        ("with.dot", ("a", "b")),
        ("with, comma", ("a", "b")),
        ("quo'te", ("a.b", "c, d")),
    ],
)
async def test_names_with_marks(
    open_store: OpenStore, table: str, columns: tuple[str, ...]
) -> None:
    """The table and the columns of a constraint are told right, whatever letters they hold."""
    store = await open_store()
    names = ", ".join(f'"{column}"' for column in columns)

    async def work(transaction: Transaction) -> None:
        await transaction.fetch('create table "with" (a, b, unique (a, b))')
        await transaction.fetch(f'create table "{table}" ({names}, unique ({names}))')
        for _ in range(2):
            await transaction.fetch(f'insert into "{table}" values (1, 2)')

    with pytest.raises(ConstraintFailed) as caught:
        await store.write(work)
    assert (caught.value.table, caught.value.columns) == (table, columns)


async def test_constraints_of_other_kinds(open_store: OpenStore) -> None:
    """An index over an expression names itself; a strict table says what it cannot store."""
    store = await open_store()

    async def declare(transaction: Transaction) -> None:
        await transaction.fetch("create table t (id integer primary key, n int, s text) strict")
        await transaction.fetch("create unique index lower_s on t (lower(s))")
        await transaction.fetch("insert into t values (1, 1, 'a')")

    async def failure(sql: str) -> tuple[Any, ...]:
        async def work(transaction: Transaction) -> None:
            await transaction.fetch(sql)

        with pytest.raises(ConstraintFailed) as caught:
            await store.write(work)
        return caught.value.kind, caught.value.table, caught.value.columns, caught.value.name

    await store.write(declare)
    assert await failure("insert into t values (2, 1, 'A')") == ("unique", "t", (), "lower_s")
    kind, table, columns, name = await failure("insert into t values (2, 'x', 'b')")
    assert (kind, table, columns) == ("check", "t", ("n",))
    assert "TEXT" in name
    assert (await failure("insert into t values ('x', 1, 'b')"))[0] == "check"
