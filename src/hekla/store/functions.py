"""The SQL functions that statements rely on, put on every connection that the project opens."""

from __future__ import annotations

import apsw
from apsw import sqlite_extra

from hekla.schema.types import SQLITE_FUNCTIONS
from hekla.store.recording import register_asked

__all__ = ["register_functions"]

# Functions are named by what they compute: they may stand in an index, a view or a trigger.
_FLAGS = apsw.SQLITE_INNOCUOUS


def register_functions(connection: apsw.Connection) -> None:
    """Make the functions of :mod:`hekla.schema.types` callable from SQL on ``connection``.

    ``regexp`` is SQLite's own extension: its matching takes linear time and can be interrupted
    between rows, which a pattern of Python's ``re`` cannot.
    """
    sqlite_extra.load(connection, "regexp")
    for name, (function, arguments) in SQLITE_FUNCTIONS.items():
        connection.create_scalar_function(
            name, function, arguments, deterministic=True, flags=_FLAGS
        )
    register_asked(connection)
