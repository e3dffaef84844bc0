"""Rows as they were: the change log's documents as rows of their table, under the same rules.

A document becomes a derived table of one row that corresponds, column by column, to the
resource's table; so everything that is said of the table, the rules with their questions about
other tables among it, can be said of the row as it was. Other tables are asked as they are now.

A value has the type, or in SQLite the storage class, that it had, and its column's collation.
What a rule speaks of and the log does not hold (a secret column, one that was added since) lets
nobody see the row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from hekla.schema.resource import Column, Resource
from hekla.schema.types import Dialect
from hekla.sql.changes import CHANGES
from hekla.sql.json import Json, array, literal, object_of
from hekla.sql.plan import ValueSlot, sqlalchemy_dialect
from hekla.sql.scope import Scope, Source
from hekla.sql.select import as_body

__all__ = [
    "Told",
    "compile_heads",
    "compile_rows_told",
    "compile_start",
    "compile_told",
    "past",
]


@dataclass(frozen=True, slots=True)
class Told:
    """What of a resource's changes is asked for.

    ``fields`` None is every column that may be read. ``keyed``: those of one row. ``all``: of
    all rows, whatever the rules say of them, for whoever keeps the whole log: the changes are
    named by their numbers.
    """

    resource: str
    fields: tuple[str, ...] | None = None
    keyed: bool = False
    all: bool = False


def _number(index: int) -> sa.ColumnElement[Any]:
    return ValueSlot(index).bind(None, sa.BigInteger())


def _given(index: int) -> sa.ColumnElement[Any]:
    return ValueSlot(index).bind(None, sa.types.NullType())


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _path(*names: str) -> str:
    """A path of SQLite's JSON functions as a literal; a label in it is a JSON string."""
    return _text("$." + ".".join(json.dumps(name, ensure_ascii=False) for name in names))


class _Row(sa.TextualSelect):
    """A row by its text; it stands for a row of its columns' table."""

    inherit_cache = False

    def is_derived_from(self, fromclause: sa.FromClause | None) -> bool:
        return any(column.table is fromclause for column in self.column_args)


def past(table: sa.Table, document: str, name: str, dialect: Dialect) -> sa.FromClause:
    """The row that ``document`` (the SQL of a JSON object) holds, as a derived table.

    It is given as text, since its columns are then taken for those of the table.
    """
    if dialect == "sqlite":
        text = _sqlite_row(table, document)
    else:
        speaks = sqlalchemy_dialect(dialect).identifier_preparer
        columns = ", ".join(f"r.{_quote(column.name)}" for column in table.columns)
        whole = speaks.format_table(table)
        row = f"json_populate_record(CAST(NULL AS {whole}), CAST({document} AS json))"
        text = f"SELECT {columns} FROM {row} AS r"  # noqa: S608
    # A colon would begin a parameter.
    text = text.replace(":", r"\:")
    return _Row(sa.text(text), list(table.columns), positional=True).subquery(name)


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sqlite_row(table: sa.Table, document: str) -> str:
    parts = []
    for column in table.columns:
        path, inside = _path(column.name), _path(column.name, "hex")
        value = (
            f"CASE json_type({document}, {path}) WHEN 'object' "
            f"THEN unhex(json_extract({document}, {inside})) "
            f"ELSE json_extract({document}, {path}) END"
        )
        collation = getattr(column.type, "collation", None)
        if collation is not None:
            value = f'{value} COLLATE "{collation}"'
        parts.append(f"{value} AS {_quote(column.name)}")
    return "SELECT " + ", ".join(parts)


def _spoken_of(rules: Iterable[sa.ColumnElement[Any]], table: sa.Table) -> list[str]:
    """The columns of ``table`` that the rules speak of, themselves or in what they ask."""
    found: dict[str, None] = {}
    for rule in rules:
        for element in visitors.iterate(rule):
            if isinstance(element, sa.Column) and element.table == table:
                found[element.name] = None
    return list(found)


def _held(document: str, names: Iterable[str], dialect: Dialect) -> list[sa.ColumnElement[bool]]:
    """That the document holds the columns, be it NULL in them."""
    form = "json_type({0}, {1})" if dialect == "sqlite" else "(CAST({0} AS json) -> {1})"
    return [
        sa.literal_column(
            form.format(document, _path(name) if dialect == "sqlite" else _text(name))
            + " IS NOT NULL",
            sa.Boolean(),
        )
        for name in names
    ]


