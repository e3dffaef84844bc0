"""What SQLite and apsw complain of, as the Problem that a client may read; the cause is logged."""

from __future__ import annotations

import logging
import re

import apsw

from hekla import errors
from hekla.errors import OperatorError, Problem

__all__ = ["FAILURES", "MovedError", "is_busy", "is_unfit_value", "problem_of"]

_logger = logging.getLogger("hekla.store")

RETRY_AFTER = {"Retry-After": "1"}

# What running a statement may raise: SQLite's own, apsw's on the way in (a value that it cannot
# bind) and on the way out (text that is not UTF-8), what a function in SQL raised, and what
# opening one more connection does.
FAILURES = (
    apsw.Error,
    ArithmeticError,
    LookupError,
    MemoryError,
    OperatorError,
    TypeError,
    ValueError,
    re.error,
)


class MovedError(apsw.ReadOnlyError):
    """The file is no longer where it was: what were written to it would be lost."""


_UNFIT = ("JSON cannot hold BLOB values", "malformed JSON")

_GONE = re.compile(
    r"no such (table|column|index|view|module|function|tokenizer)|malformed database"
)
_TOO_MUCH = re.compile(
    r"too (many|complex|large|big|deep)|parser stack overflow|maximum depth|at most \d+ tables"
)
# What FTS5 says of text that is no query.
_SEARCH = ("fts5: ", "unterminated string", "unknown special query")
_OVERFLOW = re.compile(r"integer overflow|int too big")


def is_unfit_value(error: Exception) -> bool:
    """Whether a stored value does not fit what its column says, so that the careful text helps."""
    if isinstance(error, UnicodeDecodeError):
        return True
    return isinstance(error, apsw.SQLError) and str(error).startswith(_UNFIT)


def is_busy(error: Exception) -> bool:
    """Whether waiting for a lock may help."""
    return isinstance(error, apsw.BusyError | apsw.LockedError | apsw.SchemaChangeError)


def problem_of(error: Exception, sql: str = "") -> Problem:
    """The Problem for ``error``, whose private cause is logged where somebody has to act."""
    if isinstance(error, OperatorError) and isinstance(error.__cause__, apsw.Error):
        # One more connection could not be opened.
        error = error.__cause__
    text = str(error)
    if isinstance(error, apsw.InterruptError):
        return Problem(
            errors.STATEMENT_TIMEOUT,
            "The database did not answer in time. Ask for less, or raise statement_timeout.",
        )
    if is_busy(error):
        return Problem(
            errors.STORE_BUSY, "Another program holds the database. Try again.", headers=RETRY_AFTER
        )
    if isinstance(error, apsw.TooBigError) or (
        isinstance(error, apsw.SQLError) and _TOO_MUCH.search(text)
    ):
        return Problem(errors.LIMIT_EXCEEDED, f"The database cannot do that much at once: {text}.")
    if isinstance(error, OverflowError) or (
        isinstance(error, apsw.SQLError) and _OVERFLOW.search(text)
    ):
        return Problem(errors.INVALID_VALUE, "A number is beyond what 64 bits can hold.")
    if isinstance(error, UnicodeEncodeError):
        return Problem(
            errors.INVALID_VALUE, "A text holds a lone surrogate, which is no character."
        )
    if isinstance(error, re.error):
        return Problem(errors.INVALID_VALUE, f"The regular expression is not valid: {text}.")
    if isinstance(error, apsw.SQLError) and text.startswith(_SEARCH):
        return Problem(errors.INVALID_VALUE, "The search text cannot be read as a search.")
    _logger.error("%s: %s\n%s", type(error).__name__, text, sql, exc_info=error)
    if isinstance(error, apsw.SQLError) and _GONE.search(text):
        return Problem(
            errors.STORE_UNAVAILABLE,
            "The database is no longer laid out as it was when this service started.",
        )
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | apsw.FormatError):
        return Problem(errors.STORE_UNAVAILABLE, "The database file is damaged.")
    if isinstance(error, apsw.FullError):
        return Problem(
            errors.STORE_FULL, "The disk of the database is full. Nothing of the write was kept."
        )
    if isinstance(error, apsw.ReadOnlyError):
        return Problem(errors.STORE_UNAVAILABLE, _read_only(error))
    if isinstance(error, _UNAVAILABLE):
        return Problem(
            errors.STORE_UNAVAILABLE, "The database cannot be reached now.", headers=RETRY_AFTER
        )
    return Problem(errors.INTERNAL, "The database did not accept the query.")


def _read_only(error: apsw.ReadOnlyError) -> str:
    if isinstance(error, MovedError):
        return "The database file was moved or replaced."
    return "The database cannot be written to now."


_UNAVAILABLE = (
    apsw.IOError,
    apsw.CantOpenError,
    apsw.NoMemError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.ConnectionClosedError,
    MemoryError,
    OperatorError,
)
