"""The change log in SQL: its table, and the triggers that write it.

Triggers see every row that a statement touches, those of ON DELETE CASCADE and of the table
between two others as well, in the transaction of that statement. Rows are kept as they are
stored, one JSON object of columns each: so the rules can be asked of the row as it was and as
it is (:mod:`hekla.sql.past`), and the rows can be made again from the log alone.

A number is exact in SQLite's JSON; a BLOB stands as ``{"hex": "…"}``. A change of a row's key
is on record as the end of one row and the beginning of another, so a key tells a row's history.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import sqlalchemy as sa

from hekla.schema.resource import Resource, Schema
from hekla.schema.types import Dialect
from hekla.sql.plan import sqlalchemy_dialect
from hekla.sql.recording import MERGE_PATCH, record_tables

__all__ = [
    "ASKED",
    "CHANGES",
    "RECORDED",
    "capture",
    "captures",
    "create_log",
    "drop_capture",
    "log_statements",
    "logged_tables",
    "tables_of",
    "write_triggers",
]

CHANGES = sa.Table(
    "hekla_changes",
    sa.MetaData(),
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
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

ASKED = "sqlite_compileoption_used"
"""A function of SQLite that triggers kept in the database ask whether to hold still.

A trigger may call only what every program's SQLite has, and needs to know whether the
connection records the table's changes by itself, with who wrote. This one answers 0 to an
option that SQLite was not compiled with; on a connection of Hekla's it is made to answer 1 for
:data:`RECORDED` and the names of the tables it records. A mark in a table would do as well, but
costs each transaction two writes, and changes would be lost for good if it were ever left.
"""

RECORDED = "HEKLA_RECORDS "

# SQLite took 127 arguments of a function before it took 1,000.
_MOST_PAIRS = 60

_WRITE = "hekla_write_"
_CAPTURE = "hekla_capture_"
_ACTIONS = (("create", "INSERT"), ("update", "UPDATE"), ("delete", "DELETE"), ("move", "UPDATE"))

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
    return tables_of(schema, schema)


def tables_of(schema: Schema, resources: Iterable[Resource]) -> dict[sa.Table, frozenset[str]]:
    """The same of some resources: their tables, and those whose rows follow theirs."""
    found: dict[sa.Table, frozenset[str]] = {}
    for resource in resources:
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
    tables = logged_tables(schema)
    if dialect == "sqlite":
        for table, secret in tables.items():
            statements += capture(table, secret)
    elif dialect == "postgresql":
        statements += [MERGE_PATCH, *record_tables(tables)]
    return statements


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _value(row: str, column: str, temporary: bool) -> str:
    value = f"{row}.{_quote(column)}"
    blob = f"json_object('hex', hex({value}))"
    if temporary:
        return f"CASE WHEN typeof({value}) = 'blob' THEN {blob} ELSE {value} END"
    # Whoever writes may have an older SQLite, whose JSON has 15 digits and no infinity.
    infinite = f"abs({value}) > 1.7976931348623157e308"
    return (
        f"CASE typeof({value}) WHEN 'blob' THEN {blob} WHEN 'real' THEN CASE WHEN {infinite} "
        f"THEN json(CASE WHEN {value} > 0 THEN '9e999' ELSE '-9e999' END) "
        f"ELSE json(printf('%!.17g', {value})) END ELSE {value} END"
    )


def _object(row: str, columns: Sequence[str], temporary: bool) -> str:
    """The JSON object of a row, in parts where it has more columns than a call takes."""
    objects = [
        "json_object("
        + ", ".join(f"{_text(c)}, {_value(row, c, temporary)}" for c in columns[start:end])
        + ")"
        for start in range(0, max(1, len(columns)), _MOST_PAIRS)
        for end in (start + _MOST_PAIRS,)
    ]
    if len(objects) == 1:
        return objects[0]
    # The members of each without its braces; length - 2 leaves out both.
    inside = [f"substr({part}, 2, length({part}) - 2)" for part in objects]
    return "'{' || " + " || ',' || ".join(inside) + " || '}'"


def capture(table: sa.Table, secret: Collection[str] = (), *, temporary: bool = True) -> list[str]:
    """SQLite: the statements that make triggers which record every change of ``table``.

    ``temporary`` ones belong to a connection of Hekla's and know who writes; others are kept
    in the database, and record what any program does while Hekla does not. ``secret`` names
    columns whose values are left out.
    """
    names = write_triggers(table) if temporary else captures(table)
    kind = "TEMP TRIGGER" if temporary else "TRIGGER"
    on = f"main.{_quote(table.name)}" if temporary else _quote(table.name)
    asked = "" if temporary else f"NOT {ASKED}({_text(RECORDED + table.name)})"
    moved = _moved(table)
    statements = []
    for (action, event), name in zip(_ACTIONS, names, strict=True):
        when = [asked] if asked else []
        if action == "move":
            if not moved:
                continue
            when.append(f"({moved})")
            body = [
                _insertion(table, secret, "delete", temporary),
                _insertion(table, secret, "create", temporary),
            ]
        else:
            if action == "update" and moved:
                when.append(f"NOT ({moved})")
            body = [_insertion(table, secret, action, temporary)]
        condition = f"WHEN {' AND '.join(when)} " if when else ""
        steps = "; ".join(body)
        statements.append(
            f"CREATE {kind} {_quote(name)} AFTER {event} ON {on} {condition}BEGIN {steps}; END"
        )
    return statements


def _moved(table: sa.Table) -> str:
    """Whether an UPDATE gives the row another key; empty if it has none."""
    columns = [_quote(column.name) for column in table.primary_key.columns]
    return " OR ".join(f"OLD.{name} IS NOT NEW.{name} COLLATE BINARY" for name in columns)


def _insertion(table: sa.Table, secret: Collection[str], action: str, temporary: bool) -> str:
    """The statement inside a trigger that writes one change."""
    open_columns = [column.name for column in table.columns if column.name not in secret]
    keys = [column.name for column in table.primary_key.columns]
    who = "hekla_now(), hekla_actor(), hekla_request()" if temporary else f"{_NOW}, NULL, NULL"
    row = "OLD" if action == "delete" else "NEW"
    key = "json_array(" + ", ".join(_value(row, name, temporary) for name in keys) + ")"
    before = _object("OLD", open_columns, temporary) if action != "create" else "NULL"
    after = _object("NEW", open_columns, temporary) if action != "delete" else "NULL"
    same = ""
    if action == "update":
        # What changes nothing is no change; texts tell 1 from 1.0, and ignore collations.
        differs = ["b.before <> b.after"]
        differs += [
            f"OLD.{_quote(column)} IS NOT NEW.{_quote(column)} COLLATE BINARY"
            for column in sorted(secret)
        ]
        same = f" WHERE {' OR '.join(differs)}"
    insert = 'INSERT INTO hekla_changes ("at", actor, request, "table", "key", action, '
    values = f"{who}, {_text(table.name)}, {key if keys else 'NULL'}, {_text(action)}"
    # With a limit each object is made once, and not again for every place that speaks of it.
    rows = f"SELECT {before} AS before, {after} AS after LIMIT 1"
    # Names are quoted and texts are literals: a trigger takes no parameters.
    return f'{insert}"before", "after") SELECT {values}, b.before, b.after FROM ({rows}) AS b{same}'  # noqa: S608


def drop_capture(table: sa.Table) -> list[str]:
    """SQLite: the statements that drop the triggers which are kept in the database."""
    return [f"DROP TRIGGER IF EXISTS main.{_quote(name)}" for name in captures(table)]


def captures(table: sa.Table) -> list[str]:
    """The names of the triggers on ``table`` that are kept in the database."""
    return [f"{_CAPTURE}{action}_{table.name}" for action, _ in _ACTIONS]


def write_triggers(table: sa.Table) -> list[str]:
    """The names of the triggers on ``table`` that belong to a connection of Hekla's."""
    return [f"{_WRITE}{action}_{table.name}" for action, _ in _ACTIONS]
