"""On a server many write at once: changes are in the order of commits, whoever wrote first."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from hekla import Hekla
from tests.changes.application import ADMIN, running
from tests.databases import Postgres, postgres
from tests.scenarios.client import ask


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as found:
        yield found


async def connect(server: Postgres) -> Any:
    import asyncpg

    return await asyncpg.connect(server.url)


async def words_of(app: Hekla, after: int = 0) -> tuple[list[str], int]:
    """The words whose creation is told after a number, and the number to go on after."""
    answer = await ask(app, f"/words/changes?after={after}&limit=1000", actor=ADMIN)
    assert answer.status == 200, answer.body
    return [change["key"][0] for change in answer.json()], int(answer.headers["x-next-cursor"])


async def test_transactions_that_commit_in_the_reverse_order(server: Postgres) -> None:
    """Who wrote first and commits last comes last; who reads in between misses nobody."""
    async with running(server.url) as app:
        first, second = await connect(server), await connect(server)
        await first.execute("BEGIN; INSERT INTO words VALUES ('first', 1)")
        await second.execute("BEGIN; INSERT INTO words VALUES ('second', 1)")
        await first.execute("INSERT INTO words VALUES ('first too', 1)")
        await second.execute("COMMIT")
        told, cursor = await words_of(app)
        assert told == ["second"]
        await first.execute("COMMIT")
        assert (await words_of(app, cursor))[0] == ["first", "first too"]
        assert (await words_of(app))[0] == ["second", "first", "first too"]
        await first.close()
        await second.close()


async def test_who_follows_while_many_write_misses_nothing(server: Postgres) -> None:
    """However transactions overlap, following the log tells each change once, in order."""
    writers, each = 6, 12
    async with running(server.url) as app:

        async def write(number: int) -> None:
            choose = random.Random(number)
            connection = await connect(server)
            for turn in range(each):
                await connection.execute("BEGIN")
                for part in range(choose.randint(1, 3)):
                    word = f"{number}-{turn}-{part}"
                    await connection.execute("INSERT INTO words VALUES ($1, 1)", word)
                    await asyncio.sleep(choose.random() / 200)
                await connection.execute("ROLLBACK" if choose.random() < 0.2 else "COMMIT")
            await connection.close()

        writing = asyncio.gather(*(write(number) for number in range(writers)))
        told: list[str] = []
        cursor = 0
        while not writing.done():
            found, cursor = await words_of(app, cursor)
            told += found
            await asyncio.sleep(0)
        await writing
        told += (await words_of(app, cursor))[0]
        everything = {row[0] for row in server.run("SELECT word FROM words")}
        assert len(told) == len(set(told)) == len(everything)
        assert set(told) == everything
        # What one transaction wrote is together, and those of one writer are in their order.
        for number in range(writers):
            own = [word for word in told if word.startswith(f"{number}-")]
            assert own == sorted(own, key=lambda word: [int(part) for part in word.split("-")])


async def test_a_row_that_two_change_tells_its_history(server: Postgres) -> None:
    """What a change was made from is what the change before it made, whoever had to wait."""
    async with running(server.url) as app:
        body = {"word": "counted", "times": 0}
        assert (await ask(app, "/words", method="POST", document=body)).status == 201

        async def add(number: int) -> None:
            for _ in range(5):
                answer = await ask(
                    app, "/words/counted", method="PATCH", document={"times": number}
                )
                assert answer.status == 200, answer.body

        await asyncio.gather(*(add(number) for number in range(1, 9)))
        answer = await ask(app, "/words/counted/history?limit=1000", actor=ADMIN)
        before = None
        for change in answer.json():
            assert change["before"] == before
            before = change["after"]
        assert before is not None
        assert before == (await ask(app, "/words/counted")).json()


async def test_what_other_programs_write_is_told(server: Postgres) -> None:
    """The triggers are the database's: whoever writes is on record, without a name."""
    async with running(server.url) as app:
        server.run("INSERT INTO words VALUES ('theirs', 1)")
        server.run("UPDATE words SET times = 2")
        server.run("UPDATE words SET times = 2")
        server.run("UPDATE words SET word = 'moved'")
        server.run("DELETE FROM words")
        answer = await ask(app, "/words/changes", actor=ADMIN)
    told = [(change["action"], change["key"], change["actor"]) for change in answer.json()]
    assert told == [
        ("create", ["theirs"], None),
        ("update", ["theirs"], None),
        ("delete", ["theirs"], None),
        ("create", ["moved"], None),
        ("delete", ["moved"], None),
    ]
