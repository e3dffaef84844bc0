"""SQLAlchemy over asyncpg for code that waits in the ordinary way: reflection, users' sessions.

SQLAlchemy's own dialect for asyncpg is for code that awaits. Here the same adapter's coroutines
run on a :class:`~hekla.store.bridge.Bridge`, so one driver is enough for everything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_connection,
    AsyncAdapt_asyncpg_cursor,
    AsyncAdapt_asyncpg_dbapi,
    PGDialect_asyncpg,
)
from sqlalchemy.pool import Pool, QueuePool

from hekla.settings import Settings
from hekla.store.bridge import Bridge
from hekla.store.postgres_connection import connect
from hekla.store.server_location import ServerLocation

__all__ = ["BridgedDialect", "postgres_engine"]


class _Cursor(AsyncAdapt_asyncpg_cursor):
    _adapt_connection: _Connection

    def execute(self, operation: Any, parameters: Any = None) -> None:
        self._adapt_connection.bridge.run(self._prepare_and_execute(operation, parameters))  # type: ignore[no-untyped-call]

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        bridge = self._adapt_connection.bridge
        return bridge.run(self._executemany(operation, seq_of_parameters))  # type: ignore[no-untyped-call]


class _Connection(AsyncAdapt_asyncpg_connection):
    """A connection whose every wait is the bridge's."""

    __slots__ = ("bridge",)

    _cursor_cls = _Cursor
    # Rows come all at once: an export that is too long for that goes through the store.
    _ss_cursor_cls = _Cursor  # type: ignore[assignment]
    bridge: Bridge

    def ping(self) -> None:
        try:
            self.bridge.run(self._async_ping())  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - it becomes SQLAlchemy's
            self._handle_exception(error)

    def rollback(self) -> None:
        if self._transaction is not None:
            self._end(self._transaction.rollback)

    def commit(self) -> None:
        if self._transaction is not None:
            self._end(self._transaction.commit)

    def _end(self, how: Callable[[], Any]) -> None:
        try:
            self.bridge.run(self._call_and_discard(how))
        except Exception as error:  # noqa: BLE001 - it becomes SQLAlchemy's
            self._handle_exception(error)

    def close(self) -> None:
        self.rollback()
        self.bridge.run(self._connection.close(timeout=2))

    def terminate(self) -> None:
        self.bridge.run(_terminate(self._connection))
        self._transaction = None


_DAY, _MOMENT = date(2000, 1, 1), datetime(2000, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
# How the server says infinity and its opposite, in days and in microseconds.
_ENDS = {2**31 - 1: 1, -(2**31): -1, 2**63 - 1: 1, -(2**63): -1}


async def _set_up_moments(connection: Any) -> None:
    """Keep the last moments of Python's calendar from being taken for infinity, as asyncpg does.

    What is infinity in the database still comes as the first or the last of them.
    """

    def days(value: date) -> tuple[int]:
        return ((value - _DAY).days,)

    def day(found: tuple[int]) -> date:
        end = _ENDS.get(found[0])
        if end is not None:
            return date.max if end > 0 else date.min
        return _DAY + timedelta(days=found[0])

    def microseconds(value: datetime) -> tuple[int]:
        return ((value - _MOMENT.replace(tzinfo=value.tzinfo and UTC)) // _MICROSECOND,)

    def moment(found: tuple[int], zone: timezone | None = None) -> datetime:
        end = _ENDS.get(found[0])
        if end is not None:
            return (datetime.max if end > 0 else datetime.min).replace(tzinfo=zone)
        return _MOMENT.replace(tzinfo=zone) + timedelta(microseconds=found[0])

    for name, encode, decode in (
        ("date", days, day),
        ("timestamp", microseconds, moment),
        ("timestamptz", microseconds, partial(moment, zone=UTC)),
    ):
        await connection.set_type_codec(
            name, schema="pg_catalog", encoder=encode, decoder=decode, format="tuple"
        )


async def _terminate(connection: Any) -> None:
    connection.terminate()


class BridgedDialect(PGDialect_asyncpg):
    """The PostgreSQL dialect of SQLAlchemy on asyncpg, for code that does not await."""

    driver = "asyncpg"
    supports_statement_cache = True
    supports_server_side_cursors = False
    is_async = False

    @classmethod
    def get_pool_class(cls, url: sa.URL) -> type[Pool]:
        return QueuePool

    def on_connect(self) -> Callable[[Any], None]:
        def prepare(connection: Any) -> None:
            connection.bridge.run(self.setup_asyncpg_json_codec(connection))  # type: ignore[no-untyped-call]
            connection.bridge.run(self.setup_asyncpg_jsonb_codec(connection))  # type: ignore[no-untyped-call]
            connection.bridge.run(_set_up_moments(connection._connection))

        return prepare


class _BridgedUrl(sa.URL):
    """Names the dialect without any registry."""

    def _get_entrypoint(self) -> type[sa.Dialect]:
        return BridgedDialect


def postgres_engine(location: ServerLocation, settings: Settings) -> sa.Engine:
    """An engine for the database; ``dispose`` ends its thread, too."""
    location.check_driver()
    dbapi = AsyncAdapt_asyncpg_dbapi(__import__("asyncpg"))  # type: ignore[no-untyped-call]
    bridge = Bridge()
    # A pooler between gives each transaction another connection, which has prepared nothing.
    prepared = 100 if settings.statement_cache_size else 0

    def create() -> _Connection:
        opened = connect(location, statement_cache_size=0)
        connection: _Connection = bridge.run(
            _Connection.create(dbapi, opened, prepared_statement_cache_size=prepared)
        )
        connection.bridge = bridge
        return connection

    engine = sa.create_engine(_BridgedUrl.create("postgresql+asyncpg"), creator=create)
    sa.event.listen(engine, "engine_disposed", lambda _: bridge.close())
    return engine
