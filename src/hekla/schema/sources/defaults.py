"""What a SQLAlchemy column is filled with where nothing is given for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypedDict

import sqlalchemy as sa
from sqlalchemy.engine import URL

from hekla.schema.default import Default
from hekla.schema.types import Dialect, Type

if TYPE_CHECKING:
    # To import the ORM takes as long as the core: only who has models waits for it.
    from sqlalchemy import orm

__all__ = ["Defaults", "adapter", "read_defaults", "sqlalchemy_dialect"]


class Defaults(TypedDict):
    """The fields of a Column that say how it fills itself."""

    default: Default | None
    default_sql: sa.ColumnElement[Any] | None
    on_update: Default | None
    on_update_sql: sa.ColumnElement[Any] | None
    server_default: bool


def read_defaults(
    column: sa.Column[Any],
    type_: Type,
    dialect: Dialect,
    keys: Mapping[str, str],
    mapper: orm.Mapper[Any] | None = None,
) -> Defaults:
    """What ``column`` is filled with; ``keys`` maps the keys of the table's columns to names."""
    adapt = adapter(column.type, type_, dialect)
    default, default_sql = _generator(column.default, adapt, keys)
    on_update, on_update_sql = _generator(column.onupdate, adapt, keys)
    if default is None and default_sql is None and mapper is not None:
        factory = _dataclass_factory(mapper, column)
        if factory is not None:
            make: Callable[[], Any] = factory
            default = Default(lambda _: make(), adapt)
    return Defaults(
        default=default,
        default_sql=default_sql,
        on_update=on_update,
        on_update_sql=on_update_sql,
        server_default=_is_given_by_server(column, dialect),
    )


def adapter(
    declared: sa.types.TypeEngine[Any], type_: Type, dialect: Dialect
) -> Callable[[Any], Any]:
    """From what Python code says of a value of ``declared`` to the type's own value."""
    if not isinstance(declared, sa.types.TypeDecorator) or isinstance(declared, sa.Interval):
        return type_.adapt
    decorator: sa.types.TypeDecorator[Any] = declared
    connected = sqlalchemy_dialect(dialect)

    def adapt(value: Any) -> Any:
        stored = decorator.process_bind_param(value, connected)
        return None if stored is None else type_.adapt(stored)

    own = type(decorator).process_bind_param is not sa.types.TypeDecorator.process_bind_param
    return adapt if own else type_.adapt


def _generator(
    found: Any, adapt: Callable[[Any], Any], keys: Mapping[str, str]
) -> tuple[Default | None, sa.ColumnElement[Any] | None]:
    """A default of SQLAlchemy's: in Python, or in SQL."""
    if isinstance(found, sa.ColumnDefault):
        value: Any = found.arg
        if found.is_callable:
            return Default(value, adapt, keys), None
        if found.is_scalar:
            return Default.of(value, adapt), None
        return None, value
    return None, None


def _dataclass_factory(mapper: orm.Mapper[Any], column: sa.Column[Any]) -> Callable[[], Any] | None:
    """The ``default_factory`` of a mapped dataclass, which fills what a program creates."""
    if not dataclasses.is_dataclass(mapper.class_) or not mapper.has_property(
        mapper.get_property_by_column(column).key
    ):
        return None
    name = mapper.get_property_by_column(column).key
    for field in dataclasses.fields(mapper.class_):
        if field.name == name and field.default_factory is not dataclasses.MISSING:
            return field.default_factory
    return None


def _is_given_by_server(column: sa.Column[Any], dialect: Dialect) -> bool:
    if column.computed is not None:
        return False
    if dialect != "sqlite":
        return (
            column.server_default is not None
            or isinstance(column.default, sa.Sequence)
            or column.table.autoincrement_column is column
        )
    # SQLite knows no identities and no sequences; only INTEGER PRIMARY KEY numbers its rows.
    if column.server_default is not None and column.identity is None:
        return True
    declared = column.type.dialect_impl(sqlalchemy_dialect(dialect))
    return (
        column.table.autoincrement_column is column
        and declared.compile(dialect=sqlalchemy_dialect(dialect)).upper() == "INTEGER"
    )


@cache
def sqlalchemy_dialect(dialect: Dialect) -> sa.Dialect:
    """SQLAlchemy's own dialect, for what a type asks of it."""
    return URL.create(dialect).get_dialect()()
