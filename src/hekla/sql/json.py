"""JSON objects and arrays in the SQL of each database.

An expression is either JSON as the database knows it, or the *text* of JSON (``text=True``).
In SQLite the result of a subquery is text: it forgets that it was JSON, and ``json()`` would
parse it again. So an object that holds arrays is put together from text there, which measured
a fifth faster than wrapping each array in ``json()`` (``python -m benchmarks.choices``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hekla.schema.types import Dialect
from hekla.schema.types.expression import expression as written

__all__ = ["Json", "array", "array_of", "literal", "object_of", "or_null", "subquery"]

# json_object() and JSON_OBJECT() take any number of pairs up to the database's bound on
# arguments (1,000 in SQLite); beyond it an object is made in parts.
MAX_PAIRS = 400
# A name longer than this would be cut when it is used as a label in PostgreSQL.
MAX_LABEL_BYTES = 63
MAX_BUILD_PAIRS = 50


@dataclass(frozen=True, slots=True)
class Json:
    """An expression and what it is: JSON to the database, or the text of JSON."""

    expression: sa.ColumnElement[Any]
    text: bool = False


def literal(text: str, dialect: Dialect) -> sa.ColumnElement[str]:
    """A string as a part of the statement's text: for JSON keys, which must not be binds."""
    quoted = text.replace("'", "''")
    if dialect == "mysql":
        quoted = quoted.replace("\\", "\\\\")
    return sa.literal_column(f"'{quoted}'", sa.Text())


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def object_of(pairs: Sequence[tuple[str, Json]], dialect: Dialect) -> Json:
    """The object with these members; those that are text come after those that are not."""
    if dialect == "sqlite":
        return _sqlite_object(pairs)
    if dialect == "postgresql":
        return Json(_postgresql_object([(name, part.expression) for name, part in pairs]))
    arguments: list[sa.ColumnElement[Any]] = []
    for name, part in pairs:
        arguments += [literal(name, dialect), part.expression]
    return Json(sa.func.json_object(*arguments))


def _sqlite_call(pairs: Sequence[tuple[str, Json]]) -> sa.ColumnElement[Any]:
    arguments: list[sa.ColumnElement[Any]] = []
    for name, part in pairs:
        arguments += [literal(name, "sqlite"), part.expression]
    return sa.func.json_object(*arguments)


def _sqlite_object(pairs: Sequence[tuple[str, Json]]) -> Json:
    plain = [pair for pair in pairs if not pair[1].text]
    texts = [pair for pair in pairs if pair[1].text]
    if not texts and len(plain) <= MAX_PAIRS:
        return Json(_sqlite_call(plain))

    def spelled(text: str) -> sa.ColumnElement[str]:
        return literal(text, "sqlite")

    parts: list[sa.ColumnElement[Any]] = []
    if texts and 0 < len(plain) <= MAX_PAIRS:
        # The object with a 0 where the first text belongs; what stands before it ends in ":",
        # so trimming zeros and braces off the end leaves the place open for that text.
        name, first = texts[0]
        zero = Json(sa.literal_column("0"))
        parts += [
            sa.func.rtrim(_sqlite_call([*plain, (name, zero)]), spelled("0}")),
            first.expression,
        ]
        texts = texts[1:]
    else:
        for start in range(0, len(plain), MAX_PAIRS):
            chunk = _sqlite_call(plain[start : start + MAX_PAIRS])
            inside = sa.func.substr(
                chunk, sa.literal_column("2"), sa.func.length(chunk) - sa.literal_column("2")
            )
            parts += [spelled("," if parts else "{"), inside]
    for name, part in texts:
        parts += [spelled(("," if parts else "{") + _key(name) + ":"), part.expression]
    parts.append(spelled("}" if parts else "{}"))
    return Json(sa.func.concat(*parts), text=True)


def _postgresql_object(
    pairs: Sequence[tuple[str, sa.ColumnElement[Any]]],
) -> sa.ColumnElement[Any]:
    if not pairs:
        return sa.literal_column("'{}'::json")
    if any(len(name.encode()) > MAX_LABEL_BYTES for name, _ in pairs):
        if len(pairs) <= MAX_BUILD_PAIRS:
            arguments: list[sa.ColumnElement[Any]] = []
            for name, expression in pairs:
                arguments += [literal(name, "postgresql"), expression]
            return sa.func.json_build_object(*arguments)
        halves = (pairs[:MAX_BUILD_PAIRS], pairs[MAX_BUILD_PAIRS:])
        first, second = (sa.cast(_postgresql_object(half), sa.Text()) for half in halves)
        joined = sa.func.concat(
            sa.func.rtrim(first, literal("}", "postgresql")),
            literal(",", "postgresql"),
            sa.func.ltrim(second, literal("{", "postgresql")),
        )
        return sa.cast(joined, sa.JSON())
    # A row without a FROM: what its columns speak of stands in the SELECT around it.
    columns = ", ".join(f"{{{place}}} AS " + _label(name) for place, (name, _) in enumerate(pairs))
    # Its name would be taken for a column's, here or in any SELECT around: none is called so.
    # (A star would tell them apart, but is slower.)
    template = f"row_to_json((SELECT hekla_row FROM (SELECT {columns}) AS hekla_row))"  # noqa: S608
    return written(template, *(expression for _, expression in pairs))


def _label(name: str) -> str:
    """A quoted identifier in a template, where braces stand for places."""
    quoted = name.replace('"', '""').replace("{", "{{").replace("}", "}}")
    return f'"{quoted}"'


def array(values: Sequence[sa.ColumnElement[Any]], dialect: Dialect) -> sa.ColumnElement[Any]:
    """The array of these values of one row."""
    call = sa.func.json_build_array if dialect == "postgresql" else sa.func.json_array
    return call(*values)


def array_of(
    element: Json, dialect: Dialect, order: Sequence[sa.ColumnElement[Any]] = ()
) -> sa.ColumnElement[Any]:
    """The aggregate that collects ``element`` of all rows into an array, ``[]`` for none.

    Without ``order`` the rows come in the order of the subquery that they are taken from, if
    the database keeps it.
    """
    if dialect == "sqlite":
        if not element.text:
            return sa.func.json_group_array(element.expression)
        joined = sa.func.group_concat(element.expression)
        return sa.func.concat(literal("[", dialect), joined, literal("]", dialect))
    call = sa.func.json_agg if dialect == "postgresql" else sa.func.json_arrayagg
    collected: sa.ColumnElement[Any] = call(element.expression)
    if order:
        collected = call(element.expression).aggregate_order_by(*order)
    empty: sa.ColumnElement[Any] = sa.literal_column(
        "'[]'::json" if dialect == "postgresql" else "'[]'"
    )
    return sa.func.coalesce(collected, empty)


def subquery(select: sa.Select[Any], dialect: Dialect) -> Json:
    """An array from a scalar subquery, as a member of an object around it."""
    expression = select.scalar_subquery()
    if dialect == "sqlite":
        return Json(expression, text=True)
    if dialect == "mysql":
        # MariaDB, too, takes what comes out of a subquery for a string.
        return Json(sa.func.json_compact(expression))
    return Json(expression)


def or_null(present: sa.ColumnElement[bool], element: Json, dialect: Dialect) -> Json:
    """``element`` where ``present`` holds, else JSON's null."""
    if element.text:
        return Json(sa.case((present, element.expression), else_=literal("null", dialect)), True)
    return Json(sa.case((present, element.expression)))
