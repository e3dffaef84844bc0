"""An export on its way: all rows of one statement, taken from the database batch by batch."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any, NoReturn

import apsw

from hekla import errors
from hekla.errors import Problem
from hekla.settings import Settings
from hekla.store.body import UTF_8, as_utf8
from hekla.store.connection import open_connection
from hekla.store.faults import FAILURES, is_unfit_value, problem_of
from hekla.store.location import Location
from hekla.store.protocol import Row, Statement
from hekla.store.readers import Readers

__all__ = ["Export"]

# A batch is sent once it has this many rows or bytes, or took this long to come by.
_ROWS = 1000
_BYTES = 256 << 10
_SECONDS = 0.05


class Export:
    """A connection inside one read transaction, used by one thread at a time for one batch.

    No thread waits for a slow client: between two batches the export is idle, and after
    ``stream_timeout`` seconds of that it is closed, since a reader that stays keeps the
    write-ahead log from being reset.
    """

    def __init__(
        self,
        location: Location,
        settings: Settings,
        statement: Statement,
        args: Sequence[Any],
        encoding: str,
    ) -> None:
        self._location = location
        self._settings = settings
        self._statement = statement
        self._args = args
        self._encoding = encoding
        self._careful = False
        self._given = 0
        self._connection: apsw.Connection | None = None
        self._cursor: apsw.Cursor | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._left = False
        self._idle: asyncio.TimerHandle | None = None

    async def next_batch(self, readers: Readers) -> list[Row]:
        """The next rows, none at the end. Raises Problem."""
        if self._idle is not None:
            self._idle.cancel()
        if self._left:
            raise Problem(errors.STATEMENT_TIMEOUT, "The export was read too slowly.")
        try:
            batch = await readers.run(self._work, self._settings.statement_timeout, self._connect)
        except FAILURES as exc:
            raise problem_of(exc, self._statement.sql) from exc
        self._idle = asyncio.get_running_loop().call_later(
            self._settings.stream_timeout, self.leave
        )
        return batch

    def leave(self) -> None:
        """Let go of the database, now or as soon as the thread that works on it stops."""
        if self._idle is not None:
            self._idle.cancel()
        with self._lock:
            self._left = True
            if not self._busy:
                self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close(True)
            self._connection = self._cursor = None

    # What follows is called on a thread.

    def _connect(self) -> apsw.Connection:
        if self._connection is None:
            connection = open_connection(self._location, self._settings, query_only=True)
            with self._lock:
                if self._left:
                    connection.close(True)
                    _stop()
                self._connection = connection
        return self._connection

    def _work(self, connection: apsw.Connection) -> list[Row]:
        with self._lock:
            if self._left:
                _stop()
            self._busy = True
        try:
            return self._take(connection)
        finally:
            self._finish()

    def _finish(self) -> None:
        with self._lock:
            self._busy = False
            if self._left:
                self._close()

    def _take(self, connection: apsw.Connection) -> list[Row]:
        """One batch; where a value does not fit, the careful text goes on from the same row."""
        batch: list[Row] = []
        if self._cursor is None:
            # All that follows sees the database as it is at the first row.
            connection.execute("begin").fetchall()
            self._cursor = connection.cursor()
            self._cursor.execute(self._statement.sql, self._args)
        try:
            self._fill(self._cursor, batch)
        except FAILURES as exc:
            if self._careful or not is_unfit_value(exc):
                raise
            self._careful = True
            self._cursor.close(True)
            self._cursor = connection.cursor()
            self._cursor.execute(self._statement.careful_sql(), self._args)
            for _ in islice(self._cursor, self._given + len(batch)):
                pass
            self._fill(self._cursor, batch)
        self._given += len(batch)
        return batch

    def _fill(self, cursor: apsw.Cursor, batch: list[Row]) -> None:
        size = 0
        end = time.monotonic() + _SECONDS
        guarded = self._statement.guarded or self._encoding != UTF_8
        for row in cursor:
            batch.append(as_utf8(row, self._encoding) if guarded else row)
            size += sum(len(value) for value in row if isinstance(value, str | bytes))
            if len(batch) >= _ROWS or size >= _BYTES or time.monotonic() > end:
                return


def _stop() -> NoReturn:
    raise apsw.InterruptError("the export was left")
