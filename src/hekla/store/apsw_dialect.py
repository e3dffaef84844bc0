"""SQLAlchemy over apsw: ``sqlite+apsw:///file.db``, for reflection and users' own sessions.

Two SQLite libraries on one file in one process undo each other's locks, so whatever touches
a file that the store serves goes through this dialect and never through the stdlib's driver.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import apsw
import sqlalchemy as sa
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import DATETIME, SQLiteDialect
from sqlalchemy.pool import Pool, QueuePool

from hekla.settings import Settings
from hekla.store import apsw_dbapi
from hekla.store.location import Location

__all__ = ["ApswDialect", "engine_for"]


class _DateTime(DATETIME):
    """Text as SQLAlchemy stores it everywhere on SQLite; with ``timezone``, that text is in UTC.

    An aware value is converted to UTC on its way in; every value comes back aware, in UTC.
    A naive value is taken as it is, for UTC.
    """

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any] | None:
        store = super().bind_processor(dialect)
        if not self.timezone or store is None:
            return store

        def process(value: Any) -> Any:
            if isinstance(value, datetime) and value.tzinfo is not None:
                value = value.astimezone(UTC)
            return store(value)

        return process

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any] | None:
        load = super().result_processor(dialect, coltype)
        if not self.timezone or load is None:
            return load

        def process(value: Any) -> Any:
            moment = load(value)
            if not isinstance(moment, datetime):
                return moment
            # A text that another program wrote may have an offset of its own.
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

        return process


class ApswDialect(SQLiteDialect):
    """The SQLite dialect of SQLAlchemy on the driver apsw."""

    driver = "apsw"
    supports_statement_cache = True
    returns_native_bytes = True
    colspecs = SQLiteDialect.colspecs | {
        sqltypes.DateTime: _DateTime,
        sqltypes.TIMESTAMP: _DateTime,
    }
    _isolation_lookup = SQLiteDialect._isolation_lookup.union({"AUTOCOMMIT": None})

    @classmethod
    def import_dbapi(cls) -> ModuleType:
        return apsw_dbapi

    @classmethod
    def get_pool_class(cls, url: sa.URL) -> type[Pool]:
        return QueuePool

    def create_connect_args(self, url: sa.URL) -> Any:
        # Called once an engine: connections of one engine share its database in memory.
        return [Location.parse(url.render_as_string(hide_password=False))], {}

    def _get_server_version_info(self, connection: Any) -> tuple[int, ...]:
        return apsw_dbapi.sqlite_version_info

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None:
        if level == "AUTOCOMMIT":
            dbapi_connection.isolation_level = None
        else:
            dbapi_connection.isolation_level = ""
            super().set_isolation_level(dbapi_connection, level)

    def detect_autocommit_setting(self, dbapi_conn: Any) -> bool:
        return dbapi_conn.isolation_level is None

    def is_disconnect(self, e: Any, connection: Any, cursor: Any) -> bool:
        return isinstance(e, apsw_dbapi.InterfaceError) and "closed" in str(e)


registry.register("sqlite.apsw", __name__, "ApswDialect")


def engine_for(
    url: str | Location,
    settings: Settings,
    *,
    read_only: bool = False,
    prepare: Callable[[apsw.Connection], None] | None = None,
) -> sa.Engine:
    """An engine for ``url``, or for the ``location`` of a store whose database it shares.

    ``prepare`` is called with a connection each time that somebody takes it. Raises
    OperatorError, when it first connects, for a file that cannot be opened.
    """
    location = Location.parse(url, read_only=read_only) if isinstance(url, str) else url
    engine = sa.create_engine(
        "sqlite+apsw://", creator=lambda: apsw_dbapi.connect(location, settings)
    )
    if prepare is not None:

        def checkout(connection: apsw_dbapi.Connection, *_: object) -> None:
            prepare(connection.driver_connection)

        sa.event.listen(engine, "checkout", checkout)
    return engine
