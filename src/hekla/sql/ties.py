"""Rows that are tied by a relation, as statements: which they are, and ties in a table between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import sqlalchemy as sa

from hekla.policy.access import Access
from hekla.schema.default import Default
from hekla.schema.resource import Relation, Resource, Schema
from hekla.schema.sources.defaults import read_defaults
from hekla.schema.types import Dialect, type_of
from hekla.sql.mutate import Statements
from hekla.sql.plan import Plan, ValueSlot, render
from hekla.sql.scope import Scope, Source

__all__ = ["TieStatements"]

_NULL = sa.types.NullType()


class TieStatements:
    """Compiles the statements about one relation of one resource, for one access."""

    def __init__(
        self,
        schema: Schema,
        access: Access,
        dialect: Dialect,
        resource: Resource,
        relation: Relation,
    ) -> None:
        self.schema = schema
        self.access = access
        self.dialect = dialect
        self.resource = resource
        self.relation = relation
        self.target = schema[relation.target]

    def tied(self, *, one: bool) -> Plan:
        """The stored keys of the rows at the far end, as far as the actor may see them.

        The values are the near row's stored key, then, with ``one``, that of the far row which
        is looked for among them; else the most that are given, in order.
        """
        scope = Scope(self.schema, self.access, self.dialect)
        near = scope.source(self.resource)
        far = scope.follow(near.alias, self.relation)
        keys: list[sa.ColumnElement[Any]] = [
            sa.type_coerce(far.source.raw(self.target.columns[name].source), _NULL).label(f"k{n}")
            for n, name in enumerate(self.target.key)
        ]
        statement: sa.Select[Any] = (
            sa.select(*keys)
            .select_from(near.alias, far.tables)
            .where(*self._key(self.resource, near, 0), *far.conditions)
        )
        place = len(self.resource.key)
        if one:
            statement = statement.where(*self._key(self.target, far.source, place))
        else:
            most = ValueSlot(place).bind(type_=sa.Integer())
            statement = statement.order_by(*keys).limit(most)
        return render(statement, self.dialect, self.access, scope.guarded)

    def _key(self, resource: Resource, source: Source, first: int) -> list[sa.ColumnElement[bool]]:
        statements = Statements(self.schema, self.access, self.dialect, resource)
        return statements.raw_key(first)(source)

    # A table in between that is no resource. The values are those of the columns that tie, in
    # their order: first what ties it to the near row, then to the far one.

    def tie(self) -> Plan:
        """A row that ties the two, unless there is one; then come the values of ``fills``."""
        table = self._between
        there = table.alias("there")
        ties = self._ties()
        same = [there.c[column.key] == value for column, value in ties]
        exists = sa.exists(sa.select(sa.literal_column("1")).select_from(there).where(*same))
        names = [column.name for column, _ in ties]
        values = [value for _, value in ties]
        for slot, (column, _) in enumerate(self.fills(), len(ties)):
            names.append(column.name)
            store = type_of(column.type, self.dialect).store(self.dialect)
            values.append(ValueSlot(slot).bind(store, _NULL))
        row = sa.select(*values).where(~exists)
        statement = sa.insert(table).from_select(names, row, include_defaults=False)
        return render(statement, self.dialect, self.access, columns=())

    def untie(self) -> Plan:
        """No row ties the two any more."""
        ties = self._ties()
        statement = sa.delete(self._between).where(
            *(sa.type_coerce(column, _NULL) == value for column, value in ties)
        )
        return render(statement, self.dialect, self.access, columns=())

    def fills(self) -> list[tuple[sa.Column[Any], Default]]:
        """The table's other columns that the model gives a value in Python."""
        tying = {column for column, _ in self._ties()}
        found = []
        for column in self._between.columns:
            if column not in tying:
                of_model = read_defaults(
                    column, type_of(column.type, self.dialect), self.dialect, {}
                )
                if of_model["default"] is not None:
                    found.append((column, of_model["default"]))
        return found

    @property
    def _between(self) -> sa.Table:
        return cast("sa.Table", self.relation.links[0].table)

    def _ties(self) -> list[tuple[sa.Column[Any], sa.ColumnElement[Any]]]:
        """The columns that tie, and the places of their values: stored as what they refer to."""
        first, second = self.relation.links
        pairs = [(column, self._store(self.resource, own)) for own, column in first.pairs]
        pairs += [(column, self._store(self.target, own)) for column, own in second.pairs]
        return [
            (cast("sa.Column[Any]", column), ValueSlot(slot).bind(store, _NULL))
            for slot, (column, store) in enumerate(pairs)
        ]

    def _store(
        self, resource: Resource, source: sa.ColumnElement[Any]
    ) -> Callable[[Any], Any] | None:
        columns = (*resource.columns.values(), *resource.hidden.values())
        column = next(column for column in columns if column.source is source)
        return column.type.store(self.dialect)
