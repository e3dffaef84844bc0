"""Conditions of a query as SQL: comparisons, connectives, and questions through relations."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hekla.query.ast import And, Compare, Condition, Not, Or, Related, Search
from hekla.query.shape import Hole
from hekla.schema.types import Dialect
from hekla.sql.plan import ValueSlot
from hekla.sql.scope import Scope, Source
from hekla.sql.search import compile_search

__all__ = ["compile_condition", "is_not_true"]


def is_not_true(condition: sa.ColumnElement[bool], dialect: Dialect) -> sa.ColumnElement[bool]:
    """True where ``condition`` is false or unknown: the complement of the rows it returns."""
    if dialect == "sqlite":
        return condition.is_not(sa.literal_column("1"))
    return condition.is_not(sa.literal_column("true"))


def compile_condition(scope: Scope, source: Source, condition: Condition) -> sa.ColumnElement[bool]:
    """The boolean expression that ``condition`` stands for, over one row of ``source``."""
    match condition:
        case Compare(name, lookup, value):
            column = scope.column(source.resource, name)
            expression = scope.value(source, column)
            if lookup == "isnull":
                return expression.is_(None) if value else expression.is_not(None)
            assert isinstance(value, Hole)
            return column.type.compare(scope.dialect, expression, lookup, ValueSlot(value.index))
        case And(conditions):
            parts = [compile_condition(scope, source, part) for part in conditions]
            return sa.and_(*parts) if parts else sa.true()
        case Or(conditions):
            parts = [compile_condition(scope, source, part) for part in conditions]
            return sa.or_(*parts) if parts else sa.false()
        case Not(inner):
            return is_not_true(compile_condition(scope, source, inner), scope.dialect)
        case Related():
            return _compile_related(scope, source, condition)
        case Search(text):
            assert isinstance(text, Hole)
            return compile_search(scope, source, ValueSlot(text.index))


def _compile_related(scope: Scope, source: Source, related: Related) -> sa.ColumnElement[bool]:
    relation = scope.relation(source.resource, related.relation)
    far = scope.follow(source.alias, relation)
    conditions = far.conditions
    if related.where is not None:
        wanted = compile_condition(scope, far.source, related.where)
        if related.quantifier == "all":
            wanted = is_not_true(wanted, scope.dialect)
        conditions.append(wanted)
    elif related.quantifier == "all":
        return sa.true()
    inner: sa.Select[Any] = (
        sa.select(sa.literal_column("1")).select_from(far.tables).where(*conditions)
    )
    exists = sa.exists(inner.correlate_except(*far.froms()))
    return exists if related.quantifier == "any" else ~exists
