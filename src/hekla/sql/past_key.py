"""Which row of the change log's is meant by the key in an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from hekla.schema.resource import Column, Resource
from hekla.schema.types import Dialect
from hekla.sql.changes import CHANGES
from hekla.sql.json import array, literal
from hekla.sql.plan import ValueSlot
from hekla.sql.scope import Scope

__all__ = ["compile_key"]

_NUMBERS = frozenset({"integer", "decimal", "float"})


def compile_key(scope: Scope, resource: Resource, nulls: Sequence[bool]) -> sa.Select[Any]:
    """``key`` as the log has it of the row whose key is the values; no row if it never had one.

    ``nulls`` tells which values are NULL. A key that was stored otherwise than it is written
    (a number, whose column decides; a text, whose collation does) is found as well.
    """
    columns = [resource.columns[name] for name in resource.key]
    dialect = scope.dialect
    readings = _sqlite_readings(columns) if dialect == "sqlite" else [_typed(columns, dialect)]
    selections = [sa.select(_key_of(values, dialect).label("key")) for values in readings]
    row = resource.table.alias(scope.name())
    source = scope.past(resource, row)
    conditions = []
    for place, (column, is_null) in enumerate(zip(columns, nulls, strict=True)):
        raw = source.raw(column.source)
        conditions.append(
            raw.is_(None)
            if is_null
            else column.type.compare(dialect, raw, "exact", ValueSlot(place))
        )
    there = [source.raw(column.source) for column in columns]
    if dialect == "sqlite":
        there = [_as_logged(value) for value in there]
    selections.append(sa.select(_key_of(there, dialect)).select_from(row).where(*conditions))
    found = sa.union_all(*selections).subquery(scope.name("k"))
    log = CHANGES.alias(scope.name("c"))
    assert isinstance(resource.table, sa.Table)
    known = (
        sa.select(sa.literal_column("1"))
        .select_from(log)
        .where(log.c.table == literal(resource.table.fullname, dialect), log.c.key == found.c.key)
        .correlate(found)
        .exists()
    )
    return (
        sa.select(found.c.key)
        .where(known)
        .limit(sa.literal_column("1"))
        .offset(sa.literal_column("0"))
    )


def _key_of(values: Sequence[sa.ColumnElement[Any]], dialect: Dialect) -> sa.ColumnElement[Any]:
    """The key as the log has it."""
    if dialect == "sqlite":
        return array(values, dialect)
    return sa.cast(sa.func.jsonb_build_array(*values), sa.Text())


def _typed(columns: Sequence[Column], dialect: Dialect) -> list[sa.ColumnElement[Any]]:
    """The values as their columns would hold them."""
    return [
        sa.cast(_slot(column, place, dialect), column.source.type)
        for place, column in enumerate(columns)
    ]


def _sqlite_readings(columns: Sequence[Column]) -> list[list[sa.ColumnElement[Any]]]:
    """The values in each form in which SQLite may have stored them."""
    readings = [[_stored(column, place) for place, column in enumerate(columns)]]
    if any(column.type.name in _NUMBERS for column in columns):
        kinds: tuple[sa.types.TypeEngine[Any], ...] = (sa.Numeric(), sa.REAL())
        for kind in kinds:
            readings.append(
                [
                    sa.cast(sa.cast(value, sa.Text()), kind)
                    if column.type.name in _NUMBERS
                    else value
                    for column, value in zip(columns, readings[0], strict=True)
                ]
            )
    return readings


def _slot(column: Column, place: int, dialect: Dialect) -> sa.ColumnElement[Any]:
    store = column.type.store(dialect)

    def convert(value: Any) -> Any:
        return value if value is None or store is None else store(value)

    return ValueSlot(place).bind(convert, sa.types.NullType())


def _stored(column: Column, place: int) -> sa.ColumnElement[Any]:
    """The value of a place in the form in which it is stored."""
    value = _slot(column, place, "sqlite")
    return _as_logged(value) if column.type.name == "binary" else value


def _as_logged(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A stored value as it stands in SQLite's log."""
    raw = sa.type_coerce(value, sa.types.NullType())
    blob = sa.func.json_object(literal("hex", "sqlite"), sa.func.hex(raw))
    is_blob = sa.func.typeof(raw) == literal("blob", "sqlite")
    return sa.case((is_blob, blob), else_=raw)
