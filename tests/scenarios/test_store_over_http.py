"""What becomes of a database that is slow, locked or changed under a server, as clients see it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from tests.http1 import Answer, Connection, exchange, request_bytes
from tests.servers import Server, running

NDJSON = {"Accept": "application/x-ndjson"}
# Short, so that the tests are; what is right waits for as long as it takes.
ENVIRONMENT = {"HEKLA_STATEMENT_TIMEOUT": "1", "HEKLA_BUSY_TIMEOUT": "0.3"}
SCHEMA = """
    CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);
    INSERT INTO notes VALUES (1, 'first');
    CREATE TABLE gone (id INTEGER PRIMARY KEY);
    CREATE VIEW endless AS
      WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c WHERE n < 0;
    CREATE TABLE many (id INTEGER PRIMARY KEY);
    INSERT INTO many
      WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 30000)
      SELECT n FROM c;
    CREATE VIEW endless_in_the_end AS
      SELECT id, CASE WHEN id <= 20000 THEN 0 ELSE (SELECT n FROM endless) END AS slow FROM many;
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without a write-ahead log: whoever locks it locks it for everybody."""
    path = tmp_path_factory.mktemp("store") / "shop.sqlite"
    connection = apsw.Connection(str(path))
    connection.execute(SCHEMA)
    connection.close()
    return path


@pytest.fixture(scope="module", params=["hekla", "uvicorn"])
def server(request: pytest.FixtureRequest, place: Path) -> Iterator[Server]:
    """RSGI and ASGI."""
    environment = {"HEKLA_TEST_APP": f"database:{place}?mode=ro", **ENVIRONMENT}
    with running(request.param, "tests.scenarios.served:app", environment) as started:
        yield started


def is_problem(answer: Answer, status: int, code: str) -> bool:
    return (
        (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
        and (answer.json()["code"], answer.json()["status"]) == (code, status)
        # No word of SQL, of files or of the driver.
        and not any(word in answer.body.lower() for word in (b"select", b"sqlite", b"apsw"))
    )


@pytest.mark.parametrize("target", ["/endless", "/endless?count=exact", "/endless/aggregate?count"])
def test_a_query_that_takes_too_long(server: Server, target: str) -> None:
    """It ends with a 504, and the others were answered meanwhile."""
    answers: list[Answer] = []
    slow = threading.Thread(target=lambda: answers.append(exchange(server.port, "GET", target)))
    slow.start()
    others = 0
    while slow.is_alive():
        assert exchange(server.port, "GET", "/notes/1").json() == {"id": 1, "text": "first"}
        others += not answers
    slow.join()
    assert is_problem(answers[0], 504, "statement_timeout")
    assert "statement_timeout" in answers[0].json()["detail"]
    assert others > 3


def test_an_export_that_takes_too_long_from_the_start(server: Server) -> None:
    """Nothing was sent yet, so it can still be a 504."""
    assert is_problem(exchange(server.port, "GET", "/endless", NDJSON), 504, "statement_timeout")


def test_an_export_that_takes_too_long_in_the_end(server: Server) -> None:
    """What was sent was right, and the answer does not look whole."""
    with Connection(server.port, timeout=30) as connection:
        connection.send(request_bytes("GET", "/endless_in_the_end", NDJSON.items()))
        answer = connection.receive()
    assert answer.status == 200
    assert not answer.complete
    lines = answer.body.split(b"\n")
    assert 1000 < len(lines) <= 20_001
    assert lines[:2] == [b'{"id":1,"slow":0}', b'{"id":2,"slow":0}']


def test_a_database_that_is_locked(server: Server, place: Path) -> None:
    """Who cannot read for another program's lock gets a 503 that says when to try again."""
    other = apsw.Connection(str(place))
    other.execute("BEGIN EXCLUSIVE")
    try:
        locked = exchange(server.port, "GET", "/notes/1")
        ready = exchange(server.port, "GET", "/readyz")
        alive = exchange(server.port, "GET", "/healthz")
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert is_problem(locked, 503, "store_busy")
    assert locked.headers["retry-after"] == "1"
    assert (ready.status, alive.status) == (503, 200)
    assert exchange(server.port, "GET", "/notes/1").status == 200
    assert exchange(server.port, "GET", "/readyz").status == 200


def test_a_table_that_is_dropped(server: Server, place: Path) -> None:
    """What another program took away cannot be served, and everything else can."""
    other = apsw.Connection(str(place))
    other.execute("DROP TABLE gone")
    try:
        dropped = exchange(server.port, "GET", "/gone")
        assert exchange(server.port, "GET", "/notes/1").status == 200
    finally:
        other.execute("CREATE TABLE gone (id INTEGER PRIMARY KEY)")
        other.close()
    assert is_problem(dropped, 503, "store_unavailable")
    assert exchange(server.port, "GET", "/gone").json() == []
