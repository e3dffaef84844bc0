"""Triggers that are kept in the database: they record what other programs write."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import apsw
import sqlalchemy as sa

from hekla.sql.changes import capture, captures, create_log, drop_capture

__all__ = ["Captured", "State", "create", "drop", "status"]

State = Literal["captured", "outdated", "not captured", "no table"]

_TRIGGERS = (
    "SELECT name, sql FROM main.sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = ?"
)
_TABLE = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND lower(name) = ?"


@dataclass(frozen=True, slots=True)
class Captured:
    """Whether what other programs write to a table is recorded.

    ``outdated``: it is, but not as it would be now; a column may have been added since.
    """

    table: str
    state: State


def status(
    connection: apsw.Connection, tables: Mapping[sa.Table, Collection[str]]
) -> list[Captured]:
    """How it stands with each of ``tables``, given with their secret columns."""
    found = []
    for table, secret in tables.items():
        wanted = set(capture(table, secret, temporary=False))
        names = set(captures(table))
        rows = connection.execute(_TRIGGERS, (table.name.lower(),)).fetchall()
        there = {str(sql) for name, sql in rows if name in names}
        state: State
        if not connection.execute(_TABLE, (table.name.lower(),)).fetchall():
            state = "no table"
        elif not there:
            state = "not captured"
        else:
            state = "captured" if there == wanted else "outdated"
        found.append(Captured(table.name, state))
    return found


def create(
    connection: apsw.Connection, tables: Mapping[sa.Table, Collection[str]]
) -> list[Captured]:
    """Make the triggers of ``tables``, and the log, in one transaction; tell what there was."""
    with connection:
        before = status(connection, tables)
        for statement in create_log("sqlite"):
            connection.execute(statement)
        for (table, secret), old in zip(tables.items(), before, strict=True):
            if old.state in ("not captured", "outdated"):
                for statement in drop_capture(table):
                    connection.execute(statement)
                for statement in capture(table, secret, temporary=False):
                    connection.execute(statement)
    return before


def drop(connection: apsw.Connection, tables: Mapping[sa.Table, Collection[str]]) -> list[Captured]:
    """Drop the triggers of ``tables``; the log stays. Tell what there was."""
    with connection:
        before = status(connection, tables)
        for table in tables:
            for statement in drop_capture(table):
                connection.execute(statement)
    return before