def _strings(dialect: Dialect, *parts: str | sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Texts one after the other; NULL is an empty one."""
    return sa.func.concat(
        *(literal(part, dialect) if isinstance(part, str) else part for part in parts)
    )


class _Side:
    """One side of the changes of a resource: the row before, or the row after."""

    def __init__(self, scope: Scope, resource: Resource, log: sa.FromClause, side: str) -> None:
        self.scope = scope
        self.resource = resource
        self.log = log
        assert isinstance(resource.table, sa.Table)
        self.table = resource.table
        self.document = f'{log.name}."{side}"'  # type: ignore[attr-defined]
        rows = past(self.table, self.document, scope.name(), scope.dialect)
        self.source: Source = scope.past(resource, rows)

    def told(self, told: Told) -> sa.ColumnElement[Any]:
        """``[key, row]`` as JSON where the row may be seen, else NULL."""
        scope, source = self.scope, self.source
        conditions: list[sa.ColumnElement[bool]] = [
            sa.literal_column(f"{self.document} IS NOT NULL", sa.Boolean())
        ]
        if not told.all:
            rule = scope.access.rows(self.resource)
            if not isinstance(rule, bool):
                conditions += _held(self.document, _spoken_of([rule], self.table), scope.dialect)
            conditions += scope.row_rule(source)
        found = sa.select(_strings(scope.dialect, "[", self._key(), ",", self._row(told), "]"))
        statement = found.select_from(source.alias).where(*conditions)
        return statement.correlate_except(source.alias).scalar_subquery()

    def _value(self, column: Column) -> sa.ColumnElement[Any]:
        """The column's JSON, NULL where the actor may not read it in this row."""
        value = self.scope.value(self.source, column)
        mask = self.scope.access.masks(self.resource).get(column.name)
        if mask is not None:
            spoken_of = _spoken_of([mask], self.table)
            held = _held(self.document, spoken_of, self.scope.dialect)
            if held:
                value = sa.case((sa.and_(*held), value))
        return self.scope.json(column, value)

    def _key(self) -> sa.ColumnElement[Any]:
        columns = self.scope.access.columns(self.resource)
        if not self.resource.key or not all(name in columns for name in self.resource.key):
            return literal("null", self.scope.dialect)
        values = [self._value(columns[name]) for name in self.resource.key]
        return array(values, self.scope.dialect)

    def _row(self, told: Told) -> sa.ColumnElement[Any]:
        columns = self.scope.access.columns(self.resource)
        names = columns if told.fields is None else told.fields
        chosen = [self.scope.column(self.resource, name) for name in names]
        pairs = [(column.name, Json(self._value(column))) for column in chosen if not column.secret]
        return object_of(pairs, self.scope.dialect).expression


def _window(told: Told, scope: Scope, table: str, log: sa.FromClause) -> tuple[Any, Any]:
    """Which changes are looked at: the condition, and the number that they come after."""
    dialect = scope.dialect
    of_table = log.c.table == literal(table, dialect)
    if not told.keyed and dialect == "sqlite":
        # With a plus SQLite goes by number; else it takes the index over keys, and sorts.
        of_table = sa.literal_column(f'+{log.name}."table"') == literal(table, dialect)  # type: ignore[attr-defined]
    if told.all:
        return sa.and_(of_table, log.c.seq.in_(_each(scope, 0, sa.BigInteger()))), None
    first = sa.select(sa.func.min(CHANGES.c.seq)).scalar_subquery()
    # Numbers begin at 1; what was pruned is passed over.
    after = _greatest(scope, _number(0), sa.func.coalesce(first, _ONE) - _ONE)
    if told.keyed:
        return sa.and_(of_table, log.c.key == _given(3), log.c.seq > after), after
    return sa.and_(of_table, log.c.seq > after, log.c.seq <= after + _number(3)), after


_ONE: sa.ColumnElement[Any] = sa.literal_column("1", sa.Integer())


def _greatest(scope: Scope, *values: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return (sa.func.max if scope.dialect == "sqlite" else sa.func.greatest)(*values)


def _element(scope: Scope, *parts: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """A JSON array as text of parts that are JSON as text, NULL for null."""
    dialect = scope.dialect
    null = literal("null", dialect)
    joined: list[str | sa.ColumnElement[Any]] = ["["]
    for place, part in enumerate(parts):
        joined += [","] if place else []
        text = part if dialect == "sqlite" else sa.cast(part, sa.Text())
        joined.append(sa.func.coalesce(text, null))
    return _strings(dialect, *joined, "]")


def _quoted(scope: Scope, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return (sa.func.json_quote if scope.dialect == "sqlite" else sa.func.to_json)(column)


def _changes(scope: Scope, told: Told) -> sa.Subquery:
    """The changes that are looked at, with what may be seen of each side."""
    resource = scope.schema[told.resource]
    log = CHANGES.alias(scope.name("c"))
    before, after = (_Side(scope, resource, log, side) for side in ("before", "after"))
    table = before.table.fullname
    condition, _ = _window(told, scope, table, log)
    statement = (
        sa.select(
            log.c.seq,
            log.c.at,
            log.c.actor,
            log.c.request,
            before.told(told).label("b"),
            after.told(told).label("a"),
        )
        .select_from(log)
        .where(condition)
        .order_by(log.c.seq)
    )
    # With a limit it is worked out once, and not again for each of its columns.
    if not told.all:
        statement = statement.limit(_number(1))
    elif scope.dialect == "sqlite":
        statement = statement.limit(sa.literal_column("-1"))
    return statement.offset(sa.literal_column("0")).subquery(scope.name("x"))


def compile_told(scope: Scope, told: Told) -> sa.Select[Any]:
    """A page of the changes of a resource that may be seen, and how far it has looked.

    Values: the number to come after, how many changes are looked at, how many are told, and
    the stored key (``keyed``) or how many numbers of the whole log are gone through. Its row is
    ``body`` (a JSON array of ``[seq, at, actor, request, before, after]``), ``size``, ``last``
    (the number of the last that is told), ``looked`` (that of the last that was looked at, if
    there may be more), and ``first`` and ``end``, the least and the greatest number there is.

    A change in which both sides look the same to the actor is not told.
    """
    resource = scope.schema[told.resource]
    changes = _changes(scope, told)
    columns = changes.c
    element = _element(
        scope,
        columns.seq,
        _quoted(scope, columns.at),
        _quoted(scope, columns.actor),
        _quoted(scope, columns.request),
        columns.b,
        columns.a,
    )
    page = (
        sa.select(element.label("e"), columns.seq.label("seq"))
        .select_from(changes)
        .where(columns.b.is_distinct_from(columns.a))
        .order_by(columns.seq)
        .limit(_number(2))
        .offset(sa.literal_column("0"))
        .subquery(scope.name("p"))
    )
    assert isinstance(resource.table, sa.Table)
    log = CHANGES.alias(scope.name("c"))
    condition, _ = _window(told, scope, resource.table.fullname, log)
    looked = sa.select(log.c.seq).where(condition).order_by(log.c.seq)
    looked = looked.limit(_ONE).offset(_number(1) - _ONE)
    return sa.select(
        _body(scope, page.c.e),
        sa.func.count().label("size"),
        sa.func.max(page.c.seq).label("last"),
        looked.scalar_subquery().label("looked"),
        *_bounds(),
    ).select_from(page)


def _body(scope: Scope, element: sa.ColumnElement[Any]) -> sa.Label[Any]:
    if scope.dialect == "sqlite":
        joined: sa.ColumnElement[Any] = sa.func.group_concat(element)
    else:
        joined = sa.func.string_agg(element, literal(",", scope.dialect))
    return as_body(_strings(scope.dialect, "[", joined, "]"), scope)


def _bounds() -> list[sa.ColumnElement[Any]]:
    seq = CHANGES.c.seq
    return [
        sa.select(sa.func.min(seq)).scalar_subquery().label("first"),
        sa.select(sa.func.max(seq)).scalar_subquery().label("end"),
    ]


def compile_rows_told(scope: Scope, told: Told) -> sa.Select[Any]:
    """Both sides of the changes of a resource with given numbers, whoever may see the rows.

    Its value is a JSON array of numbers, its ``body`` a JSON array of ``[seq, before, after]``.
    """
    changes = _changes(scope, told)
    element = _element(scope, changes.c.seq, changes.c.b, changes.c.a)
    return sa.select(_body(scope, element)).select_from(changes)


def compile_heads(scope: Scope, filters: Sequence[str]) -> sa.Select[Any]:
    """A page of all changes, without the rows, and how far it has looked.

    Values: the number to come after, how many numbers are gone through, how many changes are
    told, then one for each of ``filters``: ``table`` and ``actor`` (JSON arrays of what the
    log may hold), ``action`` and ``since``. Its row is as that of :func:`compile_told`, with
    ``[seq, at, actor, request, table, key, action, before, after]``; the sides are as they are
    stored, and only those of changes whose table is not in the JSON array that comes last.
    """
    log = CHANGES.alias(scope.name("c"))
    first = sa.select(sa.func.min(CHANGES.c.seq)).scalar_subquery()
    after = _greatest(scope, _number(0), sa.func.coalesce(first, _ONE) - _ONE)
    conditions = [log.c.seq > after, log.c.seq <= after + _number(1)]
    for place, name in enumerate(filters, 3):
        match name:
            case "table":
                column: sa.ColumnElement[Any] = log.c.table
                if scope.dialect == "sqlite":
                    column = sa.literal_column(f'+{log.name}."table"')
                conditions.append(column.in_(_each(scope, place)))
            case "actor":
                conditions.append(log.c.actor.in_(_each(scope, place)))
            case "action":
                conditions.append(log.c.action == _given(place))
            case "since":
                conditions.append(log.c.at >= _given(place))
    typed = log.c.table.in_(_each(scope, 3 + len(filters)))
    element = _element(
        scope,
        log.c.seq,
        _quoted(scope, log.c.at),
        _quoted(scope, log.c.actor),
        _quoted(scope, log.c.request),
        _quoted(scope, log.c.table),
        log.c.key,
        _quoted(scope, log.c.action),
        sa.case((sa.not_(typed), log.c.before)),
        sa.case((sa.not_(typed), log.c.after)),
    )
    page = (
        sa.select(element.label("e"), log.c.seq.label("seq"))
        .where(*conditions)
        .order_by(log.c.seq)
        .limit(_number(2))
        .offset(sa.literal_column("0"))
        .subquery(scope.name("p"))
    )
    return sa.select(
        _body(scope, page.c.e),
        sa.func.count().label("size"),
        sa.func.max(page.c.seq).label("last"),
        sa.null().label("looked"),
        *_bounds(),
    ).select_from(page)


def _each(scope: Scope, place: int, kind: sa.types.TypeEngine[Any] | None = None) -> sa.Select[Any]:
    """The values of a JSON array of texts, or of another ``kind``."""
    if scope.dialect == "sqlite":
        values = sa.func.json_each(_given(place)).table_valued("value", name=scope.name("n"))
        return sa.select(values.c.value)
    document = sa.cast(ValueSlot(place).bind(None, sa.Text()), sa.JSON())
    values = sa.func.json_array_elements_text(document).table_valued("value", name=scope.name("n"))
    return sa.select(values.c.value if kind is None else sa.cast(values.c.value, kind))


def compile_start(scope: Scope) -> sa.Select[Any]:
    """``seq`` of the last change before a moment (the value), found by halving.

    Later changes have later moments, as far as the clocks of those who write agree.
    """
    bounds = sa.select(
        sa.func.coalesce(sa.func.min(CHANGES.c.seq) - _ONE, sa.literal_column("0")).label("low"),
        sa.func.coalesce(sa.func.max(CHANGES.c.seq), sa.literal_column("0")).label("high"),
    )
    search = bounds.cte(scope.name("s"), recursive=True)
    middle = sa.literal_column(f"({search.name}.low + {search.name}.high + 1) / 2", sa.Integer())
    log = CHANGES.alias(scope.name("c"))
    moment = (
        sa.select(log.c.at)
        .where(log.c.seq <= middle)
        .order_by(log.c.seq.desc())
        .limit(_ONE)
        .offset(sa.literal_column("0"))
        .correlate(search)
        .scalar_subquery()
    )
    earlier = moment < _given(0)
    halved = sa.select(
        sa.case((earlier, middle), else_=search.c.low),
        sa.case((earlier, search.c.high), else_=middle - _ONE),
    ).where(search.c.low < search.c.high)
    searched = search.union_all(halved)
    found = sa.select(sa.func.max(searched.c.low).label("seq"))
    return found.where(searched.c.low >= searched.c.high)
