"""PostgreSQL as a store: a bounded set of connections that every statement takes its turn on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from hekla import errors
from hekla.errors import OperatorError, Problem
from hekla.settings import Settings
from hekla.store.pool import Pool, closing
from hekla.store.postgres_connection import connect, open_connection
from hekla.store.postgres_faults import FAILURES, is_lost, is_outdated, problem_of
from hekla.store.postgres_stream import Export
from hekla.store.postgres_writer import Writer
from hekla.store.protocol import Row, Shortcut, Statement, Transaction
from hekla.store.server_location import ServerLocation

if TYPE_CHECKING:
    from hekla.schema.types import Dialect

__all__ = ["PostgresStore"]

T = TypeVar("T")

# How often a read is tried again whose connection was cut: it changes nothing.
_TRIES = 3
# Seconds that running statements have to stop when the store closes.
_STOP_SECONDS = 2.0
_PING = "select 1"
# Writes that may wait for a connection: as on every store, it is their patience that ends.
_QUEUE = 100_000


class PostgresStore:
    """One PostgreSQL database. See :class:`hekla.store.protocol.Store`."""

    dialect: Dialect = "postgresql"

    def __init__(self, location: ServerLocation, settings: Settings) -> None:
        location.check_driver()
        self.location = location
        self.settings = settings
        self._pool: Pool[Any] | None = None
        self._writer: Writer | None = None
        self._writer_statements: Sequence[str] = ()
        self._exports: set[Export] = set()

    async def start(self) -> None:
        if self._pool is not None:
            return
        settings = self.settings
        pool = self._new_pool(settings.connections, settings.max_waiting, query_only=True)
        await pool.start()
        try:
            if not self.location.read_only:
                light, heavy = (
                    self._new_pool(settings.write_connections, _QUEUE, query_only=False)
                    for _ in range(2)
                )
                writer = Writer(light, heavy, settings)
                if self._writer_statements:
                    await self._prepare(self._writer_statements)
                self._writer = writer
        except BaseException:
            await pool.close()
            raise
        self._pool = pool

    def _new_pool(self, limit: int, waiting: int, *, query_only: bool) -> Pool[Any]:
        settings = self.settings
        return Pool(
            lambda: open_connection(self.location, settings, query_only=query_only),
            lambda connection: connection.fetchval(_PING),
            limit=limit,
            waiting=waiting,
            patience=min(settings.busy_timeout, settings.statement_timeout),
        )

    async def _prepare(self, statements: Sequence[str]) -> None:
        """Run what has to be there before anybody writes, once for all workers."""
        connection = await connect(self.location)
        try:
            async with connection.transaction():
                await connection.execute(f"SELECT pg_advisory_xact_lock({_PREPARING})")
                for statement in statements:
                    try:
                        await connection.execute(statement)
                    except FAILURES as exc:
                        raise OperatorError(f"{self.location}: {exc}, in: {statement}") from exc
        finally:
            await connection.close(timeout=5)

    async def close(self) -> None:
        pool, writer = self._pool, self._writer
        self._pool = self._writer = None
        for export in tuple(self._exports):
            export.leave()
        if writer is not None:
            await writer.close()
        if pool is not None:
            pool.refuse()
            await self._stop(pool)
            await pool.close()

    async def _stop(self, pool: Pool[Any]) -> None:
        """Tell the server to end what still runs, and wait until it has."""
        busy = [connection for connection in pool.busy if not connection.is_closed()]
        if not busy or self.settings.statement_cache_size == 0:
            return
        with contextlib.suppress(OperatorError, *FAILURES):
            async with asyncio.timeout(_STOP_SECONDS):
                connection = await connect(self.location)
                try:
                    for other in busy:
                        if other.is_closed():
                            continue
                        await connection.execute(
                            "select pg_cancel_backend($1)", other.get_server_pid()
                        )
                    await pool.until_given(busy)
                finally:
                    connection.terminate()

    async def fetch(self, statement: Statement, args: Sequence[Any]) -> Row | None:
        row = await self._ask("fetchrow", statement.sql, args)
        return None if row is None else tuple(row)

    def fetch_at_once(
        self, statement: Statement, args: Sequence[Any]
    ) -> Coroutine[Any, Any, Row | None]:
        return self.fetch(statement, args)

    def reader(self, statement: Statement) -> Callable[[Sequence[Any]], bytes | Row | None]:
        # A server always has to be waited for.
        return _nothing_yet

    async def ping(self) -> None:
        await self._ask("fetchval", _PING, ())

    async def explain(self, statement: Statement, args: Sequence[Any]) -> list[str]:
        rows = await self._ask("fetch", "explain " + statement.sql, args)
        return [str(row[0]) for row in rows]

    async def _ask(self, method: str, sql: str, args: Sequence[Any]) -> Any:
        """What a method of a connection gives, on the first that is free."""
        pool = self._pool or _not_started()
        tries = 0
        while True:
            connection = pool.take_now() or await pool.take()
            try:
                found = await getattr(connection, method)(sql, *args)
            except FAILURES as exc:
                if is_lost(exc):
                    pool.drop(connection)
                elif isinstance(exc, TimeoutError):
                    pool.rest(connection)
                else:
                    pool.give(connection)
                if not pool.open:
                    raise closing() from exc
                tries += 1
                if tries < _TRIES and (is_lost(exc) or is_outdated(exc)):
                    continue
                raise problem_of(exc, sql) from exc
            except BaseException:
                # Whoever asked has left; the driver tells the server, which takes its time.
                pool.rest(connection)
                raise
            pool.give(connection)
            return found

    async def stream(self, statement: Statement, args: Sequence[Any]) -> AsyncIterator[list[Row]]:
        if self._pool is None:
            _not_started()
        if len(self._exports) >= self.settings.max_streams:
            raise Problem(errors.STORE_BUSY, "Too many exports are running. Try again.")
        export = Export(self.location, self.settings, statement, args)
        self._exports.add(export)
        try:
            while batch := await export.next_batch():
                yield batch
        finally:
            self._exports.discard(export)
            await export.end()

    def prepare_writer(self, statements: Sequence[str]) -> None:
        self._writer_statements = tuple(statements)

    async def _refuse(self) -> NoReturn:
        if self._pool is None:
            _not_started()
        raise Problem(errors.STORE_UNAVAILABLE, "The database is open for reading only.")

    def write(
        self,
        work: Callable[[Transaction], Coroutine[Any, Any, T]],
        *,
        single: bool = False,
        heavy: bool = False,
        timeout: float | None = None,
        shortcut: Shortcut | None = None,
    ) -> Awaitable[T]:
        # Beside the ways to the server it saves nothing to run a statement in place of its work.
        if self._writer is None:
            return self._refuse()
        return self._writer.write(work, heavy=heavy, timeout=timeout)


# Any number, the same for all workers: "hekls" in ASCII.
_PREPARING = int.from_bytes(b"hekls")


def _nothing_yet(_: Sequence[Any]) -> None:
    return None


def _not_started(*_: Any) -> NoReturn:
    raise Problem(errors.STORE_UNAVAILABLE, "The database is not open.")
