"""What PostgreSQL does to connections: cut, ended, restarted, in each other's way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hekla import errors
from hekla.errors import OperatorError, Problem
from hekla.settings import Settings
from hekla.store.open import open_store
from hekla.store.protocol import Store, Transaction
from tests.databases import Postgres, postgres
from tests.servers import free_port
from tests.store.conformance import Text, problem_of

COUNT = Text("select count(*) from heap")
ADD = "insert into heap values ($1)"
BINARIES = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as found:
        found.run("create table heap (n int primary key)")
        yield found


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[Store]:
    store = open_store(url, Settings(**settings))
    await store.start()
    try:
        yield store
    finally:
        await store.close()


def adding(*numbers: int) -> Callable[[Transaction], Any]:
    async def work(transaction: Transaction) -> int:
        for number in numbers:
            await transaction.fetch(ADD, (number,))
        return numbers[0]

    return work


class Proxy:
    """Passes bytes on to PostgreSQL; ``cut`` is asked of what a client sends.

    It says "before" or "after": the connection is cut before the bytes are passed on, or after
    that, before any answer.
    """

    def __init__(self, cut: Callable[[bytes], str]) -> None:
        self.cut = cut
        self.cuts = 0
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        far, ask = await asyncio.open_connection("127.0.0.1", 5432)
        self._writers += [answer, ask]
        back = asyncio.create_task(self._pass_on(far, answer))
        while data := await near.read(65536):
            when = self.cut(data)
            if when:
                self.cuts += 1
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
                if when == "after":
                    ask.write(data)
                    await ask.drain()
                    # What the server makes of it is done when it has answered.
                    await far.read(65536)
                break
            ask.write(data)
        back.cancel()
        for writer in (answer, ask):
            writer.transport.abort()

    async def _pass_on(self, far: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await far.read(65536):
                answer.write(data)


@asynccontextmanager
async def proxied(url: str, cut: Callable[[bytes], str]) -> AsyncIterator[tuple[str, Proxy]]:
    """A URL that leads through a proxy to the same database."""
    proxy = Proxy(cut)
    listening = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield url.replace(":5432", f":{port}") + "&sslmode=disable", proxy
    finally:
        listening.close()
        await asyncio.sleep(0.05)


def once(pattern: bytes, when: str) -> Callable[[bytes], str]:
    """Cut the first connection that sends the pattern."""
    left = [when]

    def cut(data: bytes) -> str:
        return left.pop() if left and pattern in data else ""

    return cut


async def test_a_connection_that_is_cut_before_the_commit(server: Postgres) -> None:
    """Nothing of it was there, so the work is run again, and done once."""
    async with (
        proxied(server.url, once(b"insert into heap", "after")) as (url, proxy),
        opened(url) as store,
    ):
        assert await store.write(adding(1, 2)) == 1
        assert proxy.cuts == 1
        assert await store.fetch(COUNT, ()) == (2,)


@pytest.mark.parametrize(("when", "rows"), [("before", 0), ("after", 2)])
async def test_a_connection_that_is_cut_at_the_commit(
    server: Postgres, when: str, rows: int
) -> None:
    """Nobody knows whether it was made: it is not made again, and the answer says so."""
    async with (
        proxied(server.url, once(b"COMMIT", when)) as (url, proxy),
        opened(url) as store,
    ):
        problem = await problem_of(store.write(adding(1, 2)))
        assert proxy.cuts == 1
        assert problem.code == errors.STORE_UNAVAILABLE
        assert "may have been made or not" in problem.detail
        assert "Retry-After" not in problem.headers
        assert await store.fetch(COUNT, ()) == (rows,)
        assert await store.write(adding(3)) == 3


async def test_a_read_whose_connection_is_cut_is_asked_again(server: Postgres) -> None:
    """It changes nothing, so nobody has to hear of it."""
    async with (
        proxied(server.url, once(b"count", "before")) as (url, proxy),
        opened(url, connections=1) as store,
    ):
        assert await store.fetch(COUNT, ()) == (0,)
        assert proxy.cuts == 1


async def test_connections_that_the_server_ends(server: Postgres) -> None:
    """While an administrator ends connections at random, what is answered is right."""
    answered: list[int] = []
    refused: list[Problem] = []
    done = False

    async def write(store: Store, first: int) -> None:
        for number in range(first, first + 40):
            try:
                answered.append(await store.write(adding(number)))
            except Problem as problem:
                refused.append(problem)

    async def read(store: Store) -> None:
        while not done:
            least = len(answered)
            row = await store.fetch(COUNT, ())
            assert row is not None
            assert row[0] >= least

    async def end() -> None:
        sql = (
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = $1"
            " and pid <> pg_backend_pid() order by random() limit 2"
        )
        while not done:
            server.run(sql, f"hekla {server.schema}")
            await asyncio.sleep(0.03)

    url = f"{server.url}&application_name=hekla%20{server.schema}"
    async with opened(url) as store:
        others = [asyncio.create_task(read(store)), asyncio.create_task(end())]
        await asyncio.gather(*(write(store, 1000 * n) for n in range(1, 5)))
        done = True
        await asyncio.gather(*others)
        found = {row[0] for row in server.run("select n from heap")}
    assert set(answered) <= found
    for problem in refused:
        assert problem.code == errors.STORE_UNAVAILABLE
    # Whoever was refused may have been unlucky at the commit; nobody else is there.
    assert len(found - set(answered)) <= len(refused)
    assert len(answered) > 80


async def test_a_deadlock_is_tried_again(server: Postgres) -> None:
    """Two works that lock each other out are both done in the end."""
    server.run("insert into heap select n from generate_series(1, 2) n")
    met = asyncio.Event()

    def work(first: int, second: int) -> Callable[[Transaction], Any]:
        async def steps(transaction: Transaction) -> int:
            sql = "update heap set n = n where n = $1"
            await transaction.fetch(sql, (first,))
            if not met.is_set():
                # Both have one row before either asks for the other's.
                met.set()
                await asyncio.sleep(0.2)
            await transaction.fetch(sql, (second,))
            return first

        return steps

    async with opened(server.url) as store, asyncio.timeout(30):
        answers = await asyncio.gather(store.write(work(1, 2)), store.write(work(2, 1)))
    assert sorted(answers) == [1, 2]


@pytest.fixture
def private() -> Iterator[Callable[..., str]]:
    """A PostgreSQL server of the test's own: call it to start, stop or kill; it gives its URL."""
    if not BINARIES.exists():
        if os.environ.get("CI", "") not in ("", "0"):
            pytest.fail(f"{BINARIES} is not there")
        pytest.skip("no PostgreSQL 15 is installed here")
    folder = Path(tempfile.mkdtemp(prefix="hekla-postgres-", dir="/tmp"))
    port = free_port()
    root = os.geteuid() == 0
    if root:
        shutil.chown(folder, "postgres")
    data = folder / "data"

    def run(command: str, *arguments: str) -> None:
        asked = [str(BINARIES / command), "-D", str(data), *arguments]
        if root:
            asked = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *asked]
        subprocess.run(asked, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60)

    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c max_connections=40"
    run("initdb", "-A", "trust", "-U", "root", "--no-sync")

    def control(action: str, mode: str = "fast") -> str:
        if action == "start":
            run("pg_ctl", "start", "-w", "-o", options, "-l", str(folder / "log"))
        elif action == "stop":
            run("pg_ctl", "stop", "-w", "-m", mode)
        return f"postgresql://root@127.0.0.1:{port}/postgres"

    control("start")
    try:
        yield control
    finally:
        with contextlib.suppress(subprocess.CalledProcessError):
            control("stop", "immediate")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
