"""Which row of the change log's is meant by the key in an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from hekla.schema.resource import Column, Resource
from hekla.sql.changes import CHANGES
from hekla.sql.json import array, literal
from hekla.sql.plan import ValueSlot
from hekla.sql.scope import Scope

__all__ = ["compile_key"]

_DIALECT: Final = "sqlite"
_NUMBERS = frozenset({"integer", "decimal", "float"})


def compile_key(scope: Scope, resource: Resource, nulls: Sequence[bool]) -> sa.Select[Any]:
    """``key`` as the log has it of the row whose key is the values; no row if it never had one.

    ``nulls`` tells which values are NULL. A key that was stored otherwise than it is written
    (a number, whose column decides; a text, whose collation does) is found as well.
    """
    columns = [resource.columns[name] for name in resource.key]
    readings: list[Any] = [
        [_stored(column, place) for place, column in enumerate(columns)],
    ]
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
    selections = [sa.select(array(values, _DIALECT).label("key")) for values in readings]
    row = resource.table.alias(scope.name())
    source = scope.past(resource, row)
    conditions = []
    for place, (column, is_null) in enumerate(zip(columns, nulls, strict=True)):
        raw = source.raw(column.source)
        conditions.append(
            raw.is_(None)
            if is_null
            else column.type.compare(_DIALECT, raw, "exact", ValueSlot(place))
        )
    there = [_as_logged(source.raw(column.source)) for column in columns]
    selections.append(sa.select(array(there, _DIALECT)).select_from(row).where(*conditions))
    found = sa.union_all(*selections).subquery(scope.name("k"))
    log = CHANGES.alias(scope.name("c"))
    assert isinstance(resource.table, sa.Table)
    known = (
        sa.select(sa.literal_column("1"))
        .select_from(log)
        .where(log.c.table == literal(resource.table.name, _DIALECT), log.c.key == found.c.key)
        .correlate(found)
        .exists()
    )
    return (
        sa.select(found.c.key)
        .where(known)
        .limit(sa.literal_column("1"))
        .offset(sa.literal_column("0"))
    )


def _stored(column: Column, place: int) -> sa.ColumnElement[Any]:
    """The value of a place in the form in which it is stored."""
    store = column.type.store(_DIALECT)

    def convert(value: Any) -> Any:
        return value if value is None or store is None else store(value)

    value = ValueSlot(place).bind(convert, sa.types.NullType())
    return _as_logged(value) if column.type.name == "binary" else value


def _as_logged(value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A stored value as it stands in the log."""
    raw = sa.type_coerce(value, sa.types.NullType())
    blob = sa.func.json_object(literal("hex", _DIALECT), sa.func.hex(raw))
    is_blob = sa.func.typeof(raw) == literal("blob", _DIALECT)
    return sa.case((is_blob, blob), else_=raw)
