"""Where names resolve while one statement is compiled: tables to aliases, columns to values.

Every row and column of a statement comes through here, so the rules are put on here and
nowhere else: a table without its rule, or a masked column without its mask, cannot be had.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.sql.elements import KeyedColumnElement
from sqlalchemy.sql.util import ClauseAdapter

from hekla.errors import FORBIDDEN, UNKNOWN_COLUMN, UNKNOWN_RELATION, Problem
from hekla.policy.access import Access
from hekla.schema.resource import Column, Link, Relation, Resource, Schema
from hekla.schema.types import Dialect

__all__ = ["FarEnd", "Scope", "Source"]

Pair = tuple[sa.ColumnElement[Any], sa.ColumnElement[Any]]


def _keyed(column: sa.ColumnElement[Any]) -> KeyedColumnElement[Any]:
    """Columns of tables have a key; their general type does not say so."""
    return cast("KeyedColumnElement[Any]", column)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A resource under one alias in the statement."""

    resource: Resource
    alias: sa.FromClause

    def raw(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """A column of the resource's table, as the alias has it."""
        found = self.alias.corresponding_column(_keyed(column))
        assert found is not None, f"{column} is not in {self.resource.name}"
        return found


@dataclass(frozen=True, slots=True, eq=False)
class FarEnd:
    """The rows at the other end of a relation, before it is said which row they belong to.

    ``tables`` is what to select from: the far alias, joined with the table in between for a
    many-to-many. ``links`` pairs each column there with the near row's column it must equal,
    and ``rules`` hold what the rules of every table on the way ask.
    """

    source: Source
    tables: sa.FromClause
    links: list[Pair]
    rules: list[sa.ColumnElement[bool]]

    @property
    def conditions(self) -> list[sa.ColumnElement[bool]]:
        return [far == near for far, near in self.links] + self.rules

    def froms(self) -> list[sa.FromClause]:
        """All that is selected from: what a subquery here must not take from outside."""
        if isinstance(self.tables, sa.Join):
            return [self.tables, self.tables.left, self.tables.right]
        return [self.tables]


class Scope:
    """What one statement is compiled for, and the aliases given out so far.

    ``guarded`` turns true when the statement reads a column whose values may not fit its type.
    """

    def __init__(
        self, schema: Schema, access: Access, dialect: Dialect, *, careful: bool = False
    ) -> None:
        self.schema = schema
        self.access = access
        self.dialect = dialect
        self.careful = careful
        self.guarded = False
        self._aliases = 0
        self._taken = access.tables | {
            resource.search_index.lower() for resource in schema if resource.search_index
        }
        self._by_table = {resource.table: resource for resource in schema}
        self._sources: dict[sa.FromClause, Source] = {}
        self._starts: dict[tuple[sa.FromClause, sa.ColumnElement[Any]], sa.ColumnElement[Any]] = {}

    def name(self, prefix: str = "t") -> str:
        """The next name of an alias: the same in the same place of the same shape.

        A table that is called so, in a rule or as an index to search in, would hide the alias
        from what is asked inside it.
        """
        while True:
            self._aliases += 1
            name = f"{prefix}{self._aliases}"
            if name not in self._taken:
                return name

    def source(self, resource: Resource) -> Source:
        """The resource under a new alias; its row rule still has to be asked for."""
        if self.access.rows(resource) is False:
            raise Problem(FORBIDDEN, f"You may not read {resource.name}.")
        return self._source(resource, resource.table.alias(self.name()))

    def own(self, resource: Resource) -> Source:
        """The resource's table itself, which a statement changes; under no alias."""
        return self._source(resource, resource.table)

    def past(self, resource: Resource, rows: sa.FromClause) -> Source:
        """The resource as ``rows`` have it, which stand for rows of its table at another time."""
        return self._source(resource, rows)

    def _source(self, resource: Resource, alias: sa.FromClause) -> Source:
        source = self._sources[alias] = Source(resource, alias)
        return source

    def row_rule(self, source: Source) -> list[sa.ColumnElement[bool]]:
        """What the rules ask of each row of ``source``; nothing when all may be read."""
        rule = self.access.rows(source.resource)
        if isinstance(rule, bool):
            return [] if rule else [sa.false()]
        return [self.adapt(rule, source)]

    def adapt(self, rule: sa.ColumnElement[bool], source: Source) -> sa.ColumnElement[bool]:
        """The rule, as it is said of the rows of ``source``."""
        adapted = ClauseAdapter(source.alias).traverse(rule)

        def takes_row_from_outside(select: sa.Select[Any]) -> None:
            # SQLAlchemy does so by itself only where the row's table is in the statement right
            # around it; beside correlate(), which would end that for all other tables.
            select._correlate = (*select._correlate, source.alias)

        tied = visitors.cloned_traverse(adapted, {}, {"select": takes_row_from_outside})
        assert isinstance(tied, sa.ColumnElement)
        return tied

    def column(self, resource: Resource, name: str) -> Column:
        """A column that the actor may know of: a hidden one is as unknown as one that is not."""
        column = self.access.columns(resource).get(name)
        if column is None:
            raise Problem(UNKNOWN_COLUMN, f"{resource.name} has no column “{name}”.")
        return column

    def relation(self, resource: Resource, name: str) -> Relation:
        relation = self.access.relations(resource).get(name)
        if relation is None:
            raise Problem(UNKNOWN_RELATION, f"{resource.name} has no relation “{name}”.")
        return relation

    def value(self, source: Source, column: Column) -> sa.ColumnElement[Any]:
        """What the actor may read of a column: NULL in the rows for which its rule fails."""
        raw = source.raw(column.source)
        mask = self.access.masks(source.resource).get(column.name)
        if mask is None:
            return raw
        masked: sa.ColumnElement[Any] = sa.case((self.adapt(mask, source), raw))
        return masked

    def masked(self, source: Source, column: Column) -> bool:
        return column.name in self.access.masks(source.resource)

    def json(self, column: Column, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """``value``, which is of the column's type, as it stands in a JSON document."""
        self.guarded |= column.guarded
        if self.careful:
            return column.type.careful_json(value)
        return column.type.json(self.dialect, value, column.guarded)

    def tying(self, source: Source, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """A column of the table that ties rows, as the actor may read it."""
        for name in self.access.masks(source.resource):
            masked = source.resource.columns[name]
            if masked.source is column:
                return self.value(source, masked)
        return source.raw(column)

    def start(
        self, row: sa.FromClause, column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
    ) -> None:
        """Let relations that start from ``row``, a derived table, find ``column`` in ``value``."""
        self._starts[row, column] = value

    def _end(self, row: sa.FromClause, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The column of ``row`` that a link speaks of."""
        started = self._starts.get((row, column))
        if started is not None:
            return started
        source = self._sources.get(row)
        if source is not None:
            return self.tying(source, column)
        # A table in between that is no resource.
        found = row.corresponding_column(_keyed(column))
        assert found is not None
        return found

    def follow(self, near: sa.FromClause, relation: Relation) -> FarEnd:
        """The far end of ``relation`` from a row of ``near``."""
        far = self.source(self.schema[relation.target])
        first, *more = relation.links
        if not more:
            return FarEnd(far, far.alias, self._pairs(near, far.alias, first), self.row_rule(far))
        (second,) = more
        between = first.table.alias(self.name())
        resource = self._by_table.get(first.table)
        rules = [] if resource is None else self.row_rule(self._source(resource, between))
        joined = between.join(
            far.alias, sa.and_(*(a == b for a, b in self._pairs(between, far.alias, second)))
        )
        return FarEnd(far, joined, self._pairs(near, between, first), rules + self.row_rule(far))

    def _pairs(self, near: sa.FromClause, far: sa.FromClause, link: Link) -> list[Pair]:
        """The link's columns as the two aliases have them, the far one first."""
        return [
            (self._end(far, far_column), self._end(near, near_column))
            for near_column, far_column in link.pairs
        ]
