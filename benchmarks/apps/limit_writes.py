"""The limit of writes: fixed SQL and group commit behind a bare Granian RSGI callable.

It is meant as an honest ceiling for any server that answers from SQLite once a write is durable.
It keeps no change log, knows no rule and answers no error, and takes every shortcut that leaves
the answers right:

* documents are decoded by msgspec into one struct, which checks their types;
* what arrives within one turn of the event loop is written in one transaction, and committed
  (synchronous=FULL) before any of it is answered: on the loop, which waits for the disk;
* RETURNING builds the body, as a BLOB;
* one connection writes and one reads, each with one cursor; a path is told apart by its method.
"""

import asyncio
from datetime import datetime
from typing import Any

import apsw
import msgspec

from benchmarks.apps.limit import TASK
from benchmarks.work import database_path

COLUMNS = "title,description,completed,priority,due_at,created_at,owner_id"
# TASK reads its columns from a table that is called t.
BODY = f"cast({TASK.replace('t.', '')} as blob)"
INSERT = f"insert into tasks({COLUMNS}) values(?,?,?,?,?,?,?) returning id,{BODY}"
UPDATE = f"update tasks set completed=?,priority=? where id=? returning {BODY}"
POINT = f"select cast({TASK} as blob) from tasks t where t.id=?"
JSON = ("content-type", "application/json")
READ = [JSON]


class Task(msgspec.Struct):
    """A new task."""

    title: str
    description: str
    completed: bool
    priority: int
    created_at: datetime
    due_at: datetime | None = None
    owner_id: int | None = None


class Change(msgspec.Struct):
    """What is changed of a task."""

    completed: bool
    priority: int


decode_task = msgspec.json.Decoder(Task).decode
decode_tasks = msgspec.json.Decoder(list[Task]).decode
decode_change = msgspec.json.Decoder(Change).decode


def stored(moment: datetime) -> str:
    """A moment in UTC as the table holds it."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}" if moment.microsecond == 0 else str(moment)[:26]


def values(task: Task) -> tuple[Any, ...]:
    """The row of a new task."""
    return (
        task.title,
        task.description,
        task.completed,
        task.priority,
        None if task.due_at is None else stored(task.due_at),
        stored(task.created_at),
        task.owner_id,
    )


def open_database(*pragmas: str) -> apsw.Connection:
    """Open a connection, and make sure that what it commits is durable."""
    connection = apsw.Connection(str(database_path()))
    for pragma in ("mmap_size=1073741824", "cache_size=-65536", "foreign_keys=on", *pragmas):
        connection.execute(f"pragma {pragma}").fetchall()
    if connection.pragma("journal_mode") != "wal" or connection.pragma("synchronous") != 2:
        raise RuntimeError("what is committed would not be durable")
    return connection


class Limit:
    """An RSGI application of four statements."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the database on the worker's event loop."""
        self.loop = loop
        self.write = open_database("journal_mode=wal", "synchronous=full").cursor().execute
        self.read = open_database("synchronous=full", "query_only=on").cursor().execute
        self.waiting: list[tuple[asyncio.Future[Any], str, tuple[Any, ...]]] = []

    def submit(self, sql: str, args: tuple[Any, ...]) -> asyncio.Future[Any]:
        """Write in the next group."""
        future = self.loop.create_future()
        if not self.waiting:
            self.loop.call_soon(self.commit)
        self.waiting.append((future, sql, args))
        return future

    def commit(self) -> None:
        """Write what has arrived in one transaction, and answer it."""
        group, self.waiting = self.waiting, []
        write = self.write
        write("begin immediate")
        done = [(future, write(sql, args).get) for future, sql, args in group]
        write("commit")
        for future, result in done:
            future.set_result(result)

    def insert_all(self, rows: list[tuple[Any, ...]]) -> bytes:
        """Insert all rows in a transaction of their own."""
        write = self.write
        write("begin immediate")
        bodies = [write(INSERT, row).get[1] for row in rows]
        write("commit")
        return b"[" + b",".join(bodies) + b"]"

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer GET and PATCH /tasks/7, POST /tasks and /tasks/bulk."""
        method = scope.method
        if method == "GET":
            body = self.read(POINT, (int(scope.path[7:]),)).get
            if body is None:
                protocol.response_empty(404, [])
            else:
                protocol.response_bytes(200, READ, body)
        elif method == "PATCH":
            change = decode_change(await protocol())
            number = int(scope.path[7:])
            body = await self.submit(UPDATE, (change.completed, change.priority, number))
            if body is None:
                protocol.response_empty(404, [])
            else:
                protocol.response_bytes(200, READ, body)
        elif scope.path == "/tasks":
            row = values(decode_task(await protocol()))
            number, body = await self.submit(INSERT, row)
            protocol.response_bytes(201, [JSON, ("location", f"/tasks/{number}")], body)
        else:
            rows = [values(task) for task in decode_tasks(await protocol())]
            protocol.response_bytes(201, READ, self.insert_all(rows))


app = Limit()
