"""Several servers over one file: what is promised of one request holds whoever answers it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from hekla.changes.replay import replay
from tests.faults.load import Load
from tests.faults.served import served
from tests.faults.wire import Reply, Wire

_TABLES = ("entries", "notes", "counters")


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[int]]]:
    """The database, and the ports of two servers over it."""
    folder = tmp_path_factory.mktemp("processes")
    file = folder / "data.db"
    with served(file, folder / "one") as one, served(file, folder / "two") as two:
        yield file, [one.port, two.port]


def ask_both(ports: list[int], method: str, target: str, document: Any, **headers: str) -> Any:
    """Send the same request to each server several times, all at once; all answers."""

    async def ask() -> list[Reply]:
        wires = [Wire(port) for port in ports for _ in range(4)]
        try:
            return await asyncio.gather(
                *(wire.ask(method, target, document, headers) for wire in wires)
            )
        finally:
            for wire in wires:
                wire.close()

    return asyncio.run(ask())


def test_a_request_that_arrives_at_both_is_done_once(ports: tuple[Path, list[int]]) -> None:
    """Eight of one Idempotency-Key at two servers: one row, and eight times the same answer."""
    file, both = ports
    for number in range(10):
        document = {"client": 90, "slot": f"90.e{number}", "value": number, "mark": "once"}
        replies = ask_both(
            both, "POST", "/entries", document, **{"Idempotency-Key": f'"key {number}"'}
        )
        assert [reply.status for reply in replies] == [201] * 8
        first = replies[0]
        for reply in replies:
            assert reply.document == first.document
            assert reply.headers["location"] == first.headers["location"]
            assert reply.headers["etag"] == first.headers["etag"]
    connection = apsw.Connection(str(file))
    assert connection.execute("select count(*) from entries where client = 90").get == 10
    changes = """select count(*) from hekla_changes where "after" ->> 'client' = 90"""
    assert connection.execute(changes).get == 10
    connection.close()


def test_another_body_under_the_key_is_refused_by_both(ports: tuple[Path, list[int]]) -> None:
    """What one server has answered the other one knows."""
    _, both = ports
    document = {"client": 91, "slot": "91.e1", "value": 1, "mark": "a"}
    key = {"Idempotency-Key": "other"}
    assert {r.status for r in ask_both(both, "POST", "/entries", document, **key)} == {201}
    changed = {**document, "value": 2}
    assert {r.status for r in ask_both(both, "POST", "/entries", changed, **key)} == {422}
    elsewhere = ask_both(both, "POST", "/entries?upsert=slot", document, **key)
    assert {reply.status for reply in elsewhere} == {422}


def test_of_eight_racing_writers_one_wins(ports: tuple[Path, list[int]]) -> None:
    """With If-Match, at two servers, round after round: one is answered 200, seven are 412."""
    _, both = ports
    document = {"client": 92, "slot": "92.e1", "value": 0, "mark": "a"}
    made = ask_both(both[:1], "PUT", "/entries?slot=92.e1", document | {"slot": "92.e1"})
    target = made[0].headers.get("location") or f"/entries/{made[0].document['id']}"
    tag = ask_both(both[:1], "GET", target, None)[0].headers["etag"]
    for value in range(1, 11):
        replies = ask_both(both, "PATCH", target, {"value": value}, **{"If-Match": tag})
        assert sorted(reply.status for reply in replies) == [200] + [412] * 7
        tag = next(reply.headers["etag"] for reply in replies if reply.status == 200)
    assert ask_both(both[:1], "GET", target, None)[0].document["value"] == 10


def test_a_copy_under_load_is_of_one_moment(ports: tuple[Path, list[int]], tmp_path: Path) -> None:
    """While two servers are written to, ``hekla backup`` makes copies that agree with their log."""
    file, both = ports
    load = Load(clients=6, seed=4)

    async def run() -> list[Path]:
        writing = [asyncio.create_task(load.run(both[0]))]
        wire = Wire(both[1])

        async def count() -> None:
            while True:
                await wire.ask("POST", "/counters", {"value": 1})

        writing.append(asyncio.create_task(count()))
        copies = []
        try:
            for number in range(2):
                await load.reach(60)
                copy = tmp_path / f"copy{number}.db"
                command = [sys.executable, "-m", "hekla", "backup", f"sqlite:///{file}", str(copy)]
                done = await asyncio.to_thread(
                    subprocess.run, command, capture_output=True, text=True
                )
                assert done.returncode == 0, done.stderr
                copies.append(copy)
        finally:
            for task in writing:
                task.cancel()
            await asyncio.gather(*writing, return_exceptions=True)
            wire.close()
        return copies

    lengths = []
    for copy in asyncio.run(run()):
        connection, empty = apsw.Connection(str(copy)), apsw.Connection("")
        assert connection.pragma("integrity_check") == "ok"
        for table in _TABLES:
            sql = connection.execute("select sql from sqlite_schema where name = ?", (table,))
            empty.execute(sql.get)
        lengths.append(replay(connection, empty))
        for table in _TABLES:
            rows = [c.execute(f"select * from {table}").fetchall() for c in (connection, empty)]
            assert rows[0] == rows[1]
        connection.close()
        empty.close()
    assert lengths == sorted(set(lengths))
