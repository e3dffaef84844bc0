"""Figures over groups of rows, as one statement whose result is the JSON body."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hekla.errors import UNSUPPORTED, Problem
from hekla.query.ast import Aggregate, Measure
from hekla.query.shape import Hole
from hekla.schema.resource import Column
from hekla.schema.types import Type
from hekla.sql.conditions import compile_condition
from hekla.sql.json import Json, array_of, object_of
from hekla.sql.order import compile_path
from hekla.sql.plan import ValueSlot
from hekla.sql.scope import Scope, Source
from hekla.sql.select import as_body

__all__ = ["compile_aggregate"]


def _measured(
    scope: Scope, source: Source, measure: Measure
) -> tuple[Column | None, sa.ColumnElement[Any]]:
    """The aggregate as SQL computes it, and the column it is of."""
    if measure.path is None:
        return None, sa.func.count()
    column, value = compile_path(scope, source, measure.path)
    if measure.function == "count":
        return column, sa.func.count(value)
    if measure.function not in column.type.aggregates:
        raise Problem(UNSUPPORTED, f"“{measure.path}” has no {measure.function}.")
    if measure.function == "count_distinct":
        return column, sa.func.count(value.distinct())
    return column, column.type.aggregate(scope.dialect, measure.function, value)


def _figure_type(column: Column | None, function: str) -> Type:
    return Type.count_type if column is None else column.type.aggregate_type(function)


def _place(index: int) -> sa.ColumnElement[Any]:
    """The result of that number, as GROUP BY and ORDER BY call it."""
    return sa.literal_column(str(index + 1))


def compile_aggregate(scope: Scope, query: Aggregate) -> sa.Select[Any]:
    """One statement of one row: ``body``, an array with an object for each group, and ``size``."""
    resource = scope.schema[query.resource]
    source = scope.source(resource)
    conditions = scope.row_rule(source)
    if query.where is not None:
        conditions.append(compile_condition(scope, source, query.where))

    labels: dict[str, sa.ColumnElement[Any]] = {}
    groups = []
    for place, path in enumerate(query.group_by):
        column, value = compile_path(scope, source, path)
        if not column.type.sortable:
            raise Problem(UNSUPPORTED, f"Rows cannot be grouped by “{path}”.")
        labels[str(path)] = value
        groups.append((str(path), column, value.label(f"g{place}")))
    measures = []
    for place, measure in enumerate(query.measures):
        of, value = _measured(scope, source, measure)
        labels[measure.name] = value
        measures.append((measure, of, value.label(f"m{place}")))

    inner = (
        sa.select(*(value for _, _, value in groups), *(value for _, _, value in measures))
        .select_from(source.alias)
        .where(*conditions)
    )
    if groups:
        # By their places: an expression that binds a value is another each time it is said.
        inner = inner.group_by(*(_place(place) for place in range(len(groups))))
    for having in query.having:
        of, value = _measured(scope, source, having.measure)
        figure = _figure_type(of, having.measure.function)
        if having.lookup not in figure.lookups:
            raise Problem(UNSUPPORTED, f"“{having.measure.name}” has no lookup “{having.lookup}”.")
        assert isinstance(having.value, Hole)
        slot = ValueSlot(having.value.index)
        inner = inner.having(figure.compare(scope.dialect, value, having.lookup, slot))
    # Where NULLs go is said only if the database differs.
    nulls = scope.dialect == "postgresql"
    places = {name: _place(place) for place, name in enumerate(labels)}
    asked = {name for name, _ in query.order_by}
    wanted = [*query.order_by, *((name, False) for name, _, _ in groups if name not in asked)]
    for name, descending in wanted:
        term = places[name].desc() if descending else places[name].asc()
        if nulls:
            term = term.nulls_last() if descending else term.nulls_first()
        inner = inner.order_by(term)
    if query.limit is not None:
        assert isinstance(query.limit, Hole)
        inner = inner.limit(ValueSlot(query.limit.index).bind(type_=sa.BigInteger()))
    if query.offset is not None:
        assert isinstance(query.offset, Hole)
        inner = inner.offset(ValueSlot(query.offset.index).bind(type_=sa.BigInteger()))
    table = inner.subquery("g")

    pairs = [
        (name, Json(scope.json(column, table.c[label.name]))) for name, column, label in groups
    ]
    for measure, of, label in measures:
        value = table.c[label.name]
        if of is not None and measure.function in ("sum", "avg", "min", "max"):
            figure = _figure_type(of, measure.function)
            value = (
                figure.careful_json(value)
                if scope.careful
                else figure.json(scope.dialect, value, guarded=True)
            )
        pairs.append((measure.name, Json(value)))
    body = array_of(object_of(pairs, scope.dialect), scope.dialect)
    return sa.select(as_body(body, scope), sa.func.count().label("size")).select_from(table)
