"""Rows made again from the change log alone, into a database that has the same tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import apsw

__all__ = ["ReplayError", "replay"]

Row = dict[str, Any]


class ReplayError(Exception):
    """The log does not fit the rows that are there: a change is missing, or a row is in the way."""


def replay(
    log: apsw.Connection,
    into: apsw.Connection,
    *,
    after: int = 0,
    upto: int | None = None,
    tables: Collection[str] | None = None,
) -> int:
    """Do to ``into`` what the changes in ``log`` after the number ``after`` say; their number.

    ``into`` has the same tables, with the rows that there were at ``after``: none, if that is
    the beginning. It becomes all of it or nothing. Foreign keys are checked at the end, in
    whatever order their tables come; triggers do not run, since what they did is in the log.
    Generated columns come by themselves; secret ones, which the log does not hold, get their
    defaults. ``tables`` leaves out all others.

    Raises ReplayError, and apsw.ConstraintError for rows that a constraint refuses.
    """
    if into.in_transaction:
        raise ReplayError("the database that rows are made in must not be in a transaction")
    keys = into.pragma("foreign_keys")
    triggers = into.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, -1)
    into.pragma("foreign_keys", False)
    into.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    try:
        with into:
            done = _run(log, into, after, upto, tables)
            if keys and (broken := into.execute("PRAGMA foreign_key_check").fetchall()):
                table, _, parent, _ = broken[0]
                raise ReplayError(f"a row of {table} refers to one of {parent} that is not there")
    finally:
        into.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, triggers)
        into.pragma("foreign_keys", keys)
    return done


def _run(
    log: apsw.Connection,
    into: apsw.Connection,
    after: int,
    upto: int | None,
    tables: Collection[str] | None,
) -> int:
    replayed: dict[str, _Table] = {}
    done = 0
    for seq, name, before, after_ in log.execute(_CHANGES, (after, upto, upto)):
        if tables is not None and name not in tables:
            continue
        table = replayed.get(name)
        if table is None:
            table = replayed[name] = _Table.of(into, name)
        old = None if before is None else _read(before)
        new = None if after_ is None else _read(after_)
        if not table.apply(old, new):
            raise ReplayError(f"change {seq}: its row of {name} is not there as it was before")
        done += 1
    return done


_CHANGES = (
    'SELECT seq, "table", "before", "after" FROM hekla_changes '
    "WHERE seq > ? AND (? IS NULL OR seq <= ?) ORDER BY seq"
)


def _read(document: str) -> Row:
    """A row as it was stored: JSON keeps everything but blobs apart."""
    row: Row = json.loads(document)
    for name, value in row.items():
        if isinstance(value, dict):
            row[name] = bytes.fromhex(value["hex"])
    return row


@dataclass(frozen=True, slots=True)
class _Table:
    """A table that rows are made in: its columns (those that can be set, and all), its key."""

    execute: Callable[..., apsw.Cursor]
    changes: Callable[[], int]
    name: str
    columns: frozenset[str]
    known: frozenset[str]
    key: tuple[str, ...]

    @classmethod
    def of(cls, connection: apsw.Connection, name: str) -> _Table:
        found = connection.execute("SELECT name, pk, hidden FROM pragma_table_xinfo(?)", (name,))
        rows = found.fetchall()
        if not rows:
            raise ReplayError(f"there is no table {name} to make rows in")
        # Of the hidden ones 2 and 3 are generated columns.
        columns = frozenset(str(column) for column, _, hidden in rows if not hidden)
        ordered = sorted((place, str(column)) for column, place, _ in rows if place)
        key = tuple(column for _, column in ordered)
        known = frozenset(str(column) for column, _, _ in rows)
        return cls(connection.execute, connection.changes, name, columns, known, key)

    def apply(self, old: Row | None, new: Row | None) -> bool:
        """Make, change or remove the row; whether it was there as it should be."""
        if old is None:
            assert new is not None
            names = [name for name in new if name in self.columns]
            listed, holes = ", ".join(map(_quote, names)), ", ".join("?" * len(names))
            values = f"({listed}) VALUES ({holes})" if names else "DEFAULT VALUES"
            statement = f"INSERT INTO {_quote(self.name)} {values}"
            self.execute(statement, [new[name] for name in names])
            return True
        where, found = self._where(old)
        if new is None:
            statement = f"DELETE FROM {_quote(self.name)} WHERE {where}"  # noqa: S608
            self.execute(statement, found)
            return self.changes() == 1
        names = [name for name in new if name in self.columns]
        assigned = ", ".join(f"{_quote(name)} = ?" for name in names)
        statement = f"UPDATE {_quote(self.name)} SET {assigned} WHERE {where}"  # noqa: S608
        self.execute(statement, [*(new[name] for name in names), *found])
        return self.changes() == 1

    def _where(self, old: Row) -> tuple[str, list[Any]]:
        """Which row it is: by its key and all else that is known, so that nothing is missed."""
        names = [name for name in old if name in self.known]
        same = " AND ".join(f"{_quote(name)} IS ?" for name in names)
        values = [old[name] for name in names]
        if self.key and None not in [old.get(name) for name in self.key]:
            return same, values
        # Several rows may look the same: it is any one of them.
        first = f"SELECT rowid FROM {_quote(self.name)} WHERE {same} LIMIT 1"  # noqa: S608
        return f"rowid = ({first})", values


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
