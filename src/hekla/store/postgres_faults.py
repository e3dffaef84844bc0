"""What PostgreSQL and asyncpg complain of, as what a client may read; the cause is logged."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from hekla import errors
from hekla.errors import OperatorError, Problem
from hekla.store.constraints import ConstraintFailed, ConstraintKind
from hekla.store.pool import RETRY_AFTER

__all__ = [
    "FAILURES",
    "constraint_of",
    "is_conflict",
    "is_constraint",
    "is_lost",
    "is_outdated",
    "is_tried_again",
    "problem_of",
]

_logger = logging.getLogger("hekla.store")

# What running a statement may raise: the server's own, the driver's on the way in (a value that
# does not fit its parameter) and what becomes of a connection that is cut.
FAILURES = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ArithmeticError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    asyncio.TimeoutError,
)

# The server ended the connection, or is about to.
_ENDS = ("57P01", "57P02", "57P03", "57P05", "25P03")
_CONFLICTS = ("40001", "40P01")
# Tables, columns, functions or types that are not there, or not as they were.
_GONE = ("42P01", "42703", "42883", "42704", "3F000", "42804", "55000", "0A000", "26000")
_KINDS: dict[str, ConstraintKind] = {
    "23502": "not_null",
    "23503": "foreign_key",
    "23001": "foreign_key",
    "23505": "unique",
    "23P01": "unique",
    "23514": "check",
    "44000": "check",
    # What a trigger raised.
    "P0001": "check",
    "22001": "check",
    "428C9": "check",
}


def _state(error: BaseException) -> str:
    return getattr(error, "sqlstate", None) or ""


def is_lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that nobody knows what became of the statement."""
    if isinstance(error, asyncio.TimeoutError):
        return False
    # The driver's own complaint of its state is what comes after a connection that broke.
    broken = OSError | asyncpg.PostgresConnectionError | asyncpg.InternalClientError
    if isinstance(error, broken):
        return True
    if isinstance(error, asyncpg.InterfaceError) and not isinstance(error, ValueError):
        return any(word in str(error) for word in ("clos", "released", "another operation"))
    return _state(error) in _ENDS


def is_conflict(error: BaseException) -> bool:
    """Whether others were in the way, so that the same may succeed when it is tried again."""
    return _state(error) in _CONFLICTS


def is_outdated(error: BaseException) -> bool:
    """Whether a statement was prepared for tables that have changed since."""
    return isinstance(
        error, asyncpg.InvalidCachedStatementError | asyncpg.OutdatedSchemaCacheError
    ) or _state(error) in ("26000",)


def is_constraint(error: BaseException) -> bool:
    """Whether a constraint, or a trigger, refused what was to be written."""
    return _state(error) in _KINDS


def is_tried_again(error: BaseException, *, careful: bool) -> bool:
    """Whether a work that met the error is run again, rather than told of it."""
    if is_constraint(error):
        return not careful
    return is_conflict(error) or is_lost(error) or is_outdated(error)


async def constraint_of(error: Exception, connection: Any) -> ConstraintFailed | None:
    """What a constraint refused, or None where it was something else.

    ``connection`` is asked for the columns of a key, in its transaction.
    """
    kind = _KINDS.get(_state(error))
    if kind is None:
        return None
    table = getattr(error, "table_name", None) or ""
    name = getattr(error, "constraint_name", None) or ""
    column = getattr(error, "column_name", None)
    columns: tuple[str, ...] = (column,) if column else ()
    if kind == "check" and not name:
        name = str(error).splitlines()[0]
    if name and kind in ("unique", "foreign_key"):
        schema = getattr(error, "schema_name", None) or ""
        rows = await connection.fetch(_COLUMNS, schema, table, name)
        columns = tuple(str(row[0]) for row in rows)
    return ConstraintFailed(kind, table, columns, name)


_COLUMNS = """SELECT a.attname::text
FROM pg_catalog.pg_class t
JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
CROSS JOIN LATERAL (
    SELECT c.conkey AS key FROM pg_catalog.pg_constraint c
    WHERE c.conrelid = t.oid AND c.conname = $3
    UNION ALL
    SELECT i.indkey::int2[] FROM pg_catalog.pg_index i
    JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = t.oid AND x.relname = $3 LIMIT 1
) k
JOIN LATERAL unnest(k.key) WITH ORDINALITY u(number, place) ON true
JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.number
WHERE n.nspname = $1 AND t.relname = $2 ORDER BY u.place"""


def problem_of(error: BaseException, sql: str = "") -> Problem:
    """The Problem for ``error``, whose private cause is logged where somebody has to act."""
    state, text = _state(error), str(error)
    if isinstance(error, asyncio.TimeoutError) or state == "57014":
        return Problem(
            errors.STATEMENT_TIMEOUT,
            "The database did not answer in time. Ask for less, or raise statement_timeout.",
        )
    if is_conflict(error) or state in ("55P03", "53300"):
        return Problem(errors.STORE_BUSY, "The database is busy. Try again.", headers=RETRY_AFTER)
    if is_lost(error) or isinstance(error, OperatorError):
        _logger.warning("%s: %s", type(error).__name__, text)
        return Problem(
            errors.STORE_UNAVAILABLE, "The database cannot be reached now.", headers=RETRY_AFTER
        )
    if state == "2201B":
        return Problem(errors.INVALID_VALUE, "The regular expression is not valid.")
    if isinstance(error, UnicodeEncodeError):
        return Problem(
            errors.INVALID_VALUE, "A text holds a lone surrogate, which is no character."
        )
    if state in ("22021", "22P05") or "\\u0000" in text:
        return Problem(
            errors.INVALID_VALUE, "The database cannot hold a text with the character NUL."
        )
    if state == "22003" or isinstance(error, OverflowError):
        return Problem(errors.INVALID_VALUE, "A number is beyond what the database can hold.")
    if state.startswith("54"):
        return Problem(errors.LIMIT_EXCEEDED, f"The database cannot do that much at once: {text}.")
    if state.startswith("22"):
        return Problem(errors.INVALID_VALUE, "The database cannot do this with such a value.")
    if isinstance(error, asyncpg.DataError) or (
        isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError | TypeError)
    ):
        return Problem(errors.INVALID_VALUE, "A value does not fit what it is compared with.")
    _logger.error("%s: %s\n%s", type(error).__name__, text, sql, exc_info=error)
    if is_outdated(error) or state in _GONE:
        return Problem(
            errors.STORE_UNAVAILABLE,
            "The database is no longer laid out as it was when this service started.",
        )
    if state == "53100":
        return Problem(
            errors.STORE_FULL, "The disk of the database is full. Nothing of the write was kept."
        )
    if state in ("25006", "42501"):
        return Problem(errors.STORE_UNAVAILABLE, "The database may not be written to now.")
    if state.startswith(("53", "58")):
        return Problem(
            errors.STORE_UNAVAILABLE, "The database cannot be reached now.", headers=RETRY_AFTER
        )
    return Problem(errors.INTERNAL, "The database did not accept the query.")
