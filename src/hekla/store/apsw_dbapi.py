"""apsw with the face that PEP 249 asks for, as far as SQLAlchemy uses it.

A transaction begins with the first statement that reads or writes and lasts until ``commit``
or ``rollback``; in autocommit mode (``isolation_level`` None) every statement stands alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import apsw

from hekla.settings import Settings
from hekla.store.connection import open_connection
from hekla.store.location import Location

__all__ = ["Connection", "Cursor", "Error", "connect"]

apilevel = "2.0"
paramstyle = "qmark"
threadsafety = 1  # Threads may share the module; one connection serves one thread at a time.
sqlite_version = apsw.sqlite_lib_version()
sqlite_version_info = tuple(int(part) for part in sqlite_version.split("."))
Binary = bytes


class Warning(Exception):
    """Never raised; PEP 249 asks for it."""


class Error(Exception):
    """What any call here raises; ``sqlite_errorcode`` is SQLite's extended code or None."""

    def __init__(self, message: str, sqlite_errorcode: int | None = None) -> None:
        super().__init__(message)
        self.sqlite_errorcode = sqlite_errorcode


class InterfaceError(Error):
    """The interface was used wrongly: a cursor or connection that is closed."""


class DatabaseError(Error):
    """The database itself complains."""


class DataError(DatabaseError):
    """A value is too large, or is no valid text."""


class OperationalError(DatabaseError):
    """The statement cannot be run: no such table, busy, full, interrupted."""


class IntegrityError(DatabaseError):
    """A constraint does not hold."""


class InternalError(DatabaseError):
    """SQLite found itself in disorder."""


class ProgrammingError(DatabaseError):
    """The number or the type of the parameters is wrong."""


class NotSupportedError(DatabaseError):
    """Never raised; PEP 249 asks for it."""


# The first that fits is taken.
_ERRORS: tuple[tuple[tuple[type[BaseException], ...], type[Error]], ...] = (
    ((apsw.ConstraintError, apsw.MismatchError), IntegrityError),
    ((apsw.TooBigError, apsw.RangeError, OverflowError, UnicodeError), DataError),
    ((apsw.BindingsError, TypeError), ProgrammingError),
    (
        (apsw.ConnectionClosedError, apsw.CursorClosedError, apsw.ThreadingViolationError),
        InterfaceError,
    ),
    ((apsw.InternalError, apsw.MisuseError), InternalError),
    ((apsw.CorruptError, apsw.NotADBError), DatabaseError),
    ((apsw.Error,), OperationalError),
)
_RAISED = (apsw.Error, OverflowError, UnicodeError, TypeError)


def _raise(error: Exception) -> NoReturn:
    kind = next(kind for raised, kind in _ERRORS if isinstance(error, raised))
    raise kind(str(error), getattr(error, "extendedresult", None)) from error


def connect(location: Location, settings: Settings | None = None) -> Connection:
    """A new connection to ``location``; raises OperatorError where there is no database."""
    settings = settings or Settings()
    return Connection(open_connection(location, settings, query_only=False))


# These are not part of a transaction; some do not even work inside one.
_OUTSIDE = ("PRAGMA", "ATTACH", "DETACH", "VACUUM", "BEGIN", "EXPLAIN")


class Connection:
    """A connection as PEP 249 describes it; ``driver_connection`` is apsw's own."""

    def __init__(self, driver_connection: apsw.Connection) -> None:
        self.driver_connection = driver_connection
        self.isolation_level: str | None = ""

    @property
    def in_transaction(self) -> bool:
        return self.driver_connection.in_transaction

    def cursor(self) -> Cursor:
        try:
            return Cursor(self)
        except _RAISED as exc:
            _raise(exc)

    def commit(self) -> None:
        self._end("COMMIT")

    def rollback(self) -> None:
        # Closing has rolled back already.
        with contextlib.suppress(InterfaceError):
            self._end("ROLLBACK")

    def close(self) -> None:
        # A transaction that is open is rolled back.
        self.driver_connection.close(True)

    def begin_for(self, sql: str) -> None:
        """Begin a transaction if ``sql`` needs one that is not there."""
        if self.isolation_level is None or self.driver_connection.in_transaction:
            return
        if not sql.lstrip()[:8].upper().startswith(_OUTSIDE):
            self.driver_connection.execute("BEGIN")

    def _end(self, sql: str) -> None:
        try:
            if self.driver_connection.in_transaction:
                self.driver_connection.execute(sql)
        except _RAISED as exc:
            _raise(exc)


class Cursor:
    """A cursor as PEP 249 describes it.

    Rows of a SELECT are read as they are fetched. Any other statement runs to its end at
    once, so that a commit finds it finished, and keeps the rows it returned.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.description: tuple[tuple[Any, ...], ...] | None = None
        self._cursor = connection.driver_connection.cursor()
        # A result without rows has names all the same, which apsw tells only before it runs.
        self._cursor.set_exec_trace(self._before)
        self._reads = True
        self._rows: Iterator[tuple[Any, ...]] = iter(())

    def _before(self, cursor: apsw.Cursor, *_: object) -> bool:
        columns = cursor.get_description()
        self.description = tuple((name, None, None, None, None, None, None) for name, _ in columns)
        self.description = self.description or None
        self._reads = cursor.is_readonly
        return True

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        self._forget()
        try:
            self.connection.begin_for(sql)
            self._run(sql, parameters)
        except _RAISED as exc:
            _raise(exc)
        return self

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> Cursor:
        self._forget()
        changed = 0
        try:
            self.connection.begin_for(sql)
            for parameters in rows:
                self._run(sql, parameters)
                changed += max(self.rowcount, 0)
        except _RAISED as exc:
            _raise(exc)
        self.rowcount = changed
        return self

    def _run(self, sql: str, parameters: Sequence[Any]) -> None:
        driver = self.connection.driver_connection
        before = driver.total_changes()
        rows = self._cursor.execute(sql, parameters)
        if self._reads and self.description is not None:
            self._rows = rows
            return
        self._rows = iter(rows.fetchall())
        # changes() is what the last INSERT, UPDATE or DELETE did, whenever that was.
        self.rowcount = driver.changes() if driver.total_changes() != before else 0
        self.lastrowid = driver.last_insert_rowid()

    def _forget(self) -> None:
        self.rowcount, self.lastrowid, self.description = -1, None, None
        self._rows = iter(())

    def fetchone(self) -> tuple[Any, ...] | None:
        try:
            return next(self._rows, None)
        except _RAISED as exc:
            _raise(exc)

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        while len(rows) < (size or self.arraysize) and (row := self.fetchone()) is not None:
            rows.append(row)
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        try:
            return list(self._rows)
        except _RAISED as exc:
            _raise(exc)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.fetchone, None)

    def close(self) -> None:
        self._rows = iter(())
        # Where the connection was closed, so was the cursor.
        with contextlib.suppress(apsw.Error):
            self._cursor.close(True)

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Nothing: SQLite has no sizes."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Nothing: SQLite has no sizes."""
