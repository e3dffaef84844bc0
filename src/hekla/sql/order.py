"""Orderings that are total, and the condition that continues after a row of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hekla.errors import UNSUPPORTED, Problem
from hekla.query.ast import Order, Path
from hekla.query.shape import Hole
from hekla.schema.resource import Column
from hekla.schema.types import Dialect
from hekla.sql.plan import ValueSlot
from hekla.sql.scope import Scope, Source

__all__ = ["SortKey", "compile_after", "compile_path", "sort_keys"]


@dataclass(frozen=True, slots=True, eq=False)
class SortKey:
    """One key of an ordering, over one row of the source."""

    column: Column
    value: sa.ColumnElement[Any]
    descending: bool
    nulls_first: bool
    nullable: bool

    def clauses(self, dialect: Dialect) -> list[sa.ColumnElement[Any]]:
        """The ORDER BY terms; where NULLs go is said only if the database differs."""
        direction = self.value.desc() if self.descending else self.value.asc()
        if not self.nullable:
            return [direction]
        natural_first = self.descending if dialect == "postgresql" else not self.descending
        if natural_first == self.nulls_first:
            return [direction]
        if dialect == "mysql":
            null = self.value.is_(None)
            return [null.desc() if self.nulls_first else null.asc(), direction]
        return [direction.nulls_first() if self.nulls_first else direction.nulls_last()]


def compile_path(scope: Scope, source: Source, path: Path) -> tuple[Column, sa.ColumnElement[Any]]:
    """A column of the row, or of the one row that to-one relations lead to."""
    if not path.relations:
        column = scope.column(source.resource, path.column)
        return column, scope.value(source, column)
    relation = scope.relation(source.resource, path.relations[0])
    if relation.many:
        raise Problem(UNSUPPORTED, f"“{path}” leads through {relation.name}, which is a list.")
    far = scope.follow(source.alias, relation)
    column, value = compile_path(scope, far.source, Path(path.relations[1:], path.column))
    inner = sa.select(value).select_from(far.tables).where(*far.conditions)
    only = inner.limit(sa.literal_column("1")).correlate_except(*far.froms())
    return column, only.scalar_subquery()


def sort_keys(scope: Scope, source: Source, orders: Sequence[Order]) -> list[SortKey]:
    """The keys of an ordering, as expressions over one row of ``source``."""
    keys = []
    for order in orders:
        column, value = compile_path(scope, source, order.path)
        if not column.type.sortable:
            raise Problem(UNSUPPORTED, f"Rows cannot be ordered by “{order.path}”.")
        keys.append(
            SortKey(
                column,
                value,
                order.descending,
                nulls_first=(order.nulls == "first")
                if order.nulls is not None
                else not order.descending,
                nullable=column.nullable
                or bool(order.path.relations)
                or scope.masked(source, column),
            )
        )
    return keys


def compile_after(
    keys: Sequence[SortKey], after: Sequence[Hole | None], dialect: Dialect
) -> sa.ColumnElement[bool]:
    """True for the rows that come after the row whose sort values ``after`` holds.

    For keys a, b: ``a`` is at or past its value, and it is past it or ``b`` is past its own.
    The first half is redundant but lets an index on ``a`` find the place.
    """
    key, rest, hole = keys[0], keys[1:], after[0]
    # Freed of its type, whose own operators would have a say in the comparisons.
    value = sa.type_coerce(key.value, sa.types.NullType())

    def bound() -> sa.ColumnElement[Any]:
        assert hole is not None
        return key.column.type.sort_bind(dialect, ValueSlot(hole.index))

    if hole is None:
        equal: sa.ColumnElement[bool] = value.is_(None)
        past: sa.ColumnElement[bool] = value.is_not(None) if key.nulls_first else sa.false()
        at_or_past: sa.ColumnElement[bool] | None = None
    else:
        equal = value == bound()
        past = value < bound() if key.descending else value > bound()
        at_or_past = value <= bound() if key.descending else value >= bound()
        if key.nullable and not key.nulls_first:
            past = sa.or_(past, value.is_(None))
            at_or_past = None
    if not rest:
        return past
    deeper = sa.or_(past, sa.and_(equal, compile_after(rest, after[1:], dialect)))
    return deeper if at_or_past is None else sa.and_(at_or_past, deeper)
