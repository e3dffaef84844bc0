"""Foreign keys that may lead to rows which an import has yet to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hekla.schema.resource import Resource, Schema
from hekla.schema.types import Dialect
from hekla.sql.plan import Plan, ValueSlot, render

__all__ = ["Foreign", "dependencies", "find_foreign", "in_order"]


@dataclass(frozen=True, slots=True)
class Foreign:
    """A foreign key of a resource: its columns, those it refers to, and how to find the row.

    ``far`` names the columns that are referred to where they are the resource's own.
    """

    names: tuple[str, ...]
    table: sa.FromClause
    target: str
    far: tuple[str, ...]
    plan: Plan

    def values(self, row: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """What the row refers to; None if it refers to nothing, or to itself."""
        values = tuple(row.get(name) for name in self.names)
        if None in values or (self.far and values == tuple(row.get(n) for n in self.far)):
            return None
        return values


def find_foreign(schema: Schema, resource: Resource, dialect: Dialect) -> tuple[Foreign, ...]:
    """The foreign keys of a resource, in a fixed order."""
    by_source = {column.source: column for column in _columns(resource)}
    known = {each.table: each for each in schema}
    found = []
    for constraint in _constraints(resource):
        columns = [by_source.get(element.parent) for element in constraint.elements]
        if None in columns:
            continue
        conditions = []
        for slot, (element, column) in enumerate(zip(constraint.elements, columns, strict=True)):
            assert column is not None
            bind = ValueSlot(slot).bind(column.type.store(dialect), sa.types.NullType())
            conditions.append(sa.type_coerce(element.column, sa.types.NullType()) == bind)
        one: sa.Label[Any] = sa.literal_column("1").label("found")
        plan = render(sa.select(one).where(*conditions), dialect)
        table = constraint.referred_table
        own = table is resource.table
        far = [by_source.get(element.column) for element in constraint.elements] if own else []
        found.append(
            Foreign(
                tuple(column.name for column in columns if column is not None),
                table,
                known[table].name if table in known else "",
                tuple(column.name for column in far if column is not None),
                plan,
            )
        )
    return tuple(found)


def dependencies(schema: Schema, resource: Resource) -> set[str]:
    """The other resources whose rows have to be there before those of this one."""
    known = {each.table: each.name for each in schema}
    names = {known.get(constraint.referred_table) for constraint in _constraints(resource)}
    return {name for name in names if name is not None and name != resource.name}


def in_order(schema: Schema, names: Sequence[str]) -> list[str]:
    """Resources so that each comes after those it refers to, as far as that is possible."""
    waiting = {name: dependencies(schema, schema[name]) & {*names} for name in sorted(names)}
    ordered: list[str] = []
    while waiting:
        free = [name for name, needs in waiting.items() if not needs & waiting.keys()]
        # In a circle somebody has to begin.
        for name in free or [next(iter(waiting))]:
            ordered.append(name)
            del waiting[name]
    return ordered


def _columns(resource: Resource) -> Iterator[Any]:
    yield from resource.columns.values()
    yield from resource.hidden.values()


def _constraints(resource: Resource) -> list[sa.ForeignKeyConstraint]:
    constraints = getattr(resource.table, "foreign_key_constraints", ())
    return sorted(constraints, key=lambda each: list(each.column_keys))
