"""The rows of a database as they are stored, type by type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw

__all__ = ["empty_copy", "log_of", "rows_of"]

TABLES = ("labels", "loose", "members", "projects", "task_labels", "tasks", "things", "words")


def rows_of(place: Path, tables: tuple[str, ...] = TABLES) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of ``tables``, each value with its storage class, in one order."""
    connection = apsw.Connection(str(place))
    try:
        found = {}
        for table in tables:
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
            told = ", ".join(f"typeof({name}), {name}" for name in columns)
            found[table] = sorted(connection.execute(f"select {told} from {table}"), key=repr)
        return found
    finally:
        connection.close()


def log_of(place: Path) -> list[tuple[Any, ...]]:
    """The log: number, actor, request, table, key, action."""
    connection = apsw.Connection(str(place))
    try:
        sql = 'select seq, actor, request, "table", "key", action from hekla_changes order by seq'
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def empty_copy(place: Path, copy: Path) -> apsw.Connection:
    """A new database with the tables of the one at ``place``, and no rows."""
    connection = apsw.Connection(str(place))
    made = apsw.Connection(str(copy))
    made.pragma("foreign_keys", True)
    sql = "select sql from sqlite_schema where type = 'table' and name not like 'hekla%' and sql"
    for (statement,) in connection.execute(f"{sql} is not null").fetchall():
        made.execute(str(statement))
    connection.close()
    return made
