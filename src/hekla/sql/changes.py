"""The change log in SQL: its table, and the triggers that write it.

Triggers see every row that a statement touches, those of ON DELETE CASCADE and of the table
between two others as well, in the transaction of that statement. Rows are kept as they are
stored, one JSON object of columns each: so the rules can be asked of the row as it was and as
it is (:mod:`hekla.sql.past`), and the rows can be made again from the log alone.

A number is exact in SQLite's JSON; a BLOB stands as ``{"hex": "…"}``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from hekla.schema.resource import Schema
from hekla.schema.types import Dialect
from hekla.sql.plan import sqlalchemy_dialect

__all__ = ["CHANGES", "capture", "create_log", "drop_capture", "log_statements", "logged_tables"]

CHANGES = sa.Table(
    "hekla_changes",
    sa.MetaData(),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("request", sa.Text),
    sa.Column("table", sa.Text, nullable=False),
    sa.Column("key", sa.Text),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Index("hekla_changes_key", "table", "key"),
)
"""One row a change. ``seq`` is the order of commits; ``key`` the JSON array of the row's key."""

_NOW = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"


def create_log(dialect: Dialect) -> list[str]:
    """The statements that create the log where there is none."""
    from sqlalchemy.schema import CreateIndex, CreateTable

    speaks = sqlalchemy_dialect(dialect)
    statements = [CreateTable(CHANGES, if_not_exists=True).compile(dialect=speaks)]
    statements += [
        CreateIndex(index, if_not_exists=True).compile(dialect=speaks) for index in CHANGES.indexes
    ]
    return [str(statement).strip() for statement in statements]


def logged_tables(schema: Schema) -> dict[sa.Table, frozenset[str]]:
    """The tables whose changes are kept, each with its secret columns.

    Those of resources that can be written, those between the two ends of a relation, and those
    that the database changes by itself when a row they refer to goes.
    """
    found: dict[sa.Table, frozenset[str]] = {}
    for resource in schema:
        if not resource.writable or not isinstance(resource.table, sa.Table):
            continue
        columns = [*resource.columns.values(), *resource.hidden.values()]
        secret = {str(getattr(c.source, "name", c.name)) for c in columns if c.secret}
        found[resource.table] = found.get(resource.table, frozenset()) | secret
        for relation in resource.relations.values():
            for link in relation.links[:-1]:
                if isinstance(link.table, sa.Table):
                    found.setdefault(link.table, frozenset())
    waiting = list(found)
    while waiting:
        target = waiting.pop()
        for table in target.metadata.tables.values():
            acts = any(
                constraint.referred_table is target and (constraint.ondelete or constraint.onupdate)
                for constraint in table.foreign_key_constraints
            )
            if acts and table not in found:
                found[table] = frozenset()
                waiting.append(table)
    return found


def log_statements(schema: Schema, dialect: Dialect) -> list[str]:
    """What a connection that writes has to run first: the log, and the triggers that write it."""
    statements = create_log(dialect)
    if dialect == "sqlite":
        for table, secret in logged_tables(schema).items():
            statements += capture(table, secret)
    return statements


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _value(row: str, column: str) -> str:
    value = f"{row}.{_quote(column)}"
    blob = f"json_object('hex', hex({value}))"
    return f"CASE WHEN typeof({value}) = 'blob' THEN {blob} ELSE {value} END"


def _object(row: str, columns: Iterable[str]) -> str:
    return "json_object(" + ", ".join(f"{_text(c)}, {_value(row, c)}" for c in columns) + ")"


def capture(table: sa.Table, secret: Collection[str] = (), *, temporary: bool = True) -> list[str]:
    """SQLite: the statements that make triggers which record every change of ``table``.

    ``temporary`` ones belong to a connection of Hekla's and know who writes; others are kept
    in the database, and record what any program does while Hekla does not. ``secret`` names
    columns whose values are left out.
    """
    open_columns = [column.name for column in table.columns if column.name not in secret]
    keys = [column.name for column in table.primary_key.columns]
    kind = "TEMP TRIGGER" if temporary else "TRIGGER"
    who = "hekla_now(), hekla_actor(), hekla_request()" if temporary else f"{_NOW}, NULL, NULL"
    on = f"main.{_quote(table.name)}" if temporary else _quote(table.name)
    statements = []
    for action, event in (("create", "INSERT"), ("update", "UPDATE"), ("delete", "DELETE")):
        row = "OLD" if action == "delete" else "NEW"
        key = "json_array(" + ", ".join(_value(row, name) for name in keys) + ")"
        before = _object("OLD", open_columns) if action != "create" else "NULL"
        after = _object("NEW", open_columns) if action != "delete" else "NULL"
        same = ""
        if action == "update":
            # What changes nothing is no change; texts tell 1 from 1.0, and ignore collations.
            differs = ["b.before <> b.after"]
            differs += [f"OLD.{_quote(c)} IS NOT NEW.{_quote(c)} COLLATE BINARY" for c in secret]
            same = f" WHERE {' OR '.join(differs)}"
        insert = 'INSERT INTO hekla_changes ("at", actor, request, "table", "key", action, '
        values = f"{who}, {_text(table.name)}, {key if keys else 'NULL'}, {_text(action)}"
        rows = f"SELECT {before} AS before, {after} AS after"
        name = _quote(_name(table, action, temporary=temporary))
        # Names are quoted and texts are literals: a trigger takes no parameters.
        body = f'{insert}"before", "after") SELECT {values}, b.before, b.after FROM ({rows}) AS b'  # noqa: S608
        statements.append(f"CREATE {kind} {name} AFTER {event} ON {on} BEGIN {body}{same}; END")
    return statements


def drop_capture(table: sa.Table) -> list[str]:
    """SQLite: the statements that drop the triggers which are kept in the database."""
    return [
        f"DROP TRIGGER IF EXISTS {_quote(_name(table, action, temporary=False))}"
        for action in ("create", "update", "delete")
    ]


def _name(table: sa.Table, action: str, *, temporary: bool) -> str:
    return f"hekla_{'write' if temporary else 'capture'}_{action}_{table.name}"
