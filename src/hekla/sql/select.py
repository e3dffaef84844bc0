"""A selection of rows as one statement whose result is the JSON body.

The page comes first: an inner SELECT finds the rows, with their rules, order and limit; what
is embedded is then looked up for these rows only. A to-one relation is joined to the page, a
list is a correlated subquery, which measured two times faster than a grouped join in SQLite
(``python -m benchmarks.choices``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from hekla.errors import UNSUPPORTED, Problem
from hekla.policy.order import complete_order, shows_key
from hekla.query.ast import And, Condition, Include, Order, Path, Search, Select
from hekla.query.shape import Hole
from hekla.schema.resource import Column, Relation, Resource
from hekla.sql.conditions import compile_condition
from hekla.sql.json import MAX_LABEL_BYTES, Json, array, array_of, object_of, or_null, subquery
from hekla.sql.order import SortKey, compile_after, sort_keys
from hekla.sql.plan import ValueSlot
from hekla.sql.scope import Pair, Scope, Source
from hekla.sql.search import compile_rank

__all__ = ["as_body", "compile_rows", "compile_select"]


_NOTHING: sa.ColumnElement[Any] = sa.literal_column("1")
"""Stands for the columns where there are none: not every database can select nothing."""


def _bind(value: Any) -> sa.ColumnElement[Any]:
    assert isinstance(value, Hole)
    return ValueSlot(value.index).bind(type_=sa.BigInteger())


def _chosen(scope: Scope, resource: Resource, fields: tuple[str, ...] | None) -> list[Column]:
    if fields is None:
        return list(scope.access.columns(resource).values())
    return [scope.column(resource, name) for name in fields]


def _link_columns(scope: Scope, resource: Resource, includes: tuple[Include, ...]) -> list[Any]:
    """The columns of the row that its embedded relations start from."""
    found: dict[Any, None] = {}
    for include in includes:
        relation = scope.relation(resource, include.relation)
        for near, _ in relation.links[0].pairs:
            found[near] = None
    return list(found)


def _is_unique(relation: Relation) -> bool:
    """Whether the far side of the last link can match one row at most, by its constraints."""
    link = relation.links[-1]
    far = {column for _, column in link.pairs}
    keys: list[set[Any]] = []
    if isinstance(link.table, sa.Table):
        keys.append(set(link.table.primary_key.columns))
        keys += [
            set(constraint.columns)
            for constraint in link.table.constraints
            if isinstance(constraint, sa.UniqueConstraint)
        ]
        keys += [set(index.columns) for index in link.table.indexes if index.unique]
    return len(relation.links) == 1 and any(key and key <= far for key in keys)


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """The rows that were found, as a derived table, and where in it each thing stands.

    ``chosen`` is what is still to be asked of its rows, ``order`` what they are in order of,
    where the database does not keep the order of a derived table by itself.
    """

    table: sa.FromClause
    values: list[tuple[Column, sa.ColumnElement[Any]]]
    sorted_by: list[tuple[SortKey, sa.ColumnElement[Any]]]
    chosen: list[sa.ColumnElement[bool]]
    order: list[sa.ColumnElement[Any]]


def _search_of(condition: Condition | None) -> Hole | None:
    """The text of a search that every row has to match, if there is one."""
    match condition:
        case Search(Hole() as hole):
            return hole
        case And(conditions):
            return next(filter(None, map(_search_of, conditions)), None)
    return None


def _order_terms(
    scope: Scope, source: Source, query: Select, keys: list[SortKey]
) -> list[sa.ColumnElement[Any]]:
    terms = [term for key in keys for term in key.clauses(scope.dialect)]
    searched = _search_of(query.where)
    # The best finds come first, unless an order was asked for or is needed to go on from.
    if searched is not None and not query.order_by and not query.cursor and not query.distinct:
        rank, greater_is_better = compile_rank(scope, source, ValueSlot(searched.index))
        terms.insert(0, rank.desc() if greater_is_better else rank.asc())
    return terms


def _compile_page(
    scope: Scope,
    source: Source,
    tables: sa.FromClause,
    links: list[Pair],
    rules: list[sa.ColumnElement[bool]],
    query: Select,
) -> _Page:
    """Find the rows. ``links`` tie them to a row outside, where they are embedded in one."""
    resource = source.resource
    if query.cursor and (query.distinct or not shows_key(scope.access, resource)):
        raise Problem(UNSUPPORTED, f"{resource.name} cannot be paged by cursor; use skip.")
    if query.distinct and query.includes:
        raise Problem(UNSUPPORTED, "distinct and include cannot be used together.")
    conditions = list(rules)
    if query.where is not None:
        conditions.append(compile_condition(scope, source, query.where))
    keys = sort_keys(scope, source, complete_order(scope.access, resource, query))
    if query.after is not None:
        conditions.append(compile_after(keys, query.after, scope.dialect))

    selected = _Labels()
    columns = _chosen(scope, resource, query.fields)
    places = [
        (column, selected.add(scope.value(source, column), column.name)) for column in columns
    ]
    have = {column.source: label for column, label in places}
    starts = [
        (near, have[near] if near in have else selected.add(scope.tying(source, near)))
        for near in _link_columns(scope, resource, query.includes)
    ]
    key_places = [(key, selected.add(key.value)) for key in keys] if query.cursor else []
    if query.distinct and scope.dialect == "postgresql":
        # By their places: an expression that binds a value is another each time it is said.
        at = {column.name: place for place, (column, _) in enumerate(places, 1)}
        keys = [replace(key, value=sa.literal_column(str(at[key.column.name]))) for key in keys]
    terms = _order_terms(scope, source, query, keys)
    chosen_later = bool(links) and scope.dialect == "mysql"
    number = _row_number(scope, query, links if chosen_later else [], terms)
    number_label = selected.add(number) if number is not None else ""
    tied = [(selected.add(far), near) for far, near in links] if chosen_later else []
    if not chosen_later:
        conditions += [far == near for far, near in links]

    if not selected.columns:
        # Every column is closed to the actor: the rows are there, with nothing in them.
        selected.add(_NOTHING)
    statement = sa.select(*selected.columns).select_from(tables).where(*conditions)
    if query.distinct:
        statement = statement.distinct()
    if not chosen_later:
        statement = statement.order_by(*terms)
        if query.limit is not None:
            statement = statement.limit(_bind(query.limit))
        if query.offset is not None:
            statement = statement.offset(_bind(query.offset))
        elif query.limit is not None and scope.dialect == "sqlite":
            # Said here, or else SQLAlchemy says it with a bound zero.
            statement = statement.offset(sa.literal_column("0"))
        elif not links and query.includes and scope.dialect == "sqlite":
            # Without a limit SQLite forgets the order of what is joined to something.
            every: sa.ColumnElement[Any] = sa.literal_column("-1")
            statement = statement.limit(every).offset(sa.literal_column("0"))
    table = statement.correlate(*_outside(links)).subquery(scope.name("p"))
    for near, label in starts:
        scope.start(table, near, table.c[label])
    chosen: list[sa.ColumnElement[bool]] = []
    if chosen_later:
        chosen = [table.c[label] == near for label, near in tied]
        first = _bind(query.offset) if query.offset is not None else sa.literal_column("0")
        chosen.append(table.c[number_label] > first)
        if query.limit is not None:
            chosen.append(table.c[number_label] <= first + _bind(query.limit))
    order: list[sa.ColumnElement[Any]] = []
    if number_label:
        order = [table.c[number_label]]
    elif query.distinct and scope.dialect == "mysql":
        labels = {column.name: label for column, label in places}
        outer = [replace(key, value=table.c[labels[key.column.name]]) for key in keys]
        order = [term for key in outer for term in key.clauses(scope.dialect)]
    return _Page(
        table,
        [(column, table.c[label]) for column, label in places],
        [(key, table.c[label]) for key, label in key_places],
        chosen,
        order,
    )


def _row_number(
    scope: Scope, query: Select, links: list[Pair], terms: list[sa.ColumnElement[Any]]
) -> sa.ColumnElement[Any] | None:
    """The number of each row in order, where the database forgets the order of a derived table.

    SQLite keeps it. PostgreSQL does unless something is joined to it. MariaDB may not, and it
    has no correlated derived tables either: there the rows of all parents are numbered, each
    parent's by themselves, and those of one are chosen outside.
    """
    if query.distinct or scope.dialect == "sqlite":
        return None
    if scope.dialect == "postgresql" and not query.includes:
        return None
    return sa.func.row_number().over(
        partition_by=[far for far, _ in links] or None, order_by=terms or None
    )


def _outside(links: list[Pair]) -> list[sa.FromClause]:
    """The row outside that ``links`` speak of."""
    found: dict[sa.FromClause, None] = {}
    for _, near in links:
        found.update(dict.fromkeys(near._from_objects))
    return list(found)


class _Labels:
    """The columns of a derived table, under names that are unique and short enough."""

    def __init__(self) -> None:
        self.columns: list[sa.ColumnElement[Any]] = []
        self._names: set[str] = set()

    def add(self, value: sa.ColumnElement[Any], wanted: str = "") -> str:
        label = wanted
        if not wanted or wanted.lower() in self._names or len(wanted.encode()) > MAX_LABEL_BYTES:
            label = f"c{len(self.columns)}"
            while label in self._names:
                label += "_"
        self._names.add(label.lower())
        self.columns.append(value.label(label))
        return label


def _compile_object(
    scope: Scope,
    resource: Resource,
    row: sa.FromClause,
    values: list[tuple[Column, sa.ColumnElement[Any]]],
    includes: tuple[Include, ...],
) -> tuple[Json, sa.FromClause]:
    """The object of one row of ``row``, and what to select it from: to-one rows are joined."""
    pairs = [(column.name, Json(scope.json(column, value))) for column, value in values]
    tables = row
    for include in includes:
        relation = scope.relation(resource, include.relation)
        if relation.many or not _is_unique(relation):
            embedded = _compile_list(scope, row, relation, include.query)
        else:
            embedded, tables = _compile_joined(scope, row, tables, relation, include.query)
        pairs.append((include.relation, embedded))
    return object_of(pairs, scope.dialect), tables


def _compile_joined(
    scope: Scope, row: sa.FromClause, tables: sa.FromClause, relation: Relation, query: Select
) -> tuple[Json, sa.FromClause]:
    """The one row at the other end of ``relation``, joined to the row it belongs to."""
    end = scope.follow(row, relation)
    far, conditions = end.source, end.conditions
    if query.where is not None:
        conditions.append(compile_condition(scope, far, query.where))
    columns = _chosen(scope, far.resource, query.fields)
    joined = tables.outerjoin(far.alias, sa.and_(*conditions))
    element, deeper = _compile_object(
        scope,
        far.resource,
        far.alias,
        [(column, scope.value(far, column)) for column in columns],
        query.includes,
    )
    present = far.raw(relation.links[-1].pairs[0][1]).is_not(None)
    return or_null(present, element, scope.dialect), _graft(joined, far.alias, deeper)


def _graft(joined: sa.Join, at: sa.FromClause, deeper: sa.FromClause) -> sa.FromClause:
    """``joined`` with the joins of ``deeper``, which starts at ``at``, put behind it."""
    if deeper is at:
        return joined
    assert isinstance(deeper, sa.Join)
    left = _graft(joined, at, deeper.left)
    return left.outerjoin(deeper.right, deeper.onclause)


def _compile_list(scope: Scope, row: sa.FromClause, relation: Relation, query: Select) -> Json:
    """The rows at the other end of ``relation`` as an array (or the only one as an object)."""
    end = scope.follow(row, relation)
    if not query.order_by and relation.order:
        visible = scope.access.columns(end.source.resource)
        natural = [Order(Path((), name), down) for name, down in relation.order if name in visible]
        query = replace(query, order_by=tuple(natural))
    page = _compile_page(scope, end.source, end.tables, end.links, end.rules, query)
    element, tables = _compile_object(
        scope, end.source.resource, page.table, page.values, query.includes
    )
    if relation.many:
        collected = array_of(element, scope.dialect, page.order)
        inner = sa.select(collected).select_from(tables).where(*page.chosen).correlate(row)
        return subquery(inner, scope.dialect)
    one = sa.select(element.expression).select_from(tables).where(*page.chosen)
    found = one.limit(sa.literal_column("1")).correlate(row).scalar_subquery()
    if scope.dialect == "sqlite":
        return Json(sa.func.coalesce(found, sa.literal_column("'null'")), text=True)
    return Json(sa.func.json_compact(found) if scope.dialect == "mysql" else found)


def _count(scope: Scope, query: Select) -> sa.ColumnElement[Any]:
    """The number of rows there are without paging."""
    resource = scope.schema[query.resource]
    source = scope.source(resource)
    conditions = scope.row_rule(source)
    if query.where is not None:
        conditions.append(compile_condition(scope, source, query.where))
    if query.distinct:
        columns = [scope.value(source, c) for c in _chosen(scope, resource, query.fields)]
        rows = (
            sa.select(*(columns or [_NOTHING]))
            .select_from(source.alias)
            .where(*conditions)
            .distinct()
        )
        return sa.select(sa.func.count()).select_from(rows.subquery()).scalar_subquery()
    counted = sa.select(sa.func.count()).select_from(source.alias).where(*conditions)
    return counted.correlate_except(source.alias).scalar_subquery()


def _sort_value(scope: Scope, key: SortKey, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    if scope.careful:
        return key.column.type.careful_sort_value(value)
    return key.column.type.sort_value(scope.dialect, value)


def _last_keys(scope: Scope, page: _Page) -> sa.ColumnElement[Any]:
    """The sort values of all rows of the page, in order; the last of them is the cursor's.

    With one key that is never NULL the greatest (or least) of them is the last one.
    """
    dialect = scope.dialect
    exact = [Json(_sort_value(scope, key, value)) for key, value in page.sorted_by]
    (key, value), *more = page.sorted_by
    if not more and not key.nullable and dialect == "sqlite":
        last = (sa.func.min if key.descending else sa.func.max)(value)
        return sa.func.json_array(_sort_value(scope, key, last))
    row = Json(array([part.expression for part in exact], dialect))
    return array_of(row, dialect, page.order)


def compile_select(
    scope: Scope,
    query: Select,
    tie: Callable[[Source], list[sa.ColumnElement[bool]]] | None = None,
) -> sa.Select[Any]:
    """One statement of one row: ``body``, and for a list ``size``, ``total`` and ``last``.

    ``size`` is the number of rows in the body, ``total`` (with ``count``) the number without
    paging, ``last`` (with ``cursor``) JSON that ends in the sort values of the last row. For
    ``one`` the statement has no row when the object is not there; ``tie`` says which one it is,
    where no condition of the query does.
    """
    resource = scope.schema[query.resource]
    source = scope.source(resource)
    if query.one:
        conditions = scope.row_rule(source)
        if query.where is not None:
            conditions.append(compile_condition(scope, source, query.where))
        if tie is not None:
            conditions += tie(source)
        values = [
            (column, scope.value(source, column))
            for column in _chosen(scope, resource, query.fields)
        ]
        element, tables = _compile_object(scope, resource, source.alias, values, query.includes)
        body = as_body(element.expression, scope)
        return sa.select(body).select_from(tables).where(*conditions)
    page = _compile_page(scope, source, source.alias, [], scope.row_rule(source), query)
    element, tables = _compile_object(scope, resource, page.table, page.values, query.includes)
    results = [
        as_body(array_of(element, scope.dialect, page.order), scope),
        sa.func.count().label("size"),
    ]
    if query.count:
        results.append(_count(scope, query).label("total"))
    if query.cursor:
        results.append(_last_keys(scope, page).label("last"))
    return sa.select(*results).select_from(tables)


def compile_rows(scope: Scope, query: Select) -> sa.Select[Any]:
    """One statement of a row for each row found: the JSON of each, for a stream."""
    resource = scope.schema[query.resource]
    source = scope.source(resource)
    page = _compile_page(scope, source, source.alias, [], scope.row_rule(source), query)
    element, tables = _compile_object(scope, resource, page.table, page.values, query.includes)
    body = element.expression
    if scope.dialect == "postgresql":
        # A line is a row: what breaks lines in a column of JSON is no more than white space.
        breaks: sa.ColumnElement[Any] = sa.literal_column("chr(10) || chr(13)")
        blanks: sa.ColumnElement[Any] = sa.literal_column("'  '")
        body = sa.func.translate(sa.cast(body, sa.Text()), breaks, blanks)
    rows = sa.select(body.label("body")).select_from(tables)
    return rows.order_by(*page.order) if page.order else rows


def as_body(body: sa.ColumnElement[Any], scope: Scope) -> sa.Label[Any]:
    """The document as the driver hands it over without touching it."""
    match scope.dialect:
        case "sqlite":
            # As bytes, so that no text is decoded only to be encoded again.
            return sa.cast(body, sa.LargeBinary()).label("body")
        case "postgresql":
            # The driver gives JSON as the bytes that it comes in.
            return sa.cast(body, sa.JSON()).label("body")
        case "mysql":
            return body.label("body")
