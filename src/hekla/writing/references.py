"""Foreign keys as seen by whoever writes: one may refer only to rows that one may see."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hekla.errors import MISSING_REFERENCE, Fault, Problem
from hekla.policy.access import Access
from hekla.schema.resource import Column, Resource, Schema
from hekla.schema.types import Dialect
from hekla.sql.plan import Plan, ValueSlot, render
from hekla.sql.scope import Scope, Source

__all__ = ["Reference", "find_references", "missing"]


@dataclass(frozen=True, slots=True)
class Reference:
    """The columns of a foreign key, and the statement that finds the row they refer to.

    ``plan`` takes the values of the columns. ``kept``, of a key of several columns, takes the
    stored key of the row that refers: for a change of some of them.
    """

    names: tuple[str, ...]
    target: str
    plan: Plan
    kept: Plan | None = None

    def problem(self, at: str, given: Collection[str]) -> Problem:
        """What is said where there is no such row, or none that may be seen."""
        return missing(tuple(name for name in self.names if name in given), self.target, at)


def missing(names: tuple[str, ...], target: str, at: str) -> Problem:
    """The Problem that these columns refer to no row of ``target``."""
    message = f"There is no such row in {target}." if target else "There is no such row."
    return Problem(
        MISSING_REFERENCE, message, errors=[Fault(f"{at}/{name}", message) for name in names]
    )


def find_references(
    schema: Schema, access: Access, dialect: Dialect, resource: Resource
) -> tuple[Reference, ...]:
    """The foreign keys whose target shows only some of its rows to the actor.

    Where every row shows, the database's own check is enough. Where none does, its answer is
    all there is: what refers to such a table is meant to be written without reading it.
    """
    by_source = {column.source: column for column in resource.columns.values()}
    by_table = {target.table: target for target in schema}
    found = []
    for constraint in getattr(resource.table, "foreign_key_constraints", ()):
        pairs = [(by_source.get(e.parent), e.column) for e in constraint.elements]
        target = by_table.get(constraint.referred_table)
        columns = [column for column, _ in pairs if column is not None]
        if target is None or len(columns) < len(pairs) or isinstance(access.rows(target), bool):
            continue
        scope = Scope(schema, access, dialect)
        source = scope.source(target)
        conditions = scope.row_rule(source)
        for slot, (column, (_, far)) in enumerate(zip(columns, pairs, strict=True)):
            value = ValueSlot(slot).bind(column.type.store(dialect), sa.types.NullType())
            conditions.append(_raw(source.raw(far)) == value)
        statement = sa.select(_one()).select_from(source.alias).where(*conditions)
        found.append(
            Reference(
                tuple(column.name for column in columns),
                target.name,
                render(statement, dialect, access, columns=("found",)),
                _kept(schema, access, dialect, resource, target, columns, pairs),
            )
        )
    return tuple(sorted(found, key=lambda reference: reference.names))


def _kept(
    schema: Schema,
    access: Access,
    dialect: Dialect,
    resource: Resource,
    target: Resource,
    columns: Sequence[Column],
    pairs: Sequence[tuple[Column | None, Any]],
) -> Plan | None:
    """Whether the row of a stored key refers to nothing, or to a row that may be seen."""
    if len(columns) < 2 or not resource.key:
        return None
    scope = Scope(schema, access, dialect)
    row = Source(resource, resource.table.alias(scope.name()))
    far = scope.source(target)
    raws = [_raw(row.raw(column.source)) for column in columns]
    tied = [_raw(far.raw(c)) == raw for raw, (_, c) in zip(raws, pairs, strict=True)]
    seen = sa.select(_one()).select_from(far.alias).where(*tied, *scope.row_rule(far))
    refers = sa.or_(*(raw.is_(None) for raw in raws), sa.exists(seen.correlate(row.alias)))
    keys = [
        _raw(row.raw(resource.columns[name].source)) == ValueSlot(slot).bind(None, _ANY)
        for slot, name in enumerate(resource.key)
    ]
    statement = sa.select(_one()).select_from(row.alias).where(*keys, refers)
    return render(statement, dialect, access, columns=("found",))


_ANY = sa.types.NullType()


def _raw(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.type_coerce(column, _ANY)


def _one() -> sa.Label[Any]:
    return sa.literal_column("1").label("found")
