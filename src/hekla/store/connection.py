"""Connections to SQLite as the project wants them: pragmas, guards, functions."""

from __future__ import annotations

import apsw

from hekla.errors import OperatorError
from hekla.settings import Settings
from hekla.store.functions import register_functions
from hekla.store.location import Location

__all__ = ["open_connection"]


def open_connection(
    location: Location,
    settings: Settings,
    *,
    query_only: bool,
    busy_timeout: float | None = None,
    statements: int = 32,
) -> apsw.Connection:
    """A connection ready for use; ``query_only`` refuses to write whatever it is told.

    One that may write creates the file where there is none, and brings it into WAL mode.
    ``busy_timeout`` (seconds) is that of the settings unless given; ``statements`` are kept
    prepared. Raises OperatorError.
    """
    connection = location.open(create=not query_only, statements=statements)
    wait = settings.busy_timeout if busy_timeout is None else busy_timeout
    try:
        connection.set_busy_timeout(round(wait * 1000))
        for option, value in _OPTIONS.items():
            connection.config(option, value)
        register_functions(connection)
        if location.path is not None:
            connection.pragma("mmap_size", settings.mmap_bytes)
        connection.pragma("synchronous", "FULL")
        # Only now is the file read: what is wrong with it shows here.
        if not location.read_only and not query_only and location.path is not None:
            connection.pragma("journal_mode", "WAL")
        connection.execute("select 1 from sqlite_schema limit 1").fetchall()
        connection.pragma("query_only", query_only)
    except apsw.Error as exc:
        connection.close(True)
        raise OperatorError(f"{location}: {_explain(exc, location)}") from exc
    return connection


_OPTIONS = {
    apsw.SQLITE_DBCONFIG_ENABLE_FKEY: 1,
    # The file may come from anywhere: what its schema says must not reach further than the file.
    apsw.SQLITE_DBCONFIG_DEFENSIVE: 1,
    apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA: 0,
    # A column that is gone is an error, and not a text that spells its name.
    apsw.SQLITE_DBCONFIG_DQS_DML: 0,
    # Without it, statistics in the file make SQLite prepare a statement again for new binds.
    apsw.SQLITE_DBCONFIG_ENABLE_QPSG: 1,
}


def _explain(error: apsw.Error, location: Location) -> str:
    if isinstance(error, apsw.NotADBError):
        return "is not an SQLite database (or is encrypted)"
    if isinstance(error, apsw.CorruptError):
        return f"the database is damaged ({error}); restore a copy, or try sqlite3's .recover"
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return "another program holds the database; end it, or raise busy_timeout"
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError) and location.read_only:
        return (
            "cannot be read: it is in WAL mode and its folder may not be written to; add "
            "?immutable=1 to the URL if nothing else writes to the file"
        )
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError):
        return "permission denied to write; add ?mode=ro to the URL to read only"
    return f"cannot be read ({error})"
