"""An export from PostgreSQL on its way: a cursor on a connection of its own, read by batches."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from hekla import errors
from hekla.errors import OperatorError, Problem
from hekla.settings import Settings
from hekla.store.pool import closing
from hekla.store.postgres_connection import open_connection
from hekla.store.postgres_faults import FAILURES, problem_of
from hekla.store.protocol import Row, Statement
from hekla.store.server_location import ServerLocation

__all__ = ["Export"]

# A batch has at most so many rows, and about so many bytes.
_ROWS, _FIRST_ROWS = 1000, 100
_BYTES = 256 << 10


class Export:
    """One statement inside one read transaction.

    After ``stream_timeout`` seconds of nobody reading it is ended, since a transaction that
    stays keeps the server from tidying up.
    """

    def __init__(
        self,
        location: ServerLocation,
        settings: Settings,
        statement: Statement,
        args: Sequence[Any],
    ) -> None:
        self._location = location
        self._settings = settings
        self._statement = statement
        self._args = args
        self._connection: Any = None
        self._cursor: Any = None
        self._rows = _FIRST_ROWS
        self._left: Problem | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def next_batch(self) -> list[Row]:
        """The next rows, none at the end. Raises Problem."""
        if self._idle is not None:
            self._idle.cancel()
        if self._left is not None:
            raise self._left
        try:
            if self._cursor is None:
                await self._begin()
            batch = [tuple(row) for row in await self._cursor.fetch(self._rows)]
        except FAILURES as exc:
            raise self._reason() or problem_of(exc, self._statement.sql) from exc
        except OperatorError as exc:
            raise self._reason() or problem_of(exc) from exc
        if (reason := self._reason()) is not None:
            raise reason
        self._adapt(batch)
        self._idle = asyncio.get_running_loop().call_later(
            self._settings.stream_timeout, self._leave_idle
        )
        return batch

    async def _begin(self) -> None:
        self._connection = await open_connection(self._location, self._settings, query_only=True)
        if self._left is not None:
            self._connection.terminate()
            raise self._left
        await self._connection.execute("BEGIN READ ONLY")
        self._cursor = await self._connection.cursor(self._statement.sql, *self._args)

    def _reason(self) -> Problem | None:
        """Why the export was left, which may have happened meanwhile."""
        return self._left

    def _adapt(self, batch: list[Row]) -> None:
        """Fetch as many rows next time as are of the wanted size."""
        size = sum(len(value) for row in batch for value in row if isinstance(value, str | bytes))
        if batch:
            fitting = _BYTES * len(batch) // max(size, 1)
            self._rows = max(1, min(_ROWS, 4 * self._rows, fitting))

    def _leave_idle(self) -> None:
        self.leave(Problem(errors.STATEMENT_TIMEOUT, "The export was read too slowly."))

    def leave(self, why: Problem | None = None) -> None:
        """Let go of the database at once."""
        self._left = self._left or why or closing()
        if self._idle is not None:
            self._idle.cancel()
        if self._connection is not None:
            # The server notices, between two batches at once.
            self._connection.terminate()

    async def end(self) -> None:
        """Let go of the database; a statement that is running is told to stop."""
        if self._idle is not None:
            self._idle.cancel()
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                with contextlib.suppress(*FAILURES):
                    await asyncio.wait_for(connection.close(), 5)
            finally:
                connection.terminate()