async def test_a_server_that_restarts(private: Callable[..., str]) -> None:
    """Stopped, and killed, in mid-load: no answered write is lost, and all goes on by itself."""
    url = private("url")
    answered: list[int] = []
    refused: list[Problem] = []
    done = False

    async def write(store: Store, first: int) -> None:
        number = first
        while not done:
            number += 1
            try:
                answered.append(await store.write(adding(number)))
            except Problem as problem:
                refused.append(problem)

    async with opened(url, busy_timeout=2.0) as store:
        await store.write(_create)
        load = [asyncio.create_task(write(store, 1_000_000 * n)) for n in range(1, 4)]
        for mode in ("fast", "immediate"):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(private, "stop", mode)
            problem = await problem_of(store.fetch(COUNT, ()))
            assert problem.code == errors.STORE_UNAVAILABLE
            assert problem.headers["Retry-After"] == "1"
            await asyncio.to_thread(private, "start")
            async with asyncio.timeout(30):
                before = len(answered)
                while len(answered) < before + 10:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        done = True
        await asyncio.gather(*load)
        rows = [
            row async for batch in store.stream(Text("select n from heap"), ()) for row in batch
        ]
    found = {row[0] for row in rows}
    assert set(answered) <= found
    assert len(found - set(answered)) <= len(refused)
    assert {problem.code for problem in refused} <= {errors.STORE_UNAVAILABLE}


async def _create(transaction: Transaction) -> None:
    await transaction.fetch("create table heap (n int primary key)")


async def test_a_server_that_is_not_there() -> None:
    """An application does not start without its database, and says in a line why."""
    store = open_store(f"postgresql://root@127.0.0.1:{free_port()}/nowhere", Settings())
    with pytest.raises(OperatorError, match="no server can be reached there"):
        await store.start()
    store = open_store("postgresql://root@127.0.0.1:5432/no_such_database", Settings())
    with pytest.raises(OperatorError, match="create it"):
        await store.start()
