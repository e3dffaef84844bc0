"""A declared entity as the models source sees it: its tables, and what its columns are called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from hekla.errors import OperatorError
from hekla.schema.declaration import Declaration
from hekla.schema.names import plural, singular, snake_case
from hekla.schema.types import Dialect

__all__ = ["Entity", "read_entity"]


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """A mapped class or a Table, taken apart.

    ``table`` is what is served: the Table itself, or for a class that inherits a subquery that
    puts its tables together or chooses its rows. ``own`` is the table that is the entity's
    alone to speak for, if there is one: a foreign key to that table leads to this entity.
    ``names`` holds what each stored column is called, hidden ones included.
    """

    declaration: Declaration
    mapper: orm.Mapper[Any] | None
    name: str
    table: sa.FromClause
    own: sa.FromClause | None
    tables: tuple[sa.FromClause, ...]
    names: dict[sa.ColumnElement[Any], str]
    key: tuple[str, ...]
    title: str | None
    description: str
    left_out: tuple[str, ...] = ()

    def served(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any] | None:
        """The column of ``table`` that holds a stored column."""
        name = self.names.get(column)
        if name is None:
            return None
        return column if self.table in self.tables else self.table.c[name]

    def stored(self) -> Iterator[tuple[str, sa.ColumnElement[Any]]]:
        """Each column once: its name and the stored column it is first of all."""
        seen = set()
        for column, name in self.names.items():
            if name not in seen:
                seen.add(name)
                yield name, column


def read_entity(declaration: Declaration, dialect: Dialect) -> Entity:
    """The entity of a declaration. Raises OperatorError if it is neither mapped nor a table."""
    entity = declaration.entity
    if isinstance(entity, sa.FromClause):
        return _read_table(declaration, entity)
    mapper = sa.inspect(entity, raiseerr=False)
    if not isinstance(mapper, orm.Mapper):
        raise OperatorError(
            f"{getattr(entity, '__name__', entity)!r} is neither a mapped class nor a Table: "
            "give it a declarative base, or map it before it is declared as a resource"
        )
    try:
        return _read_mapper(declaration, mapper, dialect)
    except sa.exc.SQLAlchemyError as error:
        line = str(error).splitlines()[0]
        raise OperatorError(f"{mapper.class_.__name__} cannot be mapped: {line}") from error


def _read_table(declaration: Declaration, table: sa.FromClause) -> Entity:
    stored = isinstance(table, sa.TableClause)
    name = declaration.name or (table.name if isinstance(table, sa.TableClause) else None)
    if name is None:
        raise OperatorError("a resource that is a query and no table needs name=")
    names: dict[sa.ColumnElement[Any], str] = {c: str(c.key) for c in table.columns}
    return Entity(
        declaration=declaration,
        mapper=None,
        name=str(name),
        table=table,
        own=table,
        tables=(table,),
        names=names,
        # What tells the rows of a query apart is nobody's promise.
        key=tuple(names[column] for column in table.primary_key) if stored else (),
        title=None,
        description=getattr(table, "comment", None) or "",
    )


def _read_mapper(declaration: Declaration, mapper: orm.Mapper[Any], dialect: Dialect) -> Entity:
    names: dict[sa.ColumnElement[Any], str] = {}
    left_out = []
    for attribute in mapper.column_attrs:
        stored = [
            column
            for column in attribute.columns
            if any(table.c.contains_column(column) for table in _tables(mapper))
        ]
        if not stored:
            left_out.append(attribute.key)
        for column in stored:
            names[column] = attribute.key
    table: sa.FromClause = mapper.local_table
    own: sa.FromClause | None = table
    if mapper.single or isinstance(mapper.persist_selectable, sa.Join):
        own = None if mapper.single else mapper.local_table
        table = _subquery(mapper, names, dialect)
    elif isinstance(table, sa.Table):
        # A mapper has its columns in the order of its attributes: the table's is the one
        # that people know.
        names = {column: names[column] for column in table.columns if column in names}
    return Entity(
        declaration=declaration,
        mapper=mapper,
        name=declaration.name or _name(mapper),
        table=table,
        own=own,
        tables=_tables(mapper),
        names=names,
        key=tuple(names[column] for column in mapper.primary_key),
        title=mapper.class_.__name__,
        description=_description(mapper),
        left_out=tuple(left_out),
    )


def _tables(mapper: orm.Mapper[Any]) -> tuple[sa.FromClause, ...]:
    return (mapper.local_table, *(t for t in mapper.tables if t is not mapper.local_table))


def _name(mapper: orm.Mapper[Any]) -> str:
    table_name = getattr(mapper.local_table, "name", None)
    if table_name is not None and not mapper.single:
        return str(table_name)
    name = snake_case(mapper.class_.__name__)
    # A class without a table of its own is called in the style of the one it shares.
    is_plural = table_name is None or singular(table_name) != table_name
    return plural(name) if is_plural else name


def _subquery(
    mapper: orm.Mapper[Any], names: dict[sa.ColumnElement[Any], str], dialect: Dialect
) -> sa.FromClause:
    """The rows of a class that shares its table, or has its columns in several."""
    columns = {name: column for column, name in reversed(names.items())}
    query = sa.select(*(columns[name].label(name) for name in dict.fromkeys(names.values())))
    query = query.select_from(mapper.persist_selectable)
    if mapper.single and mapper.polymorphic_on is not None:
        kind = mapper.polymorphic_on
        # Written out, not bound: no request has a say in them. This style of parameters
        # leaves a percent sign alone.
        make_dialect: Any = sa.make_url(f"{dialect}://").get_dialect()
        written = make_dialect(paramstyle="qmark")
        query = query.where(
            kind.in_(
                sa.literal_column(
                    str(
                        sa.literal(sub.polymorphic_identity, kind.type).compile(
                            dialect=written, compile_kwargs={"literal_binds": True}
                        )
                    ),
                    kind.type,
                )
                for sub in mapper.self_and_descendants
                if sub.polymorphic_identity is not None
            )
        )
    return query.subquery(_name(mapper))


def _description(mapper: orm.Mapper[Any]) -> str:
    text = mapper.class_.__dict__.get("__doc__") or ""
    # dataclasses write the signature there when there is nothing else.
    if text.startswith(f"{mapper.class_.__name__}("):
        text = ""
    return inspect.cleandoc(text) or getattr(mapper.local_table, "comment", None) or ""
